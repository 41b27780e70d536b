"""Every fault at every point of every operation: never two, never lost, always the truth."""

import asyncio
import copy
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from local.servicenow import Fault, Simulator, faults, seed
from servicenow_tools import ServiceNowClient
from servicenow_tools.errors import ServiceNowError

Connect = Callable[..., ServiceNowClient]
Operation = Callable[[ServiceNowClient], Awaitable[Any]]

FAULTS = [
    Fault(reset=True),
    Fault(half=True),
    faults.server_error(),
    faults.unavailable(503),
    faults.unavailable(504),
    faults.rate_limited(0),
    faults.dropped(),
    faults.login_page(),
    faults.cancelled(),
    faults.error(403, "Insufficient rights", None),
]
CHANGE = seed.sys_id("change 1")


async def create_incident(client: ServiceNowClient) -> None:
    """Look a group up, and make an incident."""
    await client.create_incident("matrix", assignment_group="Network")


async def create_change(client: ServiceNowClient) -> None:
    """Make a standard change from its template."""
    await client.create_change_request("matrix", type_="standard", template="Deploy a service")


async def create_task(client: ServiceNowClient) -> None:
    """Add a task to a change."""
    await client.changes.create_task("CHG0000001", "matrix")


async def update_incident(client: ServiceNowClient) -> None:
    """Find an incident by its number, and change it."""
    await client.update_incident("INC0000001", state="on hold", hold_reason="awaiting vendor")


async def add_work_note(client: ServiceNowClient) -> None:
    """Write into a journal, where a repetition would show."""
    await client.add_work_note("incident", "INC0000001", "matrix")


async def close_incident(client: ServiceNowClient) -> None:
    """Resolve and close, in two writes."""
    await client.close_incident("INC0000004", "done", state="closed")


async def move_change(client: ServiceNowClient) -> None:
    """Bring a change from Scheduled to Closed, in three writes."""
    await client.changes.move(CHANGE, "closed", close_code="successful", close_notes="done")


async def attach(client: ServiceNowClient) -> None:
    """Attach a file."""
    await client.attachments.upload("incident", "INC0000001", b"matrix", "matrix.txt")


async def update_in_a_batch(client: ServiceNowClient) -> None:
    """Change an incident in a batch, and raise what its part ended with."""
    (outcome,) = await client.bulk.update("incident", [("INC0000001", {"urgency": "low"})])
    if isinstance(outcome, ServiceNowError):
        raise outcome


def prepare(simulator: Simulator) -> None:
    """Bring the demo data back, with a change that is scheduled."""
    simulator.reset()
    change = simulator.instance.find("change_request", CHANGE)
    assert change is not None
    change["state"] = "-2"


def state_of(simulator: Simulator) -> dict[str, Any]:
    """Return what operations may have changed, without the marks of time and chance."""
    passing = re.compile(r"sys_(created|updated|mod)_.*|.*_at|correlation_id")
    tables = ("incident", "change_request", "change_task", "sys_journal_field", "sys_attachment")
    return {
        table: [
            {
                name: "a sys_id" if re.fullmatch("[0-9a-f]{32}", value) else value
                for name, value in row.items()
                if not passing.fullmatch(name)
            }
            for row in simulator.records(table)
        ]
        for table in tables
    }


def run(operation: Operation, connect: Connect) -> ServiceNowError | None:
    """Run an operation as a user who may close, and return how it failed."""

    async def operate() -> ServiceNowError | None:
        async with connect("closer", deadline=5.0) as client:
            try:
                await operation(client)
            except ServiceNowError as error:
                return error
            return None

    return asyncio.run(operate())


@pytest.mark.parametrize(
    "operation",
    [create_incident, create_change, create_task, update_incident, add_work_note, close_incident,
     move_change, attach, update_in_a_batch],
)  # fmt: skip
@pytest.mark.parametrize("after_commit", [False, True])
def test_every_fault_at_every_point(
    simulator: Simulator, connect: Connect, operation: Operation, *, after_commit: bool
) -> None:
    """What a call without faults leaves, what was before, or an error that says "not known"."""
    prepare(simulator)
    before = state_of(simulator)
    assert run(operation, connect) is None
    done = state_of(simulator)
    points = sum(not request.is_part for request in simulator.requests)
    assert done != before
    assert points >= 1
    for point in range(points):
        for fault in FAULTS:
            if after_commit and fault.status in {429, 403}:
                continue  # no instance refuses what it has done
            prepare(simulator)
            struck = copy.deepcopy(fault)
            struck.after, struck.after_commit = point, after_commit
            simulator.faults.add(struck)
            error = run(operation, connect)
            left = state_of(simulator)
            what = f"{fault} at request {point + 1}: {error!r}"
            for table, rows in left.items():
                assert len(rows) <= len(done[table]), f"twice: {what}"
            if error is None:
                assert left == done, f"lost: {what}"
            elif not error.maybe_applied:
                assert left == before, f"untold: {what}"
