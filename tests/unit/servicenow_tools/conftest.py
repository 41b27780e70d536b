"""A client on a simulated instance."""

from typing import TYPE_CHECKING

import pytest

from local.servicenow import Simulator, seed
from servicenow_tools import ServiceNowClient

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def simulator(running_simulator: Simulator) -> Simulator:
    """The simulator with fresh demo data."""
    running_simulator.reset()
    return running_simulator


@pytest.fixture
def connect(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> "Callable[..., ServiceNowClient]":
    """A maker of clients that wait little, signed in as the integration user unless given else."""
    monkeypatch.setattr("servicenow_tools.retries._FIRST_PAUSE", 0.01)

    def make(username: str = seed.INTEGRATION_USER, **options: object) -> ServiceNowClient:
        settings = {"ca_file": simulator.ca_file, "deadline": 10.0} | options
        if "transport" in options:
            del settings["ca_file"]
        if "auth" in options:
            return ServiceNowClient(simulator.url, **settings)  # type: ignore[arg-type]
        password = seed.USERS[username][0]
        return ServiceNowClient(simulator.url, username, password, **settings)  # type: ignore[arg-type]

    return make
