"""PATCH /api/servicenow/incidents/{id}: set what the caller sets, and nothing else."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import IdempotencyKey, entrypoint, json_body, ok
from actionsync.http.servicenow import servicenow_api
from actionsync.runtime import run
from actionsync.tickets.models import IncidentChange
from actionsync.wiring.callers import RateLimitedUserId
from actionsync.wiring.servicenow import tickets

app = servicenow_api()


@app.patch("/api/servicenow/incidents/<record_id>")
def update_incident(
    record_id: str,
    change: Annotated[IncidentChange, json_body(IncidentChange)],
    idempotency_key: IdempotencyKey,
    owner: RateLimitedUserId,
) -> Response[str]:
    """Answer 200 with the incident as it is then."""
    return ok(run(tickets(owner).update("incident", record_id, change, idempotency_key)))


lambda_handler = entrypoint(app)
