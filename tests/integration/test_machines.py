"""A machine's token opens tickets, context and gates, and no other route."""

from typing import TYPE_CHECKING

import pytest

from actionsync.http.callers import MACHINE_SCOPE, MACHINES
from actionsync.tickets.types import TABLES
from local.operations import operations
from tests.conftest import HttpAnswer, invoke

if TYPE_CHECKING:
    from local.operations import Described
    from tests.conftest import Aws

SIGNED_IN = {
    f"{item.method} {item.path}": item for item in operations() if item.operation.needs_token
}


def as_machine(described: "Described", scope: str = MACHINE_SCOPE) -> HttpAnswer:
    """Call an operation with a machine's token."""
    payload = described.event()
    payload["requestContext"]["authorizer"]["jwt"]["claims"] = {
        "sub": "a-machine", "client_id": "a-machine", "token_use": "access", "scope": scope,
    }  # fmt: skip
    return invoke(described.folder, payload)


def is_admitted(route: str) -> bool:
    """Return whether a route is about tickets, context or gates."""
    parts = route.split("/")
    return parts[2:3] == ["servicenow"] and parts[3] in {*TABLES, "context", "gates"}


def test_machines_reach_each_kind_of_tickets() -> None:
    """A further table of tickets is one for machines, too."""
    assert {*TABLES, "context", "gates"} == MACHINES
    assert {route.split("/")[3] for route in SIGNED_IN if is_admitted(route)} >= {*TABLES, "gates"}


@pytest.mark.parametrize("route", SIGNED_IN)
def test_a_machine_is_admitted_to_tickets_context_and_gates(aws: "Aws", route: str) -> None:
    """All else is refused before anything is looked at, as a problem that says why."""
    answer = as_machine(SIGNED_IN[route])
    if is_admitted(route):
        assert answer.status != 403, answer.text
        return
    assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")
    assert answer.json["detail"] == "A machine's token opens tickets, context and gates alone."
    assert aws.items("AuditTable") == []


def test_a_machine_needs_no_scope_of_users(aws: "Aws", monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the stack wants scopes of users, a machine has its own."""
    monkeypatch.setenv("JWT_SCOPES", "tickets.write")
    route = SIGNED_IN["GET /api/servicenow/gates"]
    assert as_machine(route).status == 200
    assert as_machine(route, "openid").status == 403
