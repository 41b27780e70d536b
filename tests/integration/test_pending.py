"""A new key or certificate beside the one in use: stored, tested, and then promoted."""

import json
from typing import TYPE_CHECKING, Any
from unittest import mock

import jwt
import pytest

from actionsync import clock
from actionsync.stores.connections import ConnectionStore
from actionsync.wiring.servicenow import client_cache
from local.servicenow import seed
from tests.integration.keys import make_key, register
from tests.integration.test_certificates import NAMED, keep, pem  # noqa: F401 - a fixture
from tests.integration.test_teams import ask, store

if TYPE_CHECKING:
    from pathlib import Path

    from local.servicenow import Simulator
    from tests.conftest import Aws, HttpAnswer
    from tests.integration.conftest import Clock

KEYED = {"name": "keyed"}
PENDING = {"pending": "true"}
BY_IT = {"connection": "keyed"}


@pytest.fixture(autouse=True)
def many_sign_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test sign in more often than a person may in a minute."""
    monkeypatch.setattr("actionsync.wiring.stores.SIGN_INS_PER_MINUTE", 1000)


def keep_keyed(simulator: "Simulator", **changes: Any) -> "HttpAnswer":
    """Store a connection that signs by a key of AWS KMS."""
    body = {
        "name": "keyed",
        "instance_url": simulator.url,
        "auth_method": "oauth_jwt_bearer",
        "username": seed.INTEGRATION_USER,
        "client_id": "an-id",
        "client_secret": "a-secret",
        "key_id": "first",
        **changes,
    }
    return ask("create_config", "valid_create_connection", body)


def change(body: dict[str, Any], path: dict[str, str] = KEYED, **options: Any) -> "HttpAnswer":
    """Change a connection."""
    return ask("update_config", "valid_update_connection", body, path=path, **options)


def tried(path: dict[str, str] = KEYED, **query: str) -> "HttpAnswer":
    """Test a connection."""
    return ask("test_connection", "valid_test_named_connection", path=path, query=query or None)


def promote(path: dict[str, str] = KEYED, **options: Any) -> "HttpAnswer":
    """Promote what is pending."""
    return ask("sign_in_connection", "valid_promote_pending", path=path, **options)


def test_a_key_of_kms_signs_in(simulator: "Simulator", aws: "Aws") -> None:
    """Its alias is the connection's own; without it calls answer 424, and say what is missing."""
    made = keep_keyed(simulator)
    alias = f"alias/actionsync/test/{made.json['id']}/first"
    assert (made.status, made.json["signing_key"], made.json["key_id"]) == (201, alias, "first")
    missing = ask("search_incidents", query=BY_IT)
    assert (missing.status, alias in missing.json["detail"]) == (424, True)
    register(simulator, make_key(alias))
    assert tried().json["success"]
    assert ask("search_incidents", query=BY_IT).status == 200
    assert simulator.requests[-1].user == seed.INTEGRATION_USER
    # Each token is asked for with another assertion.
    simulator.instance.access.tokens.clear()
    assert ask("search_incidents", query=BY_IT).status == 200


def test_an_owner_names_no_key(simulator: "Simulator", aws: "Aws") -> None:
    """Whoever knows of another's key cannot have it sign: the alias follows from the connection."""
    others = make_key("alias/actionsync/test/7/first")
    register(simulator, others)
    for key_id in ("../7/first", "alias/actionsync/test/7/first", "a" * 65):
        assert keep_keyed(simulator, key_id=key_id).fields == ["key_id"]
    keep_keyed(simulator)
    assert ask("search_incidents", query=BY_IT).status == 424
    typed = {"instance_url": simulator.url, "auth_method": "oauth_jwt_bearer", "key_id": "first",
             "username": "u", "client_id": "an-id", "client_secret": "a-secret"}  # fmt: skip
    refused = ask("test_connection", "valid_test_named_connection", typed, path=KEYED)
    assert (refused.status, refused.fields) == (422, ["auth_method"])


def test_an_assertion_is_good_for_ten_minutes(
    simulator: "Simulator", aws: "Aws", time: "Clock"
) -> None:
    """By the clock of whoever signs; the end is not renewed."""
    made = keep_keyed(simulator)
    register(simulator, make_key(made.json["signing_key"]))
    connection = ConnectionStore(aws.dynamodb, "ConnectionsTable").get("ada", "keyed")
    assert connection is not None
    token = client_cache().sources.signer.assertion(connection.id, connection.identity)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - clock.epoch(clock.now()) == 600
    assert (claims["iss"], claims["aud"]) == ("an-id", "an-id")
    assert jwt.get_unverified_header(token)["kid"] == "first"


