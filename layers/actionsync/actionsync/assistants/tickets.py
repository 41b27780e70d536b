"""An assistant's writes: through the owner's tickets, so that the audit trail has them."""

from typing import TYPE_CHECKING, Any

from actionsync.tickets.models import IncidentClosing, NewIncident, NewWorkNote
from actionsync.tickets.types import INCIDENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionsync.tickets.service import TicketService
    from servicenow_tools.mcp import tickets as tools

_SHOWN = ("number", "url", "state", "ignored_fields")


class TicketWriter:
    """Writes tickets, each write once for its correlation_id.

    Args:
        tickets: returns the owner's tickets at a connection, for one write, which counts.
    """

    def __init__(self, tickets: "Callable[[str], TicketService]") -> None:
        self._tickets = tickets

    async def create_incident(
        self, asked: "tools.NewIncident", columns: dict[str, Any]
    ) -> dict[str, Any]:
        """Open an incident."""
        known = {name: columns[name] for name in columns if name in NewIncident.model_fields}
        fields = {name: columns[name] for name in columns if name not in known}
        new = NewIncident(**known, fields=fields, correlation_id=asked.correlation_id)
        return _shown(
            await self._tickets(asked.connection).create(INCIDENT, new, asked.correlation_id)
        )

    async def add_work_note(self, asked: "tools.NewNote") -> dict[str, Any]:
        """Add a work note."""
        note = NewWorkNote(work_note=asked.note)
        return _shown(
            await self._tickets(asked.connection).add_work_note(
                asked.table, asked.id, note, asked.correlation_id
            )
        )

    async def resolve_incident(self, asked: "tools.Resolution") -> dict[str, Any]:
        """Resolve an incident."""
        closing = IncidentClosing(close_notes=asked.close_notes)
        if asked.close_code:
            closing.close_code = asked.close_code
        return _shown(
            await self._tickets(asked.connection).close(
                INCIDENT, asked.id, closing, asked.correlation_id
            )
        )


def _shown(ticket: dict[str, Any]) -> dict[str, Any]:
    return {name: ticket[name] for name in _SHOWN if name in ticket}
