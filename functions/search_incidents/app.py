"""GET /api/servicenow/incidents: list incidents, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, ok, query
from actionsync.http.callers import ConnectionCaller
from actionsync.http.servicenow import servicenow_api
from actionsync.runtime import run
from actionsync.tickets.models import IncidentSearch
from actionsync.wiring.tickets import tickets_to_read

app = servicenow_api()


@app.get("/api/servicenow/incidents")
def search_incidents(
    search: Annotated[IncidentSearch, query(IncidentSearch)], caller: ConnectionCaller
) -> Response[str]:
    """Answer 200 with a page of incidents and the cursor of the next."""
    return ok(run(tickets_to_read(caller).search_incidents(search)))


lambda_handler = entrypoint(app)
