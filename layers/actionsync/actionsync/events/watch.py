"""Beginning to look at tickets: a ticket's row, and its connection's looks."""

from dataclasses import replace
from typing import TYPE_CHECKING

from actionsync import clock
from actionsync.events.comparison import columns_of, known_columns
from actionsync.stores.tickets import note_hash
from actionsync.stores.timers import Timer, key_of, looks_of

if TYPE_CHECKING:
    from typing import Any

    from actionsync.stores.tickets import Row, TicketStore
    from actionsync.stores.timers import TimerStore
    from servicenow_tools import Record

FIRST_SECONDS = 60
_JOURNALS = ("work_notes", "comments")


class Watch:
    """Begins looks at tickets, from their opening on.

    Args:
        rows: the rows of open tickets.
        timers: the looks of connections.
    """

    def __init__(self, rows: "TicketStore", timers: "TimerStore") -> None:
        self._rows = rows
        self._timers = timers

    def begin(self, row: "Row", record: "Record", sent: "dict[str, Any] | None" = None) -> None:
        """Begin looks at a ticket, with its record as it is; tables without looks are ignored.

        Args:
            row: whose ticket it is, and where.
            record: the ticket.
            sent: the columns that we have sent, for our own notes among them.
        """
        if columns_of(row.table):
            self.add(known(row, record, sent or {}))

    def add(self, row: "Row") -> bool:
        """Add a row, and see that its connection is looked at; return whether it is new."""
        is_new = self._rows.open(row)
        # The id spreads the first looks over the minute.
        first = clock.now_epoch() + FIRST_SECONDS + row.connection_id % FIRST_SECONDS
        key = key_of("looks", row.owner, row.connection)
        memo = {"connection_id": row.connection_id, "full_at": first - FIRST_SECONDS}
        self._timers.start(Timer(looks_of(row.connection_id), key, first, memo))
        return is_new


def known(row: "Row", record: "Record", sent: "dict[str, Any]") -> "Row":
    """Return a row as its record is."""
    now = clock.now_epoch()
    return replace(
        row,
        own_user=row.own_user or str(record.get("sys_created_by") or ""),
        number=record.number,
        url=record.url,
        columns=known_columns(row.table, record),
        mod_count=record.mod_count,
        looked_count=record.mod_count,
        notes=tuple(note_hash(str(sent[name])) for name in _JOURNALS if sent.get(name)),
        noted_until=str(record.get("sys_created_on") or clock.stored(clock.now())),
        opened_at=now,
        changed_at=now,
    )
