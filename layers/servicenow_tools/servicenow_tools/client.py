"""The client: incidents, change requests and any other record of one ServiceNow instance."""

import re
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

import httpx

from servicenow_tools import _cursor, words
from servicenow_tools._checks import check_connection
from servicenow_tools._http import Answer, Http, stored
from servicenow_tools._kept import Kept
from servicenow_tools.errors import (
    AmbiguousReferenceError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ReferenceNotFoundError,
    ServerError,
    ServiceNowError,
    StateError,
    UnavailableError,
    ValidationError,
)
from servicenow_tools.query import Query, field
from servicenow_tools.records import Choice, ConnectionReport, IgnoredField, Page, Record
from servicenow_tools.references import REFERENCES, TEMPLATE, Target, is_sys_id
from servicenow_tools.searches import change_request_query, incident_query

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from types import TracebackType

_NUMBER = re.compile(r"[A-Z]{2,8}[0-9]{5,12}")
_TABLE = re.compile(r"[a-z][a-z0-9_]{1,79}")
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,79}")
_JOURNALS = frozenset({"work_notes", "comments"})
_LONGEST_CORRELATION_ID = 100
_KEPT_SECONDS = 600.0
_LARGEST_STEP = 1000

# Tables that inherit the choices of `task` where they have none of their own.
_TASKS = frozenset(
    {"incident", "change_request", "change_task", "problem", "problem_task", "sc_req_item",
     "sc_task"}
)  # fmt: skip

# Codes for a solution that worked, by age of the instance's release, the newest first.
_SOLVED = ("Solution provided", "Solved (Permanently)", "Solved Remotely (Permanently)")

