"""Tools for the tickets and the knowledge of an instance."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Protocol

import anyio
from pydantic import AwareDatetime, Field

from servicenow_tools import ServiceNowClient, field
from servicenow_tools.errors import (
    InvalidRequestError,
    ServiceNowError,
    UnexpectedContentError,
)
from servicenow_tools.mcp.tools import (
    LONGEST_TEXT,
    Answer,
    Arguments,
    Cursor,
    Deadline,
    Id,
    Limit,
    Table,
    Tool,
    rows,
    shown_text,
)
from servicenow_tools.query import Query
from servicenow_tools.records import Page, Record
from servicenow_tools.tables import Resource
from servicenow_tools.tables import Table as ClientTable

# Lends a client of a connection, by its name, for calls that concern a table.
ClientFor = Callable[[str, str], AbstractAsyncContextManager[ServiceNowClient]]

TABLES = ("incident", "change_request", "change_task", "problem")
_LISTED = (
    "short_description", "state", "priority", "assignment_group", "assigned_to", "cmdb_ci",
    "business_service", "opened_at", "sys_updated_on", "start_date", "end_date", "close_code",
)  # fmt: skip
# An instance is asked for so many at a time, so that what came in time is not lost.
_STEP = 10
_NOTES = ("work_notes", "comments")
_LONGEST_RECORD = 60_000
_MOST_CHOICES = 200

Name = Annotated[str | None, Field(max_length=200)]


class Search(Arguments):
    """Which tickets to find."""

    table: Table
    text: Annotated[Name, Field(description="Words that occur somewhere in the ticket.")] = None
    short_description: Annotated[Name, Field(description="A text that it contains.")] = None
    state: Annotated[
        Name, Field(description="`open` for all that is not over, or a state by label or code.")
    ] = None
    priority: Annotated[Name, Field(description="1 (critical) to 5 (planning).")] = None
    assignment_group: Name = None
    assigned_to: Name = None
    service: Annotated[
        Name, Field(description="The exact name of the configuration item or of the service.")
    ] = None
    correlation_id: Name = None
    opened_after: AwareDatetime | None = None
    opened_before: AwareDatetime | None = None
    limit: Limit = 10
    cursor: Cursor = None


class Ticket(Arguments):
    """A ticket."""

    table: Table
    id: Id


class Notes(Ticket):
    """Whose notes to read."""

    limit: Limit = 10
    cursor: Cursor = None


class Knowledge(Arguments):
    """What to look for."""

    text: Annotated[str, Field(min_length=1, max_length=200, description="Words that occur in it.")]
    kind: Annotated[
        Literal["article", "known_error"],
        Field(description="Published articles, or problems whose cause is known."),
    ] = "known_error"
    limit: Annotated[int, Field(ge=1, le=10)] = 5
    cursor: Cursor = None


class Choices(Arguments):
    """Whose values to list."""

    table: Table
    column: Annotated[str, Field(max_length=80, description="As close_code, state, category.")]


class Service(Arguments):
    """Which service to look at."""

    service: Annotated[
        str,
        Field(
            min_length=1,
            max_length=200,
            description="The exact name of the configuration item or of the service.",
        ),
    ]
    days: Annotated[int, Field(ge=1, le=90, description="How far back changes are recent.")] = 7


class TicketTools:
    """What an assistant reads of an instance.

    Args:
        client_for: opens a connection's client for as long as it is used.
        tables: the tables that may be read.
    """

    def __init__(self, client_for: ClientFor, tables: Sequence[str] = TABLES) -> None:
        self._client_for = client_for
        self._tables = tuple(tables)

    def tools(self) -> list[Tool]:
        """Return the tools."""
        of_tables = {"table": self._tables}
        return [
            Tool(
                "search_tickets",
                "Search tickets",
                "Find tickets of a table, the newest first. Conditions add up; names of groups, "
                "people and services are the instance's own.",
                Search,
                self.search,
                of_tables,
            ),
            Tool(
                "show_ticket",
                "Show a ticket",
                "Read all that is set in one ticket, as a person sees it.",
                Ticket,
                self.show,
                of_tables,
            ),
            Tool(
                "list_notes",
                "List a ticket's notes",
                "Read the work notes and comments of one ticket, the newest first.",
                Notes,
                self.notes,
                of_tables,
            ),
            Tool(
                "search_knowledge",
                "Search known errors and articles",
                "Find known errors (problems whose cause is known, with their workaround) or "
                "published knowledge articles.",
                Knowledge,
                self.knowledge,
            ),
            Tool(
                "list_choices",
                "List a column's values",
                "List the values that a column of tickets takes in this instance, as its close "
                "codes, states or categories.",
                Choices,
                self.choices,
                of_tables,
            ),
            Tool(
                "show_service",
                "Show a service",
                "Show a service's open incidents, problems and changes, and its recent changes: "
                "what may have broken it, and what a change may meet. search_tickets goes on "
                "where a list is longer.",
                Service,
                self.service,
            ),
        ]

    async def search(self, asked: Search) -> Answer:
        """Find tickets."""
        self._check(asked.table)
        return await self._search(asked, Deadline())

    async def show(self, asked: Ticket) -> Answer:
        """Read a ticket."""
        self._check(asked.table)
        async with self._client_for(asked.connection, asked.table) as client:
            record = await client.table(asked.table).get(asked.id, display_value="all")
        ticket, left_out, size = {}, [], 0
        for column in sorted(record, key=lambda name: (len(str(record[name])), name)):
            text = shown_text(record, column)[:LONGEST_TEXT]
            size += len(text.encode())
            if text and size <= _LONGEST_RECORD:
                ticket[column] = text
            elif text:
                left_out.append(f"{column}: the ticket was too large.")
        return Answer({"url": record.url, "ticket": ticket}, left_out=tuple(left_out))

    async def notes(self, asked: Notes) -> Answer:
        """Read a ticket's notes."""
        self._check(asked.table)
        async with self._client_for(asked.connection, asked.table) as client:
            sys_id = await client.table(asked.table).resolve_sys_id(asked.id)
            query = field("element_id").eq(sys_id) & field("element").in_(_NOTES)
            page = await client.table("sys_journal_field").page(
                query, limit=asked.limit, cursor=asked.cursor
            )
        if any(note.get("element_id") != sys_id for note in page.records):
            raise UnexpectedContentError(200, "The instance answered with other records' notes.")
        found = [
            {
                "at": f"{note.get('sys_created_on')} UTC",
                "by": note.get("sys_created_by"),
                "kind": note.get("element"),
                "text": note.get("value"),
            }
            for note in page.records
        ]
        return Answer({"notes": found, "total": page.total}, page.next)

    async def knowledge(self, asked: Knowledge) -> Answer:
        """Find known errors or articles."""
        columns: tuple[str, ...]
        if asked.kind == "article":
            table, query = "kb_knowledge", field("workflow_state").eq("published")
            columns = ("short_description", "text", "sys_updated_on")
        else:
            self._check("problem")
            table, query = "problem", field("known_error").eq(value=True)
            columns = ("short_description", "workaround", "cause_notes", "fix_notes", "state")
        async with self._client_for(asked.connection, table) as client:
            page = await client.table(table).page(
                query & Query.text(asked.text),
                limit=asked.limit,
                cursor=asked.cursor,
                fields=("number", *columns),
                display_value="all",
            )
        found = [
            {
                "number": record.number,
                "url": record.url,
                **{name: shown_text(record, name) for name in columns if record.get(name)},
            }
            for record in page.records
        ]
        return Answer({"records": found, "total": page.total}, page.next)

    async def choices(self, asked: Choices) -> Answer:
        """List a column's values."""
        self._check(asked.table)
        async with self._client_for(asked.connection, "sys_choice") as client:
            found = await client.table(asked.table).choices(asked.column)
        listed = [asdict(choice) for choice in found[:_MOST_CHOICES]]
        left_out = (f"{len(found) - len(listed)} more values.",) if len(found) > len(listed) else ()
        return Answer({"choices": listed}, left_out=left_out)

    async def service(self, asked: Service) -> Answer:
        """Show what is open at a service, and what changed there."""
        deadline = Deadline()
        since = datetime.now(UTC).replace(microsecond=0) - timedelta(days=asked.days)
        shared: dict[str, Any] = {"connection": asked.connection, "service": asked.service}
        wanted = {
            "open_incidents": Search(table="incident", state="open", **shared),
            "open_problems": Search(table="problem", state="open", **shared),
            "open_changes": Search(table="change_request", state="open", **shared),
            "recent_changes": Search(table="change_request", opened_after=since, **shared),
        }
        found: dict[str, Any] = {}
        left_out: list[str] = []

        for name, search in wanted.items():
            if search.table not in self._tables:
                left_out.append(f"{name}: {search.table} may not be read here.")
                continue
            # Without the first, which says whether the instance is there, the others tell nothing.
            try:
                answer = await self._search(search, deadline)
            except ServiceNowError as error:
                if not found:
                    raise
                left_out.append(f"{name}: {error}")
                continue
            found[name] = {
                **answer.found,
                "search": search.model_dump(mode="json", exclude_defaults=True),
                "next_cursor": answer.next_cursor,
            }
            left_out += [f"{name}: {text}" for text in answer.left_out]
        return Answer({"service": asked.service, **found}, left_out=tuple(left_out))

    # ---- inside

    def _check(self, table: str) -> None:
        if table not in self._tables:
            raise InvalidRequestError(f"must be one of {', '.join(self._tables)}", "table")

    async def _search(self, asked: Search, deadline: Deadline) -> Answer:
        records: list[Record] = []
        page = Page([], None, asked.cursor)
        with anyio.move_on_after(deadline.seconds) as scope:
            async with self._client_for(asked.connection, asked.table) as client:
                resource = client.table(asked.table)
                query = await _query(resource, asked)
                while True:
                    page = await resource.page(
                        query,
                        limit=min(_STEP, asked.limit - len(records)),
                        cursor=page.next,
                        fields=("number", *_LISTED),
                        display_value="all",
                    )
                    records += page.records
                    if page.next is None or len(records) >= asked.limit:
                        break
        late = ("What follows: the instance did not answer in time.",) * scope.cancelled_caught
        return Answer(rows(Page(records, page.total, None), _LISTED), page.next, late)


