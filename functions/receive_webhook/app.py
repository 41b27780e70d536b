"""POST /api/servicenow/webhooks/{source}/{id}: verify and queue what a sender reports."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import accepted, entrypoint, http_api, ok
from actionsync.http.webhooks import AnyDelivery
from actionsync.wiring.webhooks import door

app = http_api()


@app.post("/api/servicenow/webhooks/<source>/<webhook_id>")
def receive(source: str, webhook_id: str, delivery: AnyDelivery) -> Response[str]:
    """Answer 200 with what becomes of it, 202 over the quota, 401 where it is not the sender's."""
    answer = door().receive(source, webhook_id, delivery)
    return accepted(answer) if answer["status"] in {"waiting", "dropped"} else ok(answer)


lambda_handler = entrypoint(app)
