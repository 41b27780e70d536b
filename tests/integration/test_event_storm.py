"""A storm: many events of few causes, in batches that arrive together.

`make storm` sends ten thousand events of a hundred causes.
"""

import os
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from actionsync import aws as clients
from tests.integration.events import Queues, error, send
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    queues,
    writes,
)

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws

EVENTS = int(os.environ.get("EVENTS", "500"))
CAUSES = min(100, EVENTS // 10)


def test_a_storm_is_folded(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811 - a fixture
    queues: Queues,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An incident a cause, at most three writes each, at most two DynamoDB writes an event."""
    calls: Counter[str] = Counter()
    make = clients.dynamodb()._make_api_call  # type: ignore[attr-defined]

    def call(name: str, arguments: dict[str, Any]) -> Any:
        calls[name] += 1
        return make(name, arguments)

    monkeypatch.setattr(clients.dynamodb(), "_make_api_call", call)
    records = [
        error(message=f"Payment {number} failed", fingerprint=f"cause {number % CAUSES}")
        for number in range(EVENTS)
    ]
    random.Random(4).shuffle(records)  # noqa: S311 - an order, not a secret
    before = writes(instance)
    for start in range(0, EVENTS, 10):  # as the template's BatchSize has it
        assert send("error", *records[start : start + 10]) == []
    incidents = made(instance)
    assert len(incidents) == CAUSES
    assert len({row["correlation_id"] for row in incidents}) == CAUSES
    assert writes(instance) - before == CAUSES
    items = [item for item in aws.items("EventsTable") if item["sk"]["S"] == "CORRELATION"]
    assert sum(int(item["count"]["N"]) for item in items) == EVENTS
    # All of them share a moment, so that each needs a second update; a ticket costs three more: its
    # lease, its record in the audit trail, and its number.
    written = calls["PutItem"] + calls["UpdateItem"] + calls["DeleteItem"]
    assert written <= 2 * EVENTS + 4 * CAUSES
    assert calls["GetItem"] < CAUSES
    assert queues.failed() == []
