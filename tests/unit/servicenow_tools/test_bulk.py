"""Bulk writes: few round trips, an outcome for each part, never two, never lost."""

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.servicenow import Fault, Simulator, faults, seed
from servicenow_tools.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ReferenceNotFoundError,
    RequestTimeoutError,
    ServerError,
    ServiceNowError,
    UnexpectedContentError,
    ValidationError,
)
from servicenow_tools.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from servicenow_tools import ServiceNowClient

    Connect = Callable[..., ServiceNowClient]

BATCH = "/api/now/v1/batch"
NO_SUCH_API = faults.error(
    400, "Requested URI does not represent any resource", None, path=BATCH, times=None
)


def rows(count: int) -> list[dict[str, Any]]:
    """Return incidents to make."""
    return [{"short_description": f"part {number}"} for number in range(count)]


def made(simulator: Simulator) -> list[str]:
    """Return the sys_ids of the incidents made."""
    return [r["sys_id"] for r in simulator.records("incident") if "part " in r["short_description"]]


def alone(simulator: Simulator) -> list[str]:
    """Return the paths of the requests that were no part of a batch."""
    return [request.path for request in simulator.requests if not request.is_part]


@pytest.mark.parametrize(
    ("retry_after", "times", "refused", "rounds"),
    [(0, 2, 0, 2), (0, None, 5, 3), (3600, 1, 1, 1)],
    ids=["for a moment", "for good", "longer than the call may take"],
)
def test_parts_that_a_limit_refuses_are_sent_again(  # noqa: PLR0917 - pytest fills them
    simulator: Simulator,
    connect: "Connect",
    retry_after: int,
    times: int | None,
    refused: int,
    rounds: int,
) -> None:
    """Those alone, after what ServiceNow asks to wait; what is refused to the end says so."""
    limit = faults.rate_limited(
        retry_after, method="POST", path="/api/now/table/incident", times=times
    )
    simulator.faults.add(limit)

    async def create() -> list[Record | ServiceNowError]:
        async with connect() as client:
            return await client.bulk.create("incident", rows(5))

    outcomes = asyncio.run(create())
    errors = [outcome for outcome in outcomes if isinstance(outcome, RateLimitedError)]
    assert len(errors) == refused
    assert not any(error.maybe_applied for error in errors)
    assert len(made(simulator)) == 5 - refused
    assert alone(simulator).count(BATCH) == rounds


def test_many_creates_take_few_round_trips(simulator: Simulator, connect: "Connect") -> None:
    """A thousand in twenty, each with its record, in order; names are looked up once."""

    async def create() -> list[Record | ServiceNowError]:
        async with connect(deadline=120.0) as client:
            return await client.bulk.create(
                "incident", [row | {"assignment_group": "Network"} for row in rows(1000)]
            )

    outcomes = asyncio.run(create())
    assert [o["short_description"] for o in outcomes if isinstance(o, Record)] == [
        row["short_description"] for row in rows(1000)
    ]
    assert sorted(o.sys_id for o in outcomes if isinstance(o, Record)) == sorted(made(simulator))
    assert alone(simulator).count(BATCH) == 20
    assert len(alone(simulator)) == 21


def test_each_part_has_its_own_outcome(simulator: Simulator, connect: "Connect") -> None:
    """A wrong one fails alone: here, by ServiceNow, or by a rule of its own."""

    async def create() -> None:
        async with connect() as client:
            outcomes = await client.bulk.create(
                "incident",
                [
                    {"short_description": "part one", "u_bunk": "x"},
                    {"short_description": "part two", "urgency": "odd"},
                    {"short_description": "part three", "assignment_group": "Nobody"},
                    {"short_description": "part four", "state": "resolved"},
                ],
            )
            assert isinstance(outcomes[0], Record)
            assert [ignored.field for ignored in outcomes[0].ignored_fields] == ["u_bunk"]
            assert [type(outcome) for outcome in outcomes[1:3]] == [
                InvalidRequestError,
                ReferenceNotFoundError,
            ]
            assert isinstance(outcomes[3], PermissionDeniedError)
            assert not outcomes[3].maybe_applied

    asyncio.run(create())
    assert len(made(simulator)) == 1


