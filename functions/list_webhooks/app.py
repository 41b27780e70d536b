"""The calling user's webhooks, without their secrets, and the deliveries of one."""

from aws_lambda_powertools.event_handler import Response

from actionsync.events.deliveries import deliveries_of
from actionsync.events.webhooks import list_webhooks
from actionsync.http.api import entrypoint, http_api, ok
from actionsync.wiring import stores
from actionsync.wiring.callers import Member

app = http_api()


@app.get("/api/servicenow/webhooks")
def all_webhooks(caller: Member) -> Response[str]:
    """Answer 200 with the webhooks of all sources, the oldest first."""
    return ok(list_webhooks(None, caller.owner, stores.webhook_store()))


@app.get("/api/servicenow/webhooks/<source>")
def webhooks(source: str, caller: Member) -> Response[str]:
    """Answer 200 with the webhooks, the oldest first."""
    return ok(list_webhooks(source, caller.owner, stores.webhook_store()))


@app.get("/api/servicenow/webhooks/<source>/<webhook_id>/deliveries")
def deliveries(source: str, webhook_id: str, caller: Member) -> Response[str]:
    """Answer 200 with the newest deliveries of seven days, or 404 where there is no webhook."""
    webhook = stores.webhook_store().get(caller.owner, source, webhook_id)
    return ok(deliveries_of(webhook, stores.recent_events()))


lambda_handler = entrypoint(app)
