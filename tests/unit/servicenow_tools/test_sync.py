"""The synchronous client: the same surface, without asyncio and beside it."""

import asyncio
import importlib
import inspect
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import servicenow_tools
from local.servicenow import Fault, Simulator, faults, seed
from local.unasync_client import MODULES
from servicenow_tools import Query, Record, auth, field, sync
from servicenow_tools.errors import (
    ConnectionFailedError,
    NotFoundError,
    RequestTimeoutError,
    UnavailableError,
)
from servicenow_tools.sync import auth as sync_auth

ROOT = Path(__file__).parents[3]
USER = seed.INTEGRATION_USER
PASSWORD = seed.USERS[USER][0]


@pytest.fixture
def client(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[sync.ServiceNowClient]:
    """A client that waits little."""
    monkeypatch.setattr("servicenow_tools.retries._FIRST_PAUSE", 0.01)
    with sync.ServiceNowClient(
        simulator.url, USER, PASSWORD, ca_file=simulator.ca_file, deadline=10.0
    ) as client:
        yield client


def test_it_is_what_the_generator_writes() -> None:
    """`make sync` was run after the last change."""
    done = subprocess.run(
        [sys.executable, "-m", "local.unasync_client", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", [name for name in MODULES if not name.startswith("_")])
def test_the_surface_is_the_same(module: str) -> None:
    """Every class has the same public methods with the same parameters."""
    ours = importlib.import_module(f"servicenow_tools.{module}")
    theirs = importlib.import_module(f"servicenow_tools.sync.{module}")
    for name, kind in vars(ours).items():
        if name.startswith("_") or not inspect.isclass(kind) or kind.__module__ != ours.__name__:
            continue
        twin = getattr(theirs, name)
        methods = {
            "close" if method == "aclose" else method: function
            for method, function in vars(kind).items()
            if not method.startswith("_") and inspect.isfunction(function)
        }
        for method, function in methods.items():
            if method in {"async_auth_flow", "sync_auth_flow"}:
                continue
            same = vars(twin)[method]
            assert list(inspect.signature(same).parameters) == list(
                inspect.signature(function).parameters
            )
            assert not inspect.iscoroutinefunction(same)


def test_the_everyday(simulator: Simulator, client: sync.ServiceNowClient) -> None:
    """Create, read, search, close; pages, labels, many at once, attachments."""
    simulator.faults.add(faults.unavailable())
    simulator.faults.add(Fault(method="POST", reset=True, after_commit=True))
    made = client.create_incident("x", urgency="high", assignment_group="Network")
    assert len([r for r in simulator.records("incident") if r["short_description"] == "x"]) == 1
    assert client.incidents.get(made.number, display_value="all").label("state") == "New"
    found = client.incidents.search(field("sys_id").eq(made.sys_id), assignment_group="Network")
    assert [record.number for record in found] == [made.number]
    assert client.close_incident(made.number, "Done")["state"] == "6"
    every = [record.sys_id for record in client.incidents.iterate(Query(), page_size=3)]
    assert len(every) == len(set(every)) == client.incidents.count()
    outcomes = client.bulk.create("incident", [{"short_description": "y"}] * 7, chunk=3)
    assert [str(one) for one in outcomes if not isinstance(one, Record)] == []
    file = client.attachments.upload("incident", made.sys_id, io.BytesIO(b"hello"), "a.txt")
    assert client.attachments.read(file.sys_id) == b"hello"
    change = client.create_change_request("Deploy")
    assert client.changes.next_states(change.sys_id)
    assert client.test_connection().success
    with pytest.raises(NotFoundError):
        client.get_incident("a" * 32)


def test_it_works_beside_a_running_event_loop(client: sync.ServiceNowClient) -> None:
    """As in a notebook."""

    async def read() -> str:
        return client.get_incident("INC0000001").number

    assert asyncio.run(read()) == "INC0000001"


def test_threads_share_a_client(client: sync.ServiceNowClient) -> None:
    """And create one record for one correlation_id."""
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(client.create_incident, "x", correlation_id="b") for _ in range(8)]
        assert len({call.result().sys_id for call in calls}) == 1


def test_many_without_the_batch_api(simulator: Simulator, client: sync.ServiceNowClient) -> None:
    """Go one by one, some at a time."""
    text = "Requested URI does not represent any resource"
    simulator.faults.add(faults.error(400, text, "", path="/api/now/v1/batch"))
    outcomes = client.bulk.create("incident", [{"short_description": "y"}] * 5)
    assert all(isinstance(outcome, Record) for outcome in outcomes)


def test_a_deadline(simulator: Simulator) -> None:
    """Bounds a call, retries and slow answers among them."""
    simulator.faults.add(Fault(delay=2.0))
    with sync.ServiceNowClient(
        simulator.url, USER, PASSWORD, ca_file=simulator.ca_file, deadline=0.4
    ) as client:
        with pytest.raises(RequestTimeoutError):
            client.get_incident("INC0000001")
        simulator.faults.clear()
        simulator.faults.add(faults.unavailable(times=9))
        with pytest.raises(UnavailableError):
            client.get_incident("INC0000001")


def test_nobody_there() -> None:
    """Is the same error, and without a deadline the steps' own timeouts count."""
    with (
        sync.ServiceNowClient("https://localhost:1", "u", "p", deadline=None) as client,
        pytest.raises(ConnectionFailedError),
    ):
        client.get_incident("INC0000001")


@pytest.mark.parametrize(
    "make",
    [
        lambda: sync_auth.ClientCredentials(
            seed.APPLICATION.client_id, seed.APPLICATION.client_secret
        ),
        lambda: auth.BasicAuth(USER, PASSWORD),
        lambda: (USER, PASSWORD),
    ],
)
def test_ways_to_sign_in(simulator: Simulator, make: Callable[[], httpx.Auth]) -> None:
    """OAuth by this package's own, others by either's."""
    with sync.ServiceNowClient(simulator.url, auth=make(), ca_file=simulator.ca_file) as client:
        for _ in range(2):
            assert client.get_incident("INC0000001").number == "INC0000001"
    tokens = [request for request in simulator.requests if request.path == "/oauth_token.do"]
    assert len(tokens) <= 1


def test_oauth_of_the_other_client_is_refused(simulator: Simulator) -> None:
    """It waits as only its own client can."""
    ours = auth.ClientCredentials("id", "secret")
    with (
        sync.ServiceNowClient(simulator.url, auth=ours, ca_file=simulator.ca_file) as client,
        pytest.raises(RuntimeError, match="sync client"),
    ):
        client.get_incident("INC0000001")

    async def read() -> None:
        theirs = sync_auth.ClientCredentials("id", "secret")
        async with servicenow_tools.ServiceNowClient(
            simulator.url, auth=theirs, ca_file=simulator.ca_file
        ) as other:
            with pytest.raises(RuntimeError, match="async client"):
                await other.get_incident("INC0000001")

    asyncio.run(read())
