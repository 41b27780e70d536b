"""One HTTP/1.1 connection over TLS (RFC 9112), on asyncio's transports.

httptools reads the answers: it is llhttp, the parser of Node.js, in C.
"""

import asyncio
import select
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import cast

import httptools
import httpx

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

_LARGEST_HEAD_BYTES = 100 * 1024
_LARGEST_WAITING_BYTES = 256 * 1024
# A piece may unpack to a thousand times its size before anybody can look at that.
_LARGEST_PIECE_BYTES = 16 * 1024
_FIRST_FINAL_STATUS = 200
_HTTPS_PORT = 443


class Answer:
    """What came of one answer so far; httptools calls the `on_` methods.

    Attributes:
        status: the HTTP status, 0 until the headers are whole.
        headers: the headers as they came.
        is_whole: whether nothing of it is missing.
        may_stay: whether the connection may serve another request after it.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_whole = False
        self.may_stay = False
        self.waiting_bytes = 0
        self._waiting: list[bytes] = []
        self._head_bytes = 0
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Read on.

        Raises:
            httpx.RemoteProtocolError: this is no HTTP/1.1.
        """
        if self.status == 0:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.may_stay = False
            if not self.is_whole:
                raise httpx.RemoteProtocolError(f"the answer is not HTTP: {error}") from None
        if self.status == 0 and self._head_bytes > _LARGEST_HEAD_BYTES:
            raise httpx.RemoteProtocolError("the answer's headers are too large")

    def end(self) -> None:
        """Take note that nothing more will come.

        Raises:
            httpx.RemoteProtocolError: something is missing.
        """
        names = {name.lower() for name, _ in self.headers}
        if self.status == 0 or names & {b"content-length", b"transfer-encoding"}:
            raise httpx.RemoteProtocolError("the server closed the connection before it answered")
        self.is_whole = True

    def take(self) -> list[bytes]:
        """Return the pieces of the body that wait, which are then no longer kept."""
        taken, self._waiting, self.waiting_bytes = self._waiting, [], 0
        return taken

    def on_message_begin(self) -> None:
        """Stop at a second answer: nobody asked for it."""
        if self.is_whole:
            raise ValueError("a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; one that follows the body is a trailer, which has no reader."""
        if self.status == 0:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Keep what the head says, unless another one follows it (RFC 9110, status 1xx)."""
        status = self._parser.get_status_code()
        if status >= _FIRST_FINAL_STATUS:
            self.status = status
            self.may_stay = self._parser.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        """Keep a piece of the body until it is taken."""
        self._waiting.append(piece)
        self.waiting_bytes += len(piece)

    def on_message_complete(self) -> None:
        """Be done, or begin again after an interim answer."""
        if self.status == 0:
            self.headers.clear()
        else:
            self.is_whole = True


class Connection(asyncio.Protocol):
    """A connection, for one request after the other."""

    def __init__(self, keepalive_seconds: float) -> None:
        self._keepalive_seconds = keepalive_seconds
        self._expires_at = 0.0
        self._answer = Answer()
        self._failure: httpx.TransportError | None = None
        self._is_over = False
        self._news = asyncio.Event()
        self._is_writable = asyncio.Event()
        self._is_writable.set()

    @classmethod
    async def open(
        cls,
        request: httpx.Request,
        tls: ssl.SSLContext,
        resolve: Resolver | None,
        keepalive_seconds: float,
    ) -> "Connection":
        """Connect to where a request goes.

        Args:
            request: names the host, and says how long connecting may take.
            tls: the TLS context; the certificate is matched against the host's name.
            resolve: finds the addresses that may be connected to, in the order to try them; None
                for whatever the system says.
            keepalive_seconds: for how long the connection may be used again.

        Raises:
            httpx.UnsupportedProtocol: the URL is not https.
            httpx.ConnectError: no address can be connected to, or TLS failed.
            httpx.ConnectTimeout: it took too long.
        """
        url = request.url
        if url.scheme != "https":
            raise httpx.UnsupportedProtocol("only https is spoken here")
        host, port = url.raw_host.decode(), url.port or _HTTPS_PORT
        loop = asyncio.get_running_loop()
        failure: Exception = OSError(f"{host} has no address")
        try:
            async with asyncio.timeout(_seconds(request, "connect")):
                for address in [host] if resolve is None else await resolve(host, port):
                    try:
                        _, connection = await loop.create_connection(
                            lambda: cls(keepalive_seconds),
                            address,
                            port,
                            ssl=tls,
                            server_hostname=host,
                            happy_eyeballs_delay=0.25,
                        )
                    except (OSError, UnicodeError) as error:
                        failure = error
                    else:
                        return connection
        except TimeoutError:
            raise httpx.ConnectTimeout("connecting took too long") from None
        raise httpx.ConnectError(str(failure)) from failure

    def can_be_used(self) -> bool:
        """Tell whether a kept connection may serve another request.

        The event loop may have slept since, and not know yet that the server has closed it.
        """
        return (
            time.monotonic() < self._expires_at
            and self._answer.may_stay
            and not self._is_over
            and not self._has_data()
        )

    def stays(self) -> bool:
        """Tell whether the answer is read and the connection open for another request."""
        self._expires_at = time.monotonic() + self._keepalive_seconds
        return self._answer.is_whole and self._answer.may_stay and not self._is_over

    def close(self) -> None:
        """Close it at once; the event loop does so in its next round."""
        self._is_over = True
        self._transport.abort()

    async def send(self, request: httpx.Request) -> Answer:
        """Send a request, and return its answer as soon as the headers are there.

        Raises:
            httpx.TransportError: it failed; the connection is to be closed.
        """
        self._answer = answer = Answer()
        head = _head(request)
        if isinstance(request.stream, httpx.ByteStream):
            await self._write(b"".join((head, *request.stream)), request)
        else:
            await self._write(head, request)
            await self._write_body(request)
        while answer.status == 0:
            await self._wait(request)
        return answer

    async def body(self, request: httpx.Request) -> AsyncIterator[bytes]:
        """Read the answer's body.

        Raises:
            httpx.TransportError: it broke.
        """
        answer = self._answer
        while True:
            for piece in answer.take():
                for at in range(0, len(piece), _LARGEST_PIECE_BYTES):
                    yield piece[at : at + _LARGEST_PIECE_BYTES]
            if answer.is_whole:
                return
            self._transport.resume_reading()
            await self._wait(request)

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read on, and no faster than somebody takes it."""
        try:
            self._answer.feed(data)
        except httpx.RemoteProtocolError as error:
            self._fail(error)
        # After a whole answer nobody would ask for more.
        if self._answer.waiting_bytes > _LARGEST_WAITING_BYTES and not self._answer.is_whole:
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> None:
        """End; asyncio then closes the connection."""
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._end(exc)

    def pause_writing(self) -> None:
        """Wait: the other side does not keep up."""
        self._is_writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._is_writable.set()

    # ---- the rest

    def _end(self, error: Exception | None) -> None:
        self._is_over = True
        if not self._answer.is_whole and error is not None:
            self._fail(httpx.ReadError(str(error)))
        elif not self._answer.is_whole:
            try:
                self._answer.end()
            except httpx.RemoteProtocolError as early:
                self._fail(early)
        self._news.set()
        self._is_writable.set()

    def _fail(self, error: httpx.TransportError) -> None:
        self._is_over = True
        self._failure = self._failure or error

    async def _wait(self, request: httpx.Request) -> None:
        """Wait for more of the answer."""
        if self._failure is not None:
            raise self._failure
        self._news.clear()
        try:
            async with asyncio.timeout(_seconds(request, "read")):
                await self._news.wait()
        except TimeoutError:
            raise httpx.ReadTimeout("the server did not answer in time") from None

    async def _write(self, data: bytes, request: httpx.Request) -> None:
        self._transport.write(data)
        if self._is_writable.is_set():
            return
        try:
            async with asyncio.timeout(_seconds(request, "write")):
                await self._is_writable.wait()
        except TimeoutError:
            raise httpx.WriteTimeout("the server did not take the request in time") from None

    async def _write_body(self, request: httpx.Request) -> None:
        """Write what is sent in pieces, until the server has answered or is gone."""
        missing = int(request.headers["Content-Length"])
        async for piece in cast("httpx.AsyncByteStream", request.stream):
            missing -= len(piece)
            if missing < 0:
                break
            await self._write(piece, request)
            if self._is_over or self._answer.status != 0:
                # Whatever were sent next would be read as the rest of the body.
                self._answer.may_stay = self._answer.may_stay and missing == 0
                return
        if missing != 0:
            raise httpx.LocalProtocolError("the body is not as long as its Content-Length")

    def _has_data(self) -> bool:
        if sys.platform == "win32":  # pragma: no cover - it has no poll
            return False
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))


def _seconds(request: httpx.Request, step: str) -> float | None:
    """Return how long a step may take."""
    seconds: float | None = request.extensions.get("timeout", {}).get(step)
    return seconds


def _head(request: httpx.Request) -> bytes:
    """Return a request's first line and headers.

    Raises:
        httpx.LocalProtocolError: one of them holds a line break.
    """
    lines = [
        b"%b %b HTTP/1.1" % (request.method.encode(), request.url.raw_path),
        *(b"%b: %b" % header for header in request.headers.raw),
    ]
    head = b"\r\n".join(lines)
    if not len(lines) - 1 == head.count(b"\r") == head.count(b"\n") or b"\0" in head:
        raise httpx.LocalProtocolError("a header holds a line break")
    return head + b"\r\n\r\n"
