"""Time, in the two forms the product stores."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """Write a UTC moment as `2024-01-10T10:00:00Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch(moment: datetime) -> int:
    """Write a moment as whole seconds since 1970, DynamoDB's form for time to live."""
    return int(moment.timestamp())
