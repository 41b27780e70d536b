"""POST /api/servicenow/test: test the stored ServiceNow connection, or one still being typed."""

from dataclasses import asdict
from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.connections.check import check_stored_connection, check_typed_connection
from actionsync.connections.models import ConnectionToTest
from actionsync.http.api import entrypoint, ok, optional_json_body
from actionsync.http.servicenow import servicenow_api
from actionsync.runtime import run
from actionsync.wiring.callers import RateLimitedUserId
from actionsync.wiring.servicenow import client_cache

app = servicenow_api()


@app.post("/api/servicenow/test")
def test_connection(
    owner: RateLimitedUserId,
    typed: Annotated[ConnectionToTest | None, optional_json_body(ConnectionToTest)],
) -> Response[str]:
    """Answer 200 with what works and what does not, stage by stage."""
    if typed is None:
        report = run(check_stored_connection(client_cache(), owner))
    else:
        report = run(check_typed_connection(client_cache(), owner, typed))
    return ok(asdict(report))


lambda_handler = entrypoint(app)
