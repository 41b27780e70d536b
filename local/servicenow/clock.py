"""The instance's time: its clock, and dates as ServiceNow stores, reads and shows them."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

FORMAT = "%Y-%m-%d %H:%M:%S"
DAY_FORMAT = "%Y-%m-%d"

# Java's pattern letters, as properties and users write formats.
_JAVA = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S",
         "a": "%p"}  # fmt: skip
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d)?(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?)?")


class Clock:
    """A clock that never goes back, and that a test lets run ahead."""

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=UTC)
        self._ahead = timedelta()

    def moment(self) -> datetime:
        """Return the moment in UTC, never earlier than the last one."""
        self._last = max(self._last, datetime.now(UTC) + self._ahead)
        return self._last

    def now(self) -> str:
        """Return the moment as ServiceNow stores it."""
        return stored(self.moment())

    def seconds(self) -> float:
        """Return the seconds since 1970."""
        return self.moment().timestamp()

    def skip(self, seconds: float) -> None:
        """Let the clock run ahead."""
        self._ahead += timedelta(seconds=seconds)


def stored(moment: datetime) -> str:
    """Return a moment as ServiceNow stores it: UTC, without a zone."""
    return moment.astimezone(UTC).strftime(FORMAT)


def parsed(text: str) -> datetime:
    """Return the moment of a stored text."""
    return datetime.strptime(text, FORMAT).replace(tzinfo=UTC)


def zone(name: str) -> tzinfo:
    """Return a time zone; UTC for a name that is empty or unknown."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return UTC


def read_moment(text: str, reader: tzinfo = UTC) -> str | None:
    """Return a moment that was sent as ServiceNow stores it, or None if the text is not a moment.

    A blank or a `T` stands between date and time; a date alone means its first second.
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    day, minutes, seconds, offset = found.groups()
    iso = f"{day}T{minutes or '00:00'}{seconds or ':00'}{offset or ''}"
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        return None
    return stored(moment if offset else moment.replace(tzinfo=reader))


def read_day(text: str) -> str | None:
    """Return a day that was sent, or None if the text is not a day."""
    moment = read_moment(text)
    return None if moment is None else moment[:10]


def strftime_pattern(java: str) -> str:
    """Return the strftime pattern of a Java date pattern."""
    return re.sub(
        r"yyyy|MM|dd|HH|hh|mm|ss|a",
        lambda found: _JAVA[found[0]],
        java,
    )