async def _query(resource: ClientTable, asked: Search) -> Query:
    named = {
        name: getattr(asked, name)
        for name in ("short_description", "state", "priority", "assignment_group", "assigned_to",
                     "correlation_id")
    }  # fmt: skip
    query = await resource.query(**named)
    if asked.text:
        query &= Query.text(asked.text)
    if asked.service:
        query &= field("cmdb_ci.name").eq(asked.service) | field("business_service.name").eq(
            asked.service
        )
    if asked.opened_after:
        query &= field("opened_at").ge(asked.opened_after)
    if asked.opened_before:
        query &= field("opened_at").lt(asked.opened_before)
    return query


# ---- what writes

Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Level = Annotated[Literal["high", "medium", "low"] | None, Field()]


class Write(Arguments):
    """What every write takes."""

    correlation_id: Annotated[
        str,
        Field(
            pattern=r"^[\x21-\x7e]{1,100}$",
            description="A name of your own for this one write: repeated with it, the write is "
            "done once.",
        ),
    ]
    preview: Annotated[
        bool, Field(description="Show what would be written and what is wrong; write nothing.")
    ] = False


class NewIncident(Write):
    """An incident to open."""

    short_description: Annotated[str, Field(min_length=1, max_length=160)]
    description: Text | None = None
    urgency: Level = None
    impact: Level = None
    assignment_group: Name = None
    cmdb_ci: Annotated[Name, Field(description="The configuration item concerned.")] = None


