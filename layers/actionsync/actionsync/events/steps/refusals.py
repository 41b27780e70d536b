"""What counts as a refusal, and how people read of what ServiceNow did not take as it was sent."""

from typing import TYPE_CHECKING, Any

from servicenow_tools.errors import (
    AuthenticationError,
    InvalidRequestError,
    RateLimitedError,
    ResponseError,
    ServiceNowError,
    UnavailableError,
    UnexpectedContentError,
)

if TYPE_CHECKING:
    from servicenow_tools import IgnoredField

Columns = dict[str, Any]

_NO_REFUSALS = (
    AuthenticationError,
    RateLimitedError,
    UnavailableError,
    UnexpectedContentError,
)
_FIRST_ERROR, _LAST_REFUSAL = 400, 499
_LONGEST_WARNING = 300
_MOST_WARNINGS = 10


def is_refusal(error: ServiceNowError) -> bool:
    """Return whether ServiceNow itself, or its client, refuses what was asked for.

    Only ServiceNow's own error document counts: the same status with an HTML page is a gateway's.
    """
    if isinstance(error, InvalidRequestError):
        return True
    if isinstance(error, _NO_REFUSALS):
        return False
    return (
        isinstance(error, ResponseError)
        and error.message is not None
        and _FIRST_ERROR <= error.status <= _LAST_REFUSAL
    )


def shortened(warnings: list[str]) -> list[str]:
    """Return warnings as people are shown them: not too many, none too long."""
    return [text[:_LONGEST_WARNING] for text in warnings[:_MOST_WARNINGS]]


def report_of(warnings: list[str]) -> str:
    """Return the text that says what could not be done as it was meant; empty for nothing."""
    if not warnings:
        return ""
    said = "ServiceNow did not take everything as it was sent:"
    return "\n".join([said, *shortened(warnings)])


def differences_of(wanted: Columns, sent: Columns) -> list[str]:
    """Return what was left out of the columns that were wanted, and what was filled in."""
    left_out = [f"{name} was left out: {wanted[name]}" for name in wanted if name not in sent]
    added = [
        f"{name} was filled in: {sent[name]}" for name in sent if wanted and name not in wanted
    ]
    return left_out + added


def ignored_text(ignored: "IgnoredField") -> str:
    """Return what ServiceNow made of a value that it did not take."""
    stored = "dropped it" if ignored.stored is None else f"stored {ignored.stored or 'nothing'}"
    return f"{ignored.field}: {ignored.sent} was sent, ServiceNow {stored}"
