"""POST /api/servicenow/webhooks/github: make a webhook for the calling user."""

from aws_lambda_powertools.event_handler import Response

from actionsync.audit.trail import settings_change
from actionsync.events.webhook import create_webhook
from actionsync.http.api import created, entrypoint, http_api
from actionsync.wiring import stores
from actionsync.wiring.callers import RateLimitedUserId

app = http_api()


@app.post("/api/servicenow/webhooks/github")
def create_github_webhook(owner: RateLimitedUserId) -> Response[str]:
    """Answer 201 with the webhook's path and its secret, which is shown once."""
    with stores.activity_store().around(owner, settings_change("webhook_created")) as record:
        webhook = create_webhook(stores.webhook_store(), owner)
        record["after"] = {"id": webhook["id"]}
    return created(webhook)


lambda_handler = entrypoint(app)
