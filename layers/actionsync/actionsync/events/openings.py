"""What an opening leaves: the ticket's row, its connection's looks, and the event that says so."""

from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from actionsync import clock
from actionsync.errors import QueueRefusedError
from actionsync.events.comparison import columns_of
from actionsync.events.outgoing import Origin, TicketDetail
from actionsync.events.watch import known
from actionsync.telemetry import logger

if TYPE_CHECKING:
    from typing import Any

    from actionsync.events.models import IncomingEvent
    from actionsync.events.outgoing import DetailType, Outgoing
    from actionsync.events.watch import Watch
    from actionsync.events.writebacks import WriteBacks
    from actionsync.stores.tickets import Row, TicketStore
    from servicenow_tools import Record

_LONGEST_LABEL, _MOST_LABELS = 200, 20


def detail_of(row: "Row", sequence: int, **facts: "Any") -> TicketDetail:
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
        watch: has tickets looked at.
        outgoing: where events go out.
        write_backs: what tells sources of their tickets; None where nobody wants it.
    """

    def __init__(
        self,
        rows: "TicketStore",
        watch: "Watch",
        outgoing: "Outgoing",
        write_backs: "WriteBacks | None" = None,
    ) -> None:
        self._write_backs = write_backs
        self._rows = rows
        self._watch = watch
        self._outgoing = outgoing

    def watch(self, row: "Row", record: "Record", sent: "dict[str, Any]") -> None:
        """Begin looks at a ticket that existed before its event."""
        self._watch.begin(row, record, sent)

    def record(
        self, event: "IncomingEvent", row: "Row", record: "Record", sent: "dict[str, Any]"
    ) -> None:
        """Record that an event has opened a ticket, and say so on the bus."""
        if not columns_of(row.table):
            return
        origin = _origin(event)
        row = replace(known(row, record, sent), origin=origin.model_dump(), sequence=1)
        at = clock.iso(clock.now())
        detail = detail_of(row, 1, at=at, origin=origin, after=row.columns)
        row = replace(row, unsent=(unsent("Ticket Opened", detail),))
        if self._watch.add(row):
            self.settle(self.send(row))

    def row(self, connection_id: int, table: str, sys_id: str) -> "Row | None":
        """Return a ticket's row, or None where it has none."""
        return self._rows.get(connection_id, table, sys_id) if columns_of(table) else None

    def are_missing(self, connection_id: int) -> bool:
        """Return whether most tickets of a connection cannot be read any more."""
        return self._rows.are_missing(connection_id)

    def send(self, row: "Row") -> "Row":
        """Send a row's events, in their order; what cannot be sent is left to the next look."""
        try:
            for event in row.unsent:
                self._outgoing.send(event["type"], event["detail"])
        except (QueueRefusedError, BotoCoreError, ClientError):
            logger.warning("event not sent", place=row.place, exc_info=True)
            return row
        return (self._rows.save(row, unsent=()) or row) if row.unsent else row

    def settle(self, row: "Row") -> "Row":
        """Tell a ticket's source of it, where the stack's owner wants that and it is news."""
        return row if self._write_backs is None else self._write_backs.settle(row)


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