def test_a_pending_key_is_tested_and_promoted(simulator: "Simulator", aws: "Aws") -> None:
    """The one in use goes on until then; what ServiceNow does not take is not promoted."""
    made = keep_keyed(simulator)
    first = make_key(made.json["signing_key"])
    register(simulator, first)
    pending = change({"key_id": "second", "client_secret": "a-secret"}, query=PENDING)
    assert (pending.status, pending.json["key_id"]) == (200, "first")
    shown = pending.json["pending"]
    assert shown["key_id"] == "second"
    assert "secret_version" not in shown
    assert tried(version="pending").status == 424  # no alias yet
    second = make_key(shown["signing_key"])
    assert not tried(version="pending").json["success"]
    refused = promote()
    assert (refused.status, "not promoted" in refused.json["detail"]) == (409, True)
    assert ask("search_incidents", query=BY_IT).status == 200
    register(simulator, second)
    assert tried(version="pending").json["success"]
    done = promote()
    assert (done.status, done.json["key_id"], done.json["pending"]) == (200, "second", None)
    assert ask("search_incidents", query=BY_IT).status == 200
    assert promote().status == 409
    actions = [each["action"] for each in ask("get_activity").json["items"]]
    assert actions[:4] == ["pending_promoted", "pending_promoted", "pending_promoted",
                           "pending_stored"]  # fmt: skip


def test_a_pending_certificate_is_tested_and_promoted(
    simulator: "Simulator",
    pem: str,  # noqa: F811 - a fixture
    tmp_path: "Path",
) -> None:
    """A warm function goes by the one before until its client's time is up."""
    keep(simulator, pem, pem)
    by_it = {"connection": "shown"}
    assert ask("search_incidents", query=by_it).status == 200
    simulator.instance.access.certificates["next"] = "reader"
    simulator.make_certificate("next", tmp_path / "next.pem")
    text = (tmp_path / "next.pem").read_text()
    body = {"certificate": text, "private_key": text}
    stored = change(body, NAMED, query=PENDING)
    assert stored.json["pending"]["ends_at"]
    assert "BEGIN" not in stored.text
    assert "Signed in as reader" in tried(NAMED, version="pending").text
    ask("search_incidents", query=by_it)
    assert simulator.requests[-1].user == seed.INTEGRATION_USER
    assert promote(NAMED).status == 200
    # The first is taken away too early: one call is refused, and the next goes by the second.
    del simulator.instance.access.certificates["shown"]
    statuses = [ask("search_incidents", query=by_it).status for _ in range(2)]
    assert statuses == [424, 200]
    assert simulator.requests[-1].user == "reader"


def pending_key_ids(aws: "Aws") -> list[str]:
    """Return the IDs of the keys whose secrets Secrets Manager has as pending."""
    manager = aws.secrets_manager
    found = []
    for secret in manager.list_secrets()["SecretList"]:
        for version in manager.list_secret_version_ids(SecretId=secret["ARN"])["Versions"]:
            if "AWSPENDING" in version["VersionStages"]:
                text = manager.get_secret_value(
                    SecretId=secret["ARN"], VersionId=version["VersionId"]
                )["SecretString"]
                found.append(json.loads(text)["key_id"])
    return found


def test_what_is_pending_is_dropped(simulator: "Simulator", aws: "Aws") -> None:
    """The one in use goes on; nothing pending is left, here or in Secrets Manager."""
    made = keep_keyed(simulator)
    register(simulator, make_key(made.json["signing_key"]))
    stored = change({"key_id": "second", "client_secret": "a-secret"}, query=PENDING)
    assert pending_key_ids(aws) == ["second"]
    dropped = change({"pending": None}, headers={"if-match": f'"{stored.json["version"]}"'})
    assert (dropped.status, dropped.json["pending"]) == (200, None)
    kept = {name: made.json[name] for name in made.json if name not in {"version", "pending"}}
    assert kept.items() <= dropped.json.items()
    assert pending_key_ids(aws) == []
    assert ask("search_incidents", query=BY_IT).status == 200
    for answer in (change({"pending": None}), promote(), tried(version="pending")):
        assert (answer.status, "no pending version" in answer.json["detail"]) == (409, True)
    actions = [each["action"] for each in ask("get_activity").json["items"]]
    assert actions.count("pending_dropped") == 2  # what was refused is recorded, too
    again = change({"key_id": "third", "client_secret": "a-secret"}, query=PENDING)
    assert again.json["pending"]["key_id"] == "third"


