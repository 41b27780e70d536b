"""GET /api/servicenow/webhooks/github: the calling user's webhooks, without their secrets."""

from aws_lambda_powertools.event_handler import Response

from actionsync.events.webhook import webhooks_of
from actionsync.http.api import UserId, api, entrypoint, ok
from actionsync.http.events import WebhooksOfUsers

app = api()


@app.get("/api/servicenow/webhooks/github")
def list_github_webhooks(user_id: UserId, webhooks: WebhooksOfUsers) -> Response[str]:
    """Answer 200 with the webhooks, the oldest first."""
    return ok(webhooks_of(webhooks, user_id))


lambda_handler = entrypoint(app)
