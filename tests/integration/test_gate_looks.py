"""Looks at gates: one request for many, at once after a push, and what people did comes out."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionsync.queues.release import GATES_AT_ONCE
from local.servicenow import faults, seed
from tests.conftest import _forget, call
from tests.integration.events import USER, send
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
from tests.integration.test_push import prompts, push, webhook
from tests.integration.two_way import Office

if TYPE_CHECKING:
    from tests.conftest import Aws

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


def waiting(office: Office, count: int = 1) -> list[str]:
    """Return gates that wait for changes of their own, in the order of those."""
    for number in range(count):
        assert ask(deployment_id=f"d-{number}").status == 201
    pass_minutes(office.queues, office.time)
    of_change = {each["change_sys_id"]: each["id"] for each in listed().json["items"]}
    return [of_change[change["sys_id"]] for change in changes(office.instance)]


def test_many_gates_are_one_prompt_and_one_request(office: Office) -> None:
    """Each is decided by its own change; one whose change is hidden waits, and says so."""
    ids = waiting(office, 7)
    approve(office.instance, changes(office.instance)[0]["number"])
    office.instance.instance.delete("change_request", changes(office.instance)[1]["sys_id"])
    pass_minutes(office.queues, office.time)
    states = [gate(each).json for each in ids]
    assert [each["state"] for each in states] == ["go", *["waiting"] * 6]
    assert "cannot be read" in states[1]["reason"]
    office.instance.instance.put("change_request", sys_id=states[1]["change_sys_id"], state="3")
    before = len(office.instance.requests)
    assert pass_minutes(office.queues, office.time) == 1
    assert gate(ids[1]).json["state"] == "no"
    asked = [request.query for request in office.instance.requests[before:]]
    assert [len(re.findall("[0-9a-f]{32}", query)) for query in asked] == [6, 1]
    assert GATES_AT_ONCE <= 200, "what one request reads"


def test_a_push_is_a_look_at_its_gate(office: Office) -> None:
    """Within seconds; a change that no gate waits for hastens none."""
    (asked, other) = waiting(office, 2)
    hook = webhook()
    (change, _) = changes(office.instance)
    approve(office.instance, change["number"])
    assert push(hook, change["sys_id"], "change_request").status == 202
    assert send("event", *prompts(office)) == []
    assert gate(asked).json["state"] == "go"
    assert gate(other).json["state"] == "waiting"
    assert changes(office.instance)[0]["state"] == "-1"


def test_its_approval_comes_out_though_we_move_it_on(office: Office) -> None:
    """The gate sees the approval first; the event is the same, and nothing of ours is one."""
    (asked,) = waiting(office)
    office.minutes(3)
    office.bus.take()
    (change,) = changes(office.instance)
    decide(office.instance, change["number"])
    pass_minutes(office.queues, office.time)
    assert office.bus.kinds() == ["Ticket Updated"]
    decide(office.instance, change["number"])
    pass_minutes(office.queues, office.time)
    assert gate(asked).json["state"] == "go"
    ((kind, detail),) = office.bus.take()
    assert (kind, detail["before"]["state"], detail["after"]["state"]) == (
        "Change Approved", "-3", "-2",
    )  # fmt: skip
    assert [each["state"] for each in detail["approvals"]] == ["approved", "approved"]
    office.minutes(20)
    assert office.bus.kinds() == []


def test_an_instance_that_is_away_for_an_hour_decides_nothing(office: Office) -> None:
    """Gates wait, few requests are made, and what was approved meanwhile goes on afterwards."""
    ids = waiting(office, 3)
    approve(office.instance, changes(office.instance)[0]["number"])
    office.instance.faults.add(faults.hibernating(times=None))
    before = len(office.instance.requests)
    for _ in range(6):
        skip(office.queues, office.time, 10)
    assert len(office.instance.requests) - before < 12
    found = [gate(each).json for each in ids]
    assert {each["state"] for each in found} == {"waiting"}
    assert all(each["reason"].startswith("Not known: ") for each in found)
    office.instance.faults.clear()
    skip(office.queues, office.time, 20)  # one finds out for all
    pass_minutes(office.queues, office.time)
    assert [gate(each).json["state"] for each in ids] == ["go", "waiting", "waiting"]
    assert len(changes(office.instance)) == 3


@pytest.mark.parametrize("minutes", [-2, 2])
def test_a_clock_two_minutes_off_opens_no_window(
    office: Office, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """A window opens by the instance's clock, whichever of both is wrong; a gate ends by ours."""
    skew = timedelta(minutes=minutes)
    monkeypatch.setattr("local.servicenow.clock.Clock.moment", lambda _: office.time() + skew)
    start = office.time.moment.replace(microsecond=0) + timedelta(minutes=30)
    window = {"planned_start": start.isoformat()}
    asked = ask(**window, wait_minutes=60).json["id"]
    pass_minutes(office.queues, office.time)
    approve(office.instance, changes(office.instance)[0]["number"])
    opens = 30 - minutes
    skip(office.queues, office.time, opens - 2)
    assert gate(asked).json["state"] == "waiting"
    skip(office.queues, office.time, 2)
    assert gate(asked).json["state"] == "go"
    late = ask(deployment_id="late", wait_minutes=20).json["id"]
    pass_minutes(office.queues, office.time)
    skip(office.queues, office.time, 16)
    document = gate(late).json
    assert (document["state"], document["reason"][:4]) == ("no", "The ")


def test_an_approval_that_is_taken_back_between_two_looks_is_no(office: Office) -> None:
    """Back in New, the change waits for nobody; the event says that it was rejected."""
    (asked,) = waiting(office)
    (change,) = changes(office.instance)
    office.bus.take()
    approve(office.instance, change["number"])
    set_change(office.instance, change["number"], state="-5", approval="not requested")
    pass_minutes(office.queues, office.time)
    assert gate(asked).json["state"] == "no"
    ((kind, detail),) = office.bus.take()
    assert (kind, detail["before"]["state"], detail["after"]["state"]) == (
        "Change Rejected", "-4", "-5",
    )  # fmt: skip
    assert changes(office.instance)[0]["state"] == "-5"


def test_an_updated_stack_and_another_account_go_on(office: Office) -> None:
    """A gate is stored, whole: another process, with new credentials, brings it on."""
    (asked,) = waiting(office)
    password, *_ = seed.USERS["admin"]
    new = {"instance_url": office.instance.url, "username": "admin", "password": password}
    assert call("update_config", new, user_id=USER, headers={"if-match": "*"}).status == 200
    _forget()
    approve(office.instance, changes(office.instance)[0]["number"])
    pass_minutes(office.queues, office.time)
    assert gate(asked).json["state"] == "go"
    assert len(changes(office.instance)) == 1


def test_what_newer_code_has_written_is_left_to_it(office: Office, aws: "Aws") -> None:
    """Two versions run side by side: its prompt comes again, the other gates had their step."""
    newer, other = waiting(office, 2)
    key: Any = {"pk": {"S": f"GATE#{USER}"}, "sk": {"S": newer}}
    for version in ("2", "1"):
        aws.dynamodb.update_item(
            TableName="EventsTable",
            Key=key,
            UpdateExpression="SET version = :version",
            ExpressionAttributeValues={":version": {"N": version}},
        )
        for change in changes(office.instance):
            if change["state"] == "-4":
                approve(office.instance, change["number"])
        office.time.advance(minutes=20)
        failed = send("event", *ticks(office.queues))
        assert len(failed) == (1 if version == "2" else 0)
        assert gate(other).json["state"] == "go"
    assert gate(newer).json["state"] == "go"
