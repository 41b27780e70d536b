"""DELETE /api/servicenow/webhooks/{source}/{id}."""

from actionsync import errors
from functions.operation import RECORD, Operation, Refused, Request

OPERATIONS = {
    "DELETE /api/servicenow/webhooks/{source}/{id}": Operation(
        id="delete_webhook",
        tag="Events",
        summary="Remove a webhook of the calling user's",
        status=204,
        request=Request(path={"source": "github", "id": "0123456789abcdef0123456789abcdef"}),
        errors=(errors.WebhookNotFoundError,),
        refused={
            "invalid_unknown": Refused(Request(path={"source": "github", "id": "none"}), 404),
        },
        cold_calls={"GetItem": 1, "DeleteItem": 1, "DeleteSecret": 1, "UpdateItem": 2, **RECORD},
        warm_calls={"GetItem": 1, "DeleteItem": 1, "DeleteSecret": 1, "UpdateItem": 1, **RECORD},
    )
}
