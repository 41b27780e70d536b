"""Incidents: priority, states, resolution, journals."""

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.facts import Found, fact, probe

if TYPE_CHECKING:
    import httpx

    from tests.conformance.instance import Instance

PRIORITY = "incident-management/def-prio-lookup-rules.md"
STATES = "incident-management/c_IncidentManagementStateModel.md"
CLOSED = "Exalate's documentation; measured step by step in public reports"


@pytest.fixture(scope="session")
def code(instance: "Instance") -> str:
    """A close code of this instance."""
    rows = instance.rows(
        "sys_choice", "name=incident^element=close_code^inactive=false^ORDERBYsequence",
        fields="value,language", limit=50,
    )  # fmt: skip
    if not rows:
        pytest.skip("no close codes are readable")
    return str(rows[0]["value"])


def _resolve(instance: "Instance", sys_id: str, code: str) -> "httpx.Response":
    """Resolve, by whom and for whom the instance may want to know."""
    return instance.patch("incident", sys_id, state="6", close_code=code, close_notes="done")


@pytest.fixture
def resolved(instance: "Instance", code: str) -> dict[str, Any]:
    """A resolved incident."""
    record = instance.create("incident")
    answer = _resolve(instance, record["sys_id"], code)
    if answer.status_code == 403:
        pytest.skip(f"more is mandatory here: {answer.text}")
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()["result"]
    return result


@pytest.mark.parametrize(
    ("impact", "urgency", "priority"),
    [("1", "1", "1"), ("1", "2", "2"), ("2", "1", "2"), ("1", "3", "3"), ("2", "2", "3"),
     ("3", "1", "3"), ("2", "3", "4"), ("3", "2", "4"), ("3", "3", "5")],
)  # fmt: skip
@fact(PRIORITY)
def test_priority(instance: "Instance", impact: str, urgency: str, priority: str) -> None:
    """Impact {impact} and urgency {urgency} are priority {priority}."""
    record = instance.create("incident", impact=impact, urgency=urgency)
    assert record["priority"] == priority


@fact(PRIORITY)
def test_a_priority_of_ones_own(instance: "Instance") -> None:
    """A priority that is sent gives way to the lookup."""
    assert instance.create("incident", impact="3", urgency="3", priority="1")["priority"] == "5"


@fact("Recorded: swimlane, create_incident")
def test_defaults(instance: "Instance") -> None:
    """A new incident: state 1, active, impact, urgency and severity 3, approval not requested."""
    record = instance.create("incident")
    names = ("state", "active", "impact", "urgency", "severity", "approval")
    assert [record[name] for name in names] == ["1", "true", "3", "3", "3", "not requested"]
    assert record["incident_state"] == record["state"]


@fact(STATES)
def test_states_of_the_base_system(instance: "Instance") -> None:
    """The choices of state hold 1, 2, 3, 6, 7 and 8."""
    rows = instance.rows("sys_choice", "name=incident^element=state^inactive=false", fields="value")
    assert {"1", "2", "3", "6", "7", "8"} <= {row["value"] for row in rows}


@pytest.mark.parametrize("state", ["2", "3"])
@fact(STATES)
def test_a_step(instance: "Instance", state: str) -> None:
    """From New to state {state}."""
    record = instance.create("incident")
    answer = instance.patch("incident", record["sys_id"], state=state, hold_reason="4")
    if answer.status_code == 403:
        pytest.skip(f"more is mandatory here: {answer.text}")
    assert answer.json()["result"]["state"] == state


@fact(CLOSED)
def test_resolving_without_a_code(instance: "Instance") -> None:
    """Resolving without code and notes is refused with 403, and nothing changes."""
    record = instance.create("incident")
    answer = instance.patch("incident", record["sys_id"], state="6")
    assert answer.status_code == 403
    assert answer.json()["error"]["detail"]
    assert instance.read("incident", record["sys_id"], "state") == {"state": "1"}


