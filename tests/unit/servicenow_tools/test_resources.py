"""Problems, security incidents, configuration items, events, import sets, and what all share."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from local.servicenow import Fault, Simulator, faults, seed
from servicenow_tools import (
    ChangeState,
    IncidentState,
    ProblemState,
    Query,
    Record,
    SecurityIncidentState,
    ServiceNowClient,
    field,
)
from servicenow_tools.errors import (
    AmbiguousReferenceError,
    ImportRefusedError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    PluginMissingError,
    ReferenceNotFoundError,
    ServerError,
    ServiceNowError,
    StateError,
    UnexpectedContentError,
    ValidationError,
)

Connect = Callable[..., ServiceNowClient]
Use = Callable[[ServiceNowClient], Awaitable[None]]


@pytest.fixture
def use(connect: Connect) -> Callable[..., None]:
    """A way to run a block with a client."""

    def run(block: Callable[[ServiceNowClient], Coroutine[Any, Any, None]], **options: Any) -> None:
        async def with_client() -> None:
            async with connect(**options) as client:
                await block(client)

        asyncio.run(with_client())

    return run


def answering(*answers: httpx.Response) -> httpx.MockTransport:
    """Return a transport that answers with these, the last one again and again."""
    left = list(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        return left.pop(0) if len(left) > 1 else left[0]

    return httpx.MockTransport(answer)


# ---- what a record says of itself


@pytest.mark.parametrize(("stored", "count"), [("7", 7), ("", 0), ("²", 0), (None, 0)])
def test_how_often_a_record_was_updated(stored: str | None, count: int) -> None:
    """Whole numbers count; what an instance hides or writes otherwise is 0."""
    columns = {} if stored is None else {"sys_mod_count": stored}
    record = Record(columns, table="incident", instance_url="https://x.service-now.com")
    assert record.mod_count == count


# ---- created once


def test_an_own_correlation_id_is_looked_up(simulator: Simulator, use: Callable[..., None]) -> None:
    """Whoever creates it again gets the record that there is, also when it is closed."""

    async def create(client: ServiceNowClient) -> None:
        first = await client.create_incident("x", correlation_id="b")
        assert not first.existing
        await client.incidents.close(first.sys_id, "Done")
        again = await client.create_incident("y", correlation_id="b")
        assert (again.sys_id, again.existing, again["short_description"]) == (
            first.sys_id, True, "x",
        )  # fmt: skip
        rows = [{"short_description": "z", "correlation_id": "b"}] + [
            {"short_description": "n", "correlation_id": "c"}
        ] * 2
        for _ in range(2):
            outcomes = await client.bulk.create("incident", rows)
            found = [one["correlation_id"] for one in outcomes if isinstance(one, Record)]
            assert found == ["b", "c", "c"]
        change = await client.create_change_request("x", correlation_id="b")
        assert (await client.create_change_request("x", correlation_id="b")).existing
        assert change.table == "change_request"

    use(create)
    use(lambda client: _existing(client.problems.create("x", correlation_id="b"), exists=False))
    use(lambda client: _existing(client.problems.create("x", correlation_id="b"), exists=True))
    assert len([r for r in simulator.records("incident") if r["correlation_id"]]) == 2


async def _existing(call: Awaitable[Any], *, exists: bool) -> None:
    assert (await call).existing is exists


def test_a_claimed_correlation_id_is_not_looked_up(
    simulator: Simulator, use: Callable[..., None]
) -> None:
    """The caller knows that no record has it: one request does."""

    async def create(client: ServiceNowClient) -> None:
        await client.create_incident("x", correlation_id="b", claimed=True)

    use(create)
    assert [request.method for request in simulator.requests] == ["POST"]


def test_a_look_up_that_fails_creates_nothing(
    simulator: Simulator, use: Callable[..., None]
) -> None:
    """Each row with a correlation_id of its own has the error; the others are created."""
    simulator.faults.add(Fault(status=500, method="GET", times=9))

    async def create(client: ServiceNowClient) -> None:
        outcomes = await client.bulk.create(
            "incident", [{"short_description": "a", "correlation_id": "b"}, {"impact": 1}]
        )
        assert isinstance(outcomes[0], ServerError)
        assert not isinstance(outcomes[1], ServiceNowError)

    use(create)


def test_an_own_sys_id(use: Callable[..., None]) -> None:
    """Is the record's, in its own case; another length is refused, and at an update all is."""

    async def create(client: ServiceNowClient) -> None:
        made = await client.table("incident").create(sys_id="ab" * 16, short_description="x")
        assert made.sys_id == "ab" * 16
        upper = await client.table("incident").create(sys_id="AB12" * 8, short_description="y")
        assert (await client.incidents.get("AB12" * 8))["number"] == upper.number
        for bad in ("x", "ab" * 15, "xy" * 16):
            with pytest.raises(InvalidRequestError, match="sys_id"):
                await client.table("incident").create(sys_id=bad)
        with pytest.raises(InvalidRequestError, match="sys_id"):
            await client.table("incident").update(made.sys_id, sys_id="cd" * 16)

    use(create)


