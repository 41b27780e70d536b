"""Looks: what people do in ServiceNow comes out once, in sequence, and nothing of ours does."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from actionsync.runtime import run
from actionsync.wiring import stores
from actionsync.wiring.servicenow import client_cache
from local.servicenow import faults, seed
from tests.conftest import _forget, call
from tests.integration.events import NOW, USER, alarm, deployment, error, send
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    queues,
    save_rules,
)
from tests.integration.two_way import Office, user_of

if TYPE_CHECKING:
    from actionsync.stores.tickets import Row
    from tests.conftest import Aws

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


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
    assert office.minutes(60, step=5) <= 2, "without rows nobody looks"


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


@pytest.mark.parametrize(
    ("answer", "kind", "state", "comment"),
    [("approved", "Change Approved", "-2", ""), ("rejected", "Change Rejected", "-5", "Too early")],
)
def test_a_change_request_is_decided(
    office: Office, answer: str, kind: str, state: str, comment: str
) -> None:
    """The step into Scheduled is the approval; both come with the approvers' answers."""
    send("deployment", deployment("started"))
    (change,) = made(office.instance, "change_request")
    sys_id = change["sys_id"]
    office.bus.take()
    inside = office.instance.instance
    office.edit(sys_id, table="change_request", state="-4")
    assert [kind for kind, _ in office.look()] == ["Ticket Updated"]
    for decided, expected in (("approved", "Ticket Updated"), (answer, kind)):
        asked = office.instance.one("sysapproval_approver", sysapproval=sys_id, state="requested")
        row = inside.find("sysapproval_approver", asked["sys_id"])
        assert row is not None
        said = {"state": decided, "comments": comment}
        inside.update("sysapproval_approver", row, said, inside.accounts["admin"])
        found = office.look()
        assert [kind for kind, _ in found] == [expected]
    (_, detail) = found[0]
    assert detail["after"]["state"] == state
    assert [each["state"] for each in detail["approvals"]] == ["approved", answer]
    assert detail["approvals"][1]["comments"] == comment


def test_a_look_that_dies_between_store_and_send_is_followed(office: Office) -> None:
    """The bus is away: what was stored is sent by the next look, once, in its order."""
    office.bus.is_away = True
    sys_id = opened(office)
    office.edit(sys_id, state="2")
    assert office.look() == []
    office.edit(sys_id, urgency="1")
    assert office.look() == []
    (row,) = rows()
    assert [event["type"] for event in row.unsent] == ["Ticket Opened", *["Ticket Updated"] * 2]
    office.bus.is_away = False
    found = office.look()
    assert [detail["sequence"] for _, detail in found] == [1, 2, 3]
    assert office.look() == []
    assert rows()[0].unsent == ()


def test_a_ticket_is_gone_after_two_looks_an_hour_apart(office: Office) -> None:
    """A transient 404 makes nothing; deleted, it is said once, and its row goes."""
    sys_id = opened(office)
    inside = office.instance.instance
    before = dict(office.instance.one("incident", sys_id=sys_id))
    inside.delete("incident", sys_id)
    assert office.look() == []
    inside.put("incident", **before)
    office.minutes(20)
    assert office.bus.kinds() == []
    inside.delete("incident", sys_id)
    office.minutes(105, step=15)
    assert office.bus.kinds() == ["Ticket Deleted"]
    assert rows() == []


