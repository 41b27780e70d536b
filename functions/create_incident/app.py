"""POST /api/servicenow/incidents: open an incident as the calling user."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import IdempotencyKey, created, entrypoint, json_body
from actionsync.http.servicenow import servicenow_api
from actionsync.runtime import run
from actionsync.tickets.models import NewIncident
from actionsync.wiring.callers import RateLimitedUserId
from actionsync.wiring.servicenow import tickets

app = servicenow_api()


@app.post("/api/servicenow/incidents")
def create_incident(
    new: Annotated[NewIncident, json_body(NewIncident)],
    idempotency_key: IdempotencyKey,
    owner: RateLimitedUserId,
) -> Response[str]:
    """Answer 201 with the incident."""
    return created(run(tickets(owner).create("incident", new, idempotency_key)))


lambda_handler = entrypoint(app)