def test_many_updates(simulator: Simulator, connect: "Connect") -> None:
    """By sys_id or number; an unknown one fails alone."""

    async def update() -> None:
        async with connect() as client:
            outcomes = await client.bulk.update(
                "incident",
                [
                    ("INC0000001", {"urgency": "low"}),
                    (seed.sys_id("incident 2"), {"work_notes": "seen"}),
                    ("INC7777777", {"urgency": "low"}),
                    ("a" * 32, {"urgency": "low"}),
                    ("INC0000003", {}),
                ],
            )
            assert isinstance(outcomes[0], Record)
            assert outcomes[0]["urgency"] == "3"
            assert [type(outcome) for outcome in outcomes[1:]] == [
                Record, NotFoundError, NotFoundError, InvalidRequestError,
            ]  # fmt: skip

    asyncio.run(update())
    assert simulator.one("sys_journal_field")["value"] == "seen"


@pytest.mark.parametrize(
    "fault",
    [Fault(reset=True), Fault(half=True), Fault(delay=1), faults.server_error(),
     faults.unavailable(503), faults.unavailable(504), faults.dropped(), faults.login_page(),
     faults.rate_limited(0), Fault(status=200, body={"serviced_requests": 1})],
)  # fmt: skip
@pytest.mark.parametrize("after_commit", [False, True])
@pytest.mark.parametrize("on", ["the batch", "a part"])
@pytest.mark.parametrize("look_up_fails", [False, True])
def test_never_two_never_lost(
    simulator: Simulator, connect: "Connect", fault: Fault, *, after_commit: bool, on: str,
    look_up_fails: bool,
) -> None:  # fmt: skip
    """Whatever fails, each row has one record that is returned, or the truth is reported."""
    again = Fault(**{name: getattr(fault, name) for name in fault.__dataclass_fields__})
    again.after_commit = after_commit
    again.method, again.path = "POST", BATCH if on == "the batch" else "*/table/incident"
    simulator.faults.add(again)
    if look_up_fails:
        simulator.faults.add(faults.unavailable(method="GET", times=None))

    async def create() -> list[Record | ServiceNowError]:
        async with connect(timeout=0.8, deadline=6.0) as client:
            with_id = {"short_description": "part of a list, with a comma", "correlation_id": "a,b"}
            outcomes = await client.bulk.create("incident", [*rows(3), with_id])
            await asyncio.sleep(again.delay)  # what the instance still does counts, too
            return outcomes

    outcomes = asyncio.run(create())
    if after_commit and again.status == 429:  # no instance refuses what it has done
        return
    assert len(outcomes) == 4
    known = [outcome.sys_id for outcome in outcomes if isinstance(outcome, Record)]
    unsure = [o for o in outcomes if isinstance(o, ServiceNowError) and o.maybe_applied]
    assert len(set(known)) == len(known)
    assert set(known) <= set(made(simulator))
    assert len(made(simulator)) <= len(known) + len(unsure)


def test_what_the_instance_did_not_come_to_is_sent_again(
    simulator: Simulator, connect: "Connect"
) -> None:
    """And what it does not come to in three rounds is reported as not done."""
    simulator.instance.batch_limit = 2

    async def create() -> list[Record | ServiceNowError]:
        async with connect() as client:
            return await client.bulk.create("incident", rows(7))

    outcomes = asyncio.run(create())
    assert [type(outcome) for outcome in outcomes] == [Record] * 6 + [RequestTimeoutError]
    assert len(made(simulator)) == 6


def test_without_a_batch_api_parts_go_one_by_one(simulator: Simulator, connect: "Connect") -> None:
    """Eight at a time, and the batch is not tried again."""
    simulator.faults.add(
        Fault(**{n: getattr(NO_SUCH_API, n) for n in NO_SUCH_API.__dataclass_fields__})
    )
    simulator.faults.add(faults.server_error(method="POST", path="*/table/incident"))

    async def create() -> None:
        async with connect() as client:
            assert {type(o) for o in await client.bulk.create("incident", rows(10))} == {Record}
            assert {type(o) for o in await client.bulk.create("incident", rows(2))} == {Record}

    asyncio.run(create())
    assert alone(simulator).count(BATCH) == 1
    assert len(made(simulator)) == 12


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.error(401, "User Not Authenticated", "Required"), AuthenticationError),
        (faults.error(400, "Exception while reading request", "too large"), ValidationError),
    ],
)
def test_a_refused_batch_fails_each_part(
    simulator: Simulator, connect: "Connect", fault: Fault, error: type[ServiceNowError]
) -> None:
    """With the refusal."""
    fault.path, fault.times = BATCH, 1
    simulator.faults.add(fault)

    async def create() -> None:
        async with connect() as client:
            assert {type(o) for o in await client.bulk.create("incident", rows(2))} == {error}

    asyncio.run(create())


