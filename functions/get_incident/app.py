"""GET /api/servicenow/incidents/{id}: read an incident by sys_id or number."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, ok
from actionsync.http.servicenow import api
from actionsync.http.tickets import CallersTickets
from actionsync.runtime import run

app = api()


@app.get("/api/servicenow/incidents/<record_id>")
def get_incident(record_id: str, tickets: CallersTickets) -> Response[str]:
    """Answer 200 with the incident, or 404."""
    return ok(run(tickets.get("incident", record_id)))


lambda_handler = entrypoint(app)
