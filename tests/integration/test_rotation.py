"""Rotating what a user signs in with: each step, again and again, and dead at any call."""

import importlib
import itertools
import json
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient

from actionsync.connections.rotation import RotationError
from actionsync.runtime import run
from actionsync.wiring.servicenow import client_cache
from local.servicenow import faults, seed
from servicenow_tools.errors import (
    InvalidRequestError,
    PermissionDeniedError,
    UnavailableError,
)
from tests.conftest import LambdaContext, call, event
from tests.integration.test_auth_methods import FIELDS, config, instance  # noqa: F401

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock

USER, STEPS = "self.service", ("createSecret", "setSecret", "testSecret", "finishSecret")
NEW = {"short_description": "A ticket"}


class KilledError(BaseException):
    """The process is gone."""


@pytest.fixture
def secret(aws: "Aws", instance: "Simulator") -> str:  # noqa: F811 - a fixture
    """The secret of a connected user who may change its own password."""
    instance.instance.add_user(USER, "first-password", "itil", "user_admin")
    body = config(instance, "basic", username=USER, password="first-password")
    assert call("create_config", body).status == 201
    (name,) = aws.secrets()
    return name


def step(name: str, secret: str, token: str) -> None:
    """Invoke the function as Secrets Manager does."""
    module = importlib.import_module("functions.rotate_secret.app")
    payload = {**event("rotate_secret"), "Step": name, "SecretId": secret}
    module.lambda_handler({**payload, "ClientRequestToken": token}, LambdaContext())


def rotate(secret: str) -> None:
    """Rotate as Secrets Manager does when nothing fails."""
    token = str(uuid.uuid4())
    for name in STEPS:
        step(name, secret, token)


def password(instance: "Simulator", user: str = USER) -> str:  # noqa: F811
    """Return the password that ServiceNow takes."""
    return instance.instance.accounts[user].password


def stored(aws: "Aws") -> str:
    """Return the password that is in force in Secrets Manager."""
    (text,) = aws.secrets().values()
    found: str = json.loads(text)["password"]
    return found


def test_a_password_is_rotated(aws: "Aws", instance: "Simulator", secret: str) -> None:  # noqa: F811
    """A new one here and there; a warm function goes on, and a cold one signs in at once."""
    assert call("create_incident", NEW).status == 201
    for _ in range(2):
        before = password(instance)
        rotate(secret)
        assert password(instance) == stored(aws) != before
    assert call("create_incident", NEW).status == 201
    for entry in client_cache()._cached.values():
        run(entry.client.aclose())
    client_cache.cache_clear()
    instance.requests.clear()
    assert call("create_incident", NEW).status == 201
    assert [request.status for request in instance.requests] == [201]


def test_oauths_password_is_rotated_too(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
) -> None:
    """Its client secret stays."""
    instance.instance.add_user(USER, "first-password", "itil", "user_admin")
    body = config(instance, "oauth_password", username=USER, password="first-password")
    call("create_config", body)
    (name,) = aws.secrets()
    rotate(name)
    assert password(instance) == stored(aws) != "first-password"
    trail = call("get_activity").json["items"]
    assert [item["action"] for item in trail[:2]] == ["password_rotated", "password_set"]
    assert {item["outcome"] for item in trail} == {"done"}
    assert stored(aws) not in json.dumps(aws.items("AuditTable"))
    (text,) = aws.secrets().values()
    assert json.loads(text)["client_secret"] == FIELDS["oauth_password"]["client_secret"]
    assert call("create_incident", NEW).status == 201


