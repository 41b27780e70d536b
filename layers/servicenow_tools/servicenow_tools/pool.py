"""Connections to an instance, kept and used again.

The connections are httpcore's. Its own pool looks at all of them several times a request, which
costs more than the request itself when fifty are open; this one takes the connection that was used
last, and costs the same however many there are (docs/performance.md measures it).
"""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator

import anyio
import httpcore
import httpx

_Idle = list[httpcore.AsyncHTTPConnection]


class ConnectionPool(httpx.AsyncBaseTransport):
    """A transport that keeps its connections.

    Args:
        tls: the TLS context.
        max_connections: how many there may be; who comes when all are taken waits for the pool
            timeout, in the order of coming.
        keepalive_seconds: for how long an unused one is kept. ServiceNow's front ends drop them
            after about a minute.
        network: how to reach a host, or None for httpcore's own way.
    """

    def __init__(
        self,
        tls: ssl.SSLContext,
        *,
        max_connections: int = 20,
        keepalive_seconds: float = 30.0,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._tls = tls
        self._keepalive_seconds = keepalive_seconds
        self._network = network
        self._free = asyncio.Semaphore(max_connections)
        self._idle: dict[str, _Idle] = defaultdict(list)

    @property
    def idle_connections(self) -> int:
        """How many connections wait for a request."""
        return sum(map(len, self._idle.values()))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on a kept connection, or a new one."""
        url = request.url
        core = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        await self._wait(request)
        try:
            connection = await self._connection(core.url.origin)
            try:
                answer = await connection.handle_async_request(core)
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await connection.aclose()
                raise
        except BaseException as error:  # noqa: BLE001 - also a cancelled one gives its place back
            self._free.release()
            raise _as_httpx(error, request) from None
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(self, connection, core.url.origin, answer, request),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        """Close the connections that nobody uses; the others close when they are given back."""
        for idle in self._idle.values():
            while idle:
                await idle.pop().aclose()

    def give_back(self, connection: httpcore.AsyncHTTPConnection, origin: httpcore.Origin) -> None:
        """Keep a connection whose answer has been read, or forget one that is closed."""
        self._free.release()
        if connection.is_idle():
            self._idle[str(origin)].append(connection)

    async def _wait(self, request: httpx.Request) -> None:
        seconds = request.extensions.get("timeout", {}).get("pool")
        try:
            async with asyncio.timeout(seconds):
                await self._free.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("all connections are taken", request=request) from None

    async def _connection(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        idle = self._idle[str(origin)]
        while idle:
            connection = idle.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore.AsyncHTTPConnection(
            origin=origin,
            ssl_context=self._tls,
            keepalive_expiry=self._keepalive_seconds,
            network_backend=self._network,
        )


class _Body(httpx.AsyncByteStream):
    """An answer's body, which gives its connection back when it is closed."""

    def __init__(
        self,
        pool: ConnectionPool,
        connection: httpcore.AsyncHTTPConnection,
        origin: httpcore.Origin,
        answer: httpcore.Response,
        request: httpx.Request,
    ) -> None:
        self._pool = pool
        self._connection = connection
        self._origin = origin
        self._answer = answer
        self._request = request
        self._is_open = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._answer.aiter_stream():
                yield part
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise _as_httpx(error, self._request) from None

    async def aclose(self) -> None:
        if self._is_open:
            self._is_open = False
            with anyio.CancelScope(shield=True):
                await self._answer.aclose()
                self._pool.give_back(self._connection, self._origin)


def _as_httpx(error: BaseException, request: httpx.Request) -> BaseException:
    """Return httpcore's exception as httpx's of the same name, and any other as it is."""
    kind = getattr(httpx, type(error).__name__, None)
    if type(error).__module__.startswith("httpcore") and kind is not None:
        wrapped: BaseException = kind(str(error), request=request)
        return wrapped
    return error
