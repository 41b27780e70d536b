"""A rule that opens too many tickets: what comes beyond its cap is one."""

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionsync.rules.models import Rules
from actionsync.stores.caps import CapStore
from actionsync.stores.correlations import CorrelationStore
from actionsync.wiring import stores
from local.servicenow import faults
from tests.integration.events import USER, Queues, error, send
from tests.integration.test_event_engine import event, handle
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    queues,
    save_rules,
)
from tests.integration.test_outage import KEYS, World

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock


def alert(key: str, action: Any = "trigger", **values: Any) -> Any:
    """Return an event of a key of its own."""
    return event(action, key=key, is_heartbeat=True, texts={"title": f"Title of {key}",
                 "message": "x", "occurred_at": "t", "status": "x"}, **values)  # fmt: skip


def test_what_is_beyond_the_cap_is_one_ticket(
    instance: "Simulator",  # noqa: F811 - a fixture's name
    aws: "Aws",
    time: "Clock",
) -> None:
    """It is resolved when all of it has ended, and the next hour has tickets again."""
    time.moment = time.moment.replace(minute=5)
    save_rules(aws, rules=[{"name": "loud", "then": {"cap": 2}}])
    for key in "abcd":
        assert handle(alert(key)).results[-1:] != ["held"]
    titles = sorted(row["short_description"] for row in made(instance))
    assert titles == ["More of loud", "Title of a", "Title of b"]
    more = next(row for row in made(instance) if row["short_description"] == "More of loud")
    assert "- Title of c" in more["description"]
    capped = [one for one in stores.activity_store().newest(USER) if one["action"] == "capped"]
    assert [one["rule"] for one in capped] == ["loud"]
    assert handle(alert("a")).results == ["deduplicated"]
    for key in "cd":
        handle(alert(key, "resolve"))
    time.advance(minutes=6)
    assert handle(alert("c", "resolve")).results == ["resolved"]
    time.advance(hours=1)
    assert handle(alert("c")).results == ["created"]
    assert len(made(instance)) == 4


def test_what_is_tried_again_counts_once(aws: "Aws", instance: "Simulator") -> None:  # noqa: F811
    """And the cap is each rule's own."""
    save_rules(aws, rules=[{"name": "one", "match": {"severity": "critical"}, "then": {"cap": 1}},
                           {"name": "two", "then": {"cap": 1}}])  # fmt: skip
    handle(alert("a", severity="critical"))
    handle(alert("b"))
    counts = [item["opened"]["N"] for item in aws.items("EventsTable") if "opened" in item]
    assert counts == ["1", "1"]
    handle(alert("a", "resolve", severity="critical"))
    handle(alert("a", severity="critical"))
    assert len(made(instance)) == 2


def test_what_a_pause_turns_away_is_not_counted(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    aws: "Aws",
    time: "Clock",
) -> None:
    """An outage fills no cap, however often what waits is tried."""
    time.moment = time.moment.replace(minute=5, second=0)
    save_rules(aws, rules=[{"name": "few", "then": {"cap": 3}}])
    instance.faults.add(faults.rate_limited(600, method="POST"))
    for service in "abc":  # the first meets the pause, and is counted once
        send("error", error(service=service))
    assert [item["opened"]["N"] for item in aws.items("EventsTable") if "opened" in item] == ["1"]
    for _ in range(15):
        time.advance(minutes=1)
        send("event", *queues.tick())
    assert len(made(instance)) == 3
    assert [item["opened"]["N"] for item in aws.items("EventsTable") if "opened" in item] == ["3"]


def test_another_workers_opening_is_not_counted_twice(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever loses the race for the lease gives the opening back; in another hour it stays."""
    save_rules(aws, rules=[{"name": "few", "then": {"cap": 3}}])
    with monkeypatch.context() as patch:
        patch.setattr(CorrelationStore, "lease", lambda *_: None)
        assert handle(alert("a")).results == ["deduplicated"]
    opened = [item["opened"]["N"] for item in aws.items("EventsTable") if "opened" in item]
    assert opened == ["0"]
    assert handle(alert("a", id="again")).results == ["created"]
    opened = [item["opened"]["N"] for item in aws.items("EventsTable") if "opened" in item]
    assert opened == ["1"]
    assert len(made(instance)) == 1
    caps = CapStore(aws.dynamodb, "EventsTable")
    caps.give_back("another")
    assert caps.take("another", USER, 1)


def test_thousands_of_new_keys_in_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many tickets as the rule opens in an hour, and one that lists all others.

    `make outage` tries ten thousand.
    """
    keys = min(10_000, max(400, KEYS))
    logging.disable(logging.CRITICAL)
    world = World(monkeypatch, rules=Rules())
    for first in range(0, keys, keys // 50):
        world.errors(first, first + keys // 50)
        world.now += timedelta(seconds=1)
    assert len(world.instance.made) == 101
    assert set(world.instance.made.values()) == {1}
    assert world.items("failed") == []
    world.minute(16)
    assert len(world.instance.made) == 101
    (note,) = world.instance.notes
    assert note.startswith(f"{keys - 100} of {keys - 100} go on")
    assert world.instance.files[-1].count("\nopen,") == keys - 100
    capped = [item for item in world.all("AuditTable") if '"capped"' in item["record"]["S"]]
    assert len(capped) == 1
    world.close()
    logging.disable(logging.NOTSET)


def test_a_process_remembers_that_a_limit_is_met(aws: "Aws", time: "Clock") -> None:
    """For the hour: no write after that; another process finds out by itself."""
    time.moment = time.moment.replace(minute=5)
    first, second = (CapStore(aws.dynamodb, "EventsTable") for _ in range(2))
    assert [first.take("r", "ada", 2) for _ in range(4)] == [True, True, False, False]
    assert len(first._met) == 1
    assert not second.take("r", "ada", 2)
    time.advance(hours=1)
    assert first.take("r", "ada", 2)


def test_a_group_over_the_cap_waits_for_the_next_hour(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    aws: "Aws",
    time: "Clock",
) -> None:
    """Where people see it."""
    time.moment = time.moment.replace(minute=50, second=0)
    save_rules(aws, rules=[{"name": "many", "then": {"cap": 1, "group_by": ["service"]}}])
    send("error", error(service="a"), error(service="b"))
    assert len(made(instance)) == 1
    (item,) = queues.items("waiting")
    assert item["reason"]["S"] == "OpeningCap"
    time.advance(minutes=11)
    send("event", *queues.tick())
    assert len(made(instance)) == 2
