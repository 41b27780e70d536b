"""POST /api/servicenow/webhooks/github/{id}: take an event of GitHub's and put it on the bus."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, http_api, ok
from actionsync.http.webhooks import AnyDelivery
from actionsync.wiring.webhooks import webhooks

app = http_api()


@app.post("/api/servicenow/webhooks/github/<webhook_id>")
def receive_github_webhook(webhook_id: str, delivery: AnyDelivery) -> Response[str]:
    """Answer 200 with the delivery's status, or 401 where its signature is wrong."""
    return ok(webhooks().receive("github", webhook_id, delivery))


lambda_handler = entrypoint(app)
