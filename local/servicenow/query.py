"""Encoded queries (documentation: Operators available for filters and queries).

Written from the documentation alone, not from the product's own query builder, which is tested
against it.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Row = dict[str, str]

_NO_VALUE = {"ISEMPTY", "ISNOTEMPTY", "EMPTYSTRING", "ANYTHING"}
_OPERATORS = (
    "DOES NOT CONTAIN", "ISNOTEMPTY", "EMPTYSTRING", "STARTSWITH", "NOT LIKE", "CONTAINS",
    "ENDSWITH", "ANYTHING", "NSAMEAS", "BETWEEN", "ISEMPTY", "NOT IN", "SAMEAS", "LIKE", "IN",
    "!=", ">=", "<=", "=", ">", "<",
)  # fmt: skip
_CONDITION = re.compile(
    rf"([a-z][a-z0-9_.]*)({'|'.join(re.escape(operator) for operator in _OPERATORS)})(.*)",
    re.DOTALL,
)
# A condition ends at a caret; two of them stand for one inside a value.
_PART = re.compile(r"((?:[^^]|\^\^)*)(?:\^|$)")


@dataclass(frozen=True, slots=True)
class Condition:
    """`field operator value`; the field may be dot-walked."""

    field: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """A parsed query.

    Attributes:
        groups: joined by ^NQ; each holds clauses joined by ^, each of conditions joined by ^OR.
        order: fields to sort by, with whether the largest comes first.
    """

    groups: tuple[tuple[tuple[Condition, ...], ...], ...]
    order: tuple[tuple[str, bool], ...]


def parse(text: str, is_valid: Callable[[Condition], bool]) -> EncodedQuery:
    """Parse an encoded query.

    A condition that is not valid is ignored and the rest is used, unless it was the first of
    several joined by ^OR: then those go with it (documentation: Table API, sysparm_query).

    Args:
        text: the query.
        is_valid: tells whether a condition's field exists and its value can be evaluated.
    """
    groups: list[list[list[Condition]]] = [[]]
    order: list[tuple[str, bool]] = []
    dropped = False
    for escaped in _PART.findall(text):
        part = escaped.replace("^^", "^")
        if part.startswith("ORDERBYDESC"):
            order.append((part.removeprefix("ORDERBYDESC"), True))
            continue
        if part.startswith("ORDERBY"):
            order.append((part.removeprefix("ORDERBY"), False))
            continue
        joins = part.startswith("OR")
        if part.startswith("NQ"):
            groups.append([])
        condition = _condition(part[2:] if joins or part.startswith("NQ") else part)
        valid = condition is not None and is_valid(condition)
        if joins and groups[-1]:
            if valid and condition and not dropped:
                groups[-1][-1].append(condition)
        elif not joins:
            dropped = not valid
            if valid and condition:
                groups[-1].append([condition])
    return EncodedQuery(
        tuple(tuple(tuple(clause) for clause in group) for group in groups), tuple(order)
    )


def _condition(text: str) -> Condition | None:
    found = _CONDITION.fullmatch(text)
    if found is None:
        return None
    field, operator, value = found.groups()
    if operator in _NO_VALUE and value:
        return None
    return Condition(field, operator, value)


def select(
    query: EncodedQuery, rows: Iterable[Row], value_of: Callable[[Row, str], str]
) -> list[Row]:
    """Return the rows that a query finds, in its order.

    Args:
        query: the parsed query.
        rows: the table's rows.
        value_of: gives a row's value for a field that may be dot-walked.
    """
    found = [
        row
        for row in rows
        if any(
            all(
                any(matches(value_of(row, condition.field), condition) for condition in clause)
                for clause in group
            )
            for group in query.groups
        )
    ]
    for field, largest_first in reversed(query.order):
        found.sort(key=lambda row: _sort_key(value_of(row, field)), reverse=largest_first)
    return found


def _sort_key(value: str) -> tuple[int, float, str]:
    return (0, float(value), "") if _is_number(value) else (1, 0.0, value.casefold())


def _is_number(value: str) -> bool:
    return re.fullmatch(r"-?\d{1,15}", value) is not None


def _compare(left: str, right: str) -> int:
    if _is_number(left) and _is_number(right):
        return (int(left) > int(right)) - (int(left) < int(right))
    left, right = left.casefold(), right.casefold()
    return (left > right) - (left < right)


def matches(actual: str, condition: Condition) -> bool:  # noqa: C901, PLR0911, PLR0912 - one case an operator
    """Tell whether a value meets a condition; text compares without regard to case."""
    wanted = condition.value
    folded = actual.casefold()
    match condition.operator:
        case "=":
            return _compare(actual, wanted) == 0
        case "!=":
            return _compare(actual, wanted) != 0
        case ">":
            return bool(actual) and _compare(actual, wanted) > 0
        case "<":
            return bool(actual) and _compare(actual, wanted) < 0
        case ">=":
            return bool(actual) and _compare(actual, wanted) >= 0
        case "<=":
            return bool(actual) and _compare(actual, wanted) <= 0
        case "IN":
            return folded in wanted.casefold().split(",")
        case "NOT IN":
            return folded not in wanted.casefold().split(",")
        case "LIKE" | "CONTAINS":
            return wanted.casefold() in folded
        case "NOT LIKE" | "DOES NOT CONTAIN":
            return wanted.casefold() not in folded
        case "STARTSWITH":
            return folded.startswith(wanted.casefold())
        case "ENDSWITH":
            return folded.endswith(wanted.casefold())
        case "ISEMPTY" | "EMPTYSTRING":
            return actual == ""
        case "ISNOTEMPTY":
            return actual != ""
        case "BETWEEN":
            low, _, high = wanted.partition("@")
            return bool(actual) and _compare(actual, low) >= 0 and _compare(actual, high) <= 0
        case _:  # ANYTHING; SAMEAS and NSAMEAS compare columns and find nothing here
            return condition.operator == "ANYTHING"
