"""Test a stored ServiceNow connection, or one still being typed."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.connections.models import ConnectionToTest, HowToTest
from actionsync.http.api import entrypoint, ok, optional_json_body, query
from actionsync.http.servicenow import servicenow_api
from actionsync.wiring.callers import Editor, Oneself
from actionsync.wiring.checks import check

app = servicenow_api()
Typed = Annotated[ConnectionToTest | None, optional_json_body(ConnectionToTest)]
How = Annotated[HowToTest, query(HowToTest)]


@app.post("/api/servicenow/test")
def test_connection(caller: Oneself, how: How, typed: Typed) -> Response[str]:
    """Answer 200 with what works and what does not, stage by stage."""
    return ok(check(caller, how, typed))


@app.post("/api/servicenow/connections/<name>/test")
def test_named(name: str, caller: Editor, how: How, typed: Typed) -> Response[str]:
    """Answer 200 with what works and what does not, stage by stage."""
    return ok(check(caller, how, typed, name))


lambda_handler = entrypoint(app)
