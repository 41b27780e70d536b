"""The client: incidents, change requests and any other record of one ServiceNow instance."""

import base64
import binascii
import json
import re
import time
import uuid
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

import httpx

from servicenow_tools import words
from servicenow_tools._checks import check_connection
from servicenow_tools._http import Answer, Http
from servicenow_tools.errors import (
    AmbiguousReferenceError,
    InvalidRequestError,
    NotFoundError,
    ReferenceNotFoundError,
    ResponseError,
    ServerError,
    ServiceNowError,
    StateError,
    UnavailableError,
)
from servicenow_tools.query import Query, field
from servicenow_tools.records import Choice, ConnectionReport, IgnoredField, Page, Record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from types import TracebackType

_SYS_ID = re.compile(r"[0-9a-f]{32}")
_NUMBER = re.compile(r"[A-Z]{2,8}[0-9]{5,12}")
_TABLE = re.compile(r"[a-z][a-z0-9_]{1,79}")
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,79}")
_JOURNALS = frozenset({"work_notes", "comments"})

# Reference columns that may be given a name: the table they point to, and the columns in which
# the name is looked up, the first that finds it.
_PEOPLE = ("sys_user", ("user_name", "email", "name"))
_REFERENCES: dict[str, tuple[str, tuple[str, ...]]] = {
    "assignment_group": ("sys_user_group", ("name",)),
    "assigned_to": _PEOPLE,
    "caller_id": _PEOPLE,
    "opened_by": _PEOPLE,
    "requested_by": _PEOPLE,
    "cmdb_ci": ("cmdb_ci", ("name",)),
    "business_service": ("cmdb_ci", ("name",)),
    "problem_id": ("problem", ("number",)),
    "rfc": ("change_request", ("number",)),
    "caused_by": ("change_request", ("number",)),
    "parent_incident": ("incident", ("number",)),
}
_NAMES_KEPT = 1000
_NAMES_KEPT_SECONDS = 600.0

# Codes for a solution that worked, by age of the instance's release, the newest first.
_SOLVED = ("Solution provided", "Solved (Permanently)", "Solved Remotely (Permanently)")

_OPEN_STATES = ("1", "2", "3")
_PAGES_WITHOUT_ROWS = 20


