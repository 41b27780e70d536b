"""What the functions that call ServiceNow share: clients kept warm, and the caller's tickets."""

from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler.depends import Depends

from actionsync import aws
from actionsync.connections.breaker import Breaker
from actionsync.connections.sessions import ClientCache
from actionsync.http.activity import activity_store
from actionsync.http.api import UserId
from actionsync.http.config import connection_store, secret_store
from actionsync.http.cooldowns import cooldown_store
from actionsync.http.writers import WriterId
from actionsync.settings import settings
from actionsync.stores.idempotency import IdempotencyStore
from actionsync.tickets.service import Tickets


@cache
def sessions() -> ClientCache:
    """Return this process's ServiceNow clients."""
    return ClientCache(connection_store(), secret_store(), Breaker(cooldown_store()), settings())


@cache
def claim_store() -> IdempotencyStore:
    """Return this process's way to the claims table."""
    return IdempotencyStore(aws.dynamodb(), settings().claims_table)


CallersClients = Annotated[ClientCache, Depends(sessions)]


def _tickets(user_id: UserId) -> Tickets:
    return Tickets(user_id, sessions(), claim_store(), activity_store())


def _tickets_to_write(user_id: WriterId) -> Tickets:
    return _tickets(user_id)


CallersTickets = Annotated[Tickets, Depends(_tickets)]
WritersTickets = Annotated[Tickets, Depends(_tickets_to_write)]
