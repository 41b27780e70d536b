"""The audit trail: what each write leaves, in which order, at what cost, and that it is stored."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import boto3
import pytest
from botocore.client import BaseClient

from actionsync import clock
from actionsync.audit.trail import ActivityStore
from actionsync.wiring.stores import activity_store
from local.servicenow import faults, seed
from tests.conftest import call
from tests.integration.conftest import connect
from tests.integration.events import USER, Queues, error, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.servicenow import Simulator
    from tests.conftest import Aws

CALLER = "00000000-0000-4000-8000-000000000001"
NEW = {"short_description": "Checkout answers 500", "description": "A secret recipe"}
KEY = {"idempotency-key": "once"}


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch, aws: "Aws") -> Queues:
    """The queues of the errors."""
    return Queues(monkeypatch)


def trail(user_id: str = CALLER, limit: int = 100) -> list[dict[str, Any]]:
    """Return what the API answers of a user's trail."""
    answer = call("get_activity", None, user_id=user_id, query={"limit": str(limit)})
    assert answer.status == 200
    items: list[dict[str, Any]] = answer.json["items"]
    return items


def records(aws: "Aws") -> list[dict[str, Any]]:
    """Return all records as they are stored, announcements and all, the oldest first."""
    return [json.loads(item["record"]["S"]) for item in aws.items("AuditTable")]


# ---- what is recorded


def test_every_write_by_http_is_recorded(connected: "Simulator", aws: "Aws") -> None:
    """Opened, changed, noted, resolved, raised, closed: with its ticket and its fields' names."""
    number = call("create_incident", NEW).json["number"]
    path = {"id": number}
    call("update_incident", {"urgency": "1"}, path=path)
    note = {"id": number}
    call("note_record", {"work_note": "Looking"}, path=note)
    call("close_incident", {"close_notes": "Done"}, path=path)
    change = call("create_change_request", {"short_description": "Deploy"}).json["number"]
    call("update_change_request", {"risk": "moderate"}, path={"id": change})
    items = trail()
    assert [(item["action"], item["table"], item["number"]) for item in items] == [
        ("updated", "change_request", change),
        ("created", "change_request", change),
        ("resolved", "incident", number),
        ("noted", "incident", number),
        ("updated", "incident", number),
        ("created", "incident", number),
        ("connection_created", "", ""),
    ]
    assert {item["outcome"] for item in items} == {"done"}
    created = items[5]
    assert created["fields"] == ["description", "short_description"]
    assert created["url"].startswith(connected.url)
    assert items[2]["after"] == {"state": "6"}
    assert "secret recipe" not in json.dumps(records(aws))


def test_changes_of_settings_are_recorded(connected: "Simulator", aws: "Aws") -> None:
    """Connection, rules and webhooks: what was changed and where it leads, no password."""
    password = "a-password-that-nobody-may-see"
    call("update_config", {"password": password})
    call("update_rules", {"errors": {"enabled": False}}, headers={"if-match": "*"})
    hook = call("create_webhook").json
    call("delete_config")
    items = trail()
    assert [item["action"] for item in items] == [
        "connection_deleted", "webhook_created", "rules_changed", "connection_changed",
        "connection_created",
    ]  # fmt: skip
    assert {(item["kind"], item["outcome"]) for item in items} == {("settings", "done")}
    assert items[3]["fields"] == ["password"]
    assert items[3]["after"]["instance_url"] == connected.url
    stored = json.dumps(records(aws))
    assert password not in stored
    assert hook["secret"] not in stored


def test_a_refused_write_is_recorded_with_its_reason(connected: "Simulator") -> None:
    """Failed where nothing was written, unknown where that is not known."""
    call("create_incident", NEW | {"assignment_group": "No such group"})
    connected.faults.add(faults.server_error(method="POST", after_commit=True))
    connected.faults.add(faults.unavailable(method="GET", times=None))  # nor can it be looked up
    call("create_incident", NEW)
    call("create_config")
    exists, unknown, failed = trail()[:3]
    assert (failed["outcome"], failed["reason_type"]) == ("failed", "ReferenceNotFound")
    assert "assignment_group" in failed["fields"]
    assert unknown["outcome"] == "unknown"
    assert (exists["action"], exists["outcome"]) == ("connection_created", "failed")
    assert exists["reason_type"] == "ConnectionExists"


