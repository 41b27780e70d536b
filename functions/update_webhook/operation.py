"""PATCH /api/servicenow/webhooks/{source}/{id}."""

from actionsync import errors
from functions.operation import Operation, Refused, Request

PATH = {"source": "github", "id": "0123456789abcdef0123456789abcdef"}

OPERATIONS = {
    "PATCH /api/servicenow/webhooks/{source}/{id}": Operation(
        id="update_webhook",
        tag="Events",
        summary="Switch a webhook's dry run on or off, or store the sender's own secret",
        request=Request(body={"dry_run": False, "secret": "the-senders-own-secret"}, path=PATH),
        answer="WebhookView",
        example={
            "id": "0123456789abcdef0123456789abcdef",
            "source": "github",
            "name": "github",
            "dry_run": False,
            "verification": None,
            "connection": None,
            "path": "/api/servicenow/webhooks/github/0123456789abcdef0123456789abcdef",
            "created_at": "2026-01-10T10:00:00Z",
        },
        errors=(errors.WebhookNotFoundError,),
        refused={
            "invalid_unknown": Refused(
                Request(body={"dry_run": True}, path={"source": "github", "id": "none"}), 404
            ),
            "invalid_dry_run": Refused(
                Request(body={"dry_run": "maybe"}, path=PATH), 422, ["dry_run"]
            ),
        },
        cold_calls={"GetItem": 1, "PutSecretValue": 1, "UpdateItem": 3, "PutItem": 2},
        warm_calls={"GetItem": 1, "PutSecretValue": 1, "UpdateItem": 2, "PutItem": 2},
    )
}
