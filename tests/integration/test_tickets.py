"""The ticket endpoints, from the event to the instance and back."""

import base64
import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient

from actionsync import clock
from actionsync.stores import idempotency
from actionsync.tickets.types import TICKET_TYPES, TicketType
from actionsync.wiring.stores import activity_store
from local.operations import operations
from local.servicenow import faults, seed
from tests.conftest import HttpAnswer, call, event, invoke, set_monotonic
from tests.integration.conftest import connect
from tests.integration.examples import CALLER, put_example_tickets

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.servicenow import Fault, Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock

OPERATIONS = {described.operation.id: described for described in operations()}
NEW: dict[str, Any] = {"short_description": "Checkout answers 500"}
KEY = {"idempotency-key": "the-cause"}


def test_an_incident_is_what_was_asked_for(connected: "Simulator") -> None:
    """Words become codes, names become sys_ids, and ServiceNow computes the priority."""
    answer = call(
        "create_incident",
        NEW | {"urgency": "high", "impact": 2, "assignment_group": "Database",
               "assigned_to": "beth.anglin", "description": "2^10 = 1024; javascript: no\nünïcode",
               "work_notes": "seen twice"},
    )  # fmt: skip
    row = connected.one("incident", sys_id=answer.json["sys_id"])
    assert (row["urgency"], row["impact"], row["priority"]) == ("1", "2", "2")
    assert row["assignment_group"] == seed.sys_id("Database")
    assert row["description"] == "2^10 = 1024; javascript: no\nünïcode"
    assert answer.json["ignored_fields"] == []
    assert answer.json["url"].startswith(f"{connected.url}/nav_to.do?uri=incident.do")
    assert connected.one("sys_journal_field", element_id=row["sys_id"])["value"] == "seen twice"


def test_what_servicenow_ignores_is_reported(connected: "Simulator") -> None:
    """A choice that the instance lacks and a column it does not have are no silent success."""
    answer = call("create_incident", NEW | {"category": "nope", "fields": {"u_team": "red"}})
    assert answer.status == 201
    assert sorted(answer.json["ignored_fields"], key=lambda ignored: ignored["field"]) == [
        {"field": "category", "sent": "nope", "stored": "inquiry"},
        {"field": "u_team", "sent": "red", "stored": None},
    ]


def test_an_update_sends_only_what_was_set(connected: "Simulator") -> None:
    """Nothing that a person has set is overwritten by a default; null clears."""
    put_example_tickets(connected)
    before = connected.one("incident", number="INC0010001")
    answer = call("update_incident", {"description": "more", "assigned_to": None})
    after = connected.one("incident", number="INC0010001")
    assert answer.json["description"] == "more"
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"description", "sys_mod_count", "sys_updated_on", "sys_updated_by"}


def test_closing_goes_by_the_instances_own_codes(connected: "Simulator") -> None:
    """Without a code the instance's own is used; one it lacks is refused with those it has."""
    put_example_tickets(connected)
    bad = call("close_incident", {"close_notes": "done", "close_code": "Solved (Permanently)"})
    assert (bad.status, bad.fields) == (422, ["close_code"])
    assert "Solution provided" in bad.text
    assert call("close_incident", {"close_notes": "done"}).json["state"] == "6"
    assert connected.one("incident", number="INC0010001")["close_code"] == "Solution provided"


def test_closing_for_good_needs_the_role(aws: "Aws", simulator: "Simulator") -> None:
    """Closed is one step after Resolved, for who may."""
    put_example_tickets(simulator)
    connect(simulator, "closer")
    answer = call("close_incident", {"close_notes": "done", "state": "closed"})
    assert (answer.status, answer.json["state"]) == (200, "7")


def test_a_change_is_closed_only_where_its_state_allows(connected: "Simulator") -> None:
    """A change that was never implemented cannot be closed, and the answer says where it is."""
    number = call("create_change_request", {"short_description": "x"}).json["number"]
    answer = call("close_change_request", path={"id": number})
    assert (answer.status, answer.fields) == (409, ["state"])
    assert "New (-5)" in answer.text
    assert connected.one("change_request", number=number)["state"] == "-5"