def test_an_event_that_cannot_become_a_ticket_is_recorded(
    connected: "Simulator", queues: Queues
) -> None:
    """Refused or unreadable: each in its owner's trail, with why. What waits is in none."""
    connect(connected, seed.INTEGRATION_USER, USER)
    send("error", error(user_id=USER, message=None))
    connected.faults.add(faults.error(403, "Refused", "ACL", method="POST", times=None))
    connect(connected, seed.INTEGRATION_USER, "refused")
    send("error", error(user_id="refused"))
    refused = trail("refused")[0]
    assert (refused["action"], refused["kind"]) == ("failed", "incident")
    assert (refused["cause"], refused["reason_type"]) == ("checkout", "PermissionDenied")
    unreadable = trail(USER)[0]
    assert unreadable["reason_type"] == "Unreadable"
    assert "message" in unreadable["reason"]
    assert len(queues.failed()) == 2


@pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")  # of what waits
def test_whoever_names_a_stranger_leaves_nothing_with_them(
    aws: "Aws", connected: "Simulator", queues: Queues
) -> None:
    """An event may name anybody: who has stored no connection gets no trail and no history."""
    send("error", error(user_id="stranger"), error(user_id="stranger", message=None))
    unreadable = error(user_id="stranger", title=7)
    unreadable["attributes"]["ApproximateReceiveCount"] = "3"
    send("error", unreadable)
    assert trail("stranger") == []
    assert [item for item in aws.items("EventsTable") if "stranger" in item["pk"]["S"]] == []
    assert queues.failed() == [("Unreadable", "message: Field required")]


def test_an_event_that_names_nobody_is_in_the_log_alone(
    aws: "Aws", connected: "Simulator", queues: Queues
) -> None:
    """No record can be made for a user id that is none."""
    before = len(records(aws))
    assert send("error", error(user_id=["x"]), error(user_id="x" * 200)) == []
    assert len(queues.failed()) == 2
    assert len(records(aws)) == before


# ---- what it costs


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations on the audit table, as they come."""
    found: list[str] = []
    make = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore's own

    def count(self: Any, operation: str, arguments: Any) -> Any:
        if arguments.get("TableName") == "AuditTable":
            found.append(operation)
        return make(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", count)
    return found


def test_a_warm_write_with_a_key_costs_one_put(connected: "Simulator", calls: list[str]) -> None:
    """The claim announces it; a write without a key is announced by a record of its own."""
    call("create_incident", NEW, headers={"idempotency-key": "1"})
    calls.clear()
    call("create_incident", NEW, headers={"idempotency-key": "2"})
    assert calls == ["PutItem"]
    calls.clear()
    call("create_incident", NEW)
    assert calls == ["PutItem", "PutItem"]
    calls.clear()
    call("get_incident")
    assert calls == []


def test_a_repeated_key_is_recorded_once(connected: "Simulator", aws: "Aws") -> None:
    """The second answer comes from the claim: nothing was written, nothing is recorded."""
    for _ in range(2):
        assert call("create_incident", NEW, headers=KEY).status == 201
    assert [item["action"] for item in trail()].count("created") == 1


# ---- that nothing is lost


class KilledError(BaseException):
    """The process is gone."""


def _kill_at(monkeypatch: pytest.MonkeyPatch, outcome: str) -> "Callable[[], None]":
    """Let the process die just before it records this outcome; return what revives it."""
    add = ActivityStore.add

    def die(store: ActivityStore, user_id: str, record: dict[str, Any]) -> None:
        if record.get("outcome", "done") == outcome:
            raise KilledError
        add(store, user_id, record)

    monkeypatch.setattr(ActivityStore, "add", die)
    return lambda: monkeypatch.setattr(ActivityStore, "add", add)


def test_a_death_after_a_write_without_a_key_leaves_its_announcement(
    connected: "Simulator", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started, and never ended: what was sent is known, what became of it is to be looked up."""
    revive = _kill_at(monkeypatch, "done")
    with pytest.raises(KilledError):
        call("create_incident", NEW)
    revive()
    started = trail()[0]
    assert (started["action"], started["outcome"]) == ("created", "started")
    assert started["fields"] == ["description", "short_description"]


