"""PATCH /api/servicenow/webhooks/{source}/{id}: change a webhook of the calling user's."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.events.webhooks import WebhookChange, change_webhook
from actionsync.http.api import entrypoint, http_api, json_body, ok
from actionsync.wiring import stores
from actionsync.wiring.callers import Editor

app = http_api()


@app.patch("/api/servicenow/webhooks/<source>/<webhook_id>")
def update(
    source: str,
    webhook_id: str,
    caller: Editor,
    change: Annotated[WebhookChange, json_body(WebhookChange)],
) -> Response[str]:
    """Answer 200 with the webhook as it is now, or 404 where the user has no such webhook."""
    with caller.recorded("webhook_changed", change.model_fields_set) as record:
        webhook = change_webhook(source, webhook_id, caller.owner, change, stores.webhook_store())
        record["after"] = {name: webhook[name] for name in ("source", "name", "dry_run")}
    return ok(webhook)


lambda_handler = entrypoint(app)
