"""A request to a webhook as the delivery that it is."""

from typing import Annotated

from aws_lambda_powertools.event_handler.depends import Depends
from aws_lambda_powertools.event_handler.request import Request

from actionsync.events.sources.protocol import Delivery
from actionsync.http.api import RawBody


def _delivery(request: Request, body: RawBody) -> Delivery:
    return Delivery({name.lower(): value for name, value in request.headers.items()}, body)


AnyDelivery = Annotated[Delivery, Depends(_delivery)]
