"""What an event may become besides an incident: a security incident, an event, a staged row."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from actionsync.wiring.stores import activity_store
from local.servicenow import faults
from tests.conftest import call
from tests.integration.events import USER, Queues, alarm, deployment, error, send
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    meeting,
    notes,
    queues,
    save_rules,
)

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock

STAGING = "import_set:u_incident_import"


def becomes(aws: "Aws", ticket: str, **then: Any) -> None:
    """Let all events become such a ticket."""
    fallback = then.pop("alarms", {})
    for user in (USER, "automation"):  # events of one's own, and AWS's
        rule = {"name": "elsewhere", "then": {"ticket": ticket, **then}}
        save_rules(aws, user, rules=[rule], alarms=fallback)


def test_a_security_incident(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    time: "Clock",
) -> None:
    """It is opened, noted and closed by the code that the rules name; what recurs is a new one."""
    fallback = {"close_code": "Threat mitigated"}
    becomes(aws, "sn_si_incident", category="Unauthorized access", alarms=fallback)
    send("alarm", alarm("ALARM"))
    (row,) = made(instance, "sn_si_incident")
    assert (row["category"], row["state"]) == ("Unauthorized access", "10")
    assert made(instance) == []
    send("alarm", alarm("INSUFFICIENT_DATA", 30))
    send("alarm", alarm("OK", 60))
    row = instance.one("sn_si_incident", sys_id=row["sys_id"])
    assert (row["state"], row["close_code"]) == ("3", "Threat mitigated")
    assert len(notes(instance, row["sys_id"])) == 1
    time.advance(hours=1)
    send("alarm", alarm("ALARM", 3600))
    first, second = sorted(made(instance, "sn_si_incident"), key=lambda found: found["number"])
    assert (first["state"], second["state"]) == ("3", "10")
    assert first["number"] in second["description"]


def test_a_security_incident_is_not_closed_without_a_code(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
) -> None:
    """Which code fits nobody can guess for a company: the recovery is a note."""
    becomes(aws, "sn_si_incident")
    send("alarm", alarm("ALARM"))
    send("alarm", alarm("OK", 60))
    (row,) = made(instance, "sn_si_incident")
    assert row["state"] == "10"
    assert any("Recovered" in text for text in notes(instance, row["sys_id"]))


def test_an_event_for_event_management(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    time: "Clock",
) -> None:
    """One alert for all events of a key: opened, cleared, and opened again."""
    becomes(aws, "em_event", columns={"u_team": "payments"})
    send("alarm", alarm("ALARM"))
    (event,) = instance.records("em_event")
    (alert,) = instance.records("em_alert")
    assert (event["source"], event["severity"]) == ("cloudwatch", "2")
    assert event["message_key"] == alert["message_key"]
    assert json.loads(event["additional_info"])["u_team"] == "payments"
    assert made(instance) == []
    send("alarm", alarm("INSUFFICIENT_DATA", 30))
    send("alarm", alarm("OK", 60))
    assert [row["severity"] for row in instance.records("em_event")] == ["2", "0"]
    assert instance.one("em_alert", sys_id=alert["sys_id"])["state"] == "Closed"
    time.advance(hours=1)
    send("alarm", alarm("ALARM", 3600))
    (again,) = instance.records("em_alert")
    assert again["state"] != "Closed"
    records, _ = activity_store().page("automation", 3, None)
    assert [record["action"] for record in records] == ["noted", "resolved", "created"]


@pytest.mark.parametrize(
    ("recovery", "state", "texts"),
    [("resolve", "6", 1), ("untouched", "1", 2), ("note", "1", 2), ("nothing", "1", 1)],
)
def test_a_staged_row(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    recovery: str,
    state: str,
    texts: int,
) -> None:
    """All rows of a key are of one record: its notes and, where the rules say so, its end."""
    fallback = {"end": {"do": recovery}, "close_code": "Solution provided"}
    becomes(aws, STAGING, urgency="1", alarms=fallback)
    send("alarm", alarm("ALARM"))
    (row,) = made(instance)
    assert row["urgency"] == "1"
    assert row["correlation_id"].startswith("actionsync-")
    send("alarm", alarm("INSUFFICIENT_DATA", 30))
    send("alarm", alarm("OK", 60))
    row = instance.one("incident", sys_id=row["sys_id"])
    assert row["state"] == state
    assert len(notes(instance, row["sys_id"])) == texts
    writes = [request for request in instance.requests if request.method in {"POST", "PATCH"}]
    assert {request.path for request in writes} == {"/api/now/import/u_incident_import"}


def test_what_comes_back_after_a_staged_end_is_new(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    time: "Clock",
) -> None:
    """A transform is never asked to open an ended ticket again."""
    ending = {"end": {"do": "resolve"}, "close_code": "Solution provided"}
    becomes(aws, STAGING, alarms=ending)
    for seconds, value in ((0, "ALARM"), (60, "OK"), (3600, "ALARM")):
        send("alarm", alarm(value, seconds))
        time.advance(minutes=30)
    assert sorted(row["state"] for row in made(instance)) == ["1", "6"]


@pytest.mark.parametrize(
    ("ticket", "table", "texts"),
    [
        ("sn_si_incident", "sn_si_incident", 1),
        ("em_event", "em_event", 0),
        (STAGING, "incident", 0),
    ],
)
def test_a_meetings_action_items(  # noqa: PLR0917 - pytest fills them
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    ticket: str,
    table: str,
    texts: int,
) -> None:
    """They become what the rule says, and are linked by a note where there are notes."""
    save_rules(aws, meetings={"ticket": ticket})
    before = len(instance.records(table))
    send("meeting", meeting())
    rows = instance.records(table)[before:]
    assert len(rows) == 2
    assert len([text for row in rows for text in notes(instance, row["sys_id"])]) == texts
    assert queues.failed() == []


@pytest.mark.parametrize(
    ("ticket", "message", "path"),
    [
        ("sn_si_incident", "Invalid table sn_si_incident", "/api/now/table/sn_si_incident"),
        ("em_event", "Invalid table em_event", "/api/now/table/em_event"),
        ("import_set:u_nothing", "Invalid staging table", "/api/now/import/u_nothing"),
    ],
)
def test_an_instance_that_lacks_it_says_so(  # noqa: PLR0917 - pytest fills them
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    ticket: str,
    message: str,
    path: str,
) -> None:
    """The event has failed, with ServiceNow's own words."""
    becomes(aws, ticket)
    instance.faults.add(faults.error(400, message, None, method="POST", path=path, times=None))
    send("error", error())
    ((_, reason),) = queues.failed()
    assert message in reason


