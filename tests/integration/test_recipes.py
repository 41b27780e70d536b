"""Events of further sources through the queue of events, against the simulator."""

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from actionsync.stores.documents import DocumentStore
from actionsync.wiring import events as events_wiring
from functions.receive_logs.app import lambda_handler as receive_logs
from operate import owners
from operate.outcome import RefusedError
from tests.conftest import LambdaContext, event
from tests.integration.conftest import Clock
from tests.integration.events import NOW, USER, Queues, record, send
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    notes,
    queues,
    save_rules,
)
from tests.unit.actionsync.sources.test_recipes import example

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws

pytestmark = pytest.mark.usefixtures("queues")


@pytest.fixture(autouse=True)
def _automation(monkeypatch: pytest.MonkeyPatch, instance: "Simulator") -> None:  # noqa: F811
    monkeypatch.setenv("AUTOMATION_USER_ID", "automation")


def finding(seconds: int = 0, variant: str = "guardduty_finding", **values: Any) -> dict[str, Any]:
    """Return a record with a GuardDuty finding, as it was then."""
    event = example(variant)
    event["detail"] |= {"updatedAt": (NOW + timedelta(seconds=seconds)).isoformat(), **values}
    event["id"] += str(seconds)
    return record(json.dumps(event))


def archived(seconds: int, name: str = "guardduty_archived") -> dict[str, Any]:
    """Return a record with the call that archives the finding, or takes it back."""
    event = example(name)
    event["detail"]["eventTime"] = (NOW + timedelta(seconds=seconds)).isoformat()
    event["id"] += str(seconds)
    return record(json.dumps(event))


def test_a_finding_becomes_an_incident_and_ends(aws: "Aws", instance: "Simulator") -> None:  # noqa: F811
    """It is opened once, whatever account it comes from, and resolved where it is archived."""
    save_rules(aws, "automation", sources={"guardduty": {"assignment_group": "IT Support"}})
    assert send("event", finding(), finding(0, "guardduty_administrator")) == []
    assert send("event", finding(600)) == []
    (incident,) = made(instance)
    assert incident["short_description"] == "GuardDuty: An instance asks for a mining domain."
    assert incident["state"] == "1"
    assert send("event", archived(1200)) == []
    (incident,) = made(instance)
    assert incident["state"] == "6"


def test_a_source_that_no_rule_names_makes_no_ticket(aws: "Aws", instance: "Simulator") -> None:  # noqa: F811
    """It is dropped, and Activity shows it once a day."""
    for seconds in range(3):
        assert send("event", finding(seconds)) == []
    assert made(instance) == []
    dropped = [json.loads(item["record"]["S"]) for item in aws.items("AuditTable")]
    causes = [item["cause"] for item in dropped if item["action"] == "dropped"]
    assert causes == ["guardduty: is switched on by no rule"]


def test_a_finding_ends_after_a_quiet_time(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: Clock,
) -> None:
    """A later occurrence begins the quiet time again; when it is over, the tick resolves it."""
    save_rules(aws, "automation", sources={"guardduty": {}})
    assert send("event", finding()) == []
    time.advance(hours=20)
    assert send("event", finding(20 * 3600)) == []
    time.advance(hours=4, minutes=1)
    assert send("event", *queues.tick()) == []
    assert [row["state"] for row in made(instance)] == ["1"]
    time.advance(hours=20)
    assert send("event", *queues.tick()) == []
    (incident,) = made(instance)
    assert incident["state"] == "6"
    assert "Nothing was heard of it for 24 hours." in incident["close_notes"] + "".join(
        notes(instance, incident["sys_id"])
    )


def test_an_event_goes_to_who_answers_for_its_account(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    tmp_path: Path,
) -> None:
    """The list decides, and a changed one leaves no ticket open."""
    store = DocumentStore(aws.dynamodb, "EventsTable", "OWNERS")
    file = tmp_path / "owners.json"
    for owner in (USER, "automation"):
        save_rules(aws, owner, sources={"guardduty": {}})
    file.write_text(json.dumps([{"match": {"account": "1111*"}, "owner": USER}]))
    owners.replace(store, owners.entries_of(file), "automation")
    events_wiring.services.cache_clear()
    assert send("event", finding()) == []
    assert [row["state"] for row in made(instance)] == ["1"]
    file.write_text(json.dumps([{"owner": "automation"}]))
    owners.replace(store, owners.entries_of(file), "automation")
    events_wiring.services.cache_clear()
    assert send("event", archived(600)) == []
    assert [row["state"] for row in made(instance)] == ["6"]
    file.write_text('[{"owner": ""}]')
    with pytest.raises(RefusedError, match="owner"):
        owners.entries_of(file)


def test_lines_of_a_log_group_become_an_incident_each_kind(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
) -> None:
    """From the function that CloudWatch Logs invokes to the tickets; a repetition is counted."""
    save_rules(aws, "automation", sources={"logs": {}})
    for _ in range(2):
        receive_logs(event("receive_logs"), LambdaContext())
        assert send("event", *queues.tick()) == []
    titles = sorted(row["short_description"] for row in made(instance))
    assert titles == ["/aws/ecs/web: ERROR no database", "/aws/ecs/web: ERROR order 4711 failed"]


def test_what_a_person_archived_stays_closed(aws: "Aws", instance: "Simulator") -> None:  # noqa: F811
    """Later occurrences open nothing, until it is taken back or worse."""
    save_rules(aws, "automation", sources={"guardduty": {}})
    send("event", finding())
    send("event", archived(600), finding(1200))
    send("event", finding(1800))
    assert [row["state"] for row in made(instance)] == ["6"]
    send("event", finding(2400, severity=9.1))
    assert [row["state"] for row in made(instance)] != ["6"]
    send("event", archived(3000))
    send("event", archived(3600, "guardduty_unarchived"), finding(4200, severity=9.1))
    assert {row["state"] for row in made(instance)} != {"6"}


def health(variant: str, **values: Any) -> dict[str, Any]:
    """Return a record with an event of AWS Health."""
    event = example(variant)
    event["detail"] |= values
    return record(json.dumps(event))


def test_pages_of_a_health_event_are_notes_each_once(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
) -> None:
    """Whichever Region and account they come from, and in whatever order."""
    save_rules(aws, "automation", sources={"health": {}})
    pages = ("health_scheduled_change", "health_second_page", "health_original_region",
             "health_second_page", "health_organization", "health_scheduled_change")  # fmt: skip
    for page in pages:
        assert send("event", health(page)) == []
    (incident,) = made(instance)
    (note,) = notes(instance, incident["sys_id"])
    assert example("health_second_page")["detail"]["affectedEntities"][0]["entityValue"] in note


@pytest.mark.parametrize("attach_event", [True, False])
def test_the_event_itself_is_attached_where_a_rule_says_so(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    *,
    attach_event: bool,
) -> None:
    """Once, as it came; without such a rule never, since some events hold payloads."""
    save_rules(aws, "automation", sources={"guardduty": {"attach_event": attach_event}})
    send("event", finding(), finding(600))
    names = [row["file_name"] for row in instance.records("sys_attachment")]
    assert names == ["event.json"] * attach_event
