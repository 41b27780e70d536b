"""The operators of encoded queries (documentation: Operators available for filters and queries)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .clock import parsed, read_moment
from .scripts import shift_months

Row = dict[str, str]

BEGINNING = datetime.min.replace(tzinfo=UTC)
_NUMERIC = {"integer", "decimal", "choice", ""}
_NUMBER = re.compile(r"-?\d{1,15}(\.\d+)?")
_WEEK = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_SPANS = {
    "minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1),
    "dayofweek": timedelta(days=1), "week": timedelta(weeks=1),
}  # fmt: skip
_MONTHS_OF = {"month": 1, "quarter": 3, "year": 12}
# How many characters of a stored moment name its year, month, day, hour and minute.
_PRECISION = {
    "year": 4, "month": 7, "day": 10, "dayofweek": 10, "date": 10, "hour": 13, "minute": 16,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operand:
    """What an operator looks at.

    Attributes:
        actual: the row's value.
        shown: what a person sees for it; a reference's display value.
        wanted: the value in the query.
        kind: the column's kind; empty where it is not known.
        other: gives the row's value of another field.
        is_a: returns whether a class is another or extends it.
        now: the moment, in the user's time zone.
    """

    actual: str
    shown: str
    wanted: str
    kind: str = ""
    other: Callable[[str], str] = str
    is_a: Callable[[str, str], bool] = str.__eq__
    now: datetime = BEGINNING

    def compare(self, wanted: str, actual: str | None = None) -> int:
        """Return -1, 0 or 1: how the row's value stands to another; days compare as days."""
        if self.kind == "day":
            wanted = wanted[: _PRECISION["day"]]
        left, right = (
            sort_key(self.actual if actual is None else actual, self.kind),
            sort_key(wanted, self.kind),
        )
        return (left > right) - (left < right)


def sort_key(value: str, kind: str = "") -> tuple[int, float, str]:
    """Return what orders values: numbers before texts, texts without regard to case."""
    if kind in _NUMERIC and _NUMBER.fullmatch(value):
        return (0, float(value), "")
    return (1, 0.0, value.casefold())


def _listed(it: Operand) -> bool:
    return it.actual.casefold() in it.wanted.casefold().split(",")


def _contains(it: Operand) -> bool:
    return it.wanted.casefold() in it.shown.casefold()


def _between(it: Operand) -> bool:
    low, high = it.wanted.split("@")
    return bool(it.actual) and it.compare(low) >= 0 and it.compare(high) <= 0


def _on(it: Operand) -> bool:
    """`ON<label>@<start>@<end>`."""
    _, start, end = it.wanted.split("@")
    return bool(it.actual) and it.compare(start) >= 0 and it.compare(end) <= 0


def _same(it: Operand) -> bool:
    """`SAMEAS<field>`, for dates with `@<precision>`."""
    field, _, precision = it.wanted.partition("@")
    length = _PRECISION.get(precision)
    return it.actual[:length].casefold() == it.other(field)[:length].casefold()


def _beside(it: Operand) -> int | None:
    """Return how a value stands to that of another field; None where one is empty."""
    other = it.other(it.wanted)
    return it.compare(other) if it.actual and other else None


def _relative(compare: Callable[[str, str], bool]) -> Callable[[Operand], bool]:
    """`RELATIVE..@<unit>@ago|ahead@<count>`."""

    def matches(it: Operand) -> bool:
        empty, unit, direction, count = it.wanted.split("@")
        sign = {"ago": -1, "ahead": 1}[empty + direction]
        if unit in _MONTHS_OF:
            limit = shift_months(it.now, sign * _MONTHS_OF[unit] * int(count))
        else:
            limit = it.now + sign * int(count) * _SPANS[unit]
        length = _PRECISION.get(unit, 10)
        text = limit.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        whole = compare in {str.__eq__, str.__ne__}
        return bool(it.actual) and compare(
            it.actual[:length] if whole else it.actual, text[:length] if whole else text
        )

    return matches


_DIRECTIONS: dict[str, Callable[[timedelta], timedelta]] = {
    "before": timedelta.__neg__, "after": timedelta.__pos__, "before or after": timedelta.__abs__,
}  # fmt: skip