def test_a_role_that_is_gone_deletes_no_ticket(office: Office) -> None:
    """Most are missing at once: none is gone, its owner learns of it, and no other is opened."""
    send("error", *(error(service=f"s{number}") for number in range(12)))
    inside = office.instance.instance
    before = [dict(ticket) for ticket in made(office.instance)]
    office.bus.take()
    for ticket in before:
        inside.delete("incident", ticket["sys_id"])
    office.minutes(120, step=15)
    assert office.bus.kinds() == []
    assert len(rows()) == 12
    (said,) = [item for item in activity() if item["action"] == "missing"]
    assert (said["reason_type"], said["reason"][:8]) == ("TicketsMissing", "12 of 12")
    at = int((office.time.moment - NOW).total_seconds())
    send("error", error(at, service="s1"))
    assert made(office.instance) == [], "it waits instead of opening another"
    ((reason, _),) = [(item["reason"]["S"], item) for item in office.queues.items("waiting")]
    assert reason == "TicketsMissing"
    for ticket in before:
        inside.put("incident", **ticket)
    assert call("test_connection", None, user_id=USER).json["success"]
    office.minutes()
    assert [item["action"] for item in activity()].count("found") == 1, (
        "a good test has it looked at"
    )
    office.minutes(30, step=15)
    assert [item["action"] for item in activity()].count("found") == 1
    assert len(made(office.instance)) == 12
    assert office.bus.kinds() == []
    assert office.queues.items("waiting") == []


def test_a_restored_instance_counts_at_the_second_look(office: Office) -> None:
    """An older record is dropped once; the same again is how it is."""
    sys_id = opened(office)
    office.edit(sys_id, state="2")
    office.edit(sys_id, urgency="1")
    office.look()
    inside = office.instance.instance
    inside.change("incident", sys_id, state="1", urgency="2", sys_mod_count="0")
    assert office.look() == []
    ((kind, detail),) = office.look()
    assert (kind, detail["after"]["state"]) == ("Ticket Updated", "1")
    assert office.look() == []


def test_an_assignment_rule_takes_nothing_over(office: Office) -> None:
    """What the instance assigns in the first minutes is an event, and the end resolves it."""
    send("alarm", alarm("ALARM"))
    sys_id = made(office.instance)[0]["sys_id"]
    office.time.advance(seconds=5)
    inside = office.instance.instance
    someone = user_of(office.instance, "beth.anglin")
    inside.change("incident", sys_id, assigned_to=someone)  # no count, no writer
    assert [kind for kind, _ in office.look()] == ["Ticket Assigned"]
    send("alarm", alarm("OK", seconds=600))
    assert made(office.instance)[0]["state"] == "6"


def test_resolved_while_it_fires_is_said(office: Office) -> None:
    """The event and Activity say so; the alarm that only goes on reopens nothing."""
    send("alarm", alarm("ALARM"))
    sys_id = made(office.instance)[0]["sys_id"]
    office.look()
    office.edit(sys_id, state="6", close_code="Solution provided", close_notes="Done")
    ((kind, detail),) = office.look()
    assert (kind, detail["is_firing"]) == ("Ticket Resolved", True)
    (shown,) = [item for item in activity("automation") if item["action"] == "resolved"]
    assert (shown["kind"], shown["cause"]) == ("servicenow", "admin")
    assert "goes on" in shown["warnings"][0]
    assert (shown["before"], shown["after"]) == ({"state": "1"}, {"state": "6"})
    send("alarm", alarm("ALARM", seconds=300))
    assert made(office.instance)[0]["state"] == "6"


def test_comments_come_out_where_a_rule_says_so(office: Office, aws: "Aws") -> None:
    """A person's, with author and text; neither ours, nor what is known, nor without a rule."""
    save_rules(aws, errors={"send_comments": True})
    sys_id = opened(office)
    office.bus.take()
    office.edit(sys_id, comments="Is it over?")
    office.time.advance(seconds=1)
    office.edit(sys_id, work_notes="Looks like the disk.")
    note = {"work_note": "Ours"}
    assert call("note_record", note, user_id=USER, path={"id": sys_id}).status == 201
    found = office.look()
    assert [kind for kind, _ in found] == ["Ticket Commented"] * 2
    said = [detail["comment"] for _, detail in found]
    assert [(each["element"], each["text"], each["author"]) for each in said] == [
        ("comments", "Is it over?", "admin"), ("work_notes", "Looks like the disk.", "admin"),
    ]  # fmt: skip
    office.edit(sys_id, comments="Thanks")
    assert [detail["comment"]["text"] for _, detail in office.look()] == ["Thanks"]
    assert office.look() == []


