"""Other people's ServiceNow clients work against the simulator, unchanged."""

from datetime import datetime
from typing import TYPE_CHECKING

import pysnc
import pysnow
import pytest

from local.servicenow import seed

if TYPE_CHECKING:
    from local.servicenow import Simulator

PASSWORD = seed.USERS[seed.INTEGRATION_USER][0]
# What they warn of is theirs.
pytestmark = pytest.mark.filterwarnings("default", "ignore:unclosed file:ResourceWarning")


def test_pysnc(simulator: "Simulator", monkeypatch: pytest.MonkeyPatch) -> None:
    """ServiceNow's own client inserts, reads, updates and pages."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", simulator.ca_file)
    client = pysnc.ServiceNowClient(simulator.url, (seed.INTEGRATION_USER, PASSWORD))
    record = client.GlideRecord("incident")
    record.initialize()
    record.short_description = "from PySNC"
    sys_id = record.insert()
    assert simulator.one("incident", sys_id=sys_id)["short_description"] == "from PySNC"
    again = client.GlideRecord("incident")
    assert again.get(sys_id)
    again.description = "changed"
    again.update()
    assert simulator.one("incident", sys_id=sys_id)["description"] == "changed"
    found = client.GlideRecord("incident", batch_size=2)
    found.add_query("active", "true")
    found.order_by("number")
    found.query()
    assert len([row.number for row in found]) == found.get_row_count() == 7
    client.session.close()


def test_pysnc_asks_what_needs_more_than_a_table(
    simulator: "Simulator", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long queries by batch, joins, related lists, dot-walked fields, files, many at once."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", simulator.ca_file)
    client = pysnc.ServiceNowClient(simulator.url, ("admin", "admin"))
    admin = seed.sys_id("user admin")
    people = client.GlideRecord("sys_user")
    for number in range(2000):
        people.add_query("unknown", f"value {number}")
    people.add_query("sys_id", admin)
    people.query()
    assert len(people) == 1
    people = client.GlideRecord("sys_user")
    managers = people.add_join_query("sys_user_group", join_table_field="manager")
    managers.add_query("active", "true")
    people.query()
    assert len(people) > 1
    groups = client.GlideRecord("sys_user_group")
    groups.add_rl_query("sys_group_has_role", "group", ">0", stop_at_relationship=True).add_query(
        "role.name", "LIKE", "admin"
    )
    groups.query()
    assert 2 < len(groups) < 8
    person = client.GlideRecord("sys_user")
    person.fields = [
        "email",
        "department",
        "department.name",
        "department.dept_head",
        "department.dept_head.email",
    ]
    assert person.get(admin)
    assert (person.department.name, person.department.dept_head.email) == (
        "Finance", "natasha.ingram@example.com",
    )  # fmt: skip
    for number in range(4):
        problem = client.GlideRecord("problem")
        problem.initialize()
        problem.short_description = f"many {number}"
        problem.insert()
    problem.add_attachment("log.txt", "two\nlines")
    (file,) = problem.get_attachments()
    assert file.readlines() == ["two", "lines"]
    many = client.GlideRecord("problem")
    many.add_query("short_description", "LIKE", "many")
    many.query()
    for row in many:
        row.description = "changed"
    assert many.update_multiple()
    assert len(simulator.one("problem", short_description="many 0")["description"]) == 7
    assert many.delete_multiple()
    assert not [r for r in simulator.records("problem") if "many" in r["short_description"]]
    client.session.close()


def test_pysnow(simulator: "Simulator", monkeypatch: pytest.MonkeyPatch) -> None:
    """Another client in wide use creates, finds, updates and lists."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", simulator.ca_file)
    host = simulator.url.removeprefix("https://")
    client = pysnow.Client(host=host, user=seed.INTEGRATION_USER, password=PASSWORD)
    incidents = client.resource(api_path="/table/incident")
    made = incidents.create(payload={"short_description": "from pysnow"}).one()
    assert simulator.one("incident", sys_id=made["sys_id"])["number"] == made["number"]
    query = {"number": made["number"]}
    incidents.update(query=query, payload={"description": "changed"})
    assert incidents.get(query=query).one()["description"] == "changed"
    active = pysnow.QueryBuilder().field("active").equals("true")
    assert len(list(incidents.get(query=active, limit=5).all())) == 5
    begun = datetime(2024, 1, 1)  # noqa: DTZ001 - pysnow's dates have no zone
    recent = active.AND().field("opened_at").between(begun, datetime(2099, 1, 1))  # noqa: DTZ001 - the same
    assert made["number"] in {row["number"] for row in incidents.get(query=recent).all()}
    file = incidents.attachments.upload(sys_id=made["sys_id"], file_path=__file__)
    assert [one["file_name"] for one in incidents.attachments.get(sys_id=made["sys_id"])] == [
        file["file_name"]
    ]
    client.session.close()