def _apart(*, more: bool) -> Callable[[Operand], bool]:
    """`MORETHAN<field>@<unit>@before|after|before or after@<count>`, and LESSTHAN."""

    def matches(it: Operand) -> bool:
        field, unit, direction, count = it.wanted.split("@")
        other = it.other(field)
        if not it.actual or not other:
            return False
        apart = _DIRECTIONS[direction](parsed(it.actual) - parsed(other))
        limit = int(count) * _SPANS[unit]
        return apart > limit if more else timedelta() <= apart < limit

    return matches


_PARTS: dict[str, Callable[[datetime], int]] = {
    "dayofweek": lambda moment: moment.isoweekday() % 7,
    "month": lambda moment: moment.month - 1,
    "quarter": lambda moment: (moment.month - 1) // 3 + 1,
    "year": lambda moment: moment.year,
    "hour": lambda moment: moment.hour,
}
_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "EE": lambda left, right: left == right,
    "GT": lambda left, right: left > right,
    "GE": lambda left, right: left >= right,
    "LT": lambda left, right: left < right,
    "LE": lambda left, right: left <= right,
}


def _date_part(it: Operand) -> bool:
    """`DATEPART<label>@<part>,<value>,<comparison>`, as `gs.datePart` is evaluated."""
    part, value, comparison = it.wanted.rpartition("@")[2].split(",")
    moment = read_moment(it.actual)
    if moment is None:
        return False
    names: tuple[str, ...] = {"dayofweek": _WEEK, "month": _MONTHS}.get(part, ())
    wanted = names.index(value.lower()) if value.lower() in names else int(value)
    local = parsed(moment).astimezone(it.now.tzinfo)
    return _COMPARISONS[comparison](_PARTS[part](local), wanted)


OPERATORS: dict[str, Callable[[Operand], bool]] = {
    "=": lambda it: it.compare(it.wanted) == 0,
    "!=": lambda it: it.compare(it.wanted) != 0,
    ">": lambda it: bool(it.actual) and it.compare(it.wanted) > 0,
    "<": lambda it: bool(it.actual) and it.compare(it.wanted) < 0,
    ">=": lambda it: bool(it.actual) and it.compare(it.wanted) >= 0,
    "<=": lambda it: bool(it.actual) and it.compare(it.wanted) <= 0,
    "IN": _listed,
    "NOT IN": lambda it: not _listed(it),
    "LIKE": _contains,
    "CONTAINS": _contains,
    "*": _contains,
    "NOT LIKE": lambda it: not _contains(it),
    "DOES NOT CONTAIN": lambda it: not _contains(it),
    "!*": lambda it: not _contains(it),
    "STARTSWITH": lambda it: it.shown.casefold().startswith(it.wanted.casefold()),
    "ENDSWITH": lambda it: it.shown.casefold().endswith(it.wanted.casefold()),
    "%": lambda it: it.shown.casefold().endswith(it.wanted.casefold()),
    "ISEMPTY": lambda it: it.actual == "",
    "EMPTYSTRING": lambda it: it.actual == "",
    "ISNOTEMPTY": lambda it: it.actual != "",
    "ANYTHING": lambda _: True,
    "BETWEEN": _between,
    "SAMEAS": _same,
    "NSAMEAS": lambda it: not _same(it),
    "GT_FIELD": lambda it: (_beside(it) or 0) > 0,
    "LT_FIELD": lambda it: (_beside(it) or 0) < 0,
    "GT_OR_EQUALS_FIELD": lambda it: (found := _beside(it)) is not None and found >= 0,
    "LT_OR_EQUALS_FIELD": lambda it: (found := _beside(it)) is not None and found <= 0,
    "INSTANCEOF": lambda it: it.is_a(it.actual, it.wanted),
    "ON": _on,
    "NOTON": lambda it: not _on(it),
    "DATEPART": _date_part,
    "RELATIVEGT": _relative(str.__gt__),
    "RELATIVEGE": _relative(str.__ge__),
    "RELATIVELT": _relative(str.__lt__),
    "RELATIVELE": _relative(str.__le__),
    "RELATIVEEE": _relative(str.__eq__),
    "RELATIVENE": _relative(str.__ne__),
    "MORETHAN": _apart(more=True),
    "LESSTHAN": _apart(more=False),
}
WITHOUT_VALUE = {"ISEMPTY", "ISNOTEMPTY", "EMPTYSTRING", "ANYTHING"}
