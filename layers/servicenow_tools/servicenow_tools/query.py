"""Encoded queries, built from typed parts so that no value can become a part of the query.

    field("priority").in_([1, 2]) & field("assignment_group.name").eq("IT Support")

ServiceNow ignores a condition it does not understand and applies the rest, so a wrong name or a
stray `^` would silently widen the query; and it runs values that begin with `javascript:`. Both
are refused here (documentation: Table API, sysparm_query; Operators available for filters and
queries).
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from servicenow_tools.errors import InvalidRequestError

Value = str | int | bool | datetime

# What ends a line or is no character at all, for ServiceNow or for the URL's encoding.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_FIELD = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")

# With what a value would make another operator of the one before it: `<=`, INSTANCEOF.
_LISTS = ("STANCEOF", "_HIERARCHY")
_CONTINUATIONS = {"<": ("=",), ">": ("=",), "IN": _LISTS, "NOT IN": _LISTS}


def field(name: str) -> "Field":
    """Return a field to make conditions of; dots walk through references.

    Raises:
        InvalidRequestError: the name is not a column name.
    """
    if not _FIELD.fullmatch(name):
        raise InvalidRequestError("A field name consists of a-z, 0-9, _ and dots", name[:80])
    return Field(name)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a table. Each method returns a Query and raises InvalidRequestError."""

    name: str

    def eq(self, value: Value) -> "Query":
        """Equal to the value; text without regard to case."""
        return self._condition("=", value)

    def ne(self, value: Value) -> "Query":
        """Not equal to the value."""
        return self._condition("!=", value)

    def lt(self, value: Value) -> "Query":
        """Less than, or earlier than, the value."""
        return self._condition("<", value)

    def le(self, value: Value) -> "Query":
        """At most the value."""
        return self._condition("<=", value)

    def gt(self, value: Value) -> "Query":
        """Greater than, or later than, the value."""
        return self._condition(">", value)

    def ge(self, value: Value) -> "Query":
        """At least the value."""
        return self._condition(">=", value)

    def contains(self, text: str) -> "Query":
        """With the text in it."""
        return self._condition("LIKE", text)

    def starts_with(self, text: str) -> "Query":
        """Beginning with the text."""
        return self._condition("STARTSWITH", text)

    def ends_with(self, text: str) -> "Query":
        """Ending with the text."""
        return self._condition("ENDSWITH", text)

    def in_(self, values: Iterable[Value]) -> "Query":
        """Equal to one of the values, none of which may hold a comma."""
        return self._list("IN", values)

    def not_in(self, values: Iterable[Value]) -> "Query":
        """Equal to none of the values, none of which may hold a comma."""
        return self._list("NOT IN", values)

    def between(self, low: Value, high: Value) -> "Query":
        """At least `low` and at most `high`."""
        return self.ge(low) & self.le(high)

    def newer_than(self, age: timedelta) -> "Query":
        """Later than so long ago, by the instance's own clock.

        ServiceNow counts in whole minutes; parts of one are rounded so that nothing is missed.
        """
        return self._relative("GT", math.ceil(_minutes(age)), "ago")

    def older_than(self, age: timedelta) -> "Query":
        """Earlier than so long ago, by the instance's own clock; minutes as in `newer_than`."""
        return self._relative("LT", math.floor(_minutes(age)), "ago")

    def within_next(self, time: timedelta) -> "Query":
        """Between now and so much later, by the instance's own clock; minutes the same."""
        now = self._relative("GE", 0, "ago")
        return now & self._relative("LE", math.ceil(_minutes(time)), "ahead")

    def is_empty(self) -> "Query":
        """Without a value."""
        return self._query("ISEMPTY", "")

    def is_not_empty(self) -> "Query":
        """With a value."""
        return self._query("ISNOTEMPTY", "")

    def _condition(self, operator: str, value: Value) -> "Query":
        text = encode_value(value, self.name)
        if not text and operator not in {"=", "!="}:
            raise InvalidRequestError("must not be empty, which would find everything", self.name)
        return self._query(operator, text)

    def _relative(self, operator: str, minutes: int, direction: str) -> "Query":
        if minutes < 0:
            raise InvalidRequestError("must not be negative", self.name)
        return self._query(f"RELATIVE{operator}", f"@minute@{direction}@{minutes}")

    def _list(self, operator: str, values: Iterable[Value]) -> "Query":
        encoded = [encode_value(value, self.name) for value in values]
        if not encoded:
            raise InvalidRequestError("A list of values must not be empty", self.name)
        if any("," in value for value in encoded):
            raise InvalidRequestError("A value of a list must not hold a comma", self.name)
        if encoded == [""]:
            raise InvalidRequestError("A list of values must not be empty", self.name)
        return self._query(operator, ",".join(encoded))

    def _query(self, operator: str, text: str) -> "Query":
        if text.startswith(_CONTINUATIONS.get(operator, ())):
            raise InvalidRequestError(
                "begins with what would make another operator of this one", self.name
            )
        return Query((((f"{self.name}{operator}{text}",),),))


