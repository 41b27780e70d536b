"""GET and POST /api/servicenow/connections/{name}/sign-in, and POST .../promote."""

from actionsync import errors
from functions.operation import RECORD, SHARE, Operation, Refused, Request

OPERATIONS = {
    "GET /api/servicenow/connections/{name}/sign-in": Operation(
        id="begin_sign_in",
        tag="Connection",
        summary="Where a person signs in to ServiceNow for a connection",
        request=Request(path={"name": "person"}),
        answer="SignIn",
        example={
            "url": "https://example.service-now.com/oauth_auth.do?response_type=code",
            "redirect_uri": "https://example.execute-api.us-east-1.amazonaws.com/sign-in",
            "expires_in": 600,
        },
        errors=(errors.ConnectionNotFoundError,),
        refused={"invalid_connection": Refused(Request(path={"name": "none"}), 404)},
        cold_calls={"GetItem": 1, **SHARE, "PutItem": 1},
        warm_calls={"GetItem": 1, "PutItem": 1},
    ),
    "POST /api/servicenow/connections/{name}/sign-in": Operation(
        id="finish_sign_in",
        tag="Connection",
        summary="Complete a person's sign-in for a connection",
        request=Request(path={"name": "person"}, body={"code": "a-code", "state": "a-state"}),
        answer="Connection",
        example={
            "id": 1,
            "instance_url": "https://example.service-now.com",
            "auth_method": "oauth_authorization_code",
            "username": "",
            "client_id": "0123456789abcdef0123456789abcdef",
            "created_at": "2026-01-10T10:00:00Z",
            "updated_at": "2026-01-10T10:05:00Z",
            "version": 2,
            "name": "person",
            "signed_in_as": "ada.lovelace",
            "signed_in_at": "2026-01-10T10:05:00Z",
        },
        errors=(
            errors.ConnectionNotFoundError,
            errors.ConnectionBusyError,
            errors.ConnectionChangedError,
            errors.SignInRefusedError,
        ),
        refused={
            "invalid_code": Refused(
                Request(path={"name": "person"}, body={"state": "a-state"}), 422, ["code"]
            ),
        },
        servicenow_calls=2,
        cold_calls={
            "GetItem": 1,
            "UpdateItem": 5,
            "DeleteItem": 1,
            "GetSecretValue": 1,
            "PutSecretValue": 1,
            # What is recorded, and the notice of its end.
            "PutItem": 3,
        },
        warm_calls={
            "GetItem": 1,
            "UpdateItem": 3,
            "DeleteItem": 1,
            "GetSecretValue": 1,
            "PutSecretValue": 1,
            "PutItem": 3,
        },
    ),
    "POST /api/servicenow/connections/{name}/promote": Operation(
        id="promote_pending",
        tag="Connection",
        summary="Use a connection's pending key or certificate, once it signs in",
        request=Request(path={"name": "keyed"}),
        answer="Connection",
        example={
            "id": 1,
            "instance_url": "https://example.service-now.com",
            "auth_method": "client_certificate",
            "username": "",
            "client_id": "",
            "created_at": "2026-01-10T10:00:00Z",
            "updated_at": "2026-12-10T10:05:00Z",
            "version": 3,
            "name": "keyed",
            "ends_at": "2027-12-10T10:00:00Z",
        },
        errors=(
            errors.ConnectionNotFoundError,
            errors.ConnectionBusyError,
            errors.ConnectionChangedError,
            errors.PendingMissingError,
            errors.PendingRefusedError,
        ),
        refused={"invalid_connection": Refused(Request(path={"name": "none"}), 404)},
        servicenow_calls=4,
        cold_calls={
            "GetItem": 1,
            "UpdateItem": 4,
            "GetSecretValue": 2,
            "Sign": 1,
            "UpdateSecretVersionStage": 1,
            **RECORD,
        },
        warm_calls={
            "GetItem": 1,
            "UpdateItem": 3,
            "GetSecretValue": 2,
            "Sign": 1,
            "UpdateSecretVersionStage": 1,
            **RECORD,
        },
    ),
}