def test_a_change_stays_a_change(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
) -> None:
    """A rule for another ticket passes a deployment by, and says why."""
    becomes(aws, "em_event")
    send("deployment", deployment("started"))
    assert len(made(instance, "change_request")) == 1
    assert instance.records("em_event") == []


@pytest.mark.parametrize("ticket", ["em_event", STAGING, "sn_si_incident"])
def test_the_preview_shows_what_is_sent(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    ticket: str,
) -> None:
    """The very columns of the target, and the instance has nothing against them."""
    rule = {"name": "elsewhere", "then": {"ticket": ticket}}
    event = {"service": "checkout", "message": "Payment failed", "severity": "high"}
    asked = {"kind": "error", "event": event, "rules": {"rules": [rule]}}
    (shown,) = call("preview_rules", asked, user_id=USER).json["tickets"]
    assert (shown["table"], shown["problems"]) == (ticket, [])
    names = {"em_event": "message_key", STAGING: "u_correlation_id", "sn_si_incident": "impact"}
    assert names[ticket] in shown["columns"]


@pytest.mark.parametrize("ticket", ["sys_user", "import_set:", "import_set:No", "em_alert", ""])
def test_another_target_is_refused(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    ticket: str,
) -> None:
    """Where rules are saved, by its place."""
    rule = {"name": "elsewhere", "then": {"ticket": ticket}}
    answer = call("update_rules", {"rules": [rule]})
    assert answer.status == 422
    assert any(field.endswith("ticket") for field in answer.fields), answer.text
    assert "import_set:<staging table>" in answer.text
