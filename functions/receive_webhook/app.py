"""POST /api/servicenow/webhooks/{source}/{id}: verify and queue what a sender reports."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, http_api, ok
from actionsync.http.webhooks import AnyDelivery
from actionsync.wiring.webhooks import door

app = http_api()


@app.post("/api/servicenow/webhooks/<source>/<webhook_id>")
def receive(source: str, webhook_id: str, delivery: AnyDelivery) -> Response[str]:
    """Answer 200 with the delivery's status, or 401 where it is not the sender's."""
    return ok(door().receive(source, webhook_id, delivery))


lambda_handler = entrypoint(app)
