"""GET /api/servicenow/change-requests/{id}: read a change request by sys_id or number."""

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import UserId, entrypoint, ok
from actionsync.http.servicenow import servicenow_api
from actionsync.runtime import run
from actionsync.wiring.servicenow import tickets

app = servicenow_api()


@app.get("/api/servicenow/change-requests/<record_id>")
def get_change_request(record_id: str, owner: UserId) -> Response[str]:
    """Answer 200 with the change request, or 404."""
    return ok(run(tickets(owner).get("change_request", record_id)))


lambda_handler = entrypoint(app)