def test_a_refusal_names_the_record_and_its_state(use: Callable[..., None]) -> None:
    """Alike for each kind of record, for people and for programs."""

    async def refuse(client: ServiceNowClient) -> None:
        problem = await client.problems.create("x")
        leak = await client.security_incidents.create("x")
        await client.security_incidents.cancel(leak.sys_id, "a dummy")
        change = await client.create_change_request("x")
        for number, code, call in (
            ("INC0000001", "2", client.incidents.reopen("INC0000001", "y")),
            (problem.number, "101", client.problems.reopen(problem.sys_id, "y")),
            (leak.number, "7", client.security_incidents.cancel(leak.sys_id, "y")),
            (change.number, "-5", client.changes.close(change.sys_id, "successful", "y")),
        ):
            with pytest.raises(StateError, match=rf"state: {number} is in the state .*; ") as error:
                await call
            assert (error.value.field, error.value.state) == ("state", code)

    use(refuse)


# ---- deleted


def test_delete(simulator: Simulator, use: Callable[..., None]) -> None:
    """By number or sys_id; what is gone is NotFoundError; many in few round trips."""

    async def delete(client: ServiceNowClient) -> None:
        made = [await client.create_incident("x") for _ in range(4)]
        await client.incidents.delete(made[0].number)
        with pytest.raises(NotFoundError):
            await client.incidents.delete(made[0].sys_id)
        ids = [made[1].sys_id, "f" * 32, made[2].number, "no id"]
        outcomes = await client.bulk.delete("incident", ids)
        assert [type(one) for one in outcomes] == [
            type(None), NotFoundError, type(None), InvalidRequestError,
        ]  # fmt: skip
        with pytest.raises(NotFoundError):
            await client.incidents.get(made[2].sys_id)
        assert (await client.incidents.get(made[3].sys_id)).number == made[3].number

    use(delete, username="admin")


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_delete_whose_answer_is_lost(
    simulator: Simulator,
    use: Callable[..., None],
    is_gone: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Is looked at: what is gone is deleted."""
    sys_id = seed.sys_id("incident 1")
    simulator.faults.add(Fault(method="DELETE", reset=True, after_commit=is_gone))

    async def delete(client: ServiceNowClient) -> None:
        if is_gone:
            await client.incidents.delete(sys_id)
        else:
            with pytest.raises(ServiceNowError):
                await client.incidents.delete(sys_id)

    use(delete, username="admin")
    assert any(row["sys_id"] == sys_id for row in simulator.records("incident")) is not is_gone


def test_a_delete_of_which_nothing_is_known(use: Callable[..., None]) -> None:
    """Is reported as the first error."""

    async def delete(client: ServiceNowClient) -> None:
        with pytest.raises(ServerError) as unsure:
            await client.incidents.delete("a" * 32)
        assert unsure.value.maybe_applied

    use(delete, transport=answering(httpx.Response(500)))


# ---- read


def test_labels_beside_stored_values(use: Callable[..., None]) -> None:
    """In one read: by sys_id, by number, in a page; both are texts."""

    async def read(client: ServiceNowClient) -> None:
        made = await client.create_incident("x", urgency="high", assignment_group="Network")
        page = await client.incidents.page(display_value="all")
        for record in (
            await client.incidents.get(made.sys_id, display_value="all"),
            await client.incidents.get(made.number, display_value="all"),
            page.records[0],
        ):
            assert (record["state"], record.label("state")) == ("1", "New")
            assert record["assignment_group"] == made["assignment_group"]
            assert record.labels["assignment_group"] == "Network"
            assert record.label("resolved_by") == ""
        assert made.label("state") == "1"
        shown = await client.incidents.get(made.sys_id, display_value=True)
        assert (shown["state"], shown["assignment_group"]) == ("New", "Network")

    use(read)


def test_references_have_one_form(use: Callable[..., None]) -> None:
    """Also where the instance sends links: a sys_id, by sys_id, by number and in a page."""
    link = "https://x/api/now/table/sys_user/"
    row = {
        "sys_id": "a" * 32, "number": "INC0000001", "sys_created_on": "2024-01-01 00:00:00",
        "resolved_by": {"link": f"{link}{'b' * 32}", "value": "b" * 32},
        "closed_by": {"link": f"{link}{'c' * 32}", "display_value": "Ada"},
        "opened_by": "",
    }  # fmt: skip

    async def read(client: ServiceNowClient) -> None:
        one, by_number = await client.incidents.get("a" * 32), await client.incidents.get("INC1")
        (in_page,) = (await client.incidents.page()).records
        for record in (one, by_number, in_page):
            assert (record["resolved_by"], record["closed_by"], record["opened_by"]) == (
                "b" * 32, "Ada", "",
            )  # fmt: skip

    single = httpx.Response(200, json={"result": row})
    rows = httpx.Response(
        200, json={"result": [row | {"number": "INC1"}]}, headers={"x-total-count": "1"}
    )
    use(read, transport=answering(single, rows))


def test_many_by_their_ids(simulator: Simulator, use: Callable[..., None]) -> None:
    """One request for each 200; what is gone is left out, in the order of the ids."""

    async def block(client: ServiceNowClient) -> None:
        made = [await client.incidents.create(f"no {number}") for number in range(3)]
        ids = [record.sys_id for record in reversed(made)]
        before = len(simulator.requests)
        unknown = [f"{number:032x}" for number in range(199)]
        found = await client.incidents.get_many([*ids[:2], *unknown, ids[2]], fields=["number"])
        assert [record.sys_id for record in found] == ids
        assert set(found[0]) == {"sys_id", "number"}
        assert len(simulator.requests) == before + 2
        assert await client.incidents.get_many([]) == []
        (whole,) = await client.incidents.get_many(ids[:1])
        assert whole["short_description"] == "no 2"
        (seen,) = await client.incidents.get_many(ids[:1], display_value="all")
        assert (seen["state"], seen.label("state")) == ("1", "New")
        assert seen.answered_at is not None
        with pytest.raises(InvalidRequestError):
            await client.incidents.get_many([*ids, "INC0010001"])

    use(block)


def test_each_update_is_announced(simulator: Simulator, use: Callable[..., None]) -> None:
    """Before each update what is sent, afterwards the record or the error; also steps of one."""
    seen: list[Any] = []

    def on_update(table: str, sys_id: str, values: dict[str, str]) -> Callable[..., None]:
        seen.append((table, sys_id, values))
        return seen.append

    async def block(client: ServiceNowClient) -> None:
        made = await client.incidents.create("one")
        assert seen == []
        closed = await client.incidents.close(made.sys_id, "done", state="closed")
        sent = [values for _, _, values in seen[::2]]
        assert [values["state"] for values in sent] == ["6", "7"]
        assert sent[0]["close_notes"] == "done"
        assert {(table, key) for table, key, _ in seen[::2]} == {("incident", made.sys_id)}
        assert seen[-1] == closed
        seen.clear()
        simulator.faults.add(faults.error(403, "Operation Failed", "ACL", method="PATCH"))
        with pytest.raises(PermissionDeniedError) as refused:
            await client.incidents.update(made.sys_id, urgency="1")
        assert seen == [("incident", made.sys_id, {"urgency": "1"}), refused.value]

    use(block, username="admin", on_update=on_update)


def test_an_order_of_its_own(use: Callable[..., None]) -> None:
    """A query that is ordered is read in that order, page by page."""

    async def read(client: ServiceNowClient) -> None:
        query = Query().order_by("number")
        found = [r.number async for r in client.incidents.iterate(query, page_size=3)]
        assert found == sorted(found)
        assert len(found) == len(set(found)) > 6
        first = await client.incidents.search(query, limit=2)
        assert [record.number for record in first] == found[:2]

    use(read)


def test_numbers_of_other_instances(simulator: Simulator, use: Callable[..., None]) -> None:
    """An instance sets its own prefixes and digits."""

    async def read(client: ServiceNowClient) -> None:
        for number in ("INC-0010001", "ACME_INC0010001", "INC123"):
            simulator.instance.change("incident", seed.sys_id("incident 1"), number=number)
            assert (await client.get_incident(number)).number == number

    use(read)


def test_a_filter_is_resolved_as_a_value_is(use: Callable[..., None]) -> None:
    """A group that nobody has is no empty list; labels and names mean what they mean in create."""

    async def search(client: ServiceNowClient) -> None:
        with pytest.raises(ReferenceNotFoundError, match="assignment_group"):
            await client.search_incidents(assignment_group="Nope")
        with pytest.raises(InvalidRequestError, match="state"):
            await client.search_incidents(state="no such")
        with pytest.raises(InvalidRequestError):
            await client.incidents.query(**{"bad-name": "x"})
        made = await client.create_incident(
            "a b c", assignment_group="Network", category="Software", urgency="low"
        )
        dotted = await client.incidents.query(**{"assignment_group.name": "Network"})
        found = await client.incidents.search(
            dotted,
            state="open", assignment_group="Network", category="Software", urgency="low",
            short_description="b",
        )  # fmt: skip
        assert [record.sys_id for record in found] == [made.sys_id]
        assert (await client.incidents.query(state=None)).encode() == ""
        assert (await client.incidents.query(state="In Progress")).encode() == "state=2"
        assert (await client.problems.query(state="open")).encode() == "stateIN101,102,103,104"

    use(search)


def test_relative_times_and_ranges(use: Callable[..., None]) -> None:
    """By the instance's own clock."""

    async def search(client: ServiceNowClient) -> None:
        made = await client.create_incident("x")
        hour = timedelta(hours=1)
        recent = await client.incidents.search(field("opened_at").newer_than(hour))
        assert made.sys_id in {record.sys_id for record in recent}
        old = await client.incidents.search(field("opened_at").older_than(hour))
        assert made.sys_id not in {record.sys_id for record in old}
        now = datetime.now(UTC)
        between = field("opened_at").between(now - hour, now + hour)
        assert await client.incidents.count(between) == len(recent)
        due = await client.update_incident(made.sys_id, due_date=now + timedelta(minutes=30))
        found = await client.incidents.search(field("due_date").within_next(hour))
        assert [record.sys_id for record in found] == [due.sys_id]

    use(search)


def test_unsafe_and_text_queries(simulator: Simulator, use: Callable[..., None]) -> None:
    """Go as they are; what the client cannot check it does not check."""

    async def search(client: ServiceNowClient) -> None:
        made = await client.create_incident("Zebra crossing out of order")
        found = await client.incidents.search(
            Query.unsafe("short_descriptionLIKEZebra^ORshort_description=x^u_bunk=1^NQnumber=x")
        )
        assert made.sys_id in {record.sys_id for record in found}
        assert [r.sys_id for r in await client.incidents.search(Query.text("zebra order"))] == [
            made.sys_id
        ]

    use(search)


def test_a_long_query_goes_by_the_batch_api(simulator: Simulator, use: Callable[..., None]) -> None:
    """Instances refuse its URL; what it finds, and what is wrong with it, is the same."""
    ids = [f"{number:032x}" for number in range(700)]

    async def search(client: ServiceNowClient) -> None:
        sys_id = seed.sys_id("incident 1")
        query = field("sys_id").in_([*ids, sys_id])
        assert [r.sys_id for r in await client.incidents.search(query)] == [sys_id]
        assert await client.incidents.count(query) == 1
        with pytest.raises(ValidationError, match="Invalid table"):
            await client.table("no_such_table").search(Query.unsafe("a=b^" * 3000))

    use(search)
    assert all(len(request.query) < 8000 for request in simulator.requests if not request.is_part)


def test_a_long_query_that_is_not_served(use: Callable[..., None]) -> None:
    """Is a timeout of the instance's."""

    async def search(client: ServiceNowClient) -> None:
        with pytest.raises(ServiceNowError, match="within its time"):
            await client.incidents.count(field("number").in_([f"INC{n:07}" for n in range(900)]))

    answer = {"batch_request_id": "1", "serviced_requests": [], "unserviced_requests": ["0"]}
    use(search, transport=answering(httpx.Response(200, json=answer)))


def test_aggregate(use: Callable[..., None]) -> None:
    """Counts, sums and more, in groups or for all."""

    async def read(client: ServiceNowClient) -> None:
        (every,) = await client.incidents.aggregate(min=["impact"], max=["impact"])
        assert every.count == await client.incidents.count()
        assert float(every.min["impact"]) < float(every.max["impact"])
        groups = await client.incidents.aggregate(
            field("active").eq("true"), group_by=["state"], avg=["impact"], sum=["impact"]
        )
        assert {group.group["state"] for group in groups} >= {"1", "2"}
        assert sum(g.count for g in groups) == await client.incidents.count(
            field("active").eq("true")
        )
        assert all(float(group.sum["impact"]) >= group.count for group in groups)
        assert all(1 <= float(group.avg["impact"]) <= 3 for group in groups)
        with pytest.raises(InvalidRequestError):
            await client.incidents.aggregate(group_by=["a^b"])
        unknown = {"group_by": ["x"], "sum": ["state", "assignment_group.x"], "max": ["x"]}
        for name, columns in unknown.items():
            wanted: dict[str, Any] = {name: columns}
            with pytest.raises(InvalidRequestError, match="x: is no field of"):
                await client.incidents.aggregate(**wanted)

    use(read)


def test_an_odd_aggregate(use: Callable[..., None]) -> None:
    """What is no number counts nothing."""

    async def read(client: ServiceNowClient) -> None:
        assert await client.incidents.count() == 0
        assert await client.incidents.count() == 0
        (odd,) = await client.incidents.aggregate()
        assert (odd.count, odd.group, odd.sum) == (0, {}, {})

    use(
        read,
        transport=answering(
            httpx.Response(200, json={"result": []}),
            httpx.Response(200, json={"result": {"stats": None}}),
            httpx.Response(
                200, json={"result": [{"stats": {"count": "x", "sum": 1}, "groupby_fields": [1]}]}
            ),
        ),
    )


# ---- pages of instances that are not as documented


def page_of(*numbers: int, headers: dict[str, str] | None = None) -> httpx.Response:
    """Return a page of incidents, the newest of which has the highest number."""
    rows = [{"sys_id": f"{n:032x}", "sys_created_on": f"2024-01-01 00:00:{n:02}"} for n in numbers]
    return httpx.Response(200, json={"result": rows}, headers=headers)


FRONT = {"link": '<https://cdn.example.com/a.css>; rel="preload"'}


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-total-count": "10"}, FRONT, FRONT | {"x-total-count": "10"}],
    ids=["nothing", "a count", "a link of a front end", "that and a count"],
)
def test_short_pages_are_followed(use: Callable[..., None], headers: dict[str, str]) -> None:
    """Until one is empty, or the count is reached."""
    pages = [page_of(9, 8, 7, headers=headers), page_of(6, 5, 4, headers=headers)]
    left = [{**headers, "x-total-count": "4"} if "x-total-count" in headers else headers] * 2
    pages += [page_of(3, 2, 1, headers=left[0]), page_of(0, headers={**headers} | _one(headers))]
    pages.append(page_of(headers=_none(headers)))

    async def read(client: ServiceNowClient) -> None:
        found = [r.sys_id async for r in client.incidents.iterate(page_size=100)]
        assert [int(sys_id, 16) for sys_id in found] == list(range(9, -1, -1))

    use(read, transport=answering(*pages))


