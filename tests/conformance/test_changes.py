"""Change requests by the Change Management API, and problems."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.facts import Found, fact, probe
from tests.conformance.instance import MARK, sys_id_of

if TYPE_CHECKING:
    import httpx

    from tests.conformance.instance import Instance

CHANGES = "/api/sn_chg_rest/change"
CHANGE_API = "api-reference/rest-apis/change-management-api.md"
STATES = "change-management/c_ChangeStateModel.md"


def _open(instance: "Instance", kind: str = "normal", **columns: Any) -> "httpx.Response":
    instance.may_write()
    body = {"short_description": "conformance", "correlation_display": MARK, **columns}
    answer = instance.request("POST", f"{CHANGES}/{kind}", json=body)
    if answer.status_code == 403:
        pytest.skip(f"{instance.user.name} may not open changes: {answer.text}")
    if answer.status_code == 200:
        instance.remember("change_request", sys_id_of(answer.json()["result"]))
    return answer


@pytest.fixture
def change(instance: "Instance") -> dict[str, Any]:
    """A new normal change, as the Change Management API answers it."""
    answer = _open(instance)
    instance.exchanges.pop()
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()["result"]
    return result


@pytest.mark.parametrize("kind", ["normal", "emergency"])
@fact(CHANGE_API)
def test_opening(instance: "Instance", kind: str) -> None:
    """POST to change/{kind} answers 200, not 201, with a change of that type."""
    answer = _open(instance, kind)
    assert answer.status_code == 200
    assert answer.json()["result"]["type"]["value"] == kind


@fact("Recorded: itential, rapid7 create_change_request")
def test_values(instance: "Instance", change: dict[str, Any]) -> None:
    """Each column is `{display_value, value}`; numbers and booleans are no texts."""
    assert {"display_value", "value"} <= set(change["state"])
    assert isinstance(change["state"]["value"], int | float)
    assert change["active"]["value"] is True


@fact(STATES)
def test_the_first_state(instance: "Instance", change: dict[str, Any]) -> None:
    """A new change is in state -5."""
    assert float(change["state"]["value"]) == -5


@fact(CHANGE_API)
def test_ignored_fields(instance: "Instance") -> None:
    """`__meta.ignoredFields` names what was not taken."""
    answer = _open(instance, bunk_field="x")
    meta = answer.json()["result"]["__meta"]
    assert "bunk_field" in str(meta["ignoredFields"])


@fact(CHANGE_API)
def test_reading(instance: "Instance", change: dict[str, Any]) -> None:
    """GET of one change answers it under `result`."""
    answer = instance.get(f"{CHANGES}/{sys_id_of(change)}")
    assert answer.status_code == 200
    result = answer.json()["result"]
    result = result[0] if isinstance(result, list) else result
    assert sys_id_of(result) == sys_id_of(change)


@fact("Recorded: values with display_value_internal")
def test_moments(instance: "Instance") -> None:
    """A moment comes with `display_value_internal`, too; its value is UTC as it was sent."""
    answer = _open(instance, start_date="2031-02-03 04:05:06", end_date="2031-02-03 05:05:06")
    start = answer.json()["result"]["start_date"]
    assert start["value"] == "2031-02-03 04:05:06"
    assert "display_value_internal" in start


@fact(CHANGE_API)
def test_next_states(instance: "Instance", change: dict[str, Any]) -> None:
    """GET of nextstates: available_states, state_transitions (lists in a list), state_label."""
    answer = instance.get(f"{CHANGES}/{sys_id_of(change)}/nextstates")
    result = answer.json()["result"]
    assert {"available_states", "state_transitions", "state_label"} <= set(result)
    assert isinstance(result["state_transitions"][0], list)


@fact(STATES)
def test_skipping_states(instance: "Instance", change: dict[str, Any]) -> None:
    """A change cannot go from New to Implement; it stays where it is."""
    sys_id = sys_id_of(change)
    answer = instance.request("PATCH", f"{CHANGES}/{sys_id}", json={"state": "-1"})
    state = instance.read("change_request", sys_id, "state")["state"]
    assert state == "-5", answer.text


@fact(CHANGE_API)
def test_updating(instance: "Instance", change: dict[str, Any]) -> None:
    """PATCH changes a column and answers 200 with the change."""
    path = f"{CHANGES}/{sys_id_of(change)}"
    answer = instance.request("PATCH", path, json={"description": "what and why"})
    assert answer.status_code == 200
    assert answer.json()["result"]["description"]["value"] == "what and why"


@fact("A group or a person must be there: base system's rules of Assess")
def test_assessing(instance: "Instance", change: dict[str, Any]) -> None:
    """With a group, a normal change goes from New to Assess."""
    groups = instance.rows("sys_user_group", "active=true^nameISNOTEMPTY", limit=1, fields="sys_id")
    sys_id = sys_id_of(change)
    body = {"assignment_group": groups[0]["sys_id"], "state": "-4"}
    answer = instance.request("PATCH", f"{CHANGES}/{sys_id}", json=body)
    if answer.status_code in {400, 403}:
        pytest.skip(f"more is mandatory here: {answer.text}")
    assert instance.read("change_request", sys_id, "state")["state"] in {"-4", "-3", "-2"}


@fact(CHANGE_API)
def test_a_task(instance: "Instance", change: dict[str, Any]) -> None:
    """POST of a task answers 200 with a task of this change."""
    path = f"{CHANGES}/{sys_id_of(change)}/task"
    answer = instance.request("POST", path, json={"short_description": "conformance"})
    assert answer.status_code == 200
    assert answer.json()["result"]["change_request"]["value"] == sys_id_of(change)


@fact(CHANGE_API)
def test_tasks(instance: "Instance", change: dict[str, Any]) -> None:
    """GET of a change's tasks answers a list."""
    answer = instance.get(f"{CHANGES}/{sys_id_of(change)}/task")
    assert answer.json()["result"] == []