def test_a_standard_change_comes_from_its_template(connected: "Simulator") -> None:
    """The template's fields are in the change; without a template there is no standard change."""
    assert call("create_change_request", NEW | {"type": "standard"}).fields == ["template"]
    body = NEW | {"type": "standard", "template": "Deploy a service"}
    made = call("create_change_request", body)
    assert made.status == 201, made.text
    row = connected.one("change_request", number=made.json["number"])
    assert (row["type"], row["category"]) == ("standard", "DevOps")


def test_a_search_finds_pages_that_join(connected: "Simulator") -> None:
    """Following the cursor shows each incident once, the newest first."""
    for number in range(7):
        call("create_incident", {"short_description": f"disk {number} full"})
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"short_description": "disk", "limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = call("search_incidents", query=query).json
        assert page["total"] == 7
        seen += [item["short_description"] for item in page["incidents"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == [f"disk {number} full" for number in range(7)]


@pytest.mark.parametrize("cursor", ["x", "", "W10", "bnVsbA", "[]", "💥", "A" * 500])
def test_a_forged_cursor_is_refused(connected: "Simulator", cursor: str) -> None:
    """A cursor that no answer ever held is named."""
    before = len(connected.requests)
    answer = call("search_incidents", query={"cursor": cursor})
    assert (answer.status, answer.fields) == (422, ["cursor"])
    assert len(connected.requests) == before


WRONG: list[tuple[str, dict[str, Any], str]] = [
        *(
            ("create_incident", NEW | {field: value}, field)
            for field in ("category", "subcategory", "assignment_group", "assigned_to", "caller_id",
                          "correlation_id")
            for value in ("a^b", "javascript:gs.getUserID()", "a\nb", "", " ", "x" * 101, 7, ["x"])
        ),
        *(
            ("create_incident", {"short_description": value}, "short_description")
            for value in ("", "  ", "x" * 161, "a\x00", None, 7, ["x"])
        ),
        *(("create_incident", NEW | {"urgency": value}, "urgency") for value in ("4", 0, "", True)),
        *(
            ("create_incident", NEW | {"fields": fields}, f"fields.{name}")
            for fields, name in (
                ({"sys_created_by": "me"}, "sys_created_by"),
                ({"u_a^b": "x"}, "u_a^b"),
                ({"U": "x"}, "U"),
                ({"u_x": "x" * 4001}, "u_x"),
                ({"u_x": 2**63}, "u_x"),
                ({"u_x": 1.5}, "u_x"),
                ({"u_x": {}}, "u_x"),
                ({"u_x": "\x00"}, "u_x"),
            )
        ),
        ("update_incident", {"state": "no such"}, "state"),
        ("update_incident", {"state": "a^b"}, "state"),
        ("close_incident", {"close_notes": ""}, "close_notes"),
        ("create_change_request", NEW | {"risk": "9"}, "risk"),
        ("create_change_request", NEW | {"start_date": "2024-01-10 10:00:00"}, "start_date"),
        ("note_record", {"work_note": "x" * 4001}, "work_note"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "body", "field"), WRONG)
def test_a_wrong_field_is_named_and_nothing_is_written(
    connected: "Simulator", function: str, body: dict[str, Any], field: str
) -> None:
    """Each field's bad values are refused with its name, before any write."""
    put_example_tickets(connected)
    answer = call(function, body)
    assert (answer.status, answer.fields) == (422, [field]), answer.text
    assert {request.method for request in connected.requests} <= {"GET"}


@pytest.mark.parametrize(
    ("id_", "status"),
    [("INC9999999", 404), ("f" * 32, 404), ("", 404), ("inc0010001", 404), ("%5E", 422),
     ("F" * 32, 404), ("F" * 31, 422), ("INC1", 404), ("INC", 422), ("1", 422),
     ("INC1^ORactive=true", 422)],
)  # fmt: skip
def test_an_id_of_nothing(connected: "Simulator", id_: str, status: int) -> None:
    """What is no id is refused; what is none of the instance's is not found."""
    assert call("get_incident", path={"id": id_}).status == status


@pytest.mark.parametrize("number", ["INC-0010001", "ACME_INC0010001", "INC123", "inc0077777"])
def test_an_instance_sets_prefix_and_digits_of_its_numbers(
    connected: "Simulator", number: str
) -> None:
    """A number of whatever form is read, changed and noted by it."""
    connected.instance.put("incident", number=number, short_description="Checkout answers 500")
    path = {"id": number}
    assert call("get_incident", path=path).json["number"] == number
    assert call("update_incident", {"description": "more"}, path=path).status == 200
    assert call("note_record", {"work_note": "seen"}, path=path).status == 201
    assert connected.one("incident", number=number)["description"] == "more"


# ---- the instance fails

FAILURES: list[tuple["Callable[..., Fault]", int, int | None]] = [
    (faults.server_error, 502, 500),
    (faults.unavailable, 503, 503),
    (faults.hibernating, 503, 200),
    (faults.login_page, 502, 200),
    (faults.cancelled, 502, 200),
    (faults.dropped, 503, 202),
    (lambda **kw: faults.rate_limited(60, **kw), 429, 429),
    (lambda **kw: faults.error(401, "User Not Authenticated", "Required", **kw), 424, 401),
    (lambda **kw: faults.error(403, "Insufficient rights", None, **kw), 424, 403),
    (lambda **kw: faults.error(404, "No Record found", "gone", **kw), 404, 404),
    (lambda **kw: faults.error(400, "Invalid table incident", None, **kw), 422, 400),
    (lambda **kw: faults.Fault(reset=True, **kw), 502, None),
    (lambda **kw: faults.Fault(status=302, body="", headers={"Location": "/login.do"}, **kw),
     502, 302),
    (lambda **kw: faults.Fault(status=200, body="{", **kw), 502, 200),
    (lambda **kw: faults.Fault(status=200, body="[]", **kw), 502, 200),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "status", "said"), FAILURES)
def test_a_failure_keeps_servicenows_words(
    connected: "Simulator", fault: "Callable[..., Fault]", status: int, said: int | None
) -> None:
    """Each failure has its status and ServiceNow's own message; never a trace, never 401."""
    connected.faults.add(fault(times=None))
    answer = call("get_incident", path={"id": seed.sys_id("incident 1")})
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text
    assert answer.json.get("servicenow", {}).get("status") == said
    if status == 429:
        assert answer.headers["retry-after"] == "60"


def test_an_unreachable_instance_is_503(
    connected: "Simulator", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens, or the name does not resolve."""
    monkeypatch.setattr("actionsync.connections.network.PublicAddressBackend._resolve", _nowhere)
    answer = call("get_incident", path={"id": seed.sys_id("incident 1")})
    assert answer.status == 503
    assert connected.url in answer.json["detail"]


async def _nowhere(*_: object) -> list[str]:
    return []


def test_a_slow_instance_is_504(connected: "Simulator", monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes in time, with what is known."""
    monkeypatch.setattr("actionsync.connections.clients.DEADLINE_SECONDS", 0.5)
    connected.faults.add(faults.Fault(delay=3, times=None))
    assert call("get_incident", path={"id": seed.sys_id("incident 1")}).status == 504


@pytest.mark.parametrize("function", ["get_incident", "create_incident", "search_incidents"])
def test_without_a_connection_there_are_no_tickets(
    aws: "Aws", simulator: "Simulator", function: str
) -> None:
    """The caller is asked to store one, and the instance hears nothing."""
    assert call(function).status == 404
    assert simulator.requests == []


# ---- once


def test_the_same_key_makes_one_incident(connected: "Simulator") -> None:
    """A repeated request is answered as the first one was."""
    first = call("create_incident", NEW, headers=KEY)
    second = call("create_incident", NEW, headers=KEY)
    assert second.text == first.text
    assert len(_posts(connected)) == 1


def test_the_same_key_with_another_body_is_refused(connected: "Simulator") -> None:
    """A key that is reused by mistake does not hide a new cause."""
    call("create_incident", NEW, headers=KEY)
    answer = call("create_incident", {"short_description": "another"}, headers=KEY)
    assert answer.status == 422
    assert len(_posts(connected)) == 1


def test_a_key_belongs_to_its_user(aws: "Aws", connected: "Simulator") -> None:
    """Another user's same key is another key."""
    connect(connected, seed.INTEGRATION_USER, user_id="other")
    first = call("create_incident", NEW, headers=KEY)
    second = call("create_incident", NEW, headers=KEY, user_id="other")
    assert first.json["sys_id"] != second.json["sys_id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "ü", "a\nb"])
def test_a_key_must_be_printable(connected: "Simulator", key: str) -> None:
    """A key that no header should hold is refused."""
    answer = call("create_incident", NEW, headers={"idempotency-key": key})
    assert (answer.status, answer.fields) == (422, ["Idempotency-Key"])
    assert _posts(connected) == []


AFTER_COMMIT: list[tuple[str, "Callable[..., Fault]"]] = [
    ("reset", lambda **kw: faults.Fault(reset=True, **kw)),
    ("500", faults.server_error),
    ("503", faults.unavailable),
    ("504", lambda **kw: faults.unavailable(504, **kw)),
    ("202", faults.dropped),
    ("half a body", lambda **kw: faults.Fault(half=True, method=kw["method"])),
]


@pytest.mark.parametrize(("name", "fault"), AFTER_COMMIT)
def test_a_failure_after_the_commit_makes_one_incident(
    connected: "Simulator", name: str, fault: "Callable[..., Fault]"
) -> None:
    """What was made is found again, within the same call, and not made twice."""
    connected.faults.add(fault(method="POST", after_commit=True))
    answer = call("create_incident", NEW, headers=KEY)
    assert answer.status == 201, (name, answer.text)
    assert len(_made(connected)) == 1


@pytest.mark.parametrize("after_commit", [True, False])
def test_a_repeat_after_a_lost_answer_makes_one_incident(
    connected: "Simulator",
    time: "Clock",
    after_commit: bool,  # noqa: FBT001 - pytest fills it
) -> None:
    """The answer and the look-up are lost; the caller's own repeat finds out what became of it.

    ServiceNow may work on a request for a minute: that nothing is found before proves nothing.
    """
    connected.faults.add(faults.Fault(method="POST", reset=True, after_commit=after_commit))
    connected.faults.add(faults.unavailable(method="GET", times=3))
    first = call("create_incident", NEW, headers=KEY)
    assert first.status == 502
    assert "may have taken effect" in first.json["detail"]
    second = call("create_incident", NEW, headers=KEY)
    assert second.status == (201 if after_commit else 409), second.text
    for seconds in (80, 11):
        time.advance(seconds=seconds)
        third = call("create_incident", NEW, headers=KEY)
    assert third.status == 201, third.text
    assert len(_made(connected)) == 1


def test_a_write_that_takes_effect_late_is_found(connected: "Simulator", time: "Clock") -> None:
    """The answer is lost, and ServiceNow commits fifty seconds after the request was sent."""
    connected.faults.add(faults.Fault(method="POST", reset=True))
    connected.faults.add(faults.unavailable(method="GET", times=3))
    assert call("create_incident", NEW, headers=KEY).status == 502
    time.advance(seconds=49)
    early = call("create_incident", NEW, headers=KEY)
    assert (early.status, early.headers["retry-after"]) == (409, "41")
    asked = " ".join(request.query for request in connected.requests)
    correlation_id = re.search(r"actionsync-[0-9a-f]{32}", asked)
    assert correlation_id is not None
    connected.instance.put("incident", number="INC0099999", correlation_id=correlation_id[0])
    time.advance(seconds=1)
    late = call("create_incident", NEW, headers=KEY)
    assert (late.status, late.json["number"]) == (201, "INC0099999")


def test_a_dead_process_leaves_a_claim_that_is_taken_over(
    connected: "Simulator", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function killed between the POST and the record of it: the repeat finds the ticket."""

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(idempotency.IdempotencyStore, "finish", die)
        with pytest.raises(SystemExit):
            call("create_incident", NEW, headers=KEY)
    early = call("create_incident", NEW, headers=KEY)
    assert (early.status, "retry-after" in early.headers) == (409, True)
    epoch = clock.epoch
    monkeypatch.setattr(clock, "epoch", lambda moment: epoch(moment) + idempotency.LEASE_SECONDS)
    late = call("create_incident", NEW, headers=KEY)
    assert late.status == 201
    assert [late.json["sys_id"]] == [row["sys_id"] for row in _made(connected)]


def test_a_refused_write_gives_its_key_back(connected: "Simulator") -> None:
    """After a refusal the caller may correct the request under the same key."""
    wrong = NEW | {"assignment_group": "No such group"}
    assert call("create_incident", wrong, headers=KEY).fields == ["assignment_group"]
    assert call("create_incident", NEW, headers=KEY).status == 201
    assert len(_made(connected)) == 1


@pytest.mark.parametrize("function", ["note_record", "update_incident"])
def test_a_note_is_added_once(connected: "Simulator", function: str) -> None:
    """A lost answer and a repeat with the same key leave one note."""
    put_example_tickets(connected)
    body = {"work_note": "once"} if function == "note_record" else {"work_notes": "once"}
    connected.faults.add(faults.Fault(method="PATCH", reset=True, after_commit=True))
    assert call(function, body, headers=KEY).status == 502
    answer = call(function, body, headers=KEY)
    assert answer.status in {200, 201}, answer.text
    assert connected.one("sys_journal_field", element="work_notes")["value"] == "once"


# ---- canceling


CANCEL = {"reason": "Opened by mistake."}


def test_an_incident_is_canceled_with_its_reason(connected: "Simulator") -> None:
    """Its state says so, a work note says why, and the audit trail has both."""
    put_example_tickets(connected)
    answer = call("cancel_incident", CANCEL)
    assert (answer.status, answer.json["state"]) == (200, "8")
    note = connected.one("sys_journal_field", element="work_notes")
    assert note["value"] == CANCEL["reason"]
    (record, *_) = call("get_activity", None).json["items"]
    assert (record["action"], record["number"]) == ("canceled", "INC0010001")


@pytest.mark.parametrize("state", ["7", "8"])
def test_an_ended_incident_is_not_canceled(connected: "Simulator", state: str) -> None:
    """409 where the state forbids it: nothing is written."""
    put_example_tickets(connected)
    row = connected.one("incident", number="INC0010001")
    connected.instance.change("incident", row["sys_id"], state=state, incident_state=state)
    answer = call("cancel_incident", CANCEL)
    assert answer.status == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert [request.method for request in connected.requests] == ["GET"]


def test_a_repeated_cancellation_is_answered_as_before(connected: "Simulator") -> None:
    """A lost answer and a repeat with the same key: one note, no conflict."""
    put_example_tickets(connected)
    connected.faults.add(faults.Fault(method="PATCH", reset=True, after_commit=True))
    assert call("cancel_incident", CANCEL, headers=KEY).status == 502
    for _ in range(2):
        answer = call("cancel_incident", CANCEL, headers=KEY)
        assert (answer.status, answer.json["state"]) == (200, "8"), answer.text
    assert connected.one("sys_journal_field", element="work_notes")["value"] == CANCEL["reason"]


# ---- a further table


def test_a_problem_is_a_ticket_like_any_other(connected: "Simulator") -> None:
    """Opened once for a key, read, changed, noted and closed, by the shared functions."""
    new = {"short_description": "Payments time out at noon", "urgency": "2", "impact": "2"}
    made = [call("create_record", new, headers=KEY) for _ in range(2)]
    assert [answer.status for answer in made] == [201, 201]
    number = made[0].json["number"]
    assert made[1].json["number"] == number
    path = {"id": number}
    assert call("get_record", None, path=path).json["state"] == "101"
    changed = call("update_record", {"workaround": "Retry."}, path=path)
    assert (changed.status, changed.json["workaround"]) == (200, "Retry.")
    ending = {"close_notes": "Rare enough.", "resolution_code": "risk_accepted"}
    closed = call("close_record", ending, path=path)
    assert (closed.status, closed.json["state"]) == (200, "107"), closed.text
    assert call("close_record", ending, path=path).status == 409
    actions = [item["action"] for item in call("get_activity", None).json["items"]]
    assert actions[:4] == ["closed", "closed", "updated", "created"]


def test_a_security_incident_is_a_ticket_like_any_other(connected: "Simulator") -> None:
    """The shared functions have its routes, its states and its codes."""
    new = {
        "short_description": "Keys of a build user were used from abroad", "urgency": "high",
        "category": "Unauthorized access", "affected_user": "abel.tuter",
    }  # fmt: skip
    made = [_send("create_security_incident", new, headers=KEY) for _ in range(2)]
    assert [answer.status for answer in made] == [201, 201], made[0].text
    row = connected.one("sn_si_incident", number=made[0].json["number"])
    assert made[1].json["number"] == row["number"]
    assert row["affected_user"] == seed.sys_id("user abel.tuter")
    path = {"id": row["number"]}
    assert _send("get_security_incident", None, path=path).json["state"] == "10"
    changed = _send("update_security_incident", {"state": "analysis"}, path=path)
    assert (changed.status, changed.json["state"]) == (200, "16"), changed.text
    assert _send("note_sn_si_incident", {"work_note": "Revoked."}, path=path).status == 201
    ending = {"close_notes": "Revoked.", "close_code": "Threat mitigated"}
    closed = _send("close_security_incident", ending, path=path)
    assert (closed.status, closed.json["state"]) == (200, "3"), closed.text
    assert _send("close_security_incident", ending, path=path).status == 409


@pytest.mark.parametrize(
    ("operation", "method"),
    [("create_security_incident", "POST"), ("get_security_incident", "GET")],
)
def test_an_instance_may_lack_the_application(
    connected: "Simulator", operation: str, method: str
) -> None:
    """The answer names what has to be installed, beside ServiceNow's own words."""
    text = "Invalid table sn_si_incident"
    connected.faults.add(faults.error(400, text, None, method=method))
    answer = _send(operation)
    assert answer.status == 422, answer.text
    assert "Security Incident Response" in answer.json["detail"]
    assert answer.json["servicenow"]["message"] == text


def test_a_row_is_imported(connected: "Simulator") -> None:
    """The transform makes a record or changes it; what it refuses is ServiceNow's own text."""
    row = {"u_short_description": "Checkout answers 500", "u_correlation_id": "checkout"}
    made = [_send("create_import", {"fields": row}) for _ in range(2)]
    statuses = [answer.json["imported"][0]["status"] for answer in made]
    assert statuses == ["inserted", "ignored"]
    imported = made[0].json["imported"][0]
    ticket = connected.one("incident", correlation_id="checkout")
    assert (imported["table"], imported["number"]) == ("incident", ticket["number"])
    (activity, *_) = call("get_activity", None).json["items"]
    assert (activity["action"], activity["table"]) == ("imported", "u_incident_import")
    unknown = _send("create_import", {"fields": row}, path={"staging": "u_nothing"})
    assert unknown.status == 422
    assert "u_nothing" in unknown.json["servicenow"]["message"]


def test_a_row_is_imported_once_for_a_key(
    connected: "Simulator", time: "Clock", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repeat is answered as before; after a death nobody can know, and it is said so."""
    row = {"fields": {"u_short_description": "Checkout answers 500"}}
    first, second = (_send("create_import", row, headers=KEY) for _ in range(2))
    assert first.json == second.json
    connected.one("incident", short_description="Checkout answers 500")
    key = {"idempotency-key": "another"}
    with monkeypatch.context() as patch:
        patch.setattr(idempotency.IdempotencyStore, "finish", _die)
        with pytest.raises(SystemExit):
            _send("create_import", row, headers=key)
    time.advance(minutes=10)
    unsure = _send("create_import", row, headers=key)
    assert (unsure.status, "may have imported" in unsure.text) == (409, True)


def _die(*_: object) -> None:
    raise SystemExit


def _send(operation: str, body: Any = ..., **changes: Any) -> HttpAnswer:
    """Send an operation's own request to its function, changed as `call` does."""
    described = OPERATIONS[operation]
    payload = described.event()
    payload["headers"].pop("idempotency-key", None)
    payload["headers"] |= changes.get("headers", {})
    if body is not ...:
        payload["body"] = None if body is None else json.dumps(body)
    for name, value in changes.get("path", {}).items():
        given = described.operation.request.path[name]
        payload["rawPath"] = payload["rawPath"].replace(given, value)
        payload["pathParameters"][name] = value
    payload["requestContext"]["http"]["path"] = payload["rawPath"]
    return invoke(described.folder, payload)


@pytest.mark.parametrize("ticket_type", TICKET_TYPES)
def test_a_ticket_type_is_true_to_its_table(
    simulator: "Simulator", ticket_type: TicketType
) -> None:
    """The instance has the columns that the type names."""
    columns = simulator.instance.schema.table(ticket_type.table).columns
    assert {*ticket_type.reported, "work_notes"} <= set(columns)


# ---- rotation and caching


def test_a_rotated_password_costs_no_failed_call(aws: "Aws", connected: "Simulator") -> None:
    """A warm function meets a 401, reads the secret again and repeats the request."""
    assert call("create_incident", NEW).status == 201
    (name,) = aws.secrets()
    secret = json.loads(aws.secrets()[name])
    connected.instance.add_user(seed.INTEGRATION_USER, "rotated", "itil", name="Rotated")
    connected.instance.delete(
        "sys_user",
        next(
            row["sys_id"]
            for row in connected.records("sys_user")
            if row["user_name"] == seed.INTEGRATION_USER
        ),
    )
    aws.secrets_manager.put_secret_value(
        SecretId=name, SecretString=json.dumps(secret | {"password": "rotated"})
    )
    assert call("create_incident", NEW).status == 201
    assert [request.status for request in connected.requests].count(401) == 1


def test_a_warm_call_asks_aws_nothing(
    connected: "Simulator", monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known once is known; then a claim, one POST, its ticket's row and a record of it."""
    calls: list[str] = []
    make = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore's own

    def count(self: Any, operation: str, arguments: Any) -> Any:
        calls.append(operation)
        return make(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", count)
    # A minute that does not end in the test, and of which nothing is taken yet.
    monkeypatch.setattr("actionsync.stores.rates._MINUTE", 10**10)
    connected.requests.clear()
    assert call("create_incident", NEW, headers={"idempotency-key": "1"}).status == 201
    share, connection, pauses = "UpdateItem", "GetItem", "BatchGetItem"
    claim, row, waiting, look, record, done = (
        "PutItem", "PutItem", "UpdateItem", "PutItem", "PutItem", "UpdateItem",
    )  # fmt: skip
    assert calls == [
        share, connection, "GetSecretValue", claim, pauses, row, waiting, look, record, done
    ]  # fmt: skip
    calls.clear()
    connected.requests.clear()
    assert call("create_incident", NEW, headers={"idempotency-key": "2"}).status == 201
    assert calls == [claim, row, look, record, done]
    assert [request.method for request in connected.requests] == ["POST"]


def test_a_deleted_connection_ends(connected: "Simulator", monkeypatch: pytest.MonkeyPatch) -> None:
    """What a warm function keeps ends with its time."""
    assert call("create_incident", NEW).status == 201
    call("delete_config")
    monkeypatch.setattr("actionsync.connections.clients.FRESH_SECONDS", -1)
    set_monotonic(monkeypatch, "actionsync.connections.clients", lambda: time.monotonic() + 121)
    assert call("create_incident", NEW).status == 404


def _posts(simulator: "Simulator") -> list[Any]:
    return [request for request in simulator.requests if request.method == "POST"]


def _made(simulator: "Simulator") -> list[dict[str, str]]:
    return [
        row
        for row in simulator.records("incident")
        if row["short_description"] == NEW["short_description"]
    ]


def test_answers_are_not_kept_by_browsers(connected: "Simulator") -> None:
    """Every answer forbids storing it."""
    answers = [call("get_config"), call("get_incident"), call("create_incident", {})]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


# ---- attachments

FILE = bytes(range(256)) * 16


def attach(
    segment: str = "incidents",
    number: str = "INC0010001",
    *,
    content: bytes = FILE,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> HttpAnswer:
    """Attach a file as API Gateway passes it on: in base64."""
    payload = event("create_record", "valid_create_incident_attachment")
    path = f"/api/servicenow/{segment}/{number}/attachments"
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = path
    payload["pathParameters"] = {"id": number}
    payload["queryStringParameters"] = {"file_name": "core.bin"} if query is None else query
    payload |= {"body": base64.b64encode(content).decode(), "isBase64Encoded": True}
    payload["headers"] = {"content-type": "application/octet-stream", **(headers or {})}
    return invoke("create_record", payload)


@pytest.mark.parametrize(
    ("segment", "number"),
    [("incidents", "INC0010001"), ("change-requests", "CHG0030001"), ("problems", "PRB0040001")],
)
def test_a_file_is_attached_byte_for_byte(
    connected: "Simulator", segment: str, number: str
) -> None:
    """Of each type of tickets; the list names it, and Activity has the ticket's number."""
    put_example_tickets(connected)
    made = attach(segment, number)
    assert made.status == 201, made.text
    assert (made.json["file_name"], made.json["size_bytes"]) == ("core.bin", str(len(FILE)))
    assert made.json["content_type"] == "application/octet-stream"
    assert connected.instance.state.contents[made.json["sys_id"]] == FILE
    listed = call("list_attachments", path={"id": number}) if segment == "incidents" else None
    if listed is not None:
        (shown,) = listed.json["attachments"]
        assert shown["sys_id"] == made.json["sys_id"]
        assert {"size_bytes", "content_type", "url", "download_link"} <= set(shown)
    (record, *_), _ = activity_store().page(CALLER, 5, None)
    assert (record["action"], record["number"], record["outcome"]) == ("attached", number, "done")
    assert record["fields"] == ["content", "content_type", "file_name"]


@pytest.mark.parametrize(
    ("query", "headers", "name"),
    [
        ({}, {"content-disposition": 'attachment; filename="trace 1.txt"'}, "trace 1.txt"),
        ({}, {"content-disposition": "attachment; filename*=UTF-8''%C3%A4.log"}, "ä.log"),
        ({"file_name": "a.txt"}, {"content-disposition": "attachment; filename=b"}, "a.txt"),
        ({"file_name": "日本.txt"}, {}, "日本.txt"),
        ({}, {}, None),
        ({}, {"content-disposition": "inline"}, None),
        ({"file_name": ""}, {}, None),
        ({"file_name": ".."}, {}, None),
        ({"file_name": "x" * 101}, {}, None),
        ({"file_name": "a/b"}, {}, None),
        ({"file_name": "a\\b"}, {}, None),
        ({"file_name": "a\nb"}, {}, None),
        ({}, {"content-disposition": "attachment; filename=../x"}, None),
    ],
)
def test_a_file_has_a_name(
    connected: "Simulator", query: dict[str, str], headers: dict[str, str], name: str | None
) -> None:
    """By the query or by Content-Disposition; none with a path, and none that nobody can read."""
    put_example_tickets(connected)
    answer = attach(query=query, headers=headers)
    if name is None:
        assert (answer.status, answer.fields) == (422, ["file_name"]), answer.text
        assert connected.requests == []
    else:
        assert answer.json["file_name"] == name


def test_what_is_no_file_to_attach_is_refused(connected: "Simulator") -> None:
    """Empty, too large by its own bytes, a form, no media type, of no ticket."""
    put_example_tickets(connected)
    assert attach(content=b"x" * (4 * 1024 * 1024)).status == 201
    assert attach(content=b"x" * (4 * 1024 * 1024 + 1)).status == 413
    assert attach(content=b"").status == 400
    form = {"content-type": "multipart/form-data; boundary=x"}
    assert attach(headers=form).status == 415
    assert attach(headers={"content-type": "text"}).fields == ["Content-Type"]
    assert attach(number="INC9999999").status == 404
    assert attach(number="f" * 32).status == 404
    assert attach(number="all").fields == ["id"]
    assert call("list_attachments", path={"id": "f" * 32}).status == 404


@pytest.mark.parametrize("after_commit", [True, False])
def test_the_same_key_attaches_one_file(
    connected: "Simulator",
    time: "Clock",
    after_commit: bool,  # noqa: FBT001 - pytest fills it
) -> None:
    """Also where the answer and the look-up are lost; another file under the key is refused."""
    put_example_tickets(connected)
    connected.faults.add(faults.Fault(method="POST", reset=True, after_commit=after_commit))
    connected.faults.add(faults.unavailable(method="GET", path="/api/now/attachment", times=3))
    assert attach(headers=KEY).status == 502
    connected.faults.clear()
    time.advance(seconds=91)
    first, second = attach(headers=KEY), attach(headers=KEY)
    assert (first.status, second.text) == (201, first.text)
    assert len(connected.records("sys_attachment")) == 1
    assert attach(content=b"other", headers=KEY).status == 422
