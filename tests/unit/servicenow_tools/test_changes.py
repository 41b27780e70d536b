"""Change requests in full: made, moved, checked, scheduled, closed."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.servicenow import Simulator, faults, seed
from servicenow_tools.errors import (
    InvalidRequestError,
    NotFoundError,
    RequestTimeoutError,
    ServerError,
    ServiceNowError,
    StateError,
    ValidationError,
)
from servicenow_tools.records import NextState, Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servicenow_tools import ServiceNowClient

    Connect = Callable[..., ServiceNowClient]

CHANGE = "/api/sn_chg_rest/change"


@pytest.fixture(params=["with the API", "without it"])
def api(request: pytest.FixtureRequest, simulator: Simulator) -> str:
    """The Change Management API, there or missing."""
    if request.param == "without it":
        text = "Requested URI does not represent any resource"
        simulator.faults.add(faults.error(400, text, None, path=f"{CHANGE}*", times=None))
    return str(request.param)


@pytest.mark.parametrize("kind", ["normal", "Emergency"])
def test_a_change_is_raised(simulator: Simulator, connect: "Connect", api: str, kind: str) -> None:
    """Through its API, or the table where that is missing; once, with what was dropped."""

    async def create() -> None:
        async with connect() as client:
            for number in range(2):
                record = await client.create_change_request(
                    f"deploy {number}", type_=kind, risk="high", assignment_group="Network",
                    u_bunk="x", start_date=datetime(2024, 1, 10, tzinfo=UTC),
                )  # fmt: skip
                assert (record["type"], record["risk"]) == (kind.lower(), "2")
                assert [ignored.field for ignored in record.ignored_fields] == ["u_bunk"]

    asyncio.run(create())
    asked = [r.path for r in simulator.requests if r.method == "POST" and CHANGE in r.path]
    assert len(asked) == (2 if api == "with the API" else 1)


def test_another_refusal_is_no_missing_api(simulator: Simulator, connect: "Connect") -> None:
    """It is reported, and the table is not tried."""
    simulator.faults.add(faults.error(400, "Invalid field", "", path=f"{CHANGE}*", method="POST"))

    async def create() -> None:
        async with connect() as client:
            with pytest.raises(ValidationError, match="Invalid field"):
                await client.create_change_request("x")

    asyncio.run(create())
    assert simulator.requests[-1].status == 400


@pytest.mark.parametrize("template", ["Deploy a service", seed.sys_id("template")])
def test_a_standard_change_comes_from_its_template(
    simulator: Simulator, connect: "Connect", template: str
) -> None:
    """By name or sys_id, with the template's own values."""

    async def create() -> None:
        async with connect() as client:
            assert "Deploy a service" in [t["name"] for t in await client.changes.templates()]
            record = await client.create_change_request(
                "Deploy 2.0", type_="standard", template=template
            )
            assert (record["type"], record["category"]) == ("standard", "DevOps")
            with pytest.raises(InvalidRequestError, match="template"):
                await client.create_change_request("x", type_="standard")
            with pytest.raises(InvalidRequestError):
                await client.create_change_request("x", template=template)
            with pytest.raises(InvalidRequestError):
                await client.create_change_request("x", type_="standard", template="Unknown")

    asyncio.run(create())
    assert simulator.one("change_request", type="standard")["short_description"] == "Deploy 2.0"


def test_tasks(simulator: Simulator, connect: "Connect", api: str) -> None:
    """They are made once each, and listed by number."""

    async def plan() -> None:
        async with connect() as client:
            for text in ("Drain", "Deploy"):
                task = await client.changes.create_task(
                    "CHG0000001", text, change_task_type="implementation"
                )
                assert task.ignored_fields == []
                assert task["change_request"] == seed.sys_id("change 1")
            found = await client.changes.tasks("CHG0000001")
            assert [task["short_description"] for task in found] == ["Drain", "Deploy"]
            assert found[0].table == "change_task"

    asyncio.run(plan())
    assert len(simulator.records("change_task")) == 2


def test_a_wrong_task_is_refused(simulator: Simulator, connect: "Connect") -> None:
    """By the API, in its own words."""
    simulator.faults.add(faults.error(400, "Invalid field", "", path=f"{CHANGE}/*", method="POST"))

    async def plan() -> None:
        async with connect() as client:
            with pytest.raises(ValidationError, match="Invalid field"):
                await client.changes.create_task("CHG0000001", "x")

    asyncio.run(plan())


