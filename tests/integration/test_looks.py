"""Looks: what people do in ServiceNow comes out once, in sequence, and nothing of ours does."""

from typing import TYPE_CHECKING

import pytest

from actionsync.wiring import stores
from local.servicenow import seed
from tests.conftest import call
from tests.integration.events import USER, Queues, alarm, deployment, error, send
from tests.integration.test_event_functions import instance, made, queues  # noqa: F401 - fixtures
from tests.integration.two_way import Bus, Office, user_of

if TYPE_CHECKING:
    from actionsync.stores.tickets import Row
    from local.servicenow import Simulator
    from tests.integration.conftest import Clock

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


@pytest.fixture
def office(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    monkeypatch: pytest.MonkeyPatch,
) -> Office:
    """People and a stack that looks."""
    return Office(instance, queues, time, Bus(monkeypatch))


def rows(user: str = USER) -> "list[Row]":
    """Return a user's rows."""
    connection = stores.connection_store().get(user)
    assert connection is not None
    return list(stores.ticket_store().rows(connection.id))


def opened(office: Office) -> str:
    """Open an incident by an event, and return its sys_id."""
    send("error", error())
    (ticket,) = made(office.instance)
    return ticket["sys_id"]


def test_an_opening_is_said_and_its_ticket_looked_at(office: Office) -> None:
    """The source's own identifiers come along; the first look finds nothing new."""
    sys_id = opened(office)
    ((kind, detail),) = office.bus.take()
    (ticket,) = made(office.instance)
    assert kind == "Ticket Opened"
    assert (detail["id"], detail["sequence"]) == (f"{sys_id}-1", 1)
    assert (detail["owner"], detail["connection"], detail["kind"]) == (USER, "default", "incident")
    assert (detail["table"], detail["number"]) == ("incident", ticket["number"])
    assert detail["url"].endswith(f"incident.do%3Fsys_id%3D{sys_id}")
    assert detail["origin"]["source"] == "application"
    assert detail["origin"]["name"] == "checkout"
    assert ticket["correlation_id"] == f"actionsync-{detail['dedup_key']}"
    (row,) = rows()
    assert row.unsent == ()
    assert row.columns["state"] == "1"
    assert row.own_user == seed.INTEGRATION_USER
    assert office.look() == []
    assert rows() == [row]


def test_what_a_person_does_comes_out_once_and_in_sequence(office: Office) -> None:
    """Assigned, updated, resolved, reopened, closed: with before and after; then the row goes."""
    sys_id = opened(office)
    assert office.bus.kinds() == ["Ticket Opened"]
    admin = user_of(office.instance, "admin")
    office.edit(sys_id, assigned_to=admin, state="2")
    (assigned, updated) = office.look()
    assert assigned[0] == "Ticket Assigned"
    assert (assigned[1]["before"], assigned[1]["after"]) == (
        {"assigned_to": ""}, {"assigned_to": admin},
    )  # fmt: skip
    assert (assigned[1]["who"], assigned[1]["updates"]) == ("admin", 1)
    assert updated[0] == "Ticket Updated"
    assert (updated[1]["before"]["state"], updated[1]["after"]["state"]) == ("1", "2")
    office.edit(sys_id, state="6", close_code="Solution provided", close_notes="Done")
    ((kind, resolved),) = office.look()
    assert kind == "Ticket Resolved"
    assert resolved["after"]["close_notes"] == "Done"
    office.edit(sys_id, state="2")
    assert [kind for kind, _ in office.look()] == ["Ticket Reopened"]
    assert office.look() == []
    office.edit(sys_id, state="6", close_code="Solution provided", close_notes="Done")
    office.edit(sys_id, state="7")
    ((kind, closed),) = office.look()
    assert (kind, closed["updates"], closed["who"]) == ("Ticket Resolved", 2, "")
    assert closed["after"]["active"] == "false"
    assert closed["sequence"] == 6
    assert rows() == []
    assert office.minutes(60) <= 2, "without rows nobody looks"


def test_a_change_of_ours_is_none(office: Office) -> None:
    """Recurrence, recovery and reopening by events, and an edit by the API, are no news."""
    send("alarm", alarm("ALARM"))
    sys_id = made(office.instance)[0]["sys_id"]
    office.bus.take()
    send("alarm", alarm("OK", seconds=60))
    assert made(office.instance)[0]["state"] == "6"
    assert office.look() == []
    send("alarm", alarm("ALARM", seconds=3000))
    assert made(office.instance)[0]["state"] == "2"
    assert office.look() == []
    answer = call(
        "update_incident", {"short_description": "Ours"}, user_id="automation", path={"id": sys_id}
    )
    assert answer.status == 200, answer.text
    assert office.look() == []
    connection = stores.connection_store().get("automation")
    assert connection is not None
    row = stores.ticket_store().get(connection.id, "incident", sys_id)
    assert row is not None
    assert (row.columns["short_description"], row.pending, row.own_writes) == ("Ours", {}, 0)


def test_a_persons_change_is_not_lost_with_ours(office: Office) -> None:
    """Three edits by a person, and a note of ours two seconds later: the last writer is us."""
    sys_id = opened(office)
    office.bus.take()
    for state, urgency in (("2", "1"), ("3", "3"), ("2", "2")):
        office.edit(sys_id, state=state, urgency=urgency, hold_reason="1" if state == "3" else "")
    office.time.advance(seconds=2)
    note = {"work_note": "ours"}
    path = {"id": sys_id}
    assert call("note_record", note, user_id=USER, path=path).status == 201
    ((kind, detail),) = office.look()
    assert kind == "Ticket Updated"
    assert detail["after"]["state"] == "2"
    assert (detail["updates"], detail["who"]) == (3, "")


def test_a_change_request_is_approved_and_rejected(office: Office) -> None:
    """The step into Scheduled is the approval; a rejection comes with the approver's words."""
    send("deployment", deployment("started"))
    (change,) = made(office.instance, "change_request")
    sys_id = change["sys_id"]
    office.bus.take()
    inside = office.instance.instance
    office.edit(sys_id, table="change_request", state="-4")
    assert [kind for kind, _ in office.look()] == ["Ticket Updated"]
    for step in ("Ticket Updated", "Change Approved"):
        asked = office.instance.one("sysapproval_approver", sysapproval=sys_id, state="requested")
        row = inside.find("sysapproval_approver", asked["sys_id"])
        assert row is not None
        inside.update("sysapproval_approver", row, {"state": "approved"}, inside.accounts["admin"])
        found = office.look()
        assert [kind for kind, _ in found] == [step]
    (_, detail) = found[0]
    assert detail["after"]["state"] == "-2"
    assert [each["state"] for each in detail["approvals"]] == ["approved", "approved"]
