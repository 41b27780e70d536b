"""Other people's ServiceNow clients work against the simulator, unchanged."""

from typing import TYPE_CHECKING

import pysnc
import pysnow
import pytest

from local.servicenow import seed

if TYPE_CHECKING:
    from local.servicenow import Simulator

PASSWORD = seed.USERS[seed.INTEGRATION_USER][0]
# Their own warnings are not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")


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
    client.session.close()
