"""The Table API as it is written to."""

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.conformance.facts import Found, fact, probe
from tests.conformance.instance import MARK

if TYPE_CHECKING:
    from tests.conformance.instance import Instance

TABLE_API = "api-reference/rest-apis/c_TableAPI.md"
REST = "api-reference/rest-api-explorer/c_RESTAPI.md"
INCIDENTS = "/api/now/table/incident"
NEW = {"short_description": "conformance"}


@pytest.mark.parametrize("version", ["", "v1/", "v2/"])
@fact("Recorded: swimlane, create_incident, create_request")
def test_an_insert(instance: "Instance", version: str) -> None:
    """POST answers 201 with the record; its Location repeats the version `{version}`."""
    instance.may_write()
    body = {**NEW, "correlation_display": MARK}
    answer = instance.request("POST", f"/api/now/{version}table/incident", json=body)
    assert answer.status_code == 201
    sys_id = answer.json()["result"]["sys_id"]
    instance.remember("incident", sys_id)
    assert answer.headers["Location"].endswith(f"/api/now/{version}table/incident/{sys_id}")


@fact("ServiceNow/PySNC, test_snc_api_write.py::test_crud")
def test_an_unknown_column(instance: "Instance") -> None:
    """An unknown column in a body is ignored: 201, and 200 for a PATCH."""
    answer = instance.post("incident", {**NEW, "bunk_field": "x"})
    assert answer.status_code == 201
    assert "bunk_field" not in answer.json()["result"]
    sys_id = answer.json()["result"]["sys_id"]
    assert instance.patch("incident", sys_id, bunk_field="x").status_code == 200


@fact("ServiceNow/PySNC, test_snc_api_write.py::test_insert_custom_guid")
def test_an_own_sys_id(instance: "Instance") -> None:
    """A record takes the sys_id that its POST names."""
    sys_id = uuid4().hex
    answer = instance.post("incident", {**NEW, "sys_id": sys_id})
    if answer.status_code != 201:
        pytest.skip(f"not for this user: {answer.text}")
    assert answer.json()["result"]["sys_id"] == sys_id


@probe("Not documented")
def test_a_sys_id_again(instance: "Instance", found: Found) -> None:
    """A POST with a sys_id that exists."""
    first = instance.create("incident", description="first")
    answer = instance.post("incident", {**NEW, "sys_id": first["sys_id"], "description": "second"})
    text = instance.read("incident", first["sys_id"], "description")["description"]
    found(f"{answer.status_code}, the first one is {'as it was' if text == 'first' else 'changed'}")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@fact(TABLE_API)
def test_no_body(instance: "Instance", method: str) -> None:
    """`X-no-response-body: true` leaves the body of a {method} out."""
    if method == "POST":
        instance.may_write()
        answer = instance.request(
            "POST", INCIDENTS, json={**NEW, "correlation_display": MARK},
            headers={"X-no-response-body": "true"},
        )  # fmt: skip
        instance.remember("incident", answer.headers["Location"].rpartition("/")[2])
    else:
        record = instance.create("incident")
        answer = instance.request(
            method, f"{INCIDENTS}/{record['sys_id']}", json={"urgency": "2"},
            headers={"X-no-response-body": "true"},
        )  # fmt: skip
    assert answer.is_success
    assert answer.content == b""


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@fact(TABLE_API)
def test_an_update(instance: "Instance", method: str) -> None:
    """{method} changes what it names and answers 200 with the whole record."""
    record = instance.create("incident", description="stays")
    answer = instance.request(
        method, f"{INCIDENTS}/{record['sys_id']}", json={"short_description": "conformance 2"}
    )
    assert answer.status_code == 200
    changed = answer.json()["result"]
    assert changed["short_description"] == "conformance 2"
    assert changed["description"] == "stays"


@fact(TABLE_API)
def test_an_update_of_nothing(instance: "Instance") -> None:
    """PATCH of an unknown sys_id is 404."""
    assert instance.patch("incident", "0" * 32, urgency="1").status_code == 404


@fact(REST)
def test_clearing(instance: "Instance") -> None:
    """An empty value clears a column."""
    record = instance.create("incident", description="something")
    changed = instance.patch("incident", record["sys_id"], description="").json()["result"]
    assert changed["description"] == ""


@pytest.mark.parametrize(("sent", "stored"), [(2, "2"), ("2", "2")])
@fact(TABLE_API)
def test_numbers_in_json(instance: "Instance", sent: object, stored: str) -> None:
    """A number in JSON is stored as its text is ({sent})."""
    assert instance.create("incident", urgency=sent)["urgency"] == stored


@probe("Not documented")
def test_null(instance: "Instance", found: Found) -> None:
    """What null does to a column that is filled."""
    record = instance.create("incident", description="something")
    changed = instance.patch("incident", record["sys_id"], description=None).json()["result"]
    found("cleared" if changed["description"] == "" else "left")


@fact("Recorded: swimlane, create_request")
def test_an_unknown_reference(instance: "Instance") -> None:
    """A reference that nothing has is no error: it is stored as it is."""
    record = instance.create("incident", assignment_group="no such group")
    reference = record["assignment_group"]
    assert reference["value"] == "no such group"


@fact("platform-administration/r_AvailableSystemProperties.md, allow_non_existing_value")
def test_an_unknown_choice(instance: "Instance") -> None:
    """A value that is no choice is dropped, without an error."""
    assert instance.create("incident", close_code="no such code")["close_code"] == ""


