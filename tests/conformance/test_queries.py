"""Encoded queries: operators, what is ignored, order, and moments."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.facts import Found, fact, probe

if TYPE_CHECKING:
    from tests.conformance.instance import Instance

FILTERS = "platform-user-interface/r_OpAvailableFiltersQueries.md"
ENCODED = "platform-user-interface/c_EncodedQueryStrings.md"
TABLE_API = "api-reference/rest-apis/c_TableAPI.md"
MOMENT = "%Y-%m-%d %H:%M:%S"
Three = list[dict[str, Any]]


@pytest.fixture(scope="session")
def three(instance: "Instance") -> Three:
    """Three incidents with texts and urgencies of their own."""
    texts = {"conformance alpha": "1", "conformance beta": "2", "conformance gamma 100%": "3"}
    return [
        instance.create("incident", short_description=text, urgency=urgency, impact="3")
        for text, urgency in texts.items()
    ]


def _found(instance: "Instance", three: Three, query: str) -> str:
    """Return which of the three a query finds, as letters, in its order."""
    names = {record["sys_id"]: name for record, name in zip(three, "abc", strict=True)}
    ours = "sys_idIN" + ",".join(names)
    query = query if query.startswith("sys_id") else f"{ours}^{query}"
    return "".join(
        names[row["sys_id"]] for row in instance.rows("incident", query, fields="sys_id")
    )


@pytest.mark.parametrize(
    ("query", "which"),
    [
        ("urgency=2", "b"),
        ("urgency!=2", "ac"),
        ("short_descriptionLIKEbeta", "b"),
        ("short_descriptionNOT LIKEbeta", "ac"),
        ("short_descriptionSTARTSWITHconformance a", "a"),
        ("short_descriptionENDSWITH100%", "c"),
        ("short_descriptionCONTAINSgamma", "c"),
        ("short_descriptionDOES NOT CONTAINgamma", "ab"),
        ("urgencyIN1,3", "ac"),
        ("urgencyNOT IN1,3", "b"),
        ("urgency>1", "bc"),
        ("urgency>=2", "bc"),
        ("urgency<3", "ab"),
        ("urgency<=2", "ab"),
        ("urgencyBETWEEN1@2", "ab"),
        ("assigned_toISEMPTY", "abc"),
        ("short_descriptionISNOTEMPTY", "abc"),
        ("urgency=1^ORurgency=3", "ac"),
        ("short_descriptionLIKEbeta^urgency=2", "b"),
        ("short_descriptionLIKEbeta^urgency=1", ""),
        ("short_descriptionANYTHING", "abc"),
        ("urgencySAMEASimpact", "c"),
        ("urgencyNSAMEASimpact", "ab"),
        ("urgency=2^EQ", "b"),
    ],
)
@fact(f"{FILTERS}, {ENCODED}; ServiceNow/PySNC, test_snc_api_query_advanced.py")
def test_an_operator(instance: "Instance", three: Three, query: str, which: str) -> None:
    """`{query}` finds what it says."""
    assert "".join(sorted(_found(instance, three, query))) == which


@fact(ENCODED)
def test_new_query(instance: "Instance", three: Three) -> None:
    """`^NQ` joins whole groups of conditions by or."""
    first, second, third = (record["sys_id"] for record in three)
    query = f"sys_id={first}^urgency=2^NQsys_id={second}^urgency=2^NQsys_id={third}"
    assert sorted(_found(instance, three, query)) == ["b", "c"]


@pytest.mark.parametrize(("order", "letters"), [("ORDERBY", "abc"), ("ORDERBYDESC", "cba")])
@fact(ENCODED)
def test_order(instance: "Instance", three: Three, order: str, letters: str) -> None:
    """`^{order}urgency` orders."""
    assert _found(instance, three, f"short_descriptionISNOTEMPTY^{order}urgency") == letters


@fact(ENCODED)
def test_two_orders(instance: "Instance", three: Three) -> None:
    """A second ORDERBY decides among equals."""
    assert _found(instance, three, "urgency>0^ORDERBYimpact^ORDERBYDESCurgency") == "cba"


@fact("ansible-collections/servicenow.itsm: a group found as `network`")
def test_case_of_values(instance: "Instance", three: Three) -> None:
    """Texts are compared without regard to case."""
    assert _found(instance, three, "short_description=CONFORMANCE BETA") == "b"


@fact(TABLE_API)
def test_dot_walked_conditions(instance: "Instance", three: Three) -> None:
    """A condition goes through a reference."""
    name = instance.user.name
    assert _found(instance, three, f"opened_by.user_name={name}^ORDERBYurgency") == "abc"


@fact("c_TableAPI.md; ServiceNow/PySNC, test_code_query_one")
def test_an_unknown_field(instance: "Instance", three: Three) -> None:
    """A condition on an unknown field is ignored, the rest is applied."""
    assert _found(instance, three, "no_such_column=x^urgency=2") == "b"


@fact("Measured: `bad=X` gave all 808 rows")
def test_nothing_but_an_unknown_field(instance: "Instance") -> None:
    """A query of nothing but an unknown field finds every row."""
    every = instance.rows("sys_user_group", limit=5, fields="sys_id")
    found = instance.rows("sys_user_group", "no_such_column=x", limit=5, fields="sys_id")
    assert len(found) == len(every) > 0


@fact("Measured: `bad=X^ORgood=X` gave all rows")
def test_an_or_after_an_unknown_field(instance: "Instance", three: Three) -> None:
    """An `^OR` goes with its unknown parent; after a known one it is dropped alone."""
    assert sorted(_found(instance, three, "no_such_column=x^ORurgency=2")) == ["a", "b", "c"]
    assert _found(instance, three, "urgency=2^ORno_such_column=x") == "b"


@fact(TABLE_API)
def test_filters_by_name(instance: "Instance", three: Three) -> None:
    """`?number=` filters like a query."""
    params = {"number": three[1]["number"], "sysparm_fields": "sys_id"}
    rows = instance.get("/api/now/table/incident", params=params).json()["result"]
    assert rows == [{"sys_id": three[1]["sys_id"]}]


@fact(TABLE_API)
def test_filters_by_label(instance: "Instance", three: Three) -> None:
    """`?state=` takes the label, too."""
    label = instance.read("incident", three[0]["sys_id"], "state", display_value="true")["state"]
    params = {"state": label, "number": three[0]["number"], "sysparm_fields": "sys_id"}
    rows = instance.get("/api/now/table/incident", params=params).json()["result"]
    assert rows == [{"sys_id": three[0]["sys_id"]}]


@fact("Recorded: swimlane, get_all_incidents with `?query=`")
def test_unknown_filters(instance: "Instance") -> None:
    """A filter by an unknown name is ignored."""
    params = {"no_such_column": "x", "sysparm_limit": "1", "sysparm_fields": "sys_id"}
    assert instance.get("/api/now/table/sys_user_group", params=params).json()["result"]


@fact(TABLE_API)
def test_scripts_in_values(instance: "Instance") -> None:
    """`javascript:gs.getUserID()` in a value is evaluated."""
    rows = instance.rows("sys_user", "sys_id=javascript:gs.getUserID()", fields="user_name")
    assert rows == [{"user_name": instance.user.name}]


@fact("XSOAR's ServiceNowv2 asks so; community, ba-p/2270667")
def test_literal_moments(instance: "Instance", three: Three) -> None:
    """A literal moment in a query is UTC: a record is found by its own, plus and minus a second."""
    record = instance.read("incident", three[0]["sys_id"], "sys_updated_on")
    moment = datetime.strptime(record["sys_updated_on"], MOMENT).replace(tzinfo=UTC)
    before, after = (moment + timedelta(seconds=by) for by in (-1, 1))
    query = f"sys_id={three[0]['sys_id']}^sys_updated_on>{before:{MOMENT}}"
    assert _found(instance, three, f"{query}^sys_updated_on<{after:{MOMENT}}") == "a"
    assert _found(instance, three, f"{query}^sys_updated_on>{after:{MOMENT}}") == ""


@fact("estuary/connectors issue 5205; NangoHQ/integration-templates issue 582")
def test_whole_seconds(instance: "Instance", three: Three) -> None:
    """Moments have whole seconds: `>=` with a record's own finds it, `>` does not."""
    moment = instance.read("incident", three[2]["sys_id"], "sys_updated_on")["sys_updated_on"]
    query = f"sys_id={three[2]['sys_id']}^sys_updated_on"
    assert _found(instance, three, f"{query}>={moment}") == "c"
    assert _found(instance, three, f"{query}>{moment}") == ""


