"""A request to a webhook as the delivery that it is."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
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


def _handshake(request: Request) -> Response[str]:
    """Answer whoever asks before it delivers (CloudEvents: HTTP 1.1 Web Hooks for Event Delivery).

    It says nothing of a webhook: a delivery has to prove itself all the same.
    """
    origin = request.headers.get("webhook-request-origin", "*")[:200]
    headers: dict[str, str | list[str]] = {
        "Allow": "POST, OPTIONS", "WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*",
    }  # fmt: skip
    return Response(status_code=HTTPStatus.OK.value, body="", headers=headers)


AnyDelivery = Annotated[Delivery, Depends(_delivery)]
Handshake = Annotated[Response[str], Depends(_handshake)]
