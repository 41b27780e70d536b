"""A request to a webhook as the delivery that it is."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler.depends import Depends
from aws_lambda_powertools.event_handler.request import Request

from actionsync.events.deliveries import Delivery
from actionsync.http.api import RawBody
from actionsync.http.problems import BadRequestError

_MOST_BYTES = 5_000_000


def _delivery(request: Request, body: RawBody) -> Delivery:
    if len(body) > _MOST_BYTES:
        raise BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than 5 MB.")
    return Delivery({name.lower(): value for name, value in request.headers.items()}, body)


AnyDelivery = Annotated[Delivery, Depends(_delivery)]