def _one(headers: dict[str, str]) -> dict[str, str]:
    return {"x-total-count": "1"} if "x-total-count" in headers else {}


def _none(headers: dict[str, str]) -> dict[str, str]:
    return {"x-total-count": "0"} if "x-total-count" in headers else {}


def test_search_goes_on_until_it_has_enough(use: Callable[..., None]) -> None:
    """A short page is not the end."""

    async def read(client: ServiceNowClient) -> None:
        assert len(await client.incidents.search(limit=4)) == 4

    use(read, transport=answering(page_of(9, 8, 7), page_of(6, 5, 4)))


@pytest.mark.parametrize("rel", ["next", '"next"', '"next last"', '"NEXT"'])
def test_a_link_in_any_form(use: Callable[..., None], rel: str) -> None:
    """As RFC 8288 has it."""
    link = {"link": f'<https://x/a>; rel="first", <https://x/b>; rel={rel}'}
    last = {"link": '<https://x/a>;rel="first",<https://x/c>;rel="last"'}

    async def read(client: ServiceNowClient) -> None:
        first = await client.incidents.page()
        assert first.next is not None
        second = await client.incidents.page(cursor=first.next)
        assert second.next is None

    use(read, transport=answering(page_of(9, headers=link), page_of(8, headers=last)))


