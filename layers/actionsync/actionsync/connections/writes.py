"""Whose write it was: what we are about to write to a ticket is recorded before it is sent.

So a look that comes between a write and its answer, or after a writer that died, knows it.
"""

import uuid
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from actionsync.telemetry import logger
from servicenow_tools import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionsync.stores.tickets import TicketStore
    from servicenow_tools.errors import ServiceNowError
    from servicenow_tools.tables import OnUpdate, Updated

_JOURNALS = ("work_notes", "comments")


def recorded_in(rows: "TicketStore", connection_id: "Callable[[], int]") -> "OnUpdate":
    """Return what records a client's updates of tickets that have a row.

    Args:
        rows: the rows.
        connection_id: returns whose tickets they are.
    """

    def on_update(table: str, sys_id: str, values: dict[str, str]) -> "Updated":
        place, write = f"{table}#{sys_id}", uuid.uuid4().hex[:12]
        columns = {name: text for name, text in values.items() if name not in _JOURNALS}
        notes = [values[name] for name in _JOURNALS if values.get(name)]
        of_connection = connection_id()
        if not rows.announce(of_connection, place, write, columns, notes):
            return lambda _: None

        def updated(outcome: "Record | ServiceNowError") -> None:
            try:
                if isinstance(outcome, Record):
                    written = {name: outcome[name] for name in columns if name in outcome}
                    rows.confirm(of_connection, place, write, written, outcome.mod_count)
                elif not outcome.maybe_applied:
                    rows.withdraw(of_connection, place, write)
            except (BotoCoreError, ClientError):
                # The ticket is written; the next look sees that it is what was announced.
                logger.exception("write not confirmed", place=place)

        return updated

    return on_update
