"""POST /api/servicenow/unfinished-events/{id}/retry: let an unfinished event go on."""

from aws_lambda_powertools.event_handler import Response

from actionsync.events.unfinished import retry
from actionsync.http.api import accepted, entrypoint, http_api
from actionsync.wiring import stores
from actionsync.wiring.callers import Editor

app = http_api()


@app.post("/api/servicenow/unfinished-events/<event_id>/retry")
def retry_unfinished_event(event_id: str, caller: Editor) -> Response[str]:
    """Answer 202 with the event, which is due now, or 404 where the user has no such event."""
    return accepted(retry(caller.owner, event_id, stores.waiting_store()))


lambda_handler = entrypoint(app)