_REVIEW, _CLOSED = words.CHANGE_STATES["review"], words.CHANGE_STATES["closed"]
# From where a change can go on to Review and Closed, on an instance that does not tell.
_CHANGE_STEPS = {words.CHANGE_STATES["implement"]: [_REVIEW], _REVIEW: [_CLOSED]}


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
        deadline: seconds for a whole call, retries and look-ups among them; None for no end.
        max_connections: how many connections it may hold.

    Raises:
        InvalidRequestError: the URL is no https URL of a host, or there is no way to sign in.
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
        timeout: float | httpx.Timeout = 10.0,
        deadline: float | None = 60.0,
        max_connections: int = 20,
    ) -> None:
        if auth is None:
            if username is None or password is None:
                raise InvalidRequestError("username and password, or auth, are needed", "auth")
            try:
                auth = httpx.BasicAuth(username, password)
            except UnicodeEncodeError:  # it holds the password
                raise InvalidRequestError("must be valid text", "password") from None
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
        self._sys_ids = Kept[tuple[str, str], str](_KEPT_SECONDS, size=1000)
        self._choices = Kept[tuple[str, str], tuple[Choice, ...]](_KEPT_SECONDS, size=100)

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
            correlation_id: what the record is recognised by, unique to it, at most 100
                characters; made up if None.
            fields: further columns, `work_notes` and the instance's own `u_...` among them.

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
            close_code: one of the instance's own resolution codes (`choices` lists them). If None,
                the first of Solution provided, Solved (Permanently) and Solved Remotely
                (Permanently) that it has.
            state: `resolved`, or `closed` to go on to Closed in a second write.

        Raises:
            InvalidRequestError: the instance has no such code; the text lists those it has, and
                nothing was written. Where the codes cannot be read the instance itself judges.
            ServiceNowError: with `maybe_applied`, the incident may be resolved and not closed.
        """
        with self._http.budget():
            code = await self._close_code(close_code)
            steps = [{"state": "6", "close_code": code, "close_notes": close_notes}]
            if state == "closed":
                steps.append({"state": "7"})
            return await self._step_by_step("incident", sys_id, steps)

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
            type_: normal, emergency, or standard, which is made from its template by the Change
                Management API.
            risk: 2 to 4 (older releases: 1 to 4), or high, moderate, low.
            impact: 1 to 3, or high, medium, low.
            assignment_group: a group's name or sys_id.
            template: for a standard change, its template's name or sys_id.
            correlation_id: what the record is recognised by, unique to it, at most 100
                characters; made up if None.
            fields: further columns.

        Raises:
            InvalidRequestError: a value is refused here; a standard change has no template, or
                another one has.
            ServiceNowError: see `create_incident`.
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
            template_id = await self._sys_id_of("template", template, TEMPLATE)
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
        """Close a change request through the states that the instance allows.

        Out of the box that is from Implement, through Review, or from Review. The instance's own
        model is asked for (documentation: Change Management API, nextstates).

        Args:
            sys_id: the change request's sys_id or number.
            close_code: successful, successful_issues or unsuccessful.
            close_notes: how it went.

        Raises:
            StateError: there is no way from its state, which the text names; nothing was written.
            ServiceNowError: with `maybe_applied`, it may be in Review and not closed.
        """
        with self._http.budget():
            record = await self.get_record("change_request", sys_id)
            closing = {"state": _CLOSED, "close_code": close_code, "close_notes": close_notes}
            way = await self._way_to_closed(record)
            steps = [*({"state": state} for state in way), closing]
            return await self._step_by_step("change_request", record.sys_id, steps)

    async def search_change_requests(
        self,
        state: str | int | None = None,
        assignment_group: str | None = None,
        limit: int = 100,
        *,
        query: Query | None = None,
        **filters: Any,
    ) -> list[Record]:
        """Return the newest change requests that meet all filters.

        Args:
            state: a number, a state's name, or `open` for all before closed and canceled.
            assignment_group: a group's name or sys_id.
            limit: how many at most.
            query: further conditions.
            filters: as `change_request_query` takes them.
        """
        conditions = change_request_query(state=state, assignment_group=assignment_group, **filters)
        if query is not None:
            conditions &= query
        page = await self.page("change_request", conditions, limit=limit)
        return page.records

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
        display = "true" if display_value else "false"
        path = f"/api/now/table/{_checked_table(table)}"
        if is_sys_id(id):
            params = _view(display=display, fields=fields)
            answer = await self._http.request("GET", f"{path}/{id}", params=params)
            return self._record(table, answer.record())
        query = field("number").eq(_checked_number(id))
        wanted = None if fields is None else [*dict.fromkeys((*fields, "number"))]
        params = _view(display=display, fields=wanted)
        params |= {"sysparm_query": query.encode(), "sysparm_limit": "1"}
        rows = (await self._http.request("GET", path, params=params)).records()
        # A table without numbers ignores the condition and answers with any record.
        if not rows or rows[0].get("number") != id:
            raise NotFoundError(
                404, "No Record found", f"No record of {table} has the number {id}, or it is hidden"
            )
        if fields is not None and "number" not in fields:
            del rows[0]["number"]
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
            sys_id = await self._found(table, id)
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
            return self._record(table, answer.record(), values)

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
            sys_id = await self._found(table, id)
            # The instance's clock and ours may differ by a little.
            query = (
                field("element_id").eq(sys_id)
                & field("element").eq("work_notes")
                & field("sys_created_on").ge(since - timedelta(minutes=1))
            )
            async for entry in self.iterate("sys_journal_field", query):
                if str(entry.get("value")).strip() == work_note.strip():
                    return entry
        return None

    async def find_by_correlation_id(self, table: str, correlation_id: str) -> Record | None:
        """Return the oldest record with exactly this correlation_id, or None.

        Raises:
            InvalidRequestError: it is no correlation_id, or the table cannot be searched by one.
        """
        query = field("correlation_id").eq(_checked_correlation_id(correlation_id))
        rows = await self._http.find(
            _checked_table(table), query.order_by("sys_created_on").encode(), limit=10
        )
        for row in rows:
            if row.get("correlation_id") == correlation_id:
                return self._record(table, row)
        if any(not _same(row.get("correlation_id"), correlation_id) for row in rows):
            raise InvalidRequestError("cannot be searched by correlation_id", "table")
        return None

    async def page(
        self,
        table: str,
        query: Query | None = None,
        *,
        limit: int = 100,
        cursor: str | None = None,
        fields: "Sequence[str] | None" = None,
        display_value: bool = False,
    ) -> Page:
        """Return a page of the records that a query finds, the newest first.

        Pages neither lose nor repeat a record while others are added or changed: each begins
        after the last record of the one before, not after a count.

        Args:
            table: the table.
            query: what to find; everything if None. It cannot have an order of its own.
            limit: how many records at most; the page may be shorter though more follow.
            cursor: the `next` of the page before, of the same table and query.
            fields: the fields wanted, or None for all; sys_id and sys_created_on always come.
            display_value: return what a person sees in the place of what is stored.

        Raises:
            InvalidRequestError: the cursor is not one of this search.
        """
        if limit < 1:
            raise InvalidRequestError("must be at least 1", "limit")
        conditions = query or Query()
        if conditions.is_ordered:
            raise InvalidRequestError("must leave the order to the pages", "query")
        search = f"{_checked_table(table)}?{conditions.encode()}"
        total: int | None = None
        if cursor is not None:
            start = _cursor.read(cursor, search)
            total = start.total
            conditions &= field("sys_created_on").lt(start.created) | (
                field("sys_created_on").eq(start.created) & field("sys_id").gt(start.sys_id)
            )
        conditions = conditions.order_by("sys_created_on", descending=True).order_by("sys_id")
        wanted = None if fields is None else [*dict.fromkeys(("sys_id", "sys_created_on", *fields))]
        # Display values alone would hide in which second a record was made.
        params = _view(display="all" if display_value else "false", fields=wanted)
        params["sysparm_query"] = conditions.encode()
        offset, size = 0, limit
        # Access control hides rows after the limit was applied, so a page may be empty though
        # more rows follow (documentation: Table API, sysparm_limit).
        with self._http.budget():
            while True:
                where = {"sysparm_limit": str(size), "sysparm_offset": str(offset)}
                answer = await self._http.request(
                    "GET", f"/api/now/table/{table}", params=params | where
                )
                rows = answer.records()
                if cursor is None and total is None:
                    total = _count(answer)
                more = _is_followed(answer, len(rows) >= size)
                if rows or not more:
                    break
                offset, size = offset + size, max(limit, min(2 * size, _LARGEST_STEP))
        following = None
        if more or len(rows) > limit:
            last = rows[:limit][-1]
            following = _cursor.write(_position(last, total), search)
        return Page([self._record(table, _shown(row)) for row in rows[:limit]], total, following)

    async def iterate(
        self,
        table: str,
        query: Query | None = None,
        *,
        page_size: int = 500,
        fields: "Sequence[str] | None" = None,
        display_value: bool = False,
    ) -> "AsyncIterator[Record]":
        """Yield all records that a query finds, the newest first, page by page."""
        cursor: str | None = None
        while True:
            page = await self.page(
                table,
                query,
                limit=page_size,
                cursor=cursor,
                fields=fields,
                display_value=display_value,
            )
            for record in page.records:
                yield record
            cursor = page.next
            if cursor is None:
                return

    async def choices(self, table: str, field: str) -> list[Choice]:
        """Return the values that a choice field may take, in the instance's order.

        A task's table without choices of its own has those of `task`; labels are English where
        there are English ones. Empty where the field has no choices or the user may not see them.
        Kept for ten minutes.
        """
        kept = self._choices.get((table, field))
        if kept is None:
            rows = await self._http.find(
                "sys_choice",
                _choices_query(table, field).encode(),
                limit=1000,
                fields=["name", "value", "label", "language"],
            )
            kept = self._choices.put((table, field), _choices(table, rows))
        return list(kept)

    async def test_connection(self) -> ConnectionReport:
        """Find out, stage by stage, what this connection is good for; never raises a failure."""
        with self._http.budget():
            return await check_connection(self._http, self.username)

    # ---- inside

    async def _create(self, table: str, path: str, fields: dict[str, Any]) -> Record:
        """Make a record, and where it is not known whether that worked, look."""
        with self._http.budget():
            values = await self._prepared(table, fields)
            correlation_id = values.get("correlation_id") or f"servicenow-tools-{uuid.uuid4()}"
            values["correlation_id"] = _checked_correlation_id(correlation_id)
            params = _view() if path.startswith("/api/now/") else {}
            may_repeat = True
            while True:
                try:
                    answer = await self._http.request("POST", path, params=params, body=values)
                    return self._record(table, answer.record(), values)
                except ServiceNowError as error:
                    if not error.maybe_applied:
                        raise
                    made = await self._made_after_all(table, correlation_id, error)
                    if made is not None:
                        return self._record(table, made, values)
                    if not may_repeat or not _is_over(error):
                        raise
                    may_repeat = False

    async def _made_after_all(
        self, table: str, correlation_id: str, error: ServiceNowError
    ) -> Record | None:
        try:
            return await self.find_by_correlation_id(table, correlation_id)
        except ServiceNowError:
            raise error from None

    async def _found(self, table: str, id: str) -> str:  # noqa: A002 - the API's own name
        """Return the sys_id of a record given by sys_id or number."""
        if is_sys_id(id):
            return id
        return (await self.get_record(table, id, fields=["sys_id"])).sys_id

    async def _step_by_step(self, table: str, id: str, steps: list[dict[str, str]]) -> Record:  # noqa: A002
        """Set one step's fields after the other's; an error tells whether any was set."""
        first, *others = steps
        record = await self.update_record(table, id, first)
        ignored = record.ignored_fields
        for step in others:
            try:
                record = await self.update_record(table, record.sys_id, step)
            except ServiceNowError as error:
                error.maybe_applied = True
                raise
            ignored += record.ignored_fields
        record.ignored_fields = ignored
        return record

    async def _way_to_closed(self, change: Record) -> list[str]:
        """Return the states between a change's own and Closed.

        Raises:
            StateError: there is no way.
        """
        state = str(change.get("state"))
        try:
            answer = await self._http.request(
                "GET", f"/api/sn_chg_rest/change/{change.sys_id}/nextstates"
            )
            ahead = [str(stored(value)) for value in answer.record().get("available_states", [])]
        except (ValidationError, PermissionDeniedError, NotFoundError):  # no such API here
            ahead = _CHANGE_STEPS.get(state, [])
        if state != _REVIEW and _REVIEW in ahead:
            return [_REVIEW]
        if state != _CLOSED and _CLOSED in ahead:
            return []
        now = words.label("change_request", "state", state)
        raise StateError(
            f"The change request is in the state {now}; only one in Implement (-1) or Review (0), "
            "or where the instance's change model says so, can be closed.",
            "state",
        )

    async def _prepared(self, table: str, fields: dict[str, Any]) -> dict[str, str]:
        """Return the values as ServiceNow takes them: text, codes for words, sys_ids for names."""
        values: dict[str, str] = {}
        for name, given in fields.items():
            if given is None:
                continue
            if not _COLUMN.fullmatch(name) or name.startswith("sys_"):
                raise InvalidRequestError("is no column that can be set", name[:80])
            text = _as_text(name, words.code(table, name, given))
            if name in REFERENCES and text:
                text = await self._sys_id_of(name, text, REFERENCES[name])
            values[name] = text
        return values

    async def _sys_id_of(self, name: str, given: str, target: Target) -> str:
        """Return the sys_id of the only record with this name.

        ServiceNow stores a name it cannot resolve as it is, without an error, so names are
        resolved here.
        """
        if is_sys_id(given):
            return given
        kept = self._sys_ids.get((target.table, given))
        if kept is not None:
            return kept
        for column in target.columns:
            try:
                query = field(column).eq(given).encode()
            except InvalidRequestError as error:
                raise InvalidRequestError(str(error), name) from None
            rows = await self._http.find(target.table, query, limit=10, fields=["sys_id", column])
            found = [row["sys_id"] for row in rows if _same(row.get(column), given)]
            if len(found) > 1:
                raise AmbiguousReferenceError(
                    f"several records of {target.table} have this {column}; give the sys_id", name
                )
            if found:
                return self._sys_ids.put((target.table, given), str(found[0]))
        raise ReferenceNotFoundError(
            f"no record of {target.table} has this {' or '.join(target.columns)}", name
        )

    async def _close_code(self, given: str | None) -> str:
        """Return the close code to send, which the instance has.

        An unknown one is dropped by the instance, which then says that there is none.
        """
        try:
            known = [choice.value for choice in await self.choices("incident", "close_code")]
        except PermissionDeniedError:
            known = []
        wanted = _SOLVED if given is None else (given,)
        if not known:
            return wanted[0]
        for code in wanted:
            if code in known:
                return code
        raise InvalidRequestError(
            f"must be one of the codes that this instance has: {', '.join(known)}", "close_code"
        )

    def _record(
        self, table: str, columns: dict[str, Any], sent: dict[str, str] | None = None
    ) -> Record:
        return Record(
            columns,
            table=table,
            instance_url=self.instance_url,
            ignored_fields=[] if sent is None else _ignored(sent, columns),
        )


def _view(*, display: str = "false", fields: "Iterable[str] | None" = None) -> dict[str, str]:
    params = {"sysparm_exclude_reference_link": "true", "sysparm_display_value": display}
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


def _checked_correlation_id(text: str) -> str:
    # A longer one would be cut, and an empty one is what all other records have: a look-up would
    # miss the record, or find a stranger.
    if not text or text != text.strip() or len(text) > _LONGEST_CORRELATION_ID:
        raise InvalidRequestError(
            f"must be 1 to {_LONGEST_CORRELATION_ID} characters without blanks around them",
            "correlation_id",
        )
    field("correlation_id").eq(text)  # refuses what could not be looked up
    return text


def _as_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if not isinstance(value, str | int | float | date):
        raise InvalidRequestError("must be text, a number, a truth value or a date", name)
    text = str(value)
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidRequestError("must be valid text", name)
    return text


def _same(one: object, other: str) -> bool:
    """Tell whether texts are equal, as ServiceNow compares them."""
    return isinstance(one, str) and one.casefold() == other.casefold()


def _is_over(error: ServiceNowError) -> bool:
    """Tell whether ServiceNow has ended its work on a request that failed.

    After a timeout, a broken connection or a gateway's word it may still be at it, and a second
    POST could make a second record although there is none yet.
    """
    return isinstance(error, ServerError) or (
        isinstance(error, UnavailableError) and error.status not in {502, 504}
    )


def _choices_query(table: str, column: str) -> Query:
    tables = [table, "task"] if table in _TASKS else [table]
    return (
        field("name").in_(tables) & field("element").eq(column) & field("inactive").eq("false")
    ).order_by("sequence")


def _choices(table: str, rows: list[dict[str, Any]]) -> tuple[Choice, ...]:
    """Return each value once, with its English label if it has one."""
    own = [row for row in rows if row.get("name") == table] or rows
    labels: dict[str, str] = {}
    for row in own:
        value, label = row.get("value"), row.get("label") or row.get("value")
        if value and (value not in labels or row.get("language") == "en"):
            labels[value] = str(label)
    return tuple(Choice(value, label) for value, label in labels.items())


def _is_followed(answer: Answer, is_full: bool) -> bool:  # noqa: FBT001 - a private helper
    """Tell whether more rows follow: by the Link header, or by a full page where it is missing."""
    link = answer.headers.get("link")
    return is_full if link is None else 'rel="next"' in link


def _position(row: dict[str, Any], total: int | None) -> _cursor.Position:
    created, sys_id = (
        value.get("value") if isinstance(value, dict) else value
        for value in (row.get("sys_created_on"), row.get("sys_id"))
    )
    if not created or not sys_id:
        raise InvalidRequestError(
            "cannot be paged through: its sys_created_on or sys_id is hidden", "table"
        )
    return _cursor.Position(created, sys_id, total)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a person sees of a row that was asked for with stored and display values."""
    return {
        name: (value.get("display_value") or "") if isinstance(value, dict) else value
        for name, value in row.items()
    }


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