@fact(CHANGE_API)
def test_conflicts(instance: "Instance", change: dict[str, Any]) -> None:
    """GET of a change's conflicts answers 200 with an object."""
    answer = instance.get(f"{CHANGES}/{sys_id_of(change)}/conflict")
    assert answer.status_code == 200
    assert isinstance(answer.json()["result"], dict)


@fact(CHANGE_API)
def test_configuration_items(instance: "Instance", change: dict[str, Any]) -> None:
    """GET of a change's affected CIs answers 200."""
    path = f"{CHANGES}/{sys_id_of(change)}/ci"
    answer = instance.get(path, params={"association_type": "affected"})
    assert answer.status_code == 200


@pytest.mark.parametrize("what", ["model", "standard/template"])
@fact(CHANGE_API)
def test_lists(instance: "Instance", what: str) -> None:
    """GET change/{what} answers a list."""
    answer = instance.get(f"{CHANGES}/{what}")
    if answer.status_code in {400, 404}:
        pytest.skip(f"not here: {answer.text}")
    assert isinstance(answer.json()["result"], list)


@fact("The Change Management API and the Table API are of one table")
def test_one_table(instance: "Instance", change: dict[str, Any]) -> None:
    """A change is a row of change_request, with values as texts."""
    record = instance.read("change_request", sys_id_of(change), "number,state,type")
    assert record == {"number": change["number"]["value"], "state": "-5", "type": "normal"}


@fact(CHANGE_API)
def test_a_change_that_is_missing(instance: "Instance") -> None:
    """An unknown sys_id is 404 with an error document."""
    answer = instance.get(f"{CHANGES}/{'0' * 32}")
    assert answer.status_code == 404
    assert answer.json()["error"]


@fact(CHANGE_API)
def test_deleting(instance: "Instance", change: dict[str, Any]) -> None:
    """DELETE answers 200 with the deleted change."""
    if instance.admin is None:
        pytest.skip("needs an administrator")
    path = f"{CHANGES}/{sys_id_of(change)}"
    answer = instance.request("DELETE", path, by=instance.admin)
    assert answer.status_code == 200
    assert instance.get(path).status_code == 404


@fact(STATES)
def test_states_of_the_base_system(instance: "Instance") -> None:
    """The choices of a change's state are -5 to 0, 3 and 4."""
    rows = instance.rows("sys_choice", "name=change_request^element=state^inactive=false",
                         fields="value", limit=100)  # fmt: skip
    assert {"-5", "-4", "-3", "-2", "-1", "0", "3", "4"} <= {row["value"] for row in rows}


@fact("change-management: close codes")
def test_close_codes(instance: "Instance") -> None:
    """A change closes as successful, successful_issues or unsuccessful."""
    rows = instance.rows("sys_choice", "name=change_request^element=close_code^inactive=false",
                         fields="value")  # fmt: skip
    expected = {"successful", "successful_issues", "unsuccessful"}
    assert expected <= {row["value"] for row in rows}


@probe("Differs by release: 1 Very High where it remains")
def test_risks(instance: "Instance", found: Found) -> None:
    """The values of risk."""
    rows = instance.rows("sys_choice", "name=change_request^element=risk^inactive=false",
                         fields="value")  # fmt: skip
    found(", ".join(sorted({row["value"] for row in rows})))


@probe("change-management/c_ChangeStateModel.md: whether approvals come with Assess")
def test_approvals(instance: "Instance", found: Found, change: dict[str, Any]) -> None:
    """What the approvals of a new change are answered with."""
    found(instance.get(f"{CHANGES}/{sys_id_of(change)}/approvals").status_code)


@probe("Public reports contradict one another: refused, ignored, or done")
def test_a_table_insert(instance: "Instance", found: Found) -> None:
    """What an insert by the Table API gives for type and state."""
    answer = instance.post("change_request", {"short_description": "conformance"})
    if answer.status_code != 201:
        found(answer.status_code)
        return
    record = answer.json()["result"]
    found(f"{answer.status_code}, type {record['type']}, state {record['state']}")


@fact("problem-management: the states of the base system")
def test_a_problem(instance: "Instance") -> None:
    """A problem opens by the Table API, in its first state, 101."""
    record = instance.create("problem")
    assert (record["state"], record["active"]) == ("101", "true")


@probe("problem-management: what is mandatory differs by release")
def test_a_problem_goes_on(instance: "Instance", found: Found) -> None:
    """What a problem's step to Assess (102) is answered with, without anybody assigned."""
    record = instance.create("problem")
    found(instance.patch("problem", record["sys_id"], state="102").status_code)
