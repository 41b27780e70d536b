"""POST /api/servicenow/webhooks/github: make a webhook for the calling user."""

from aws_lambda_powertools.event_handler import Response

from actionsync.events.webhook import create_webhook
from actionsync.http.activity import Activity, change
from actionsync.http.api import api, created, entrypoint
from actionsync.http.events import WebhooksOfUsers
from actionsync.http.writers import WriterId

app = api()


@app.post("/api/servicenow/webhooks/github")
def create_github_webhook(
    user_id: WriterId, webhooks: WebhooksOfUsers, activity: Activity
) -> Response[str]:
    """Answer 201 with the webhook's path and its secret, which is told this once."""
    with activity.around(user_id, change("webhook_created")) as record:
        webhook = create_webhook(webhooks, user_id)
        record["after"] = {"id": webhook["id"]}
    return created(webhook)


lambda_handler = entrypoint(app)
