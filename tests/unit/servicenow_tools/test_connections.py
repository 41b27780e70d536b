"""The transport's connections: used again, waited for, given back and forgotten."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpcore
import httpx
import pytest

from local.servicenow import Fault, Simulator, seed
from servicenow_tools import Transport, tls_context
from servicenow_tools._concurrency import has_unread
from servicenow_tools._transport import _Backend, _Body

USER = (seed.INTEGRATION_USER, seed.USERS[seed.INTEGRATION_USER][0])
PATH = "/api/now/table/incident?sysparm_limit=1"


def client(simulator: Simulator, transport: Transport, timeout: float = 2.0) -> httpx.AsyncClient:
    """Return a client over a pool."""
    return httpx.AsyncClient(
        base_url=simulator.url, auth=USER, transport=transport, timeout=timeout
    )


def test_a_connection_is_used_again(simulator: Simulator) -> None:
    """The last one first; no more are opened than needed at once."""

    async def read() -> None:
        transport = Transport(tls_context(simulator.ca_file), max_connections=3)
        async with client(simulator, transport) as http:
            for _ in range(5):
                assert (await http.get(PATH)).status_code == 200
            assert transport.idle_connections == 1
            await asyncio.gather(*(http.get(PATH) for _ in range(12)))
            assert transport.idle_connections == 3
        assert transport.idle_connections == 0

    asyncio.run(read())


def test_who_waits_too_long_is_reported(simulator: Simulator) -> None:
    """By httpx's own error; the next one in time gets the connection."""
    simulator.faults.add(Fault(delay=0.6))

    async def read() -> None:
        transport = Transport(tls_context(simulator.ca_file), max_connections=1)
        async with client(simulator, transport) as http:
            slow = asyncio.create_task(http.get(PATH))
            await asyncio.sleep(0.1)
            with pytest.raises(httpx.PoolTimeout):
                await http.get(PATH, timeout=httpx.Timeout(5.0, pool=0.1))
            assert (await http.get(PATH)).status_code == 200
            assert (await slow).status_code == 200

    asyncio.run(read())


def test_an_expired_connection_is_replaced(simulator: Simulator) -> None:
    """One that was unused for too long is closed, and another opened."""

    async def read() -> None:
        transport = Transport(tls_context(simulator.ca_file), keepalive_seconds=0.0)
        async with client(simulator, transport) as http:
            for _ in range(2):
                assert (await http.get(PATH)).status_code == 200

    asyncio.run(read())


def test_unused_connections_are_closed(simulator: Simulator) -> None:
    """Also when no further request comes; those that are used stay."""

    async def read() -> None:
        transport = Transport(tls_context(simulator.ca_file), keepalive_seconds=0.3)
        async with client(simulator, transport) as http:
            await asyncio.gather(*(http.get(PATH) for _ in range(4)))
            assert transport.idle_connections == 4
            for _ in range(3):
                await asyncio.sleep(0.15)
                await http.get(PATH)
            assert transport.idle_connections == 1
            await asyncio.sleep(0.7)
            assert transport.idle_connections == 0
            assert (await http.get(PATH)).status_code == 200

    asyncio.run(read())


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(reset=True), (httpx.RemoteProtocolError, httpx.ReadError)),
        (Fault(half=True), httpx.RemoteProtocolError),
        (Fault(delay=3), httpx.ReadTimeout),
    ],
)
def test_a_broken_connection_is_forgotten(
    simulator: Simulator, fault: Fault, error: type[Exception] | tuple[type[Exception], ...]
) -> None:
    """Its error is httpx's, its place is free again, and the next request works."""
    simulator.faults.add(Fault(**{n: getattr(fault, n) for n in fault.__dataclass_fields__}))

    async def read() -> None:
        transport = Transport(tls_context(simulator.ca_file), max_connections=1)
        async with client(simulator, transport, timeout=0.5) as http:
            with pytest.raises(error):
                await http.get(PATH)
            assert transport.idle_connections == 0
            assert (await http.get(PATH)).status_code == 200

    asyncio.run(read())


@pytest.mark.parametrize("moment", [0.0, 0.3])
def test_a_cancelled_request_gives_its_place_back(simulator: Simulator, moment: float) -> None:
    """While it connects, or while it waits for the answer."""
    simulator.faults.add(Fault(delay=0.8))

    async def read() -> None:
        transport = Transport(tls_context(simulator.ca_file), max_connections=1)
        async with client(simulator, transport) as http:
            task = asyncio.create_task(http.get(PATH))
            await asyncio.sleep(moment)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert (await http.get(PATH)).status_code == 200

    asyncio.run(read())


def test_nobody_there() -> None:
    """Is httpx's own error, too."""

    async def read() -> None:
        async with httpx.AsyncClient(transport=Transport(tls_context())) as http:
            with pytest.raises(httpx.ConnectError):
                await http.get("https://localhost:1")

    asyncio.run(read())


@pytest.mark.parametrize(
    ("outcome", "unread"),
    [(ssl.SSLWantReadError(), False), (ssl.SSLZeroReturnError(), True), (b"x", True)],
    ids=["nothing yet", "closed", "data"],
)
def test_what_tls_has_read_already(outcome: Exception | bytes, *, unread: bool) -> None:
    """Data or an end that came while the connection lay idle is seen before it is used again."""

    class Tls:
        def read(self, _: int) -> bytes:
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

    assert has_unread(Tls()) is unread


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UnicodeError("label empty or too long"), "a..b does not resolve: label empty or too long"),
        (httpcore.ConnectError("refused"), "^refused$"),
    ],
    ids=["no name", "refused"],
)
def test_a_connection_that_fails_says_why(error: Exception, text: str) -> None:
    """A name that cannot be encoded is a failure to connect, as any other."""

    class Failing(httpcore.AsyncNetworkBackend):
        async def connect_tcp(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
            raise error

    with pytest.raises(httpcore.ConnectError, match=text):
        asyncio.run(_Backend(Failing()).connect_tcp("a..b", 443))


def test_the_first_of_many_causes_is_named() -> None:
    """Where all addresses of a host refuse, the first one's reason is the text."""

    class Failing(httpcore.AsyncNetworkBackend):
        async def connect_tcp(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
            attempts = OSError("All connection attempts failed")
            attempts.__cause__ = ExceptionGroup("all", [OSError("first"), OSError("second")])
            error = httpcore.ConnectError("All connection attempts failed")
            raise error from attempts

    with pytest.raises(httpcore.ConnectError, match=r"^first$"):
        asyncio.run(_Backend(Failing()).connect_tcp("host", 443))


def test_a_body_that_is_late_is_given_up() -> None:
    """An answer that drips is read no longer than the request may take."""

    class Dripping:
        async def aiter_stream(self) -> AsyncIterator[bytes]:
            yield b"x"

    async def read() -> None:
        body = _Body(Transport(ssl.create_default_context()), Dripping(), ends_at=0.0)  # type: ignore[arg-type]
        with pytest.raises(httpx.ReadTimeout, match="not whole in time"):
            async for _ in body:
                pass

    asyncio.run(read())
