"""What the webhooks' function shares: the delivery that a request is."""

from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler.depends import Depends
from aws_lambda_powertools.event_handler.request import Request

from actionsync import aws
from actionsync.events.sources.protocol import Delivery
from actionsync.events.webhook import Webhooks
from actionsync.http.events import RawBody, rules_of, webhook_store
from actionsync.settings import bus_name, settings
from actionsync.stores.idempotency import IdempotencyStore


@cache
def webhooks() -> Webhooks:
    """Return this process's webhooks."""
    return Webhooks(
        webhook_store(),
        IdempotencyStore(aws.dynamodb(), settings().claims_table),
        (aws.event_bridge(), bus_name()),
        rules_of,
    )


def _delivery(request: Request, body: RawBody) -> Delivery:
    return Delivery({name.lower(): value for name, value in request.headers.items()}, body)


AnyDelivery = Annotated[Delivery, Depends(_delivery)]
WebhooksOfUsers = Annotated[Webhooks, Depends(webhooks)]