def test_next_states(connect: "Connect", api: str) -> None:
    """By the instance's own model, or by the one out of the box."""

    async def read() -> list[NextState]:
        async with connect() as client:
            return await client.changes.next_states("CHG0000001")

    states = asyncio.run(read())
    assert [(state.value, state.is_available) for state in states] == [("-4", True), ("4", True)]


def test_conditions_of_the_way_are_reported(connect: "Connect") -> None:
    """A state is free if one way leads there; what is missing has a name."""
    record = {"sys_id": "a" * 32, "number": "CHG0000001", "state": "-1", "type": "normal"}
    nothing_open = {"passed": False, "condition": {"name": "No active Change Tasks"}}
    on_hold = {"passed": True, "condition": {"name": "Not On hold"}}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("nextstates"):
            transitions = [
                [{"to_state": "0", "transition_available": False,
                  "conditions": [nothing_open, on_hold]}],
                [{"to_state": "4", "transition_available": True, "conditions": []}],
            ]  # fmt: skip
            result: Any = {
                "available_states": ["-1", "0", "4", -5.0],
                "state_transitions": transitions,
                "state_label": {"0": "Review", "4": "Canceled"},
            }
            return httpx.Response(200, json={"result": result})
        return httpx.Response(200, json={"result": record})

    async def read() -> None:
        async with connect(transport=httpx.MockTransport(answer)) as client:
            states = await client.changes.next_states("a" * 32)
            assert states == [
                NextState("0", "Review", is_available=False, missing=["No active Change Tasks"]),
                NextState("4", "Canceled", is_available=True, missing=[]),
                NextState("-5", "New (-5)", is_available=True, missing=[]),
            ]
            with pytest.raises(StateError, match="not met: No active Change Tasks"):
                await client.changes.move("a" * 32, "closed")

    asyncio.run(read())


def test_a_change_is_moved_through_its_states(
    simulator: Simulator, connect: "Connect", api: str
) -> None:
    """To the goal, in the steps of its model; it waits for approvals and says so."""
    change = simulator.instance.put(
        "change_request",
        number="CHG0000005",
        type="emergency",
        state="-5",
        assignment_group=seed.sys_id("Network"),
    )

    async def move() -> None:
        async with connect() as client, connect("change.manager") as manager:
            with pytest.raises(StateError) as waiting:
                await client.changes.move("CHG0000005", "implement")
            assert waiting.value.maybe_applied
            assert simulator.one("change_request", number="CHG0000005")["state"] == "-3"
            if api == "with the API":
                assert "it waits for approval" in str(waiting.value)
            (approval,) = await client.changes.approvals("CHG0000005")
            assert (approval["state"], approval["approver.name"]) == ("requested", "Chris Manager")
            approvals = manager.table("sysapproval_approver")
            await approvals.update(approval.sys_id, state="approved")
            moved = await client.changes.move(change["sys_id"], "implement")
            assert moved["state"] == "-1"
            again = await client.changes.move("CHG0000005", -1)
            assert again["state"] == "-1"
            closed = await client.changes.move(
                "CHG0000005", "closed", close_code="successful", close_notes="done"
            )
            assert (closed["state"], closed["close_code"]) == ("3", "successful")

    asyncio.run(move())


def test_a_change_is_canceled_with_a_reason(
    simulator: Simulator, connect: "Connect", api: str
) -> None:
    """Not from Review on."""
    simulator.instance.put("change_request", number="CHG0000006", type="normal", state="0")

    async def cancel() -> None:
        async with connect() as client:
            assert (await client.changes.cancel("CHG0000001", "not needed"))["state"] == "4"
            with pytest.raises(StateError, match="no way there"):
                await client.changes.cancel("CHG0000006", "too late")
            with pytest.raises(StateError):
                await client.changes.move("CHG0000006", "assess")

    asyncio.run(cancel())
    assert simulator.one("sys_journal_field")["value"] == "not needed"


def test_a_change_is_closed_from_where_the_api_is_missing(
    simulator: Simulator, connect: "Connect", api: str
) -> None:
    """Through Review, as out of the box."""
    simulator.instance.put("change_request", number="CHG0000007", type="normal", state="-1")

    async def close() -> None:
        async with connect() as client:
            closed = await client.close_change_request("CHG0000007", "unsuccessful", "rolled back")
            assert (closed["state"], closed["close_code"]) == ("3", "unsuccessful")

    asyncio.run(close())


