"""Queries: what is built means what was asked, whatever the values."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from local.servicenow import query as encoded
from servicenow_tools import Query, field
from servicenow_tools.errors import InvalidRequestError

TEXT = st.text(
    st.characters(blacklist_categories=("Cc", "Cs"), blacklist_characters="^"), max_size=20
).filter(lambda text: "javascript:" not in text.lower())


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (Query(), ""),
        (field("active").eq(value=True), "active=true"),
        (field("priority").in_([1, 2]), "priorityIN1,2"),
        (field("state").not_in(["6", "7"]), "stateNOT IN6,7"),
        (
            field("priority").in_([1, 2]) & field("assignment_group.name").eq("IT Support"),
            "priorityIN1,2^assignment_group.name=IT Support",
        ),
        (field("a").eq(1) | field("b").eq(2), "a=1^ORb=2"),
        ((field("a").eq(1) | field("b").eq(2)) & field("c").ne(3), "a=1^ORb=2^c!=3"),
        ((field("a").eq(1) & field("b").eq(2)) | field("c").eq(3), "a=1^b=2^NQc=3"),
        (
            ((field("a").eq(1) & field("b").eq(2)) | field("c").eq(3)) & field("d").lt(4),
            "a=1^b=2^d<4^NQc=3^d<4",
        ),
        (Query() | field("a").eq(1), ""),
        (
            ((field("a").eq(1) & field("b").eq(2)) | field("c").eq(3)) | field("d").eq(4),
            "a=1^b=2^NQc=3^NQd=4",
        ),
        (field("a").contains("x") & field("a").starts_with("y"), "aLIKEx^aSTARTSWITHy"),
        (field("a").ends_with("x") & field("a").ge(1) & field("a").le(2), "aENDSWITHx^a>=1^a<=2"),
        (field("a").is_empty() & field("b").is_not_empty(), "aISEMPTY^bISNOTEMPTY"),
        (
            field("opened_at").gt(datetime(2024, 1, 10, 10, tzinfo=UTC)),
            "opened_at>2024-01-10 10:00:00",
        ),
        (
            field("a").eq(1).order_by("b", descending=True).order_by("sys_id"),
            "a=1^ORDERBYDESCb^ORDERBYsys_id",
        ),
        (field("a").between(1, 5), "a>=1^a<=5"),
        (field("a").newer_than(timedelta(hours=2)), "aRELATIVEGT@minute@ago@120"),
        (field("a").older_than(timedelta(days=1)), "aRELATIVELT@minute@ago@1440"),
        (
            field("a").within_next(timedelta(minutes=5)),
            "aRELATIVEGE@minute@ago@0^aRELATIVELE@minute@ahead@5",
        ),
        (Query.text("disk full"), "123TEXTQUERY321=disk full"),
        (Query.unsafe("a=1^ORb=2^NQc=3^ORDERBYDESCd^EQ"), "a=1^ORb=2^NQc=3^ORDERBYDESCd"),
        (
            Query.unsafe("a=1^NQb=x^^y") & field("c").eq(2),
            "a=1^c=2^NQb=x^^y^c=2",
        ),
    ],
)
def test_a_query_has_its_text(query: Query, text: str) -> None:
    """Each way to build a query has ServiceNow's own syntax."""
    assert query.encode() == text


@pytest.mark.parametrize(
    "build",
    [
        lambda: field("priority^ORactive"),
        lambda: field(""),
        lambda: field("Priority"),
        lambda: field("a..b"),
        lambda: field("a.b.").eq(1),
        lambda: field("a").lt("=1"),
        lambda: field("a").gt("=1"),
        lambda: field("a").eq("1^ORactive=true"),
        lambda: field("a").eq("x\ny"),
        lambda: field("a").eq("\x7f"),
        lambda: field("a").eq("javascript:gs.getUserID()"),
        lambda: field("a").eq("  JavaScript:x"),
        lambda: field("a").in_(["1,2"]),
        lambda: field("a").in_([]),
        lambda: Query().order_by("a^NQ"),
        lambda: Query.unsafe("a=1\nb=2"),
        lambda: Query.text("a^b=1"),
        lambda: field("a").newer_than(timedelta(hours=-1)),
    ],
)
def test_what_could_widen_a_query_is_refused(build: Callable[[], object]) -> None:
    """No value and no name can become a part of the query."""
    with pytest.raises(InvalidRequestError):
        build()


@given(name=TEXT, other=TEXT)
@example(name="", other="\ue000")
def test_a_value_stays_a_value(name: str, other: str) -> None:
    """ServiceNow's parser finds in the text exactly the conditions that were built."""
    part = f"{other}."  # an empty one is refused
    query = (field("name").eq(name) | field("title").contains(part)) & field("x.y").ne(other)
    parsed = encoded.parse(query.encode(), lambda _: True)
    assert parsed.groups == (
        (
            (
                encoded.Condition("name", "=", name),
                encoded.Condition("title", "LIKE", part),
            ),
            (encoded.Condition("x.y", "!=", other),),
        ),
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: field("name").contains(""),
        lambda: field("name").starts_with(""),
        lambda: field("name").ends_with(""),
        lambda: field("opened_at").gt(""),
        lambda: field("opened_at").between("", "2024-01-01"),
        lambda: Query.text(" "),
        lambda: field("name").in_([""]),
        lambda: field("name").not_in([""]),
    ],
)
def test_an_empty_value_never_finds_everything(make: Callable[[], Query]) -> None:
    """Nothing is contained in every text: only = and != can mean an empty value."""
    with pytest.raises(InvalidRequestError, match="must not be empty"):
        make()
    assert field("name").eq("").encode() == "name="


