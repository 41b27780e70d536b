"""The transport, against a server that sends whatever bytes a test tells it to."""

import asyncio
import contextlib
import gc
import gzip
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import uvloop

from local.servicenow.server import make_certificates
from servicenow_tools import Transport, environment_proxy, tls_context
from servicenow_tools._transport import NotHttpError
from servicenow_tools.errors import InvalidRequestError

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"Content-Length: 2\r\n\r\nok"
LARGE = 4 * 1024 * 1024

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a server's certificate and its authority's."""
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


class Server:
    """A TLS server that does what a test asks with each connection.

    Attributes:
        connections: how many there were.
        url: where it is.
    """

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.connections = 0
        self.url = ""

    @contextlib.asynccontextmanager
    async def running(self, certificates: Path) -> AsyncIterator[Transport]:
        """Serve; give the transport that talks to it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "server.pem")
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=context)
        self.url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        transport = Transport(tls_context(str(certificates / "ca.pem")), max_connections=1)
        async with server:
            try:
                yield transport
            finally:  # before the server ends, which from Python 3.12 on waits for its connections
                await transport.aclose()
        await _all_closed(server)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            writer.transport.abort()
            # The transport below that of TLS is closed in the loop's next turn.
            await asyncio.sleep(0)


async def _all_closed(server: asyncio.Server) -> None:
    """Wait for the server's side of the connections; from Python 3.12 on wait_closed does."""
    while getattr(server, "_active_count", 0):  # noqa: ASYNC110 - asyncio has no event for it
        await asyncio.sleep(0.005)


async def ask(transport: Transport, url: str, **options: object) -> tuple[int, bytes]:
    """Send a request; return the answer's status and body."""
    timeout = {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": 5.0}
    options = {"method": "GET", **options}
    request = httpx.Request(url=url, extensions={"timeout": timeout}, **options)  # type: ignore[arg-type]
    response = await transport.handle_async_request(request)
    try:
        return response.status_code, await response.aread()
    finally:
        await response.aclose()


async def request_of(reader: asyncio.StreamReader) -> bytes:
    """Read a request's head, and its body as far as it says how long that is."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.partition(b":")[2]))
    return head


def replies(*replies: bytes) -> Serve:
    """Return a server that answers one request after the other with these bytes, then hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            await request_of(reader)
            writer.write(reply)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        await asyncio.sleep(0.05)

    return serve


def answers(certificates: Path, serve: Serve, count: int = 1) -> list[tuple[int, bytes]]:
    """Ask a server so many times; return what it answered, and by how many connections."""

    async def run() -> list[tuple[int, bytes]]:
        server = Server(serve)
        async with server.running(certificates) as transport:
            found = [await ask(transport, server.url) for _ in range(count)]
        found.append((server.connections, b"connections"))
        return found

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("reply", "status", "body"),
    [
        (WHOLE, 200, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\nA: b\r\n\r\n",
         200, b"ok"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + WHOLE,
         200, b"ok"),
    ],
    ids=["length", "none", "chunked", "interim"],
)  # fmt: skip
def test_a_whole_answer_leaves_the_connection(
    certificates: Path, reply: bytes, status: int, body: bytes
) -> None:
    """Open, for the next request."""
    assert answers(certificates, replies(reply, reply), 2) == [
        (status, body), (status, body), (1, b"connections"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "reply",
    [
        OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok",
        OK + b"\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        WHOLE + b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
        WHOLE + b"\x00\x01",
    ],
    ids=["close", "until the end", "HTTP/1.0", "a second answer", "garbage"],
)
def test_an_answer_after_which_the_connection_is_not_used(certificates: Path, reply: bytes) -> None:
    """It is read all the same."""
    assert answers(certificates, replies(reply), 2) == [
        (200, b"ok"), (200, b"ok"), (2, b"connections"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        OK,
        OK + b"Content-Length: 3\r\n\r\nok",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nok",
    ],
    ids=["nothing", "half a head", "half a body", "half the chunks", "half a chunk"],
)
def test_an_answer_that_breaks_off(certificates: Path, reply: bytes) -> None:
    """Is HTTP as far as it goes: asking again may help."""
    with pytest.raises(httpx.RemoteProtocolError, match=r"disconnected|closed") as broken:
        answers(certificates, replies(reply))
    assert not isinstance(broken.value, NotHttpError)


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "it begins with b'SSH-2.0"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
         "UPGRADE"),
        (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nok", "conflicting"),
        (OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "both"),
        (OK + b"Content-Length: -2\r\n\r\nok", "bad Content-Length"),
        (OK + b"X: y\nZ\x00: w\r\n\r\n", "illegal header"),
        (OK + b"X: " + b"y" * 200_000, "too long"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, "too large"),
        (CHUNKED + b"1\r\nx\r\n" * 50_001 + b"0\r\n\r\n", "50000 chunks"),
        (CHUNKED + b"0\r\n" + b"A: b\r\n" * 100_000, "too long"),
        (CHUNKED + b"1;" + b"x" * 300_000, "too long"),
        (OK + b"Content-Encoding: gzip, gzip\r\nContent-Length: 2\r\n\r\nok", "gzip, gzip"),
        (OK + b"Content-Encoding: gzip\r\nContent-Encoding: deflate\r\n\r\n", "gzip, deflate"),
        (OK + b"Content-Encoding: br\r\n\r\n", "br"),
    ],
    ids=[
        "another protocol", "upgrade", "two lengths", "length and chunks", "negative", "zero byte",
        "long header", "interim", "many chunks", "many trailers", "long chunk size",
        "packed twice", "packed twice, two headers", "packed in another way",
    ],
)  # fmt: skip
def test_no_answer(certificates: Path, reply: bytes, said: str) -> None:
    """What is no HTTP/1.1, or exceeds a limit, is an error of its own with its cause."""
    with pytest.raises(NotHttpError, match=said):
        answers(certificates, replies(reply))


