"""The way to an instance: httpx's transport over httpcore's connection pool, with limits.

httpcore and h11 speak HTTP/1.1. Bounded here is what they leave open: interim answers, pieces of a
body, content codings, and for how long an unused connection stays.
"""

import math
import os
import ssl
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, proxy_bypass

import h11
import httpcore
import httpx

from servicenow_tools import _concurrency
from servicenow_tools.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

# h11 takes at most 100 KiB of one head, and any number of interim ones.
_MAX_HEAD_BYTES = 192 * 1024
# h11 takes 9 µs a piece. Web servers send chunks of some KiB.
_MAX_SMALL_PIECES = 50_000
_SMALL_PIECE_BYTES = 1024
# A piece may unpack to a thousand times its size before anybody can look at that.
_MAX_PACKED_BYTES = 16 * 1024
_CODINGS = frozenset({"gzip", "deflate"})
_DISCONNECTED = ("Server disconnected", "peer closed", "peer unexpectedly closed")
_START = b"HTTP/"
_HTTPS_PORT = 443
# The extension of a request that says when its answer has to be read, on time.monotonic()'s clock.
ENDS_AT = "servicenow_tools.ends_at"
# The extension of a request that says whether a part of it may have gone out. One that was not
# given to a transport has none.
IS_SENT = "servicenow_tools.is_sent"
# The first step of httpcore's `trace` in which a part of a request goes out.
_SENDING = "http11.send_request_headers.started"
# Variables of the environment that httpx reads where no authority is named.
_PUBLIC_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_HTTPCORE_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    h11.LocalProtocolError,  # which httpcore lets through where a body has another length
)


class NotHttpError(httpx.RemoteProtocolError):
    """What the server sent is not HTTP/1.1, or exceeds a limit of this module."""


class Transport(httpx.AsyncBaseTransport):
    """A transport that speaks HTTP/1.1 over TLS and keeps its connections for later requests.

    It serves one event loop.

    Args:
        tls: the TLS context.
        proxy: the URL of an http, https, socks5 or socks5h proxy.
        max_connections: how many connections it opens; a request beyond waits for the pool
            timeout.
        keepalive_seconds: for how long an unused connection stays open. ServiceNow's front ends
            close them after about a minute.
        network_backend: opens TCP connections, as httpcore documents it; for a guard that looks
            at addresses.

    Raises:
        InvalidRequestError: the proxy cannot be used.
    """

    def __init__(
        self,
        tls: ssl.SSLContext,
        *,
        proxy: str | None = None,
        max_connections: int = 20,
        keepalive_seconds: float = 30.0,
        network_backend: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._keepalive_seconds = keepalive_seconds
        self._sweep: _concurrency.Timer | None = None
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            proxy=None if proxy is None else _proxy(proxy),
            max_connections=max_connections,
            keepalive_expiry=keepalive_seconds,
            network_backend=_Backend(network_backend or _concurrency.Backend()),
        )

    @property
    def idle_connections(self) -> int:
        """How many connections wait for a request."""
        return sum(connection.is_idle() for connection in self._pool.connections)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return the answer as soon as its head is there.

        Raises:
            httpx.TransportError: it failed.
        """
        if request.url.scheme != "https":
            raise httpx.UnsupportedProtocol("only https is allowed")
        request.extensions[IS_SENT] = False
        for connection in self._pool.connections:
            if connection.is_idle() and _has_unread(connection):
                await connection.aclose()

        async def see(step: str, info: dict[str, Any]) -> None:
            # What asks a proxy for a tunnel is a request, too.
            if step == _SENDING and info["request"].method != b"CONNECT":
                request.extensions[IS_SENT] = True

        with _httpx_errors():
            response = await self._pool.handle_async_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions={**request.extensions, "trace": see},
                )
            )
        response.extensions["network_stream"].is_in_head = False
        answer = httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(self, response, request.extensions.get(ENDS_AT, math.inf)),
        )
        try:
            _check(answer.headers)
        except NotHttpError:
            await response.aclose()
            raise
        return answer

    async def aclose(self) -> None:
        """Close all connections."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        await self._pool.aclose()

    def close_idle_later(self) -> None:
        """Close connections that stay unused for too long."""
        if self._sweep is None:
            self._sweep = _concurrency.Timer(self._keepalive_seconds, self._close_expired)

    async def _close_expired(self) -> None:
        self._sweep = None
        for connection in self._pool.connections:
            if connection.is_idle() and connection.has_expired():
                await connection.aclose()
        if self.idle_connections:
            self.close_idle_later()