def test_a_write_whose_answer_is_lost_is_ours(office: Office) -> None:
    """What was announced is known by the next look; what was refused is announced no more."""
    sys_id = opened(office)
    office.bus.take()
    office.instance.faults.add(faults.Fault(method="PATCH", after_commit=True, reset=True))
    change: dict[str, Any] = {"urgency": "3", "impact": "3"}
    path = {"id": sys_id}
    answer = call("update_incident", change, user_id=USER, path=path)
    assert answer.status in {200, 502, 503, 504}
    assert made(office.instance)[0]["urgency"] == "3"
    found = office.look()
    assert [set(detail["after"]) for _, detail in found] == [{"priority"}], "which is ServiceNow's"
    (row,) = rows()
    assert (row.pending, row.columns["urgency"]) == ({}, "3")
    office.instance.faults.add(faults.error(403, "Operation Failed", "ACL", method="PATCH"))
    assert call("update_incident", {"urgency": "1"}, user_id=USER, path=path).status == 424
    (row,) = rows()
    assert (row.pending, row.columns["urgency"]) == ({}, "3")


def test_long_texts_are_read_in_parts(office: Office) -> None:
    """What is more than an answer may have is asked for in halves."""
    send("error", *(error(service=f"s{number}") for number in range(3)))
    office.look()
    for ticket in made(office.instance):
        office.edit(ticket["sys_id"], close_notes="x" * 4000)
    client = run(client_cache().client(USER))
    client._http._max_response_mib = 7 / 1024  # type: ignore[assignment]
    assert [kind for kind, _ in office.look()] == ["Ticket Updated"] * 3


def test_a_clock_two_minutes_off_changes_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one that jumps: no look has a clock."""
    sys_id = opened(office)
    office.bus.take()
    for minutes in (-2, 2):
        skew = timedelta(minutes=minutes)
        monkeypatch.setattr(
            "local.servicenow.clock.Clock.moment", lambda _, skew=skew: office.time() + skew
        )
        office.edit(sys_id, state="2" if minutes < 0 else "1")
        assert [kind for kind, _ in office.look()] == ["Ticket Updated"]
        assert office.look() == []


def test_a_connection_that_is_removed_or_made_again_is_looked_at_no_more(office: Office) -> None:
    """Its rows go; another connection's tickets are another's."""
    opened(office)
    connection = stores.connection_store().get(USER)
    assert connection is not None
    assert call("delete_config", user_id=USER).status == 204
    office.minutes(20)
    assert list(stores.ticket_store().rows(connection.id)) == []
    assert office.minutes(60, step=15) == 0


def test_an_instance_that_is_away_for_an_hour_costs_nothing(office: Office) -> None:
    """What people did meanwhile comes out once it is back; no look hammers it."""
    sys_id = opened(office)
    office.bus.take()
    office.instance.faults.add(faults.hibernating(times=None))
    before = len(office.instance.requests)
    office.minutes(60, step=6)
    assert len(office.instance.requests) - before < 12
    office.instance.faults.clear()
    office.edit(sys_id, state="2")
    office.minutes(36, step=6)
    assert office.bus.kinds() == ["Ticket Updated"]


def test_many_tickets_cost_a_request_for_each_two_hundred(office: Office) -> None:
    """A quarter of an hour reads all of them once, and those of the last day more often."""
    opened(office)
    inside = office.instance.instance
    (first,) = rows()
    for _ in range(200):
        ticket = inside.put("incident", **first.columns)
        stores.ticket_store().open(replace(first, sys_id=str(ticket["sys_id"]), changed_at=1))
    before = len(office.instance.requests)
    office.minutes(20, step=10)
    ids = [len(re.findall(r"[0-9a-f]{32}", request.query))
           for request in office.instance.requests[before:]]  # fmt: skip
    assert ids == [1, 200, 1]


def activity(user: str = USER) -> list[dict[str, Any]]:
    """Return a user's audit trail."""
    items: list[dict[str, Any]] = call(
        "get_activity", user_id=user, query={"limit": "100", "kind": "servicenow"}
    ).json["items"]
    return items


