"""Each way to sign in, through the functions: stored, tested, changed, used, rotated."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from local.servicenow import seed
from local.servicenow.access import Application
from tests.conftest import call
from tests.integration.events import USER as EVENTS_USER
from tests.integration.events import Queues, error, send

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws

USER = seed.INTEGRATION_USER
PASSWORD = seed.USERS[USER][0]
CLIENT = {"client_id": "an-id", "client_secret": "a-client-secret"}
FIELDS: dict[str, dict[str, str]] = {
    "basic": {"username": USER, "password": PASSWORD},
    "oauth_client_credentials": CLIENT,
    "oauth_password": {**CLIENT, "username": USER, "password": PASSWORD},
    "oauth_refresh_token": {**CLIENT, "refresh_token": "a-refresh-token"},
    "api_key": {"api_key": "the-api-key"},
}
SECRETS = {
    "basic": ["password"],
    "oauth_client_credentials": ["client_secret"],
    "oauth_password": ["password", "client_secret"],
    "oauth_refresh_token": ["client_secret", "refresh_token"],
    "api_key": ["api_key"],
}
EVERY = pytest.mark.parametrize("method", FIELDS)


@pytest.fixture(autouse=True)
def many_sign_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test sign in more often than a person may in a minute."""
    monkeypatch.setattr("actionsync.wiring.stores.SIGN_INS_PER_MINUTE", 1000)


@pytest.fixture
def instance(aws: "Aws", simulator: "Simulator") -> "Simulator":
    """The simulator, which takes every way to sign in."""
    access = simulator.instance.access
    simulator.instance.add_application(Application("an-id", "a-client-secret", USER))
    access.refresh_tokens["a-refresh-token"] = USER
    access.api_keys["the-api-key"] = USER
    return simulator


def config(instance: "Simulator", method: str, **changes: Any) -> dict[str, Any]:
    """Return the body that stores a connection of this method."""
    body = {"instance_url": instance.url, "auth_method": method, **FIELDS[method], **changes}
    return {name: value for name, value in body.items() if value is not None}


@EVERY
def test_it_is_stored_and_writes_tickets(instance: "Simulator", aws: "Aws", method: str) -> None:
    """From the form to the ticket; nobody sees a secret again."""
    made = call("create_config", config(instance, method))
    assert made.status == 201
    names = {name: text for name, text in FIELDS[method].items() if name not in SECRETS[method]}
    assert made.json["auth_method"] == method
    assert {name: made.json[name] for name in ("username", "client_id") if made.json[name]} == names
    assert call("get_config").json == made.json
    items = json.dumps(aws.items("ConnectionsTable"))
    (stored,) = aws.secrets().values()
    for name in SECRETS[method]:
        assert FIELDS[method][name] not in made.text + items
        assert FIELDS[method][name] in stored

    report = call("test_connection", None).json
    assert report["success"], report
    assert report["checks"][1]["message"] == f"Signed in as {USER}."
    for number in range(3):
        assert call("create_incident", {"short_description": f"{number}"}).status == 201
    assert instance.requests[-1].user == USER
    tokens = sum(request.path == "/oauth_token.do" for request in instance.requests)
    assert tokens == int(method.startswith("oauth"))