@fact("A keyset as Kafka's connectors send it")
def test_a_keyset(instance: "Instance", three: Three) -> None:
    """`moment=T^sys_id>ID^NQmoment>T` goes on after a row, rows of one second included."""
    order = sorted(three, key=lambda row: (row["sys_created_on"], row["sys_id"]))
    last = order[0]
    ids = "sys_idIN" + ",".join(row["sys_id"] for row in three)
    at = last["sys_created_on"]
    query = (
        f"{ids}^sys_created_on={at}^sys_id>{last['sys_id']}"
        f"^NQ{ids}^sys_created_on>{at}^ORDERBYsys_created_on^ORDERBYsys_id"
    )
    rows = instance.rows("incident", query, fields="sys_id")
    assert {row["sys_id"] for row in rows} == {row["sys_id"] for row in order[1:]}


@fact("By primary key, as mirrors compare whole sets (Snow-Mirror)")
def test_two_hundred_ids(instance: "Instance", three: Three) -> None:
    """`sys_idIN` of 200 ids in one address is answered."""
    ids = [f"{number:032x}" for number in range(197)] + [row["sys_id"] for row in three]
    rows = instance.rows("incident", "sys_idIN" + ",".join(ids), fields="sys_id")
    assert {row["sys_id"] for row in rows} == {row["sys_id"] for row in three}


