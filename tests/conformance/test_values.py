"""Values as they come over the wire."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.facts import Found, fact, probe

if TYPE_CHECKING:
    from tests.conformance.instance import Instance

REST = "api-reference/rest-api-explorer/c_RESTAPI.md"
RECORDED = "Recorded: every Table API answer of the collections of recordings that were read"
MOMENT = "%Y-%m-%d %H:%M:%S"


def _group(instance: "Instance") -> dict[str, Any]:
    rows = instance.rows(
        "sys_user_group", "active=true^nameISNOTEMPTY^ORDERBYname", limit=1, fields="sys_id,name"
    )
    return rows[0]


@pytest.fixture(scope="session")
def assigned(instance: "Instance") -> tuple[str, dict[str, Any]]:
    """An incident with a group, and the group."""
    group = _group(instance)
    return instance.create("incident", assignment_group=group["sys_id"])["sys_id"], group


@fact(RECORDED)
def test_texts(instance: "Instance", incident_of: str) -> None:
    """Each value is a text, also numbers and booleans; an empty one is ""."""
    fields = "active,state,sys_mod_count,made_sla,resolved_at,close_notes"
    record = instance.read("incident", incident_of, fields)
    assert all(isinstance(value, str) for value in record.values())
    assert (record["active"], record["state"], record["resolved_at"]) == ("true", "1", "")


@fact(REST)
def test_a_reference(instance: "Instance", assigned: tuple[str, dict[str, Any]]) -> None:
    """A reference is `{link, value}`; the link is of the instance's own address."""
    sys_id, group = assigned
    reference = instance.read("incident", sys_id, "assignment_group")["assignment_group"]
    assert reference["value"] == group["sys_id"]
    assert reference["link"].endswith(f"/table/sys_user_group/{group['sys_id']}")
    assert reference["link"].startswith("https://")


@pytest.mark.parametrize(
    ("display", "keys"),
    [("true", {"display_value", "link"}), ("all", {"display_value", "link", "value"})],
)
@fact(REST)
def test_a_displayed_reference(
    instance: "Instance", assigned: tuple[str, dict[str, Any]], display: str, keys: set[str]
) -> None:
    """With `sysparm_display_value={display}` a reference has other parts."""
    sys_id, group = assigned
    record = instance.read("incident", sys_id, "assignment_group", display_value=display)
    assert set(record["assignment_group"]) == keys
    assert record["assignment_group"]["display_value"] == group["name"]


@pytest.mark.parametrize("display", ["false", "true", "all"])
@fact("Recorded: stackstate, elastic; servicenow-sdk-go issue 157")
def test_a_reference_without_its_link(
    instance: "Instance", assigned: tuple[str, dict[str, Any]], display: str
) -> None:
    """Without links a reference is its bare value, or name, or both ({display})."""
    sys_id, group = assigned
    record = instance.read(
        "incident", sys_id, "assignment_group", display_value=display, exclude_reference_link="true"
    )
    forms = {
        "false": group["sys_id"],
        "true": group["name"],
        "all": {"display_value": group["name"], "value": group["sys_id"]},
    }
    assert record["assignment_group"] == forms[display]


@pytest.mark.parametrize("display", ["false", "true"])
@fact("Recorded: swimlane")
def test_an_empty_reference(instance: "Instance", incident_of: str, display: str) -> None:
    """An empty reference is "", not an object (`sysparm_display_value={display}`)."""
    record = instance.read("incident", incident_of, "problem_id", display_value=display)
    assert record["problem_id"] == ""


@fact("pysnow 0.7.17 sends `True`")
def test_flags_in_any_case(instance: "Instance", assigned: tuple[str, dict[str, Any]]) -> None:
    """`sysparm_exclude_reference_link=True` is understood."""
    sys_id, group = assigned
    record = instance.read("incident", sys_id, "assignment_group", exclude_reference_link="True")
    assert record["assignment_group"] == group["sys_id"]


@fact(REST)
def test_dot_walking(instance: "Instance", assigned: tuple[str, dict[str, Any]]) -> None:
    """A field through a reference comes flat, under its dotted name."""
    sys_id, group = assigned
    record = instance.read("incident", sys_id, "assignment_group.name")
    assert record == {"assignment_group.name": group["name"]}