@pytest.mark.parametrize(
    "make",
    [
        lambda: field("sys_class_name").in_(["STANCEOFtask", "x"]),
        lambda: field("manager").not_in(["_HIERARCHYx"]),
        lambda: field("name").lt("=x"),
        lambda: field("name").gt("=x"),
    ],
)
def test_a_value_never_makes_another_operator(make: Callable[[], Query]) -> None:
    """IN and STANCEOF would be INSTANCEOF."""
    with pytest.raises(InvalidRequestError, match="another operator"):
        make()
    assert field("name").in_(["x", "STANCEOFtask"]).encode() == "nameINx,STANCEOFtask"


@pytest.mark.parametrize(
    ("query", "encoded_as"),
    [
        (field("x").newer_than(timedelta(seconds=10)), "xRELATIVEGT@minute@ago@1"),
        (field("x").newer_than(timedelta(minutes=1)), "xRELATIVEGT@minute@ago@1"),
        (field("x").older_than(timedelta(seconds=119)), "xRELATIVELT@minute@ago@1"),
        (
            field("x").within_next(timedelta(minutes=1, seconds=1)),
            "xRELATIVEGE@minute@ago@0^xRELATIVELE@minute@ahead@2",
        ),
    ],
)
def test_parts_of_minutes_lose_nothing(query: Query, encoded_as: str) -> None:
    """ServiceNow counts in whole minutes: what is asked for is found, and little more."""
    assert query.encode() == encoded_as


# Rows of a table, and what kind of column each is.
KINDS = {"name": "string", "count": "integer", "state": "choice", "at": "date"}
ROWS = [
    {"name": name, "count": count, "state": state, "at": at}
    for name, count, state, at in itertools.product(
        ("", "Zoë", "mail 10"), ("", "9", "10"), ("-5", "3"), ("", "2024-02-29 23:59:59")
    )
]
VALUES = {name: sorted({row[name] for row in ROWS} - {""}) for name in KINDS}
Finds = Callable[[dict[str, str]], bool]


def _ordered(value: str) -> tuple[float, str]:
    return (float(value), "") if value.lstrip("-").isdigit() else (0.0, value.casefold())


@st.composite
def conditions(draw: st.DrawFn) -> tuple[Query, Finds]:
    """A condition, and what it says of a row."""
    name = draw(st.sampled_from(sorted(KINDS)))
    value = draw(st.sampled_from(VALUES[name]))
    other = draw(st.sampled_from(VALUES[name]))
    column, part, key = field(name), value[:2].casefold(), _ordered(value)
    least, most = sorted((key, _ordered(other)))
    choices: list[tuple[Query, Finds]] = [
        (column.eq(value), lambda row: row[name] == value),
        (column.ne(value), lambda row: row[name] != value),
        (column.lt(value), lambda row: row[name] != "" and _ordered(row[name]) < key),
        (column.le(value), lambda row: row[name] != "" and _ordered(row[name]) <= key),
        (column.gt(value), lambda row: row[name] != "" and _ordered(row[name]) > key),
        (column.ge(value), lambda row: row[name] != "" and _ordered(row[name]) >= key),
        (column.contains(part), lambda row: part in row[name].casefold()),
        (column.starts_with(part), lambda row: row[name].casefold().startswith(part)),
        (column.ends_with(value[-2:]), lambda row: row[name].endswith(value[-2:])),
        (column.in_([value, other]), lambda row: row[name] in {value, other}),
        (column.not_in([value, other]), lambda row: row[name] not in {value, other}),
        (column.is_empty(), lambda row: row[name] == ""),
        (column.is_not_empty(), lambda row: row[name] != ""),
        (
            column.between(*sorted((value, other), key=_ordered)),
            lambda row: row[name] != "" and least <= _ordered(row[name]) <= most,
        ),
    ]
    return draw(st.sampled_from(choices))


def _joined(
    pairs: st.SearchStrategy[tuple[Query, Finds]],
) -> st.SearchStrategy[tuple[Query, Finds]]:
    return st.tuples(pairs, pairs, st.booleans()).map(
        lambda three: (
            three[0][0] & three[1][0] if three[2] else three[0][0] | three[1][0],
            lambda row: (all if three[2] else any)((three[0][1](row), three[1][1](row))),
        )
    )


@given(made=st.recursive(conditions(), _joined, max_leaves=5))
def test_any_query_finds_what_it_says(made: tuple[Query, Finds]) -> None:
    """Every operator on every kind of column, joined in any way, as ServiceNow reads it."""
    query, finds = made
    lookup = encoded.Lookup(lambda row, name: row[name], kind=KINDS.__getitem__)
    parsed = encoded.parse(query.encode(), lambda condition: condition.field in KINDS)
    assert encoded.select(parsed, ROWS, lookup) == [row for row in ROWS if finds(row)]


@given(value=st.text(max_size=30), wanted=st.text(max_size=30))
def test_a_query_finds_what_it_says(value: str, wanted: str) -> None:
    """Either the value is refused, or a row is found exactly when it has that value."""
    try:
        query = field("name").eq(wanted)
    except InvalidRequestError:
        return
    rows = [{"name": value}]
    parsed = encoded.parse(query.encode(), lambda _: True)
    found = encoded.select(parsed, rows, lambda row, name: row[name])
    equal = value.casefold() == wanted.casefold()
    if equal:
        assert found == rows
    elif not (value.lstrip("-").isdigit() and wanted.lstrip("-").isdigit()):
        assert found == []