def test_a_death_at_any_call_is_recovered(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    secret: str,
    time: "Clock",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After each call of each step in turn it dies: the step's repeat repairs it.

    What lasts is then the same as if it had died before the next call.
    """
    real = BaseClient._make_api_call  # type: ignore[attr-defined]
    calls = 0
    deadly: int | None = None

    def make(self: Any, operation: str, arguments: Any) -> Any:
        nonlocal calls, deadly
        answer = real(self, operation, arguments)
        calls += 1
        if deadly == calls:
            deadly = None
            raise KilledError
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", make)
    for at in itertools.count(1):
        time.advance(minutes=1)  # connections are tested ten times a minute at most
        calls, deadly = 0, at
        token, before = str(uuid.uuid4()), password(instance)
        for name in STEPS:
            try:
                step(name, secret, token)
            except KilledError:
                step(name, secret, token)
        has_died = deadly is None
        deadly = None
        assert password(instance) == stored(aws) != before
        assert call("test_connection", None).json["success"]
        if not has_died:
            break
    assert at > 8


def test_an_answer_that_is_lost_is_found_out(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    secret: str,
) -> None:
    """ServiceNow took the new password and did not say so: the repeated step signs in with it."""
    instance.faults.add(faults.unavailable(504, path="*/sys_user/*", after_commit=True))
    token = str(uuid.uuid4())
    step("createSecret", secret, token)
    with pytest.raises(UnavailableError):
        step("setSecret", secret, token)
    for name in STEPS[1:]:
        step(name, secret, token)
    assert password(instance) == stored(aws) != "first-password"


def test_a_user_who_may_not_keeps_its_password(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
) -> None:
    """Refused outright, or dropped without a word: the old password stays in force."""
    call("create_config", config(instance, "basic"))
    (name,) = aws.secrets()
    before = password(instance, seed.INTEGRATION_USER)
    with pytest.raises(PermissionDeniedError):
        rotate(name)
    token = str(uuid.uuid4())
    step("createSecret", name, token)
    instance.faults.add(
        faults.Fault(method="PATCH", path="*/sys_user/*", status=200, body={"result": {}})
    )
    step("setSecret", name, token)
    with pytest.raises(RotationError, match=r"sys_user\.user_password"):
        step("testSecret", name, token)
    assert password(instance, seed.INTEGRATION_USER) == stored(aws) == before
    assert call("create_incident", NEW).status == 201


def test_a_connection_saved_meanwhile_stays(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    secret: str,
) -> None:
    """What a person saves during a rotation is not replaced by it."""
    token = str(uuid.uuid4())
    step("createSecret", secret, token)
    assert call("update_config", {"password": "a-persons-own"}).status == 200
    for name in ("setSecret", "finishSecret"):
        with pytest.raises(RotationError, match="saved again meanwhile"):
            step(name, secret, token)
    assert stored(aws) == "a-persons-own"
    assert password(instance) == "first-password"


@pytest.mark.parametrize("method", ["oauth_client_credentials", "oauth_refresh_token"])
def test_a_client_secret_is_rotated(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    method: str,
) -> None:
    """By a user who may; dead after ServiceNow took it, the step's repeat goes on."""
    access = instance.instance.access
    instance.instance.add_user(USER, "unused", "itil", "oauth_admin")
    access.applications["an-id"] = replace(access.applications["an-id"], user_name=USER)
    access.refresh_tokens["a-refresh-token"] = USER
    call("create_config", config(instance, method))
    assert call("create_incident", NEW).status == 201
    (name,) = aws.secrets()
    instance.faults.add(faults.unavailable(504, path="*/oauth_entity/*", after_commit=True))
    token = str(uuid.uuid4())
    step("createSecret", name, token)
    with pytest.raises(UnavailableError):
        step("setSecret", name, token)
    for each in STEPS[1:]:
        step(each, name, token)
    (text,) = aws.secrets().values()
    new = json.loads(text)["client_secret"]
    assert access.applications["an-id"].client_secret == new
    assert new != FIELDS[method]["client_secret"]
    access.tokens.clear()
    assert call("create_incident", NEW).status == 201
    trail = call("get_activity").json["items"]
    assert "client_secret_rotated" in [item["action"] for item in trail]
    assert new not in json.dumps(aws.items("AuditTable"))


def test_a_client_secret_that_may_not_be_set_stays(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
) -> None:
    """Without the role the application's record cannot even be seen."""
    call("create_config", config(instance, "oauth_client_credentials"))
    (name,) = aws.secrets()
    before = aws.secrets()
    with pytest.raises(InvalidRequestError, match="oauth_entity"):
        rotate(name)
    assert aws.secrets() == before
    assert call("create_incident", NEW).status == 201


def test_what_servicenow_cannot_renew_is_reported(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
) -> None:
    """And nothing is changed."""
    call("create_config", config(instance, "api_key"))
    before = aws.secrets()
    (name,) = before
    with pytest.raises(RotationError, match="save it with PUT"):
        step("createSecret", name, str(uuid.uuid4()))
    assert aws.secrets() == before


def test_a_rotation_is_tried_out_without_rotating(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811 - a fixture
    secret: str,
) -> None:
    """As `--no-rotate-immediately` does: the test alone, on a copy of what is in force."""
    text, token = aws.secrets()[secret], str(uuid.uuid4())
    aws.secrets_manager.put_secret_value(
        SecretId=secret, ClientRequestToken=token, SecretString=text, VersionStages=["AWSPENDING"]
    )
    before = len(instance.requests)
    step("testSecret", secret, token)
    assert len(instance.requests) > before
    assert aws.secrets()[secret] == text
    assert password(instance) == "first-password"
    with pytest.raises(RotationError, match="its secret stays"):
        step("setSecret", secret, token)
    assert password(instance) == "first-password"


def test_steps_out_of_order_are_refused(secret: str) -> None:
    """And so is one that does not exist."""
    token = str(uuid.uuid4())
    for name in STEPS[1:]:
        with pytest.raises(RotationError, match="before createSecret"):
            step(name, secret, token)
    step("createSecret", secret, token)
    with pytest.raises(RotationError, match="no step"):
        step(event("rotate_secret", "invalid_step")["Step"], secret, token)
