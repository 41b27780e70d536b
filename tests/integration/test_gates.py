"""Gates by HTTP: a deployment waits until its change is approved and its window is open."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionsync import clock
from tests.conftest import call
from tests.integration.events import USER, Queues, deployment, send
from tests.integration.gates import (
    approve,
    ask,
    changes,
    decide,
    gate,
    listed,
    pass_minutes,
    set_change,
    skip,
    ticks,
)
from tests.integration.test_event_functions import instance, queues  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.integration.conftest import Clock

UPPER_SYS_ID = "0123456789ABCDEF" * 2
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


@pytest.fixture
def asked(instance: "Simulator", time: "Clock") -> str:  # noqa: F811
    """The id of a gate that was asked for."""
    answer = ask()
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


def state(gate_id: str) -> tuple[str, str]:
    """Return what was decided, and why."""
    document = gate(gate_id).json
    return document["state"], document["reason"]


def test_it_waits_for_approval_and_goes(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    asked: str,
) -> None:
    """Its change is opened, submitted, and in Implement before the deployment goes on."""
    assert pass_minutes(queues, time) == 2, "the prompt of the request, and of the tick"
    (change,) = changes(instance)
    assert (change["state"], change["approval"]) == ("-4", "requested")
    document = gate(asked).json
    assert document["state"] == "waiting"
    assert document["reason"] == f"{change['number']} is in the state Assess"
    assert (document["change_number"], document["change_sys_id"]) == (
        change["number"],
        change["sys_id"],
    )
    assert gate(asked).headers["retry-after"] == "15"
    decide(instance, change["number"])
    pass_minutes(queues, time)
    assert state(asked) == ("waiting", f"{change['number']} is in the state Authorize")
    decide(instance, change["number"])
    pass_minutes(queues, time)
    assert state(asked) == ("go", f"{change['number']} is in the state Scheduled")
    assert "retry-after" not in gate(asked).headers
    assert [row["state"] for row in changes(instance)] == ["-1"]
    assert pass_minutes(queues, time, 3) == 0, "nothing is left to do"


def test_the_same_deployment_finds_its_gate(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    asked: str,
) -> None:
    """Another attempt, environment or application is another gate, with a change of its own."""
    assert ask().json["id"] == asked
    pass_minutes(queues, time)
    assert ask(environment="Production ").json["id"] == asked
    others = {
        ask(attempt=2).json["id"],
        ask(environment="staging").json["id"],
        ask(application="search").json["id"],
        ask(deployment_id="d-2").json["id"],
    }
    assert len({asked, *others}) == 5
    pass_minutes(queues, time)
    assert len(changes(instance)) == 5


def test_it_is_its_owners(instance: "Simulator", asked: str) -> None:  # noqa: F811
    """Another user neither reads it nor sees it in a list, and who is nobody opens none."""
    assert gate(asked, user_id="another").status == 404
    assert listed(user_id="another").json["items"] == []
    assert ask(user_id="another").status == 404
    assert [item["id"] for item in listed().json["items"]] == [asked]


def test_a_rejection_is_no(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    asked: str,
) -> None:
    """The change is back in New, where it was before; the rejected one is left as it is."""
    pass_minutes(queues, time)
    (change,) = changes(instance)
    decide(instance, change["number"], "rejected")
    pass_minutes(queues, time)
    assert state(asked) == ("no", f"{change['number']} went back to New")
    assert [row["state"] for row in changes(instance)] == ["-5"]


def test_a_standard_change_passes_at_once(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """It needs no approval: the first look opens it, moves it, and says go."""
    asked = ask(type="standard", template="Deploy a service").json["id"]
    assert send("event", *ticks(queues)) == []
    assert state(asked)[0] == "go"
    assert [row["state"] for row in changes(instance)] == ["-1"]


def test_it_waits_for_its_window(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """The planned dates are sent, and what came back counts, also where a person moves them."""
    start = time.moment.replace(microsecond=0) + timedelta(minutes=30)
    window = {"planned_start": start, "planned_end": start + timedelta(hours=1)}
    asked = ask(**{name: moment.isoformat() for name, moment in window.items()}).json["id"]
    pass_minutes(queues, time)
    (change,) = changes(instance)
    assert change["start_date"] == start.strftime("%Y-%m-%d %H:%M:%S")
    approve(instance, change["number"])
    skip(queues, time, 20)
    (change,) = changes(instance)
    assert change["state"] == "-2", "nothing moves it before its window"
    assert f"its window opens at {clock.iso(start)}" in state(asked)[1]
    later = start + timedelta(minutes=20)
    set_change(instance, change["number"], start_date=later.strftime("%Y-%m-%d %H:%M:%S"))
    skip(queues, time, 15)
    assert f"its window opens at {clock.iso(later)}" in state(asked)[1]
    skip(queues, time, 20)
    assert state(asked)[0] == "go"


def test_a_window_that_is_over_is_no(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """Nobody approved in time."""
    start = time.moment + timedelta(minutes=5)
    end = (start + timedelta(minutes=10)).isoformat()
    asked = ask(planned_start=start.isoformat(), planned_end=end).json["id"]
    skip(queues, time, 20)
    verdict, reason = state(asked)
    assert verdict == "no"
    assert "its planned end has passed" in reason


@pytest.mark.parametrize("named", ["CHG0039999", "chg0039999", UPPER_SYS_ID])
def test_an_existing_change_is_used_and_not_taken_over(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    named: str,
) -> None:
    """It is noted on, never moved, and never closed."""
    theirs = instance.instance.put(
        "change_request",
        sys_id=UPPER_SYS_ID,
        number="CHG0039999",
        short_description="Theirs",
        state="-4",
    )
    asked = ask(change_number=named).json["id"]
    pass_minutes(queues, time)
    assert changes(instance) == []
    document = gate(asked).json
    assert (document["state"], document["change_sys_id"]) == ("waiting", theirs["sys_id"])
    set_change(instance, "CHG0039999", state="-2")
    pass_minutes(queues, time)
    assert state(asked)[0] == "go"
    assert send("deployment", deployment("started", 60), deployment("succeeded", 90)) == []
    row = instance.instance.find("change_request", theirs["sys_id"])
    assert row is not None
    assert row["state"] == "-2"
    notes = [
        entry["value"]
        for entry in instance.records("sys_journal_field")
        if entry["element_id"] == theirs["sys_id"]
    ]
    assert [note.split(" ")[0:4] for note in notes] == [
        ["Deploy", "checkout", "2.4.0", "waits"],
        ["Deployment", "succeeded", "at", notes[1].split(" ")[3]],
    ]


def test_a_change_that_does_not_exist_is_no(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """In ServiceNow's own words."""
    asked = ask(change_number="CHG0099999").json["id"]
    pass_minutes(queues, time)
    verdict, reason = state(asked)
    assert verdict == "no"
    assert "No record of change_request has the number CHG0099999" in reason