@pytest.mark.parametrize("reached", ["-1", "-3", "3"])
def test_an_instance_that_keeps_a_change_where_it_is(connect: "Connect", reached: str) -> None:
    """Ends the move with the truth; one that goes further by itself has gone on."""
    states = {"now": "-5"}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("nextstates"):
            result: Any = {"available_states": ["-4", "-2"]}
            return httpx.Response(200, json={"result": result})
        if request.method == "PATCH":
            states["now"] = {"-1": "-1", "-3": "-3", "3": "3"}[reached]
        record = {"sys_id": "a" * 32, "number": "CHG0000001", "state": states["now"]}
        return httpx.Response(200, json={"result": record})

    async def move() -> None:
        async with connect(transport=httpx.MockTransport(answer)) as client:
            if reached == "3":
                assert (await client.changes.move("a" * 32, "closed"))["state"] == "3"
                return
            with pytest.raises(StateError) as stuck:
                await client.changes.move("a" * 32, "closed")
            assert stuck.value.maybe_applied

    asyncio.run(move())


def test_a_failure_on_the_way_tells_of_what_was_done(
    simulator: Simulator, connect: "Connect"
) -> None:
    """The first step is done, the second refused."""
    simulator.instance.put("change_request", number="CHG0000008", type="normal", state="-1")

    async def move() -> None:
        async with connect() as client:
            with pytest.raises(ServiceNowError) as failed:
                await client.changes.move("CHG0000008", "closed")  # without its codes
            assert failed.value.maybe_applied

    asyncio.run(move())
    assert simulator.one("change_request", number="CHG0000008")["state"] == "0"


def planned(simulator: Simulator, number: str, start: str, end: str) -> None:
    """Put a change of the Checkout service with planned dates in."""
    simulator.instance.put(
        "change_request", number=number, type="normal", state="-5",
        cmdb_ci=seed.sys_id("Checkout"), start_date=start, end_date=end,
    )  # fmt: skip


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for workers without waiting."""
    monkeypatch.setattr("servicenow_tools.changes._POLL_SECONDS", 0.0)


@pytest.mark.usefixtures("at_once")
def test_conflicts(simulator: Simulator, connect: "Connect") -> None:
    """Found by the instance itself; its status says Conflict even where there is none."""
    planned(simulator, "CHG0000010", "2024-01-10 10:00:00", "2024-01-10 12:00:00")
    planned(simulator, "CHG0000011", "2024-01-10 11:00:00", "2024-01-10 13:00:00")
    planned(simulator, "CHG0000012", "2024-01-11 11:00:00", "2024-01-11 13:00:00")

    async def check() -> None:
        async with connect() as client:
            found = await client.changes.check_conflicts("CHG0000010")
            assert [row["type"] for row in found.found] == ["ci_already_scheduled"]
            assert found.last_run
            assert (await client.changes.check_conflicts("CHG0000012")).found == []
            with pytest.raises(ValidationError, match="missing CI"):
                await client.changes.check_conflicts("CHG0000001")

    asyncio.run(check())


@pytest.mark.usefixtures("at_once")
def test_free_slots(simulator: Simulator, connect: "Connect") -> None:
    """As long as the change is planned to take, beside what is planned already."""
    planned(simulator, "CHG0000010", "2024-01-10 10:00:00", "2024-01-10 12:00:00")
    planned(simulator, "CHG0000011", "2024-01-10 11:00:00", "2024-01-10 13:00:00")

    async def look() -> None:
        async with connect() as client:
            slots = await client.changes.free_slots("CHG0000010")
            assert slots[0] == Slot(
                datetime(2024, 1, 10, 14, tzinfo=UTC), datetime(2024, 1, 10, 16, tzinfo=UTC)
            )
            assert len(slots) == 3
            with pytest.raises(NotFoundError):
                await client.changes.free_slots("CHG7777777")
            planned(simulator, "CHG0000013", "2023-01-01 00:00:00", "2025-01-01 00:00:00")
            assert await client.changes.free_slots("CHG0000010") == []

    asyncio.run(look())


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("state", "error"), [({"value": 4}, ServerError), ({"value": 2}, RequestTimeoutError)]
)
def test_a_worker_that_fails_or_never_ends(
    connect: "Connect", state: dict[str, int], error: type[ServiceNowError]
) -> None:
    """Its own words, or the end of the time."""

    def answers() -> "Iterator[dict[str, Any]]":
        yield {"result": {"worker": {"sysId": "w"}}}
        while True:
            yield {"result": {"state": state, "messages": {"errorMessages": ["No schedule"]}}}

    answer = answers()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=next(answer)))

    async def look() -> None:
        async with connect(transport=transport, deadline=0.2) as client:
            with pytest.raises(error) as failed:
                await client.changes.free_slots("a" * 32)
            assert isinstance(failed.value, RequestTimeoutError) or "No schedule" in str(
                failed.value
            )

    asyncio.run(look())