class ServiceNowClient:
    """A client of one instance, for one user.

    Use it in `async with`, or call `aclose` when done. It may be shared by many tasks, and used
    again in another event loop.

    Args:
        instance_url: `https://<host>`.
        username: the ServiceNow user.
        password: the user's password, for basic authentication.
        auth: another way to sign in, in the place of a password.
        transport: another way to the network, as a proxy or a test's.
        ca_file: PEM file of the authority behind the instance's certificate, if it is private.
        timeout: seconds for each of connecting, reading, writing and waiting for a connection.
        deadline: seconds for a whole call, retries and look-ups among them.
        max_connections: how many connections it may hold.

    Raises:
        InvalidRequestError: the URL is no https URL of a host.
    """

    def __init__(
        self,
        instance_url: str,
        username: str | None = None,
        password: str | None = None,
        *,
        auth: httpx.Auth | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        ca_file: str | None = None,
        timeout: float = 10.0,
        deadline: float = 60.0,
        max_connections: int = 20,
    ) -> None:
        if auth is None:
            if username is None or password is None:
                raise InvalidRequestError("username and password, or auth, are needed", "auth")
            auth = httpx.BasicAuth(username, password)
        self.username = username
        self._http = Http(
            instance_url,
            auth=auth,
            transport=transport,
            ca_file=ca_file,
            timeout=httpx.Timeout(timeout),
            deadline=deadline,
            max_connections=max_connections,
        )
        self._sys_ids: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()
        self._choices: dict[tuple[str, str], tuple[float, list[Choice]]] = {}

    @property
    def instance_url(self) -> str:
        """The instance, without a trailing slash."""
        return self._http.instance_url

    def __repr__(self) -> str:
        return f"ServiceNowClient({self.instance_url!r}, username={self.username!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    # ---- incidents

    async def create_incident(  # noqa: PLR0917 - in the order of the documented call
        self,
        short_description: str,
        description: str | None = None,
        urgency: str | int | None = None,
        impact: str | int | None = None,
        category: str | None = None,
        subcategory: str | None = None,
        assignment_group: str | None = None,
        *,
        assigned_to: str | None = None,
        caller_id: str | None = None,
        correlation_id: str | None = None,
        **fields: Any,
    ) -> Record:
        """Open an incident, exactly one, also when the network fails half-way.

        Args:
            short_description: one line, at most 160 characters.
            description: all there is to say.
            urgency: 1 to 3, or high, medium, low. With the impact it makes the priority.
            impact: the same.
            category: one of the instance's own.
            subcategory: one of the category's.
            assignment_group: a group's name or sys_id.
            assigned_to: a user's user name, e-mail, name or sys_id.
            caller_id: the same.
            correlation_id: what the record is recognised by, unique to it; made up if None.
            fields: further columns, `u_...` of the instance among them.

        Returns:
            The record as ServiceNow made it; `ignored_fields` tells what it dropped or changed.

        Raises:
            InvalidRequestError: a value is refused here.
            ServiceNowError: with `maybe_applied`, it is not known whether the record exists; look
                for its correlation_id before trying again.
        """
        return await self.create_record(
            "incident",
            {
                "short_description": short_description,
                "description": description,
                "urgency": urgency,
                "impact": impact,
                "category": category,
                "subcategory": subcategory,
                "assignment_group": assignment_group,
                "assigned_to": assigned_to,
                "caller_id": caller_id,
                "correlation_id": correlation_id,
                **fields,
            },
        )

    async def get_incident(self, id: str) -> Record:  # noqa: A002 - the API's own name
        """Return an incident by sys_id or number; NotFoundError where there is none."""
        return await self.get_record("incident", id)

    async def update_incident(
        self,
        sys_id: str,
        state: str | int | None = None,
        assigned_to: str | None = None,
        **fields: Any,
    ) -> Record:
        """Set what is given, and nothing else; an empty text clears a field.

        Args:
            sys_id: the incident's sys_id or number.
            state: a number, or new, in progress, on hold, resolved, closed, canceled.
            assigned_to: a user's user name, e-mail, name or sys_id.
            fields: further columns.
        """
        return await self.update_record(
            "incident", sys_id, {"state": state, "assigned_to": assigned_to, **fields}
        )

    async def close_incident(
        self,
        sys_id: str,
        close_notes: str,
        close_code: str | None = None,
        *,
        state: Literal["resolved", "closed"] = "resolved",
    ) -> Record:
        """Resolve an incident, and close it if asked to.

        Resolved is where an incident's work ends; by default the instance itself closes it days
        later, and closing at once needs the role itil_admin (documentation: Resolve and close an
        incident).

        Args:
            sys_id: the incident's sys_id or number.
            close_notes: how it was solved.
            close_code: one of the instance's own resolution codes; one that stands for a solution
                if None.
            state: `resolved`, or `closed` to go on to Closed.

        Raises:
            InvalidRequestError: the instance has no such code; the text lists those it has.
        """
        with self._http.budget():
            code = await self._close_code(close_code)
            solution = {"state": "6", "close_code": code, "close_notes": close_notes}
            record = await self.update_record("incident", sys_id, solution)
            if state == "closed":
                ignored = record.ignored_fields
                record = await self.update_record("incident", record.sys_id, {"state": "7"})
                record.ignored_fields[:0] = ignored
            return record

    async def search_incidents(
        self,
        state: str | int | None = None,
        assignment_group: str | None = None,
        limit: int = 100,
        *,
        query: Query | None = None,
        **filters: Any,
    ) -> list[Record]:
        """Return the newest incidents that meet all filters.

        Args:
            state: a number, a state's name, or `open` for new, in progress and on hold.
            assignment_group: a group's name or sys_id.
            limit: how many at most.
            query: further conditions.
            filters: as `incident_query` takes them.
        """
        conditions = incident_query(state=state, assignment_group=assignment_group, **filters)
        if query is not None:
            conditions &= query
        page = await self.page("incident", conditions, limit=limit)
        return page.records

    # ---- change requests

    async def create_change_request(  # noqa: PLR0917 - in the order of the documented call
        self,
        short_description: str,
        description: str | None = None,
        type_: str = "normal",
        risk: str | int | None = None,
        impact: str | int | None = None,
        assignment_group: str | None = None,
        *,
        template: str | None = None,
        correlation_id: str | None = None,
        **fields: Any,
    ) -> Record:
        """Raise a change request, exactly one.

        Args:
            short_description: one line, at most 160 characters.
            description: all there is to say.
            type_: normal, emergency, or standard, which is made from its template.
            risk: 2 to 4 (older releases: 1 to 4), or high, moderate, low.
            impact: 1 to 3, or high, medium, low.
            assignment_group: a group's name or sys_id.
            template: for a standard change, its template's name or sys_id.
            correlation_id: what the record is recognised by, unique to it; made up if None.
            fields: further columns.
        """
        kind = str(words.code("change_request", "type", type_))
        values = {
            "short_description": short_description,
            "description": description,
            "type": kind,
            "risk": risk,
            "impact": impact,
            "assignment_group": assignment_group,
            "correlation_id": correlation_id,
            **fields,
        }
        if (kind == "standard") != (template is not None):
            raise InvalidRequestError("goes with a standard change, and only with one", "template")
        if template is None:
            return await self.create_record("change_request", values)
        with self._http.budget():
            template_id = await self._sys_id_of(
                "template", template, "std_change_record_producer", ("name",)
            )
            # A Table API insert would leave the template's fields out (documentation: Change
            # Management API, POST /sn_chg_rest/change/standard/{template_id}).
            path = f"/api/sn_chg_rest/change/standard/{template_id}"
            del values["type"]
            return await self._create("change_request", path, values)

    async def get_change_request(self, id: str) -> Record:  # noqa: A002 - the API's own name
        """Return a change request by sys_id or number; NotFoundError where there is none."""
        return await self.get_record("change_request", id)

    async def update_change_request(self, sys_id: str, **fields: Any) -> Record:
        """Set what is given, and nothing else; an empty text clears a field."""
        return await self.update_record("change_request", sys_id, fields)

    async def close_change_request(
        self,
        sys_id: str,
        close_code: str = "successful",
        close_notes: str = "",
    ) -> Record:
        """Close a change request from Implement, through Review, or from Review.

        Args:
            sys_id: the change request's sys_id or number.
            close_code: successful, successful_issues or unsuccessful.
            close_notes: how it went.

        Raises:
            StateError: it is in another state, which the text names.
        """
        with self._http.budget():
            record = await self.get_record("change_request", sys_id)
            if record["state"] not in {"-1", "0"}:
                now = words.label("change_request", "state", record["state"])
                raise StateError(
                    f"The change request is in the state {now}; only one in Implement (-1) or "
                    "Review (0) can be closed.",
                    "state",
                )
            if record["state"] == "-1":
                await self.update_record("change_request", record.sys_id, {"state": "0"})
            return await self.update_record(
                "change_request",
                record.sys_id,
                {"state": "3", "close_code": close_code, "close_notes": close_notes},
            )

    # ---- any table

    async def create_record(self, table: str, fields: dict[str, Any]) -> Record:
        """Make a record of any table; None stands for a field that is not set.

        Raises:
            InvalidRequestError: a name or value is refused here.
            ServiceNowError: see `create_incident`.
        """
        path = f"/api/now/table/{_checked_table(table)}"
        return await self._create(table, path, fields)

    async def get_record(
        self,
        table: str,
        id: str,  # noqa: A002 - the API's own name
        *,
        display_value: bool = False,
        fields: "Sequence[str] | None" = None,
    ) -> Record:
        """Return a record.

        Args:
            table: its table.
            id: its sys_id or number.
            display_value: return what a person sees in the place of what is stored.
            fields: the fields wanted, or None for all.

        Raises:
            NotFoundError: there is none, or the user may not see it.
        """
        params = _view(display_value=display_value, fields=fields)
        if _SYS_ID.fullmatch(id):
            answer = await self._http.request(
                "GET", f"/api/now/table/{_checked_table(table)}/{id}", params=params
            )
            return self._record(table, _columns(answer.result))
        query = field("number").eq(_checked_number(id))
        params |= {"sysparm_query": query.encode(), "sysparm_limit": "1"}
        answer = await self._http.request(
            "GET", f"/api/now/table/{_checked_table(table)}", params=params
        )
        rows = _rows(answer)
        if not rows:
            raise NotFoundError(
                404, "No Record found", f"No record of {table} has the number {id}, or it is hidden"
            )
        return self._record(table, rows[0])

    async def update_record(self, table: str, id: str, fields: dict[str, Any]) -> Record:  # noqa: A002
        """Set fields of a record; None stands for a field that is not set, "" clears.

        Args:
            table: its table.
            id: its sys_id or number.
            fields: columns and values.

        Raises:
            NotFoundError: there is no such record.
            InvalidRequestError: a name or value is refused here.
        """
        with self._http.budget():
            sys_id = id if _SYS_ID.fullmatch(id) else (await self.get_record(table, id)).sys_id
            values = await self._prepared(table, fields)
            if not values:
                raise InvalidRequestError("must set at least one field", "fields")
            answer = await self._http.request(
                "PATCH",
                f"/api/now/table/{_checked_table(table)}/{sys_id}",
                params=_view(),
                body=values,
                # A journal would have its entry twice.
                repeatable=_JOURNALS.isdisjoint(values),
            )
            return self._record(table, _columns(answer.result), values)

    async def add_work_note(self, table: str, sys_id: str, work_note: str) -> Record:
        """Add a work note to a record, by sys_id or number, and return the record.

        Raises:
            ServiceNowError: with `maybe_applied`, `find_work_note` tells whether it is there.
        """
        return await self.update_record(table, sys_id, {"work_notes": work_note})

    async def find_work_note(
        self,
        table: str,
        id: str,  # noqa: A002 - the API's own name
        work_note: str,
        since: datetime,
    ) -> Record | None:
        """Return a work note with exactly this text that is no older than `since`, or None."""
        with self._http.budget():
            sys_id = id if _SYS_ID.fullmatch(id) else (await self.get_record(table, id)).sys_id
            # The instance's clock and ours may differ by a little.
            query = (
                field("element_id").eq(sys_id)
                & field("element").eq("work_notes")
                & field("sys_created_on").ge(since - timedelta(minutes=1))
            )
            async for entry in self.iterate("sys_journal_field", query):
                if entry["value"].strip() == work_note.strip():
                    return entry
        return None

    async def find_by_correlation_id(self, table: str, correlation_id: str) -> Record | None:
        """Return the oldest record with this correlation_id, or None."""
        query = field("correlation_id").eq(correlation_id).order_by("sys_created_on")
        rows = await self._rows_of(table, query, limit=1)
        return self._record(table, rows[0]) if rows else None

    async def page(
        self,
        table: str,
        query: Query | None = None,
        *,
        limit: int = 100,
        cursor: str | None = None,
        fields: "Sequence[str] | None" = None,
    ) -> Page:
        """Return a page of the records that a query finds, the newest first.

        Pages neither lose nor repeat a record while others are added or changed: each begins
        after the last record of the one before, not after a count.

        Args:
            table: the table.
            query: what to find; everything if None.
            limit: how many records at most; the page may be shorter though more follow.
            cursor: the `next` of the page before, with the same query.
            fields: the fields wanted, or None for all.

        Raises:
            InvalidRequestError: the cursor is not one of this client's.
        """
        if limit < 1:
            raise InvalidRequestError("must be at least 1", "limit")
        conditions = query or Query()
        total: int | None = None
        if cursor is not None:
            created, sys_id, total = _read_cursor(cursor)
            conditions &= field("sys_created_on").lt(created) | (
                field("sys_created_on").eq(created) & field("sys_id").gt(sys_id)
            )
        conditions = conditions.order_by("sys_created_on", descending=True).order_by("sys_id")
        wanted = None if fields is None else [*dict.fromkeys(("sys_id", "sys_created_on", *fields))]
        params = _view(fields=wanted) | {"sysparm_query": conditions.encode()}
        path = f"/api/now/table/{_checked_table(table)}"
        rows: list[dict[str, Any]] = []
        more = True
        # Access control hides rows after the limit was applied, so a page may be empty though
        # more rows follow (documentation: Table API, sysparm_limit).
        with self._http.budget():
            for step in range(_PAGES_WITHOUT_ROWS):
                where = {"sysparm_limit": str(limit), "sysparm_offset": str(step * limit)}
                answer = await self._http.request("GET", path, params=params | where)
                rows = _rows(answer)
                more = 'rel="next"' in answer.headers.get("link", "")
                if cursor is None and total is None:
                    total = _count(answer)
                if rows or not more:
                    break
        following = _write_cursor(rows[-1], total) if rows and more else None
        return Page([self._record(table, row) for row in rows], total, following)

    async def iterate(
        self,
        table: str,
        query: Query | None = None,
        *,
        page_size: int = 500,
        fields: "Sequence[str] | None" = None,
    ) -> "AsyncIterator[Record]":
        """Yield all records that a query finds, the newest first, page by page."""
        cursor: str | None = None
        while True:
            page = await self.page(table, query, limit=page_size, cursor=cursor, fields=fields)
            for record in page.records:
                yield record
            cursor = page.next
            if cursor is None:
                return

    async def choices(self, table: str, column: str) -> list[Choice]:
        """Return the values that a choice column may take, in the instance's order.

        Empty where the column has no choices or the user may not read them. Kept for ten minutes.
        """
        kept = self._choices.get((table, column))
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        query = (
            field("name").eq(table)
            & field("element").eq(column)
            & field("inactive").eq("false")
            & field("language").eq("en")
        ).order_by("sequence")
        rows = await self._rows_of("sys_choice", query, limit=1000)
        found = [Choice(row["value"], row["label"]) for row in rows if row.get("value")]
        self._choices[table, column] = (time.monotonic() + _NAMES_KEPT_SECONDS, found)
        return found

    async def test_connection(self) -> ConnectionReport:
        """Find out, stage by stage, what this connection is good for; never raises a failure."""
        with self._http.budget():
            return await check_connection(self._http, self.username)

    # ---- inside

    async def _create(self, table: str, path: str, fields: dict[str, Any]) -> Record:
        """Make a record, and where it is not known whether that worked, look."""
        with self._http.budget():
            values = await self._prepared(table, fields)
            correlation_id = values.setdefault("correlation_id", f"servicenow-tools-{uuid.uuid4()}")
            params = _view() if path.startswith("/api/now/") else {}
            try:
                answer = await self._http.request("POST", path, params=params, body=values)
            except ServiceNowError as error:
                if not error.maybe_applied:
                    raise
                made = await self._made_after_all(table, correlation_id, error)
                if made is not None:
                    return self._record(table, made, values)
                # ServiceNow has ended its work and there is no record. After a timeout, a broken
                # connection or a gateway's word it may still be at it, and a second POST may make
                # a second record.
                if not isinstance(error, ServerError | UnavailableError) or error.status in {
                    502,
                    504,
                }:
                    raise
                answer = await self._http.request("POST", path, params=params, body=values)
            return self._record(table, _columns(answer.result), values)

    async def _made_after_all(
        self, table: str, correlation_id: str, error: ServiceNowError
    ) -> dict[str, Any] | None:
        query = field("correlation_id").eq(correlation_id).order_by("sys_created_on")
        try:
            rows = await self._rows_of(table, query, limit=1)
        except ServiceNowError:
            raise error from None
        return rows[0] if rows else None

    async def _prepared(self, table: str, fields: dict[str, Any]) -> dict[str, str]:
        """Return the values as ServiceNow takes them: text, codes for words, sys_ids for names."""
        values: dict[str, str] = {}
        for name, given in fields.items():
            if given is None:
                continue
            if not _COLUMN.fullmatch(name) or name.startswith("sys_"):
                raise InvalidRequestError("is no column that can be set", name[:80])
            value = words.code(table, name, given)
            text = _as_text(value)
            if name in _REFERENCES and text:
                target, columns = _REFERENCES[name]
                text = await self._sys_id_of(name, text, target, columns)
            values[name] = text
        return values

    async def _sys_id_of(self, name: str, given: str, table: str, columns: tuple[str, ...]) -> str:
        """Return the sys_id of the only record with this name.

        ServiceNow stores a name it cannot resolve as it is, without an error, so names are
        resolved here.
        """
        if _SYS_ID.fullmatch(given):
            return given
        kept = self._sys_ids.get((table, given))
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        for column in columns:
            try:
                query = field(column).eq(given)
            except InvalidRequestError as error:
                raise InvalidRequestError(str(error), name) from None
            rows = await self._rows_of(table, query, limit=2, fields=("sys_id",))
            if len(rows) > 1:
                raise AmbiguousReferenceError(
                    f"several records of {table} have this {column}; give the sys_id", name
                )
            if rows:
                sys_id: str = rows[0]["sys_id"]
                self._sys_ids[table, given] = (time.monotonic() + _NAMES_KEPT_SECONDS, sys_id)
                if len(self._sys_ids) > _NAMES_KEPT:
                    self._sys_ids.popitem(last=False)
                return sys_id
        raise ReferenceNotFoundError(f"no record of {table} has this {' or '.join(columns)}", name)

    async def _close_code(self, given: str | None) -> str:
        """Return the close code to send, which the instance has."""
        known = [choice.value for choice in await self.choices("incident", "close_code")]
        if given is None:
            return next((code for code in _SOLVED if code in known), _SOLVED[0])
        if known and given not in known:
            raise InvalidRequestError(
                f"this instance has no such code; it has: {', '.join(known)}", "close_code"
            )
        return given

    async def _rows_of(
        self,
        table: str,
        query: Query,
        *,
        limit: int,
        fields: "Sequence[str] | None" = None,
    ) -> list[dict[str, Any]]:
        params = _view(fields=fields) | {
            "sysparm_query": query.encode(),
            "sysparm_limit": str(limit),
            "sysparm_no_count": "true",
        }
        path = f"/api/now/table/{_checked_table(table)}"
        return _rows(await self._http.request("GET", path, params=params))

    def _record(
        self, table: str, columns: dict[str, Any], sent: dict[str, str] | None = None
    ) -> Record:
        return Record(
            columns,
            table=table,
            instance_url=self.instance_url,
            ignored_fields=[] if sent is None else _ignored(sent, columns),
        )


