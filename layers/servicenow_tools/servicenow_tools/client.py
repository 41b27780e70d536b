"""The client: incidents, change requests and any other record of one ServiceNow instance."""

from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import httpx

from servicenow_tools import words
from servicenow_tools._checks import check_connection
from servicenow_tools._http import Http, Request
from servicenow_tools._table import Tables
from servicenow_tools._transport import Transport, environment_proxy, tls_context
from servicenow_tools.auth import BasicAuth, ClientCertificate
from servicenow_tools.errors import InvalidRequestError, PermissionDeniedError, StateError
from servicenow_tools.knowledge import Knowledge
from servicenow_tools.query import Query, field
from servicenow_tools.searches import change_request_query, incident_query

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from types import TracebackType

    from servicenow_tools._http import Exchange
    from servicenow_tools.attachments import Attachments
    from servicenow_tools.bulk import Bulk
    from servicenow_tools.changes import ChangeRequests
    from servicenow_tools.records import (
        Choice,
        Column,
        ConnectionReport,
        MandatoryField,
        Page,
        Preview,
        Record,
    )

# Codes for a solution that worked, by age of the instance's release, the newest first.
_SOLVED = ("Solution provided", "Solved (Permanently)", "Solved Remotely (Permanently)")
_IN_PROGRESS, _ON_HOLD, _RESOLVED, _CLOSED, _CANCELED = "2", "3", "6", "7", "8"
_AWAITING_CALLER = "1"


