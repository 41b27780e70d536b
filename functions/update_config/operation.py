"""PUT /api/servicenow/config, and /connections/{name}."""

from actionsync import errors
from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "PUT /api/servicenow/config": Operation(
        id="update_config",
        tag="Connection",
        summary="Change the calling user's ServiceNow connection",
        request=Request(body={"password": "another-made-up-password"}),
        answer="Connection",
        example={
            "id": 1,
            "instance_url": "https://example.service-now.com",
            "auth_method": "basic",
            "username": "actionsync.integration",
            "client_id": "",
            "created_at": "2026-01-10T10:00:00Z",
            "updated_at": "2026-01-10T10:00:00Z",
            "version": 2,
            "name": "default",
        },
        errors=(
            errors.ConnectionNotFoundError,
            errors.ConnectionBusyError,
            errors.ConnectionChangedError,
            errors.PendingMissingError,
        ),
        refused={
            "invalid_host_without_password": Refused(
                Request(body={"instance_url": "https://other.service-now.com"}), 422, ["password"]
            ),
            "invalid_old_version": Refused(
                Request(body={"password": "another-made-up-password"}, headers={"if-match": '"7"'}),
                412,
            ),
        },
        cold_calls={"GetItem": 1, "UpdateItem": 4, "PutSecretValue": 1, "PutItem": 2},
        warm_calls={"GetItem": 1, "UpdateItem": 3, "PutSecretValue": 1, "PutItem": 2},
    ),
    "PUT /api/servicenow/connections/{name}": Operation(
        id="update_connection",
        tag="Connection",
        summary="Change one of an owner's ServiceNow connections",
        request=Request(path={"name": "default"}, body={"password": "another-made-up-password"}),
        answer="Connection",
        example={
            "id": 1,
            "instance_url": "https://example.service-now.com",
            "auth_method": "basic",
            "username": "actionsync.integration",
            "client_id": "",
            "created_at": "2026-01-10T10:00:00Z",
            "updated_at": "2026-01-10T10:00:00Z",
            "version": 2,
            "name": "default",
        },
        errors=(
            errors.ConnectionNotFoundError,
            errors.ConnectionBusyError,
            errors.ConnectionChangedError,
            errors.PendingMissingError,
        ),
        refused={
            "invalid_connection": Refused(
                Request(path={"name": "none"}, body={"password": "another-made-up-password"}), 404
            ),
            "invalid_pending": Refused(
                Request(path={"name": "default"}, body={"pending": "dropped"}), 422, ["pending"]
            ),
            "invalid_no_pending": Refused(
                Request(path={"name": "default"}, body={"pending": None}), 409
            ),
        },
        cold_calls={"GetItem": 1, "UpdateItem": 4, "PutSecretValue": 1, "PutItem": 2},
        warm_calls={"GetItem": 1, "UpdateItem": 3, "PutSecretValue": 1, "PutItem": 2},
    ),
}