@pytest.mark.parametrize("other", [{"key_id": "third"}, {"client_secret": "x"}, {"username": "u"}])
def test_what_is_pending_is_dropped_alone(
    simulator: "Simulator", aws: "Aws", other: dict[str, str]
) -> None:
    """Nobody who changes something drops by mistake; an older version drops nothing."""
    keep_keyed(simulator)
    stored = change({"key_id": "second", "client_secret": "a-secret"}, query=PENDING)
    both = change({"pending": None, **other})
    assert (both.status, both.fields) == (422, ["pending"])
    assert change({"pending": None}, headers={"if-match": '"1"'}).status == 412
    shown = ask("get_config", "valid_get_connection", path=KEYED).json
    assert (shown["pending"], shown["version"]) == (stored.json["pending"], 2)


def test_a_death_while_dropping_is_repeated(
    simulator: "Simulator", aws: "Aws", monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the label is gone, before the connection says so."""
    keep_keyed(simulator)
    change({"key_id": "second", "client_secret": "a-secret"}, query=PENDING)
    with monkeypatch.context() as patch:
        patch.setattr(ConnectionStore, "save", mock.Mock(side_effect=RuntimeError))
        assert change({"pending": None}).status == 500
    assert pending_key_ids(aws) == []
    assert change({"pending": None}).json["pending"] is None


def test_a_death_while_promoting_is_repeated(
    simulator: "Simulator", aws: "Aws", monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the version is in force in Secrets Manager, before the connection names it."""
    made = keep_keyed(simulator)
    register(simulator, make_key(made.json["signing_key"]))
    shown = change({"key_id": "second", "client_secret": "a-secret"}, query=PENDING).json
    register(simulator, make_key(shown["pending"]["signing_key"]))

    class KilledError(BaseException):
        """The process is gone."""

    def die(*_: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(ConnectionStore, "save", die)
        patch.setattr(ConnectionStore, "unlock", die)
        with pytest.raises(KilledError):
            promote()
    assert promote().status == 409  # until the lock of the dead one ends
    (item,) = aws.items("ConnectionsTable")
    item["locked_until"] = {"N": "1"}
    aws.dynamodb.put_item(TableName="ConnectionsTable", Item=item)
    assert promote().status == 200
    assert ask("search_incidents", query=BY_IT).status == 200


def test_what_cannot_be_pending_is_refused(simulator: "Simulator", aws: "Aws") -> None:
    """A method that nobody registers, another identity, half of the secrets, an older version."""
    store(simulator, "default")
    refused = change({"password": "x"}, {"name": "default"}, query=PENDING)
    assert (refused.status, refused.fields) == (422, ["pending"])
    made = keep_keyed(simulator)
    for body, fields in (
        ({"key_id": "second", "client_secret": "x", "username": "u"}, ["username"]),
        ({"key_id": "second"}, ["client_secret"]),
        ({"key_id": "second", "client_secret": "x", "password": "x"}, ["password"]),
    ):
        answer = change(body, query=PENDING)
        assert (answer.status, answer.fields) == (422, fields)
    for answer in (promote(), tried(version="pending")):
        assert (answer.status, "no pending version" in answer.json["detail"]) == (409, True)
    typed = {"instance_url": simulator.url, "username": "u", "password": "p"}
    body_too = ask("test_connection", "valid_test_named_connection", typed, path=KEYED,
                   query={"version": "pending"})  # fmt: skip
    assert (body_too.status, body_too.fields) == (422, ["version"])
    # What replaces all of it leaves nothing pending.
    change({"key_id": "second", "client_secret": "a-secret"}, query=PENDING)
    changed = change({"key_id": "third", "client_secret": "a-secret"})
    assert (changed.json["pending"], changed.json["key_id"]) == (None, "third")
    assert pending_key_ids(aws) == []
    assert changed.json["version"] == made.json["version"] + 2
