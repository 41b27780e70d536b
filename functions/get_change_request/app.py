"""GET /api/servicenow/change-requests/{id}: read a change request by sys_id or number."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import entrypoint, ok
from actionsync.http.servicenow import api
from actionsync.http.tickets import CallersTickets
from actionsync.runtime import run

app = api()


@app.get("/api/servicenow/change-requests/<record_id>")
def get_change_request(record_id: str, tickets: CallersTickets) -> Response[str]:
    """Answer 200 with the change request, or 404."""
    return ok(run(tickets.get("change_request", record_id)))


lambda_handler = entrypoint(app)