def test_a_page_that_does_not_come_after_its_cursor(use: Callable[..., None]) -> None:
    """Is an error: the instance has dropped the condition, and would answer so for ever."""

    async def read(client: ServiceNowClient) -> None:
        with pytest.raises(UnexpectedContentError, match="ignored a condition"):
            [record async for record in client.incidents.iterate(page_size=2)]

    use(read, transport=answering(page_of(9, 8)))


def test_notes_of_another_record_are_none_of_this_one(use: Callable[..., None]) -> None:
    """Record, kind and moment are checked, whatever the instance made of the query."""
    note = {
        "sys_id": "b" * 32, "sys_created_on": "2024-01-01 00:00:00", "value": "x",
        "element_id": "a" * 32, "element": "work_notes",
    }  # fmt: skip

    async def read(client: ServiceNowClient) -> None:
        since = datetime(2024, 1, 1, tzinfo=UTC)
        assert await client.incidents.find_work_note("a" * 32, "x", since) is not None
        with pytest.raises(UnexpectedContentError, match="ignored a condition"):
            await client.incidents.find_work_note("a" * 32, "x", since + timedelta(hours=1))
        with pytest.raises(UnexpectedContentError, match="ignored a condition"):
            await client.incidents.notes("c" * 32)

    answer = httpx.Response(200, json={"result": [note]}, headers={"x-total-count": "1"})
    use(read, transport=answering(answer))


