"""GET /api/servicenow/incidents: list incidents, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, ok, query
from actionsync.http.servicenow import api
from actionsync.http.tickets import CallersTickets
from actionsync.runtime import run
from actionsync.tickets.models import IncidentSearch

app = api()


@app.get("/api/servicenow/incidents")
def search_incidents(
    search: Annotated[IncidentSearch, query(IncidentSearch)], tickets: CallersTickets
) -> Response[str]:
    """Answer 200 with a page of incidents and the cursor of the next."""
    return ok(run(tickets.search_incidents(search)))


lambda_handler = entrypoint(app)
