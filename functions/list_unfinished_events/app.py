"""GET /api/servicenow/unfinished-events: the calling user's events that wait or have failed."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.events.unfinished import UnfinishedQuery, page
from actionsync.http.api import entrypoint, http_api, ok, query
from actionsync.wiring import stores
from actionsync.wiring.callers import Member

app = http_api()


@app.get("/api/servicenow/unfinished-events")
def list_unfinished_events(
    caller: Member, asked: Annotated[UnfinishedQuery, query(UnfinishedQuery)]
) -> Response[str]:
    """Answer 200 with a page of events and the cursor of the next."""
    return ok(page(caller.owner, asked, stores.waiting_store()))


lambda_handler = entrypoint(app)
