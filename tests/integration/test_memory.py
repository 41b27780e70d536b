"""The worst that an instance can answer fits into a function's memory, for as many as come at once.

Measured in a process of its own that may have no more memory than Lambda gives a function, with the
function's code loaded, and with an instance that answers each request with the same bytes.
"""

import asyncio
import contextlib
import gzip
import json
import os
import re
import ssl
import sys
from pathlib import Path

import pytest

from actionsync.queues.worker import _ALL_AT_ONCE
from local.servicenow.server import make_certificates
from tests.conftest import ENVIRONMENT
from tests.template import ROOT, functions, template

MIB = 1024 * 1024
# What the process's files take beside its data: the interpreter's and libraries' code.
CODE_MIB = 64

# Asks for a record of each kind of answer, so often at once, and prints the process's peak in MiB.
PROGRAM = """
import asyncio, importlib, re, resource, sys

url, function, memory, *counts = sys.argv[1:]
# Beyond that an allocation fails: MemoryError, or an end without a word.
resource.setrlimit(resource.RLIMIT_DATA, (int(memory) * 2**20, int(memory) * 2**20))

importlib.import_module(f"functions.{function}.app")
from actionsync.stores.credentials import Identity
from actionsync.stores.secrets import Secret
from actionsync.wiring import stores
from actionsync.wiring.servicenow import client_cache
from servicenow_tools.errors import ServiceNowError

stores.secret_store(), stores.waiting_store()
identity = Identity(url, "basic", "user")
secret = Secret("owner", identity, {"password": "password"})


async def ask(kind):
    async with client_cache().open(secret) as client:
        try:
            return await client.table("incident").get(f"INC{kind:07}")
        except ServiceNowError as error:
            return error


async def main():
    for kind, count in enumerate(counts):
        held = await asyncio.gather(*(ask(kind) for _ in range(int(count))))

asyncio.run(main())
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


def chunked(body: bytes, size: int) -> bytes:
    """Return a body in chunks of so many bytes."""
    chunks = (body[start : start + size] for start in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def answer(body: bytes, *headers: bytes) -> bytes:
    """Return an answer with a body of so many bytes, in JSON."""
    return b"\r\n".join(
        [
            b"HTTP/1.1 200 OK",
            b"Content-Type: application/json",
            *(headers or [b"Content-Length: %d" % len(body)]),
            b"",
            body,
        ]
    )


def repeated(part: bytes, size: int, start: bytes = b'{"result":[', end: bytes = b"]}") -> bytes:
    """Return a document of nearly so many bytes that repeats a part."""
    count = (size - len(start) - len(end)) // (len(part) + 1)
    return start + b",".join([part] * count) + end


def columns(size: int) -> bytes:
    """Return a record of as many columns as a document of so many bytes can have."""
    parts = b",".join(b'"%x":0' % number for number in range(size // 11))
    return b'{"result":{"sys_id":"0",' + parts + b"}}"


def of_size(size: int) -> dict[str, bytes]:
    """Return the worst answers that are as large as an answer may be, or larger, by their kind."""
    packed = gzip.compress(bytes(32 * MIB), 9)
    twice, zipped = gzip.compress(packed, 9), gzip.compress(repeated(b"{}", size))
    record = json.dumps({"sys_id": "0" * 32, "number": "INC0010001", "state": "1"}).encode()
    is_chunked, is_packed = b"Transfer-Encoding: chunked", b"Content-Encoding: gzip"
    text = '"\N{ROCKET}' + "x" * (size - 60) + '"'
    return {
        "objects": answer(repeated(b"{}", size)),
        "nested objects": answer(repeated(b'{"":{"":0}}', size)),
        "an error of objects": answer(repeated(b"{}", size, b'{"error":{"message":[', b"]}}")),
        "texts": answer(repeated(b'"ab"', size)),
        "columns": answer(columns(size)),
        "wide text": answer(('{"result":[{"sys_id":' + text + "}]}").encode()),
        "records in small chunks": answer(chunked(repeated(record, size), 1025), is_chunked),
        "gzip of objects": answer(zipped, is_packed, b"Content-Length: %d" % len(zipped)),
        "gzip": answer(packed, is_packed, b"Content-Length: %d" % len(packed)),
        "gzip of gzip": answer(
            twice, b"Content-Encoding: gzip, gzip", b"Content-Length: %d" % len(twice)
        ),
        "tiny chunks": answer(chunked(bytes(MIB // 2), 2), is_chunked),
        "trailers": answer(b"2\r\n{}\r\n0\r\n" + b"X-Trailer: x\r\n" * MIB, is_chunked),
        "head": b"HTTP/1.1 200 OK\r\n" + b"X-Header: x\r\n" * MIB,
        "deep": answer(b"[" * size),
        "deep objects": answer(b'{"result":' * (size // 10)),
        "a number": answer(b'{"result":[' + b"9" * (size - 20) + b"]}"),
    }


# These are refused before they grow: two at once are enough to see it.
REFUSED = {"gzip of gzip", "tiny chunks", "trailers", "head", "deep", "deep objects", "a number"}


async def peak_of(certificates: Path, folder: str, count: int, memory: int) -> int:
    """Return the peak of a process that meets all of these answers, in MiB."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem")
    size = _of(folder)["response"]
    replies = of_size(size * MIB)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            asked = re.search(rb"INC(\d{7})", await reader.readuntil(b"\r\n\r\n"))
            assert asked is not None
            reply = list(replies.values())[int(asked[1])]
            for start in range(0, len(reply), MIB):
                writer.write(reply[start : start + MIB])
                await writer.drain()
            await reader.read(1)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    environment = {
        **ENVIRONMENT,
        "PATH": os.environ["PATH"],
        "ALLOWED_INSTANCE_HOSTS": f"localhost:{port}",
        "INSTANCE_CA_FILE": str(certificates / "ca.pem"),
        "MAX_RESPONSE_MIB": f"{size}",
    }
    counts = [str(2 if kind in REFUSED else count) for kind in replies]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, f"https://localhost:{port}", folder,
        str(memory - CODE_MIB), *counts,
        cwd=ROOT, env=environment, stdout=-1, stderr=-1,
    )  # fmt: skip
    said, failed = await process.communicate()
    server.close()
    assert process.returncode == 0, failed.decode()[-2000:]
    return int(said) // 1024


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the instance's certificate and its authority's."""
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


def _of(folder: str) -> dict[str, int]:
    """Return what the template gives a function: its memory, and how large an answer may be."""
    default, own = template()["Globals"]["Function"], functions()[folder]
    variables = {
        **default["Environment"]["Variables"],
        **own.get("Environment", {}).get("Variables", {}),
    }
    return {
        "memory": own.get("MemorySize", default["MemorySize"]),
        "response": int(variables["MAX_RESPONSE_MIB"]),
    }


@pytest.mark.parametrize(
    ("folder", "count"),
    # Closing reads a record and the instance's choices before it writes.
    [("close_incident", 3), ("on_event", _ALL_AT_ONCE)],
)
def test_the_worst_answers_fit(certificates: Path, folder: str, count: int) -> None:
    """Whatever it is: an error, and never the function's end, with what else it was about."""
    memory = _of(folder)["memory"]
    peak = asyncio.run(peak_of(certificates, folder, count, memory))
    assert peak < memory


def test_what_is_over_the_limit_would_be_seen(certificates: Path) -> None:
    """The limit is one: with half the memory a process ends."""
    memory = _of("close_incident")["memory"] // 2 + CODE_MIB // 2
    with pytest.raises(AssertionError, match="MemoryError"):
        asyncio.run(peak_of(certificates, "close_incident", 3, memory))
