"""The config endpoints: their contract, their refusals, and what a crash leaves behind."""

import base64
import json
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actionsync import clock
from actionsync.stores.connections import LOCK_SECONDS, ConnectionStore
from actionsync.stores.secrets import SecretStore
from actionsync.telemetry import logger
from actionsync.wiring.stores import connection_store, secret_store
from tests.conftest import call, event, invoke

if TYPE_CHECKING:
    from tests.conftest import Aws

USER_ID: str = event("get_config")["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
PASSWORD = "correct-horse-Ünïcode ^ javascript:"
CONFIG = {
    "instance_url": "https://example.service-now.com",
    "username": "actionsync.integration",
    "password": PASSWORD,
}


def test_the_seed_contract(aws: "Aws") -> None:
    """A connection is stored, read, changed and removed; nobody sees the password again."""
    assert call("get_config").status == 404

    made = call("create_config", CONFIG)
    assert made.status == 201
    assert 0 < made.json["id"] < 2**53
    assert made.json["instance_url"] == CONFIG["instance_url"]
    assert made.json["username"] == CONFIG["username"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made.json["created_at"])
    assert call("get_config").json == made.json

    changed = call("update_config", {"username": "someone", "password": "new"})
    assert changed.status == 200
    assert changed.json == made.json | {
        "username": "someone",
        "version": 2,
        "updated_at": changed.json["updated_at"],
    }
    assert call("get_config").json == changed.json

    removed = call("delete_config")
    assert (removed.status, removed.text) == (204, "")
    assert call("get_config").status == 404
    assert aws.secrets() == {}
    assert call("create_config", CONFIG).json["id"] != made.json["id"]


def test_the_password_is_in_secrets_manager_alone(
    aws: "Aws", caplog: pytest.LogCaptureFixture
) -> None:
    """No answer, log line or table item holds the password; the secret names its host and user."""
    caplog.set_level(logging.INFO)
    answers = [call("create_config", CONFIG), call("get_config"), call("create_config", CONFIG)]
    assert all(PASSWORD not in answer.text for answer in answers)
    lines = [logger.registered_formatter.format(record) for record in caplog.records]
    assert sum("answered" in line for line in lines) == len(answers)
    assert PASSWORD not in "".join(lines)
    assert PASSWORD not in json.dumps(aws.items("ConnectionsTable"), ensure_ascii=False)
    (secret,) = aws.secrets().values()
    named = {"owner": USER_ID, "connection": "default", "auth_method": "basic"}
    assert json.loads(secret) == {**named, **CONFIG}


def test_a_problem_names_its_request_as_the_log_does(
    aws: "Aws", caplog: pytest.LogCaptureFixture
) -> None:
    """Each request by its own id, also in a warm function."""
    caplog.set_level(logging.INFO)
    for request_id in ("first", "second"):
        payload = event("get_config")
        payload["requestContext"]["requestId"] = request_id
        assert invoke("get_config", payload).json["instance"] == f"urn:request:{request_id}"
        records = [record for record in caplog.records if record.name == logger.name]
        (line,) = map(json.loads, map(logger.registered_formatter.format, records))
        assert line["request_id"] == request_id
        caplog.clear()


def test_users_do_not_meet(aws: "Aws") -> None:
    """One user's calls neither show nor touch another's connection, whatever the user ids."""
    call("create_config", CONFIG, user_id="a")
    for other in ("b", "a/", "A", "a|b", "CONNECTION", "ü" * 300):
        assert call("get_config", user_id=other).status == 404
        assert call("update_config", {"password": "x"}, user_id=other).status == 404
        assert call("delete_config", user_id=other).status == 404
        assert call("create_config", CONFIG | {"username": "b"}, user_id=other).status == 201
    assert call("get_config", user_id="a").json["username"] == CONFIG["username"]
    assert len(aws.secrets()) == 7


@pytest.mark.parametrize("function", ["get_config", "create_config", "delete_config"])
@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"sub": 7}])
def test_a_request_without_a_user_is_refused(
    aws: "Aws", function: str, claims: dict[str, Any]
) -> None:
    """Without a verified `sub` nothing is done."""
    payload = event(function)
    payload["requestContext"]["authorizer"]["jwt"]["claims"] = claims
    assert invoke(function, payload).status == 401
    assert aws.items("ConnectionsTable") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("instance_url", url)
            for url in [
                "",
                "example.service-now.com",
                "http://example.service-now.com",
                "ftp://example.service-now.com",
                "https://",
                "https://service-now.com",
                "https://evil.com",
                "https://evil.com/.service-now.com",
                "https://example.service-now.com.evil.com",
                "https://example.service-now.com@evil.com",
                "https://user:pw@example.service-now.com",
                "https://example.service-now.com:8443",
                "https://example.service-now.com:99999",
                "https://example.service-now.com/path",
                "https://example.service-now.com?query",
                "https://example.service-now.com#fragment",
                "https://example.service-now.com\\@evil.com",
                "https://exa mple.service-now.com",
                "https://-x.service-now.com",
                "https://exämple.service-now.com",
                "https://example.service-now.com.",
                "https://127.0.0.1",
                "https://10.0.0.1",
                "https://169.254.169.254",
                "https://0x7f.1",
                "https://2130706433",
                "https://[::1]",
                "https://[::ffff:127.0.0.1]",
                "https://localhost",
                "https://" + "a" * 300 + ".service-now.com",
                "javascript:alert(1)",
                7,
                None,
                ["https://example.service-now.com"],
            ]
        ),
        *(("username", name) for name in ["", "a:b", "a\nb", "a\x00", "x" * 256, 7, None, {}]),
        *(("password", word) for word in ["", "a\nb", "\x00", "x" * 1025, 7, None, ["x"]]),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(
    aws: "Aws", field: str, value: object
) -> None:
    """Each field's bad values are refused with its name, without the password."""
    answer = call("create_config", CONFIG | {field: value})
    assert (answer.status, answer.fields) == (422, [field])
    assert answer.headers["content-type"] == "application/problem+json"
    assert PASSWORD not in answer.text
    assert aws.items("ConnectionsTable") == []
    assert aws.secrets() == {}


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        (None, 400, []),
        ("", 400, []),
        ("   ", 400, []),
        ("{", 400, []),
        ('{"a": NaN}', 422, ["instance_url", "username", "password", "a"]),
        ("[]", 422, ["body"]),
        ("null", 422, ["body"]),
        ('"text"', 422, ["body"]),
        ("{}", 422, ["instance_url", "username", "password"]),
        (json.dumps(CONFIG | {"user_id": "somebody-else"}), 422, ["user_id"]),
        ("[" * 100_000, 400, []),
        ('"' + "x" * 300_000 + '"', 413, []),
    ],
)
def test_a_wrong_body_is_refused(
    aws: "Aws", body: str | None, status: int, fields: list[str]
) -> None:
    """What is no JSON object of the right fields is refused."""
    answer = call("create_config", body)
    assert (answer.status, answer.fields) == (status, fields)
    assert aws.items("ConnectionsTable") == []


