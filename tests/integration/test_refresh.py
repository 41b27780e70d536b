"""Refresh tokens that an instance replaces with each use: one process uses each, once."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from actionsync.connections import credentials
from actionsync.connections.clients import ClientCache
from actionsync.connections.rotation import RotationError
from actionsync.runtime import run
from actionsync.stores.leases import LEASE_SECONDS
from actionsync.wiring.servicenow import client_cache
from servicenow_tools import auth
from servicenow_tools.errors import RequestTimeoutError, TokenRefusedError
from tests.conftest import _forget
from tests.integration.test_rotation import step
from tests.integration.test_sign_in import allow, begin, finish, instance, keep  # noqa: F401
from tests.integration.test_teams import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock

USER = "ada"


class KilledError(BaseException):
    """The process is gone."""


@pytest.fixture
def person(instance: "Simulator", aws: "Aws") -> "Simulator":  # noqa: F811 - a fixture
    """An instance that replaces refresh tokens, and a connection by a person's sign-in."""
    keep(instance)
    assert finish(allow(instance, begin()["url"])).status == 200
    access = instance.instance.access
    access.tokens.clear()
    access.replaces_refresh_tokens = True
    return instance


PROCESSES: list[ClientCache] = []


@pytest.fixture(autouse=True)
def closed() -> "Iterator[None]":
    """Close what processes that died have left open."""
    yield
    for clients in PROCESSES:
        for entry in clients._cached.values():
            run(entry.client.aclose())
    PROCESSES.clear()


def process() -> ClientCache:
    """Return the clients of another process."""
    client_cache.cache_clear()
    PROCESSES.append(client_cache())
    return PROCESSES[-1]


async def read(clients: ClientCache) -> None:
    """Read as the connection's user."""
    async with clients.client_for(USER, connection="person") as client:
        assert await client.signed_in_as() == "actionsync.integration"


def refreshed(simulator: "Simulator") -> int:
    """Return how many tokens were asked for with a refresh token that was good."""
    return sum(
        request.path == "/oauth_token.do" and request.status == 200
        for request in simulator.requests
    )


def test_several_that_refresh_at_once_use_each_token_once(
    person: "Simulator", aws: "Aws", monkeypatch: pytest.MonkeyPatch
) -> None:
    """One holds the lease, the others wait, and go by what it has stored: one request in all."""
    monkeypatch.setattr(auth, "_WAIT_SECONDS", 0.02)
    processes = [process() for _ in range(4)]
    before = refreshed(person)

    async def all_at_once() -> None:
        await asyncio.gather(*(read(each) for each in processes))

    run(all_at_once())
    assert refreshed(person) == before + 1
    assert not any(request.status == 401 for request in person.requests)
    (token,) = person.instance.access.refresh_tokens
    assert json.loads(*aws.secrets().values())["refresh_token"] == token
    # Each 401 has one of them refresh again, and a process that begins finds the last one.
    for each in (*processes, process()):
        person.instance.access.tokens.clear()
        run(read(each))
    assert ask("search_incidents", query={"connection": "person"}).status == 200
    assert not [item for item in aws.items("EventsTable") if item["sk"] == {"S": "LEASE"}]


def test_a_token_that_stays_is_not_stored_again(person: "Simulator", aws: "Aws") -> None:
    """Whatever number of functions refresh it."""
    person.instance.access.replaces_refresh_tokens = False
    before = aws.secrets()
    for _ in range(3):
        person.instance.access.tokens.clear()
        run(read(process()))
    assert aws.secrets() == before


def test_who_dies_before_the_write_costs_a_sign_in(
    person: "Simulator", aws: "Aws", time: "Clock", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease ends by itself; then the old token is refused, read again, and believed refused."""

    def die(*_: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(credentials.StoredCredentials, "replace", die)
        patch.setattr(credentials.StoredCredentials, "give_back", die)
        with pytest.raises(KilledError):
            run(read(process()))
        with monkeypatch.context() as waits:
            waits.setattr(auth, "_WAITS", 1)
            waits.setattr("actionsync.connections.clients.DEADLINE_SECONDS", 0.5)
            with pytest.raises(RequestTimeoutError):
                run(read(process()))
    time.advance(seconds=LEASE_SECONDS + 1)
    with pytest.raises(TokenRefusedError):
        run(read(process()))
    paused = ask("search_incidents", query={"connection": "person"})
    assert (paused.status, "is paused" in paused.json["detail"]) == (424, True)
    assert finish(allow(person, begin()["url"])).status == 200
    assert ask("search_incidents", query={"connection": "person"}).status == 200


def test_who_dies_after_the_write_costs_nothing(
    person: "Simulator", time: "Clock", monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stored is what the next one goes by."""

    def die(*_: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(credentials.StoredCredentials, "give_back", die)
        with pytest.raises(KilledError):
            run(read(process()))
    time.advance(seconds=LEASE_SECONDS + 1)
    person.instance.access.tokens.clear()
    run(read(process()))


def test_what_a_dead_change_left_is_not_taken_for_it(person: "Simulator", aws: "Aws") -> None:
    """A sign-in of somebody else that died before the connection named it stays unused."""
    run(read(process()))
    (name,) = aws.secrets()
    other = {**json.loads(aws.secrets()[name]), "refresh_token": "another-persons", "renews": ""}
    person.instance.access.refresh_tokens["another-persons"] = "reader"
    aws.secrets_manager.put_secret_value(SecretId=name, SecretString=json.dumps(other))
    for _ in range(2):
        person.instance.access.tokens.clear()
        run(read(process()))
    assert "another-persons" in person.instance.access.refresh_tokens


def test_a_write_that_fails_leaves_this_process_its_token(
    person: "Simulator", monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The access token serves on; the log says what was not stored."""
    from botocore.exceptions import EndpointConnectionError  # noqa: PLC0415

    def fail(*_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="x")

    monkeypatch.setattr("actionsync.stores.secrets.SecretStore.add_version", fail)
    clients = process()
    for _ in range(2):
        run(read(clients))
    assert refreshed(person) == 2


def test_replaced_tokens_are_not_rotated(person: "Simulator", aws: "Aws") -> None:
    """A rotation would use one up; a sign-in that was made again starts over."""
    run(read(process()))
    (name,) = aws.secrets()
    with pytest.raises(RotationError, match="replaces refresh tokens"):
        step("createSecret", name, "0" * 32)
    _forget()
    assert finish(allow(person, begin()["url"])).status == 200
    stored = json.loads(aws.secrets()[name])
    assert "access_token" not in stored
    assert "renews" not in stored