class ServiceNowClient:
    """A client of one instance, for one user.

    Use it in `async with`, or call `aclose` when done. It may be shared by many tasks, and used
    again in another event loop. `changes`, `attachments` and `bulk` have what goes beyond the
    everyday.

    Args:
        instance_url: `https://<host>`.
        username: the ServiceNow user.
        password: the user's password, for basic authentication.
        auth: another way to sign in, in the place of a password: an object of
            `servicenow_tools.auth`, or any `httpx.Auth`.
        transport: another way to the network, as a test's.
        proxy: the URL of a proxy; by default the environment's HTTPS_PROXY counts.
        ca_file: PEM file of the authority behind the instance's certificate, if it is private.
        timeout: seconds for each of connecting, reading, writing and waiting for a connection,
            or an `httpx.Timeout` to tell them apart.
        deadline: seconds for a whole call, retries and look-ups among them; None for no end.
        max_connections: how many connections it may hold.
        keepalive_seconds: for how long it keeps a connection that nobody uses.
        max_response_mib: how many MiB an answer may have, unpacked; a longer one is given up.
            Attachments have a limit of their own.
        on_exchange: is called after every HTTP exchange, for metrics; it must not raise.

    Raises:
        InvalidRequestError: the URL is no https URL of a host, there is no way to sign in, or
            options contradict each other.
    """

    def __init__(
        self,
        instance_url: str,
        username: str | None = None,
        password: str | None = None,
        *,
        auth: httpx.Auth | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        proxy: str | None = None,
        ca_file: str | None = None,
        timeout: float | httpx.Timeout = 10.0,
        deadline: float | None = 60.0,
        max_connections: int = 20,
        keepalive_seconds: float = 30.0,
        max_response_mib: int = 64,
        on_exchange: "Callable[[Exchange], None] | None" = None,
    ) -> None:
        if auth is None:
            if username is None or password is None:
                raise InvalidRequestError("username and password, or auth, are needed", "auth")
            auth = BasicAuth(username, password)
        if transport is not None and (
            proxy is not None or ca_file is not None or isinstance(auth, ClientCertificate)
        ):
            raise InvalidRequestError(
                "takes the place of proxy, ca_file and client certificate", "transport"
            )

        def open_transport() -> httpx.AsyncBaseTransport:
            if transport is not None:
                return transport
            tls = (
                auth.tls_context(ca_file)
                if isinstance(auth, ClientCertificate)
                else tls_context(ca_file)
            )
            return Transport(
                tls,
                proxy=proxy or environment_proxy(self._http.instance_url),
                max_connections=max_connections,
                keepalive_seconds=keepalive_seconds,
            )

        self.username = username
        self._http = Http(
            instance_url,
            auth=auth,
            timeout=httpx.Timeout(timeout),
            deadline=deadline,
            max_response_mib=max_response_mib,
            on_exchange=on_exchange,
            open_transport=open_transport,
        )
        if isinstance(auth, ClientCertificate):
            auth.tls_context(ca_file)  # a file that cannot be read is told at once
        self._knowledge = Knowledge(self._http)
        self._tables = Tables(self._http, self._knowledge)

    @property
    def instance_url(self) -> str:
        """The instance, without a trailing slash."""
        return self._http.instance_url

    # Loaded when used: most programs need none of them, and a cold start is dear.

    @cached_property
    def changes(self) -> "ChangeRequests":
        """Change requests in full: tasks, next states, approvals, conflicts, schedule."""
        from servicenow_tools.changes import ChangeRequests  # noqa: PLC0415 - see above

        return ChangeRequests(self._http, self._tables, self._knowledge)

    @cached_property
    def attachments(self) -> "Attachments":
        """Files attached to records."""
        from servicenow_tools.attachments import Attachments  # noqa: PLC0415 - see above

        return Attachments(self._http, self._tables)

    @cached_property
    def bulk(self) -> "Bulk":
        """Many creates or updates in few round trips."""
        from servicenow_tools.bulk import Bulk  # noqa: PLC0415 - see above

        return Bulk(self._http, self._tables)

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
    ) -> "Record":
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
        return await self._tables.create(
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

    async def get_incident(self, id: str) -> "Record":  # noqa: A002 - the API's own name
        """Return an incident by sys_id or number; NotFoundError where there is none."""
        return await self._tables.get("incident", id)

    async def update_incident(
        self,
        sys_id: str,
        state: str | int | None = None,
        assigned_to: str | None = None,
        **fields: Any,
    ) -> "Record":
        """Set what is given, and nothing else; an empty text clears a field.

        Args:
            sys_id: the incident's sys_id or number.
            state: a number, or new, in progress, on hold, resolved, closed, canceled.
            assigned_to: a user's user name, e-mail, name or sys_id.
            fields: further columns.
        """
        return await self._tables.update(
            "incident", sys_id, {"state": state, "assigned_to": assigned_to, **fields}
        )

    async def close_incident(
        self,
        sys_id: str,
        close_notes: str,
        close_code: str | None = None,
        *,
        state: Literal["resolved", "closed"] = "resolved",
    ) -> "Record":
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
            steps = [{"state": _RESOLVED, "close_code": code, "close_notes": close_notes}]
            if state == "closed":
                steps.append({"state": _CLOSED})
            return await self._tables.steps("incident", sys_id, steps)

    async def reopen_incident(self, sys_id: str, reason: str) -> "Record":
        """Bring a resolved incident back to In Progress, with a work note that says why.

        Args:
            sys_id: the incident's sys_id or number.
            reason: the work note.

        Raises:
            StateError: it is not resolved; a closed incident stays closed (documentation:
                Incident state model).
        """
        with self._http.budget():
            record = await self._tables.get("incident", sys_id, fields=["sys_id", "state"])
            if record.get("state") != _RESOLVED:
                now = words.label("incident", "state", str(record.get("state")))
                raise StateError(f"The incident is {now}; only a resolved one can be reopened.")
            values = {"state": _IN_PROGRESS, "work_notes": reason}
            return await self._tables.update("incident", record.sys_id, values)

    async def hold_incident(
        self, sys_id: str, hold_reason: str | int, comment: str | None = None
    ) -> "Record":
        """Put an incident on hold.

        Args:
            sys_id: the incident's sys_id or number.
            hold_reason: awaiting caller, awaiting problem, awaiting vendor, awaiting change, or
                the instance's own number.
            comment: what the caller is told; one who is waited for has to be told.

        Raises:
            InvalidRequestError: the caller is waited for and not told.
        """
        reason = words.code("incident", "hold_reason", str(hold_reason))
        if reason == _AWAITING_CALLER and not comment:
            raise InvalidRequestError("must tell the caller what is waited for", "comment")
        values = {"state": _ON_HOLD, "hold_reason": reason, "comments": comment}
        return await self._tables.update("incident", sys_id, values)

    async def cancel_incident(self, sys_id: str, reason: str) -> "Record":
        """Cancel an incident, with a work note that says why; it cannot be opened again."""
        values = {"state": _CANCELED, "work_notes": reason}
        return await self._tables.update("incident", sys_id, values)

    async def search_incidents(
        self,
        state: str | int | None = None,
        assignment_group: str | None = None,
        limit: int = 100,
        *,
        query: Query | None = None,
        **filters: Any,
    ) -> "list[Record]":
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
    ) -> "Record":
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
        return await self.changes.create(
            type_,
            {
                "short_description": short_description,
                "description": description,
                "risk": risk,
                "impact": impact,
                "assignment_group": assignment_group,
                "correlation_id": correlation_id,
                **fields,
            },
            template,
        )

    async def get_change_request(self, id: str) -> "Record":  # noqa: A002 - the API's own name
        """Return a change request by sys_id or number; NotFoundError where there is none."""
        return await self._tables.get("change_request", id)

    async def update_change_request(self, sys_id: str, **fields: Any) -> "Record":
        """Set what is given, and nothing else; an empty text clears a field."""
        return await self._tables.update("change_request", sys_id, fields)

    async def close_change_request(
        self,
        sys_id: str,
        close_code: str = "successful",
        close_notes: str = "",
    ) -> "Record":
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
        return await self.changes.close(sys_id, close_code, close_notes)

    async def search_change_requests(
        self,
        state: str | int | None = None,
        assignment_group: str | None = None,
        limit: int = 100,
        *,
        query: Query | None = None,
        **filters: Any,
    ) -> "list[Record]":
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

    async def create_record(self, table: str, fields: "Mapping[str, Any]") -> "Record":
        """Make a record of any table, exactly one; None stands for a field that is not set.

        Raises:
            InvalidRequestError: a name or value is refused here.
            ServiceNowError: see `create_incident`.
        """
        return await self._tables.create(table, fields)

    async def get_record(
        self,
        table: str,
        id: str,  # noqa: A002 - the API's own name
        *,
        display_value: bool = False,
        fields: "Sequence[str] | None" = None,
    ) -> "Record":
        """Return a record.

        Args:
            table: its table.
            id: its sys_id or number.
            display_value: return what a person sees in the place of what is stored.
            fields: the fields wanted, or None for all.

        Raises:
            NotFoundError: there is none, or the user may not see it.
        """
        return await self._tables.get(table, id, display_value=display_value, fields=fields)

    async def update_record(
        self,
        table: str,
        id: str,  # noqa: A002 - the API's own name
        fields: "Mapping[str, Any]",
    ) -> "Record":
        """Set fields of a record; None stands for a field that is not set, "" clears.

        Args:
            table: its table.
            id: its sys_id or number.
            fields: columns and values.

        Raises:
            NotFoundError: there is no such record.
            InvalidRequestError: a name or value is refused here.
        """
        return await self._tables.update(table, id, fields)

    async def preview_record(
        self,
        table: str,
        fields: "Mapping[str, Any]",
        *,
        id: str | None = None,  # noqa: A002 - the API's own name
    ) -> "Preview":
        """Find out what a write would send and what is wrong with it, and write nothing.

        Names are looked up, columns, lengths, choices and mandatory fields compared with what
        the instance says of itself, as far as the user may see that. Business rules are the
        instance's own: what they refuse shows at the write alone.

        Args:
            table: the table.
            fields: columns and values, as for `create_record` or `update_record`.
            id: the record that would be changed, or None for a new one.
        """
        return await self._tables.preview(table, fields, is_new=id is None)

    async def add_work_note(self, table: str, sys_id: str, work_note: str) -> "Record":
        """Add a work note to a record, by sys_id or number, and return the record.

        Raises:
            ServiceNowError: with `maybe_applied`, `find_work_note` tells whether it is there.
        """
        return await self._tables.update(table, sys_id, {"work_notes": work_note})

    async def add_comment(self, table: str, sys_id: str, comment: str) -> "Record":
        """Add a comment, which the caller sees, to a record by sys_id or number."""
        return await self._tables.update(table, sys_id, {"comments": comment})

    async def notes(self, table: str, id: str) -> "list[Record]":  # noqa: A002
        """Return a record's work notes and comments, the newest first.

        They are records of sys_journal_field: `element` is work_notes or comments, `value` the
        text, `sys_created_by` who wrote it.
        """
        with self._http.budget():
            sys_id = await self._tables.found(table, id)
            query = field("element_id").eq(sys_id) & field("element").in_(
                ["work_notes", "comments"]
            )
            return [entry async for entry in self.iterate("sys_journal_field", query)]

    async def find_work_note(
        self,
        table: str,
        id: str,  # noqa: A002 - the API's own name
        work_note: str,
        since: datetime,
    ) -> "Record | None":
        """Return a work note with exactly this text that is no older than `since`, or None."""
        with self._http.budget():
            sys_id = await self._tables.found(table, id)
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

    async def find_by_correlation_id(self, table: str, correlation_id: str) -> "Record | None":
        """Return the oldest record with exactly this correlation_id, or None.

        Raises:
            InvalidRequestError: it is no correlation_id, or the table cannot be searched by one.
        """
        return await self._tables.find_by_correlation_id(table, correlation_id)

    async def page(
        self,
        table: str,
        query: Query | None = None,
        *,
        limit: int = 100,
        cursor: str | None = None,
        fields: "Sequence[str] | None" = None,
        display_value: bool = False,
    ) -> "Page":
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
            InvalidRequestError: the cursor is not one of this search, or the table has no such
                field.
        """
        return await self._tables.page(
            table, query, limit=limit, cursor=cursor, fields=fields, display_value=display_value
        )

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

    async def count(self, table: str, query: Query | None = None) -> int:
        """Return how many records a query finds, without reading them."""
        return await self._tables.count(table, query)

    # ---- the instance

    async def choices(self, table: str, field: str) -> "list[Choice]":
        """Return the values that a choice field may take, in the instance's order.

        A task's table without choices of its own has those of `task`; labels are English where
        there are English ones. Empty where the field has no choices or the user may not see them.
        Kept for ten minutes, as all that the instance says of itself.
        """
        return await self._knowledge.choices(table, field)

    async def columns(self, table: str) -> "dict[str, Column]":
        """Return a table's columns by name; empty where the user may not read the dictionary."""
        with self._http.budget():
            return await self._knowledge.columns(table)

    async def mandatory_fields(self, table: str) -> "list[MandatoryField]":
        """Return what a record must have, by the dictionary and by active data policies."""
        with self._http.budget():
            return await self._knowledge.mandatory_fields(table)

    async def test_connection(self) -> "ConnectionReport":
        """Find out, stage by stage, what this connection is good for; never raises a failure."""
        with self._http.budget():
            return await check_connection(self._http, self.username)

    async def set_password(self, password: str) -> None:
        """Give the user who signs in another password; this client goes on with the old one.

        ServiceNow hashes a password only if it comes as a display value (documentation: Table
        API, sysparm_input_display_value). Where the user may write its record but not this column,
        ServiceNow drops it without a word: sign in with the new one to be sure.

        Raises:
            InvalidRequestError: the client has no username.
            PermissionDeniedError: the user may not write its own record in sys_user.
        """
        if self.username is None:
            raise InvalidRequestError("is needed to change its password", "username")
        await self._set_secret("sys_user", "user_name", self.username, "user_password", password)

    async def set_client_secret(self, client_id: str, client_secret: str) -> None:
        """Give an OAuth application another secret; the tokens it has given stay good.

        Like a password, it is encrypted only if it comes as a display value, and dropped without a
        word where the column may not be written: ask for a token with the new one to be sure.

        Raises:
            InvalidRequestError: there is no such application, or the user may not see it.
            PermissionDeniedError: the user may not write oauth_entity, as the role oauth_admin may
                (documentation: Add the OAuth Application User).
        """
        await self._set_secret(
            "oauth_entity", "client_id", client_id, "client_secret", client_secret
        )

    # ---- inside

    async def _set_secret(self, table: str, key: str, value: str, column: str, secret: str) -> None:
        """Write a secret column of the one record that has this key."""
        with self._http.budget():
            query = field(key).eq(value).encode()
            rows = await self._http.find(table, query, limit=1, fields=["sys_id", key])
            # A query that ServiceNow ignores would find another record.
            if not rows or str(rows[0].get(key)).lower() != value.lower():
                raise InvalidRequestError(f"is in no record of {table} that can be seen", key)
            await self._http.send(
                Request(
                    "PATCH",
                    f"/api/now/table/{table}/{rows[0].get('sys_id')}",
                    {"sysparm_input_display_value": "true", "sysparm_fields": "sys_id"},
                    body={column: secret},
                )
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
