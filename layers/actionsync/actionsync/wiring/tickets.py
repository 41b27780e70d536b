"""Tickets for one call, counted against what its caller may ask for."""

from typing import TYPE_CHECKING

from actionsync.events.watch import Watch
from actionsync.tickets.service import TicketService
from actionsync.wiring import stores
from actionsync.wiring.callers import Acting, acting
from actionsync.wiring.servicenow import client_cache

if TYPE_CHECKING:
    from actionsync.http.callers import Caller


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
        watch=Watch(stores.ticket_store(), stores.timer_store()).begin,
    )


def tickets_to_write(caller: "Caller") -> TicketService:
    """Return tickets for one write, which counts against the caller's limit.

    Raises:
        TooManyRequestsError: this minute has none left.
        NotInTeamError: the caller is not in the team.
    """
    stores.rates("writes").take(caller.user_id)
    return _tickets(acting(caller))
