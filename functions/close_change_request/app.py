"""POST /api/servicenow/change-requests/{id}/close: close a change request, through its review."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import IdempotencyKey, entrypoint, json_body, ok
from actionsync.http.servicenow import servicenow_api
from actionsync.runtime import run
from actionsync.tickets.models import ChangeRequestClosing
from actionsync.wiring.callers import RateLimitedUserId
from actionsync.wiring.servicenow import tickets

app = servicenow_api()


@app.post("/api/servicenow/change-requests/<record_id>/close")
def close_change_request(
    record_id: str,
    closing: Annotated[ChangeRequestClosing, json_body(ChangeRequestClosing)],
    idempotency_key: IdempotencyKey,
    owner: RateLimitedUserId,
) -> Response[str]:
    """Answer 200 with the change request as it is then."""
    return ok(run(tickets(owner).close_change_request(record_id, closing, idempotency_key)))


lambda_handler = entrypoint(app)
