"""POST /api/servicenow/webhooks/{source}."""

from actionsync import errors
from functions.operation import Operation, Refused, Request

OPERATIONS = {
    "POST /api/servicenow/webhooks/{source}": Operation(
        id="create_webhook",
        tag="Events",
        summary="Make a webhook for the calling user",
        status=201,
        request=Request(path={"source": "github"}),
        answer="Webhook",
        example={
            "id": "0123456789abcdef0123456789abcdef",
            "source": "github",
            "name": "github",
            "dry_run": False,
            "verification": None,
            "connection": None,
            "path": "/api/servicenow/webhooks/github/0123456789abcdef0123456789abcdef",
            "created_at": "2026-01-10T10:00:00Z",
            "url": "https://example.execute-api.us-east-1.amazonaws.com/api/servicenow/webhooks/github/0123456789abcdef0123456789abcdef",
            "secret": "a-secret-that-is-shown-once",
            "content_type": "application/json",
            "header": None,
            "body": None,
            "steps": "Settings, Webhooks, Add webhook: payload URL, content type and secret.",
        },
        errors=(errors.TooManyWebhooksError, errors.WebhookExistsError),
        refused={
            "invalid_not_signed_in": Refused(
                Request(path={"source": "github"}, is_signed_in=False), 401
            ),
            "invalid_source": Refused(Request(path={"source": "pigeon"}), 422, ["source"]),
            "invalid_verification": Refused(
                Request(body={"verification": "trust"}, path={"source": "github"}),
                422,
                ["verification"],
            ),
        },
        cold_calls={"CreateSecret": 1, "PutItem": 3, "UpdateItem": 2},
        # The first name that comes to mind is taken by then.
        warm_calls={"CreateSecret": 1, "PutItem": 3, "UpdateItem": 2},
    )
}
