"""What the instance says of itself, and what follows from it."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.servicenow import Simulator, faults, seed
from servicenow_tools import Query, field
from servicenow_tools._ttl_cache import TTLCache
from servicenow_tools.errors import (
    InvalidRequestError,
    PermissionDeniedError,
    ReferenceNotFoundError,
    ServiceNowError,
    StateError,
)
from servicenow_tools.records import Choice, FieldProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    from servicenow_tools import ServiceNowClient

    Connect = Callable[..., ServiceNowClient]


# ---- columns, mandatory fields, previews


def test_columns_are_inherited_and_kept(simulator: Simulator, connect: "Connect") -> None:
    """A table's own and those of task, asked for once."""

    async def read() -> None:
        async with connect("admin") as client:
            for _ in range(2):
                columns = await client.table("incident").columns()
            assert columns["caller_id"].reference == "sys_user"
            assert columns["short_description"].max_length == 160
            assert columns["category"].has_choices
            assert columns["sys_id"].read_only
            assert columns["caller_id"].mandatory
            assert "reason" not in columns

    asyncio.run(read())
    assert len(simulator.requests) == 2


def test_a_hidden_dictionary_is_empty(connect: "Connect") -> None:
    """For a user without its role nothing is known, and nothing is claimed."""

    async def read() -> None:
        async with connect() as client:
            assert await client.table("incident").columns() == {}
            assert await client.table("incident").mandatory_fields() == []

    asyncio.run(read())


def test_a_refused_dictionary_is_empty_too(simulator: Simulator, connect: "Connect") -> None:
    """Some instances answer 403."""
    refusal = faults.error(403, "Insufficient rights", None, path="*/sys_d*", times=None)
    simulator.faults.add(refusal)

    async def read() -> None:
        async with connect("admin") as client:
            assert await client.table("incident").columns() == {}

    asyncio.run(read())


def test_a_name_that_cannot_be_asked_for(connect: "Connect") -> None:
    """Is refused with the column's name."""

    async def create() -> None:
        async with connect() as client:
            with pytest.raises(InvalidRequestError) as refused:
                await client.create_incident("x", assignment_group="a^b")
            assert refused.value.field == "assignment_group"

    asyncio.run(create())


def test_mandatory_fields_come_with_their_reasons(simulator: Simulator, connect: "Connect") -> None:
    """From the dictionary and from data policies, with the condition that makes them so."""
    policy = simulator.one("sys_data_policy2", model_table="incident")["sys_id"]
    simulator.instance.put("sys_data_policy_rule", sys_data_policy=policy, mandatory="true")

    async def read() -> None:
        async with connect("admin") as client:
            fields = await client.table("incident").mandatory_fields()
            assert {(f.field, f.condition, f.source) for f in fields} == {
                ("short_description", "", "dictionary"),
                ("caller_id", "", "dictionary"),
                ("close_code", "stateIN6,7", "Resolved incidents say how"),
                ("close_notes", "stateIN6,7", "Resolved incidents say how"),
            }
            assert {f.label for f in fields if f.field == "close_code"} == {"Resolution code"}

    asyncio.run(read())


def test_a_preview_writes_nothing_and_finds_what_is_wrong(
    simulator: Simulator, connect: "Connect"
) -> None:
    """Each problem by its field; what would be sent as it would be sent."""
    before = simulator.records("incident")

    async def look() -> None:
        async with connect("admin") as client:
            preview = await client.table("incident").preview(
                {
                    "short_description": "x" * 161,
                    "urgency": "high",
                    "assignment_group": "Network",
                    "assigned_to": "Nobody Known",
                    "category": "unheard of",
                    "u_bunk": "x",
                    "description": None,
                    "impact": "odd",
                    "sys_id": "a" * 32,
                },
            )
            assert preview.values["urgency"] == "1"
            assert preview.values["assignment_group"] == seed.sys_id("Network")
            assert sorted(problem.field for problem in preview.problems) == [
                "assigned_to", "caller_id", "category", "impact", "short_description", "sys_id",
                "u_bunk",
            ]  # fmt: skip
            by_field = {problem.field: problem.message for problem in preview.problems}
            assert by_field["short_description"] == "would be cut to 160 characters"
            assert by_field["category"].startswith("must be one of inquiry")
            assert by_field["u_bunk"] == "is no field of incident"
            fine = await client.table("incident").preview({"urgency": 2}, id="INC0000001")
            assert (fine.values, fine.problems) == ({"urgency": "2"}, [])

    asyncio.run(look())
    assert simulator.records("incident") == before
    assert {request.method for request in simulator.requests} == {"GET"}


