"""POST /api/servicenow/webhooks/github/{id}: take an event of GitHub's and put it on the bus."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import api, entrypoint, ok
from actionsync.http.webhooks import AnyDelivery, WebhooksOfUsers

app = api()


@app.post("/api/servicenow/webhooks/github/<webhook_id>")
def receive_github_webhook(
    webhook_id: str, delivery: AnyDelivery, webhooks: WebhooksOfUsers
) -> Response[str]:
    """Answer 200 with what became of it, or 401 where it is not signed as it must be."""
    return ok(webhooks.receive("github", webhook_id, delivery))


lambda_handler = entrypoint(app)
