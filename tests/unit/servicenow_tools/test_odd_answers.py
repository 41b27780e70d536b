"""Whatever an instance answers is a result or one of the client's own errors.

The simulator's true answers to every operation, with one part of one of them exchanged for
something that no instance should send.
"""

import asyncio
import copy
import json
import os
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest

from local.servicenow import Simulator, seed
from servicenow_tools import ConnectionPool, ServiceNowClient, tls_context
from servicenow_tools.errors import InvalidRequestError, ServiceNowError

ROUNDS = int(os.environ.get("ROUNDS", "20"))
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


async def every_row(client: ServiceNowClient) -> None:
    """Iterate over a table."""
    async for _ in client.iterate("incident", page_size=5):
        pass


OPERATIONS: dict[str, Callable[[ServiceNowClient], Awaitable[Any]]] = {
    "create": lambda c: c.create_incident("x", assignment_group="Network", category="software"),
    "get": lambda c: c.get_incident("INC0000001"),
    "search": lambda c: c.search_incidents(limit=2),
    "iterate": every_row,
    "count": lambda c: c.count("incident"),
    "choices": lambda c: c.choices("incident", "state"),
    "columns": lambda c: c.columns("incident"),
    "mandatory fields": lambda c: c.mandatory_fields("incident"),
    "preview": lambda c: c.preview_record("incident", {"assignment_group": "Network"}),
    "test": lambda c: c.test_connection(),
    "notes": lambda c: c.notes("incident", "INC0000001"),
    "work note": lambda c: c.add_work_note("incident", "INC0000001", "x"),
    "update": lambda c: c.update_incident("INC0000001", state="on hold", hold_reason="vendor"),
    "close": lambda c: c.close_incident("INC0000004", "done", state="closed"),
    "create change": lambda c: c.create_change_request(
        "x", type_="standard", template="Deploy a service"
    ),
    "create task": lambda c: c.changes.create_task("CHG0000001", "x"),
    "tasks": lambda c: c.changes.tasks("CHG0000001"),
    "next states": lambda c: c.changes.next_states("CHG0000001"),
    "move": lambda c: c.changes.move("CHG0000001", "closed", close_notes="done"),
    "approvals": lambda c: c.changes.approvals("CHG0000005"),
    "conflicts": lambda c: c.changes.check_conflicts("CHG0000010"),
    "free slots": lambda c: c.changes.free_slots("CHG0000010"),
    "templates": lambda c: c.changes.templates(),
    "upload": lambda c: c.attachments.upload("incident", "INC0000001", b"x", "x.txt"),
    "attachments": lambda c: c.attachments.list("incident", "INC0000001"),
    "bulk create": lambda c: c.bulk.create("incident", [{"short_description": "x"}] * 2),
    "bulk update": lambda c: c.bulk.update("incident", [("INC0000001", {"urgency": "low"})]),
}


class Meddler(httpx.AsyncBaseTransport):
    """Exchanges a part of the answer with a number.

    Attributes:
        changed: what it has done.
    """

    def __init__(self, pool: ConnectionPool, chance: random.Random) -> None:
        self._pool = pool
        self._chance = chance
        self._requests_until = chance.randint(1, 5)
        self.changed = "nothing"

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
            document = json.loads(content)
        except ValueError:
            return content
        path = self._chance.choice(list(_paths({"": document})))
        odd = copy.copy(self._chance.choice(ODD))
        self.changed = f"{where} {path}: {odd!r:.40}"
        document = {"": document}
        parent: Any = document
        for step in path[:-1]:
            parent = parent[step]
        if isinstance(parent, dict) and len(path) > 1 and self._chance.random() < 0.2:
            del parent[path[-1]]
        else:
            parent[path[-1]] = odd
        return json.dumps(document[""]).encode()


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


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_odd_answer_breaks_nothing(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is a result all the same, or an error that can be told."""
    monkeypatch.setattr("servicenow_tools.retries._FIRST_PAUSE", 0.0)
    monkeypatch.setattr("servicenow_tools.changes._POLL_SECONDS", 0.0)
    chance = random.Random(name)  # noqa: S311 - no secret
    password = seed.USERS["closer"][0]

    async def operate() -> Meddler:
        pool = ConnectionPool(tls_context(simulator.ca_file))
        meddler = Meddler(pool, chance)
        try:
            async with ServiceNowClient(
                simulator.url, "closer", password, transport=meddler, deadline=1.0
            ) as client:
                await OPERATIONS[name](client)
        except ServiceNowError as error:
            str(error).encode()
        except Exception as error:
            raise AssertionError(f"after {meddler.changed}") from error
        finally:
            await pool.aclose()
        return meddler

    done = 0
    for _ in range(ROUNDS):
        simulator.reset()
        done += asyncio.run(operate()).changed != "nothing"
    assert done > 0


def test_a_sys_id_that_no_url_can_hold(connect: Callable[..., ServiceNowClient]) -> None:
    """Is not sent on."""
    row = {"sys_id": "a\0", "number": "INC0000001"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"result": [row]}))

    async def note() -> None:
        async with connect(transport=transport) as client:
            with pytest.raises(InvalidRequestError, match="no URL"):
                await client.add_work_note("incident", "INC0000001", "x")

    asyncio.run(note())
