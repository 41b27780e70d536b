"""Time, in the two forms that the product stores, and in ServiceNow's."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_STORED = "%Y-%m-%d %H:%M:%S"
_at: ContextVar[datetime | None] = ContextVar("at", default=None)


def now() -> datetime:
    """Return the present moment, in UTC."""
    return _at.get() or datetime.now(UTC)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Use a moment as the current time in a block."""
    token = _at.set(moment)
    try:
        yield
    finally:
        _at.reset(token)


def iso(moment: datetime) -> str:
    """Write a UTC moment as `2024-01-10T10:00:00Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def precise(moment: datetime) -> str:
    """Write a UTC moment as `2024-01-10T10:00:00.000000Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def epoch(moment: datetime) -> int:
    """Write a moment as whole seconds since 1970, DynamoDB's form for time to live."""
    return int(moment.timestamp())


def now_epoch() -> int:
    """Return the present moment in whole seconds since 1970."""
    return epoch(now())


def stored(moment: datetime) -> str:
    """Write a moment as ServiceNow stores it, in UTC: `2024-01-10 10:00:00`."""
    return moment.astimezone(UTC).strftime(_STORED)


def parsed(value: object) -> datetime | None:
    """Return the moment that ServiceNow stores as `2024-01-10 10:00:00`; None for anything else."""
    try:
        return datetime.strptime(str(value), _STORED).replace(tzinfo=UTC)
    except ValueError:
        return None
