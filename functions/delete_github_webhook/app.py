"""DELETE /api/servicenow/webhooks/github/{id}: remove a webhook of the calling user's."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.activity import Activity, change
from actionsync.http.api import api, entrypoint, no_content
from actionsync.http.events import WebhooksOfUsers
from actionsync.http.writers import WriterId

app = api()


@app.delete("/api/servicenow/webhooks/github/<webhook_id>")
def delete_github_webhook(
    webhook_id: str, user_id: WriterId, webhooks: WebhooksOfUsers, activity: Activity
) -> Response[str]:
    """Answer 204, or 404 where the user has no such webhook."""
    with activity.around(user_id, change("webhook_deleted")) as record:
        webhooks.delete(user_id, webhook_id)
        record["before"] = {"id": webhook_id}
    return no_content()


lambda_handler = entrypoint(app)
