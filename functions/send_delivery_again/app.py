"""POST /api/servicenow/webhooks/{source}/{id}/deliveries/{delivery}/send-again."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import accepted, entrypoint, http_api
from actionsync.wiring import stores
from actionsync.wiring.callers import Editor
from actionsync.wiring.webhooks import receiver

app = http_api()


@app.post("/api/servicenow/webhooks/<source>/<webhook_id>/deliveries/<delivery>/send-again")
def send_again(source: str, webhook_id: str, delivery: str, caller: Editor) -> Response[str]:
    """Answer 202 with how many events were queued again, or 404 where there are none."""
    with caller.recorded("delivery_sent_again") as record:
        webhook = stores.webhook_store().get(caller.owner, source, webhook_id)
        record["after"] = {"source": webhook.source, "name": webhook.name, "delivery": delivery}
        count = receiver().send_again(webhook, delivery)
    return accepted({"events": count})


lambda_handler = entrypoint(app)