class NewNote(Write):
    """A work note to add."""

    table: Table
    id: Id
    note: Text


class Resolution(Write):
    """How an incident was resolved."""

    id: Id
    close_notes: Text
    close_code: Annotated[
        Name, Field(description="One of list_choices; left out: that of a solution.")
    ] = None


class Writer(Protocol):
    """Writes tickets, each write once for its correlation_id."""

    async def create_incident(self, asked: NewIncident, columns: dict[str, Any]) -> dict[str, Any]:
        """Open an incident."""

    async def add_work_note(self, asked: NewNote) -> dict[str, Any]:
        """Add a work note."""

    async def resolve_incident(self, asked: Resolution) -> dict[str, Any]:
        """Resolve an incident."""


class WriteTools:
    """What an assistant writes: work notes, never comments; only the ticket that a call names.

    Args:
        client_for: opens a connection's client for as long as it is used, for previews.
        writer: writes.
        tables: the tables that may be written.
        may_write: whether this caller may; else there are no tools, and a call is refused.
    """

    def __init__(
        self,
        client_for: ClientFor,
        writer: Writer,
        tables: Sequence[str] = TABLES,
        *,
        may_write: bool,
    ) -> None:
        self._client_for = client_for
        self._writer = writer
        self._tables = tuple(tables)
        self._may_write = may_write

    def tools(self) -> list[Tool]:
        """Return the tools; none where nothing may be written."""
        if not self._may_write:
            return []
        return [
            Tool(
                "create_incident",
                "Open an incident",
                "Open an incident. Look for one that is open already, and preview, before.",
                NewIncident,
                self.create,
                writes=True,
            ),
            Tool(
                "add_work_note",
                "Add a work note",
                "Add a work note, which only those who work on the ticket see, to one ticket.",
                NewNote,
                self.note,
                {"table": self._tables},
                writes=True,
            ),
            Tool(
                "resolve_incident",
                "Resolve an incident",
                "Resolve one incident, with notes that say what was wrong and what solved it.",
                Resolution,
                self.resolve,
                writes=True,
            ),
        ]

    async def create(self, asked: NewIncident) -> Answer:
        """Open an incident, or show what would be sent."""
        self._check("incident")
        columns = asked.model_dump(
            exclude={"connection", "preview", "correlation_id"}, exclude_none=True
        )
        if asked.preview:
            return await self._preview(asked, "incident", columns)
        return Answer({"ticket": await self._writer.create_incident(asked, columns)})

    async def note(self, asked: NewNote) -> Answer:
        """Add a work note, or show what would be sent."""
        self._check(asked.table)
        if asked.preview:
            return await self._preview(asked, asked.table, {"work_notes": asked.note}, asked.id)
        return Answer({"ticket": await self._writer.add_work_note(asked)})

    async def resolve(self, asked: Resolution) -> Answer:
        """Resolve an incident, or show what would be sent."""
        self._check("incident")
        columns = {"state": "resolved", "close_notes": asked.close_notes}
        if asked.close_code:
            columns["close_code"] = asked.close_code
        if asked.preview:
            return await self._preview(asked, "incident", columns, asked.id)
        return Answer({"ticket": await self._writer.resolve_incident(asked)})

    def _check(self, table: str) -> None:
        if not self._may_write:
            raise InvalidRequestError("is not allowed here", "writing")
        if table not in self._tables:
            raise InvalidRequestError(f"must be one of {', '.join(self._tables)}", "table")

    async def _preview(
        self,
        asked: Write,
        table: str,
        columns: dict[str, Any],
        id: str | None = None,  # noqa: A002 - the API's own name
    ) -> Answer:
        async with self._client_for(asked.connection, table) as client:
            resource: Resource = client.table(table)
            current = None if id is None else await resource.get(id, fields=["number", "sys_id"])
            preview = await resource.preview(columns, id=current.sys_id if current else None)
        would_write = {
            "table": table,
            "number": current.number if current else None,
            "columns": preview.values,
        }
        problems = [asdict(problem) for problem in preview.problems]
        return Answer({"would_write": would_write, "problems": problems})


