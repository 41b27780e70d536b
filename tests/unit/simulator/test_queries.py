"""Encoded queries, against what ServiceNow's documentation says of each operator."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from local.servicenow import Instance, operators, query, scripts, seed

if TYPE_CHECKING:
    import httpx

TABLE = "/api/now/table"


def _found(http: "httpx.Client", table: str, text: str) -> list[dict[str, Any]]:
    answer = http.get(f"{TABLE}/{table}", params={"sysparm_query": text})
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["result"]
    return rows


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("impactSAMEASurgency", 6),
        ("impactNSAMEASurgency", 1),
        ("impactGT_FIELDurgency", 1),
        ("impactLT_FIELDurgency", 0),
        ("impactGT_OR_EQUALS_FIELDurgency", 7),
        ("impactLT_OR_EQUALS_FIELDurgency", 6),
        ("short_description*email", 2),
        ("short_description!*email", 5),
        ("short_description%minutes", 1),
        ("caller_idSTARTSWITHabel", 7),
        ("caller_idLIKEnobody", 0),
        ("123TEXTQUERY321=email password", 1),
        ("GOTO123TEXTQUERY321=email", 2),
        ("GOTOnumber>=INC0000006", 2),
        ("stateSAMEASincident_state^GROUPBYstate", 7),
        ("sys_class_nameINSTANCEOFtask", 7),
        ("sys_class_nameINSTANCEOFproblem", 0),
        ("sys_created_onONToday@javascript:gs.beginningOfToday()@javascript:gs.endOfToday()", 7),
        ("sys_created_onNOTONToday@javascript:gs.daysAgoStart(0)@javascript:gs.daysAgoEnd(0)", 0),
        ("sys_created_onBETWEENjavascript:gs.daysAgoStart(1)@javascript:gs.endOfToday()", 7),
        ("sys_created_on>javascript:gs.hoursAgo(2)", 7),
        ("sys_created_on<javascript:gs.beginningOfLastMonth()", 0),
        ("sys_created_on>=javascript:gs.beginningOfThisYear()", 7),
        ("sys_created_on>javascript:gs.dateGenerate('2020-01-31','end')", 7),
        ("sys_created_on>javascript:gs.dateGenerate('20200131','23:59:59')", 7),
        ('sys_created_on<javascript:gs.dateGenerate("2020-02-01 00:00:00")', 0),
        ("sys_created_on>=javascript:gs.yesterday()", 7),
        ("caller_id=javascript:gs.getUser().getID()", 0),
        ("assignment_group=javascript:gs.getUser().getMyGroups()", 0),
        ("assignment_group!=javascript:getMyGroups()", 7),
        ("sys_created_onRELATIVEGT@hour@ago@1", 7),
        ("sys_created_onRELATIVELT@hour@ago@1", 0),
        ("sys_created_onRELATIVEGE@month@ago@1", 7),
        ("sys_created_onRELATIVEEE@dayofweek@ago@0", 7),
        ("sys_created_onRELATIVELE@year@ahead@1", 7),
        ("sys_created_onDATEPARTHour@javascript:gs.datePart('hour','0','GE')", 7),
        ("sys_created_onDATEPARTYear@javascript:gs.datePart('year','2000','LE')", 0),
        ("sys_created_onLESSTHANsys_updated_on@hour@before@1", 7),
        ("sys_created_onMORETHANsys_updated_on@day@before@1", 0),
        ("sys_created_onLESSTHANsys_updated_on@hour@before or after@1", 7),
        ("opened_byDYNAMIC90d1921e5f510100a9ad2572f2b477fe", 0),
        ("assignment_groupDYNAMICd6435e965f510100a9ad2572f2b477fe", 0),
        ("opened_byIN,", 0),
    ],
)
def test_each_documented_operator(http: "httpx.Client", text: str, count: int) -> None:
    """What an operator finds among the seven incidents of the demo data."""
    assert len(_found(http, "incident", text)) == count


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("stateVALCHANGES", "stateVALCHANGES"),
        ("stateCHANGESTO4", "stateCHANGESTO4"),
        ("caller_idIN_HIERARCHYx@y", "IN_HIERARCHY"),
        ("numberMATCH_RGX.*", "numberMATCH_RGX"),
        ("number=javascript:new GlideRecord('x')", "GlideRecord"),
        ("number=javascript:gs.nothing()", "gs.nothing"),
        ("opened_at>javascript:gs.daysAgo(many)", "gs.daysAgo"),
        ("opened_at>javascript:gs.dateGenerate('soon')", "dateGenerate"),
        ("opened_at>javascript:gs.daysAgo(999999999)", "daysAgo"),
        ("opened_atRELATIVEGT@year@ahead@99999", "RELATIVEGT"),
        ("sys_created_onRELATIVEGT@hour", "RELATIVEGT"),
        ("sys_created_onRELATIVELTE@hour@ago@1", "RELATIVELT"),
        ("sys_created_onRELATIVEGT@hour@sometime@1", "RELATIVEGT"),
        ("sys_created_onMORETHANsys_updated_on@day@around@1", "MORETHAN"),
        ("impactBETWEEN1", "BETWEEN"),
        ("sys_created_onONToday", "ONToday"),
        ("sys_created_onDATEPARTx", "DATEPART"),
        ("opened_byDYNAMICunknown", "unknown"),
        ("RLQUERYtask.parent,many^ENDRLQUERY", "RLQUERY"),
    ],
)
def test_what_is_not_imitated_is_refused(http: "httpx.Client", text: str, refused: str) -> None:
    """A known field with an unknown operator, script or option never finds everything."""
    answer = http.get(f"{TABLE}/incident", params={"sysparm_query": text})
    assert (answer.status_code, answer.json()["error"]["message"]) == (501, "Not simulated")
    assert refused in answer.json()["error"]["detail"]


_NOW = datetime(2026, 8, 12, 16, 44, 17, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Today", "2026-08-11 22:00:00", "2026-08-12 21:59:59"),
        ("Yesterday", "2026-08-10 22:00:00", "2026-08-11 21:59:59"),
        ("Tomorrow", "2026-08-12 22:00:00", "2026-08-13 21:59:59"),
        ("ThisWeek", "2026-08-09 22:00:00", "2026-08-16 21:59:59"),
        ("LastWeek", "2026-08-02 22:00:00", "2026-08-09 21:59:59"),
        ("NextMonth", "2026-08-31 22:00:00", "2026-09-30 21:59:59"),
        ("Last3Months", "2026-04-30 22:00:00", "2026-08-31 21:59:59"),
        ("Last12Months", "2025-07-31 22:00:00", "2026-08-31 21:59:59"),
        ("ThisQuarter", "2026-06-30 22:00:00", "2026-09-30 21:59:59"),
        ("LastQuarter", "2026-03-31 22:00:00", "2026-06-30 21:59:59"),
        ("Last2Quarters", "2026-03-31 22:00:00", "2026-09-30 21:59:59"),
        ("Next2Quarters", "2026-09-30 22:00:00", "2027-03-31 21:59:59"),
        ("LastYear", "2024-12-31 23:00:00", "2025-12-31 22:59:59"),
        ("Last2Years", "2024-12-31 23:00:00", "2026-12-31 22:59:59"),
        ("Last30Days", "2026-07-12 22:00:00", "2026-08-12 21:59:59"),
        ("CurrentHour", "2026-08-12 14:00:00", "2026-08-12 14:59:59"),
        ("LastHour", "2026-08-12 13:00:00", "2026-08-12 13:59:59"),
        ("Last2Hours", "2026-08-12 12:44:17", "2026-08-12 14:44:17"),
        ("CurrentMinute", "2026-08-12 14:44:00", "2026-08-12 14:44:59"),
        ("Last15Minutes", "2026-08-12 14:29:00", "2026-08-12 14:44:59"),
        ("OneYearAgo", "2025-08-12 14:44:17", "2026-08-31 21:59:59"),
    ],
)
def test_each_named_span_of_time(name: str, first: str, last: str) -> None:
    """The spans that lists offer as filters, in the user's time zone and stored as UTC."""
    session = scripts.Session("id", "name", (), _NOW)
    span = f"javascript:gs.beginningOf{name}()@javascript:gs.endOf{name}()"
    assert scripts.evaluate(span, session) == f"{first}@{last}"


