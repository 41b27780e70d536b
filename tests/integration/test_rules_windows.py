"""While an approved change is under way: what waits for its end, and what names it."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from actionsync import clock
from actionsync.runtime import run
from actionsync.wiring.events import services
from local.servicenow import faults
from tests import conftest
from tests.conftest import call
from tests.integration.events import USER, deployment, send
from tests.integration.test_event_engine import event, handle
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    notes,
    queues,
    save_rules,
)

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock

HOLD = [{"name": "changes", "then": {"during_change": "hold"}}]


def moment(hours: float) -> str:
    """Return a moment so many hours from now, as ServiceNow has it."""
    return f"{clock.now() + timedelta(hours=hours):%Y-%m-%d %H:%M:%S}"


@pytest.fixture
def change(instance: "Simulator", aws: "Aws", time: "Clock") -> dict[str, Any]:  # noqa: F811
    """A change of the checkout's CI that is under way for an hour; rules that wait for its end."""
    save_rules(aws, rules=HOLD)
    return planned(instance)


def planned(instance: "Simulator", **values: Any) -> dict[str, Any]:  # noqa: F811
    """Put a change into the instance: under way, of the CI `Checkout`, in production."""
    ci = instance.instance.put("cmdb_ci_service", name="Checkout", environment="production")
    return instance.instance.put(
        "change_request",
        **{
            "short_description": "New database", "state": "-1", "on_hold": "false",
            "cmdb_ci": ci["sys_id"], **_moments({"start_date": -1, "end_date": 1, **values}),
        },
    )  # fmt: skip


def _moments(values: dict[str, Any]) -> dict[str, Any]:
    """Return values with moments for hours from now."""
    return {
        name: value if isinstance(value, str) else moment(value) for name, value in values.items()
    }


def alarm(action: Any = "trigger", second: float = 0, **values: Any) -> Any:
    """Return an event of a source that has ends."""
    named = {"source": "alertmanager", "name": "checkout", "is_heartbeat": True, **values}
    return event(action, second, **named)


def tick() -> None:
    """Let the timers of windows do what is due."""
    for item in boto3.client("dynamodb").scan(TableName="WaitingTable")["Items"]:
        is_due = int(item.get("next_at", {"N": "9" * 12})["N"]) <= clock.epoch(clock.now())
        if item.get("table") == {"S": "#windows"} and is_due:
            timer_id = item["pk"]["S"].removeprefix("TIMER#")
            run(_handle(timer_id))


async def _handle(timer_id: str) -> None:
    await services().timers["windows"]([timer_id], 0.0)


