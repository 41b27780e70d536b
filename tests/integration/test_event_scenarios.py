"""What seldom happens to events: odd clocks, a hot key, a week without quiet, a moved instance."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionsync import clock
from actionsync.events.decision import due_at, next_step
from actionsync.events.folding import Received, fold
from actionsync.stores.correlations import Correlation, CorrelationStore
from local.servicenow import Simulator, faults, seed
from operate.forget_user import forget
from tests import memory
from tests.conftest import call
from tests.integration.conftest import connect
from tests.integration.events import NOW, USER, Queues, alarm, error, send
from tests.integration.test_event_engine import event
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    queues,
)
from tests.integration.test_forget_user import stack  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from operate.forget_user import Stack
    from tests.conftest import Aws
    from tests.integration.conftest import Clock


def received(message: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Return a record that the queue got so long after NOW."""
    at = NOW + timedelta(seconds=seconds)
    sent = {"SentTimestamp": str(int(at.timestamp() * 1000))}
    return {**message, "attributes": {**message["attributes"], **sent}}


@pytest.mark.parametrize("ahead", [294, 306])
def test_a_clock_that_is_ahead_wins_nothing(
    instance: Simulator,  # noqa: F811
    time: "Clock",
    ahead: int,
) -> None:
    """A moment ahead of its receipt counts as that: the end a minute later ends it."""
    time.moment = NOW
    assert send("alarm", received(alarm("ALARM", ahead), 0)) == []
    time.advance(minutes=1)
    assert send("alarm", received(alarm("OK", 60), 60)) == []
    assert [row["state"] for row in made(instance)] == ["6"]


def test_a_clock_that_is_behind_is_in_order_with_itself(
    instance: Simulator,  # noqa: F811
    time: "Clock",
) -> None:
    """Ten minutes behind, its trigger comes after its end, and is over; the next one opens."""
    time.moment = NOW
    assert send("alarm", received(alarm("OK", -540), 0)) == []
    assert send("alarm", received(alarm("ALARM", -600), 5)) == []
    assert [row["state"] for row in made(instance)] == ["6"]
    time.advance(minutes=20)
    assert send("alarm", received(alarm("ALARM", 600), 1200)) == []
    assert [row["state"] for row in made(instance)] == ["2"]


@pytest.fixture
def correlations() -> CorrelationStore:
    """The store of correlations, over memory."""
    dynamodb: Any = memory.MemoryDynamoDB()
    return CorrelationStore(dynamodb, "EventsTable")


def ticket_of(correlations: CorrelationStore, known: Correlation, **synced: Any) -> Correlation:
    """Record that a key's ticket says all."""
    leased = correlations.lease(known, {"holder": uuid.uuid4().hex, "step": "create"}, 0)
    assert leased is not None
    done = correlations.finish(
        leased,
        {"sys_id": "1", "synced_phase": "trigger", "synced_trigger": known.triggered_at,
         "synced_count": known.count, "synced_severity": known.severity, **synced},
    )  # fmt: skip
    assert done is not None
    return done


