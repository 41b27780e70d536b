"""A ServiceNow instance for the handlers, and a user who has stored a connection to it."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from actionsync import clock
from actionsync.wiring import stores
from local.servicenow import Simulator, seed
from tests.conftest import LambdaContext, call
from tests.integration.two_way import Bus, Office

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Aws
    from tests.integration.events import Queues


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def __call__(self) -> datetime:
        """Return the present moment."""
        return self.moment

    def advance(self, **span: float) -> None:
        """Let time pass, also for what processes keep."""
        self.moment += timedelta(**span)
        stores.pause_store()._known.clear()


@pytest.fixture
def time(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time that the test moves, here and in ServiceNow.

    However slow the machine is, no invocation runs out of its time.
    """
    moved = Clock()
    monkeypatch.setattr(LambdaContext, "seconds_left", 600.0)
    monkeypatch.setattr(clock, "now", moved)
    monkeypatch.setattr("local.servicenow.clock.Clock.moment", lambda _: moved())
    return moved


@pytest.fixture
def office(
    instance: Simulator, queues: "Queues", time: Clock, monkeypatch: pytest.MonkeyPatch
) -> Office:
    """People and a stack that looks, for modules with the fixtures `instance` and `queues`."""
    return Office(instance, queues, time, Bus(monkeypatch))


@pytest.fixture
def simulator(
    running_simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> "Iterator[Simulator]":
    """The simulator with fresh demo data, allowed and trusted by the functions."""
    running_simulator.reset()
    monkeypatch.setenv(
        "ALLOWED_INSTANCE_HOSTS", f"*.service-now.com,localhost:{running_simulator.port}"
    )
    monkeypatch.setenv("INSTANCE_CA_FILE", running_simulator.ca_file)
    yield running_simulator
    running_simulator.faults.clear()


@pytest.fixture
def connected(aws: "Aws", simulator: Simulator) -> Simulator:
    """The simulator, with the calling user's connection to it stored."""
    connect(simulator, seed.INTEGRATION_USER)
    return simulator


def connect(simulator: Simulator, username: str, user_id: str | None = None) -> None:
    """Store a connection for a user."""
    config = {
        "instance_url": simulator.url,
        "username": username,
        "password": seed.USERS[username][0],
    }
    assert call("create_config", config, user_id=user_id).status == 201
