"""POST /api/servicenow/{table}/{id}/work-notes: add a work note to a ticket."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import IdempotencyKey, created, entrypoint, json_body
from actionsync.http.servicenow import servicenow_api
from actionsync.runtime import run
from actionsync.tickets.models import NewWorkNote
from actionsync.wiring.callers import RateLimitedUserId
from actionsync.wiring.servicenow import tickets

app = servicenow_api()


@app.post("/api/servicenow/<table>/<record_id>/work-notes")
def add_work_note(
    table: str,
    record_id: str,
    note: Annotated[NewWorkNote, json_body(NewWorkNote)],
    idempotency_key: IdempotencyKey,
    owner: RateLimitedUserId,
) -> Response[str]:
    """Answer 201 with the ticket that carries the note."""
    return created(run(tickets(owner).add_work_note(table, record_id, note, idempotency_key)))


lambda_handler = entrypoint(app)