def test_a_preview_claims_nothing_of_a_hidden_dictionary(connect: "Connect") -> None:
    """What cannot be seen is no problem."""

    async def look() -> None:
        async with connect() as client:
            preview = await client.table("incident").preview({"u_bunk": "x"})
            assert preview.problems == []

    asyncio.run(look())


@pytest.mark.parametrize(
    ("column", "problems"),
    [
        ({"read_only": "true"}, [FieldProblem("u_x", "cannot be set")]),
        ({"max_length": "", "choice": "1"}, []),
        ({"choice": "3", "element": "category"}, []),
    ],
)
def test_odd_columns(
    simulator: Simulator, connect: "Connect", column: dict[str, str], problems: list[FieldProblem]
) -> None:
    """Read-only ones, ones without a length, and lists without choices."""
    simulator.instance.put("sys_dictionary", name="task", element="u_x", active="true")
    row = simulator.one("sys_dictionary", element="u_x")
    found = simulator.instance.find("sys_dictionary", row["sys_id"])
    assert found is not None
    found.update({**column, "element": "u_x"})

    async def look() -> None:
        async with connect("admin") as client:
            preview = await client.table("incident").preview({"u_x": "v"}, id="INC0000001")
            assert preview.problems == problems

    asyncio.run(look())


@pytest.mark.parametrize("username", ["admin", seed.INTEGRATION_USER])
def test_a_companys_own_reference_takes_a_name(
    simulator: Simulator, connect: "Connect", username: str
) -> None:
    """Where the dictionary can be read; else it goes as it is, and the instance judges."""
    for name, reference in (("u_service", "cmdb_ci"), ("u_text", "")):
        simulator.instance.put(
            "sys_dictionary", name="incident", element=name, reference=reference,
            internal_type="reference" if reference else "string", active="true",
        )  # fmt: skip

    async def look() -> None:
        async with connect(username) as client:
            preview = await client.table("incident").preview(
                {"u_service": "Checkout", "u_text": "Checkout"}, id="INC0000001"
            )
            known = seed.sys_id("Checkout") if username == "admin" else "Checkout"
            assert preview.values == {"u_service": known, "u_text": "Checkout"}

    asyncio.run(look())


# ---- queries of fields that there are


@pytest.mark.parametrize(
    "query",
    [
        field("u_bunk").eq("x"),
        field("priority").eq(1) & field("u_bunk").eq("x"),
        field("priority").eq(1) | field("u_bunk").eq("x"),
        field("assignment_group.u_bunk").eq("x"),
        field("caller_id.manager.u_bunk").eq("x"),
        field("short_description.name").eq("x"),
    ],
)
def test_an_unknown_field_is_refused(
    simulator: Simulator, connect: "Connect", query: Query
) -> None:
    """ServiceNow would ignore the condition and return every row."""

    async def search() -> None:
        async with connect("admin") as client:
            incidents = client.incidents
            for ask in (incidents.page, incidents.count):
                with pytest.raises(InvalidRequestError) as refused:
                    await ask(query)
                assert refused.value.field in query.fields

    asyncio.run(search())
    assert not [r for r in simulator.requests if r.path.endswith("/incident")]


def test_no_work_goes_to_an_inactive_group(simulator: Simulator, connect: "Connect") -> None:
    """Nobody looks into its queue; its old tickets can be searched for all the same."""
    old = simulator.instance.put("sys_user_group", name="Old Services", active="false")

    async def ask() -> None:
        async with connect() as client:
            with pytest.raises(ReferenceNotFoundError, match="only an inactive record"):
                await client.create_incident("x", assignment_group="Old Services")
            found = await client.search_incidents(assignment_group="Old Services")
            assert found == []
            made = await client.create_incident("x", assignment_group=old["sys_id"])
            (found_one,) = await client.search_incidents(assignment_group="Old Services")
            assert found_one.sys_id == made.sys_id

    asyncio.run(ask())


