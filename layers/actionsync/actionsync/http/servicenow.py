"""ServiceNow's failures as problem details: one table, with ServiceNow's own messages.

Never 401: the caller is signed in here, it is ServiceNow that refused.
"""

from http import HTTPStatus
from typing import TYPE_CHECKING

from actionsync.connections.circuit import (
    CircuitOpenError,
    RateLimitPauseError,
    SignInPauseError,
)
from actionsync.errors import FieldError
from actionsync.http.api import http_api
from actionsync.http.problems import problem
from actionsync.telemetry import logger
from servicenow_tools import errors

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

# The first class that fits decides, so that a special case stands before its parent.
STATUSES: dict[type[errors.ServiceNowError], HTTPStatus] = {
    RateLimitPauseError: HTTPStatus.TOO_MANY_REQUESTS,
    SignInPauseError: HTTPStatus.FAILED_DEPENDENCY,
    CircuitOpenError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StateError: HTTPStatus.CONFLICT,
    errors.InvalidRequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.AuthenticationError: HTTPStatus.FAILED_DEPENDENCY,
    errors.DataPolicyError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.BusinessRuleError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.PermissionDeniedError: HTTPStatus.FAILED_DEPENDENCY,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.ValidationError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.RateLimitedError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.RequestTimeoutError: HTTPStatus.GATEWAY_TIMEOUT,
    errors.ConnectionFailedError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.HibernatingError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ServiceNowError: HTTPStatus.BAD_GATEWAY,
}

_MAYBE_WRITTEN = (
    "The write may have taken effect all the same: repeat it with the same Idempotency-Key, "
    "which finds out, or look before repeating it."
)


def servicenow_api() -> "APIGatewayHttpResolver":
    """Return a resolver for a function that calls ServiceNow."""
    app = http_api()
    app.exception_handler(errors.ServiceNowError)(_failure)
    return app


def _failure(error: errors.ServiceNowError) -> "Response[str]":
    status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
    logger.warning("ServiceNow call failed", error=type(error).__name__, status=status.value)
    if isinstance(error, errors.InvalidRequestError):
        return problem(
            status, str(error), field_errors=[FieldError(error.field or "request", error.reason)]
        )
    said = None
    if isinstance(error, errors.ResponseError):
        said = {"status": error.status, "message": error.message, "detail": error.detail}
    detail = f"{error} {_MAYBE_WRITTEN}" if error.maybe_applied else str(error)
    return problem(status, detail, retry_after=getattr(error, "retry_after", None), servicenow=said)