@pytest.mark.parametrize(
    ("body", "status"),
    [(json.dumps(CONFIG).encode(), 201), (b"\xff\xfe", 400), (b'"\\ud800"', 400)],
)
def test_a_body_in_base64_is_read(aws: "Aws", body: bytes, status: int) -> None:
    """API Gateway hands some bodies on in base64; what is no text then is refused."""
    payload = event("create_config")
    payload |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    assert invoke("create_config", payload).status == status


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(body=JSON | st.fixed_dictionaries({}, optional=dict.fromkeys([*CONFIG, "x"], JSON)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_body_breaks_the_function(aws: "Aws", body: object) -> None:
    """Whatever JSON comes in, it is refused as such and nothing is stored."""
    for function in ("create_config", "update_config", "create_incident", "note_record"):
        answer = call(function, json.dumps(body))
        assert 400 <= answer.status < 500, answer.text
    assert aws.secrets() == {}


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_another_content_type_is_refused(aws: "Aws", content_type: str) -> None:
    """Only JSON is read, whatever the body looks like."""
    answer = call("create_config", CONFIG, headers={"content-type": content_type})
    assert answer.status == 415
    assert aws.items("ConnectionsTable") == []


@pytest.mark.usefixtures("aws")
class TestChanging:
    """PUT /api/servicenow/config."""

    @pytest.mark.parametrize(
        "change", [{"instance_url": "https://other.service-now.com"}, {"username": "other"}]
    )
    def test_another_host_or_user_needs_the_password(self, change: dict[str, str]) -> None:
        """A stored password can't be pointed at another host."""
        before = call("create_config", CONFIG).json
        answer = call("update_config", change)
        assert (answer.status, answer.fields) == (422, ["password"])
        assert call("get_config").json == before

    def test_the_same_host_and_user_change_nothing(self) -> None:
        """A PUT that repeats what is stored is no new version."""
        before = call("create_config", CONFIG)
        same = {name: CONFIG[name] for name in ("instance_url", "username")}
        assert call("update_config", same).json == before.json

    def test_an_older_version_is_refused(self) -> None:
        """If-Match guards against changing what somebody else has changed meanwhile."""
        tag = call("create_config", CONFIG).headers["etag"]
        change = {"password": "new"}
        assert call("update_config", change, headers={"if-match": tag}).status == 200
        late = call("update_config", change, headers={"if-match": tag})
        assert late.status == 412
        assert call("get_config").json["version"] == 2

    @pytest.mark.parametrize("tag", ["", "x", '"-1"', '"' + "9" * 40 + '"'])
    def test_a_tag_of_nobody_is_refused(self, tag: str) -> None:
        """An If-Match that no answer ever had is reported by name."""
        call("create_config", CONFIG)
        answer = call("update_config", {"password": "new"}, headers={"if-match": tag})
        assert (answer.status, answer.fields) == (422, ["If-Match"])


class CrashError(BaseException):
    """The process dies: nothing catches this, as nothing catches a kill."""


FUNCTIONS = {"create": "create_config", "change": "update_config", "delete": "delete_config"}
BODIES = {"create": CONFIG, "change": CONFIG | {"username": "new", "password": "new"}}
STEPS = {
    "create": [
        (ConnectionStore, "lock_absent"),
        (SecretStore, "create"),
        (ConnectionStore, "save"),
    ],
    "change": [
        (ConnectionStore, "lock_version"),
        (SecretStore, "add_version"),
        (ConnectionStore, "save"),
    ],
    "delete": [
        (ConnectionStore, "lock_for_removal"),
        (SecretStore, "delete"),
        (ConnectionStore, "remove"),
    ],
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("operation", "store", "step"),
    [(operation, store, step) for operation in STEPS for store, step in STEPS[operation]],
)
def test_a_crash_at_any_step_leaves_what_a_retry_mends(  # noqa: PLR0917 - pytest fills them
    aws: "Aws", monkeypatch: pytest.MonkeyPatch, operation: str, store: type, step: str, when: str
) -> None:
    """After a crash the state before or after is seen whole, and a retry ends as if none was."""
    if operation != "create":
        call("create_config", CONFIG)
    before = call("get_config")
    crash_at(monkeypatch, store, step, when)
    with pytest.raises(CrashError):
        call(FUNCTIONS[operation], BODIES.get(operation))
    monkeypatch.undo()

    committed = (step, when) in {("save", "after"), ("remove", "after")}
    seen = call("get_config")
    if operation == "delete":
        assert seen.status == (200 if (step, when) == ("lock_for_removal", "before") else 404)
    elif committed:
        assert seen.json["username"] == BODIES[operation]["username"]
        assert stored_password() == BODIES[operation]["password"]
    else:
        assert (seen.status, seen.text) == (before.status, before.text)
        if operation == "change":
            assert stored_password() == PASSWORD
    owners = {item["id"]["N"] for item in aws.items("ConnectionsTable")}
    assert {name.rpartition("/")[2] for name in aws.secrets()} <= owners

    early = call(FUNCTIONS[operation], BODIES.get(operation))
    if "retry-after" in early.headers:
        assert early.status == 409
        assert 0 < int(early.headers["retry-after"]) <= LOCK_SECONDS
    epoch = clock.epoch
    monkeypatch.setattr(clock, "epoch", lambda moment: epoch(moment) + LOCK_SECONDS)
    retried = call(FUNCTIONS[operation], BODIES.get(operation))
    done_before = committed or "retry-after" not in early.headers
    assert (
        retried.status
        == {
            "create": 409 if done_before else 201,
            "change": 200,
            "delete": 404 if done_before else 204,
        }[operation]
    )
    if operation == "delete":
        assert call("get_config").status == 404
        assert aws.secrets() == {}
    else:
        assert call("get_config").json["username"] == BODIES[operation]["username"]
        assert stored_password() == BODIES[operation]["password"]


@pytest.mark.parametrize(
    ("operation", "store", "step"),
    [(operation, store, step) for operation in STEPS for store, step in STEPS[operation][1:]],
)
@pytest.mark.usefixtures("aws")
def test_a_failed_step_can_be_tried_again_at_once(
    monkeypatch: pytest.MonkeyPatch, operation: str, store: type, step: str
) -> None:
    """AWS refusing a step is answered with 500, and the next try need not wait."""
    if operation != "create":
        call("create_config", CONFIG)

    def fail(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://example.com")

    with monkeypatch.context() as patch:
        patch.setattr(store, step, fail)
        answer = call(FUNCTIONS[operation], BODIES.get(operation))
    assert (answer.status, "servicenow" in answer.text.lower()) == (500, False)
    retried = call(FUNCTIONS[operation], BODIES.get(operation))
    assert retried.status == {"create": 201, "change": 200, "delete": 204}[operation]


@pytest.mark.usefixtures("aws")
def test_two_requests_at_once_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one request works on a connection, another has to wait."""
    call("create_config", CONFIG)
    save = ConnectionStore.save
    answers = []

    def save_late(store: ConnectionStore, *args: Any) -> None:
        monkeypatch.setattr(ConnectionStore, "save", save)
        answers.append(call("update_config", {"password": "second"}))
        answers.append(call("delete_config"))
        save(store, *args)

    monkeypatch.setattr(ConnectionStore, "save", save_late)
    assert call("update_config", {"password": "first"}).status == 200
    assert [answer.status for answer in answers] == [409, 409]
    assert stored_password() == "first"


def test_a_name_still_being_deleted_is_waited_for(
    aws: "Aws", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Secrets Manager frees a deleted secret's name moments later; a create outlasts that."""
    client = secret_store()._secrets_manager
    create_secret = client.create_secret
    pauses: list[float] = []

    def create_late(**arguments: Any) -> object:
        if len(pauses) < 2:
            message = "a secret with this name is already scheduled for deletion"
            raise client.exceptions.InvalidRequestException(
                {"Error": {"Code": "InvalidRequestException", "Message": message}}, "CreateSecret"
            )
        return create_secret(**arguments)

    monkeypatch.setattr(client, "create_secret", create_late)
    monkeypatch.setattr("time.sleep", pauses.append)
    assert call("create_config", CONFIG).status == 201
    assert pauses == [0.2, 0.5]
    assert len(aws.secrets()) == 1


def crash_at(monkeypatch: pytest.MonkeyPatch, store: type, step: str, when: str) -> None:
    """Let the process die before or after a step."""
    real = getattr(store, step)

    def crash(*args: object) -> None:
        if when == "after":
            real(*args)
        raise CrashError

    monkeypatch.setattr(store, step, crash)


def stored_password() -> str:
    """Return the password that a ticket function would use."""
    connection = connection_store().get(USER_ID)
    assert connection is not None
    secret = secret_store().get(connection.id, connection.secret_version)
    assert secret is not None
    assert (secret.owner, secret.identity) == (USER_ID, connection.identity)
    return secret.values["password"]