@pytest.mark.parametrize(
    "read",
    [
        lambda client: client.incidents.get_many(["a" * 32]),
        lambda client: client.changes.tasks("a" * 32),
        lambda client: client.changes.affected_cis("a" * 32),
        lambda client: client.changes.approvals("a" * 32),
        lambda client: client.problems.tasks("a" * 32),
        lambda client: client.attachments.list("incident", "a" * 32),
    ],
)
def test_rows_of_another_record_are_no_answer(
    use: Callable[..., None], read: Callable[[ServiceNowClient], Awaitable[Any]]
) -> None:
    """Rows that nobody asked for hide those that were: that is an error, not an empty list."""

    async def refuse(client: ServiceNowClient) -> None:
        with pytest.raises(UnexpectedContentError, match="ignored a condition"):
            await read(client)

    use(refuse, transport=answering(page_of(9)))


# ---- written


def test_labels_become_values(simulator: Simulator, use: Callable[..., None]) -> None:
    """Of any choice column, in English and in the user's language; nothing is dropped."""

    async def create(client: ServiceNowClient) -> None:
        made = await client.create_incident(
            "x", category="Software", subcategory="Operating System", urgency="High"
        )
        assert (made["category"], made["subcategory"], made["urgency"]) == ("software", "os", "1")
        assert made.ignored_fields == []
        unknown = await client.create_incident("x", category="No Such Category")
        assert [one.field for one in unknown.ignored_fields] == ["category"]
        states = await client.incidents.choices("state")
        assert len({choice.value for choice in states}) == len(states) == 6

    use(create)

    async def create_in_german(client: ServiceNowClient) -> None:
        german = {choice.value: choice.label for choice in await client.incidents.choices("state")}
        assert german["2"] not in {"In Progress", ""}
        made = await client.create_incident("x")
        for label in (german["2"], "In Progress", "2"):
            changed = await client.update_incident(made.sys_id, state=label)
            assert changed["state"] == "2"

    use(create_in_german, username="gerda.schmidt")


