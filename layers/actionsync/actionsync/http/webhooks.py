"""What the GitHub webhook's function shares: the delivery that a request is."""

from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler.depends import Depends
from aws_lambda_powertools.event_handler.request import Request

from actionsync import aws
from actionsync.events.webhook import Delivery, Webhooks
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
    headers = request.resolved_event.headers
    return Delivery(
        event=headers.get("x-github-event") or "",
        id=headers.get("x-github-delivery") or "",
        signature=headers.get("x-hub-signature-256") or "",
        body=body,
    )


GithubDelivery = Annotated[Delivery, Depends(_delivery)]
GithubWebhooks = Annotated[Webhooks, Depends(webhooks)]
