"""What calls ServiceNow in this process: clients, tickets, the engine, the rotation."""

from functools import cache

from actionsync.connections.circuit import Circuit
from actionsync.connections.clients import ClientCache
from actionsync.connections.rotation import Rotation
from actionsync.settings import settings
from actionsync.stores.connections import DEFAULT
from actionsync.tickets.service import TicketService
from actionsync.wiring import stores


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


def tickets_to_read(owner: str) -> TicketService:
    """Return an owner's tickets, for one read, which counts against the owner's limit.

    Raises:
        TooManyRequestsError: this minute has none left.
    """
    stores.rates("reads").take(owner)
    return _tickets(owner)


def _tickets(owner: str, connection: str = DEFAULT) -> TicketService:
    return TicketService(
        owner,
        client_cache(),
        stores.idempotency_store(),
        stores.activity_store(),
        connection=connection,
    )


def tickets_to_write(owner: str, connection: str = DEFAULT) -> TicketService:
    """Return an owner's tickets, for one write, which counts against the owner's limit.

    Args:
        owner: whose tickets.
        connection: the name of the connection.

    Raises:
        TooManyRequestsError: this minute has none left.
    """
    stores.rates("writes").take(owner)
    return _tickets(owner, connection)


@cache
def rotation() -> Rotation:
    """Return the rotation of connections' secrets."""
    return Rotation(
        stores.connection_store(), stores.secret_store(), client_cache(), stores.activity_store()
    )
