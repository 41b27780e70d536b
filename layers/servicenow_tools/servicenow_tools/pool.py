"""Connections to an instance, kept and used again.

The one that was used last is taken first, and that costs the same however many there are
(docs/performance.md measures it).
"""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator

import httpx

from servicenow_tools._connection import Connection, Resolver

_Origin = tuple[bytes, int | None]


class ConnectionPool(httpx.AsyncBaseTransport):
    """A transport that keeps its connections; it speaks HTTP/1.1 over TLS.

    Args:
        tls: the TLS context.
        max_connections: how many there may be; who comes when all are taken waits for the pool
            timeout, in the order of coming.
        keepalive_seconds: for how long an unused one is kept. ServiceNow's front ends drop them
            after about a minute.
        resolve: takes a host and a port, and returns the addresses that may be connected to in
            the order to try them, or raises an `httpx.ConnectError`; None for the system's own.
    """

    def __init__(
        self,
        tls: ssl.SSLContext,
        *,
        max_connections: int = 20,
        keepalive_seconds: float = 30.0,
        resolve: Resolver | None = None,
    ) -> None:
        self._tls = tls
        self._keepalive_seconds = keepalive_seconds
        self._resolve = resolve
        self._free = asyncio.Semaphore(max_connections)
        self._idle: dict[_Origin, list[Connection]] = defaultdict(list)

    @property
    def idle_connections(self) -> int:
        """How many connections wait for a request."""
        return sum(map(len, self._idle.values()))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on a kept connection, or a new one."""
        await self._wait(request)
        connection = None
        try:
            connection = self._kept(_origin(request)) or await Connection.open(
                request, self._tls, self._resolve, self._keepalive_seconds
            )
            answer = await connection.send(request)
        except BaseException:
            if connection is not None:
                connection.close()
            self._free.release()
            raise
        body = _Body(self, connection, request)
        return httpx.Response(answer.status, headers=answer.headers, stream=body)

    async def aclose(self) -> None:
        """Close the connections that nobody uses; the others close when they are given back."""
        for idle in self._idle.values():
            while idle:
                idle.pop().close()
        await asyncio.sleep(0)  # the event loop's round in which it closes them

    def give_back(self, connection: Connection, request: httpx.Request) -> None:
        """Keep a connection whose answer has been read, and close any other."""
        self._free.release()
        if connection.stays():
            self._idle[_origin(request)].append(connection)
        else:
            connection.close()

    async def _wait(self, request: httpx.Request) -> None:
        seconds = request.extensions.get("timeout", {}).get("pool")
        try:
            async with asyncio.timeout(seconds):
                await self._free.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("all connections are taken") from None

    def _kept(self, origin: _Origin) -> Connection | None:
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if connection.can_be_used():
                return connection
            connection.close()
        return None


class _Body(httpx.AsyncByteStream):
    """An answer's body, which gives its connection back when it is closed."""

    def __init__(
        self, pool: ConnectionPool, connection: Connection, request: httpx.Request
    ) -> None:
        self._pool = pool
        self._connection = connection
        self._request = request
        self._is_open = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._connection.body(self._request):
            yield piece

    async def aclose(self) -> None:
        if self._is_open:
            self._is_open = False
            self._pool.give_back(self._connection, self._request)


def _origin(request: httpx.Request) -> _Origin:
    return request.url.raw_host, request.url.port
