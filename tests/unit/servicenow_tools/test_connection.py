"""One connection, against a server that sends whatever bytes a test tells it to."""

import asyncio
import contextlib
import gzip
import itertools
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import h11
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.servicenow.server import make_certificates
from servicenow_tools import ConnectionPool, tls_context
from servicenow_tools._connection import Answer

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
    """A TLS server that does what it is told with each connection.

    Attributes:
        connections: how many there were.
        url: where it is.
    """

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.connections = 0
        self.url = ""

    @contextlib.asynccontextmanager
    async def running(self, certificates: Path) -> AsyncIterator[ConnectionPool]:
        """Serve; give the pool that talks to it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "server.pem")
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=context)
        self.url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        pool = ConnectionPool(tls_context(str(certificates / "ca.pem")), max_connections=1)
        try:
            async with server:
                yield pool
        finally:
            await pool.aclose()
            await _all_closed(server)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)
        writer.transport.abort()


async def _all_closed(server: asyncio.Server) -> None:
    """Wait for the server's side of the connections; from Python 3.12 on wait_closed does."""
    while getattr(server, "_active_count", 0):  # noqa: ASYNC110 - asyncio has no event for it
        await asyncio.sleep(0.005)


async def ask(pool: ConnectionPool, url: str, **options: object) -> tuple[int, bytes]:
    """Send a request; return the answer's status and body."""
    timeout = {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": 5.0}
    options = {"method": "GET", **options}
    request = httpx.Request(url=url, extensions={"timeout": timeout}, **options)  # type: ignore[arg-type]
    response = await pool.handle_async_request(request)
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
        async with server.running(certificates) as pool:
            found = [await ask(pool, server.url) for _ in range(count)]
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
    ("reply", "said"),
    [
        (b"", "closed the connection"),
        (OK, "closed the connection"),
        (OK + b"Content-Length: 3\r\n\r\nok", "closed the connection"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "closed the connection"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
         "not HTTP"),
        (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nok", "not HTTP"),
        (OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok", "not HTTP"),
        (OK + b"Content-Length: -2\r\n\r\nok", "not HTTP"),
        (OK + b"X: y\nZ\x00: w\r\n\r\n", "not HTTP"),
        (OK + b"X: " + b"y" * 200_000, "too large"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, "too large"),
    ],
    ids=[
        "nothing", "half a head", "half a body", "half the chunks", "another protocol", "upgrade",
        "two lengths", "length and chunks", "negative", "zero byte", "long header", "interim",
    ],
)  # fmt: skip
def test_no_answer(certificates: Path, reply: bytes, said: str) -> None:
    """What is no HTTP/1.1, or not all of it, is httpx's own error."""
    with pytest.raises(httpx.RemoteProtocolError, match=said):
        answers(certificates, replies(reply))


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

    async def run(server: Server, pool: ConnectionPool) -> None:
        assert await ask(pool, server.url) == (200, b"ok")
        await asyncio.sleep(0.1)
        assert await ask(pool, server.url) == (200, b"ok")
        assert server.connections == 2

    async def both() -> None:
        server = Server(serve)
        async with server.running(certificates) as pool:
            await run(server, pool)

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
        async with server.running(certificates) as pool:
            request = httpx.Request("GET", server.url)
            response = await pool.handle_async_request(request)
            for _ in range(20):
                await asyncio.sleep(0.01)
            assert sent < 5 * LARGE  # the kernel's buffers
            assert len(await response.aread()) == 10 * LARGE
            assert pool.idle_connections == 1

    asyncio.run(run())


def test_a_small_answer_that_unpacks_to_a_large_one(certificates: Path) -> None:
    """Is handed on bit by bit: who reads it can stop in time."""
    packed = gzip.compress(bytes(100 * LARGE), 9)
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)

    async def run() -> None:
        server = Server(replies(head + packed))
        async with server.running(certificates) as pool:
            response = await pool.handle_async_request(httpx.Request("GET", server.url))
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
        async with server.running(certificates) as pool:
            response = await pool.handle_async_request(httpx.Request("GET", server.url))
            await asyncio.sleep(0.1)
            assert len(await response.aread()) == size
            assert await ask(pool, server.url) == (200, bytes(size))
            assert server.connections == 1

    asyncio.run(run())


@pytest.mark.parametrize(("size", "idle"), [(2, 1), (LARGE, 0)])
def test_an_answer_that_nobody_reads(certificates: Path, size: int, idle: int) -> None:
    """Leaves the connection if all of it is there, and ends it otherwise, once."""

    async def run() -> None:
        reply = OK + b"Content-Length: %d\r\n\r\n" % size + bytes(size)
        server = Server(replies(reply, reply))
        async with server.running(certificates) as pool:
            response = await pool.handle_async_request(httpx.Request("GET", server.url))
            assert isinstance(response.stream, httpx.AsyncByteStream)
            for _ in range(2):
                await response.stream.aclose()
            assert pool.idle_connections == idle
            assert (await ask(pool, server.url))[0] == 200

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
        async with server.running(certificates) as pool:
            request = httpx.Request(
                "POST",
                server.url,
                content=pieces,
                headers={"Content-Length": str(promised)},
                extensions={"timeout": {"connect": 5.0, "read": 5.0, "write": write, "pool": 5.0}},
            )
            response = await pool.handle_async_request(request)
            body = await response.aread()
            await response.aclose()
            return response.status_code, body, pool.idle_connections

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
    """Ends the upload; the connection is not used again."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
        await reader.read()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(10)
            await asyncio.sleep(0.01)

    assert upload(certificates, serve, 1000, pieces()) == (413, b"no", 0)


def test_a_server_that_goes_while_it_is_written_to(certificates: Path) -> None:
    """Is told as soon as it is known."""

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
                await ConnectionPool(tls_context()).handle_async_request(request)
        await _all_closed(server)

    asyncio.run(run())


def test_a_certificate_that_nobody_vouches_for(certificates: Path) -> None:
    """Is refused, in OpenSSL's words."""

    async def run() -> None:
        server = Server(replies(WHOLE))
        async with server.running(certificates):
            with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
                await ask(ConnectionPool(tls_context()), server.url)

    asyncio.run(run())


def test_only_https_is_spoken() -> None:
    """What a credential goes out on is never in the clear."""
    with pytest.raises(httpx.UnsupportedProtocol):
        asyncio.run(ask(ConnectionPool(tls_context()), "http://localhost"))


@pytest.mark.parametrize("value", [b"a\r\nX: y", b"a\nX: y", b"a\rX", b"a\0"])
def test_a_header_that_would_be_two(certificates: Path, value: bytes) -> None:
    """Is not sent."""

    async def run() -> None:
        server = Server(replies(WHOLE))
        async with server.running(certificates) as pool:
            with pytest.raises(httpx.LocalProtocolError):
                await ask(pool, server.url, headers=[(b"authorization", value)])

    asyncio.run(run())


# ---- the parser, beside another one

TOKEN = st.text("abcXYZ-09", min_size=1, max_size=8)


@st.composite
def whole_answers(draw: st.DrawFn) -> bytes:
    """Return an answer that is whole when the connection ends, if not before."""
    status = draw(st.sampled_from([200, 201, 202, 204, 302, 304, 400, 401, 404, 429, 500, 503]))
    headers = draw(st.lists(st.tuples(TOKEN.map("x-{}".format), TOKEN), max_size=4))
    body = draw(st.binary(max_size=60))
    framing = draw(st.sampled_from(["length", "chunks", "end"]))
    if status in {204, 304}:
        framing, body = "none", b""
    if framing == "length":
        headers.append(("Content-Length", str(len(body))))
    elif framing == "chunks":
        headers.append(("Transfer-Encoding", "chunked"))
        cut = draw(st.integers(0, len(body)))
        parts = [part for part in (body[:cut], body[cut:]) if part]
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    if draw(st.booleans()):
        headers.append(("Connection", draw(st.sampled_from(["close", "keep-alive"]))))
    lines = [f"HTTP/1.{draw(st.sampled_from([0, 1]))} {status} Because"]
    lines += [f"{name}: {value}" for name, value in draw(st.permutations(headers))]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _h11(data: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return an answer's status, headers and body as h11 reads them."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    connection.receive_data(b"")
    body = b""
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
    return head.status_code, [(bytes(name), bytes(value)) for name, value in head.headers], body


def _ours(pieces: Iterator[bytes]) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    answer = Answer()
    for piece in pieces:
        answer.feed(piece)
    if not answer.is_whole:
        answer.end()
    body = b"".join(answer.take())
    return answer.status, [(name.lower(), value) for name, value in answer.headers], body


@settings(max_examples=300)
@given(data=whole_answers(), cuts=st.lists(st.integers(0, 400), max_size=6))
def test_answers_are_read_as_another_parser_reads_them(data: bytes, cuts: list[int]) -> None:
    """However the network cuts them."""
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = (data[begin:end] for begin, end in itertools.pairwise(edges) if begin < end)
    assert _ours(pieces) == _h11(data)


@given(data=st.binary(max_size=200), start=st.sampled_from([b"", OK, b"HTTP/1.1 "]))
def test_no_bytes_are_anything_but_an_answer_or_refused(data: bytes, start: bytes) -> None:
    """Nothing else can come of them."""
    answer = Answer()
    with contextlib.suppress(httpx.RemoteProtocolError):
        answer.feed(start + data)
        answer.end()
        assert answer.status >= 200
        assert answer.is_whole
