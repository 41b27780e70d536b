"""Whatever an instance answers is a result or one of the client's own errors.

The simulator's true answers to every operation, with one part of one of them exchanged for
something that no instance should send.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from local.servicenow import Simulator, seed
from servicenow_tools import ServiceNowClient, Transport, tls_context
from servicenow_tools.errors import InvalidRequestError, ServiceNowError
from tests.corrupting import CorruptingTransport

ROUNDS = int(os.environ.get("ROUNDS", "20"))


async def every_row(client: ServiceNowClient) -> None:
    """Iterate over a table."""
    async for _ in client.table("incident").iterate(page_size=5):
        pass


OPERATIONS: dict[str, Callable[[ServiceNowClient], Awaitable[Any]]] = {
    "create": lambda c: c.create_incident("x", assignment_group="Network", category="software"),
    "get": lambda c: c.get_incident("INC0000001"),
    "search": lambda c: c.search_incidents(limit=2),
    "iterate": every_row,
    "count": lambda c: c.table("incident").count(),
    "choices": lambda c: c.table("incident").choices("state"),
    "columns": lambda c: c.table("incident").columns(),
    "mandatory fields": lambda c: c.table("incident").mandatory_fields(),
    "preview": lambda c: c.table("incident").preview({"assignment_group": "Network"}),
    "test": lambda c: c.test_connection(),
    "notes": lambda c: c.table("incident").notes("INC0000001"),
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


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_odd_answer_breaks_nothing(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is a result all the same, or an error that says so."""
    monkeypatch.setattr("servicenow_tools.retries._FIRST_PAUSE", 0.0)
    monkeypatch.setattr("servicenow_tools.changes._POLL_SECONDS", 0.0)
    chance = random.Random(name)  # noqa: S311 - no secret
    password = seed.USERS["closer"][0]

    async def operate() -> CorruptingTransport:
        transport = CorruptingTransport(Transport(tls_context(simulator.ca_file)), chance)
        try:
            async with ServiceNowClient(
                simulator.url, "closer", password, transport=transport, deadline=1.0
            ) as client:
                await OPERATIONS[name](client)
        except ServiceNowError as error:
            str(error).encode()
        except Exception as error:
            raise AssertionError(f"after {transport.changed}") from error
        return transport

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
