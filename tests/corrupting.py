"""A way to ServiceNow on which an answer may turn into something that no instance should send."""

import json
import random
from collections.abc import Iterator
from typing import Any

import httpx

from servicenow_tools import Transport

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, float("inf"), 10**400, "", "²", "9" * 5000, "a" * 32, "\ud800", "é ü",
    "a\nb", "\0", [], {}, [[]], [None], [{}], {"value": []}, {"value": {}}, {"display_value": []},
    {"x": 1}, "99999-13-45 99:99:99",
)  # fmt: skip
HEADERS = {
    b"x-total-count": (b"9" * 5000, "²".encode(), b"-1"),
    b"x-attachment-metadata": (b"[" * 3000, b'{"size_bytes": Infinity}', b"\xff"),
    b"x-transaction-id": (b"\xff",),
    b"link": (b"", b"\xff"),
    b"retry-after": (b"Wed, 21 Oct 99999999999999999999 07:28:00 GMT", b"\xff", b"9" * 5000),
    b"content-type": (b"application/json; charset=hex", b"text/html; charset=idna", b"\xff"),
}
STATUSES = (200, 302, 400, 429, 500, 503)

Path = tuple[str | int, ...]


class CorruptingTransport(httpx.AsyncBaseTransport):
    """Exchanges a part of the answer with a number.

    Attributes:
        changed: what it has done.
    """

    def __init__(self, pool: Transport, chance: random.Random) -> None:
        self._pool = pool
        self._chance = chance
        self._requests_until = chance.randint(1, 4)
        self.changed = "nothing"

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, and give its answer back."""
        response = await self._pool.handle_async_request(request)
        content = await response.aread()
        status, headers = response.status_code, dict(response.headers.raw)
        for name in (b"content-length", b"content-encoding", b"transfer-encoding"):
            headers.pop(name, None)
        self._requests_until -= 1
        if self._requests_until == 0:
            if self._chance.random() < 0.2:
                name = self._chance.choice(list(HEADERS))
                headers[name] = self._chance.choice(HEADERS[name])
                status = self._chance.choice((status, *STATUSES))
                self.changed = f"{request.url.path}: {status} {name!r} {headers[name][:40]!r}"
            else:
                content = self._exchanged(content, request.url.path)
        return httpx.Response(status, headers=list(headers.items()), content=content)

    def _exchanged(self, content: bytes, where: str) -> bytes:
        try:
            whole = {"": json.loads(content)}
        except ValueError:
            return content
        path = self._chance.choice(list(_paths(whole)))
        odd = self._chance.choice(ODD)
        self.changed = f"{where} {path}: {odd!r:.40}"
        parent: Any = whole
        for step in path[:-1]:
            parent = parent[step]
        if isinstance(parent, dict) and len(path) > 1 and self._chance.random() < 0.2:
            del parent[path[-1]]
        else:
            parent[path[-1]] = odd
        return json.dumps(whole[""]).encode()


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the way to each part of a document, of lists to the first three."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _paths(part, (*path, name))
    elif isinstance(value, list):
        for number, part in enumerate(value[:3]):
            yield from _paths(part, (*path, number))