class _Unsafe(str):
    """A condition that nobody has checked."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Query:
    """A query; without parts it finds everything.

    `a & b` finds what both find, `a | b` what either finds.
    """

    # Groups joined by ^NQ, of clauses joined by ^, of conditions joined by ^OR.
    _groups: tuple[tuple[tuple[str, ...], ...], ...] = ((),)
    _order: tuple[str, ...] = ()

    @classmethod
    def unsafe(cls, encoded: str) -> "Query":
        """Return an encoded query as it is, as copied from a list's filter.

        Nothing of it is checked: a field that the table does not have widens what is found, and
        what a stranger may write into it can do anything that a query can.

        Raises:
            InvalidRequestError: it holds a line break.
        """
        if _UNSAFE.search(encoded):
            raise InvalidRequestError("must not contain line breaks or control characters", "query")
        groups: list[list[list[str]]] = [[]]
        order = []
        for part in re.split(r"(?<!\^)\^(?!\^)", encoded):
            if part.startswith("NQ"):
                groups.append([[_Unsafe(part.removeprefix("NQ"))]])
            elif part.startswith("ORDERBY"):
                order.append(part)
            elif part.startswith("OR") and groups[-1]:
                groups[-1][-1].append(_Unsafe(part.removeprefix("OR")))
            elif part not in {"", "EQ"}:
                groups[-1].append([_Unsafe(part)])
        return cls(tuple(tuple(map(tuple, group)) for group in groups), tuple(order))

    @classmethod
    def text(cls, words: str) -> "Query":
        """Return a query for records in which all the words occur somewhere.

        Raises:
            InvalidRequestError: there are no words, which would find everything.
        """
        if not words.strip():
            raise InvalidRequestError("must not be empty, which would find everything", "text")
        return cls((((_Unsafe(f"123TEXTQUERY321={encode_value(words, 'text')}"),),),))

    def __and__(self, other: "Query") -> "Query":
        groups = tuple(left + right for left in self._groups for right in other._groups)  # noqa: SLF001 - our own kind
        return Query(groups, self._order + other._order)

    def __or__(self, other: "Query") -> "Query":
        order = self._order + other._order
        if not all(self._groups) or not all(other._groups):
            return Query(((),), order)
        if len(self._groups) == len(other._groups) == 1:
            (left,), (right,) = self._groups, other._groups
            if len(left) == len(right) == 1:
                return Query(((left[0] + right[0],),), order)
        return Query(self._groups + other._groups, order)

    def order_by(self, name: str, *, descending: bool = False) -> "Query":
        """Return the query with a further field to sort by."""
        part = f"ORDERBY{'DESC' if descending else ''}{field(name).name}"
        return Query(self._groups, (*self._order, part))

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it names, as they are written; not those of `unsafe`."""
        conditions = [
            text
            for group in self._groups
            for clause in group
            for text in clause
            if not isinstance(text, _Unsafe)
        ]
        conditions += [part.removeprefix("ORDERBY").removeprefix("DESC") for part in self._order]
        return frozenset(found[0] for text in conditions if (found := _FIELD.match(text)))

    @property
    def is_ordered(self) -> bool:
        """Whether it says how to sort."""
        return bool(self._order)

    def encode(self) -> str:
        """Return the text for `sysparm_query`."""
        groups = ["^".join("^OR".join(clause) for clause in group) for group in self._groups]
        return "^".join(filter(None, ["^NQ".join(groups), *self._order]))


def _minutes(time: timedelta) -> float:
    return time / timedelta(minutes=1)


def encode_value(value: Value, name: str) -> str:
    """Return a value as a query holds it.

    Raises:
        InvalidRequestError: a query cannot hold it safely.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    text = str(value)
    if "^" in text:
        raise InvalidRequestError("must not contain ^, which separates conditions", name)
    if _UNSAFE.search(text):
        raise InvalidRequestError("must not contain line breaks or control characters", name)
    if "javascript:" in text.lower():
        raise InvalidRequestError("must not contain javascript:, which ServiceNow would run", name)
    return text
