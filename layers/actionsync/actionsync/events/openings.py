"""What an opening leaves: the ticket's row, its connection's looks, and the event that says so."""

from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from actionsync import clock
from actionsync.errors import QueueRefusedError
from actionsync.events.comparison import columns_of, known_columns
from actionsync.events.outgoing import Origin, TicketDetail
from actionsync.stores.tickets import Row, note_hash
from actionsync.stores.timers import Timer, key_of, looks_of
from actionsync.telemetry import logger

if TYPE_CHECKING:
    from typing import Any

    from actionsync.events.models import IncomingEvent
    from actionsync.events.outgoing import DetailType, Outgoing
    from actionsync.events.writebacks import WriteBacks
    from actionsync.stores.tickets import TicketStore
    from actionsync.stores.timers import TimerStore
    from servicenow_tools import Record

FIRST_SECONDS = 60
_LONGEST_LABEL, _MOST_LABELS = 200, 20
_JOURNALS = ("work_notes", "comments")


def detail_of(row: Row, sequence: int, **facts: "Any") -> TicketDetail:
    """Return the detail of an event about a ticket."""
    return TicketDetail(
        id=f"{row.sys_id}-{sequence}",
        sequence=sequence,
        owner=row.owner,
        connection=row.connection,
        dedup_key=row.dedup_key,
        kind=row.kind,
        table=row.table,
        number=row.number,
        sys_id=row.sys_id,
        url=row.url,
        **facts,
    )


def unsent(kind: "DetailType", detail: TicketDetail) -> "dict[str, Any]":
    """Return an event as a row has it until it is sent."""
    return {"type": kind, "detail": detail.model_dump(mode="json", exclude_unset=True)}


class Openings:
    """Where openings are recorded.

    Args:
        rows: the rows of open tickets.
        timers: the looks of connections.
        outgoing: where events go out.
        write_backs: what tells sources of their tickets; None where nobody wants it.
    """

    def __init__(
        self,
        rows: "TicketStore",
        timers: "TimerStore",
        outgoing: "Outgoing",
        write_backs: "WriteBacks | None" = None,
    ) -> None:
        self._write_backs = write_backs
        self._rows = rows
        self._timers = timers
        self._outgoing = outgoing

    def watch(self, row: Row, record: "Record", sent: "dict[str, Any] | None" = None) -> None:
        """Have a ticket looked at from now on, as its record is; a table that is not ours is not.

        Args:
            row: whose ticket it is, and where.
            record: the ticket.
            sent: the columns that we have sent, for our own notes among them.
        """
        if columns_of(row.table):
            self._add(_known(row, record, sent or {}))

    def record(
        self, event: "IncomingEvent", row: Row, record: "Record", sent: "dict[str, Any]"
    ) -> None:
        """Record that an event has opened a ticket, and say so on the bus."""
        if not columns_of(row.table):
            return
        origin = _origin(event)
        row = replace(_known(row, record, sent), origin=origin.model_dump(), sequence=1)
        at = clock.iso(clock.now())
        detail = detail_of(row, 1, at=at, origin=origin, after=row.columns)
        row = replace(row, unsent=(unsent("Ticket Opened", detail),))
        if self._add(row):
            self.settle(self.send(row))

    def _add(self, row: Row) -> bool:
        """Add a row, and see that its connection is looked at; return whether it is new."""
        is_new = self._rows.open(row)
        # The id spreads the first looks over the minute.
        first = clock.epoch(clock.now()) + FIRST_SECONDS + row.connection_id % FIRST_SECONDS
        key = key_of("looks", row.owner, row.connection)
        memo = {"connection_id": row.connection_id, "full_at": first - FIRST_SECONDS}
        self._timers.start(Timer(looks_of(row.connection_id), key, first, memo))
        return is_new

    def row(self, connection_id: int, table: str, sys_id: str) -> Row | None:
        """Return a ticket's row, or None where it has none."""
        return self._rows.get(connection_id, table, sys_id) if columns_of(table) else None

    def are_missing(self, connection_id: int) -> bool:
        """Return whether most tickets of a connection cannot be read any more."""
        return self._rows.are_missing(connection_id)

    def send(self, row: Row) -> Row:
        """Send a row's events, in their order; what cannot be sent is left to the next look."""
        try:
            for event in row.unsent:
                self._outgoing.send(event["type"], event["detail"])
        except (QueueRefusedError, BotoCoreError, ClientError):
            logger.warning("event not sent", place=row.place, exc_info=True)
            return row
        return (self._rows.save(row, unsent=()) or row) if row.unsent else row

    def settle(self, row: Row) -> Row:
        """Tell a ticket's source of it, where the stack's owner wants that and it is news."""
        return row if self._write_backs is None else self._write_backs.settle(row)


def _known(row: Row, record: "Record", sent: "dict[str, Any]") -> Row:
    """Return a row as its record is."""
    now = clock.epoch(clock.now())
    return replace(
        row,
        own_user=row.own_user or str(record.get("sys_created_by") or ""),
        number=record.number,
        url=record.url,
        columns=known_columns(row.table, record),
        mod_count=record.mod_count,
        looked_count=record.mod_count,
        notes=tuple(note_hash(str(sent[name])) for name in _JOURNALS if sent.get(name)),
        noted_until=str(record.get("sys_created_on") or f"{clock.now():%Y-%m-%d %H:%M:%S}"),
        opened_at=now,
        changed_at=now,
    )


def _origin(event: "IncomingEvent") -> Origin:
    labels = list(event.labels.items())[:_MOST_LABELS]
    return Origin(
        source=event.source,
        key=event.key[:1000],
        name=event.name[:_LONGEST_LABEL],
        account=event.account,
        region=event.region,
        labels={name: text[:_LONGEST_LABEL] for name, text in labels},
    )
