"""The `javascript:gs...` values of queries, as far as filters of lists and forms write them.

Documentation: GlideSystem API; Operators available for filters and queries.
"""

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .clock import stored
from .errors import not_simulated

_CALL = re.compile(r"javascript:\s*gs\.(\w+)\(([^()]*)\)\s*;?")
_ANY_SCRIPT = re.compile(r"javascript:.*", re.DOTALL)
_DAY_END = timedelta(days=1, seconds=-1)


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
        ApiError: 501, the script is none of those that are imitated.
    """
    run = _CALL.sub(lambda call: _call(call[1], call[2], session), value)
    if _ANY_SCRIPT.search(run):
        raise not_simulated(f"the script {value}")
    return run


def _call(name: str, arguments: str, session: Session) -> str:
    given = [part.strip().strip("'\"") for part in arguments.split(",") if part.strip()]
    try:
        return _FUNCTIONS[name](session, *given)
    except (KeyError, TypeError, ValueError):
        raise not_simulated(f"the script gs.{name}({arguments})") from None


def _day(session: Session, ago: int = 0) -> datetime:
    return session.now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=ago)


def _week(session: Session, ago: int = 0) -> datetime:
    return _day(session, session.now.weekday() + 7 * ago)


def _month(session: Session, ago: int = 0) -> datetime:
    return shift_months(_day(session).replace(day=1), -ago)


def _quarter(session: Session, ago: int = 0) -> datetime:
    return _month(session, (session.now.month - 1) % 3 + 3 * ago)


def _year(session: Session, ago: int = 0) -> datetime:
    return _month(session, session.now.month - 1 + 12 * ago)


def shift_months(moment: datetime, months: int) -> datetime:
    """Return a moment some months later, on the month's last day at most."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def _generate(session: Session, day: str, time: str) -> str:
    clock = {"start": "00:00:00", "end": "23:59:59"}.get(time, time)
    return stored(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=session.now.tzinfo))


def _starts() -> dict[str, Callable[..., str]]:
    """Return the functions that name the beginning and end of days, weeks, months and so on."""
    units: dict[str, tuple[Callable[..., datetime], Callable[[datetime], datetime]]] = {
        "Week": (_week, lambda start: start + timedelta(days=7)),
        "Month": (_month, lambda start: shift_months(start, 1)),
        "Quarter": (_quarter, lambda start: shift_months(start, 3)),
        "Year": (_year, lambda start: shift_months(start, 12)),
    }
    found: dict[str, Callable[..., str]] = {}
    for unit, (start, after) in units.items():
        for word, ago in (("This", 0), ("Last", 1), ("Next", -1)):
            found[f"beginningOf{word}{unit}"] = lambda session, start=start, ago=ago: stored(
                start(session, ago)
            )
            found[f"endOf{word}{unit}"] = lambda session, start=start, after=after, ago=ago: stored(
                after(start(session, ago)) - timedelta(seconds=1)
            )
    for word, ago in (("Today", 0), ("Yesterday", 1), ("Tomorrow", -1)):
        found[f"beginningOf{word}"] = lambda session, ago=ago: stored(_day(session, ago))
        found[f"endOf{word}"] = lambda session, ago=ago: stored(_day(session, ago) + _DAY_END)
    return found


_FUNCTIONS: dict[str, Callable[..., str]] = {
    **_starts(),
    "getUserID": lambda session: session.user_id,
    "getUserName": lambda session: session.user_name,
    "now": lambda session: session.now.strftime("%Y-%m-%d"),
    "nowDateTime": lambda session: stored(session.now),
    "nowNoTZ": lambda session: stored(session.now),
    "minutesAgo": lambda session, n: stored(session.now - timedelta(minutes=int(n))),
    "minutesAgoStart": lambda session, n: stored(
        session.now.replace(second=0) - timedelta(minutes=int(n))
    ),
    "minutesAgoEnd": lambda session, n: stored(
        session.now.replace(second=59) - timedelta(minutes=int(n))
    ),
    "hoursAgo": lambda session, n: stored(session.now - timedelta(hours=int(n))),
    "hoursAgoStart": lambda session, n: stored(
        session.now.replace(minute=0, second=0) - timedelta(hours=int(n))
    ),
    "hoursAgoEnd": lambda session, n: stored(
        session.now.replace(minute=59, second=59) - timedelta(hours=int(n))
    ),
    "daysAgo": lambda session, n: stored(session.now - timedelta(days=int(n))),
    "daysAgoStart": lambda session, n: stored(_day(session, int(n))),
    "daysAgoEnd": lambda session, n: stored(_day(session, int(n)) + _DAY_END),
    "monthsAgo": lambda session, n: stored(shift_months(session.now, -int(n))),
    "monthsAgoStart": lambda session, n: stored(_month(session, int(n))),
    "monthsAgoEnd": lambda session, n: stored(_month(session, int(n) - 1) - timedelta(seconds=1)),
    "quartersAgoStart": lambda session, n: stored(_quarter(session, int(n))),
    "quartersAgoEnd": lambda session, n: stored(
        _quarter(session, int(n) - 1) - timedelta(seconds=1)
    ),
    "yearsAgo": lambda session, n: stored(shift_months(session.now, -12 * int(n))),
    "dateGenerate": _generate,
    # What DATEPART reads: the part of a date, the value, and how they compare.
    "datePart": lambda _, part, value, comparison: f"{part},{value},{comparison}",
    "getMyGroups": lambda session: ",".join(session.groups),
}
_FUNCTIONS |= {
    "hoursAhead": lambda session, n: stored(session.now + timedelta(hours=int(n))),
    "daysAhead": lambda session, n: stored(session.now + timedelta(days=int(n))),
}
