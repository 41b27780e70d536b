"""Queries: what is built means what was asked, whatever the values."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from local.servicenow import query as encoded
from servicenow_tools import Query, field, incident_query
from servicenow_tools.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

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
        (incident_query(state="open", priority="1"), "stateIN1,2,3^priority=1"),
        (
            incident_query(state="In Progress", assigned_to="ada"),
            "state=2^assigned_to.user_name=ada",
        ),
        (incident_query(assignment_group="f" * 32), f"assignment_group={'f' * 32}"),
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
        lambda: incident_query(assignment_group="a^b"),
        lambda: incident_query(state="no such"),
        lambda: incident_query(**{"bad-name": "x"}),
    ],
)
def test_what_could_widen_a_query_is_refused(build: "Callable[[], object]") -> None:
    """No value and no name can become a part of the query."""
    with pytest.raises(InvalidRequestError):
        build()


@given(name=TEXT, other=TEXT)
@example(name="", other="\ue000")
def test_a_value_stays_a_value(name: str, other: str) -> None:
    """ServiceNow's parser finds in the text exactly the conditions that were built."""
    query = (field("name").eq(name) | field("title").contains(other)) & field("x.y").ne(other)
    parsed = encoded.parse(query.encode(), lambda _: True)
    assert parsed.groups == (
        (
            (
                encoded.Condition("name", "=", name),
                encoded.Condition("title", "LIKE", other),
            ),
            (encoded.Condition("x.y", "!=", other),),
        ),
    )


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