def incident_query(
    *,
    state: str | int | None = None,
    assignment_group: str | None = None,
    assigned_to: str | None = None,
    short_description: str | None = None,
    **equal: str | int | None,
) -> Query:
    """Return the query for incidents that meet all filters that are not None.

    Args:
        state: a number, a state's name, or `open` for new, in progress and on hold.
        assignment_group: a group's name or sys_id.
        assigned_to: a user's user name or sys_id.
        short_description: a text that it contains.
        equal: further columns and the value each must have.

    Raises:
        InvalidRequestError: a filter's name or value cannot be part of a query.
    """
    query = Query()
    if state is not None:
        if str(state).lower() == "open":
            query &= field("state").in_(_OPEN_STATES)
        else:
            query &= field("state").eq(str(words.code("incident", "state", state)))
    for name, value, key in (
        ("assignment_group", assignment_group, "name"),
        ("assigned_to", assigned_to, "user_name"),
    ):
        if value is not None:
            path = name if _SYS_ID.fullmatch(value) else f"{name}.{key}"
            try:
                query &= field(path).eq(value)
            except InvalidRequestError as error:
                raise InvalidRequestError(str(error), name) from None
    if short_description is not None:
        query &= field("short_description").contains(short_description)
    for name, wanted in equal.items():
        if wanted is not None:
            query &= field(name).eq(wanted)
    return query


