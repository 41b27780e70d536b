"""DELETE /api/servicenow/config, and /connections/{name}."""

from actionsync import errors
from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "DELETE /api/servicenow/config": Operation(
        id="delete_config",
        tag="Connection",
        summary="Remove the calling user's ServiceNow connection and password",
        status=204,
        errors=(
            errors.ConnectionNotFoundError,
            errors.ConnectionBusyError,
        ),
        refused={
            "invalid_not_signed_in": Refused(Request(is_signed_in=False), 401),
        },
        cold_calls={"UpdateItem": 2, "DeleteItem": 1, "DeleteSecret": 1, "PutItem": 2},
        warm_calls={"UpdateItem": 1, "DeleteItem": 1, "DeleteSecret": 1, "PutItem": 2},
    ),
    "DELETE /api/servicenow/connections/{name}": Operation(
        id="delete_connection",
        tag="Connection",
        summary="Remove one of an owner's ServiceNow connections and its secret",
        status=204,
        request=Request(path={"name": "default"}),
        errors=(
            errors.ConnectionNotFoundError,
            errors.ConnectionBusyError,
        ),
        refused={
            "invalid_connection": Refused(Request(path={"name": "none"}), 404),
        },
        cold_calls={"UpdateItem": 2, "DeleteItem": 1, "DeleteSecret": 1, "PutItem": 2},
        warm_calls={"UpdateItem": 1, "DeleteItem": 1, "DeleteSecret": 1, "PutItem": 2},
    ),
}
