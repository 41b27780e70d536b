"""DELETE /api/servicenow/webhooks/github/{id}."""

from actionsync import errors
from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "DELETE /api/servicenow/webhooks/github/{id}": Operation(
        id="delete_github_webhook",
        tag="Events",
        summary="Remove a webhook of the calling user's",
        status=204,
        request=Request(path={"id": "0123456789abcdef0123456789abcdef"}),
        errors=(errors.WebhookNotFoundError,),
        refused={
            "invalid_unknown": Refused(Request(path={"id": "none"}), 404),
        },
        cold_calls={
            "GetItem": 1,
            "DeleteItem": 2,
            "DeleteSecret": 1,
            "UpdateItem": 2,
            "PutItem": 2,
        },
        warm_calls={
            "GetItem": 1,
            "DeleteItem": 2,
            "DeleteSecret": 1,
            "UpdateItem": 1,
            "PutItem": 2,
        },
    )
}