def pass_by(time: "Clock", minutes: int) -> None:
    """Let minutes pass, with the tick at work."""
    for _ in range(minutes // 5):
        time.advance(minutes=5)
        tick()


def test_it_waits_for_the_end_of_a_change(
    instance: "Simulator",  # noqa: F811
    change: dict[str, Any],
    time: "Clock",
) -> None:
    """Then it opens, if it goes on, with its cause; the change has two notes."""
    first = alarm()
    assert handle(first).results == ["held"]
    assert handle(alarm(key="of another", name="search")).results == ["created"]
    tick()
    pass_by(time, 30)
    assert handle(first, was_received=True).results == ["held"]
    ended = alarm(key="heals")
    assert handle(ended).results == ["held"]
    assert handle(alarm("resolve", key="heals")).results == ["healed"]
    pass_by(time, 35)
    handled = handle(first, was_received=True)
    assert handled.results == ["created"]
    assert handle(ended, was_received=True).results == ["deduplicated"]
    assert sorted(row["caused_by"] for row in made(instance)) == ["", change["sys_id"]]
    texts = sorted(notes(instance, change["sys_id"]), key=lambda text: "The first" not in text)
    assert "no ticket is opened" in texts[0]
    assert "for 2 of its events" in texts[1]
    assert texts[1].count("is over") == texts[1].count("goes on") == 1
    assert len(notes(instance, change["sys_id"])) == 2


@pytest.mark.parametrize(
    ("values", "is_held"),
    [
        ({}, True),
        ({"state": "-2"}, True),
        ({"state": "-4"}, False),
        ({"state": "0"}, False),
        ({"on_hold": "true"}, False),
        ({"start_date": 0.5}, False),
        ({"end_date": -0.1}, False),
        ({"start_date": ""}, False),
        ({"cmdb_ci": ""}, False),
    ],
)
def test_only_what_is_approved_and_open_holds(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    time: "Clock",
    values: dict[str, Any],
    *,
    is_held: bool,
) -> None:
    """Scheduled or Implement, not on hold, within its planned time."""
    save_rules(aws, rules=HOLD)
    planned(instance, **values)
    assert handle(alarm()).results == (["held"] if is_held else ["created"])


@pytest.mark.parametrize(
    ("values", "is_held"),
    [({"environment": "Production"}, True), ({"environment": "staging"}, False),
     ({"name": "search", "service": "CHECKOUT"}, True), ({"name": "search"}, False)],
)  # fmt: skip
def test_what_a_change_touches(
    instance: "Simulator",  # noqa: F811
    change: dict[str, Any],
    values: dict[str, Any],
    *,
    is_held: bool,
) -> None:
    """By CI, service or application, where the environment is equal or unknown."""
    assert handle(alarm(**values)).results == (["held"] if is_held else ["created"])


def test_affected_cis_count(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    time: "Clock",
) -> None:
    """And the service; without the right to read them, the change's own CI does."""
    save_rules(aws, rules=HOLD)
    other = instance.instance.put("cmdb_ci_service", name="Payments")
    change = planned(instance, business_service=other["sys_id"])
    ci = instance.instance.put("cmdb_ci_server", name="db-1")
    instance.instance.put("task_ci", task=change["sys_id"], ci_item=ci["sys_id"])
    for name in ("db-1", "payments", ci["sys_id"]):
        assert handle(alarm(key=name, name=name)).results == ["held"], name
    instance.faults.add(faults.error(403, "Not allowed", "x", path="*/task_ci", times=None))
    pass_by(time, 10)
    assert handle(alarm(key="again", name="db-1")).results == ["created"]
    assert handle(alarm(key="another", name="checkout")).results == ["held"]


@pytest.mark.parametrize("moved", [{"end_date": 3}, {"state": "4"}, {"end_date": ""}])
def test_a_window_that_moves_counts_as_it_is(
    instance: "Simulator",  # noqa: F811
    change: dict[str, Any],
    time: "Clock",
    moved: dict[str, Any],
) -> None:
    """Extended it holds on; cancelled, or without an end, it holds no more."""
    first = alarm()
    handle(first)
    is_longer = bool(moved.get("end_date"))
    instance.instance.change("change_request", change["sys_id"], **_moments(moved))
    pass_by(time, 70 if is_longer else 5)
    expected = ["held"] if is_longer else ["created"]
    assert handle(first, was_received=True).results == expected


def test_without_a_good_read_it_opens(
    instance: "Simulator",  # noqa: F811
    change: dict[str, Any],
    time: "Clock",
) -> None:
    """Unreadable in the middle, what was read is good for ten minutes; unread, for none."""
    first = alarm()
    handle(first)
    instance.faults.add(faults.error(403, "Not allowed", "x", path="*/change_request", times=None))
    pass_by(time, 5)
    assert handle(first, was_received=True).results == ["held"]
    pass_by(time, 5)
    assert handle(first, was_received=True).results == ["created"]
    assert handle(alarm(key="later")).results == ["created"]
    instance.faults.clear()
    pass_by(time, 5)
    assert handle(alarm(key="last")).results == ["held"]


def test_it_waits_no_longer_than_the_rule_says(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    time: "Clock",
) -> None:
    """From its first event on, however long the window is."""
    during = {"do": "hold", "longest_hours": 1}
    save_rules(aws, rules=[{"name": "x", "then": {"during_change": during}}])
    planned(instance, end_date=30)
    first = alarm()
    assert handle(first).results == ["held"]
    pass_by(time, 55)
    assert handle(alarm(second=1)).results == ["held"]
    assert handle(first, was_received=True).due_at <= clock.epoch(clock.now()) + 300
    pass_by(time, 10)
    assert handle(first, was_received=True).results == ["created"]


def test_what_sends_no_ends_opens_if_anything_came_meanwhile(
    instance: "Simulator",  # noqa: F811
    change: dict[str, Any],
    time: "Clock",
) -> None:
    """An error that occurred once, as the change began, is let be."""
    once, again = (event("trigger", source="application", key=key, name="checkout") for key in "ab")
    assert handle(once).results == handle(again).results == ["held"]
    later = event("trigger", 60, source="application", key="b", name="checkout")
    assert handle(later).results == ["held"]
    pass_by(time, 65)
    assert handle(once, was_received=True).results == ["healed"]
    assert handle(again, was_received=True).results == ["created"]
    assert handle(once, was_received=True).results == ["deduplicated"]


def test_a_worse_one_asks_the_rules_again(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    change: dict[str, Any],
) -> None:
    """By a rule that does not wait it opens at once, and names the change."""
    critical = {"name": "now", "match": {"severity": "critical"}, "then": {"during_change": "open"}}
    save_rules(aws, rules=[critical, *HOLD])
    assert handle(alarm(severity="high")).results == ["held"]
    assert handle(alarm(second=1, severity="critical")).results == ["created"]
    (row,) = made(instance)
    assert row["caused_by"] == change["sys_id"]
    assert f"- {change['number']}: New database, planned until" in row["description"]


def test_one_ticket_for_many_waits_while_each_touches_a_change(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    change: dict[str, Any],
    time: "Clock",
) -> None:
    """One member that no change touches opens it."""
    then = {"group_by": [], "during_change": "hold"}
    save_rules(aws, rules=[{"name": "many", "then": then}])
    first = alarm(key="a")
    assert handle(first).results == ["held"]
    assert handle(alarm(key="b")).results == ["held"]
    pass_by(time, 5)
    assert handle(alarm(key="c", name="search")).results == ["created"]
    assert len(made(instance)) == 1


def test_the_context_of_a_service(
    instance: "Simulator",  # noqa: F811
    change: dict[str, Any],
) -> None:
    """Its open tickets, whoever opened them, changes under way, and recent deployments."""
    started = deployment("started", user_id=USER, application="Checkout", deployment_id="7",
                         version="2.4", occurred_at=clock.iso(clock.now()))  # fmt: skip
    send("deployment", started)
    tickets = [("x", "Checkout", "true"), ("checkout fails", "", "true"),
               ("checkout failed", "", "false"), ("search fails", "", "true")]  # fmt: skip
    for text, ci, active in tickets:
        known = change["cmdb_ci"] if ci else ""
        instance.instance.put("incident", short_description=text, cmdb_ci=known, active=active)
    payload = conftest.event("preview_rules", "valid_get_context")
    payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = USER
    found = conftest.invoke("preview_rules", payload).json
    assert {one["short_description"] for one in found["tickets"]} == {"x", "checkout fails"}
    (planned_one,) = found["changes"]
    assert (planned_one["number"], planned_one["is_open"]) == (change["number"], True)
    (deployed,) = found["deployments"]
    assert deployed["title"] == "Checkout 2.4"
    payload["queryStringParameters"] = {"service": "checkout", "environment": "staging"}
    assert conftest.invoke("preview_rules", payload).json["changes"] == []


def test_its_timer_ends_with_the_rules_that_ask(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    change: dict[str, Any],
    time: "Clock",
) -> None:
    """Or with its connection."""
    handle(alarm(name="search"))
    assert timers()
    save_rules(aws)
    pass_by(time, 5)
    assert not timers()
    save_rules(aws, rules=HOLD)
    pass_by(time, 10)
    handle(alarm(key="again", name="search"))
    assert timers()
    assert call("delete_config", user_id=USER).status == 204
    pass_by(time, 5)
    assert not timers()


def timers() -> list[Any]:
    """Return the timers of windows."""
    found = boto3.client("dynamodb").scan(TableName="WaitingTable")["Items"]
    return [
        item
        for item in found
        if item.get("table") == {"S": "#windows"} and item["pk"]["S"].startswith("TIMER#")
    ]
