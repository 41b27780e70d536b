"""The client against the simulated instance."""

import asyncio
import logging
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from local.servicenow import Fault, Simulator, faults, seed
from local.servicenow.access import Application
from servicenow_tools import Choice, Query, ServiceNowClient, Transport, field, tls_context
from servicenow_tools.auth import ApiKey, BasicAuth, ClientCredentials
from servicenow_tools.errors import (
    AmbiguousReferenceError,
    AuthenticationError,
    BusinessRuleError,
    ConnectionFailedError,
    ConnectionLostError,
    DataPolicyError,
    HibernatingError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ReferenceNotFoundError,
    RequestTimeoutError,
    ServiceNowError,
    StateError,
    TransactionCancelledError,
    UnavailableError,
    UnexpectedContentError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[..., ServiceNowClient]


def test_the_documented_calls(simulator: Simulator, connect: "Connect") -> None:
    """The calls of the guide run as written, and return what they print."""

    async def guide() -> None:
        client = connect()
        incident = await client.create_incident(
            short_description="Database connection timeout",
            description="Application unable to connect to the database",
            urgency="1",
            impact="2",
            category="database",
            subcategory="oracle",
            assignment_group="Database",
        )
        assert incident["number"] == "INC0010001"
        change = await client.create_change_request(
            short_description="Deploy version 2.0",
            description="Rolling deployment",
            type_="normal",
            risk="3",
            impact="2",
            assignment_group="IT Support",
        )
        assert change["number"] == "CHG0030001"
        updated = await client.update_incident(
            sys_id=incident["sys_id"], state="2", assigned_to="beth.anglin"
        )
        assert updated["state"] == "2"
        await client.add_work_note(
            table="incident", sys_id=incident["sys_id"], work_note="Restarted the listener"
        )
        found = await client.search_incidents(state="2", assignment_group="Database", limit=10)
        assert [record["number"] for record in found] == ["INC0010001"]
        closed = await client.close_incident(
            sys_id=incident["sys_id"],
            close_notes="Listener restarted",
            close_code="Solution provided",
        )
        assert closed["state"] == "6"
        assert (await client.test_connection()).success
        await client.aclose()

    asyncio.run(guide())
    assert simulator.one("sys_journal_field")["value"] == "Restarted the listener"


def test_one_client_serves_several_event_loops(connect: "Connect") -> None:
    """A client made once works under each asyncio.run, and closes its connections."""
    client = connect()

    async def read() -> str:
        async with client:
            return (await client.get_incident("INC0000001")).number

    assert {asyncio.run(read()) for _ in range(3)} == {"INC0000001"}


def test_connections_are_kept_and_cookies_are_not(simulator: Simulator, connect: "Connect") -> None:
    """Ten calls use one connection, and none sends the session back."""
    seen: list[httpx.Request] = []

    class Spy(Transport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return await super().handle_async_request(request)

    async def read() -> int:
        transport = Spy(tls_context(simulator.ca_file))
        async with connect(transport=transport) as client:
            for _ in range(10):
                await client.get_incident("INC0000001")
            return transport.idle_connections

    assert asyncio.run(read()) == 1
    assert len(seen) == 10
    assert not any("cookie" in request.headers for request in seen)


@pytest.mark.parametrize(
    "url",
    ["http://x.service-now.com", "x.service-now.com", "https://", "https://u:p@x.com",
     "https://x.com/path", "https://x.com?q", "https://x.com#f", "https://[", "https://x\n", ""],
)  # fmt: skip
def test_only_https_urls_of_a_host(url: str) -> None:
    """A URL that would send a password in the clear, or elsewhere, is refused."""
    with pytest.raises(InvalidRequestError) as refused:
        ServiceNowClient(url, "user", "password")
    assert refused.value.field == "instance_url"


def test_a_client_needs_a_way_to_sign_in() -> None:
    """Without a password or another way there is no client."""
    with pytest.raises(InvalidRequestError):
        ServiceNowClient("https://x.service-now.com", "user")


def test_secrets_are_in_no_text(
    simulator: Simulator, connect: "Connect", caplog: pytest.LogCaptureFixture
) -> None:
    """No repr, log line or error holds the password or a body."""
    caplog.set_level(logging.DEBUG, "servicenow_tools")
    password = seed.USERS[seed.INTEGRATION_USER][0]
    simulator.faults.add(faults.server_error(method="POST", times=None))

    async def fail() -> str:
        async with connect() as client:
            with pytest.raises(ServiceNowError) as failed:
                await client.create_incident("a body nobody should log")
            return f"{client!r} {failed.value!r}"

    text = asyncio.run(fail()) + caplog.text
    assert "ServerError in" in text
    assert password not in text
    assert "a body nobody should log" not in text


# ---- references, words, ignored fields


def test_names_become_sys_ids_once(simulator: Simulator, connect: "Connect") -> None:
    """A group's or a person's name is looked up, and remembered."""

    async def create() -> None:
        async with connect() as client:
            for _ in range(2):
                record = await client.create_incident(
                    "x", assignment_group="Network", caller_id="Fred Luddy"
                )
                assert record["assignment_group"] == seed.sys_id("Network")
                assert record.ignored_fields == []

    asyncio.run(create())
    looked_up = [request.path for request in simulator.requests if request.path.count("/sys_user")]
    assert len(looked_up) == 4  # a group by name; a user by user name, e-mail and name


def test_a_name_must_mean_one_record(simulator: Simulator, connect: "Connect") -> None:
    """An unknown and an ambiguous name are reported with their field; nothing is written."""
    simulator.instance.put("sys_user_group", name="Twins")
    simulator.instance.put("sys_user_group", name="Twins")

    async def create() -> None:
        async with connect() as client:
            with pytest.raises(AmbiguousReferenceError) as refused:
                await client.create_incident("x", assignment_group="Twins")
            assert refused.value.field == "assignment_group"
            with pytest.raises(ReferenceNotFoundError) as refused_too:
                await client.create_incident("x", assigned_to="Nobody Known")
            assert refused_too.value.field == "assigned_to"

    asyncio.run(create())
    assert "POST" not in {request.method for request in simulator.requests}


@pytest.mark.parametrize(
    "fields",
    [{"urgency": "urgent"}, {"state": "odd"}, {"sys_created_by": "x"}, {"u^x": "1"}, {"U": 1}],
)
def test_a_wrong_column_or_word_is_refused(
    simulator: Simulator, connect: "Connect", fields: dict[str, str]
) -> None:
    """What ServiceNow would silently drop or misread is not sent."""

    async def create() -> None:
        async with connect() as client:
            with pytest.raises(InvalidRequestError) as refused:
                await client.create_incident("x", **fields)
            assert refused.value.field in fields

    asyncio.run(create())
    assert "POST" not in {request.method for request in simulator.requests}


def test_values_of_every_type(simulator: Simulator, connect: "Connect") -> None:
    """Booleans and moments are written in ServiceNow's form; None is not set, "" clears."""

    async def change() -> None:
        async with connect() as client:
            record = await client.create_change_request(
                "x", start_date=datetime(2024, 1, 10, 10, tzinfo=UTC), cab_required=True,
                description=None,
            )  # fmt: skip
            assert record["start_date"] == "2024-01-10 10:00:00"
            assert record["cab_required"] == "true"
            cleared = await client.update_change_request(record.sys_id, start_date="")
            assert cleared["start_date"] == ""
            with pytest.raises(InvalidRequestError):
                await client.update_change_request(record.sys_id, description=None)

    asyncio.run(change())


# ---- reading


def test_pages_neither_lose_nor_repeat(simulator: Simulator, connect: "Connect") -> None:
    """While records are added and leave the filter, each that stays is seen once."""
    staying = []
    for number in range(30):
        row = simulator.instance.put(
            "incident", short_description=f"stays {number}", category="network"
        )
        staying.append(row["sys_id"])
        simulator.instance.skip(1 if number % 3 else 0)

    async def read() -> list[str]:
        seen = []
        async with connect() as client:
            query = field("category").eq("network")
            async for record in client.table("incident").iterate(query, page_size=4):
                seen.append(record.sys_id)
                simulator.instance.skip(1)
                simulator.instance.put("incident", short_description="new", category="network")
        return seen

    seen = asyncio.run(read())
    assert len(seen) == len(set(seen))
    assert set(staying) <= set(seen)


def test_hidden_rows_make_no_early_end(connect: "Connect") -> None:
    """A page that access control has emptied is followed by the next."""

    def answer(request: httpx.Request) -> httpx.Response:
        offset = int(request.url.params["sysparm_offset"])
        link = {"Link": '<https://x>;rel="next"'} if offset < 4 else {}
        rows = [{"sys_id": "a" * 32, "sys_created_on": "2024-01-10 10:00:00"}] if offset else []
        return httpx.Response(200, json={"result": rows}, headers=link)

    async def read() -> None:
        async with connect(transport=httpx.MockTransport(answer)) as client:
            page = await client.table("incident").page(limit=2)
            assert (len(page.records), page.total) == (1, None)
            assert page.next is not None
            ordered = await client.table("incident").page(Query().order_by("number"), limit=2)
            assert len(ordered.records) == 1

    asyncio.run(read())


def test_fields_and_display_values(connect: "Connect") -> None:
    """A caller gets the columns asked for, as stored or as shown."""

    async def read() -> None:
        async with connect() as client:
            record = await client.table("incident").get(
                "INC0000001", fields=["number", "state"], display_value=True
            )
            assert record == {"number": "INC0000001", "state": "In Progress"}
            page = await client.table("incident").page(fields=["number"], limit=1)
            assert set(page.records[0]) == {"number", "sys_id", "sys_created_on"}
            with pytest.raises(InvalidRequestError):
                await client.table("incident").page(limit=0)

    asyncio.run(read())


@pytest.mark.parametrize("id_", ["", " ", "INC", "../sys_user", "a^b", "F" * 31, "INC0000001\n"])
def test_an_odd_id_never_reads_all(simulator: Simulator, connect: "Connect", id_: str) -> None:
    """An id that is none is refused before a request is made of it."""

    async def read() -> None:
        async with connect() as client:
            with pytest.raises(InvalidRequestError):
                await client.get_incident(id_)
            with pytest.raises(InvalidRequestError):
                await client.table(id_ or "Bad").get("INC0000001")

    asyncio.run(read())
    assert simulator.requests == []


def test_choices_are_kept(simulator: Simulator, connect: "Connect") -> None:
    """The instance's own choices, in its order, are read once."""

    async def read() -> list[Choice]:
        async with connect() as client:
            await client.table("incident").choices("hold_reason")
            return await client.table("incident").choices("hold_reason")

    assert asyncio.run(read())[0] == Choice("1", "Awaiting Caller")
    paths = [request.path.rpartition("/")[2] for request in simulator.requests]
    assert paths == ["sys_choice", "sys_user"]  # the labels, and in which language


def test_a_work_note_is_found_again(simulator: Simulator, connect: "Connect") -> None:
    """By its text and no older than asked, by sys_id or number."""

    async def find() -> None:
        async with connect() as client:
            before = datetime.now(UTC)
            await client.add_work_note("incident", "INC0000001", "the note")
            assert await client.table("incident").find_work_note("INC0000001", "the note", before)
            assert not await client.table("incident").find_work_note(
                "INC0000001", "the not", before
            )
            later = before + timedelta(hours=1)
            assert not await client.table("incident").find_work_note(
                "INC0000001", "the note", later
            )

    asyncio.run(find())


def test_searches_take_further_conditions(connect: "Connect") -> None:
    """Beside their filters."""

    async def search() -> None:
        async with connect() as client:
            query = field("priority").eq(1)
            found = await client.search_incidents(assignment_group="Network", query=query)
            assert {record.number for record in found} == {"INC0000002", "INC0000003"}
            query = field("risk").eq(3)
            changes = await client.search_change_requests(state="new", query=query)
            assert [record.number for record in changes] == ["CHG0000001"]
            made = await client.table("problem").create({"short_description": "x"})
            assert made.number.startswith("PRB")

    asyncio.run(search())


# ---- closing


def test_closing_with_the_codes_of_an_older_release(
    simulator: Simulator, connect: "Connect"
) -> None:
    """Without a code the one this instance has is used, whatever its release."""
    for row in simulator.records("sys_choice"):
        if row["element"] == "close_code" and row["name"] == "incident":
            simulator.instance.delete("sys_choice", row["sys_id"])
    simulator.instance.put(
        "sys_choice", name="incident", element="close_code", value="Solved (Permanently)",
        label="Solved (Permanently)", inactive="false", language="en",
    )  # fmt: skip

    async def close() -> None:
        async with connect("closer") as client:
            record = await client.close_incident("INC0000004", "done", state="closed")
            assert (record["state"], record["close_code"]) == ("7", "Solved (Permanently)")
            with pytest.raises(BusinessRuleError):
                await client.update_incident(record.sys_id, state="in progress")

    asyncio.run(close())


def test_closing_with_a_codes_label(simulator: Simulator, connect: "Connect") -> None:
    """A code that is known by its label alone goes out as the instance's own value."""
    simulator.instance.put(
        "sys_choice", name="incident", element="close_code", value="healed",
        label="Healed by itself", inactive="false", language="en",
    )  # fmt: skip

    async def close() -> None:
        async with connect("closer") as client:
            assert repr(client.table("u_x")) == "Table('u_x')"
            record = await client.close_incident("INC0000004", "done", "Healed by itself")
            assert record["close_code"] == "healed"

    asyncio.run(close())


def test_resolving_without_notes_is_the_instances_to_refuse(connect: "Connect") -> None:
    """The data policy's own words reach the caller."""

    async def close() -> None:
        async with connect() as client:
            with pytest.raises(DataPolicyError, match="Resolution code, Close notes"):
                await client.update_incident("INC0000004", state="resolved")

    asyncio.run(close())


def test_a_change_is_closed_from_implement_only(simulator: Simulator, connect: "Connect") -> None:
    """From Review, too, but from no earlier state."""
    simulator.instance.put("change_request", number="CHG0000009", type="normal", state="0")

    async def close() -> None:
        async with connect() as client:
            with pytest.raises(StateError, match=r"New \(-5\)"):
                await client.close_change_request("CHG0000001", close_notes="x")
            closed = await client.close_change_request("CHG0000009", close_notes="done")
            assert (closed["state"], closed["close_code"]) == ("3", "successful")
            with pytest.raises(StateError):
                await client.close_change_request("CHG0000009", close_notes="done")

    asyncio.run(close())


# ---- the connection test


@pytest.mark.parametrize(
    ("username", "fault", "statuses"),
    [
        ("admin", None, ["passed"] * 5),
        (seed.INTEGRATION_USER, None, ["passed"] * 5),
        ("reader", None, ["passed", "passed", "passed", "unknown", "unknown"]),
        ("nobody", None, ["passed", "passed", "unknown", "unknown", "unknown"]),
        ("admin", faults.hibernating(times=None), ["failed"] + ["skipped"] * 4),
        ("admin", faults.login_page(times=None), ["failed"] + ["skipped"] * 4),
        ("admin", Fault(reset=True, times=None), ["failed"] + ["skipped"] * 4),
        (
            "admin",
            faults.error(401, "User Not Authenticated", "Required", times=None),
            ["passed", "failed"] + ["skipped"] * 3,
        ),
        (
            "admin",
            faults.error(403, "Insufficient rights", None, path="*/incident", times=None),
            ["passed", "passed", "failed", "passed", "passed"],
        ),
        (
            "admin",
            faults.error(403, "Insufficient rights", None, path="*/sys_user_has_role", times=None),
            ["passed", "passed", "passed", "unknown", "unknown"],
        ),
        (
            "admin",
            Fault(status=200, body={"result": [{"user_name": "somebody"}]}, path="*/sys_user"),
            ["passed", "failed"] + ["skipped"] * 3,
        ),
    ],
)
def test_a_connection_is_tested_stage_by_stage(
    simulator: Simulator,
    connect: "Connect",
    username: str,
    fault: Fault | None,
    statuses: list[str],
) -> None:
    """Each stage says what it found; what cannot be known without writing is not claimed."""
    if fault is not None:
        simulator.faults.add(fault)

    async def check() -> None:
        async with connect(username) as client:
            report = await client.test_connection()
            assert [check.status for check in report.checks] == statuses
            assert report.success == ("failed" not in statuses)
            assert all(check.message for check in report.checks)

    asyncio.run(check())


def test_a_user_name_that_cannot_be_asked_for(simulator: Simulator) -> None:
    """Is reported by its field, before anything is tried."""

    async def check() -> None:
        async with ServiceNowClient(simulator.url, "a^b", "p", ca_file=simulator.ca_file) as client:
            report = await client.test_connection()
            assert [check.status for check in report.checks[:2]] == ["unknown", "failed"]
            assert "user_name: must not contain ^" in report.message

    asyncio.run(check())
    assert simulator.requests == []


def test_a_missing_role_is_named(simulator: Simulator, connect: "Connect") -> None:
    """Who can read roles but not write learns which role is missing."""
    simulator.instance.add_user(
        "auditor", "secret", "user_admin", "sn_incident_read", "sn_change_read"
    )

    async def check() -> None:
        async with connect(auth=BasicAuth("auditor", "secret")) as client:
            report = await client.test_connection()
            missing = [check for check in report.checks if check.status == "failed"]
            assert ["sn_incident_write" in missing[0].message, len(missing)] == [True, 2]

    asyncio.run(check())


# ---- faults

READ_FAULTS: list[tuple[Fault, type[ServiceNowError]]] = [
    (Fault(reset=True), ConnectionLostError),
    (Fault(half=True), ConnectionLostError),
    (Fault(delay=2), RequestTimeoutError),
    (faults.unavailable(502), UnavailableError),
    (faults.unavailable(503), UnavailableError),
    (faults.unavailable(504), UnavailableError),
    (faults.rate_limited(0), RateLimitedError),
    (faults.dropped(), UnavailableError),
]
LASTING: list[tuple[Fault, type[ServiceNowError]]] = [
    (faults.server_error(), ServiceNowError),
    (faults.hibernating(), HibernatingError),
    (faults.login_page(), UnexpectedContentError),
    (faults.cancelled(), TransactionCancelledError),
    (Fault(status=302, body="", headers={"Location": "https://x.y"}), UnexpectedContentError),
    (Fault(status=200, body="\x00\xff"), UnexpectedContentError),
    (Fault(status=200, body={"result": "x"}), ServiceNowError),
    (faults.error(401, "User Not Authenticated", "Required"), AuthenticationError),
    (faults.error(403, "Insufficient rights", None), PermissionDeniedError),
    (faults.error(404, "No Record found", "gone"), NotFoundError),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "error"), READ_FAULTS)
@pytest.mark.parametrize("lasting", [False, True])
def test_a_read_outlasts_a_passing_fault(
    simulator: Simulator, connect: "Connect", fault: Fault, error: type[Exception], *, lasting: bool
) -> None:
    """A read is repeated; where the trouble stays, it ends with the error that says so."""
    again = Fault(**{name: getattr(fault, name) for name in fault.__dataclass_fields__})
    again.times = None if lasting else 1
    simulator.faults.add(again)

    async def read() -> None:
        async with connect(timeout=0.4, deadline=4.0) as client:
            if not lasting:
                assert (await client.get_incident("INC0000001"))["number"] == "INC0000001"
                return
            with pytest.raises(error) as failed:
                await client.get_incident("INC0000001")
            assert not failed.value.maybe_applied  # type: ignore[attr-defined]

    asyncio.run(read())


@pytest.mark.parametrize(("fault", "error"), LASTING)
def test_a_failure_has_its_class(
    simulator: Simulator, connect: "Connect", fault: Fault, error: type[Exception]
) -> None:
    """Each way to fail is an error of its own, at once, never a raw exception."""
    again = Fault(**{name: getattr(fault, name) for name in fault.__dataclass_fields__})
    simulator.faults.add(again)

    async def read() -> None:
        async with connect() as client:
            with pytest.raises(error):
                await client.get_incident("INC0000001")

    asyncio.run(read())
    assert len(simulator.requests) == 1


CREATE_FAULTS = [
    Fault(reset=True),
    Fault(half=True),
    Fault(delay=1),
    faults.server_error(),
    faults.cancelled(),
    faults.unavailable(502),
    faults.unavailable(503),
    faults.unavailable(504),
    faults.dropped(),
    faults.rate_limited(0),
    faults.hibernating(),
    faults.login_page(),
    faults.error(403, "Insufficient rights", None),
    Fault(status=200, body="{"),
]


@pytest.mark.parametrize("fault", CREATE_FAULTS)
@pytest.mark.parametrize("after_commit", [False, True])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("look_up_fails", [False, True])
def test_a_create_makes_never_two_and_loses_none(
    simulator: Simulator,
    connect: "Connect",
    fault: Fault,
    *,
    after_commit: bool,
    times: int,
    look_up_fails: bool,
) -> None:
    """Whatever fails, there is one record and it is returned, or the caller learns the truth."""
    again = Fault(**{name: getattr(fault, name) for name in fault.__dataclass_fields__})
    again.method, again.times, again.after_commit = "POST", times, after_commit
    simulator.faults.add(again)
    if look_up_fails:
        simulator.faults.add(faults.unavailable(method="GET", times=None))

    async def create() -> ServiceNowError | str:
        async with connect(timeout=0.3, deadline=4.0) as client:
            try:
                return (await client.create_incident("matrix")).sys_id
            except ServiceNowError as error:
                return error

    outcome = asyncio.run(create())
    made = [
        row["sys_id"]
        for row in simulator.records("incident")
        if row["short_description"] == "matrix"
    ]
    refused_falsely = after_commit and (again.status in {429, 403} or "hibernat" in str(again.body))
    if refused_falsely:  # no instance refuses what it has done; nothing could see through that
        return
    assert len(made) <= 1
    if isinstance(outcome, str):
        assert made == [outcome]
    elif not outcome.maybe_applied:
        assert made == []


def test_concurrent_creates_of_one_client(simulator: Simulator, connect: "Connect") -> None:
    """Many tasks share a client, and each makes its own record."""

    async def create() -> None:
        async with connect(max_connections=5) as client:
            records = await asyncio.gather(
                *(client.create_incident(f"task {number}") for number in range(20))
            )
            assert len({record.number for record in records}) == 20

    asyncio.run(create())
    assert len([r for r in simulator.records("incident") if "task" in r["short_description"]]) == 20


def test_the_deadline_bounds_everything(simulator: Simulator, connect: "Connect") -> None:
    """Look-ups, retries and pauses together end when the time is up."""
    simulator.faults.add(Fault(delay=5, times=None))

    async def create() -> float:
        started = time.monotonic()
        async with connect(timeout=10.0, deadline=0.5) as client:
            with pytest.raises(RequestTimeoutError):
                await client.create_incident("x", assignment_group="Network")
        return time.monotonic() - started

    assert asyncio.run(create()) < 4


@pytest.mark.parametrize("url", ["https://localhost:1", "https://no-such-host.invalid"])
def test_nobody_there(url: str) -> None:
    """A refused connection and a name that does not resolve are reported as such."""

    async def read() -> None:
        async with ServiceNowClient(url, "u", "p", deadline=2.0) as client:
            with pytest.raises(ConnectionFailedError, match="No connection to"):
                await client.get_incident("INC0000001")

    asyncio.run(read())


def test_a_write_whose_connection_takes_too_long_was_not_applied() -> None:
    """Nothing of it went out: it may be sent again."""

    async def create(url: str) -> None:
        async with ServiceNowClient(url, "u", "p", timeout=10.0, deadline=0.3) as client:
            with pytest.raises(ConnectionFailedError, match="No connection to") as failed:
                await client.create_incident("x")
            assert not failed.value.maybe_applied

    with socket.create_server(("localhost", 0)) as silent:  # which never answers the handshake
        asyncio.run(create(f"https://localhost:{silent.getsockname()[1]}"))


def test_a_certificate_of_nobody_known_is_refused(simulator: Simulator) -> None:
    """TLS is always verified."""

    async def read() -> None:
        async with ServiceNowClient(simulator.url, "u", "p", deadline=2.0) as client:
            with pytest.raises(ConnectionFailedError, match="certificate"):
                await client.get_incident("INC0000001")

    asyncio.run(read())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Wed, 01 Jan 2020 00:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("Wed, 01 Jan 2020 00:00:00 -0000", 0.0),
    ],
)
def test_retry_after_in_both_forms(connect: "Connect", value: str, seconds: float | None) -> None:
    """Seconds and a date are both read; a date that is past means now."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(429, json={"error": {}}, headers={"Retry-After": value})

    async def read() -> None:
        async with connect(transport=httpx.MockTransport(answer), deadline=0.1) as client:
            with pytest.raises(RateLimitedError) as limited:
                await client.get_incident("INC0000001")
            assert limited.value.retry_after == seconds

    asyncio.run(read())


def test_a_user_changes_its_password(simulator: Simulator, connect: "Connect") -> None:
    """It signs in with the new one; who may not is refused."""
    simulator.instance.add_user("self.service", "older", "user_admin")

    def signed_in(password: str) -> ServiceNowClient:
        return ServiceNowClient(
            simulator.url, "self.service", password, ca_file=simulator.ca_file, deadline=10.0
        )

    async def change() -> None:
        async with signed_in("older") as client:
            await client.set_password("newer")
            with pytest.raises(AuthenticationError):
                await client.set_password("newest")
        async with signed_in("newer") as client:
            assert (await client.test_connection()).checks[1].status == "passed"
        async with connect() as client:
            with pytest.raises(PermissionDeniedError):
                await client.set_password("newer")

    asyncio.run(change())


def test_an_application_gets_another_secret(simulator: Simulator, connect: "Connect") -> None:
    """It is asked for from then on, and nobody reads it; who may not see it is reported."""
    simulator.instance.add_application(Application("an-id", "older", seed.INTEGRATION_USER))
    simulator.instance.add_user("registrar", "secret", "oauth_admin")

    async def change() -> None:
        async with connect(auth=BasicAuth("registrar", "secret")) as client:
            await client.set_client_secret("an-id", "newer")
            rows = [row async for row in client.table("oauth_entity").iterate()]
            assert {row["client_secret"] for row in rows} == {""}
        async with connect(auth=ClientCredentials("an-id", "newer")) as client:
            assert (await client.test_connection()).checks[1].status == "passed"
            with pytest.raises(InvalidRequestError, match="oauth_entity"):
                await client.set_client_secret("an-id", "newest")

    asyncio.run(change())


@pytest.mark.parametrize("rows", [[], [{"sys_id": "1" * 32, "user_name": "somebody-else"}]])
def test_nobody_elses_password_is_changed(connect: "Connect", rows: list[dict[str, str]]) -> None:
    """A client that does not know its user, or is shown another one, writes nothing."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.method == "GET"
        return httpx.Response(200, json={"result": rows})

    async def change() -> None:
        transport = httpx.MockTransport(answer)
        async with connect(transport=transport) as client:
            with pytest.raises(InvalidRequestError, match="can be seen"):
                await client.set_password("newer")
        async with connect(auth=ApiKey("key"), transport=transport) as client:
            with pytest.raises(InvalidRequestError, match="needed"):
                await client.set_password("newer")

    asyncio.run(change())