def test_a_quiet_time_waits_a_week_for_quiet(
    correlations: CorrelationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an event every nine minutes the end of fifteen never counts; then it does, once."""
    now = NOW
    monkeypatch.setattr(clock, "now", lambda: now)

    def record(action: Any) -> Correlation:
        group = fold([Received(event(action, received_at=now))])
        return correlations.record("key", group.news)

    known = ticket_of(correlations, record("trigger"), settle_seconds=900, note_after=2**40)
    for number in range(7 * 24 * 60 // 9):
        now += timedelta(minutes=9)
        known = record("resolve" if number % 2 == 0 else "trigger")
        seconds = clock.epoch(now)
        assert due_at(known, "incident", seconds) == (seconds + 900) * (number % 2 == 0)
        for passed in (0, 539):
            assert next_step(known, "incident", seconds + passed) is None
    now += timedelta(minutes=9)
    known = record("resolve")
    assert next_step(known, "incident", clock.epoch(now) + 899) is None
    assert next_step(known, "incident", clock.epoch(now) + 900) == "resolve"
    assert known.settle_seconds == 900


@pytest.mark.parametrize(("size", "fits"), [(100, True), (10, False)])
def test_a_hot_key_does_not_throttle(
    correlations: CorrelationStore, monkeypatch: pytest.MonkeyPatch, *, size: int, fits: bool
) -> None:
    """DynamoDB takes a thousand write units of a key and second: ten thousand events in hundreds.

    They share a moment, as EventBridge's do. In tens they would not fit; docs/scale.md says so.
    """
    monkeypatch.setattr(clock, "now", lambda: NOW)
    one = event("trigger", texts={"message": "x" * 300, "title": "y" * 160})
    throttled = 0
    for start in range(0, 10_000, size):
        batch = [replace(one, id=str(number)) for number in range(start, start + size)]
        try:
            correlations.record("key", fold([Received(item) for item in batch]).news)
        except memory.ProvisionedThroughputExceededException:
            throttled += 1
    assert (throttled == 0) == fits
    assert correlations.get("key").count == 10_000 - throttled * size
    dynamodb: Any = correlations._dynamodb
    (units,) = dynamodb.of_key.values()
    assert units <= (2 * 10_000 / size if fits else memory.KEY_UNITS)


def test_keys_that_wait_go_to_the_instance_that_there_is(
    instance: Simulator,  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    tmp_path: "Path",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Made again on another host: what had no ticket is opened there, the old one's end is not."""
    send("alarm", alarm("ALARM"))
    send("error", error(service="opened"))
    (opened,) = [row for row in made(instance) if "opened" in row["short_description"]]
    instance.faults.add(faults.hibernating(times=None))
    time.advance(minutes=16)
    for service in ("opened", "first", "second"):
        send("error", error(960, service=service))
    assert len(queues.items("waiting")) == 3
    with Simulator(certificates=tmp_path) as other:
        monkeypatch.setenv("ALLOWED_INSTANCE_HOSTS", f"localhost:{other.port}")
        monkeypatch.setenv("INSTANCE_CA_FILE", other.ca_file)
        forgotten()
        assert call("delete_config", user_id=USER).status == 204
        connect(other, seed.INTEGRATION_USER, USER)
        forgotten()
        for _ in range(4):
            time.advance(minutes=16)
            assert send("error", *queues.tick()) == []
        here = made(other)
        assert sorted(row["short_description"].split()[0] for row in here) == [
            "first:", "opened:", "second:",
        ]  # fmt: skip
        (again,) = [row for row in here if "opened" in row["short_description"]]
        assert opened["number"] in again["description"]
        forgotten()
    assert queues.items("waiting") == queues.items("failed") == []
    instance.faults.clear()
    assert len(made(instance)) == 2


def forgotten() -> None:
    """Let another process go on."""
    from tests.conftest import _forget  # noqa: PLC0415 - in the middle of a test

    _forget()


def test_a_user_who_is_deleted_leaves_nothing_that_waits(
    aws: "Aws",
    instance: Simulator,  # noqa: F811
    queues: Queues,  # noqa: F811
    stack: "Stack",  # noqa: F811
    time: "Clock",
) -> None:
    """Prompts under way find nothing, the tick sends none; another's events go on."""
    connect(instance, seed.INTEGRATION_USER, "bob")
    instance.faults.add(faults.rate_limited(60, method="POST", times=None))
    send("error", error(), error(service="search"), error(user_id="bob"))
    assert len(queues.items("waiting")) == 3
    prompts = queues.waiting()
    forget(stack, USER)
    forgotten()
    instance.faults.clear()
    time.advance(minutes=2)
    assert send("error", *prompts) == []
    time.advance(minutes=12)
    assert send("error", *queues.tick()) == []
    time.advance(minutes=12)
    assert send("error", *queues.tick()) == []
    assert len(made(instance)) == 1
    left = [item for table in ("EventsTable", "WaitingTable") for item in aws.items(table)]
    assert [item for item in left if USER in str(item)] == []
    # What still comes in the user's name waits for a connection, and goes with the next run.
    send("error", error())
    assert [item["reason"]["S"] for item in queues.items("waiting")] == ["ConnectionNotFound"]
    assert forget(stack, USER)["waiting events"] == 1
    assert queues.items("waiting") == []