@pytest.mark.parametrize(
    "reply",
    [
        OK + b"Set-Cookie: a=\x01\r\nContent-Length: 2\r\n\r\nok",
        OK + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        CHUNKED + b"2   \r\nok\r\n0  \r\n\r\n",
        OK + b"Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
    ],
    ids=["control character", "folded header", "bare LF", "padded chunk size", "identity"],
)
def test_an_answer_with_blemishes(certificates: Path, reply: bytes) -> None:
    """Is read, as httpx reads it."""
    assert answers(certificates, replies(reply, reply), 2)[:2] == [(200, b"ok"), (200, b"ok")]


def test_large_chunks_may_be_many(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file comes in as many as it takes."""
    monkeypatch.setattr("servicenow_tools._transport._MAX_SMALL_PIECES", 50)
    chunk = b"800\r\n" + bytes(2048) + b"\r\n"
    reply = CHUNKED + chunk * 100 + b"0\r\n\r\n"
    assert answers(certificates, replies(reply))[0] == (200, bytes(2048) * 100)


@pytest.mark.parametrize("bytes_sent", [0, 20, len(OK) + 30])
def test_a_reset(certificates: Path, bytes_sent: int) -> None:
    """At any moment."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write((OK + b"Content-Length: 99\r\n\r\nbody")[:bytes_sent])
        await asyncio.sleep(0.02)
        raw = writer.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        answers(certificates, serve)


def test_an_idle_connection_that_the_server_closed(certificates: Path) -> None:
    """Is not used, whether the event loop has run since or not; nor is one it spoke on."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(WHOLE)
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")

    async def run(server: Server, transport: Transport) -> None:
        assert await ask(transport, server.url) == (200, b"ok")
        await asyncio.sleep(0.1)
        assert await ask(transport, server.url) == (200, b"ok")
        assert server.connections == 2

    async def both() -> None:
        server = Server(serve)
        async with server.running(certificates) as transport:
            await run(server, transport)

    asyncio.run(both())


def test_a_large_answer_waits_for_its_reader(certificates: Path) -> None:
    """The server is slowed down; what waits here is bounded."""
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await request_of(reader)
        writer.write(OK + b"Content-Length: %d\r\n\r\n" % (10 * LARGE))
        for _ in range(10 * LARGE // 65536):
            writer.write(bytes(65536))
            await writer.drain()
            sent += 65536
        await reader.read()

    async def run() -> None:
        server = Server(serve)
        async with server.running(certificates) as transport:
            request = httpx.Request("GET", server.url)
            response = await transport.handle_async_request(request)
            for _ in range(20):
                await asyncio.sleep(0.01)
            assert sent < 5 * LARGE  # the kernel's buffers
            assert len(await response.aread()) == 10 * LARGE
            assert transport.idle_connections == 1

    asyncio.run(run())


def test_a_small_answer_that_unpacks_to_a_large_one(certificates: Path) -> None:
    """Is handed on bit by bit: who reads it can stop in time."""
    packed = gzip.compress(bytes(10 * LARGE), 9)
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)

    async def run() -> None:
        server = Server(replies(head + packed))
        async with server.running(certificates) as transport:
            response = await transport.handle_async_request(httpx.Request("GET", server.url))
            await asyncio.sleep(0.1)
            first = await anext(response.aiter_bytes())
            assert 0 < len(first) < 5 * LARGE
            await response.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("size", [260_000, 300_000, 350_000])
def test_an_answer_that_arrived_before_its_reader(certificates: Path, size: int) -> None:
    """Leaves a connection on which the next answer is read."""

    async def run() -> None:
        reply = OK + b"Content-Length: %d\r\n\r\n" % size + bytes(size)
        server = Server(replies(reply, reply))
        async with server.running(certificates) as transport:
            response = await transport.handle_async_request(httpx.Request("GET", server.url))
            await asyncio.sleep(0.1)
            assert len(await response.aread()) == size
            assert await ask(transport, server.url) == (200, bytes(size))
            assert server.connections == 1

    asyncio.run(run())


@pytest.mark.parametrize("size", [2, LARGE])
def test_an_answer_that_nobody_reads(certificates: Path, size: int) -> None:
    """Ends its connection, once."""

    async def run() -> None:
        reply = OK + b"Content-Length: %d\r\n\r\n" % size + bytes(size)
        server = Server(replies(reply, reply))
        async with server.running(certificates) as transport:
            response = await transport.handle_async_request(httpx.Request("GET", server.url))
            assert isinstance(response.stream, httpx.AsyncByteStream)
            for _ in range(2):
                await response.stream.aclose()
            assert transport.idle_connections == 0
            assert (await ask(transport, server.url))[0] == 200

    asyncio.run(run())


async def pieces_of(size: int, count: int) -> AsyncIterator[bytes]:
    """Yield pieces of a body."""
    for _ in range(count):
        yield bytes(size)


def upload(certificates: Path, serve: Serve, promised: int, pieces: AsyncIterator[bytes],
           write: float = 5.0) -> tuple[int, bytes, int]:  # fmt: skip
    """Send a body in pieces; return the answer and how many connections are idle then."""

    async def run() -> tuple[int, bytes, int]:
        server = Server(serve)
        async with server.running(certificates) as transport:
            request = httpx.Request(
                "POST",
                server.url,
                content=pieces,
                headers={"Content-Length": str(promised)},
                extensions={"timeout": {"connect": 5.0, "read": 5.0, "write": write, "pool": 5.0}},
            )
            response = await transport.handle_async_request(request)
            body = await response.aread()
            await response.aclose()
            return response.status_code, body, transport.idle_connections

    return asyncio.run(run())


def test_a_body_in_pieces(certificates: Path) -> None:
    """Arrives whole, however slowly it is taken."""
    arrived = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"content-length: %d" % LARGE in head.lower()
        await asyncio.sleep(0.1)
        arrived = len(await reader.readexactly(LARGE))
        writer.write(WHOLE)
        await reader.read()

    assert upload(certificates, serve, LARGE, pieces_of(65536, LARGE // 65536)) == (200, b"ok", 1)
    assert arrived == LARGE


@pytest.mark.parametrize("count", [1, 3])
def test_a_body_of_another_length(certificates: Path, count: int) -> None:
    """Would shift all that follows: it is stopped."""

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    with pytest.raises(httpx.LocalProtocolError, match="Content-Length"):
        upload(certificates, serve, 20, pieces_of(10, count))


def test_an_early_answer(certificates: Path) -> None:
    """Is read when the upload is over, or the server takes no more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
        await reader.readexactly(1000)
        await reader.read()

    assert upload(certificates, serve, 1000, pieces_of(10, 100)) == (413, b"no", 1)


def test_a_server_that_goes_while_it_is_written_to(certificates: Path) -> None:
    """Is reported as soon as it is known."""

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        upload(certificates, serve, 100 * LARGE, pieces_of(65536, 100 * LARGE // 65536))


def test_a_server_that_takes_nothing(certificates: Path) -> None:
    """Is waited for as long as the write timeout says."""

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(1)

    with pytest.raises(httpx.WriteTimeout):
        upload(certificates, serve, 10 * LARGE, pieces_of(LARGE, 10), write=0.1)


def test_a_server_that_never_ends_the_handshake() -> None:
    """Is waited for as long as the connect timeout says."""

    async def run() -> None:
        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        async with await asyncio.start_server(hold, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            request = httpx.Request(
                "GET", f"https://127.0.0.1:{port}", extensions={"timeout": {"connect": 0.1}}
            )
            with pytest.raises(httpx.ConnectTimeout):
                await Transport(tls_context()).handle_async_request(request)
        await _all_closed(server)

    asyncio.run(run())


def test_a_certificate_that_nobody_vouches_for(certificates: Path) -> None:
    """Is refused, in OpenSSL's words."""

    async def run() -> None:
        server = Server(replies(WHOLE))
        async with server.running(certificates):
            with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
                await ask(Transport(tls_context()), server.url)

    asyncio.run(run())


def test_only_https_is_spoken() -> None:
    """What a credential goes out on is never in the clear."""
    with pytest.raises(httpx.UnsupportedProtocol):
        asyncio.run(ask(Transport(tls_context()), "http://localhost"))


@pytest.mark.parametrize("value", [b"a\r\nX: y", b"a\nX: y", b"a\rX", b"a\0"])
def test_a_header_that_would_be_two(certificates: Path, value: bytes) -> None:
    """Is not sent."""

    async def run() -> None:
        server = Server(replies(WHOLE))
        async with server.running(certificates) as transport:
            with pytest.raises(httpx.LocalProtocolError):
                await ask(transport, server.url, headers=[(b"authorization", value)])

    asyncio.run(run())


# ---- other event loops


def test_uvloop(certificates: Path) -> None:
    """Uvicorn's default; requests, uploads and connections that wait work there, too."""

    async def run() -> list[tuple[int, bytes]]:
        server = Server(replies(WHOLE, WHOLE))
        async with server.running(certificates) as transport:
            found = [
                await ask(transport, server.url),
                await ask(transport, server.url, method="POST", content=b"x" * 100_000),
            ]
            assert transport.idle_connections == 1
        return found

    assert uvloop.run(run()) == [(200, b"ok"), (200, b"ok")]


# ---- proxies


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({}, "https://x.y", None),
        ({"HTTPS_PROXY": "proxy:3128"}, "https://x.y", "http://proxy:3128"),
        ({"HTTPS_PROXY": "socks5://proxy"}, "https://x.y", "socks5://proxy"),
        ({"ALL_PROXY": "https://proxy"}, "https://x.y", "https://proxy"),
        ({"HTTP_PROXY": "http://proxy"}, "https://x.y", None),
        ({"HTTPS_PROXY": "p", "NO_PROXY": "x.y"}, "https://x.y", None),
        ({"HTTPS_PROXY": "p", "NO_PROXY": "y"}, "https://x.y:8443", None),
        ({"HTTPS_PROXY": "p", "NO_PROXY": "x.y:8443"}, "https://x.y:8443", None),
        ({"HTTPS_PROXY": "p", "NO_PROXY": "x.y:443"}, "https://x.y", None),
        ({"HTTPS_PROXY": "p", "NO_PROXY": "x.y:8443"}, "https://x.y", "http://p"),
        ({"HTTPS_PROXY": "p", "NO_PROXY": "*"}, "https://x.y", None),
        ({"HTTPS_PROXY": "p", "NO_PROXY": "::1"}, "https://[::1]", None),
    ],
)
def test_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, proxy: str | None
) -> None:
    """By the rules that httpx has for these variables."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert environment_proxy(url) == proxy


@pytest.mark.parametrize("url", ["ftp://proxy", "", "http://", "http://x:y", "socks4://x"])
def test_a_proxy_that_is_none(url: str) -> None:
    """Is refused by the argument's name."""
    with pytest.raises(InvalidRequestError) as refused:
        Transport(tls_context(), proxy=url)
    assert refused.value.field == "proxy"


def test_socks_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Says what to install."""
    monkeypatch.setattr("servicenow_tools._transport.find_spec", lambda _: None)
    with pytest.raises(InvalidRequestError, match="socksio"):
        Transport(tls_context(), proxy="socks5://proxy")


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Pass bytes on between a proxy's caller and a port of this machine, until either ends."""
    other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()

    tasks = [
        asyncio.create_task(copy(reader, other_writer)),
        asyncio.create_task(copy(other_reader, writer)),
    ]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    for end in (writer, other_writer):
        end.transport.abort()


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_request_through_a_proxy(certificates: Path, scheme: str) -> None:
    """Goes through a tunnel to the name, which the proxy resolves, and signs in at the proxy."""
    asked: list[bytes] = []

    async def run() -> list[tuple[int, bytes]]:
        server = Server(replies(WHOLE, WHOLE))

        async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            port = int(server.url.rpartition(":")[2])
            if scheme == "http":
                asked.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                asked.append(await reader.read(100))
                writer.write(b"\x05\x02")
                asked.append(await reader.read(100))
                writer.write(b"\x01\x00")
                asked.append(await reader.read(100))
                writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x01")
            await _tunnel(reader, writer, port)

        async with (
            server.running(certificates),
            await asyncio.start_server(proxy, "127.0.0.1", 0) as listening,
        ):
            at = listening.sockets[0].getsockname()[1]
            transport = Transport(
                tls_context(str(certificates / "ca.pem")), proxy=f"{scheme}://u:p@127.0.0.1:{at}"
            )
            found = [await ask(transport, server.url) for _ in range(2)]
            await transport.aclose()
        await _all_closed(listening)
        return found

    assert asyncio.run(run()) == [(200, b"ok"), (200, b"ok")]
    text = b"".join(asked)
    assert b"localhost" in text
    assert (b"Basic dTpw" if scheme == "http" else b"\x01u\x01p") in text


# httpcore leaves the socket of a refused SOCKS connection to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("scheme", "reply", "error"),
    [
        ("http", b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
         httpx.ProxyError),
        ("http", b"SSH-2.0-OpenSSH_9.6\r\n", httpx.RemoteProtocolError),
        ("socks5", b"\x05\xff", httpx.ProxyError),
        ("socks5", b"HTTP/1.1 400 Bad Request\r\n\r\n", httpx.ProxyError),
        ("socks5", b"", httpx.ProxyError),
    ],
)  # fmt: skip
def test_a_proxy_that_refuses(scheme: str, reply: bytes, error: type[Exception]) -> None:
    """Is httpx's own error: nothing was sent to the instance."""

    async def run() -> None:
        async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1000)
            writer.write(reply)
            writer.close()

        async with await asyncio.start_server(proxy, "127.0.0.1", 0) as listening:
            at = listening.sockets[0].getsockname()[1]
            transport = Transport(tls_context(), proxy=f"{scheme}://127.0.0.1:{at}")
            with pytest.raises(error):
                await ask(transport, "https://x.service-now.com")
            await transport.aclose()
        gc.collect()
        await _all_closed(listening)

    asyncio.run(run())


# ---- certificates


def test_a_replaced_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an authority or a client's certificate; one that stays is read once."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        make_certificates(tmp_path / name)
    ca, pem = tmp_path / "ca.pem", tmp_path / "client.pem"
    for target, source in ((ca, "old/ca.pem"), (pem, "old/server.pem")):
        target.write_bytes((tmp_path / source).read_bytes())
    first = tls_context(str(ca), str(pem))
    assert tls_context(str(ca), str(pem)) is first
    for target, source in ((ca, "new/ca.pem"), (pem, "new/server.pem")):
        before = tls_context(str(ca), str(pem))
        (tmp_path / source).replace(target)
        assert tls_context(str(ca), str(pem)) is not before
    assert tls_context(str(ca)).get_ca_certs() != first.get_ca_certs()
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    assert len(tls_context().get_ca_certs()) == 1
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "old/ca.pem"))
    assert tls_context().get_ca_certs() == first.get_ca_certs()