def test_its_deployment_has_one_change(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    asked: str,
) -> None:
    """The start opens nothing, at whatever moment it comes; the end closes the gate's change."""
    assert send("deployment", deployment("started")) == []
    assert changes(instance) == []
    pass_minutes(queues, time)
    approve(instance, changes(instance)[0]["number"])
    pass_minutes(queues, time)
    assert state(asked)[0] == "go"
    assert send("deployment", deployment("started", 60)) == []
    assert send("deployment", deployment("succeeded", 90)) == []
    (change,) = changes(instance)
    assert (change["state"], change["close_code"]) == ("3", "successful")


def test_a_deployment_that_ends_while_it_waits_cancels_its_change(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    asked: str,
) -> None:
    """Nobody is asked to approve what nobody waits for."""
    pass_minutes(queues, time)
    assert send("deployment", deployment("stopped", 60)) == []
    assert state(asked) == ("no", "The deployment has ended: stopped")
    pass_minutes(queues, time)
    assert [row["state"] for row in changes(instance)] == ["4"]


def test_rules_say_who_waits(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """An application that always waits opens nothing by its start; one that is left out goes."""
    rules: dict[str, Any] = {
        "rules": [{"name": "staging", "match": {"environment": "staging"}, "then": "ignore"}],
        "deployments": {"gate": {"required": True}},
    }
    assert call("update_rules", rules, user_id=USER, headers={"if-match": "*"}).status == 200
    assert send("deployment", deployment("started"), deployment("failed", 60)) == []
    assert changes(instance) == []
    asked = ask(environment="staging").json["id"]
    pass_minutes(queues, time)
    assert state(asked) == ("go", "The rules ask for no change: ignore")
    assert changes(instance) == []


def test_gates_can_be_listed(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    asked: str,
) -> None:
    """Those that wait come first; a page leads to the next, and to nobody else's."""
    decided = ask(deployment_id="d-2", change_number="CHG0099999").json["id"]
    pass_minutes(queues, time)
    assert [item["id"] for item in listed().json["items"]] == [asked, decided]
    assert [item["id"] for item in listed(state="waiting").json["items"]] == [asked]
    first = listed(limit="1").json
    assert [item["id"] for item in listed(cursor=first["next"], limit="1").json["items"]] == [
        decided
    ]
    assert listed(cursor=first["next"], state="waiting").status == 422
    actions = [
        (item["action"], item["cause"])
        for item in call("get_activity", user_id=USER, query={}).json["items"]
    ]
    assert ("gate_no", "checkout") in actions
