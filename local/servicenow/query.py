"""Encoded queries (documentation: Encoded query strings; Operators available for filters).

Written from the documentation alone, not from the product's own query builder, which is tested
against it. Of what is documented and not imitated nothing is passed over: it is refused.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from .errors import not_simulated
from .operators import BEGINNING, OPERATORS, WITHOUT_VALUE, Operand, Row, sort_key

# Documented, and refused: what begins like another operator must not be taken for it.
_NOT_IMITATED = {"IN_HIERARCHY", "IN_HIERARCHY_DYNAMIC", "MATCH_PAT", "MATCH_RGX"}
_NAMES = "|".join(
    re.escape(name)
    for name in sorted([*OPERATORS, "DYNAMIC", *_NOT_IMITATED], key=len, reverse=True)
)
_CONDITION = re.compile(rf"([a-z][a-z0-9_.]*)({_NAMES})(.*)", re.DOTALL)
_FIELD = re.compile(r"[a-z][a-z0-9_.]*")
# A condition ends at a caret; two of them stand for one inside a value.
_PART = re.compile(r"((?:[^^]|\^\^)*)(?:\^|$)")
_TEXT = re.compile(r"(?:GOTO)?123TEXTQUERY321=(.*)", re.DOTALL)
_JOIN = re.compile(r"JOIN\w+\.(\w+)=(\w+)\.(\w+)(?:!(.*))?", re.DOTALL)
_RELATED = re.compile(r"RLQUERY(\w+)\.(\w+),(>=|<=|>|<|=)(\d+)(?:,m2m)?")
_ENDS_JOIN = ("ORDERBY", "GROUPBY", "NQ", "JOIN", "RLQUERY")
_COUNTS: dict[str, Callable[[int, int], bool]] = {
    ">": int.__gt__, ">=": int.__ge__, "<": int.__lt__, "<=": int.__le__, "=": int.__eq__,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """`field operator value`; the field may be dot-walked."""

    field: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class TextSearch:
    """`123TEXTQUERY321=words`: each of the words somewhere in the record."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Related:
    """A condition on how many records of another table belong to a record.

    Attributes:
        own: the record's field that the others name.
        table: the other table.
        column: its column that names the record.
        comparison: how their number compares.
        count: with what.
        query: the query that the others have to meet.
    """

    own: str
    table: str
    column: str
    comparison: str
    count: int
    query: str


Term = Condition | TextSearch | Related


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """A parsed query.

    Attributes:
        groups: joined by ^NQ; each holds clauses joined by ^, each of conditions joined by ^OR.
        order: fields to sort by, with whether the largest comes first.
        ignored: whether a condition was ignored because it is not valid.
    """

    groups: tuple[tuple[tuple[Term, ...], ...], ...]
    order: tuple[tuple[str, bool], ...]
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a query needs to know of the table that it searches.

    Attributes:
        value: gives a row's value for a field that may be dot-walked.
        shown: gives what a person sees for it.
        kind: gives the kind of a field's column.
        related: counts, for a table, a column and a query, the records by that column's value.
        is_a: returns whether a class is another or extends it.
        now: the moment, in the user's time zone.
    """

    value: Callable[[Row, str], str]
    shown: Callable[[Row, str], str] | None = None
    kind: Callable[[str], str] = lambda _: ""
    related: Callable[[str, str, str], Counter[str]] = lambda *_: Counter()
    is_a: Callable[[str, str], bool] = str.__eq__
    now: datetime = BEGINNING


def parse(
    text: str,
    is_valid: Callable[[Condition], bool],
    resolve: Callable[[Condition], Condition] = lambda condition: condition,
) -> EncodedQuery:
    """Parse an encoded query.

    A condition that is not valid is ignored and the rest is used, unless it was the first of
    several joined by ^OR: then those go with it (documentation: Table API, sysparm_query).

    Args:
        text: the query.
        is_valid: returns whether a condition's field exists.
        resolve: runs the scripts in a valid condition.

    Raises:
        ApiError: 501, a known field has an operator that is not imitated.
    """
    groups: list[list[list[Term]]] = [[]]
    order: list[tuple[str, bool]] = []
    dropped = ignored = False
    parts = iter(_parts(text))
    for part in parts:
        if part.startswith(("ORDERBY", "GROUPBY")):
            field = re.sub("^(ORDERBYDESC|ORDERBY|GROUPBY)", "", part)
            order.append((field, part.startswith("ORDERBYDESC")))
            continue
        joins, starts = part.startswith("OR"), part.startswith("NQ")
        if starts:
            groups.append([])
        term = _term(part[2:] if joins or starts else part, is_valid, resolve)
        ignored |= term is None
        if joins and groups[-1]:
            if term and not dropped:
                groups[-1][-1].append(term)
        elif not joins:
            dropped = term is None
            if term:
                groups[-1].append([term])
    return EncodedQuery(
        tuple(tuple(tuple(clause) for clause in group) for group in groups),
        tuple(order),
        ignored,
    )


def _parts(text: str) -> list[str]:
    """Return a query's conditions; a condition on related records is one with theirs."""
    whole: list[str] = []
    inside = ""
    for part in _PART.findall(text):
        if part == "ENDRLQUERY":
            inside = ""
        elif inside and not (inside == "JOIN" and part.startswith(_ENDS_JOIN)):
            whole[-1] += f"^{part}"
        elif part and part != "EQ":
            inside = next((name for name in ("JOIN", "RLQUERY") if part.startswith(name)), "")
            whole.append(part)
    return whole


