"""POST /api/servicenow/webhooks/{source}: make a webhook for the calling user."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.events.webhooks import NewWebhook, create_webhook
from actionsync.http.api import Host, created, entrypoint, http_api, optional_json_body
from actionsync.wiring import stores
from actionsync.wiring.callers import Editor

app = http_api()


@app.post("/api/servicenow/webhooks/<source>")
def create(
    source: str,
    caller: Editor,
    host: Host,
    new: Annotated[NewWebhook | None, optional_json_body(NewWebhook)],
) -> Response[str]:
    """Answer 201 with the webhook's address and its secret, which is shown once."""
    with caller.recorded("webhook_created") as record:
        webhook = create_webhook(source, caller.owner, new, stores.webhook_store(), host)
        record["after"] = {name: webhook[name] for name in ("source", "name", "dry_run")}
    return created(webhook)


lambda_handler = entrypoint(app)
