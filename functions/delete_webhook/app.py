"""DELETE /api/servicenow/webhooks/{source}/{id}: remove a webhook of the calling user's."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, http_api, no_content
from actionsync.wiring import stores
from actionsync.wiring.callers import Editor

app = http_api()


@app.delete("/api/servicenow/webhooks/<source>/<webhook_id>")
def delete(source: str, webhook_id: str, caller: Editor) -> Response[str]:
    """Answer 204, or 404 where the user has no such webhook."""
    with caller.recorded("webhook_deleted") as record:
        webhook = stores.webhook_store().get(caller.owner, source, webhook_id)
        record["before"] = {"source": webhook.source, "name": webhook.name}
        stores.webhook_store().delete(webhook)
    return no_content()


lambda_handler = entrypoint(app)