@fact("ServiceNow/PySNC orders always: test_get_query_two")
def test_order_by_sys_id(instance: "Instance") -> None:
    """Pages in the order of sys_id neither repeat nor lose rows."""
    whole = instance.rows("sys_user_group", "ORDERBYsys_id", limit=6, fields="sys_id")
    pages = [
        instance.rows("sys_user_group", "ORDERBYsys_id", limit=2, offset=at, fields="sys_id")
        for at in (0, 2, 4)
    ]
    assert [row for page in pages for row in page] == whole


@probe("GlideStringUtilScopedAPI.md; nobody proves it over REST")
def test_a_caret(instance: "Instance", found: Found) -> None:
    """Whether `^^` in a query stands for `^` in a value."""
    record = instance.create("incident", short_description="conformance a^b")
    query = f"sys_id={record['sys_id']}^short_description=conformance a^^b"
    found("yes" if instance.rows("incident", query, fields="sys_id") else "no")


@probe("Not verified: differs from SQL")
def test_unequal_and_empty(instance: "Instance", found: Found, three: Three) -> None:
    """Whether `!=` finds rows whose column is empty."""
    found("yes" if _found(instance, three, "close_notes!=something") else "no")


@probe("Not documented")
def test_an_unknown_operator(instance: "Instance", found: Found) -> None:
    """What an unknown operator is answered with."""
    params = {"sysparm_query": "numberRESEMBLESx", "sysparm_limit": "1", "sysparm_fields": "sys_id"}
    answer = instance.get("/api/now/table/incident", params=params)
    rows = len(answer.json()["result"]) if answer.status_code == 200 else "no"
    found(f"{answer.status_code}, {rows} rows")


@fact("ansible-collections/servicenow.itsm, plugins/module_utils/client.py")
def test_a_tiny_url(instance: "Instance", three: Three) -> None:
    """POST /api/now/tinyurl answers an address whose `sysparm_tiny` repeats the query."""
    query = f"sysparm_query=number={three[1]['number']}&sysparm_fields=sys_id"
    answer = instance.request("POST", "/api/now/tinyurl", json={"url": f"incident_list.do?{query}"})
    if answer.status_code in {400, 403, 404}:
        pytest.skip("without tinyurl, or not for this user")
    tiny = str(answer.json()["result"]).partition("sysparm_tiny=")[2]
    rows = instance.get("/api/now/table/incident", params={"sysparm_tiny": tiny}).json()["result"]
    assert [row["sys_id"] for row in rows] == [three[1]["sys_id"]]
