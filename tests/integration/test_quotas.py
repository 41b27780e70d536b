"""What a user may ask for, in which words, and how much of it."""

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from actionsync.rules.service import rules_of
from actionsync.stores.rules import RuleStore
from actionsync.tickets import service
from actionsync.wiring import stores
from local.servicenow import seed
from tests.conftest import _forget, call, event, invoke
from tests.integration.examples import put_example_webhook

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws, HttpAnswer
    from tests.integration.conftest import Clock

NEW = {"short_description": "Checkout answers 500"}
CALLER = "00000000-0000-4000-8000-000000000001"


# ---- tokens


def with_claims(**claims: Any) -> "HttpAnswer":
    """Read the connection with a token of these claims, which API Gateway has let in."""
    payload = event("get_config")
    payload["requestContext"]["authorizer"]["jwt"]["claims"] = {"sub": CALLER, **claims}
    return invoke("get_config", payload)


@pytest.mark.parametrize(
    "claims",
    [
        {"token_use": "id"},
        {"token_use": "id", "scope": "openid"},
        {"token_use": ""},
        {"at_hash": "x"},
        {"nonce": "x", "aud": "client"},
        {"c_hash": "x"},
    ],
)
def test_an_id_token_opens_nothing(connected: "Simulator", claims: dict[str, Any]) -> None:
    """It says who signed in, to the client that asked; an access token opens the API."""
    answer = with_claims(**claims)
    assert answer.status == 401
    assert "access token" in answer.json["detail"]
    assert with_claims(token_use="access").status == 200
    assert with_claims().status == 200  # as other issuers make them


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 403),
        ({"scope": "openid email"}, 403),
        ({"scope": "tickets/write.all"}, 403),
        ({"scope": "openid tickets/write"}, 200),
        ({"scp": "[profile tickets/read]"}, 200),
        ({"scp": "tickets/read"}, 200),
    ],
)
def test_a_token_needs_one_of_the_scopes(
    connected: "Simulator", monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any], status: int
) -> None:
    """Where the stack names some: whole ones, in either claim, as API Gateway writes it."""
    monkeypatch.setenv("JWT_SCOPES", "tickets/read,tickets/write")
    _forget()
    answer = with_claims(token_use="access", **claims)
    assert answer.status == status
    assert status == 200 or "tickets/read, tickets/write" in answer.json["detail"]


# ---- guesses


def test_guesses_of_a_password_are_bounded_and_recorded(
    connected: "Simulator", time: "Clock"
) -> None:
    """Ten a minute for a host and a name; each is in the trail, and no password is."""
    time.moment = time.moment.replace(second=15)
    time.advance(minutes=1)
    typed = {"instance_url": connected.url, "username": "admin", "password": "guess-of-mine"}

    def guess(**values: str) -> int:
        return call("test_connection", typed | values).status

    assert [guess() for _ in range(12)] == [200] * 10 + [429] * 2
    _forget()
    assert guess() == 429
    assert guess(username="another") == 200
    trail = call("get_activity", query={"action": "connection_tested"}).json["items"]
    assert len(trail) == 11
    assert {record["outcome"] for record in trail} == {"done"}
    assert trail[-1]["after"] == {
        "instance_url": connected.url, "username": "admin", "success": "false",
    }  # fmt: skip
    assert "password" in trail[-1]["fields"]
    assert "guess-of-mine" not in json.dumps(trail)
    time.advance(minutes=1)
    assert guess() == 200


def test_guesses_by_way_of_what_is_stored_are_bounded(
    connected: "Simulator", time: "Clock"
) -> None:
    """A password that is stored and then tested is a guess like another."""
    time.moment = time.moment.replace(second=15)
    time.advance(minutes=1)
    answers = []
    for number in range(6):
        answers.append(call("update_config", {"password": f"guess {number}"}).status)
        answers.append(call("test_connection").status)
    assert answers == [200] * 10 + [429] * 2


# ---- reads and deliveries


