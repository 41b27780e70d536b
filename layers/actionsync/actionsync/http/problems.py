"""Errors as RFC 9457 problem details, each mapped to its status in one place."""

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import Response

from actionsync import errors
from actionsync.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionsync.errors import ActionSyncError, FieldError

STATUSES: dict[type[errors.ActionSyncError], HTTPStatus] = {
    errors.InvalidInputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotSignedInError: HTTPStatus.UNAUTHORIZED,
    errors.NotAllowedError: HTTPStatus.FORBIDDEN,
    errors.NotInTeamError: HTTPStatus.FORBIDDEN,
    errors.ConnectionNotFoundError: HTTPStatus.NOT_FOUND,
    errors.SignInNeededError: HTTPStatus.FAILED_DEPENDENCY,
    errors.SignInRefusedError: HTTPStatus.CONFLICT,
    errors.ConnectionExistsError: HTTPStatus.CONFLICT,
    errors.TooManyConnectionsError: HTTPStatus.CONFLICT,
    errors.ConnectionBusyError: HTTPStatus.CONFLICT,
    errors.ConnectionChangedError: HTTPStatus.PRECONDITION_FAILED,
    errors.ConnectionIncompleteError: HTTPStatus.CONFLICT,
    errors.SigningKeyError: HTTPStatus.FAILED_DEPENDENCY,
    errors.PendingMissingError: HTTPStatus.CONFLICT,
    errors.PendingRefusedError: HTTPStatus.CONFLICT,
    errors.IdempotencyKeyReusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.WriteInProgressError: HTTPStatus.CONFLICT,
    errors.ImportUncertainError: HTTPStatus.CONFLICT,
    errors.TooManyRequestsError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.DocumentChangedError: HTTPStatus.PRECONDITION_FAILED,
    errors.RecipeNotFoundError: HTTPStatus.NOT_FOUND,
    errors.TooManyRecipesError: HTTPStatus.CONFLICT,
    errors.UnfinishedEventNotFoundError: HTTPStatus.NOT_FOUND,
    errors.EventInProgressError: HTTPStatus.CONFLICT,
    errors.AddressTakenError: HTTPStatus.CONFLICT,
    errors.GateNotFoundError: HTTPStatus.NOT_FOUND,
    errors.WebhookNotFoundError: HTTPStatus.NOT_FOUND,
    errors.WebhookExistsError: HTTPStatus.CONFLICT,
    errors.TooManyWebhooksError: HTTPStatus.CONFLICT,
    errors.DeliveryNotFoundError: HTTPStatus.NOT_FOUND,
    errors.WebhookRefusedError: HTTPStatus.UNAUTHORIZED,
    errors.QueueRefusedError: HTTPStatus.SERVICE_UNAVAILABLE,
}


class BadRequestError(Exception):
    """A request that is wrong as a whole, before any field of it is."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def title_of(status: HTTPStatus) -> str:
    """Return a status's name as RFC 9110 has it; Python has two of them so since 3.13 alone."""
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(status, status.phrase)


def problem(
    status: HTTPStatus,
    detail: str,
    *,
    field_errors: "Iterable[FieldError]" = (),
    retry_after: float | None = None,
    servicenow: dict[str, Any] | None = None,
) -> Response[str]:
    """Return a problem details answer.

    Args:
        status: the HTTP status.
        detail: what went wrong, for a person, without secrets.
        field_errors: the fields that are wrong.
        retry_after: seconds after which the same request may succeed.
        servicenow: ServiceNow's own status, message and detail, where it answered.
    """
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": title_of(status),
        "status": status.value,
        "detail": detail,
        "instance": f"urn:request:{logger.get_current_keys().get('request_id')}",
    }
    if listed := [{"field": error.field, "message": error.message} for error in field_errors]:
        document["errors"] = listed
    if servicenow is not None:
        document["servicenow"] = servicenow
    headers: dict[str, str | list[str]] = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, round(retry_after)))
    return Response(
        status_code=status.value,
        content_type="application/problem+json",
        body=json.dumps(document),
        headers=headers,
    )


def refusal(error: "ActionSyncError") -> Response[str]:
    """Answer what the application refuses."""
    return problem(
        STATUSES[type(error)],
        str(error),
        field_errors=getattr(error, "errors", ()),
        retry_after=getattr(error, "retry_after", None),
    )


def bad_request(error: BadRequestError) -> Response[str]:
    """Answer a request that is wrong as a whole."""
    return problem(error.status, error.detail)
