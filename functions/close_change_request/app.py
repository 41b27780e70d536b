"""POST /api/servicenow/change-requests/{id}/close: close a change request, through its review."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import IdempotencyKey, entrypoint, json_body, ok
from actionsync.http.servicenow import api
from actionsync.http.tickets import WritersTickets
from actionsync.runtime import run
from actionsync.tickets.models import ChangeRequestClosing

app = api()


@app.post("/api/servicenow/change-requests/<record_id>/close")
def close_change_request(
    record_id: str,
    closing: Annotated[ChangeRequestClosing, json_body(ChangeRequestClosing)],
    idempotency_key: IdempotencyKey,
    tickets: WritersTickets,
) -> Response[str]:
    """Answer 200 with the change request as it is then."""
    return ok(run(tickets.close_change_request(record_id, closing, idempotency_key)))


lambda_handler = entrypoint(app)