class _Body(httpx.AsyncByteStream):
    """An answer's body, in pieces that unpack to little."""

    def __init__(self, transport: Transport, response: httpcore.Response, ends_at: float) -> None:
        self._transport = transport
        self._response = response
        self._ends_at = ends_at

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = size = 0
        with _httpx_errors():
            async for piece in self._response.aiter_stream():
                if time.monotonic() > self._ends_at:
                    raise httpx.ReadTimeout("the answer was not whole in time")
                pieces += 1
                size += len(piece)
                if pieces > _MAX_SMALL_PIECES and size < pieces * _SMALL_PIECE_BYTES:
                    raise NotHttpError(f"its body has more than {_MAX_SMALL_PIECES} chunks")
                for start in range(0, len(piece), _MAX_PACKED_BYTES):
                    yield piece[start : start + _MAX_PACKED_BYTES]

    async def aclose(self) -> None:
        await self._response.aclose()
        self._transport.close_idle_later()


class _Backend(httpcore.AsyncNetworkBackend):
    """Opens connections whose streams are bounded."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        self._backend = backend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: "Iterable[httpcore.SOCKET_OPTION] | None" = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            return _Stream(
                await self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
            )
        except UnicodeError as error:
            raise httpcore.ConnectError(f"{host} does not resolve: {error}") from error
        except httpcore.ConnectError as error:
            raise httpcore.ConnectError(_innermost(error)) from error


class _Stream(httpcore.AsyncNetworkStream):
    """A connection's stream, of which no more is read than a head may have.

    Attributes:
        is_in_head: whether the answer's head is not yet whole.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream, *, is_tls: bool = False) -> None:
        self._stream = stream
        self._is_tls = is_tls
        self._head_bytes = 0
        self.is_in_head = True

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> bytes:
        data = await self._stream.read(max_bytes, timeout)
        if self.is_in_head:
            if self._is_tls and not self._head_bytes and not data.startswith(_START[: len(data)]):
                raise httpcore.RemoteProtocolError(f"it begins with {data[:20]!r}")
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES:
                raise httpcore.RemoteProtocolError("its head is too large")
        return data

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> None:
        self.is_in_head, self._head_bytes = True, 0
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:  # httpcore leaves the connection open when the task is cancelled
            await self._stream.aclose()
            raise
        return _Stream(stream, is_tls=True)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@contextmanager
def _httpx_errors() -> "Iterator[None]":
    """Raise httpcore's errors as httpx's of the same names."""
    try:
        yield
    except _HTTPCORE_ERRORS as error:
        kind = getattr(httpx, type(error).__name__)
        text = str(error)
        if kind is httpx.RemoteProtocolError and not text.startswith(_DISCONNECTED):
            kind = NotHttpError
        raise kind(text) from error
    except Exception as error:
        # httpcore lets socksio's own errors through, which only those with a SOCKS proxy have.
        if type(error).__module__.startswith("socksio"):
            raise httpx.ProxyError(f"the proxy does not speak SOCKS 5: {error}") from error
        raise


def _has_unread(connection: httpcore.AsyncConnectionInterface) -> bool:
    """Return whether anything came after the last answer, which would be taken for the next one.

    httpcore looks at the socket alone, not at what h11 or the TLS layer have read already; and it
    has no public way there.
    """
    http11: Any = connection._connection  # type: ignore[attr-defined]  # noqa: SLF001 - see above
    if http11._h11_state.trailing_data[0]:  # noqa: SLF001 - see above
        return True
    return _concurrency.has_unread(http11._network_stream.get_extra_info("ssl_object"))  # noqa: SLF001 - see above