def _term(
    escaped: str,
    is_valid: Callable[[Condition], bool],
    resolve: Callable[[Condition], Condition],
) -> Term | None:
    if found := _TEXT.fullmatch(escaped):
        return TextSearch(tuple(found[1].casefold().split()))
    if found := _JOIN.fullmatch(escaped):
        return Related(found[1], found[2], found[3], ">", 0, found[4] or "")
    if escaped.startswith("RLQUERY"):
        head, _, query = escaped.partition("^")
        if found := _RELATED.fullmatch(head):
            return Related("sys_id", found[1], found[2], found[3], int(found[4]), query)
        raise not_simulated(f"the query {head}")
    condition = _condition(escaped.replace("^^", "^").removeprefix("GOTO"), is_valid)
    return resolve(condition) if condition is not None and is_valid(condition) else None


def _condition(text: str, is_valid: Callable[[Condition], bool]) -> Condition | None:
    found = _CONDITION.fullmatch(text)
    if found is None or found[2] in _NOT_IMITATED:
        field = _FIELD.match(text)
        if field is not None and is_valid(Condition(field[0], "ANYTHING", "")):
            raise not_simulated(f"the operator of the condition {text}")
        return None
    field_name, operator, value = found.groups()
    return None if operator in WITHOUT_VALUE and value else Condition(field_name, operator, value)


def select(
    query: EncodedQuery, rows: Iterable[Row], lookup: Lookup | Callable[[Row, str], str]
) -> list[Row]:
    """Return the rows that a query finds, in its order.

    Args:
        query: the parsed query.
        rows: the table's rows.
        lookup: what to know of the table; at least what gives a row's value for a field.
    """
    if not isinstance(lookup, Lookup):
        lookup = Lookup(lookup)
    lookup = replace(lookup, related=cache(lookup.related))
    found = [row for row in rows if meets(query, row, lookup)]
    for field, largest_first in reversed(query.order):
        found.sort(key=_order_of(field, lookup), reverse=largest_first)
    return found


def _order_of(field: str, lookup: Lookup) -> Callable[[Row], tuple[int, float, str]]:
    """Return what a field sorts rows by: a reference by what people see for it."""
    kind = lookup.kind(field)
    value_of = (kind == "reference" and lookup.shown) or lookup.value
    return lambda row: sort_key(value_of(row, field), kind)


def meets(query: EncodedQuery, row: Row, lookup: Lookup) -> bool:
    """Return whether a row meets a query."""
    return any(
        all(any(_matches(term, row, lookup) for term in clause) for clause in group)
        for group in query.groups
    )


def _matches(term: Term, row: Row, lookup: Lookup) -> bool:
    if isinstance(term, TextSearch):
        text = " ".join(row.values()).casefold()
        return all(word in text for word in term.words)
    if isinstance(term, Related):
        counts = lookup.related(term.table, term.column, term.query)
        return _COUNTS[term.comparison](counts[row.get(term.own, "")], term.count)
    actual = lookup.value(row, term.field)
    operand = Operand(
        actual,
        lookup.shown(row, term.field) if lookup.shown else actual,
        term.value,
        lookup.kind(term.field),
        lambda field: lookup.value(row, field),
        lookup.is_a,
        lookup.now,
    )
    try:
        return OPERATORS[term.operator](operand)
    except (KeyError, ValueError, OverflowError):
        raise not_simulated(f"the condition {term.field}{term.operator}{term.value}") from None
