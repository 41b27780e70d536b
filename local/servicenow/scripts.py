"""The `javascript:gs...` values of queries, as far as filters of lists and forms write them.

Documentation: GlideSystem API; Operators available for filters and queries.
"""

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from .clock import stored
from .errors import not_simulated

_CALL = re.compile(r"javascript:\s*(?:gs\.)?((?:getUser\(\)\.)?\w+)\(([^()]*)\)\s*;?")
_ANY_SCRIPT = re.compile(r"javascript:.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Session:
    """Who asks, and when.

    Attributes:
        user_id: the user's sys_id.
        user_name: the user's name for signing in.
        groups: sys_ids of the user's groups.
        now: the moment, in the user's time zone.
    """

    user_id: str
    user_name: str
    groups: tuple[str, ...]
    now: datetime


def evaluate(value: str, session: Session) -> str:
    """Return a condition's value with its scripts run.

    Raises:
        ApiError: 501, the script is not one of those that are imitated.
    """
    run = _CALL.sub(lambda call: _call(call, session), value)
    if _ANY_SCRIPT.search(run):
        raise not_simulated(f"the script {value}")
    return run


def _call(call: re.Match[str], session: Session) -> str:
    name, arguments = call.groups()
    given = [part.strip().strip("'\"") for part in arguments.split(",") if part.strip()]
    try:
        return _FUNCTIONS[name](session, *given)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise not_simulated(f"the script {call[0]}") from None


def shift_months(moment: datetime, months: int) -> datetime:
    """Return a moment some months later, on the month's last day at most."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


@dataclass(frozen=True, slots=True)
class _Unit:
    """Minutes, hours, days, weeks, months, quarters or years.

    Attributes:
        begin: returns the beginning of the one that a moment is in.
        later: returns a moment some of them later.
    """

    begin: Callable[[datetime], datetime]
    later: Callable[[datetime, int], datetime]

    def ago(self, session: Session, count: int) -> datetime:
        """Return the moment so many of them ago."""
        return self.later(session.now, -count)

    def start(self, session: Session, count: int) -> datetime:
        """Return the beginning of the one so many ago."""
        return self.later(self.begin(session.now), -count)

    def end(self, session: Session, count: int) -> datetime:
        """Return the last second of the one so many ago."""
        return self.start(session, count - 1) - timedelta(seconds=1)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _first(moment: datetime, months: int) -> datetime:
    """Return the beginning of the month, quarter or year that a moment is in."""
    return shift_months(_midnight(moment).replace(day=1), -((moment.month - 1) % months))


_MINUTE = _Unit(
    lambda moment: moment.replace(second=0, microsecond=0),
    lambda moment, count: moment + timedelta(minutes=count),
)
_HOUR = _Unit(
    lambda moment: moment.replace(minute=0, second=0, microsecond=0),
    lambda moment, count: moment + timedelta(hours=count),
)
_DAY = _Unit(_midnight, lambda moment, count: moment + timedelta(days=count))
_WEEK = _Unit(
    lambda moment: _midnight(moment) - timedelta(days=moment.weekday()),
    lambda moment, count: moment + timedelta(weeks=count),
)
_MONTH = _Unit(lambda moment: _first(moment, 1), shift_months)
_QUARTER = _Unit(
    lambda moment: _first(moment, 3), lambda moment, count: shift_months(moment, 3 * count)
)
_YEAR = _Unit(
    lambda moment: _first(moment, 12), lambda moment, count: shift_months(moment, 12 * count)
)

# Of `gs.beginningOf<name>()` and `gs.endOf<name>()`: the unit, and how many ago each is.
_RANGES: dict[str, tuple[_Unit, int, int]] = {
    "Today": (_DAY, 0, 0), "Yesterday": (_DAY, 1, 1), "Tomorrow": (_DAY, -1, -1),
    "CurrentMinute": (_MINUTE, 0, 0), "LastMinute": (_MINUTE, 1, 1),
    "CurrentHour": (_HOUR, 0, 0), "LastHour": (_HOUR, 1, 1),
    "Last2Quarters": (_QUARTER, 1, 0), "Next2Quarters": (_QUARTER, -1, -2),
    "Last2Years": (_YEAR, 1, 0),
    **{f"Last{count}Minutes": (_MINUTE, count, 0) for count in (15, 30, 45)},
    **{f"Last{count}Days": (_DAY, count, 0) for count in (7, 30, 60, 90, 120)},
    **{f"Last{count}Months": (_MONTH, count, 0) for count in (3, 6, 9, 12)},
    **{
        f"{which}{name}": (unit, ago, ago)
        for name, unit in
        (("Week", _WEEK), ("Month", _MONTH), ("Quarter", _QUARTER), ("Year", _YEAR))
        for which, ago in (("This", 0), ("Last", 1), ("Next", -1))
    },
}  # fmt: skip


def _generate(session: Session, day: str, time: str = "") -> str:
    """Return the moment of a day and a time, or of a text that has both."""
    clock = {"start": "00:00:00", "end": "23:59:59"}.get(time, time)
    moment = datetime.fromisoformat(f"{day} {clock}".strip())
    return stored(moment.replace(tzinfo=session.now.tzinfo))


def _moments() -> Iterator[tuple[str, Callable[..., str]]]:
    """Yield the functions that name a moment by units before or after now."""
    for name, (unit, first, last) in _RANGES.items():
        yield f"beginningOf{name}", partial(_stored, unit.start, count=first)
        yield f"endOf{name}", partial(_stored, unit.end, count=last)
    for name, unit in (
        ("minutes", _MINUTE), ("hours", _HOUR), ("days", _DAY), ("months", _MONTH),
        ("quarters", _QUARTER), ("years", _YEAR),
    ):  # fmt: skip
        yield f"{name}Ago", partial(_stored, unit.ago)
        yield f"{name}AgoStart", partial(_stored, unit.start)
        yield f"{name}AgoEnd", partial(_stored, unit.end)


def _stored(
    moment_of: Callable[[Session, int], datetime], session: Session, count: str | int
) -> str:
    return stored(moment_of(session, int(count)))


def _groups(session: Session) -> str:
    return ",".join(session.groups)


_FUNCTIONS: dict[str, Callable[..., str]] = {
    **dict(_moments()),
    "beginningOfLast2Hours": partial(_stored, _HOUR.ago, count=2),
    "endOfLast2Hours": partial(_stored, _HOUR.ago, count=0),
    "beginningOfOneYearAgo": partial(_stored, _YEAR.ago, count=1),
    "endOfOneYearAgo": partial(_stored, _MONTH.end, count=0),
    "yesterday": partial(_stored, _DAY.ago, count=1),
    "lastWeek": partial(_stored, _WEEK.ago, count=1),
    "hoursAhead": lambda session, count: stored(_HOUR.ago(session, -int(count))),
    "daysAhead": lambda session, count: stored(_DAY.ago(session, -int(count))),
    "now": lambda session: session.now.strftime("%Y-%m-%d"),
    "nowDateTime": lambda session: stored(session.now),
    "nowNoTZ": lambda session: stored(session.now),
    "dateGenerate": _generate,
    # What DATEPART reads: the part of a date, the value, and how they compare.
    "datePart": lambda _, part, value, comparison: f"{part},{value},{comparison}",
    "getUserID": lambda session: session.user_id,
    "getUserName": lambda session: session.user_name,
    "getUser().getID": lambda session: session.user_id,
    "getUser().getName": lambda session: session.user_name,
    "getMyGroups": _groups,
    "getUser().getMyGroups": _groups,
}
