"""Whatever an instance answers, every function that asks it says something clear."""

import os
import random
from typing import TYPE_CHECKING

import pytest

from servicenow_tools import Transport, tls_context
from tests.conftest import _forget, call
from tests.corrupting import CorruptingTransport
from tests.integration.conftest import connect
from tests.integration.examples import put_example_tickets

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock

ROUNDS = int(os.environ.get("ROUNDS", "10"))
FUNCTIONS = (
    "test_connection", "create_incident", "search_incidents", "get_incident", "update_incident",
    "close_incident", "create_change_request", "get_change_request", "update_change_request",
    "close_change_request", "note_record", "get_choices", "preview_rules",
)  # fmt: skip


@pytest.fixture
def transports(
    aws: "Aws", simulator: "Simulator", monkeypatch: pytest.MonkeyPatch
) -> list[CorruptingTransport]:
    """The ways on which functions reach the connected user's instance."""
    made: list[CorruptingTransport] = []
    chance = random.Random(4711)  # noqa: S311 - no secret

    def open_way(*_: object) -> CorruptingTransport:
        made.append(CorruptingTransport(Transport(tls_context(simulator.ca_file)), chance))
        return made[-1]

    monkeypatch.setattr("actionsync.connections.clients.guarded_transport", open_way)
    monkeypatch.setattr("actionsync.connections.clients.DEADLINE_SECONDS", 1.0)
    monkeypatch.setattr("servicenow_tools.retries._FIRST_PAUSE", 0.0)
    connect(simulator, "closer")
    put_example_tickets(simulator)
    return made


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_odd_answer_is_reported(
    transports: list[CorruptingTransport], time: "Clock", function: str
) -> None:
    """As a success or in words, never as a failure of ours."""
    changed = set()
    for _ in range(ROUNDS):
        time.advance(hours=1)
        transports.clear()
        _forget()
        answer = call(function)
        assert answer.status != 500, (transports[0].changed, answer.text)
        changed.add(transports[0].changed)
    assert changed != {"nothing"}
