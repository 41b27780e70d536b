"""Secrets: every one that is ever stored is looked for wherever else something is written.

The scenarios of test_rights.py make each function do all that it does, well and badly. Whatever
goes to Secrets Manager meanwhile is a canary: it must not be in any other call to AWS (items,
messages, dead letters, events), in any log line or metric, in any answer, or in what is raised.
"""

import base64
import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from botocore.client import BaseClient

from local.servicenow import faults, seed
from tests import conftest
from tests.conftest import HttpAnswer, call
from tests.contract.test_template import FOLDERS
from tests.integration.test_auth_methods import FIELDS, SECRETS, config, instance  # noqa: F401
from tests.integration.test_rights import FIRST, SCENARIOS, Iam, World, granted, iam  # noqa: F401

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws

# It looks different in JSON, in a URL and in Latin-1.
CANARY = 'canary "\\ä+/ 4711'
USER = seed.INTEGRATION_USER
# The one answer that tells a secret, once.
TELLS = "create_webhook"


class Cage:
    """Everything that leaves a function, apart from Secrets Manager, and what went there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.secrets = {CANARY}
        self.seen: list[str] = []
        make = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore's own
        invoke = conftest.invoke

        def call(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
            if client.meta.service_model.service_name == "secretsmanager":
                self.secrets |= _leaves(arguments.get("SecretString"))
            else:
                self.seen += _texts(arguments)
            return make(client, operation, arguments)

        def invoked(function: str, payload: dict[str, Any]) -> HttpAnswer:
            answer = invoke(function, payload)
            if function != TELLS:
                self.seen += [answer.text, repr(answer.headers)]
            return answer

        monkeypatch.setattr(BaseClient, "_make_api_call", call)
        monkeypatch.setattr(conftest, "invoke", invoked)

    def assert_closed(
        self, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        """No secret is anywhere, in any of the forms that it is sent or written in."""
        output = capsys.readouterr()
        extras = [text for record in caplog.records for text in _texts(vars(record))]
        everything = "\n".join([*self.seen, output.out, output.err, caplog.text, *extras])
        assert len(everything) > 100
        for secret in self.secrets:
            for form in _forms(secret):
                where = everything.find(form)
                assert where < 0, everything[max(0, where - 300) : where + 100]


def _texts(value: Any) -> list[str]:
    """Return all texts in something, as they are."""
    if isinstance(value, dict):
        return [text for each in value.items() for part in each for text in _texts(part)]
    if isinstance(value, list | tuple):
        return [text for each in value for text in _texts(each)]
    return [value.decode("latin-1") if isinstance(value, bytes) else str(value)]


def _leaves(text: str | None) -> set[str]:
    """Return the secrets in a secret's text, whatever its form."""
    if text is None:
        return set()
    try:
        document = json.loads(text)
    except ValueError:
        return {text}
    public = {
        "owner", "connection", "instance_url", "auth_method", "username", "client_id",
        "rotated_from", "key_id", "signing_key",
    }  # fmt: skip
    return {
        value for name, value in document.items() if name not in public and isinstance(value, str)
    }


def _forms(secret: str) -> set[str]:
    pairs = [secret, f"{USER}:{secret}", f":{secret}"]
    return {
        secret,
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        *(base64.b64encode(pair.encode()).decode().rstrip("=") for pair in pairs),
    }


def echo(username: str, password: str) -> faults.Fault:
    """Return an answer that repeats the password, as it is and as the header has it."""
    header = base64.b64encode(f"{username}:{password}".encode()).decode()
    text = f"{password} and {header}"
    return faults.error(403, f"No, {text}", f"Not you, {text}", times=None)


