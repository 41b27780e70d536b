"""POST /api/servicenow/change-requests: raise a change request as the calling user."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import IdempotencyKey, created, entrypoint, json_body
from actionsync.http.servicenow import servicenow_api
from actionsync.runtime import run
from actionsync.tickets.models import NewChangeRequest
from actionsync.wiring.callers import RateLimitedUserId
from actionsync.wiring.servicenow import tickets

app = servicenow_api()


@app.post("/api/servicenow/change-requests")
def create_change_request(
    new: Annotated[NewChangeRequest, json_body(NewChangeRequest)],
    idempotency_key: IdempotencyKey,
    owner: RateLimitedUserId,
) -> Response[str]:
    """Answer 201 with the change request."""
    return created(run(tickets(owner).create("change_request", new, idempotency_key)))


lambda_handler = entrypoint(app)