def test_reads_and_deliveries_count_by_user(
    aws: "Aws", connected: "Simulator", time: "Clock", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apart from writes; a delivery too many waits or is dropped; others are not concerned."""
    monkeypatch.setenv("READS_PER_MINUTE", "2")
    monkeypatch.setenv("DELIVERIES_PER_MINUTE", "1")
    _forget()
    time.moment = time.moment.replace(second=15)
    time.advance(minutes=1)
    reads = ("search_incidents", "get_activity", "get_health", "get_choices", "preview_rules")
    assert [call(name).status for name in reads[:2]] == [200, 200]
    for name in reads:
        refused = call(name)
        assert refused.status == 429
        assert "2 reads a minute" in refused.json["detail"]
    assert call("get_activity", user_id="another").status == 200
    assert call("create_incident", NEW).status == 201

    put_example_webhook(aws)
    boto3.client("events").create_event_bus(Name="events")
    stores.rates("deliveries").take(CALLER)
    late = invoke("receive_webhook", event("receive_webhook"))
    assert (late.status, late.json["status"]) == (202, "waiting")
    strange = event("receive_webhook", "invalid_signature")
    assert invoke("receive_webhook", strange).status == 401


# ---- sizes


def test_a_body_is_measured_in_bytes(connected: "Simulator") -> None:
    """Not in characters, of which one may have four."""
    for text in ("x" * 262_200, "é" * 131_100, "\N{ROCKET}" * 65_600):
        assert call("update_rules", {"errors": {"description": text}}).status == 413
    assert call("update_rules", {"errors": {"description": "é" * 4001}}).status == 422


@pytest.mark.parametrize(("letter", "count"), [("é", 30), ("\N{ROCKET}", 14), ("x", 60)])
def test_a_large_answer_is_stored_for_its_key(
    connected: "Simulator", letter: str, count: int
) -> None:
    """Whatever characters it has: as large as a body may be, it fits."""
    fields = {f"u_text_{number}": letter * 4000 for number in range(count)}
    body = json.dumps({**NEW, "fields": fields}, ensure_ascii=False)
    headers = {"idempotency-key": "large"}
    first, again = (call("create_incident", body, headers=headers) for _ in range(2))
    assert (first.status, again.status) == (201, 201), first.text[:300]
    assert again.json == first.json
    assert len(first.text) > 40_000


@pytest.mark.parametrize(("columns", "letter"), [(100, "x"), (100, "\N{ROCKET}"), (5000, "x")])
def test_an_answer_that_is_too_large_is_stored_in_short(
    connected: "Simulator", monkeypatch: pytest.MonkeyPatch, columns: int, letter: str
) -> None:
    """Who repeats the key finds the ticket, and reads that its texts are cut."""
    give = service._ticket
    large = {f"u_{number:070}": letter * 8000 for number in range(columns)}
    monkeypatch.setattr(service, "_ticket", lambda record: give(record) | large)
    headers = {"idempotency-key": "large"}
    first, again = (call("create_incident", NEW, headers=headers) for _ in range(2))
    assert (first.status, again.status) == (201, 201)
    for name in ("sys_id", "number", "url"):
        assert again.json[name] == first.json[name]
    assert again.json["is_cut"] is True
    assert "is_cut" not in first.json


# ---- columns that speak for people


@pytest.mark.parametrize("column", ["approval", "closed_by", "number", "opened_by", "resolved_at"])
def test_nobody_is_spoken_for(
    connected: "Simulator", monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    """What says what a person has done is refused, of calls and rules, unless the stack allows."""
    tries: list[tuple[str, dict[str, Any]]] = [
        ("create_incident", {**NEW, "fields": {column: "approved"}}),
        ("create_change_request", {**NEW, "fields": {"x": 1, column: "approved"}}),
        ("update_incident", {"fields": {column: "approved"}}),
        ("create_record", {**NEW, "fields": {column: "approved"}}),
        ("update_rules", {"errors": {"fields": {column: "approved"}}}),
        ("update_rules", {"rules": [{"name": "x", "then": {"columns": {column: "x"}}}]}),
        ("update_rules", {"rules": [{"name": "x", "then": {"closing_columns": {column: "x"}}}]}),
    ]
    before = len(connected.requests)
    for function, body in tries:
        answer = call(function, body)
        assert answer.status == 422, function
        assert column in json.dumps(answer.json["errors"])
    assert len(connected.requests) == before
    monkeypatch.setenv("ALLOWED_COLUMNS", f"approval_set, {column}")
    _forget()
    value = seed.INTEGRATION_USER if column.endswith("_by") else "approved"
    assert call("create_incident", {**NEW, "fields": {column: value}}).status == 201
    assert call("update_rules", tries[4][1]).status == 200


def test_stored_rules_go_on_without_a_column_that_is_no_longer_allowed(
    aws: "Aws", connected: "Simulator", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack's word counts when it is given, and no event is lost for it."""
    monkeypatch.setenv("ALLOWED_COLUMNS", "approval")
    _forget()
    fields = {"approval": "approved", "u_team": "payments"}
    assert call("update_rules", {"errors": {"fields": fields}}).status == 200
    store = RuleStore(aws.dynamodb, "EventsTable")
    assert rules_of(store, CALLER).errors.fields == fields
    monkeypatch.setenv("ALLOWED_COLUMNS", "")
    _forget()
    assert rules_of(store, CALLER).errors.fields == {"u_team": "payments"}


@pytest.mark.parametrize(
    ("function", "body", "field"),
    [
        ("create_incident", '{"short_description": "a", "short_description": "b"}', None),
        ("create_incident", '{"short_description": "a", "fields": {"x": 1, "x": 2}}', "x"),
        ("update_config", '{"password": "one-secret", "password": "other-secret"}', "password"),
        ("update_rules", '{"errors": {}, "alarms": {}, "errors": {"enabled": false}}', "errors"),
    ],
)
def test_a_field_is_named_once(
    connected: "Simulator", function: str, body: str, field: str | None
) -> None:
    """What one reader takes for the field another may not: neither is taken."""
    answer = call(function, body)
    assert (answer.status, answer.fields) == (422, [field or "short_description"])
    assert "secret" not in answer.text


def test_a_refusal_is_no_longer_than_a_person_reads(connected: "Simulator") -> None:
    """However many fields are wrong, however long their names."""
    many = {f"{number:0300}": 1 for number in range(800)}
    for body in ({**NEW, **many}, {**NEW, "fields": many}):
        answer = call("create_incident", body)
        assert answer.status == 422
        assert len(answer.fields) <= 50
        assert len(answer.text) < 40_000
