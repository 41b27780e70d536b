"""A simulator, and clients of it."""

import ssl
from typing import TYPE_CHECKING

import httpx
import pytest

from local.servicenow import Simulator, seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def simulator(running_simulator: Simulator) -> Simulator:
    """The simulator with fresh demo data."""
    running_simulator.reset()
    return running_simulator


@pytest.fixture
def sign_in(simulator: Simulator) -> "Iterator[Callable[..., httpx.Client]]":
    """A maker of plain HTTP clients, each signed in as a user of the demo data."""
    clients = []
    trusted = ssl.create_default_context(cafile=simulator.ca_file)

    def make(user_name: str = "", **options: object) -> httpx.Client:
        if user_name:
            options["auth"] = (user_name, seed.USERS[user_name][0])
        client = httpx.Client(base_url=simulator.url, verify=trusted, **options)  # type: ignore[arg-type]
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def http(sign_in: "Callable[..., httpx.Client]") -> httpx.Client:
    """A client signed in as the integration user."""
    return sign_in(seed.INTEGRATION_USER)


@pytest.fixture
def admin(sign_in: "Callable[..., httpx.Client]") -> httpx.Client:
    """A client signed in as the administrator."""
    return sign_in("admin")