@fact(TABLE_API)
def test_input_by_display_value(instance: "Instance") -> None:
    """With `sysparm_input_display_value=true`, a group goes by its name."""
    group = instance.rows("sys_user_group", "active=true^nameISNOTEMPTY", limit=1,
                          fields="sys_id,name")[0]  # fmt: skip
    record = instance.create("incident")
    answer = instance.request(
        "PATCH", f"{INCIDENTS}/{record['sys_id']}", json={"assignment_group": group["name"]},
        params={"sysparm_input_display_value": "true"},
    )  # fmt: skip
    assert answer.json()["result"]["assignment_group"]["value"] == group["sys_id"]


@probe("Sources contradict one another: Snow-Shell/servicenow-powershell issue 96")
def test_a_name_as_a_reference(instance: "Instance", found: Found) -> None:
    """Whether a group's name is resolved without `sysparm_input_display_value`."""
    name = instance.rows("sys_user_group", "active=true^nameISNOTEMPTY", limit=1, fields="name")
    record = instance.create("incident", assignment_group=name[0]["name"])
    found("no" if record["assignment_group"]["value"] == name[0]["name"] else "yes")


@fact(TABLE_API)
def test_system_columns(instance: "Instance") -> None:
    """sys_created_by and sys_mod_count can't be set."""
    record = instance.create("incident", sys_created_by="somebody", sys_mod_count="77")
    assert record["sys_created_by"] == instance.user.name
    assert record["sys_mod_count"] == "0"


@fact("api-reference: GlideRecord, autoSysFields")
def test_the_count_of_updates(instance: "Instance") -> None:
    """Each update raises sys_mod_count by one and says who made it."""
    record = instance.create("incident")
    instance.patch("incident", record["sys_id"], urgency="2")
    changed = instance.patch("incident", record["sys_id"], urgency="1").json()["result"]
    assert changed["sys_mod_count"] == "2"
    assert changed["sys_updated_by"] == instance.user.name


@probe("Not documented")
def test_an_update_without_a_change(instance: "Instance", found: Found) -> None:
    """sys_mod_count after a PATCH of the value that is there."""
    record = instance.create("incident", urgency="2")
    changed = instance.patch("incident", record["sys_id"], urgency="2").json()["result"]
    found(changed["sys_mod_count"])


@fact("KB0534905")
def test_several_records(instance: "Instance") -> None:
    """Of several records in one body at most the first is made."""
    instance.may_write()
    marks = [f"conformance {uuid4().hex}" for _ in range(2)]
    body = [{"short_description": mark, "correlation_display": MARK} for mark in marks]
    instance.request("POST", INCIDENTS, json=body)
    rows = instance.rows("incident", f"short_descriptionIN{','.join(marks)}",
                         fields="sys_id,short_description")  # fmt: skip
    for row in rows:
        instance.remember("incident", row["sys_id"])
    assert [row["short_description"] for row in rows] in ([], [marks[0]])


@fact("Recorded: every task; free for integrations")
def test_equal_correlation_ids(instance: "Instance") -> None:
    """Two records may have one correlation_id."""
    mark = f"conformance-{uuid4().hex}"
    for _ in range(2):
        assert instance.create("incident", correlation_id=mark)["correlation_id"] == mark


@pytest.mark.parametrize(
    ("column", "length"), [("short_description", 160), ("correlation_id", 100)]
)
@probe("sys_dictionary: max_length; what becomes of the rest is not documented")
def test_too_long(instance: "Instance", found: Found, column: str, length: int) -> None:
    """What becomes of 50 characters more than {column} takes."""
    answer = instance.post("incident", {**NEW, column: "x" * (length + 50)})
    stored = len(answer.json()["result"][column]) if answer.status_code == 201 else "nothing"
    found(f"{answer.status_code}, {stored} stored")


@pytest.mark.parametrize("text", ["Zürich, 東京, 🚒", "one\ntwo\n\nthree", '<b>&amp;"quoted"</b>'])
@fact(TABLE_API)
def test_texts(instance: "Instance", text: str) -> None:
    """A description comes back as it was sent: {text}."""
    record = instance.create("incident", description=text)
    stored = instance.read("incident", record["sys_id"], "description")["description"]
    assert stored.replace("\r\n", "\n") == text


@fact(TABLE_API)
def test_broken_json(instance: "Instance") -> None:
    """A body that is no JSON is 400."""
    instance.may_write()
    answer = instance.request(
        "POST", INCIDENTS, content=b'{"short', headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


@fact("Recorded on dev87862")
def test_another_type(instance: "Instance") -> None:
    """A body of the type text/plain is 415."""
    instance.may_write()
    answer = instance.request(
        "POST", INCIDENTS, content=b"hello", headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 415


@fact(TABLE_API)
def test_a_delete(instance: "Instance") -> None:
    """DELETE answers 204 without a body; the record is gone then."""
    if instance.admin is None:
        pytest.skip("needs an administrator")
    record = instance.create("incident")
    path = f"{INCIDENTS}/{record['sys_id']}"
    answer = instance.request("DELETE", path, by=instance.admin)
    assert (answer.status_code, answer.content) == (204, b"")
    assert instance.get(path).status_code == 404
    assert instance.request("DELETE", path, by=instance.admin).status_code == 404


@probe("Differs by role: c_TableAPI.md names none")
def test_who_may_delete(instance: "Instance", found: Found) -> None:
    """What the suite's user is answered who deletes an incident."""
    record = instance.create("incident")
    found(instance.request("DELETE", f"{INCIDENTS}/{record['sys_id']}").status_code)