@pytest.mark.parametrize(
    ("script", "moment"),
    [
        ("minutesAgo(5)", "2026-08-12 14:39:17"),
        ("minutesAgoEnd(5)", "2026-08-12 14:39:59"),
        ("hoursAgoStart(1)", "2026-08-12 13:00:00"),
        ("daysAgo(3)", "2026-08-09 14:44:17"),
        ("daysAgoEnd(-1)", "2026-08-13 21:59:59"),
        ("monthsAgo(6)", "2026-02-12 15:44:17"),
        ("quartersAgoEnd(1)", "2026-06-30 21:59:59"),
        ("yearsAgo(2)", "2024-08-12 14:44:17"),
        ("lastWeek()", "2026-08-05 14:44:17"),
        ("daysAhead(1)", "2026-08-13 14:44:17"),
        ("dateGenerate('2026-02-15','start')", "2026-02-14 23:00:00"),
    ],
)
def test_each_way_to_name_a_moment(script: str, moment: str) -> None:
    """What scripts count back from now, or write as a date."""
    session = scripts.Session("id", "name", (), _NOW)
    assert scripts.evaluate(f"javascript:gs.{script}", session) == moment


def test_days_and_parts_of_dates_follow_the_reader() -> None:
    """A day compares as a day; a part of a date is that of the user's time zone."""
    day = operators.Operand(
        "2026-08-12", "", "Today@2026-08-12 00:00:00@2026-08-12 23:59:59", "day"
    )
    assert operators.OPERATORS["ON"](day)
    late = operators.Operand("2026-08-12 22:30:00", "", "Thursday@dayofweek,thursday,EE", now=_NOW)
    assert operators.OPERATORS["DATEPART"](late)


