"""How many calls a request costs: to AWS, to ServiceNow, and TLS handshakes. Exact, never timed.

The stated minimum. Cold, a function that calls ServiceNow reads the connection, its secret, and
whether the instance is paused; a write also takes a share of the user's writes. Warm, a
read of ServiceNow costs no call to AWS at all, and a write two puts of the audit trail: what is
about to happen, and what became of it. With an Idempotency-Key the idempotency record stands in for
the first of them. Each update of a record asks in the same call whether its ticket has a row, and
notes what is about to be written.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.client import BaseClient

from actionsync.stores import pauses
from functions.operation import RECORD, Calls
from local.operations import operations
from local.servicenow import seed, server
from tests.conftest import _forget, call, event, invoke
from tests.integration.conftest import connect
from tests.integration.events import USER, Queues, alarm, deployment, error, on_bus, send
from tests.integration.examples import (
    put_example_address,
    put_example_gate,
    put_example_item,
    put_example_sign_in,
    put_example_tickets,
    put_example_webhook,
)
from tests.integration.test_auth_methods import instance  # noqa: F401 - a fixture
from tests.integration.test_rotation import secret, step  # noqa: F401 - a fixture
from tests.template import functions

if TYPE_CHECKING:
    from asyncio import BaseTransport

    from local.servicenow import Simulator
    from tests.conftest import Aws


# Each operation states the calls to AWS, cold and warm, and to ServiceNow when warm.
OPERATIONS = {described.operation.id: described for described in operations()}

FOLDED: Calls = {"UpdateItem": 2}  # the event is recorded: its moments, and its texts
SYNCED: Calls = {"PutItem": 1, "UpdateItem": 3}  # leased, written to ServiceNow, audited, ended
# Further: the ticket's row, the timer of its connection's looks, the event that comes out.
OPENED: Calls = {"PutItem": 3, "UpdateItem": 4, "PutEvents": 1}
# An incident counts against its rule's cap, and names the recent deployments of its application.
COUNTED: Calls = {**OPENED, "UpdateItem": 5, "Query": 1}
# A write of a ticket that has a row is noted there before and after.
WRITTEN: Calls = {**SYNCED, "UpdateItem": 5}
NOTED: Calls = {"BatchWriteItem": 1}  # the recent events of all owners, once an invocation
# The user's rules, the connection, and the pauses that concern it.
FIRST: Calls = {"GetItem": 2, "BatchGetItem": 1, "GetSecretValue": 1}


def _meeting(meeting_id: str) -> dict[str, Any]:
    items = [
        {"summary": summary, "details": "", "priority": "high", "impact": "high",
         "requires_incident": True, "assignee": None}
        for summary in ("Renew the certificate", "Add a second payment provider")
    ]  # fmt: skip
    detail = {"user_id": USER, "meeting_id": meeting_id, "title": "Weekly", "action_items": items}
    return on_bus("Meeting Processed", detail)


# The events of each kind in their order, with the calls to AWS and to ServiceNow. Two items of a
# meeting are two correlations, and a note that links their tickets.
EVENTS: dict[str, list[tuple[dict[str, Any], Calls, int]]] = {
    "error": [
        # The tick learns of the looks once a minute.
        (error(), {**FIRST, **COUNTED, "UpdateItem": 6}, 1),
        (error(), FOLDED, 0),
        (error(service="search"), COUNTED, 1),
    ],
    "alarm": [
        # Who answers for AWS's events, besides.
        (alarm("ALARM"), {**FIRST, **COUNTED, "UpdateItem": 6, "GetItem": 3}, 1),
        (alarm("ALARM", 1), FOLDED, 0),
        (alarm("INSUFFICIENT_DATA", 2), WRITTEN, 2),
        # Codes of the instance and the language of its user: asked once in a process.
        (alarm("OK", 3), {**WRITTEN, "GetItem": 1}, 4),
    ],
    "deployment": [
        # The pauses of another table, and a step of the change that is noted nowhere yet. Begun
        # and ended, a deployment is noted for the tickets that name what has changed.
        (deployment("started"), {"BatchGetItem": 1, "Query": 1, **OPENED, "UpdateItem": 6}, 5),
        # One note: the change waits for approval.
        (deployment("succeeded", 5), {**WRITTEN, "UpdateItem": 6, "Query": 1}, 4),
    ],
    "meeting": [
        # Whether all tickets of a meeting are there is read before they are linked.
        (_meeting("m-1"), {"GetItem": 2, "PutItem": 8, "UpdateItem": 11, "PutEvents": 2}, 3),
        (_meeting("m-2"), {"GetItem": 2, "PutItem": 8, "UpdateItem": 11, "PutEvents": 2}, 3),
    ],
}

# The steps of a rotation.
ROTATION: dict[str, tuple[Calls, int]] = {
    "createSecret": ({"GetSecretValue": 2, "PutSecretValue": 1}, 0),
    "setSecret": ({"GetSecretValue": 2, **RECORD}, 2),
    "testSecret": ({"GetSecretValue": 1}, 3),
    "finishSecret": (
        {"GetSecretValue": 2, "UpdateSecretVersionStage": 1, "UpdateItem": 1, **RECORD}, 0),
}  # fmt: skip


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the calls to AWS by their names, from now on."""
    counted: Counter[str] = Counter()
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def count(self: BaseClient, name: str, arguments: dict[str, Any]) -> Any:
        counted[name] += 1
        return original(self, name, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", count)
    monkeypatch.setattr("actionsync.stores.rates._MINUTE", 10**10)  # no minute ends in a test
    return counted


def test_every_function_is_counted() -> None:
    """Those of HTTP, of events, and the rotation."""
    others = {f"on_{kind}" for kind in EVENTS} | {
        "check_connection", "on_event", "receive_logs", "release_waiting", "rotate_secret"
    }  # fmt: skip
    assert {described.folder for described in OPERATIONS.values()} | others == set(functions())


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_request_makes_the_fewest_calls(
    aws: "Aws", connected: "Simulator", calls: Counter[str], name: str
) -> None:
    """Cold and warm, no call is made to AWS, or to ServiceNow, beyond what is stated."""
    described = OPERATIONS[name]
    function = described.folder
    for expected, is_first in ((described.cold_calls, True), (described.warm_calls, False)):
        _prepare(aws, connected, function, is_first=is_first)
        # The same signed body twice would be a duplicate.
        is_another = function == "receive_webhook" and not is_first
        payload = described.event()
        if described.operation.has_written_events:
            payload = event(function, "workflow_run_success" if is_another else "valid")
        payload["headers"].pop("idempotency-key", None)
        if is_first:
            _forget()  # what making the connection has warmed
        calls.clear()
        before = len(connected.requests)
        assert invoke(function, payload).status == described.operation.status
        assert dict(calls) == expected
    assert len(connected.requests) - before == described.operation.servicenow_calls


def _prepare(aws: "Aws", simulator: "Simulator", function: str, *, is_first: bool) -> None:
    """Put what the function's event names in its place, by other functions than this one."""
    simulator.reset()
    put_example_tickets(simulator)
    if ("webhook" in function or function == "send_delivery_again") and is_first:
        if function != "create_webhook":
            put_example_webhook(aws)
        boto3.client("events").create_event_bus(Name="events")
    if function == "create_config":
        call("delete_config")
        named = event("delete_config", "valid_delete_connection")
        named["rawPath"] = "/api/servicenow/connections/development"
        invoke("delete_config", named)
    if function in {"list_recipes", "update_recipe"}:
        invoke("update_recipe", event("update_recipe", "valid"))
    if function == "delete_config" and not is_first:
        connect(simulator, seed.INTEGRATION_USER)
    if function == "delete_webhook" and not is_first:
        put_example_webhook(aws)
    if function == "sign_in_connection":
        put_example_sign_in(simulator)
    if function in _PUT:
        _PUT[function]()
    if "unfinished_event" in function:
        put_example_item()


# What further functions' events name.
_PUT = {
    "gate_deployment": put_example_gate,
    "get_rules": put_example_address,
    "update_rules": put_example_address,
}


def test_a_key_costs_one_call_more(connected: "Simulator", calls: Counter[str]) -> None:
    """The claim takes the place of the announcement, and keeps the answer.

    A ticket has a row, and its connection looks, beside.
    """
    new = {"short_description": "Checkout answers 500"}
    for number in range(2):
        calls.clear()
        answer = call("create_incident", new, headers={"idempotency-key": f"cause {number}"})
        assert answer.status == 201
    assert calls == {"PutItem": 4, "UpdateItem": 1}
    calls.clear()
    assert call("create_incident", new, headers={"idempotency-key": "cause 1"}).status == 201
    assert calls == {"PutItem": 1}


def test_an_event_makes_the_fewest_calls(
    aws: "Aws", connected: "Simulator", calls: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recurrence is folded by two writes; what changes a ticket costs five."""
    monkeypatch.setattr(pauses, "_KNOWN_SECONDS", 60.0)  # on a slow machine too
    for user_id in (USER, "automation"):
        connect(connected, seed.INTEGRATION_USER, user_id=user_id)
    Queues(monkeypatch)
    boto3.client("events").create_event_bus(Name="events")
    _forget()
    for kind, events in EVENTS.items():
        for number, (incoming, expected, servicenow) in enumerate(events):
            calls.clear()
            before = len(connected.requests)
            assert send(kind, incoming) == []
            assert dict(calls) == {**expected, **NOTED}, (kind, number)
            assert len(connected.requests) - before == servicenow, (kind, number)


def test_a_rotation_makes_the_fewest_calls(
    instance: "Simulator",  # noqa: F811 - a fixture
    secret: str,  # noqa: F811 - a fixture
    calls: Counter[str],
) -> None:
    """Each step looks how far the rotation has come; the two that change something record it."""
    token = "0" * 32
    _forget()
    for name, (expected, servicenow) in ROTATION.items():
        calls.clear()
        before = len(instance.requests)
        step(name, secret, token)
        assert dict(calls) == expected, name
        assert len(instance.requests) - before == servicenow, name


def test_a_hundred_calls_shake_hands_once(
    connected: "Simulator", monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment opens one TLS connection to an instance, and keeps it."""
    shaken = 0
    original = server._Protocol.connection_made

    def connection_made(self: server._Protocol, transport: "BaseTransport") -> None:
        nonlocal shaken
        shaken += 1  # asyncio tells the protocol once the handshake is done
        original(self, transport)  # type: ignore[arg-type]

    monkeypatch.setattr(server._Protocol, "connection_made", connection_made)
    put_example_tickets(connected)
    for number in range(50):
        assert call("create_incident", {"short_description": f"{number}"}).status == 201
        assert call("get_incident").status == 200
    assert shaken == 1
