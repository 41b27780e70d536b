"""A ServiceNow instance for the handlers, and a user who has stored a connection to it."""

from typing import TYPE_CHECKING

import pytest

from local.servicenow import Simulator, seed
from tests.conftest import call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Aws


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
