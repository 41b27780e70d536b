"""PATCH /api/servicenow/incidents/{id}: set what the caller sets, and nothing else."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import IdempotencyKey, entrypoint, json_body, ok
from actionsync.http.servicenow import api
from actionsync.http.tickets import WritersTickets
from actionsync.runtime import run
from actionsync.tickets.models import IncidentChange

app = api()


@app.patch("/api/servicenow/incidents/<record_id>")
def update_incident(
    record_id: str,
    change: Annotated[IncidentChange, json_body(IncidentChange)],
    idempotency_key: IdempotencyKey,
    tickets: WritersTickets,
) -> Response[str]:
    """Answer 200 with the incident as it is then."""
    return ok(run(tickets.update("incident", record_id, change, idempotency_key)))


lambda_handler = entrypoint(app)
