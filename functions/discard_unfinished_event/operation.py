"""POST /api/servicenow/unfinished-events/{id}/discard."""

from actionsync import errors
from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "POST /api/servicenow/unfinished-events/{id}/discard": Operation(
        id="discard_unfinished_event",
        tag="Events",
        summary="Give an unfinished event up",
        status=204,
        request=Request(path={"id": "0123456789abcdef0123456789abcdef"}),
        errors=(errors.UnfinishedEventNotFoundError, errors.EventInProgressError),
        refused={
            "invalid_unknown": Refused(Request(path={"id": "none"}), 404),
        },
        cold_calls={"GetItem": 2, "UpdateItem": 1, "PutItem": 1, "DeleteItem": 1},
        warm_calls={"GetItem": 2, "PutItem": 1, "DeleteItem": 1},
    )
}