@fact(CLOSED)
def test_resolving_with_an_unknown_code(instance: "Instance") -> None:
    """An unknown close code is dropped first and then missed: 403, as without one."""
    record = instance.create("incident")
    answer = _resolve(instance, record["sys_id"], "no such code")
    assert answer.status_code == 403


@fact(STATES)
def test_resolving(instance: "Instance", resolved: dict[str, Any]) -> None:
    """Resolving with a code and notes sets state 6, resolved_at and resolved_by."""
    assert resolved["state"] == "6"
    assert resolved["resolved_at"]
    assert resolved["resolved_by"]


@fact(STATES)
def test_a_resolved_one_is_active(instance: "Instance", resolved: dict[str, Any]) -> None:
    """A resolved incident is active until it is closed."""
    assert resolved["active"] == "true"


@fact(STATES)
def test_reopening(instance: "Instance", resolved: dict[str, Any]) -> None:
    """A resolved incident goes back to state 2."""
    answer = instance.patch("incident", resolved["sys_id"], state="2")
    assert answer.json()["result"]["state"] == "2"


@probe(STATES)
def test_what_reopening_clears(
    instance: "Instance", found: Found, resolved: dict[str, Any]
) -> None:
    """Which of resolved_at, resolved_by and close_code reopening empties."""
    record = instance.patch("incident", resolved["sys_id"], state="2").json()["result"]
    names = ("resolved_at", "resolved_by", "close_code")
    found(", ".join(name for name in names if not record[name]) or "none")


@fact("incident-management/resolve-and-close-an-incident.md")
def test_closing(instance: "Instance", resolved: dict[str, Any]) -> None:
    """An administrator closes: state 7, not active, closed_at."""
    if instance.admin is None:
        pytest.skip("needs an administrator")
    answer = instance.request(
        "PATCH", f"/api/now/table/incident/{resolved['sys_id']}", json={"state": "7"},
        by=instance.admin,
    )  # fmt: skip
    record = answer.json()["result"]
    assert (record["state"], record["active"]) == ("7", "false")
    assert record["closed_at"]


@probe("resolve-and-close-an-incident.md names the role itil_admin")
def test_closing_without_the_role(
    instance: "Instance", found: Found, resolved: dict[str, Any]
) -> None:
    """What the suite's user gets who closes a resolved incident."""
    answer = instance.patch("incident", resolved["sys_id"], state="7")
    state = answer.json()["result"]["state"] if answer.status_code == 200 else "as it was"
    found(f"{answer.status_code}, state {state}")


@probe("elastic/kibana issues 147353 and 162557")
def test_a_closed_one_again(instance: "Instance", found: Found, resolved: dict[str, Any]) -> None:
    """What setting a closed incident to state 2 is answered with."""
    if instance.admin is None:
        pytest.skip("needs an administrator")
    path = f"/api/now/table/incident/{resolved['sys_id']}"
    instance.request("PATCH", path, json={"state": "7"}, by=instance.admin)
    answer = instance.request("PATCH", path, json={"state": "2"})
    state = answer.json()["result"]["state"] if answer.status_code == 200 else "as it was"
    found(f"{answer.status_code}, state {state}")


@probe(STATES)
def test_cancelling(instance: "Instance", found: Found) -> None:
    """What state 8 is answered with, from New."""
    record = instance.create("incident")
    answer = instance.patch("incident", record["sys_id"], state="8", close_notes="by mistake")
    found(f"{answer.status_code}, active " + (
        answer.json()["result"]["active"] if answer.status_code == 200 else "as it was"
    ))  # fmt: skip


@probe("incident-management: the codes differ by release and company")
def test_close_codes(instance: "Instance", found: Found) -> None:
    """The close codes of incidents."""
    rows = instance.rows(
        "sys_choice", "name=incident^element=close_code^inactive=false^language=en", fields="value"
    )
    found(", ".join(sorted({row["value"] for row in rows})))


@fact("elastic/kibana issues 118610 and 121900")
def test_languages_of_choices(instance: "Instance") -> None:
    """Each row of sys_choice says its language."""
    rows = instance.rows("sys_choice", "name=incident^element=state", fields="language", limit=20)
    assert all(re.fullmatch(r"[a-z]{2}\w*", row["language"]) for row in rows)


