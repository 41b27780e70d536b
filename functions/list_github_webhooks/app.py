"""GET /api/servicenow/webhooks/github: the calling user's webhooks, without their secrets."""

from aws_lambda_powertools.event_handler import Response

from actionsync.events.webhook import webhooks_of
from actionsync.http.api import UserId, entrypoint, http_api, ok
from actionsync.wiring import stores

app = http_api()


@app.get("/api/servicenow/webhooks/github")
def list_github_webhooks(owner: UserId) -> Response[str]:
    """Answer 200 with the webhooks, the oldest first."""
    return ok(webhooks_of(stores.webhook_store(), owner))


lambda_handler = entrypoint(app)
