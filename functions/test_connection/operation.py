"""POST /api/servicenow/test, and /connections/{name}/test."""

from actionsync import errors
from functions.operation import Operation, Refused, Request

_REPORT = {
    "success": True,
    "message": "The connection works.",
    "instance": "https://example.service-now.com",
    "checks": [
        {
            "name": "reachable",
            "status": "passed",
            "message": "https://example.service-now.com answers.",
            "servicenow": None,
        },
        {
            "name": "signed_in",
            "status": "passed",
            "message": "Signed in as actionsync.integration.",
            "servicenow": None,
        },
        {
            "name": "read_incidents",
            "status": "passed",
            "message": "Incidents can be read.",
            "servicenow": None,
        },
        {
            "name": "write_incidents",
            "status": "passed",
            "message": "Incidents can be written.",
            "servicenow": None,
        },
        {
            "name": "write_change_requests",
            "status": "passed",
            "message": "Change requests can be written.",
            "servicenow": None,
        },
    ],
}

OPERATIONS = {
    "POST /api/servicenow/test": Operation(
        id="test_connection",
        tag="Connection",
        summary="Test the stored ServiceNow connection, or one still being typed",
        answer="ConnectionReport",
        example=_REPORT,
        refused={
            "invalid_foreign_host": Refused(
                Request(
                    body={
                        "instance_url": "https://example.com",
                        "username": "actionsync.integration",
                        "password": "a-made-up-password",
                    }
                ),
                422,
                ["instance_url"],
            ),
        },
        servicenow_calls=3,
        cold_calls={"GetItem": 1, "Query": 1, "GetSecretValue": 1, "UpdateItem": 3},
        warm_calls={"Query": 1, "UpdateItem": 2},
    ),
    "POST /api/servicenow/connections/{name}/test": Operation(
        id="test_named_connection",
        tag="Connection",
        summary="Test one of an owner's ServiceNow connections, as stored or as being typed",
        request=Request(path={"name": "default"}),
        answer="ConnectionReport",
        example=_REPORT,
        errors=(errors.ConnectionNotFoundError, errors.PendingMissingError),
        refused={
            "invalid_connection": Refused(Request(path={"name": "none"}), 404),
        },
        servicenow_calls=3,
        cold_calls={"GetItem": 1, "Query": 1, "GetSecretValue": 1, "UpdateItem": 3},
        warm_calls={"Query": 1, "UpdateItem": 2},
    ),
}