def _cannot(*_: Any, **__: Any) -> None:
    raise RuntimeError("something nobody thought of")


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")
def test_no_secret_leaves(  # noqa: PLR0917 - fixtures and a parameter
    aws: "Aws",
    simulator: "Simulator",
    iam: Iam,  # noqa: F811 - a fixture
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    folder: str,
) -> None:
    """Of any function: well, refused in words that hold it, refused by AWS, and quite broken."""
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "servicenow_tools")
    monkeypatch.setitem(seed.USERS, USER, (CANARY, *seed.USERS[USER][1:]))
    simulator.instance.set_password(USER, CANARY)
    cage = Cage(monkeypatch)
    for trouble in ("none", "echo", "aws", "unexpected"):
        world = World(aws, simulator, iam, monkeypatch)
        iam.refused = None
        if trouble == "echo":
            is_own = folder == "rotate_secret"  # of a user who may change its own password
            user, password = (f"user-{world.user}", FIRST) if is_own else (USER, CANARY)
            simulator.faults.add(echo(user, password))
        if trouble == "aws" and granted(folder):
            iam.refused = max(
                right for right in granted(folder) if not right[0].startswith("sqs:Re")
            )
        with monkeypatch.context() as patch:
            if trouble == "unexpected":
                patch.setattr("servicenow_tools.Transport.handle_async_request", _cannot)
            iam.is_off = False
            try:
                SCENARIOS[folder](world)
            except Exception as error:  # noqa: BLE001 - Lambda logs whatever it is
                cage.seen += [repr(error), str(error.__cause__), str(error.__context__)]
            finally:
                iam.is_off = True
    cage.assert_closed(capsys, caplog)


@pytest.mark.parametrize("method", FIELDS)
def test_no_way_to_sign_in_leaks(  # noqa: PLR0917 - fixtures and parameters
    aws: "Aws",
    instance: "Simulator",  # noqa: F811 - a fixture
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    method: str,
) -> None:
    """Mistyped, stored, tested, refused, repeated by the instance, and used."""
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "servicenow_tools")
    cage = Cage(monkeypatch)
    body = config(instance, method)
    canaries = {name: f"{CANARY} {name}" for name in SECRETS[method]}
    canaries = canaries | ({"api_key": "canary-key-4711"} if method == "api_key" else {})
    cage.secrets |= set(canaries.values())
    for wrong in (
        {**body, **canaries, "auth_method": "none"},
        {**body, **canaries, "instance_url": "https://evil.example.com"},
        {**body, **{name: value * 300 for name, value in canaries.items()}},
        {**body, **{f"{name}s": value for name, value in canaries.items()}},
        {**body, **{name: [value] for name, value in canaries.items()}},
    ):
        assert call("create_config", wrong).status == 422
        assert call("test_connection", wrong).status == 422
    said = " ".join(canaries.values())
    assert not call("test_connection", {**body, **canaries}).json["success"]
    assert call("create_config", {**body, **canaries}).status == 201
    for fault in (
        faults.error(401, said, said, times=None),
        faults.Fault(
            status=401, body={"error": said, "error_description": said}, times=None,
            path="/oauth_token.do",
        ),
    ):  # fmt: skip
        instance.faults.add(fault)
        assert call("create_incident", {"short_description": "x"}).status in {424, 502}
        assert not call("test_connection", None).json["success"]
        instance.faults.clear()
    assert call("update_config", body).status == 200
    assert call("create_incident", {"short_description": "x"}).status == 201
    cage.assert_closed(capsys, caplog)


def test_the_cage_notices(
    aws: "Aws",
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A secret in an item, in a log line, or in another form of it, is found."""
    for leak in (CANARY, json.dumps(CANARY), quote(CANARY), base64.b64encode(CANARY.encode())):
        cage = Cage(monkeypatch)
        item: Any = {"pk": {"S": "x" * 100}, "leak": {"B": leak}}
        if isinstance(leak, str):
            item["leak"] = {"S": leak}
        aws.dynamodb.put_item(TableName="IdempotencyTable", Item=item)
        with pytest.raises(AssertionError):
            cage.assert_closed(capsys, caplog)
    cage = Cage(monkeypatch)
    logging.getLogger("anybody").warning("%s %s", "x" * 100, CANARY)
    with pytest.raises(AssertionError):
        cage.assert_closed(capsys, caplog)