@pytest.mark.parametrize("user", [seed.INTEGRATION_USER, "gerda.schmidt", "haruka.sato"])
def test_refusals_have_kinds_in_every_language(use: Callable[..., None], user: str) -> None:
    """By status and marks, not by English words; the instance's own words are shown."""

    async def refuse(client: ServiceNowClient) -> None:
        made = await client.create_incident("x")
        with pytest.raises(PermissionDeniedError) as refused:
            await client.update_incident(made.sys_id, state="6")
        assert type(refused.value).__name__ == "DataPolicyError"
        await client.incidents.cancel(made.sys_id, "x")
        with pytest.raises(PermissionDeniedError) as refused:
            await client.update_incident(made.sys_id, state="2")
        assert type(refused.value).__name__ == "BusinessRuleError"

    use(refuse, username=user)


def test_a_moment_in_another_form_is_not_ignored(use: Callable[..., None]) -> None:
    """ServiceNow stores dates in a form of its own."""

    async def plan(client: ServiceNowClient) -> None:
        change = await client.create_change_request("x", start_date="2030-01-02T03:04:05")
        assert change["start_date"] == "2030-01-02 03:04:05"
        assert change.ignored_fields == []
        other = await client.create_change_request("x", start_date="next week")
        assert [one.field for one in other.ignored_fields] == ["start_date"]

    use(plan)


def test_a_cancelled_incident_stays(use: Callable[..., None]) -> None:
    """Canceled, with a note that says why; it cannot be canceled again."""

    async def cancel(client: ServiceNowClient) -> None:
        made = await client.create_incident("x")
        done = await client.incidents.cancel(made.number, "A test")
        assert done["state"] == IncidentState.CANCELED
        with pytest.raises(StateError, match="Canceled"):
            await client.incidents.cancel(made.sys_id, "Again")

    use(cancel)


# ---- problems


@pytest.mark.parametrize(
    ("code", "options", "state"),
    [
        ("fix_applied", {}, ProblemState.CLOSED),
        ("Fix Applied", {"cause_notes": "c", "fix_notes": "f", "state": "resolved"},
         ProblemState.RESOLVED),
        ("risk_accepted", {}, ProblemState.CLOSED),
        ("canceled", {}, ProblemState.CLOSED),
        ("duplicate", {"duplicate_of": "PRB0000001"}, ProblemState.CLOSED),
    ],
)  # fmt: skip
def test_close_a_problem(
    simulator: Simulator, use: Callable[..., None], code: str, options: dict[str, Any], state: str
) -> None:
    """Through the states of its model."""

    async def close(client: ServiceNowClient) -> None:
        if "duplicate_of" in options:
            (first,) = await client.problems.search(limit=1)
            options["duplicate_of"] = first.number
        made = await client.problems.create(
            "Memory leak", "All nodes", impact="high", urgency="low", assigned_to="closer"
        )
        assert (made["state"], made["impact"]) == (ProblemState.NEW, "1")
        await client.problems.add_work_note(made.number, "Looking")
        closed = await client.problems.close(made.number, "Patched", code, **options)
        assert closed["state"] == state
        assert closed["resolution_code"] == code.lower().replace(" ", "_")
        if state == ProblemState.RESOLVED:
            closed = await client.problems.close(made.number, "Confirmed")
        assert closed["state"] == ProblemState.CLOSED
        with pytest.raises(StateError, match="closed already"):
            await client.problems.close(made.sys_id, "Again")
        opened = await client.problems.reopen(made.sys_id, "Not fixed")
        assert opened["state"] == ProblemState.ROOT_CAUSE_ANALYSIS
        with pytest.raises(StateError, match="Root cause analysis"):
            await client.problems.reopen(made.sys_id, "Again")

    use(close)


def test_a_duplicate_needs_what_goes_on(use: Callable[..., None]) -> None:
    """And only a duplicate has it."""

    async def close(client: ServiceNowClient) -> None:
        for code, other in (("duplicate", None), ("canceled", "PRB0000001")):
            with pytest.raises(InvalidRequestError, match="duplicate_of"):
                await client.problems.close("a" * 32, "x", code, duplicate_of=other)

    use(close)


def test_tasks_of_a_problem(use: Callable[..., None]) -> None:
    """Added and listed, by number."""

    async def plan(client: ServiceNowClient) -> None:
        problem = await client.problems.create("Memory leak")
        for text in ("Take a dump", "Read it"):
            task = await client.problems.create_task(problem.number, text, problem_task_type="rca")
            assert task["problem"] == problem.sys_id
        tasks = await client.problems.tasks(problem.sys_id)
        assert [task["short_description"] for task in tasks] == ["Take a dump", "Read it"]

    use(plan)


# ---- security incidents


