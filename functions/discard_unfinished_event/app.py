"""POST /api/servicenow/unfinished-events/{id}/discard: give an unfinished event up."""

from aws_lambda_powertools.event_handler import Response

from actionsync.events.unfinished import discard
from actionsync.http.api import entrypoint, http_api, no_content
from actionsync.wiring import stores
from actionsync.wiring.callers import Editor

app = http_api()


@app.post("/api/servicenow/unfinished-events/<event_id>/discard")
def discard_unfinished_event(event_id: str, caller: Editor) -> Response[str]:
    """Answer 204, 404 where the user has no such event, or 409 while somebody is at it."""
    discard(
        caller.owner,
        event_id,
        waiting=stores.waiting_store(),
        correlations=stores.correlation_store(),
        activity=stores.activity_store(),
        by=caller.by,
    )
    return no_content()


lambda_handler = entrypoint(app)
