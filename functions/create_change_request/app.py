"""POST /api/servicenow/change-requests: raise a change request as the calling user."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import IdempotencyKey, created, entrypoint, json_body
from actionsync.http.servicenow import api
from actionsync.http.tickets import WritersTickets
from actionsync.runtime import run
from actionsync.tickets.models import NewChangeRequest

app = api()


@app.post("/api/servicenow/change-requests")
def create_change_request(
    new: Annotated[NewChangeRequest, json_body(NewChangeRequest)],
    idempotency_key: IdempotencyKey,
    tickets: WritersTickets,
) -> Response[str]:
    """Answer 201 with the change request."""
    return created(run(tickets.create("change_request", new, idempotency_key)))


lambda_handler = entrypoint(app)
