"""POST /api/servicenow/webhooks/github."""

from actionsync import errors
from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "POST /api/servicenow/webhooks/github": Operation(
        id="create_github_webhook",
        tag="Events",
        summary="Make a webhook for the calling user",
        status=201,
        answer="Webhook",
        example={
            "id": "0123456789abcdef0123456789abcdef",
            "path": "/api/servicenow/webhooks/github/0123456789abcdef0123456789abcdef",
            "secret": "a-secret-that-is-shown-once",
            "content_type": "application/json",
        },
        errors=(errors.TooManyWebhooksError,),
        refused={
            "invalid_not_signed_in": Refused(Request(is_signed_in=False), 401),
        },
        cold_calls={"CreateSecret": 1, "PutItem": 3, "UpdateItem": 2},
        warm_calls={"CreateSecret": 1, "PutItem": 3, "UpdateItem": 1},
    )
}
