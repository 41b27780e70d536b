"""Dates, days and durations as a user sees them."""

from dataclasses import dataclass
from datetime import UTC, tzinfo

from .clock import DAY_FORMAT, FORMAT, parsed


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom values are shown.

    Attributes:
        language: the code of the language.
        zone: the time zone.
        date_format: the pattern of dates with a time.
        day_format: the pattern of dates alone.
    """

    language: str = "en"
    zone: tzinfo = UTC
    date_format: str = FORMAT
    day_format: str = DAY_FORMAT


def moment(value: str, reader: Reader) -> str:
    """Return a stored moment in the reader's zone and format; other texts as they are."""
    try:
        return parsed(value).astimezone(reader.zone).strftime(reader.date_format)
    except ValueError:
        return value


def day(value: str, reader: Reader) -> str:
    """Return a stored day in the reader's format; other texts as they are."""
    try:
        return parsed(f"{value} 00:00:00").strftime(reader.day_format)
    except ValueError:
        return value


def duration(value: str) -> str:
    """Return a duration, stored as a moment after 1970, in days, hours, minutes and seconds."""
    try:
        seconds = int(parsed(value).timestamp())
    except ValueError:
        return value
    units = (("Day", 86400), ("Hour", 3600), ("Minute", 60), ("Second", 1))
    found = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            found.append(f"{count} {name}{'s' if count > 1 else ''}")
    return " ".join(found) or "0 Seconds"