def test_an_active_record_wins_over_one_of_the_same_name(
    simulator: Simulator, connect: "Connect"
) -> None:
    """A group that was given up does not make its successor's name ambiguous."""
    active = simulator.one("sys_user_group", name="Field Services", active="true")

    async def create() -> None:
        async with connect() as client:
            made = await client.create_incident("x", assignment_group="Field Services")
            assert made["assignment_group"] == active["sys_id"]

    asyncio.run(create())


def test_a_whole_number_has_no_fraction(connect: "Connect") -> None:
    """JSON of others has 1.0 where ServiceNow has 1."""

    async def update() -> None:
        async with connect() as client:
            changed = await client.incidents.update("INC0000001", {"urgency": 1.0})
            assert (changed["urgency"], changed.ignored_fields) == ("1", [])

    asyncio.run(update())


def test_well_known_fields_cost_no_question(simulator: Simulator, connect: "Connect") -> None:
    """What every instance has is not asked about, but who is meant."""

    async def search() -> None:
        async with connect() as client:
            await client.search_incidents(
                state="open", assignment_group="Network", caller_id="abel.tuter", urgency="high"
            )
            await client.search_change_requests(state="open", risk="high")

    asyncio.run(search())
    paths = [request.path.rpartition("/")[2] for request in simulator.requests]
    assert paths == ["sys_user_group", "sys_user", "incident", "change_request"]


@pytest.mark.parametrize("username", ["admin", seed.INTEGRATION_USER])
def test_a_query_walks_through_references(connect: "Connect", username: str) -> None:
    """Through those that are given by sys_id as well, and through no other field."""

    async def search() -> None:
        async with connect(username) as client:
            for name in ("resolved_by.name", "location.name", "parent.number", "company.name"):
                assert await client.incidents.count(field(name).eq("x")) == 0
            assert await client.changes.count(field("chg_model.name").eq("x")) == 0
            with pytest.raises(InvalidRequestError, match="no reference"):
                await client.incidents.count(field("state.name").eq("x"))

    asyncio.run(search())


def test_a_query_walks_through_no_text(connect: "Connect") -> None:
    """The dictionary tells a company's own text from a reference."""

    async def search() -> None:
        async with connect("admin") as client:
            with pytest.raises(InvalidRequestError, match="no reference"):
                await client.incidents.count(field("reassignment_count.name").eq("x"))

    asyncio.run(search())


def test_without_the_dictionary_a_record_tells(simulator: Simulator, connect: "Connect") -> None:
    """Its columns are the table's; asked for once."""
    simulator.instance.put("cmdb_ci", name="One")

    async def search() -> None:
        async with connect() as client:
            known = len(simulator.records("cmdb_ci"))
            assert (
                await client.table("cmdb_ci").count(field("sys_updated_on").is_not_empty()) == known
            )
            with pytest.raises(InvalidRequestError, match="is no field of cmdb_ci"):
                await client.table("cmdb_ci").count(field("u_bunk").eq("x"))
            # What a custom reference points to is not known: it passes.
            await client.table("cmdb_ci").count(field("sys_updated_by.u_any").eq("x"))

    asyncio.run(search())
    assert sum(r.path.endswith("/table/cmdb_ci") for r in simulator.requests) == 1


@pytest.mark.parametrize("hidden", [True, False])
def test_where_nothing_can_be_known_a_query_passes(
    simulator: Simulator, connect: "Connect", *, hidden: bool
) -> None:
    """An empty or hidden table tells nothing."""
    if hidden:
        refusal = faults.error(
            403, "Insufficient rights", None, path="*/table/change_task", times=None
        )
        simulator.faults.add(refusal)

    async def search() -> None:
        async with connect() as client:
            assert await client.table("change_task").count(field("u_any").eq("x")) == 0

    asyncio.run(search())


