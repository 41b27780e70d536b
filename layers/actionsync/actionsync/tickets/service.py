"""The tickets of one owner, in the form that the HTTP API answers."""

import hashlib
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from actionsync.audit.trail import acted
from actionsync.errors import FieldError, ImportUncertainError, InvalidInputError
from actionsync.stores.connections import DEFAULT
from actionsync.stores.tickets import Row
from actionsync.telemetry import logger
from actionsync.tickets.idempotency import Write, run_once
from servicenow_tools.tables import is_record_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionsync.audit.trail import ActivityStore
    from actionsync.connections.clients import ClientCache
    from actionsync.stores.idempotency import IdempotencyRecord, IdempotencyStore
    from actionsync.tickets.models import (
        Cancellation,
        IncidentSearch,
        Input,
        NewAttachment,
        NewImport,
        NewWorkNote,
    )
    from actionsync.tickets.types import TicketType
    from servicenow_tools import Record, ServiceNowClient

    Ticket = dict[str, Any]
    Written = tuple[Record, dict[str, Any]]


_STAGING = re.compile(r"[a-z][a-z0-9_]{1,79}")


class TicketService:
    """What one user does with tickets.

    Every method raises what `ClientCache.client` raises, `servicenow_tools`' errors as they come,
    and for writes with an idempotency key what `run_once` raises. A ticket is the record as
    ServiceNow gives it, with `url` and, after a write, `ignored_fields`: what ServiceNow dropped
    or changed, as `[{field, sent, stored}]`.
    """

    def __init__(
        self,
        owner: str,
        clients: "ClientCache",
        idempotency: "IdempotencyStore",
        activity: "ActivityStore",
        *,
        kind: str = "api",
        connection: str = DEFAULT,
        by: str = "",
        watch: "Callable[[Row, Record, dict[str, Any]], None] | None" = None,
    ) -> None:
        self._watch = watch
        self._owner = owner
        self._connection = connection
        self._by = by
        self._clients = clients
        self._idempotency = idempotency
        self._activity = activity
        self._kind = kind

    async def create(
        self, ticket_type: "TicketType", new: "Input", idempotency_key: str | None
    ) -> "Ticket":
        """Open a ticket."""
        values = new.columns()
        write = self._write(f"create {ticket_type.table}", idempotency_key, values)

        async def create(
            client: "ServiceNowClient", attempt: "IdempotencyRecord | None"
        ) -> "Record":
            resource = ticket_type.resource(client)
            identity = {"correlation_id": write.correlation_id} if write.correlation_id else {}
            columns = {**identity, **values}
            # An id made from the key is new; a caller's own may be on a record already.
            claimed = "correlation_id" not in values
            if attempt is not None and attempt.taken_over:
                made: Record | None = await resource.find_by_correlation_id(
                    columns["correlation_id"]
                )
                if made is not None:
                    self._watched(ticket_type.table, made, columns)
                    return made
                attempt.require_certainty()
            arguments = {
                ticket_type.arguments.get(name, name): value for name, value in columns.items()
            }
            created: Record = await resource.create(**arguments, claimed=claimed)
            self._watched(ticket_type.table, created, columns)
            return created

        return await self._run(write, create, ("created", ticket_type.table))

    def _watched(self, table: str, record: "Record", sent: dict[str, Any]) -> None:
        """Begin looks at a ticket, so that what people do with it comes back as events."""
        if self._watch is None:
            return
        target = self._clients.target(self._owner, table, self._connection)
        row = Row(
            target.connection_id, table, record.sys_id, self._owner, connection=self._connection
        )
        try:
            self._watch(row, record, sent)
        except (BotoCoreError, ClientError):  # the ticket is there all the same
            logger.warning("ticket not looked at", number=record.number, exc_info=True)

    async def get(self, ticket_type: "TicketType", record_id: str) -> "Ticket":
        """Read a ticket by sys_id or number."""
        record_id = _checked(record_id)
        async with self._clients.client_for(
            self._owner, ticket_type.table, self._connection
        ) as client:
            return _ticket(await ticket_type.resource(client).get(record_id))

    async def search_incidents(self, search: "IncidentSearch") -> "dict[str, Any]":
        """Return a page of incidents: `{incidents, total, next_cursor}`, newest first."""
        filters = search.model_dump(exclude={"limit", "cursor"}, exclude_none=True)
        async with self._clients.client_for(self._owner, "incident", self._connection) as client:
            incidents = client.incidents
            page = await incidents.page(
                await incidents.query(**filters), limit=search.limit, cursor=search.cursor
            )
        return {
            "incidents": [_ticket(record) for record in page.records],
            "total": page.total,
            "next_cursor": page.next,
        }

    async def update(
        self,
        ticket_type: "TicketType",
        record_id: str,
        change: "Input",
        idempotency_key: str | None,
    ) -> "Ticket":
        """Set what the caller set, and nothing else."""
        record_id = _checked(record_id)
        table = ticket_type.table
        columns = {name: "" if value is None else value for name, value in change.columns().items()}

        async def update(
            client: "ServiceNowClient", attempt: "IdempotencyRecord | None"
        ) -> "Record":
            resource = client.table(table)
            fields = dict(columns)
            for journal in ("work_notes", "comments"):
                if journal in fields and await _is_noted(
                    client, table, record_id, fields[journal], attempt
                ):
                    del fields[journal]
            if not fields:
                return await resource.get(record_id)
            return await resource.update(record_id, fields)

        write = self._write(f"update {table} {record_id}", idempotency_key, columns)
        return await self._run(write, update, ("updated", table))

    async def close(
        self,
        ticket_type: "TicketType",
        record_id: str,
        closing: "Input",
        idempotency_key: str | None,
    ) -> "Ticket":
        """Close a ticket, through the states that its type demands."""
        record_id = _checked(record_id)
        columns = closing.columns()

        async def close(client: "ServiceNowClient", _: "IdempotencyRecord | None") -> "Record":
            closed: Record = await ticket_type.resource(client).close(record_id, **columns)
            return closed

        write = self._write(f"close {ticket_type.table} {record_id}", idempotency_key, columns)
        action = getattr(closing, "state", "closed")
        return await self._run(write, close, (action, ticket_type.table))

    async def cancel(
        self,
        ticket_type: "TicketType",
        record_id: str,
        cancellation: "Cancellation",
        idempotency_key: str | None,
    ) -> "Ticket":
        """Cancel a ticket, with a work note that says why."""
        record_id = _checked(record_id)
        reason = cancellation.reason

        async def cancel(
            client: "ServiceNowClient", attempt: "IdempotencyRecord | None"
        ) -> "Record":
            resource = ticket_type.resource(client)
            if await _is_noted(client, ticket_type.table, record_id, reason, attempt):
                noted: Record = await resource.get(record_id)
                return noted
            canceled: Record = await resource.cancel(record_id, reason)
            return canceled

        content = {"reason": reason}
        write = self._write(f"cancel {ticket_type.table} {record_id}", idempotency_key, content)
        return await self._run(write, cancel, ("canceled", ticket_type.table))

    async def add_work_note(
        self, table: str, record_id: str, note: "NewWorkNote", idempotency_key: str | None
    ) -> "Ticket":
        """Add a work note to a record."""
        record_id = _checked(record_id)

        async def add(client: "ServiceNowClient", attempt: "IdempotencyRecord | None") -> "Record":
            resource = client.table(table)
            if await _is_noted(client, table, record_id, note.work_note, attempt):
                return await resource.get(record_id)
            return await resource.add_work_note(record_id, note.work_note)

        write = self._write(f"note {table} {record_id}", idempotency_key, note.columns())
        return await self._run(write, add, ("noted", table))

    async def import_row(
        self, staging: str, new: "NewImport", idempotency_key: str | None
    ) -> "dict[str, Any]":
        """Stage a row, and return what the transforms made of it: `{imported}`."""
        if not _STAGING.fullmatch(staging):
            raise InvalidInputError(FieldError("staging", "must name a staging table"))
        columns = new.columns()

        async def insert(
            client: "ServiceNowClient", attempt: "IdempotencyRecord | None"
        ) -> "Written":
            if attempt is not None and attempt.taken_over:
                # Nothing says whether the row of an attempt that died was transformed.
                raise ImportUncertainError
            imported = await client.import_sets.insert(staging, columns)
            made = next((one for one in imported if one.sys_id), imported[0])
            record = client.table(made.table or staging).to_record(
                {"sys_id": made.sys_id, "number": made.number}
            )
            return record, {"imported": [asdict(one) for one in imported]}

        write = self._write(f"import {staging}", idempotency_key, columns)
        return await self._recorded(write, insert, ("imported", staging))

    async def attach(
        self,
        ticket_type: "TicketType",
        record_id: str,
        new: "NewAttachment",
        idempotency_key: str | None,
        *,
        content: bytes,
        content_type: str | None,
    ) -> "Ticket":
        """Attach a file to a ticket, and return the attachment."""
        record_id = _checked(record_id)
        table, name = ticket_type.table, new.file_name
        digest = hashlib.sha256(content).hexdigest()
        sent = {"file_name": name, "content_type": content_type, "content": digest}

        async def attach(
            client: "ServiceNowClient", attempt: "IdempotencyRecord | None"
        ) -> "Written":
            ticket = await client.table(table).get(record_id)
            attached = None
            if attempt is not None and attempt.taken_over:
                attached = next(
                    (
                        known
                        for known in await client.attachments.list(table, ticket.sys_id)
                        if (known.get("file_name"), known.get("hash")) == (name, digest)
                    ),
                    None,
                )
                if attached is None:
                    attempt.require_certainty()
            if attached is None:
                attached = await client.attachments.upload(
                    table, ticket.sys_id, content, name, content_type=content_type
                )
            return ticket, _ticket(attached)

        write = self._write(f"attach {table} {record_id}", idempotency_key, sent)
        return await self._recorded(write, attach, ("attached", table))

    async def attachments(self, ticket_type: "TicketType", record_id: str) -> "dict[str, Any]":
        """Return what is attached to a ticket: `{attachments}`, oldest first."""
        record_id = _checked(record_id)
        table = ticket_type.table
        async with self._clients.client_for(self._owner, table, self._connection) as client:
            ticket = await client.table(table).get(record_id)
            attached = await client.attachments.list(table, ticket.sys_id)
        return {"attachments": [_ticket(record) for record in attached]}

    def _write(self, name: str, idempotency_key: str | None, content: dict[str, Any]) -> Write:
        # The same key, for another connection or by another member of a team, is another write.
        if self._by or self._connection != DEFAULT:
            name = f"{name} by {self._owner}/{self._connection}"
        return Write(self._by or self._owner, name, idempotency_key, content)

    async def _run(
        self,
        write: Write,
        do: "Callable[[ServiceNowClient, IdempotencyRecord | None], Awaitable[Record]]",
        action: tuple[str, str],
    ) -> "Ticket":
        """Do a write once, and record it: what was done, on which table."""

        async def written(
            client: "ServiceNowClient", attempt: "IdempotencyRecord | None"
        ) -> "Written":
            record = await do(client, attempt)
            ignored = [asdict(field) for field in record.ignored_fields]
            return record, _ticket(record) | {"ignored_fields": ignored}

        return await self._recorded(write, written, action)

    async def _recorded(
        self,
        write: Write,
        do: "Callable[[ServiceNowClient, IdempotencyRecord | None], Awaitable[Written]]",
        action: tuple[str, str],
    ) -> "Ticket":
        """Do a write once, and record it by the ticket that it returns; return its answer."""
        # Nothing is claimed for a user without a connection.
        await self._clients.client(self._owner, self._connection)

        async def answer(attempt: "IdempotencyRecord | None") -> "Ticket":
            planned = self._facts(write, attempt, action)
            async with self._clients.client_for(self._owner, action[1], self._connection) as client:
                # The next attempt finds the idempotency record; without a key nobody would know.
                with self._activity.around(
                    self._owner, planned, is_announced=attempt is not None
                ) as facts:
                    record, shown = await do(client, attempt)
                    facts |= {
                        "number": record.number,
                        "sys_id": record.sys_id,
                        "url": record.url,
                        "correlation_id": str(record.get("correlation_id") or ""),
                        "after": {"state": str(record.get("state") or "")},
                    }
            return shown

        return await run_once(self._idempotency, write, answer)

    def _facts(
        self, write: Write, attempt: "IdempotencyRecord | None", action: tuple[str, str]
    ) -> dict[str, Any]:
        """Return what the audit trail says of a write before it is made."""
        facts = {
            "kind": self._kind,
            "action": action[0],
            "table": action[1],
            "cause": write.name,
            "correlation_id": write.correlation_id or "",
            "fields": sorted(write.content),
            **acted(self._by),
        }
        if attempt is None:
            return facts
        facts["id"] = write.key[:32]
        return {**facts, "recovered": True} if attempt.taken_over else facts


async def _is_noted(
    client: "ServiceNowClient",
    table: str,
    record_id: str,
    note: str,
    attempt: "IdempotencyRecord | None",
) -> bool:
    """Return whether an attempt that died has left the note already."""
    if attempt is None or not attempt.taken_over:
        return False
    found = await client.table(table).find_work_note(record_id, note, attempt.started_at)
    if found is None:
        attempt.require_certainty()
    return found is not None


def _ticket(record: "Record") -> "Ticket":
    return {**record, "url": record.url}


def _checked(record_id: str) -> str:
    if not is_record_id(record_id):
        raise InvalidInputError(
            FieldError("id", "must be a sys_id (32 hexadecimal digits) or a number as INC0010001")
        )
    return record_id
