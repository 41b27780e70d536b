"""POST /api/servicenow/test: test the stored ServiceNow connection, or one still being typed."""

from dataclasses import asdict
from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.audit.trail import settings_change
from actionsync.connections.check import check_stored_connection, check_typed_connection
from actionsync.connections.models import ConnectionToTest
from actionsync.http.api import entrypoint, ok, optional_json_body
from actionsync.http.servicenow import servicenow_api
from actionsync.runtime import run
from actionsync.wiring import stores
from actionsync.wiring.callers import RateLimitedUserId, limit_sign_ins
from actionsync.wiring.servicenow import client_cache

app = servicenow_api()


@app.post("/api/servicenow/test")
def test_connection(
    owner: RateLimitedUserId,
    typed: Annotated[ConnectionToTest | None, optional_json_body(ConnectionToTest)],
) -> Response[str]:
    """Answer 200 with what works and what does not, stage by stage."""
    limit_sign_ins(owner, None if typed is None else typed.identity)
    if typed is None:
        return ok(asdict(run(check_stored_connection(client_cache(), owner))))
    planned = settings_change("connection_tested", typed.model_fields_set)
    with stores.activity_store().around(owner, planned) as record:
        record["after"] = typed.audited()
        report = run(check_typed_connection(client_cache(), owner, typed))
        record["after"] |= {"success": str(report.success).lower()}
    return ok(asdict(report))


lambda_handler = entrypoint(app)
