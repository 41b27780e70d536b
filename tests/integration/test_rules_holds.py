"""Tickets that are held back: what heals makes none, what lasts makes one."""

from typing import TYPE_CHECKING, Any

import pytest

from actionsync.wiring import stores
from tests.integration.events import USER, Queues, error, send
from tests.integration.test_event_engine import event, handle
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    queues,
    save_rules,
)

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock

FIVE = [{"name": "calm", "then": {"hold": {"minutes": 5}}}]


def actions() -> list[str]:
    """Return what Activity says, the newest first."""
    return [str(record["action"]) for record in stores.activity_store().newest(USER)]


def test_what_heals_within_its_hold_makes_no_ticket(
    instance: "Simulator",  # noqa: F811 - a fixture's name
    aws: "Aws",
    time: "Clock",
) -> None:
    """Activity says so; what comes later begins another hold, and makes a ticket if it lasts."""
    save_rules(aws, rules=FIVE)
    first = event("trigger")
    handled = handle(first)
    assert (handled.results, handled.due_at) == (["held"], int(first.received_at.timestamp()) + 300)
    time.advance(minutes=2)
    assert handle(event("resolve")).results == ["healed"]
    assert handle(event("resolve")).results == ["deduplicated"]
    time.advance(minutes=4)
    assert handle(first, was_received=True).results == ["deduplicated"]
    assert handle(event("trigger")).results == ["held"]
    time.advance(minutes=4)
    assert handle(event("trigger")).results == ["held"]
    time.advance(minutes=2)
    assert handle(first, was_received=True).results == ["created"]
    assert len(made(instance)) == 1
    assert "healed" in actions()


@pytest.mark.parametrize("rules", [[], [{"name": "calm", "then": "ignore"}], FIVE])
def test_rules_are_asked_again_when_the_hold_is_over(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    time: "Clock",
    rules: list[dict[str, Any]],
) -> None:
    """Those of today: renamed, removed or ignoring by now."""
    save_rules(aws, rules=FIVE)
    first = event("trigger")
    handle(first)
    save_rules(aws, rules=rules)
    time.advance(minutes=6)
    expected = ["ignored"] if rules and rules[0]["then"] == "ignore" else ["created"]
    assert handle(first, was_received=True).results == expected


@pytest.mark.parametrize("order", ["first", "late", "together"])
def test_an_end_that_was_there_before_makes_no_ticket(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    order: str,
) -> None:
    """Whichever batches bring the two."""
    save_rules(aws, rules=FIVE)
    trigger, end = event("trigger"), event("resolve", 1)
    if order == "together":
        assert handle(trigger, end).results == ["healed"]
    else:
        for item in (end, trigger) if order == "first" else (trigger, end):
            handle(item)
    assert made(instance) == []
    assert actions().count("healed") == 1


def test_a_hold_precedes_reopening(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    time: "Clock",
) -> None:
    """A resolved ticket stays resolved until what is back has lasted."""
    handle(event("trigger"))
    handle(event("resolve", 1))
    save_rules(aws, rules=FIVE)
    time.advance(hours=1)
    again = event("trigger")
    assert handle(again).results == ["held"]
    assert handle(event("resolve", 1)).results == ["healed"]
    assert made(instance)[0]["state"] == "6"
    time.advance(hours=1)
    again = event("trigger")
    assert handle(again).results == ["held"]
    time.advance(minutes=6)
    assert handle(again, was_received=True).results == ["reopened"]


def test_what_gets_worse_opens_at_once_by_a_rule_without_a_hold(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
) -> None:
    """While held, a trigger of a higher severity asks the rules again."""
    loud = {"name": "loud", "match": {"severity": "critical"}, "then": {}}
    save_rules(aws, rules=[loud, *FIVE])
    assert handle(event("trigger")).results == ["held"]
    assert handle(event("trigger", 1, severity="medium")).results == ["held"]
    assert handle(event("trigger", 2, severity="critical")).results == ["created"]
    assert made(instance)[0]["urgency"] == "1"


def test_three_in_ten_minutes(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    time: "Clock",
) -> None:
    """The window is fixed; the third within one opens, and says how often it was."""
    hold = {"count": 3, "within_minutes": 10}
    save_rules(aws, rules=[{"name": "often", "match": {"source": "application"},
                            "then": {"hold": hold}}])  # fmt: skip
    handle(event("trigger"))
    handle(event("trigger", 1))
    time.advance(minutes=11)
    assert handle(event("trigger")).results == ["held"]
    assert handle(event("trigger", 1)).results == ["held"]
    assert handle(event("trigger", 2)).results == ["created"]
    assert handle(event("trigger", key="at once"), event("trigger", 1, key="at once"),
                  event("trigger", 2, key="at once")).results == ["created"]  # fmt: skip


def test_a_storm_costs_one_item_and_a_crash_loses_no_hold(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    aws: "Aws",
    time: "Clock",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tick opens it when it is due; what a dead worker left undone its message does."""
    save_rules(aws, rules=FIVE)
    put = stores.waiting_store().put
    with monkeypatch.context() as dying:
        dying.setattr(stores.waiting_store(), "put", lambda *_, **__: 1 / 0)
        first = error(severity="high")
        assert send("error", first) == [first["messageId"]]
    assert stores.waiting_store().put == put
    send("error", first, *(error(seconds, severity="high") for seconds in range(20)))
    assert made(instance) == []
    assert len(queues.waiting()) == 1
    time.advance(minutes=6)
    prompts = queues.tick()
    assert len(prompts) == 1
    send("prompts", *prompts)
    assert len(made(instance)) == 1
    assert queues.waiting() == []