@EVERY
def test_events_use_it(instance: "Simulator", monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """An error of the user's software becomes an incident."""
    queues = Queues(monkeypatch)
    assert call("create_config", config(instance, method), user_id=EVENTS_USER).status == 201
    assert send("error", error()) == []
    assert queues.failed() == []
    assert queues.waiting() == []
    assert any(row["correlation_display"] == "ActionSync" for row in instance.records("incident"))


@EVERY
def test_what_is_typed_is_tested(instance: "Simulator", aws: "Aws", method: str) -> None:
    """Right, and wrong: the stage, ServiceNow's own words, and no secret; nothing is stored."""
    assert call("test_connection", config(instance, method)).json["success"]
    for name in SECRETS[method]:
        answer = call("test_connection", config(instance, method, **{name: "a-wrong-one"}))
        assert answer.status == 200
        failed = [check for check in answer.json["checks"] if check["status"] == "failed"]
        assert failed[0]["name"] == "signed_in"
        said = failed[0]["servicenow"]
        assert said["status"] == 401
        assert said["message"] == (
            "OAuth: server_error, access_denied"
            if method.startswith("oauth")
            else "User Not Authenticated"
        )
        assert "a-wrong-one" not in answer.text
    assert aws.secrets() == {}
    assert aws.items("ConnectionsTable") == []


@EVERY
def test_each_method_wants_its_own_fields(instance: "Simulator", aws: "Aws", method: str) -> None:
    """A missing one and one of another method are named; nothing is stored."""
    for name in FIELDS[method]:
        answer = call("create_config", config(instance, method, **{name: None}))
        assert (answer.status, answer.fields) == (422, [name])
        assert f"is needed for {method}" in answer.text
    others = {"username", "password", "client_id", "client_secret", "refresh_token", "api_key"}
    for name in sorted(others - set(FIELDS[method])):
        for function in ("create_config", "test_connection"):
            answer = call(function, config(instance, method, **{name: "x"}))
            assert (answer.status, answer.fields) == (422, [name])
    assert aws.items("ConnectionsTable") == []


def test_a_method_nobody_knows_is_refused(instance: "Simulator") -> None:
    """And only that is complained of."""
    answer = call("create_config", config(instance, "basic", auth_method="kerberos"))
    assert (answer.status, answer.fields) == (422, ["auth_method"])


@EVERY
def test_stored_secrets_stay_with_whom_they_belong_to(instance: "Simulator", method: str) -> None:
    """Another host, name or method, or one secret alone, needs all secrets again."""
    call("create_config", config(instance, method))
    assert call("update_config", {"instance_url": instance.url}).status == 200  # nothing new
    changes: list[dict[str, str]] = [{"instance_url": "https://evil.service-now.com"}]
    changes += [{name: "another"} for name in FIELDS[method] if name not in SECRETS[method]]
    for change in changes:
        answer = call("update_config", change)
        assert (answer.status, answer.fields) == (422, SECRETS[method])
        public = {k: v for k, v in config(instance, method, **change).items()
                  if k not in SECRETS[method]}  # fmt: skip
        answer = call("test_connection", public)
        assert (answer.status, answer.fields) == (422, SECRETS[method])
    for name in SECRETS[method]:
        rest = [other for other in SECRETS[method] if other != name]
        answer = call("update_config", {name: "another"})
        assert (answer.status, answer.fields) == ((422, rest) if rest else (200, []))
    answer = call("update_config", {"unknown": "x"})
    assert (answer.status, answer.fields) == (422, ["unknown"])


@EVERY
def test_the_method_is_changed(instance: "Simulator", method: str) -> None:
    """To each other one, with all of its fields; then tickets are written with it."""
    call("create_config", config(instance, method))
    for other, fields in FIELDS.items():
        if other == method:
            continue
        answer = call("update_config", {"auth_method": other})
        assert answer.status == 422
        assert set(answer.fields) >= set(SECRETS[other])
        changed = call("update_config", {"auth_method": other, **fields})
        assert (changed.status, changed.json["auth_method"]) == (200, other)
        assert call("test_connection", None).json["success"]
        back = call("update_config", config(instance, method))
        assert back.json["auth_method"] == method
    answer = call("update_config", {"auth_method": "api_key", "api_key": "x", "client_id": "y"})
    assert (answer.status, answer.fields) == (422, ["client_id"])


@EVERY
def test_a_replaced_secret_costs_no_failed_call(
    instance: "Simulator", aws: "Aws", method: str
) -> None:
    """A warm function whose secret is refused reads it again; so does one without a token."""
    call("create_config", config(instance, method))
    assert call("create_incident", {"short_description": "before"}).status == 201
    access = instance.instance.access
    access.tokens.clear()
    access.applications["an-id"] = Application("an-id", "newer", USER)
    access.api_keys = {"newer": USER}
    access.refresh_tokens = {"newer": USER}
    instance.instance.set_password(USER, "newer")
    (name,) = aws.secrets()
    stored = json.loads(aws.secrets()[name])
    aws.secrets_manager.put_secret_value(
        SecretId=name, SecretString=json.dumps(stored | dict.fromkeys(SECRETS[method], "newer"))
    )
    assert call("create_incident", {"short_description": "after"}).status == 201
    rows = [row for row in instance.records("incident") if row["short_description"] == "after"]
    assert len(rows) == 1


def test_a_secret_of_another_user_is_not_used(instance: "Simulator", aws: "Aws") -> None:
    """Whatever becomes of Secrets Manager, a secret serves its own user alone."""
    call("create_config", config(instance, "basic"))
    (name,) = aws.secrets()
    stored = json.loads(aws.secrets()[name])
    instance.requests.clear()
    version = aws.secrets_manager.put_secret_value(
        SecretId=name, SecretString=json.dumps(stored | {"owner": "somebody-else"})
    )["VersionId"]
    (item,) = aws.items("ConnectionsTable")
    item["secret_version"] = {"S": version}
    aws.dynamodb.put_item(TableName="ConnectionsTable", Item=item)
    assert call("create_incident", {"short_description": "x"}).status == 409
    assert instance.requests == []
