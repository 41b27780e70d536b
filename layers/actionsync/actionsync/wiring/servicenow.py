"""What calls ServiceNow in this process: clients, tickets, the engine, the rotation."""

from functools import cache
from typing import TYPE_CHECKING

from actionsync.connections.circuit import Circuit
from actionsync.connections.clients import ClientCache
from actionsync.connections.rotation import Rotation
from actionsync.settings import settings
from actionsync.tickets.service import TicketService
from actionsync.wiring import stores
from actionsync.wiring.callers import Acting, acting

if TYPE_CHECKING:
    from actionsync.http.callers import Caller


@cache
def client_cache() -> ClientCache:
    """Return the ServiceNow clients."""
    return ClientCache(
        stores.connection_store(),
        stores.secret_store(),
        Circuit(stores.pause_store()),
        stores.ticket_store(),
        settings(),
    )


def tickets_to_read(caller: "Caller") -> TicketService:
    """Return tickets for one read, which counts against the caller's limit.

    Raises:
        TooManyRequestsError: this minute has none left.
        NotInTeamError: the caller is not in the team.
    """
    stores.rates("reads").take(caller.user_id)
    return _tickets(acting(caller))


def _tickets(for_: Acting) -> TicketService:
    return TicketService(
        for_.owner,
        client_cache(),
        stores.idempotency_store(),
        stores.activity_store(),
        connection=for_.connection,
        by=for_.by,
    )


def tickets_to_write(caller: "Caller") -> TicketService:
    """Return tickets for one write, which counts against the caller's limit.

    Raises:
        TooManyRequestsError: this minute has none left.
        NotInTeamError: the caller is not in the team.
    """
    stores.rates("writes").take(caller.user_id)
    return _tickets(acting(caller))


@cache
def rotation() -> Rotation:
    """Return the rotation of connections' secrets."""
    return Rotation(
        stores.connection_store(), stores.secret_store(), client_cache(), stores.activity_store()
    )
