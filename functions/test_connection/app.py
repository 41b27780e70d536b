"""POST /api/servicenow/test: test the stored ServiceNow connection, or one still being typed."""

from dataclasses import asdict
from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.connections.check import check_stored_connection, check_typed_connection
from actionsync.connections.models import ConnectionToTest
from actionsync.http.api import entrypoint, ok, optional_json_body
from actionsync.http.servicenow import api
from actionsync.http.tickets import CallersClients
from actionsync.http.writers import WriterId
from actionsync.runtime import run

app = api()


@app.post("/api/servicenow/test")
def test_connection(
    user_id: WriterId,
    typed: Annotated[ConnectionToTest | None, optional_json_body(ConnectionToTest)],
    sessions: CallersClients,
) -> Response[str]:
    """Answer 200 with what works and what does not, stage by stage."""
    if typed is None:
        report = run(check_stored_connection(sessions, user_id))
    else:
        report = run(check_typed_connection(sessions, user_id, typed))
    return ok(asdict(report))


lambda_handler = entrypoint(app)