def test_an_owner_discards_what_is_missing(office: Office) -> None:
    """What is still missing is deleted, what is there again is not; what waited opens another."""
    send("error", *(error(service=f"s{number}") for number in range(12)))
    inside = office.instance.instance
    before = [dict(ticket) for ticket in made(office.instance)]
    for ticket in before:
        inside.delete("incident", ticket["sys_id"])
    office.minutes(30, step=15)
    service = before[1]["short_description"].partition(":")[0]
    at = int((office.time.moment - NOW).total_seconds())
    send("error", error(at, service=service))
    inside.put("incident", **before[0])
    office.bus.take()
    office.instance.faults.add(faults.error(401, "User Not Authenticated", "x", times=None))
    assert not discard()["success"]
    office.instance.faults.clear()
    assert discard()["success"]
    office.minutes(2)
    assert office.bus.kinds().count("Ticket Deleted") == 11
    said = [item for item in activity() if item["action"] == "discarded"]
    assert [item["reason"] for item in said] == ["11 of 12 open tickets were discarded."]
    office.minutes(30, step=10)
    assert sorted(ticket["short_description"] for ticket in made(office.instance)) == sorted(
        ticket["short_description"] for ticket in before[:2]
    )
    assert len(rows()) == 2


def discard() -> Any:
    """Test the connection, and have what is missing discarded."""
    return call("test_connection", None, user_id=USER, query={"missing": "discard"}).json


@pytest.mark.parametrize(
    ("function", "table", "change"),
    [
        ("create_incident", "incident", {"state": "2"}),
        ("create_change_request", "change_request", {"short_description": "Later"}),
    ],
)
def test_what_a_call_opens_is_looked_at(
    office: Office, function: str, table: str, change: dict[str, str]
) -> None:
    """A person's change comes back once; the opening and a change by the API make no event.

    So a rule on the bus that calls the API starts no loop.
    """
    answer = call(function, {"short_description": "By a call"}, user_id=USER)
    assert answer.status == 201, answer.text
    sys_id = answer.json["sys_id"]
    assert office.look() == []
    office.edit(sys_id, table=table, **change)
    ((kind, detail),) = office.look()
    assert (kind, detail["dedup_key"], detail["kind"]) == ("Ticket Updated", "", "")
    assert (detail["owner"], detail["after"]) == (USER, change)
    update = {"create_incident": "update_incident"}.get(function, "update_change_request")
    noted = {"short_description": "Ours"}
    assert call(update, noted, user_id=USER, path={"id": sys_id}).status == 200
    note = {"work_note": "Ours, too"}
    assert call("note_record", note, user_id=USER, path={"id": sys_id}).status in {201, 404}
    assert office.look() == []


def test_a_row_that_cannot_be_written_fails_no_call(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ticket is there, and its answer says so."""

    def refuse(*_: object) -> bool:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem")

    monkeypatch.setattr("actionsync.stores.tickets.TicketStore.open", refuse)
    answer = call("create_incident", {"short_description": "By a call"}, user_id=USER)
    assert (answer.status, len(rows())) == (201, 0)


def test_an_operator_says_how_often_all_are_read(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By two of the stack's parameters: polled, and with push."""
    monkeypatch.setenv("LOOK_MINUTES", "5,45")
    _forget()
    opened(office)
    (first,) = rows()
    stores.ticket_store().save(first, changed_at=1)
    for pushed, minutes in ((0, 5), (1, 45)):
        if pushed:
            stores.ticket_store().push(first.connection_id, first.table, first.sys_id)
        office.minutes(45, step=5)
        before = len(office.instance.requests)
        office.minutes(90, step=5)
        assert len(office.instance.requests) - before == 90 // minutes