def test_a_death_after_a_write_with_a_key_is_recorded_by_the_next_attempt(
    connected: "Simulator", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which finds the record that the dead one made, and says so."""
    revive = _kill_at(monkeypatch, "done")
    with pytest.raises(KilledError):
        call("create_incident", NEW, headers=KEY)
    revive()
    later = clock.now().__class__.fromtimestamp(clock.epoch(clock.now()) + 60, clock.now().tzinfo)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert call("create_incident", NEW, headers=KEY).status == 201
    assert (
        len(
            [
                row
                for row in connected.records("incident")
                if row["short_description"] == NEW["short_description"]
            ]
        )
        == 1
    )
    created = trail()[0]
    assert (created["action"], created["outcome"], created["recovered"]) == (
        "created", "done", True,
    )  # fmt: skip


def test_an_audit_that_fails_does_not_make_a_caller_write_twice(
    connected: "Simulator", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key a 500 would bring a second ticket: it is announced, and answered as made."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - this test alone

    add = ActivityStore.add

    def fail(store: ActivityStore, user_id: str, record: dict[str, Any]) -> None:
        if record.get("outcome") != "started":
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem")
        add(store, user_id, record)

    monkeypatch.setattr(ActivityStore, "add", fail)
    assert call("create_incident", NEW).status == 201
    assert call("create_incident", NEW, headers=KEY).status == 500
    assert trail()[0]["outcome"] == "started"


# ---- the trail


def _stores(count: int) -> list[ActivityStore]:
    return [ActivityStore(boto3.client("dynamodb"), "AuditTable", 365) for _ in range(count)]


def test_writers_that_meet_lose_nothing(aws: "Aws", monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of the same moment are all there, and those of one process in their order."""
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    writers = _stores(5)
    for turn in range(4):
        for number, writer in enumerate(writers):
            writer.add("ada", {"action": f"{turn}.{number}"})
    wanted = [f"{turn}.{number}" for turn in range(4) for number in range(5)]
    assert [record["action"] for record in records(aws)] == wanted


def test_a_record_is_never_overwritten(aws: "Aws", monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a second one has the same key: the put has a condition."""
    (writer,) = _stores(1)
    put = writer._dynamodb.put_item

    def put_at_one_place(**arguments: Any) -> Any:
        arguments["Item"]["sk"] = {"S": "2026"}
        return put(**arguments)

    monkeypatch.setattr(writer._dynamodb, "put_item", put_at_one_place)
    writer.add("ada", {"action": "created"})
    writer.add("ada", {"action": "forged"})
    assert [record["action"] for record in records(aws)] == ["created"]


def test_every_record_is_a_line_of_the_log(
    connected: "Simulator", aws: "Aws", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, so that what somebody takes out of the table is still in CloudWatch Logs."""
    logged: list[tuple[str, Any]] = []

    def info(message: str, **values: Any) -> None:
        assert message == "audited"
        logged.append((values["owner"], values["record"]))

    monkeypatch.setattr("actionsync.audit.trail.audit_logger.info", info)
    call("create_incident", NEW)
    assert logged == [(CALLER, record) for record in records(aws)[-2:]]


def test_a_put_whose_answer_was_lost_is_not_repeated(
    aws: "Aws", monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 sends it again and is refused by its own first try: the record is there once."""
    (writer,) = _stores(1)
    put = writer._dynamodb.put_item

    def twice(**arguments: Any) -> Any:
        put(**arguments)
        return put(**arguments)

    monkeypatch.setattr(writer._dynamodb, "put_item", twice)
    writer.add("ada", {"action": "created"})
    assert len(records(aws)) == 1


def test_pages_are_whole_across_announcements(aws: "Aws") -> None:
    """Every write once, however its announcement and its outcome fall on pages."""
    store, other = _stores(2)
    for number in range(4):
        with store.around("ada", {"action": f"a{number}"}):
            other.add("ada", {"action": f"b{number}"})
    wanted = ["a3", "b3", "a2", "b2", "a1", "b1", "a0", "b0"]
    for limit in range(1, 9):
        found: list[dict[str, Any]] = []
        place: str | None = None
        while True:
            items, place = store.page("ada", limit, place)
            found += items
            if place is None:
                break
            assert len(items) == limit
        assert [item["action"] for item in found] == wanted, limit
        assert {item["outcome"] for item in found} == {"done"}


# ---- the export


def table(
    query: dict[str, str], accept: str = "*/*", user_id: str = CALLER
) -> list[dict[str, str]]:
    """Return the lines of the export's page."""
    answer = call("get_activity", user_id=user_id, query=query, headers={"accept": accept})
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="activity.csv"'
    return list(csv.DictReader(io.StringIO(answer.text, newline=""), strict=True))


def test_auditors_get_a_table(connected: "Simulator", aws: "Aws") -> None:
    """Who, what, when, before and after, of each record, newest first; nobody else's."""
    assert call("create_incident", {"short_description": "x"}).status == 201
    assert call("update_rules", {}).status == 200
    connect(connected, seed.INTEGRATION_USER, "another")
    lines = table({}, accept="text/csv")
    assert lines == table({"format": "csv"})
    assert [line["action"] for line in lines] == ["rules_changed", "created", "connection_created"]
    assert {line["who"] for line in lines} == {CALLER}
    assert [line["at"] for line in lines] == [record["at"] for record in trail()]
    assert lines[1]["after"] == "state: 1"
    assert lines[1]["number"].startswith("INC")
    assert lines[2]["after"].startswith(f"instance_url: {connected.url}; username: ")
    assert all(line["outcome"] == "done" for line in lines)


@pytest.mark.parametrize(
    ("accept", "query", "kind"),
    [
        ("application/json", {}, "application/json"),
        ("*/*", {}, "application/json"),
        ("application/json, text/csv", {}, "application/json"),
        ("text/csv;q=1, application/json;q=0.5", {}, "text/csv"),
        ("text/html, TEXT/CSV", {}, "text/csv"),
        ("text/csv", {"format": "json"}, "application/json"),
        ("application/json", {"format": "csv"}, "text/csv"),
    ],
)
def test_the_form_is_the_callers_choice(
    aws: "Aws", accept: str, query: dict[str, str], kind: str
) -> None:
    """By Accept, or by the query string, which wins: a link has no headers."""
    answer = call("get_activity", query=query, headers={"accept": accept})
    assert answer.headers["content-type"].startswith(kind)


def test_a_range_of_days_is_read_to_its_end(aws: "Aws", monkeypatch: pytest.MonkeyPatch) -> None:
    """Page after page by its link, each record once, also where an outcome came later."""
    store, start = activity_store(), datetime(2026, 1, 1, tzinfo=UTC)
    for hour in range(0, 24 * 6, 6):
        monkeypatch.setattr(clock, "now", lambda hour=hour: start + timedelta(hours=hour))
        store.add(CALLER, {"id": f"{hour}", "kind": "api", "action": "created"})
    every = [str(hour) for hour in reversed(range(0, 24 * 6, 6))]

    def ids(**query: str) -> list[str]:
        found, query = [], {"format": "csv", "limit": "3", **query}
        while True:
            answer = call("get_activity", query=query)
            assert answer.status == 200, answer.text
            found += [line["id"] for line in csv.DictReader(io.StringIO(answer.text, newline=""))]
            if "link" not in answer.headers:
                return found
            following = answer.headers["link"].removeprefix("<?").removesuffix('>; rel="next"')
            query = dict(parse_qsl(following))

    assert ids() == every
    assert ids(since="2026-01-02", until="2026-01-03") == every[12:20]
    assert ids(since="2026-01-02T06:00:00Z", until="2026-01-02T18:00:00Z") == ["36", "30"]
    assert ids(since="2026-01-02T07:00:00+01:00", until="2026-01-02T12:00:01") == ["36", "30"]
    assert ids(until="2025-12-31") == []
    assert ids(since="9999-12-31", until="9999-12-31") == []
    assert ids(since="2026-01-05", kind="settings") == []
    page = call("get_activity", query={"since": "2026-01-06", "limit": "2"}).json
    assert [record["id"] for record in page["items"]] == every[:2]
    for strange in ("yesterday", "2026-13-01", "", "1", "2026-01-01T10:00:00Z#", "0000-00-00"):
        assert call("get_activity", query={"since": strange}).status == 422
    other = {"cursor": page["next"], "since": "2026-01-05"}
    assert call("get_activity", query=other).status == 422
