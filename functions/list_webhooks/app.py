"""GET /api/servicenow/webhooks/{source}: the calling user's webhooks, without their secrets."""

from aws_lambda_powertools.event_handler import Response

from actionsync.events.webhooks import list_webhooks
from actionsync.http.api import UserId, entrypoint, http_api, ok
from actionsync.wiring import stores

app = http_api()


@app.get("/api/servicenow/webhooks/<source>")
def webhooks(source: str, owner: UserId) -> Response[str]:
    """Answer 200 with the webhooks, the oldest first."""
    return ok(list_webhooks(source, owner, stores.webhook_store()))


lambda_handler = entrypoint(app)
