"""What an HTTP call and an event read and write is what docs/costs.md counts."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.client import BaseClient

from local.servicenow import seed
from tests import fast_dynamodb
from tests.conftest import _forget, call
from tests.integration.conftest import connect
from tests.integration.events import USER, Queues, error, send
from tests.unit.test_costs import numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.servicenow import Simulator
    from tests.conftest import Aws


@pytest.fixture
def units(aws: "Aws", monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The units of DynamoDB that are taken: each item of up to 1 KB written, of 4 KB read."""
    memory = fast_dynamodb.FAST.memory
    assert memory is not None
    monkeypatch.setattr(memory, "_counts", True)
    counted: Counter[str] = Counter()
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def count(self: BaseClient, name: str, arguments: dict[str, Any]) -> Any:
        before = memory.units.total()
        if name in {"GetItem", "Query"}:
            counted["read"] += 1
        elif name == "BatchGetItem":
            (asked,) = arguments["RequestItems"].values()
            counted["read"] += len(asked["Keys"])
        try:
            return original(self, name, arguments)
        finally:
            counted["written"] += memory.units.total() - before

    monkeypatch.setattr(BaseClient, "_make_api_call", count)
    return counted


def test_the_table_has_what_is_counted(
    connected: "Simulator", units: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that opens a ticket once for its key; an event that opens one; one that is folded."""
    connect(connected, seed.INTEGRATION_USER, user_id=USER)
    Queues(monkeypatch)
    boto3.client("events").create_event_bus(Name="events")
    send("error", error(service="another"))  # the connection looks from now on

    def opened() -> None:
        new = {"short_description": "Checkout answers 500"}
        answer = call("create_incident", new, user_id=USER, headers={"idempotency-key": "k"})
        assert answer.status == 201

    def taken(act: "Callable[[], Any]") -> tuple[int, int]:
        _forget()  # each comes to a process of its own
        units.clear()
        act()
        return units["written"], units["read"]

    called, written, folded = (
        taken(act)
        for act in (opened, lambda: send("error", error()), lambda: send("error", error(1)))
    )
    shown = zip(numbers("DynamoDB writes"), numbers("DynamoDB reads"), strict=True)
    assert list(shown) == [called, folded, written]
