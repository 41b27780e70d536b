"""POST /api/servicenow/incidents/{id}/close: resolve an incident, or close it."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import IdempotencyKey, entrypoint, json_body, ok
from actionsync.http.servicenow import servicenow_api
from actionsync.runtime import run
from actionsync.tickets.models import IncidentClosing
from actionsync.wiring.callers import RateLimitedUserId
from actionsync.wiring.servicenow import tickets

app = servicenow_api()


@app.post("/api/servicenow/incidents/<record_id>/close")
def close_incident(
    record_id: str,
    closing: Annotated[IncidentClosing, json_body(IncidentClosing)],
    idempotency_key: IdempotencyKey,
    owner: RateLimitedUserId,
) -> Response[str]:
    """Answer 200 with the incident as it is then."""
    return ok(run(tickets(owner).close_incident(record_id, closing, idempotency_key)))


lambda_handler = entrypoint(app)