@fact(RECORDED)
def test_forms(instance: "Instance", incident_of: str) -> None:
    """A sys_id is 32 hexadecimal digits, a moment `YYYY-MM-DD HH:MM:SS`."""
    record = instance.read("incident", incident_of, "sys_id,sys_created_on")
    assert re.fullmatch("[0-9a-f]{32}", record["sys_id"])
    datetime.strptime(record["sys_created_on"], MOMENT).replace(tzinfo=UTC)


@probe(RECORDED)
def test_numbers(instance: "Instance", found: Found, incident_of: str) -> None:
    """The form of an incident's number."""
    number = instance.read("incident", incident_of, "number")["number"]
    found(re.sub(r"\d", "0", number))


@fact("c_TableAPI.md: values are in UTC")
def test_moments_are_utc(instance: "Instance") -> None:
    """The moment of a new record's making is the answer's Date, in UTC."""
    instance.may_write()
    record = instance.create("incident")
    answer = instance.get(f"/api/now/table/incident/{record['sys_id']}")
    made = datetime.strptime(record["sys_created_on"], MOMENT).replace(tzinfo=UTC)
    date = parsedate_to_datetime(answer.headers["Date"])
    assert abs(date - made) < timedelta(minutes=2)


@probe("What signed pushes and planned windows rely on")
def test_the_clock(instance: "Instance", found: Found) -> None:
    """Whether the instance's Date is within two minutes of this machine's clock."""
    date = instance.get("/api/now/table/incident", params={"sysparm_limit": "1"}).headers["Date"]
    off = abs(parsedate_to_datetime(date) - datetime.now(UTC))
    found("yes" if off < timedelta(minutes=2) else f"no: {off}")


@fact("Recorded: swimlane, get_all_incidents")
def test_a_label(instance: "Instance", incident_of: str) -> None:
    """With `sysparm_display_value=all` a choice has its value and its label."""
    state = instance.read("incident", incident_of, "state", display_value="all")["state"]
    assert state["value"] == "1"
    assert state["display_value"] not in {"", "1"}


@fact("Recorded: swimlane, update_table_row beside get_all_incidents")
def test_journals_in_a_record(instance: "Instance") -> None:
    """A journal reads as "" by value, and as its whole history, newest first, by display value."""
    record = instance.create("incident", work_notes="the first")
    instance.patch("incident", record["sys_id"], work_notes="the second")
    assert instance.read("incident", record["sys_id"], "work_notes")["work_notes"] == ""
    shown = instance.read("incident", record["sys_id"], "work_notes", display_value="true")
    text = shown["work_notes"]
    assert 0 < text.index("the second") < text.index("the first")


@probe("Recorded from single instances")
def test_the_domain(instance: "Instance", found: Found, incident_of: str) -> None:
    """The domain of a record."""
    domain = instance.read("incident", incident_of, "sys_domain").get("sys_domain", "no column")
    found(domain.get("value") if isinstance(domain, dict) else domain)


@probe("Recorded: stackstate: 22 of 327 empty ones")
def test_an_empty_choice(instance: "Instance", found: Found, incident_of: str) -> None:
    """An empty choice with `sysparm_display_value=all`."""
    found(instance.read("incident", incident_of, "close_code", display_value="all")["close_code"])


@fact("Recorded: each task's 92 columns")
def test_columns_for_integrations(instance: "Instance", incident_of: str) -> None:
    """A task has correlation_id, correlation_display, opened_by, sys_updated_by and the rest."""
    expected = {
        "number", "state", "short_description", "description", "assignment_group", "assigned_to",
        "caller_id", "category", "subcategory", "urgency", "impact", "priority", "cmdb_ci",
        "business_service", "close_code", "close_notes", "resolved_at", "resolved_by", "closed_at",
        "opened_at", "opened_by", "hold_reason", "incident_state", "correlation_id",
        "correlation_display", "work_notes", "comments", "active", "sys_class_name", "problem_id",
        "rfc", "caused_by", "parent", "sys_mod_count", "sys_updated_on", "sys_updated_by",
        "sys_created_on", "sys_created_by", "approval", "escalation", "due_date", "contact_type",
    }  # fmt: skip
    assert expected <= set(instance.read("incident", incident_of))