@fact("web-services/retrieving-journal-entries.md; keephq/keep, servicenow_provider.py")
def test_journal_entries(instance: "Instance") -> None:
    """Work notes and comments are rows of sys_journal_field, each with its element and author."""
    record = instance.create("incident")
    instance.patch("incident", record["sys_id"], work_notes="a note")
    instance.patch("incident", record["sys_id"], comments="a comment")
    rows = instance.rows(
        "sys_journal_field", f"element_id={record['sys_id']}^ORDERBYsys_created_on",
        fields="element,value,name,sys_created_by",
    )  # fmt: skip
    if not rows:
        pytest.skip("the journal may not be read: 200 without rows")
    assert {(row["element"], row["value"]) for row in rows} == {
        ("work_notes", "a note"), ("comments", "a comment"),
    }  # fmt: skip
    assert {(row["name"], row["sys_created_by"]) for row in rows} == {
        ("incident", instance.user.name)
    }


@fact("XSOAR and keep look for notes only then")
def test_a_note_updates_its_ticket(instance: "Instance") -> None:
    """A work note raises sys_mod_count."""
    record = instance.create("incident")
    changed = instance.patch("incident", record["sys_id"], work_notes="a note").json()["result"]
    assert changed["sys_mod_count"] == "1"


@fact("XSOAR: many tickets' entries in one request")
def test_journals_of_many(instance: "Instance") -> None:
    """`element_idIN` finds the entries of several tickets."""
    made = [instance.create("incident", work_notes="noted")["sys_id"] for _ in range(2)]
    query = f"element_idIN{','.join(made)}^element=work_notes"
    rows = instance.rows("sys_journal_field", query, fields="element_id")
    if not rows:
        pytest.skip("the journal may not be read: 200 without rows")
    assert {row["element_id"] for row in rows} == set(made)


@probe("Not documented; a journal shows what stands between as HTML")
def test_code_tags(instance: "Instance", found: Found) -> None:
    """Whether `[code]` stays in a stored note."""
    record = instance.create("incident", work_notes="[code]<i>x</i>[/code]")
    rows = instance.rows("sys_journal_field", f"element_id={record['sys_id']}", fields="value")
    found("stays" if any("[code]" in row["value"] for row in rows) else "goes, or can't be read")


@fact("incident-management: the columns of the resolution")
def test_mandatory_columns_are_described(instance: "Instance") -> None:
    """sys_dictionary has incident's and task's columns with mandatory, max_length and reference."""
    rows = instance.rows(
        "sys_dictionary", "nameINincident,task^element=short_description",
        fields="element,mandatory,max_length,internal_type,reference",
    )  # fmt: skip
    if not rows:
        pytest.skip("the dictionary may not be read")
    assert {"element", "mandatory", "max_length", "internal_type"} <= set(rows[0])


@fact("What connectors ask to test a connection: Splunk SOAR, keephq/keep")
def test_the_signed_in_user(instance: "Instance") -> None:
    """sys_user has a row of one's own user name."""
    rows = instance.rows("sys_user", f"user_name={instance.user.name}", fields="user_name,sys_id")
    assert [row["user_name"] for row in rows] == [instance.user.name]


@probe("access-control/r_SecurityJumpStartACLRules.md: needs itil")
def test_ones_own_roles(instance: "Instance", found: Found) -> None:
    """Whether sys_user_has_role shows one's own roles."""
    rows = instance.rows(
        "sys_user_has_role", f"user.user_name={instance.user.name}", fields="role.name", limit=100
    )
    found("yes" if rows else "no")


@probe("platform-administration: glide.sys.default.tz")
def test_the_time_zone(instance: "Instance", found: Found) -> None:
    """Whether the system's time zone is readable."""
    rows = instance.rows("sys_properties", "name=glide.sys.default.tz", fields="name,value")
    found("yes" if rows and rows[0].get("value") else "no")