class ClientWriter:
    """Writes through a client."""

    def __init__(self, client_for: ClientFor) -> None:
        self._client_for = client_for

    async def create_incident(self, asked: NewIncident, columns: dict[str, Any]) -> dict[str, Any]:
        """Open an incident; one with the same correlation_id is returned."""
        async with self._client_for(asked.connection, "incident") as client:
            record = await client.incidents.create(**columns, correlation_id=asked.correlation_id)
        return _written(record) | {"existed": record.existing}

    async def add_work_note(self, asked: NewNote) -> dict[str, Any]:
        """Add a work note, unless the ticket got the very same within a day."""
        async with self._client_for(asked.connection, asked.table) as client:
            table = client.table(asked.table)
            since = datetime.now(UTC) - timedelta(days=1)
            known = await table.find_work_note(asked.id, asked.note, since)
            record = await (
                table.add_work_note(asked.id, asked.note) if known is None else table.get(asked.id)
            )
        return _written(record) | {"existed": known is not None}

    async def resolve_incident(self, asked: Resolution) -> dict[str, Any]:
        """Resolve an incident."""
        async with self._client_for(asked.connection, "incident") as client:
            record = await client.incidents.close(asked.id, asked.close_notes, asked.close_code)
        return _written(record)


def _written(record: Record) -> dict[str, Any]:
    return {
        "number": record.number,
        "url": record.url,
        "state": record.get("state"),
        "ignored_fields": [asdict(ignored) for ignored in record.ignored_fields],
    }