def test_chunks_are_neither_too_many_nor_too_large(
    simulator: Simulator, connect: "Connect"
) -> None:
    """Large parts make small chunks; a chunk holds at least one."""

    async def create() -> None:
        async with connect() as client:
            await client.bulk.create("incident", rows(5), chunk=2)
            large = [row | {"description": "x" * 2_500_000} for row in rows(3)]
            await client.bulk.create("incident", large)
            assert await client.bulk.create("incident", []) == []
            with pytest.raises(InvalidRequestError):
                await client.bulk.create("incident", rows(1), chunk=0)

    asyncio.run(create())
    assert alone(simulator).count(BATCH) == 3 + 3


@pytest.mark.parametrize(
    ("item", "error"),
    [
        ({"status_code": 201, "body": "not base64!"}, UnexpectedContentError),
        ({"status_code": 201, "body": ["x"]}, UnexpectedContentError),
        ({"status_code": 201, "body": base64.b64encode(b'{"result": 1}').decode()},
         UnexpectedContentError),
        ({"status_code": "odd", "headers": [{"name": "Content-Length", "value": "9"}, "odd"]},
         ServerError),
    ],
)  # fmt: skip
def test_an_odd_part_is_an_error_of_its_own(
    connect: "Connect", item: dict[str, Any], error: type[ServiceNowError]
) -> None:
    """Never a raw exception, and never taken for done."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"result": []})
        return httpx.Response(200, json={"serviced_requests": [{"id": "0"} | item]})

    async def create() -> None:
        async with connect(transport=httpx.MockTransport(answer)) as client:
            (outcome,) = await client.bulk.create("incident", rows(1))
            assert type(outcome) is error
            assert outcome.maybe_applied

    asyncio.run(create())


def test_a_look_up_never_takes_a_stranger(simulator: Simulator, connect: "Connect") -> None:
    """ServiceNow compares without regard to case; one's own record has one's own letters."""
    simulator.instance.put("incident", correlation_id="CAUSE", short_description="another's")
    simulator.faults.add(Fault(reset=True, after_commit=True, path=BATCH))

    async def create() -> None:
        async with connect() as client:
            row = {"short_description": "part one", "correlation_id": "cause"}
            (outcome,) = await client.bulk.create("incident", [row])
            assert isinstance(outcome, Record)
            assert outcome["short_description"] == "part one"

    asyncio.run(create())


def test_nothing_is_created_where_the_look_up_failed(connect: "Connect") -> None:
    """A look-up that got no answer in time does not count as one that found nothing."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.method == "GET"
        raise httpx.ReadTimeout("slow")

    async def create() -> None:
        async with connect(transport=httpx.MockTransport(answer)) as client:
            row = {"short_description": "part one", "correlation_id": "cause"}
            (outcome,) = await client.bulk.create("incident", [row])
            assert isinstance(outcome, RequestTimeoutError)

    asyncio.run(create())


def test_a_look_up_sees_past_many_of_one_correlation_id(
    simulator: Simulator, connect: "Connect"
) -> None:
    """Records that share a correlation_id do not hide that of another row."""
    for number in range(5):
        simulator.instance.put("incident", correlation_id="often", short_description=f"{number}")
    simulator.instance.put("incident", correlation_id="once", short_description="there")

    async def create() -> list[Record | ServiceNowError]:
        async with connect() as client:
            named = [{"short_description": "x", "correlation_id": key} for key in ("often", "once")]
            return await client.bulk.create("incident", named)

    outcomes = asyncio.run(create())
    assert [o["short_description"] for o in outcomes if isinstance(o, Record)] == ["0", "there"]


def test_a_table_without_correlation_ids_takes_no_row_with_one(connect: "Connect") -> None:
    """It could be created twice: `create` refuses it as well."""

    async def create() -> None:
        async with connect("admin") as client:
            row = {"name": "Night shift", "correlation_id": "night"}
            (outcome,) = await client.bulk.create("sys_user_group", [row])
            assert isinstance(outcome, InvalidRequestError)
            assert outcome.field == "table"

    asyncio.run(create())