def test_security_incidents(use: Callable[..., None]) -> None:
    """Opened, closed and canceled, by states of their own."""

    async def work(client: ServiceNowClient) -> None:
        incidents = client.security_incidents
        made = await incidents.create("Key on a public page", "Rotated", correlation_id="s")
        assert made["state"] == SecurityIncidentState.DRAFT
        moved = await incidents.update(made.number, state="analysis")
        assert moved["state"] == SecurityIncidentState.ANALYSIS
        codes = await incidents.choices("close_code")
        closed = await incidents.close(made.sys_id, "Rotated", codes[0].label)
        assert (closed["state"], closed["close_code"]) == ("3", codes[0].value)
        with pytest.raises(StateError, match="already"):
            await incidents.cancel(made.sys_id, "x")
        other = await incidents.create("Again")
        assert (await incidents.cancel(other.sys_id, "No"))["state"] == "7"

    use(work)


@pytest.mark.parametrize("text", ["Invalid table sn_si_incident", "Ungültige Tabelle em_event"])
def test_an_application_that_is_missing(use: Callable[..., None], text: str) -> None:
    """Is named, in the instance's own language."""
    refusal = {"error": {"message": text, "detail": None}, "status": "failure"}

    async def create(client: ServiceNowClient) -> None:
        with pytest.raises(PluginMissingError, match="has to be installed"):
            await client.security_incidents.create("x")

    use(create, transport=answering(httpx.Response(400, json=refusal)))


# ---- changes


def test_affected_items_of_a_change(use: Callable[..., None]) -> None:
    """Added once, listed with their names, and removed."""

    async def plan(client: ServiceNowClient) -> None:
        item, other = await client.table("cmdb_ci").search(Query().order_by("name"), limit=2)
        name = item["name"]
        change = await client.create_change_request("Deploy")
        await client.changes.add_affected_ci(change.number, other.sys_id)
        assert change["state"] == ChangeState.NEW
        added = await client.changes.add_affected_ci(change.number, name)
        again = await client.changes.add_affected_ci(change.number, item.sys_id)
        assert (again.sys_id, again.existing) == (added.sys_id, True)
        listed = await client.changes.affected_cis(change.number)
        assert [one["ci_item.name"] for one in listed if one["ci_item"] == item.sys_id] == [name]
        await client.changes.remove_affected_ci(change.number, name)
        await client.changes.remove_affected_ci(change.number, name)
        left = await client.changes.affected_cis(change.sys_id)
        assert [one["ci_item"] for one in left] == [other.sys_id]

    use(plan, username="admin")


# ---- configuration items


def test_find_a_configuration_item(simulator: Simulator, use: Callable[..., None]) -> None:
    """By name, class, correlation id or serial number; and set it by name."""
    for number in range(2):
        simulator.instance.put(
            "cmdb_ci_server", name="web", correlation_id=f"i-{number}", serial_number=f"s{number}"
        )

    async def find(client: ServiceNowClient) -> None:
        assert len(await client.cmdb.find("web", class_name="cmdb_ci_server")) == 2
        assert len(await client.cmdb.find("web")) == 2
        one = await client.cmdb.find_one("web", correlation_id="i-1")
        assert one is not None
        same = await client.cmdb.find_one(serial_number="s1", class_name="cmdb_ci_server")
        assert same is not None
        assert same.sys_id == one.sys_id
        assert await client.cmdb.find_one("no such item") is None
        with pytest.raises(AmbiguousReferenceError):
            await client.cmdb.find_one("web")
        with pytest.raises(InvalidRequestError, match="needed"):
            await client.cmdb.find()
        item = (await client.table("cmdb_ci").search(field("name").ne("web"), limit=1))[0]
        made = await client.create_incident("x", cmdb_ci=item["name"])
        assert made["cmdb_ci"] == item.sys_id

    use(find, username="admin")


# ---- events


def test_events(simulator: Simulator, use: Callable[..., None]) -> None:
    """Land in em_event, once or twice if need be."""
    simulator.faults.add(faults.unavailable())

    async def send(client: ServiceNowClient) -> None:
        event = await client.events.send(
            "CloudWatch", "web-1", "High CPU", "critical",
            resource="cpu0", metric_name="CPUUtilization", message_key="k", description="99 %",
            time_of_event=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
            additional_info={"a": 1, "b": date(2030, 1, 2)},
        )  # fmt: skip
        assert (event["severity"], event["node"]) == ("1", "web-1")
        assert event.ignored_fields == []
        cleared = await client.events.send(
            "CloudWatch", "web-1", "High CPU", 0, message_key="k", additional_info="{}"
        )
        assert cleared["severity"] == "0"
        with pytest.raises(InvalidRequestError, match="severity"):
            await client.events.send("CloudWatch", "web-1", "High CPU", "bad")

    use(send)
    row = simulator.records("em_event")[0]
    assert (row["time_of_event"], row["additional_info"]) == (
        "2030-01-02 03:04:05",
        '{"a": 1, "b": "2030-01-02"}',
    )


# ---- searches and ends


