"""An instance that answers at once: a fast server for measuring clients, in a process of its own.

`python -m tests.benchmarks.instance <server.pem>` prints its port and serves until it is killed.
A list has as many rows as asked for, of which there are 100,000.
"""

import asyncio
import json
import re
import ssl
import sys
from urllib.parse import unquote

ROWS = 100_000
_LIMIT = re.compile(rb"sysparm_limit=(\d+)")
_COLUMNS = {
    "number": "INC0010001",
    "short_description": "Checkout answers 500",
    "description": "x" * 400,
    "state": "1",
    "urgency": "1",
    "impact": "2",
    "priority": "2",
    "assignment_group": "f" * 32,
    "correlation_id": "benchmark",
    "sys_created_on": "2024-01-10 10:00:00",
}


def _answer(status: bytes, body: bytes, headers: bytes = b"") -> bytes:
    return (
        b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json;charset=UTF-8\r\n"
        + headers + b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )  # fmt: skip


_ONE = {"sys_id": "a" * 32, **_COLUMNS}
_RECORD = _answer(b"200 OK", json.dumps({"result": _ONE}).encode())
_FOUND = _answer(b"200 OK", json.dumps({"result": [_ONE]}).encode())
_MADE = _answer(b"201 Created", json.dumps({"result": _ONE}).encode())


class Instance(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        """HttpAnswer each request that is whole."""
        self._read += data
        while b"\r\n\r\n" in self._read:
            head, _, rest = self._read.partition(b"\r\n\r\n")
            found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
            size = int(found[1]) if found else 0
            if len(rest) < size:
                return
            self._read = rest[size:]
            self._transport.write(_respond(head))  # type: ignore[attr-defined]


def _respond(head: bytes) -> bytes:
    target = head.split(b" ", 2)[1]
    if head.startswith(b"POST"):
        return _MADE
    path = target.partition(b"?")[0]
    if not path.endswith(b"/incident"):
        return _RECORD
    if "sys_id=" in unquote(target.decode()):
        return _FOUND
    limit = _LIMIT.search(target)
    size = int(limit[1]) if limit else 1
    start = _begin(target)
    rows = [{"sys_id": f"{start + n:032x}", **_COLUMNS} for n in range(min(size, ROWS - start))]
    more = b'Link: <https://x>;rel="next"\r\n' if start + size < ROWS else b""
    return _answer(b"200 OK", json.dumps({"result": rows}).encode(), more)


def _begin(target: bytes) -> int:
    """Return where a page begins: after the sys_id of the last record of the one before."""
    found = re.search(r"sys_id>([0-9a-f]{32})", unquote(target.decode()))
    return int(found[1], 16) + 1 if found else 0


async def main() -> None:
    """Serve."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Instance, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