def test_counting(simulator: Simulator, connect: "Connect") -> None:
    """Without reading a record; an odd answer counts nothing."""

    async def count() -> None:
        async with connect() as client:
            assert await client.table("incident").count() == len(simulator.records("incident"))
            critical = [row for row in simulator.records("incident") if row["priority"] == "1"]
            assert await client.table("incident").count(field("priority").eq(1)) == len(critical)
        bodies: list[dict[str, Any]] = [{}, {"stats": {}}, {"stats": {"count": "many"}}]
        for body in bodies:
            answer = httpx.Response(200, json={"result": body})
            transport = httpx.MockTransport(lambda _, answer=answer: answer)
            async with connect(transport=transport) as client:
                assert await client.table("incident").count() == 0

    asyncio.run(count())


# ---- choices


def test_choices_in_english_and_inherited(simulator: Simulator, connect: "Connect") -> None:
    """A label in English where there is one; those of task for a task's table."""
    for language, label in (("de", "Neu"), ("en", "Fresh"), ("fr", "")):
        simulator.instance.put(
            "sys_choice", name="incident", element="u_mood", value="1", label=label,
            language=language, inactive="false",
        )  # fmt: skip

    async def read() -> None:
        async with connect() as client:
            assert await client.table("incident").choices("u_mood") == [Choice("1", "Fresh")]
            assert (await client.table("incident").choices("urgency"))[0].label == "1 - High"
            assert await client.table("cmdb_ci").choices("urgency") == []

    asyncio.run(read())


def test_a_close_code_that_the_instance_lacks(simulator: Simulator, connect: "Connect") -> None:
    """Is refused before the write, with those it has."""

    async def close() -> None:
        async with connect() as client:
            with pytest.raises(InvalidRequestError, match="Solution provided") as refused:
                await client.close_incident("INC0000004", "done", "Solved (Magically)")
            assert refused.value.field == "close_code"

    asyncio.run(close())
    assert {request.method for request in simulator.requests} == {"GET"}


@pytest.mark.parametrize("cache", [True, False])
def test_where_the_codes_are_hidden_the_instance_judges(
    simulator: Simulator, connect: "Connect", *, cache: bool
) -> None:
    """A user who may not read them can resolve all the same."""
    if cache:
        refusal = faults.error(403, "Insufficient rights", None, path="*/sys_choice", times=None)
        simulator.faults.add(refusal)
    else:
        for row in simulator.records("sys_choice"):
            if row["element"] == "close_code":
                simulator.instance.delete("sys_choice", row["sys_id"])

    async def close() -> None:
        async with connect() as client:
            record = await client.close_incident("INC0000004", "done")
            assert record["close_code"] == "Solution provided"

    asyncio.run(close())


@pytest.mark.parametrize("hidden", [True, False])
def test_a_level_that_no_new_instance_has(
    simulator: Simulator, connect: "Connect", *, hidden: bool
) -> None:
    """Is refused with the instance's choices; where these are hidden, the instance judges."""
    if hidden:
        refusal = faults.error(403, "Insufficient rights", None, path="*/sys_choice", times=None)
        simulator.faults.add(refusal)

    async def create() -> None:
        async with connect() as client:
            with pytest.raises(InvalidRequestError, match=r"(?i)medium") as refused:
                await client.incidents.create("x", urgency="no such level")
            assert refused.value.field == "urgency"
            if hidden:
                await client.incidents.create("x", urgency="4")
                (sent,) = (each for each in simulator.requests if each.method == "POST")
                assert sent.status == 201
            else:
                with pytest.raises(InvalidRequestError, match="1 - High"):
                    await client.incidents.create("x", urgency="4")

    asyncio.run(create())


def test_who_signs_in(simulator: Simulator, connect: "Connect") -> None:
    """The sys_id of the user, or None where the instance hides it."""

    async def who() -> str | None:
        async with connect() as client:
            return await client.current_user_id()

    user_id = asyncio.run(who())
    assert user_id is not None
    user = simulator.one("sys_user", sys_id=user_id)
    assert user["user_name"] == "actionsync.integration"
    simulator.faults.add(faults.error(403, "Insufficient rights", None, path="*", times=None))
    assert asyncio.run(who()) is None


# ---- an incident's other ways