def _check(headers: httpx.Headers) -> None:
    """Refuse what could be read in two ways, and what unpacks without bounds.

    Raises:
        NotHttpError: there are two lengths, or a body is packed twice or in a way nobody asked for.
    """
    if "content-length" in headers and "transfer-encoding" in headers:
        raise NotHttpError("it has both a Content-Length and a Transfer-Encoding")
    named = headers.get_list("content-encoding", split_commas=True)
    codings = [name.lower() for name in named if name.lower() not in {"", "identity"}]
    if len(codings) > 1 or not _CODINGS.issuperset(codings):
        raise NotHttpError(f"its content coding is {', '.join(codings)[:80]}")


def _innermost(error: BaseException) -> str:
    """Return the text of the first cause: anyio says only that all attempts failed."""
    cause: BaseException | None = error.__cause__
    if isinstance(cause, OSError) and cause.__cause__ is not None:
        cause = cause.__cause__
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        return str(cause)
    return str(error)


# ---- proxies


def environment_proxy(instance_url: str) -> str | None:
    """Return the URL of the proxy that the environment names for an instance, if any.

    As with httpx, a value without a scheme is an http proxy, and NO_PROXY may name ports.
    """
    url = httpx.URL(instance_url)
    with_port = f"{url.host}:{url.port or _HTTPS_PORT}"
    if proxy_bypass(url.host) or proxy_bypass(with_port):
        return None
    proxies = getproxies()
    named = proxies.get("https") or proxies.get("all")
    return named if named is None or "://" in named else f"http://{named}"


def _proxy(url: str) -> httpcore.Proxy:
    """Return what httpcore needs to know of a proxy.

    Raises:
        InvalidRequestError: it cannot be used.
    """
    try:
        proxy = httpx.Proxy(url)
    except (ValueError, httpx.InvalidURL):
        raise InvalidRequestError("must be an http, https or socks5 URL", "proxy") from None
    if not proxy.url.host:
        raise InvalidRequestError("must name a host", "proxy")
    if proxy.url.scheme.startswith("socks5") and find_spec("socksio") is None:
        raise InvalidRequestError(
            "needs the package socksio for SOCKS: pip install 'servicenow-tools[socks]'", "proxy"
        )
    return httpcore.Proxy(
        httpcore.URL(
            scheme=proxy.url.raw_scheme,
            host=proxy.url.raw_host,
            port=proxy.url.port,
            target=proxy.url.raw_path,
        ),
        auth=proxy.raw_auth,
        headers=proxy.headers.raw,
    )


# ---- TLS


def tls_context(
    ca_file: str | None = None,
    cert_file: str | None = None,
    key_file: str | None = None,
) -> ssl.SSLContext:
    """Return a TLS context; it takes 20 to 60 ms, so it is made once for the same files.

    A file that was replaced is read again.

    Args:
        ca_file: PEM file of the server's authority, or None for the public ones that httpx trusts.
        cert_file: PEM file of the client's own certificate, for mutual TLS.
        key_file: PEM file of its key, unencrypted, if it is not in the same file.

    Raises:
        InvalidRequestError: a file cannot be read, or does not hold what it should.
    """
    files = (ca_file, cert_file, key_file, *map(os.environ.get, _PUBLIC_AUTHORITIES))
    return _tls_context(ca_file, cert_file, key_file, tuple(map(_version, files)))


@lru_cache(maxsize=32)
def _tls_context(
    ca_file: str | None,
    cert_file: str | None,
    key_file: str | None,
    versions: tuple[object, ...],  # noqa: ARG001 - a part of the key
) -> ssl.SSLContext:
    context = _trusting(ca_file)
    context.set_alpn_protocols(["http/1.1"])
    if cert_file is not None:
        try:
            # Without a password OpenSSL would ask the terminal for one.
            context.load_cert_chain(cert_file, key_file, password="")
        except OSError:
            raise InvalidRequestError(
                "must be readable files of a certificate and its unencrypted key", "cert_file"
            ) from None
    return context


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    if ca_file is None:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError:
        raise InvalidRequestError("must be a readable file of certificates", "ca_file") from None


def _version(file: str | None) -> tuple[object, ...] | None:
    """Return what changes when a file is replaced."""
    if file is None:
        return None
    try:
        found = Path(file).stat()
    except OSError:
        return (file,)
    return file, found.st_mtime_ns, found.st_size, found.st_ino