def _view(*, display_value: bool = False, fields: "Sequence[str] | None" = None) -> dict[str, str]:
    params = {"sysparm_exclude_reference_link": "true"}
    if display_value:
        params["sysparm_display_value"] = "true"
    if fields is not None:
        params["sysparm_fields"] = ",".join(field(name).name for name in fields)
    return params


def _checked_table(table: str) -> str:
    if not _TABLE.fullmatch(table):
        raise InvalidRequestError("is no table name", "table")
    return table


def _checked_number(number: str) -> str:
    # An empty or odd id must never turn the reading of one record into the reading of all.
    if not _NUMBER.fullmatch(number):
        raise InvalidRequestError("must be a sys_id (32 hexadecimal digits) or a number", "id")
    return number


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return str(value)


def _rows(answer: Answer) -> list[dict[str, Any]]:
    if not isinstance(answer.result, list):
        raise ResponseError(answer.status, "The answer is not a list of records.")
    return answer.result


def _columns(result: Any) -> dict[str, Any]:
    """Return a record's columns, also from the Change Management API's `{value, ...}` fields."""
    if not isinstance(result, dict):
        raise ResponseError(200, "The answer is not a record.", maybe_applied=True)
    return {
        name: _plain(value["value"]) if isinstance(value, dict) and "value" in value else value
        for name, value in result.items()
        if name != "__meta"
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value))
    return value


def _ignored(sent: dict[str, str], kept: dict[str, Any]) -> list[IgnoredField]:
    """Return what ServiceNow dropped or changed; a journal's entry is never read back."""
    return [
        IgnoredField(name, value, kept.get(name))
        for name, value in sent.items()
        if name not in _JOURNALS and kept.get(name) != value
    ]


def _count(answer: Answer) -> int | None:
    text = answer.headers.get("x-total-count", "")
    return int(text) if text.isdigit() else None


def _write_cursor(last: dict[str, Any], total: int | None) -> str:
    text = json.dumps([last["sys_created_on"], last["sys_id"], total])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[str, str, int | None]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        created, sys_id, total = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        datetime.strptime(created, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        if _SYS_ID.fullmatch(sys_id) and (total is None or isinstance(total, int)):
            return created, sys_id, total
    except (ValueError, TypeError, binascii.Error, RecursionError):
        pass
    raise InvalidRequestError("is not the cursor of a page", "cursor")