def test_an_incident_is_held_reopened_and_canceled(
    simulator: Simulator, connect: "Connect"
) -> None:
    """Each with its reason, and only where its state allows it."""

    async def work() -> None:
        async with connect() as client:
            held = await client.incidents.hold("INC0000001", "Awaiting Caller", "Please restart")
            assert (held["state"], held["hold_reason"]) == ("3", "1")
            held = await client.incidents.hold("INC0000001", 4)
            assert held["hold_reason"] == "4"
            with pytest.raises(InvalidRequestError) as refused:
                await client.incidents.hold("INC0000001", "awaiting caller")
            assert refused.value.field == "comment"
            with pytest.raises(StateError, match="only a resolved one"):
                await client.incidents.reopen("INC0000001", "again")
            await client.close_incident("INC0000001", "done")
            reopened = await client.incidents.reopen("INC0000001", "it came back")
            assert (reopened["state"], reopened["reopen_count"]) == ("2", "1")
            canceled = await client.incidents.cancel("INC0000001", "a test")
            assert canceled["state"] == "8"
            await client.table("incident").add_comment("INC0000002", "We are on it")
            notes = await client.table("incident").notes("INC0000001")
            assert {(note["element"], note["value"]) for note in notes} == {
                ("comments", "Please restart"),
                ("work_notes", "it came back"),
                ("work_notes", "a test"),
            }

    asyncio.run(work())
    assert simulator.one("sys_journal_field", element_id=seed.sys_id("incident 2"))["value"] == (
        "We are on it"
    )


# ---- records once


def test_concurrent_duplicates_make_one_record(simulator: Simulator, connect: "Connect") -> None:
    """The same correlation_id at once, and again later."""

    async def create() -> None:
        async with connect() as client:
            records = await asyncio.gather(
                *(client.create_incident("twin", correlation_id="cause-1") for _ in range(10))
            )
            records.append(await client.create_incident("twin", correlation_id="cause-1"))
            other = await client.create_incident("other", correlation_id="cause-2")
            assert len({record.sys_id for record in records}) == 1
            assert other.sys_id != records[0].sys_id

    asyncio.run(create())
    assert simulator.one("incident", correlation_id="cause-1")["short_description"] == "twin"


@pytest.mark.parametrize("given", [" x", "x" * 101, "a^b", "a\nb"])
def test_a_correlation_id_that_could_not_be_looked_up(connect: "Connect", given: str) -> None:
    """Is refused, on a create and on a look-up."""

    async def create() -> None:
        async with connect() as client:
            for call in (
                client.create_incident("x", correlation_id=given),
                client.table("incident").find_by_correlation_id(given),
            ):
                with pytest.raises(InvalidRequestError) as refused:
                    await call
                assert refused.value.field == "correlation_id"

    asyncio.run(create())


def test_a_look_up_never_takes_a_stranger(simulator: Simulator, connect: "Connect") -> None:
    """A table without the column answers with any row; letters count."""
    simulator.instance.put("incident", correlation_id="CAUSE")

    async def find() -> None:
        async with connect() as client:
            assert await client.table("incident").find_by_correlation_id("cause") is None
            with pytest.raises(InvalidRequestError, match="cannot be searched"):
                await client.table("sys_user").find_by_correlation_id("cause")

    asyncio.run(find())


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (3, "3"), (datetime(2024, 1, 10, tzinfo=UTC).date(), "2024-01-10"),
     ([1], None), ("\ud800", None)],
)  # fmt: skip
def test_what_is_no_value_is_refused(connect: "Connect", value: Any, text: str | None) -> None:
    """Lists and broken text are no column's value."""

    async def look() -> None:
        async with connect() as client:
            if text is None:
                with pytest.raises(InvalidRequestError):
                    await client.update_incident("a" * 32, description=value)
            else:
                preview = await client.table("incident").preview({"description": value})
                assert preview.values == {"description": text}

    asyncio.run(look())


def test_a_number_of_a_table_without_numbers(connect: "Connect") -> None:
    """The ignored condition would answer with anybody."""

    async def read() -> None:
        async with connect() as client:
            with pytest.raises(ServiceNowError, match="No record of sys_user has the number"):
                await client.table("sys_user").get("INC0000001")

    asyncio.run(read())


