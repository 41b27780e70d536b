"""POST and OPTIONS /api/servicenow/webhooks/{source}/{id}: verify and queue a delivery."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import accepted, entrypoint, http_api, ok
from actionsync.http.webhooks import AnyDelivery, Handshake
from actionsync.wiring.webhooks import receiver

app = http_api()


@app.post("/api/servicenow/webhooks/<source>/<webhook_id>")
def receive(source: str, webhook_id: str, delivery: AnyDelivery) -> Response[str]:
    """Answer 200 with what becomes of it, 202 where that waits, 401 where none knows the sender."""
    answer = receiver().receive(source, webhook_id, delivery)
    return accepted(answer) if answer["status"] in {"waiting", "dropped", "pushed"} else ok(answer)


@app.route("/api/servicenow/webhooks/<source>/<webhook_id>", method="OPTIONS")
def ask(
    source: str,  # noqa: ARG001 - the answer is the same for each
    webhook_id: str,  # noqa: ARG001
    answer: Handshake,
) -> Response[str]:
    """Answer 200 with who may deliver how often."""
    return answer


lambda_handler = entrypoint(app)