def test_a_large_search_goes_in_parts(use: Callable[..., None]) -> None:
    """No answer has so many records that the instance would end it."""
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        size = int(request.url.params["sysparm_limit"])
        first = 10_000 - sum(sizes)
        sizes.append(size)
        rows = [
            {
                "sys_id": f"{first - n:032d}",
                "sys_created_on": f"2024-01-10 10:00:00.{first - n:05d}",
            }
            for n in range(size)
        ]
        return httpx.Response(200, json={"result": rows}, headers={"X-Total-Count": "9999"})

    async def search(client: ServiceNowClient) -> None:
        found = await client.incidents.search(limit=2500, fields=["sys_id"])
        assert len({record.sys_id for record in found}) == 2500

    use(search, transport=httpx.MockTransport(answer))
    assert sizes == [1000, 1000, 500]


def test_an_end_that_is_none_is_refused(simulator: Simulator, use: Callable[..., None]) -> None:
    """A slip never resolves what should be closed."""

    async def close(client: ServiceNowClient) -> None:
        for resource in (client.incidents, client.problems):
            with pytest.raises(InvalidRequestError, match="resolved or closed"):
                await resource.close("a" * 32, "Done", state="close")  # type: ignore[arg-type]

    use(close)
    assert simulator.requests == []


# ---- import sets


def test_import_sets(use: Callable[..., None]) -> None:
    """A transform's status and record are read back; the same key twice is one record."""

    async def load(client: ServiceNowClient) -> None:
        row = {"u_short_description": "x", "u_correlation_id": "c", "u_impact": 1, "u_none": None}
        (made,) = await client.import_sets.insert("u_incident_import", row)
        assert (made.status, made.table) == ("inserted", "incident")
        assert (await client.get_incident(made.sys_id)).number == made.number
        row["u_short_description"] = "y"
        (again,) = await client.import_sets.insert("u_incident_import", row)
        assert (again.status, again.sys_id) == ("updated", made.sys_id)
        with pytest.raises(InvalidRequestError):
            await client.import_sets.insert("u_incident_import", {"x": object()})
        with pytest.raises(ServiceNowError):
            await client.import_sets.insert("incident", row)

    use(load, username="admin")


def test_an_import_that_fails(use: Callable[..., None]) -> None:
    """Is an error with the transform's own words, or says that there is none."""

    async def load(client: ServiceNowClient) -> None:
        with pytest.raises(ImportRefusedError, match="No caller") as partly:
            await client.import_sets.insert("u_incident_import", {"a": 1})
        assert partly.value.maybe_applied
        with pytest.raises(ImportRefusedError, match="No caller") as refused:
            await client.import_sets.insert("u_incident_import", {"a": 1})
        assert not refused.value.maybe_applied
        with pytest.raises(ImportRefusedError, match="ended with an error"):
            await client.import_sets.insert("u_incident_import", {"a": 1})
        with pytest.raises(UnexpectedContentError, match="no transform"):
            await client.import_sets.insert("u_incident_import", {"a": 1})

    failed = [{"status": "error", "error_message": "No caller"}]
    half = [{"status": "inserted"}, *failed]
    results: list[list[dict[str, str]]] = [half, failed, [{"status": "error"}], []]
    use(load, transport=answering(*(httpx.Response(201, json={"result": r}) for r in results)))


# ---- any request


def test_any_request(simulator: Simulator, use: Callable[..., None]) -> None:
    """Has the same sign-in, retries and errors."""
    simulator.faults.add(faults.unavailable())

    async def ask(client: ServiceNowClient) -> None:
        answer = await client.request(
            "GET", "/api/now/table/incident", params={"sysparm_limit": "1"}, headers={"X-A": "b"}
        )
        assert (answer.status, len(answer.result)) == (200, 1)
        assert answer.headers["x-total-count"]
        made = await client.request("POST", "/api/now/table/incident", json={"impact": "1"})
        assert made.result["impact"] == "1"
        gone = await client.request("DELETE", f"/api/now/table/incident/{made.result['sys_id']}")
        assert (gone.status, gone.document, gone.result) == (204, None, None)
        with pytest.raises(NotFoundError):
            await client.request("GET", f"/api/now/table/incident/{made.result['sys_id']}")

    use(ask, username="admin")


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("get", "/api", {}), ("GET", "api", {}), ("GET", "//evil.com", {}), ("GET", "@evil", {}),
        ("GET", "/a?b=c", {}), ("GET", "/a#b", {}), ("GET", "/a b", {}), ("GET /x", "/", {}),
        ("GET", "/", {"Authorization": "x"}), ("GET", "/", {"a": "b\r\nc: d"}),
        ("GET", "/", {"a b": "c"}), ("GET", "/", {"Cookie": "a"}),
    ],
)  # fmt: skip
def test_an_odd_request_is_refused(
    simulator: Simulator, use: Callable[..., None], method: str, path: str, headers: dict[str, str]
) -> None:
    """What would go elsewhere, or sign in as somebody else."""

    async def ask(client: ServiceNowClient) -> None:
        with pytest.raises(InvalidRequestError):
            await client.request(method, path, headers=headers)

    use(ask)
    assert simulator.requests == []
