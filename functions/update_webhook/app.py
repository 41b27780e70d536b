"""PATCH /api/servicenow/webhooks/{source}/{id}: change a webhook of the calling user's."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.audit.trail import settings_change
from actionsync.events.webhooks import WebhookChange, change_webhook
from actionsync.http.api import entrypoint, http_api, json_body, ok
from actionsync.wiring import stores
from actionsync.wiring.callers import RateLimitedUserId

app = http_api()


@app.patch("/api/servicenow/webhooks/<source>/<webhook_id>")
def update(
    source: str,
    webhook_id: str,
    owner: RateLimitedUserId,
    change: Annotated[WebhookChange, json_body(WebhookChange)],
) -> Response[str]:
    """Answer 200 with the webhook as it is now, or 404 where the user has no such webhook."""
    change_of = settings_change("webhook_changed", change.model_fields_set)
    with stores.activity_store().around(owner, change_of) as record:
        webhook = change_webhook(source, webhook_id, owner, change, stores.webhook_store())
        record["after"] = {name: webhook[name] for name in ("source", "name", "dry_run")}
    return ok(webhook)


lambda_handler = entrypoint(app)