def test_conditions_on_related_records(admin: "httpx.Client") -> None:
    """RLQUERY counts the records of another table, JOIN wants at least one."""
    related = "RLQUERYsys_group_has_role.group,>0,m2m^role.nameLIKEadmin^ENDRLQUERY"
    names = {row["name"] for row in _found(admin, "sys_user_group", related)}
    assert names == {
        "LDAP Admins", "Problem Solving", "Security Incident Assignment", "Incident Management",
    }  # fmt: skip
    without = _found(admin, "sys_user_group", related.replace(">0", "=0"))
    assert names.isdisjoint(row["name"] for row in without)
    further = f"{related}^nameSTARTSWITHLDAP"
    assert [row["name"] for row in _found(admin, "sys_user_group", further)] == ["LDAP Admins"]
    joined = "JOINsys_user.sys_id=sys_user_group.manager!active=true^ORDERBYname"
    managers = [row["user_name"] for row in _found(admin, "sys_user", joined)]
    assert managers == sorted(managers)
    assert {"change.manager", "beth.anglin"} <= set(managers)


def test_names_and_values_are_filters_with_display_values(http: "httpx.Client") -> None:
    """`?state=Closed&assignment_group=Hardware`, and a user by the name for signing in."""
    for filters, numbers in (
        ({"state": "closed", "assignment_group": "Hardware"}, ["INC0000005"]),
        ({"assignment_group": seed.sys_id("Database")}, ["INC0000007"]),
        ({"caller_id": "abel.tuter", "state": "3"}, ["INC0000002"]),
        ({"short_description": "a^b"}, []),
    ):
        found = http.get(f"{TABLE}/incident", params=filters).json()["result"]
        assert [row["number"] for row in found] == numbers


def test_a_table_holds_what_extends_it(admin: "httpx.Client") -> None:
    """Tasks are all tickets; a record is found, and changed, through the table it extends."""
    classes = {row["sys_class_name"] for row in _found(admin, "task", "")}
    assert classes == {"incident", "problem", "change_request"}
    path = f"{TABLE}/task/{seed.sys_id('incident 1')}"
    assert admin.get(path).json()["result"]["number"] == "INC0000001"
    assert "close_code" not in admin.get(path).json()["result"]
    assert admin.patch(path, json={"description": "x"}).json()["result"]["description"] == "x"
    servers = _found(admin, "cmdb_ci", "sys_class_nameINSTANCEOFcmdb_ci_server")
    assert {row["sys_class_name"] for row in servers} == {
        "cmdb_ci_linux_server", "cmdb_ci_win_server",
    }  # fmt: skip
    assert len(_found(admin, "sys_metadata", "")) > 500


def test_texts_are_no_numbers() -> None:
    """A column of text compares as text: `007` is not `7`."""
    instance = Instance()
    seed.fill(instance)
    instance.put("incident", correlation_id="007")
    account = instance.accounts["admin"]
    assert instance.search("incident", "correlation_id=7", account) == []
    assert len(instance.search("incident", "correlation_id=007", account)) == 1


def test_a_query_is_parsed_without_a_table() -> None:
    """Values have their carets back; groups and order are read apart."""
    parsed = query.parse("a=1^ORb=2^c=x^^y^NQd=3^ORDERBYDESCe^EQ", lambda _: True)
    first, second = parsed.groups
    assert [[term.value for term in clause if isinstance(term, query.Condition)]
            for clause in first] == [["1", "2"], ["x^y"]]  # fmt: skip
    assert len(second) == 1
    assert parsed.order == (("e", True),)