def test_what_is_hidden_cannot_be_paged(connect: "Connect") -> None:
    """Without its moment of creation there is no next page."""
    rows = [{"sys_id": "a" * 32}, {"sys_id": "b" * 32}]
    answer = httpx.Response(200, json={"result": rows})

    async def read() -> None:
        async with connect(transport=httpx.MockTransport(lambda _: answer)) as client:
            with pytest.raises(InvalidRequestError, match="hidden"):
                await client.table("incident").page(limit=1)

    asyncio.run(read())


def test_a_cursor_belongs_to_its_search(connect: "Connect") -> None:
    """Another search, or a changed cursor, is refused."""

    async def read() -> None:
        async with connect() as client:
            page = await client.table("incident").page(limit=2, display_value=True)
            assert page.total == 7
            following = await client.table("incident").page(limit=2, cursor=page.next)
            assert following.total == 7
            assert page.next is not None
            for table, cursor in (
                ("change_request", page.next), ("incident", page.next[:-2]), ("incident", "e30"),
            ):  # fmt: skip
                with pytest.raises(InvalidRequestError) as refused:
                    await client.table(table).page(limit=2, cursor=cursor)
                assert refused.value.field == "cursor"

    asyncio.run(read())


def test_a_closing_that_stops_half_way_says_so(connect: "Connect") -> None:
    """Resolved and not closed: the second write needs another role."""

    async def close() -> None:
        async with connect() as client:
            with pytest.raises(PermissionDeniedError) as refused:
                await client.close_incident("INC0000004", "done", state="closed")
            assert refused.value.maybe_applied

    asyncio.run(close())


def test_a_failed_creator_is_followed_by_the_next(simulator: Simulator, connect: "Connect") -> None:
    """One at a time, also where the first fails: never two."""
    simulator.faults.add(faults.error(403, "Insufficient rights", None, method="POST"))

    async def create() -> None:
        async with connect() as client:
            outcomes = await asyncio.gather(
                *(client.create_incident("twin", correlation_id="cause-1") for _ in range(5)),
                return_exceptions=True,
            )
            assert [type(outcome) for outcome in outcomes].count(PermissionDeniedError) == 1

    asyncio.run(create())
    assert simulator.one("incident", correlation_id="cause-1")["short_description"] == "twin"


def test_what_was_kept_longest_goes_first() -> None:
    """When there is too much, and when its time is over."""
    cache = TTLCache[str, int](60.0, size=2)
    for number, name in enumerate("abc"):
        assert cache.put(name, number) == number
    assert [cache.get(name) for name in "abc"] == [None, 1, 2]
    brief = TTLCache[str, int](0.0, size=2)
    brief.put("a", 1)
    assert brief.get("a") is None


@pytest.mark.parametrize(
    ("table", "column", "name", "stored"),
    [
        ("problem", "duplicate_of", "PRB0000001", "problem 1"),
        ("cmdb_ci", "duplicate_of", "lnux101", "lnux101"),
        ("cmdb_ci_linux_server", "duplicate_of", "lnux101", "lnux101"),
        ("incident", "caused_by", "CHG0000001", "change 1"),
        ("change_task", "change_request", "CHG0000001", "change 1"),
    ],
)
def test_a_reference_goes_by_table_and_column(
    connect: "Connect", table: str, column: str, name: str, stored: str
) -> None:
    """The same column name leads elsewhere in another table."""

    async def look() -> None:
        async with connect() as client:
            preview = await client.table(table).preview({column: name})
            assert preview.values == {column: seed.sys_id(stored)}
            with pytest.raises(ReferenceNotFoundError):
                await client.table(table).query(**{column: "nothing has this name"})

    asyncio.run(look())


def test_where_a_column_of_another_table_leads_the_dictionary_says(
    simulator: Simulator, connect: "Connect"
) -> None:
    """A number is looked up where it points to, or goes as it is where nobody can say."""
    row = {"name": "sc_task", "element": "problem", "internal_type": "reference"}
    simulator.instance.put("sys_dictionary", **row, reference="problem", active="true")

    async def look() -> None:
        async with connect("admin") as client:
            known = await client.table("sc_task").preview({"problem": "PRB0000001"})
            assert known.values == {"problem": seed.sys_id("problem 1")}
        async with connect() as client:
            hidden = await client.table("sc_task").preview({"problem": "PRB0000001"})
            assert hidden.values == {"problem": "PRB0000001"}

    asyncio.run(look())
