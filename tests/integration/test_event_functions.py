"""Events through the functions, against the simulator: nothing lost, nothing twice."""

import asyncio
import contextlib
import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from actionsync import clock
from actionsync.queues.outcome import Outcomes
from actionsync.rules.models import Rules
from actionsync.runtime import run
from actionsync.settings import settings
from actionsync.stores.rules import RuleStore
from actionsync.wiring import events as events_wiring
from actionsync.wiring.servicenow import client_cache
from actionsync.wiring.stores import activity_store
from local.servicenow import Simulator, faults, gate, seed
from tests.conftest import call
from tests.integration.conftest import Clock, connect
from tests.integration.events import (
    NOW,
    USER,
    Queues,
    alarm,
    alarm_notification,
    deployment,
    error,
    notification,
    on_bus,
    record,
    send,
)

if TYPE_CHECKING:
    from tests.conftest import Aws


@pytest.fixture
def queues(aws: "Aws", monkeypatch: pytest.MonkeyPatch) -> Queues:
    """The queues of the function."""
    return Queues(monkeypatch)


@pytest.fixture
def instance(aws: "Aws", simulator: "Simulator", queues: Queues) -> "Simulator":
    """The simulator, connected for the user of the events and for AWS's own, without incidents."""
    for user_id in (USER, "automation"):
        connect(simulator, seed.INTEGRATION_USER, user_id)
    return simulator


def made(instance: "Simulator", table: str = "incident") -> list[dict[str, str]]:
    """Return the records that ActionSync made."""
    return [row for row in instance.records(table) if row["correlation_display"] == "ActionSync"]


def notes(instance: "Simulator", sys_id: str) -> list[str]:
    """Return a record's work notes."""
    return [
        row["value"]
        for row in instance.records("sys_journal_field")
        if row["element_id"] == sys_id and row["element"] == "work_notes"
    ]


def writes(instance: "Simulator") -> int:
    """Return how many writes the instance has got."""
    return sum(request.method in {"POST", "PATCH", "PUT"} for request in instance.requests)


def save_rules(aws: "Aws", user_id: str = USER, **rules: Any) -> None:
    """Save rules for a user."""
    text = Rules.model_validate(rules).model_dump_json(exclude_unset=True)
    RuleStore(aws.dynamodb, "EventsTable").save(user_id, text, None)
    events_wiring.services().rules.__dict__["_cached"].clear()


# ---- errors


def test_an_error_becomes_an_incident(instance: "Simulator", queues: Queues) -> None:
    """The default rules make a whole ticket: title, urgency and impact, details, link."""
    assert send("error", error(severity="critical", stack_trace="Trace", url="https://x/1")) == []
    (row,) = made(instance)
    assert row["short_description"] == "checkout: Payment 4711 failed: timeout"
    assert (row["urgency"], row["impact"], row["priority"]) == ("1", "1", "1")
    for text in ("Trace", "https://x/1", "Service: checkout", "2026-01-10T10:00:00Z"):
        assert text in row["description"]
    assert row["correlation_id"].startswith("actionsync-")
    assert queues.failed() == []


def test_one_cause_is_one_incident(instance: "Simulator", queues: Queues, time: Clock) -> None:
    """Ten events with other numbers in them make one ticket; the window's end brings one note."""
    for number in range(10):
        send("error", error(message=f"Payment {number} failed: timeout"))
    (row,) = made(instance)
    assert notes(instance, row["sys_id"]) == []
    time.advance(minutes=16)
    send("error", error())
    assert len(notes(instance, row["sys_id"])) == 1
    assert "10 times since the last note" in notes(instance, row["sys_id"])[0]
    send("error", error())
    assert len(notes(instance, row["sys_id"])) == 1
    assert len(made(instance)) == 1


def test_different_causes_are_different_incidents(instance: "Simulator") -> None:
    """Another service, another message, another fingerprint or another user is another cause."""
    connect(instance, seed.INTEGRATION_USER, "another-user")
    send(
        "error",
        error(),
        error(service="search"),
        error(message="Out of stock"),
        error(fingerprint="own"),
        error(user_id="another-user"),
    )
    assert len({row["correlation_id"] for row in made(instance)}) == 5


def test_the_same_delivery_counts_once(instance: "Simulator", aws: "Aws") -> None:
    """SQS may deliver twice: the count does not grow."""
    message = error()
    for _ in range(3):
        send("error", message)
    assert len(made(instance)) == 1
    (item,) = [item for item in aws.items("EventsTable") if item["sk"]["S"] == "CORRELATION"]
    assert item["count"]["N"] == "1"


def test_only_the_severities_of_the_rules(instance: "Simulator", aws: "Aws") -> None:
    """Low errors make nothing by default, and do where the user wants them."""
    send("error", error(severity="warning"))
    assert made(instance) == []
    save_rules(aws, errors={"severities": ["medium"], "category": "software"})
    send("error", error(severity="warning"), error(service="x", severity="critical"))
    (row,) = made(instance)
    assert (row["urgency"], row["category"]) == ("2", "software")


def test_what_comes_by_topic_is_known_by_its_shape(instance: "Simulator", queues: Queues) -> None:
    """A meeting, whose tickets are linked, and a deployment: with EventBridge's frame or none."""
    for name in ("m-1", "m-2"):
        bare = json.loads(meeting(meeting_id=name, title=name)["body"])
        send("error", notification(bare["detail"] if name == "m-1" else bare))
    send("error", notification(json.loads(deployment("started")["body"])["detail"]))
    rows = made(instance)
    assert len(rows) == 4
    assert len([text for row in rows for text in notes(instance, row["sys_id"])]) == 2
    assert len(made(instance, "change_request")) == 1
    assert queues.failed() == []


def test_errors_come_by_topic_too(instance: "Simulator") -> None:
    """An SNS notification is the same error."""
    detail = {"user_id": USER, "service": "checkout", "severity": "error",
              "message": "Payment 1 failed: timeout"}  # fmt: skip
    send("error", notification(detail), error())
    assert len(made(instance)) == 1


def test_a_resolved_one_is_reopened_and_a_closed_one_is_followed(
    instance: "Simulator", time: Clock
) -> None:
    """Resolved lately: reopened. Resolved long ago, closed or deleted: a new one that says so."""
    send("error", error())
    (first,) = made(instance)
    row = instance.instance.find("incident", first["sys_id"])
    assert row is not None
    resolved_at = clock.now().strftime("%Y-%m-%d %H:%M:%S")
    row |= {"state": "6", "incident_state": "6", "resolved_at": resolved_at, "close_code": "x",
            "close_notes": "x"}  # fmt: skip
    time.advance(minutes=20)
    send("error", error(1200))
    assert instance.one("incident", sys_id=first["sys_id"])["state"] == "2"
    row = instance.instance.find("incident", first["sys_id"])
    assert row is not None
    row |= {"state": "7", "incident_state": "7"}
    time.advance(minutes=20)
    send("error", error(2400))
    second = next(row for row in made(instance) if row["sys_id"] != first["sys_id"])
    assert first["number"] in second["description"]
    assert second["correlation_id"] == f"{first['correlation_id']}-2"
    send("error", error())
    assert len(made(instance)) == 2


# ---- unreadable events


@pytest.mark.parametrize(
    ("kind", "message", "reason"),
    [
        ("error", record("no JSON"), "body: must be a JSON object"),
        ("error", record("[1]"), "body: must be a JSON object"),
        ("error", error(service=[]), "service"),
        ("error", error(user_id=""), "user_id"),
        ("alarm", on_bus("CloudWatch Alarm State Change", {"a": 1}), "from AWS"),
        ("alarm", notification({"AlarmName": "x"}), "NewStateValue"),
        ("deployment", deployment("started", application=None), "application"),
        (
            "deployment",
            on_bus("CodeDeploy Deployment State-change Notification", {}, source="aws.codedeploy"),
            "application",
        ),
        ("meeting", on_bus("Meeting Processed", {"user_id": USER}), "meeting_id"),
    ],
)
def test_an_unreadable_event_fails_with_the_reason(
    instance: "Simulator", queues: Queues, kind: str, message: dict[str, Any], reason: str
) -> None:
    """What cannot be understood has failed at once; its neighbours have not."""
    neighbour = {"error": error(), "alarm": alarm("ALARM"), "deployment": deployment("started"),
                 "meeting": meeting()}[kind]  # fmt: skip
    assert send(kind, message, neighbour) == []
    ((reason_type, text),) = queues.failed()
    assert reason_type == "Unreadable"
    assert reason in text
    assert len(made(instance, "change_request" if kind == "deployment" else "incident")) >= 1


def test_a_group_that_does_not_exist_costs_no_ticket(
    instance: "Simulator", queues: Queues, aws: "Aws"
) -> None:
    """The ticket is made without it, and the ticket's notes and Activity say which it was."""
    save_rules(aws, errors={"assignment_group": "No such group"})
    assert send("error", error()) == []
    assert queues.failed() == []
    (row,) = made(instance)
    assert row["assignment_group"] == ""
    (note,) = notes(instance, row["sys_id"])
    assert "No such group" in note
    records, _ = activity_store().page(USER, 5, None)
    (created,) = [record for record in records if record["action"] == "created"]
    assert any("No such group" in warning for warning in created["warnings"])


def test_what_servicenow_refuses_whatever_is_sent_fails(
    instance: "Simulator", queues: Queues
) -> None:
    """No retries, its own words; the next event of its key goes on."""
    refusal = faults.error(403, "Operation Failed", "ACL", times=None, method="POST")
    instance.faults.add(refusal)
    message = error()
    assert send("error", message) == []
    ((reason_type, text),) = queues.failed()
    assert reason_type == "PermissionDenied"
    assert "ACL" in text
    assert made(instance) == []
    instance.faults.clear()
    send("error", message)
    assert len(made(instance)) == 1
    assert queues.failed() == []


def test_an_event_waits_for_its_owners_connection(
    aws: "Aws", simulator: "Simulator", queues: Queues, time: Clock
) -> None:
    """A user without a connection loses nothing; nothing is released until there is one."""
    assert send("error", error()) == []
    (item,) = queues.items("waiting")
    assert item["reason"]["S"] == "ConnectionNotFound"
    time.advance(days=2)
    assert queues.tick() == []
    connect(simulator, seed.INTEGRATION_USER, USER)
    time.advance(minutes=1)
    assert send("error", *queues.tick()) == []
    assert len(made(simulator)) == 1
    assert queues.items("waiting") == []


# ---- alarms


def test_an_alarm_opens_and_its_end_resolves(instance: "Simulator") -> None:
    """ALARM makes an incident, INSUFFICIENT_DATA a note, OK resolves it with the own close code."""
    send("alarm", alarm("ALARM"))
    (row,) = made(instance)
    assert row["short_description"] == "Alarm checkout-5xx"
    assert "alarmsV2:alarm/checkout-5xx" in row["description"]
    send("alarm", alarm("INSUFFICIENT_DATA", 60))
    assert any("INSUFFICIENT_DATA" in note for note in notes(instance, row["sys_id"]))
    send("alarm", alarm("OK", 120))
    (row,) = made(instance)
    assert (row["state"], row["close_code"]) == ("6", "Solution provided")
    assert row["close_notes"].startswith("Recovered at 2026-01-10T10:02:00Z")


def test_both_forms_of_an_alarm_are_one_delivery(instance: "Simulator", aws: "Aws") -> None:
    """EventBridge and SNS tell of one change: one ticket, counted once."""
    send("alarm", alarm("ALARM"), alarm_notification("ALARM"), alarm_notification("ALARM", arn=""))
    assert len(made(instance)) == 1
    (item,) = [item for item in aws.items("EventsTable") if item["sk"]["S"] == "CORRELATION"]
    assert item["count"]["N"] == "1"


def test_alarm_events_may_come_in_any_order(instance: "Simulator") -> None:
    """OK before its ALARM: one incident, resolved. A late ALARM does not reopen it."""
    send("alarm", alarm("OK", 60))
    assert made(instance) == []
    send("alarm", alarm("ALARM", 0))
    (row,) = made(instance)
    assert row["state"] == "6"
    send("alarm", alarm("ALARM", 30))
    assert made(instance)[0]["state"] == "6"
    send("alarm", alarm("ALARM", 90))
    (row,) = made(instance)
    assert row["state"] == "2"


@pytest.mark.parametrize(
    ("policy", "touch", "state"),
    [
        ("untouched", {}, "6"),
        ("untouched", {"assigned_to": "beth.anglin"}, "1"),
        ("untouched", {"state": "3", "hold_reason": "1", "comments": "Where?"}, "3"),
        # A person who has only moved it on, or changed its group, has not taken it over.
        ("untouched", {"state": "2"}, "6"),
        ("untouched", {"assignment_group": "Network"}, "6"),
        ("resolve", {"assigned_to": "beth.anglin"}, "6"),
        ("note", {}, "1"),
        ("nothing", {}, "1"),
    ],
)
def test_recovery_resolves_what_the_policy_says(
    instance: "Simulator", aws: "Aws", policy: str, touch: dict[str, str], state: str
) -> None:
    """By default only what no person has taken over; that gets a note."""
    save_rules(aws, "automation", alarms={"end": {"do": policy}})
    send("alarm", alarm("ALARM"))
    (row,) = made(instance)
    inside = instance.instance
    stored = inside.find("incident", row["sys_id"])
    assert stored is not None
    if touch:
        inside.update("incident", stored, touch, inside.accounts["admin"], display_input=True)
    send("alarm", alarm("OK", 60))
    assert made(instance)[0]["state"] == state
    recovered = [note for note in notes(instance, row["sys_id"]) if "Recovered" in note]
    assert len(recovered) == (1 if state != "6" and policy != "nothing" else 0)


# ---- deployments


def test_an_emergency_deployment_waits_for_its_approval(instance: "Simulator", aws: "Aws") -> None:
    """It is moved as far as it may go; without the approval the outcome is a note."""
    save_rules(aws, deployments={"change_type": "emergency", "assignment_group": "IT Support"})
    send("deployment", deployment("started"))
    (row,) = made(instance, "change_request")
    assert (row["type"], row["state"]) == ("emergency", "-3")
    assert row["short_description"] == "Deploy checkout 2.4.0"
    send("deployment", deployment("succeeded", 60))
    (row,) = made(instance, "change_request")
    assert row["state"] == "-3"
    assert "Pay faster" in notes(instance, row["sys_id"])[0]


def test_a_standard_deployment_is_closed(instance: "Simulator", aws: "Aws") -> None:
    """A standard change goes to Implement at once, and through Review to Closed."""
    save_rules(aws, deployments={"change_type": "standard", "template": "Deploy a service"})
    send("deployment", deployment("started"))
    (row,) = made(instance, "change_request")
    assert (row["type"], row["state"]) == ("standard", "-1")
    send("deployment", deployment("succeeded", 60), deployment("started", 0))
    (row,) = made(instance, "change_request")
    assert (row["state"], row["close_code"]) == ("3", "successful")
    assert "Pay faster" in row["close_notes"]


def test_a_deployment_that_only_its_end_tells_of(instance: "Simulator", aws: "Aws") -> None:
    """Its change is made and closed at once, whenever its beginning comes."""
    save_rules(aws, deployments={"change_type": "standard", "template": "Deploy a service"})
    send("deployment", deployment("succeeded", 60))
    send("deployment", deployment("started", 60))
    send("deployment", deployment("started", 0))
    (row,) = made(instance, "change_request")
    assert row["short_description"] == "Deploy checkout 2.4.0"
    assert (row["state"], row["close_code"]) == ("3", "successful")


def test_a_failed_deployment_opens_an_incident(instance: "Simulator", aws: "Aws") -> None:
    """It is closed as unsuccessful, and one incident names it."""
    save_rules(
        aws,
        deployments={"change_type": "standard", "template": "Deploy a service",
                     "incident_on_failure": True},
    )  # fmt: skip
    failed = deployment("failed", 60)
    send("deployment", failed)
    send("deployment", deployment("started"))
    send("deployment", failed)
    (change,) = made(instance, "change_request")
    assert (change["state"], change["close_code"]) == ("3", "unsuccessful")
    (incident,) = made(instance)
    assert incident["caused_by"] == change["sys_id"]
    assert change["number"] in incident["description"]


@pytest.mark.parametrize(
    ("source", "detail_type", "begin", "end"),
    [
        (
            "aws.codedeploy",
            "CodeDeploy Deployment State-change Notification",
            {"application": "shop", "deploymentId": "d-ABC", "deploymentGroup": "blue",
             "state": "START", "region": "us-east-1", "instanceGroupId": "x"},
            {"state": "SUCCESS"},
        ),
        (
            "aws.codepipeline",
            "CodePipeline Pipeline Execution State Change",
            {"pipeline": "shop", "execution-id": "e-1", "state": "STARTED", "version": 3.0},
            {"state": "SUCCEEDED"},
        ),
    ],
)  # fmt: skip
def test_awss_own_deployments(  # noqa: PLR0917 - fixtures and parameters
    instance: "Simulator",
    aws: "Aws",
    source: str,
    detail_type: str,
    begin: dict[str, Any],
    end: dict[str, Any],
) -> None:
    """CodeDeploy's and CodePipeline's events are the automation user's changes."""
    rule = {"change_type": "standard", "template": "Deploy a service"}
    save_rules(aws, "automation", deployments=rule)
    send("deployment", on_bus(detail_type, begin, source=source))
    later = NOW + timedelta(minutes=3)
    send("deployment", on_bus(detail_type, {**begin, **end}, source=source, at=later))
    (row,) = made(instance, "change_request")
    assert row["short_description"] == "Deploy shop"
    assert (row["state"], row["close_code"]) == ("3", "successful")


def of_aws(source: str, minutes: int, **detail: Any) -> dict[str, Any]:
    """Return CodePipeline's or CodeDeploy's change of a state."""
    types = {"aws.codepipeline": "CodePipeline Pipeline Execution State Change",
             "aws.codedeploy": "CodeDeploy Deployment State-change Notification"}  # fmt: skip
    at = NOW + timedelta(minutes=minutes)
    return on_bus(types[source], detail, source=source, at=at)


def pipeline(state: str, minutes: int, run: str = "e-1", name: str = "shop") -> dict[str, Any]:
    """Return a change of a pipeline execution's state."""
    detail = {"pipeline": name, "execution-id": run, "state": state, "version": 3.0}
    return of_aws("aws.codepipeline", minutes, **detail)


def code_deploy(
    state: str, minutes: int, application: str = "shop-web", deployment: str = "d-1"
) -> dict[str, Any]:
    """Return a change of a CodeDeploy deployment's state."""
    detail = {"application": application, "deploymentId": deployment, "deploymentGroup": "blue"}
    return of_aws("aws.codedeploy", minutes, **detail, state=state)


def action(
    state: str, minutes: int, provider: str = "CodeDeploy", run: str = "e-1", made: str = ""
) -> dict[str, Any]:
    """Return a change of an action's state in a pipeline's execution."""
    detail = {"pipeline": "shop", "execution-id": run, "stage": "Prod", "action": provider,
              "state": state, "region": "us-east-1", "version": 3.0,
              "type": {"owner": "AWS", "provider": provider, "category": "Deploy", "version": "1"},
              "execution-result": {"external-execution-id": made} if made else None}  # fmt: skip
    type_ = "CodePipeline Action Execution State Change"
    at = NOW + timedelta(minutes=minutes)
    return on_bus(type_, detail, source="aws.codepipeline", at=at)


def test_a_pipeline_with_a_code_deploy_action_is_one_change(
    instance: "Simulator", aws: "Aws"
) -> None:
    """Its deployment is a note; the pipeline's own end closes the change."""
    rule = {"change_type": "standard", "template": "Deploy a service"}
    save_rules(aws, "automation", deployments=rule)
    send("deployment", pipeline("STARTED", 0))
    send("deployment", code_deploy("START", 5))
    send("deployment", code_deploy("SUCCESS", 8))
    (row,) = made(instance, "change_request")
    assert any("d-1: START" in note for note in notes(instance, row["sys_id"]))
    send("deployment", pipeline("SUCCEEDED", 9))
    (row,) = made(instance, "change_request")
    assert (row["short_description"], row["state"]) == ("Deploy shop", "3")
    send("deployment", code_deploy("START", 20))
    assert len(made(instance, "change_request")) == 2  # by itself, after the pipeline


def test_of_two_pipelines_the_one_of_the_same_name_has_the_deployment(
    instance: "Simulator", aws: "Aws"
) -> None:
    """Without such a one, the deployment has its own change."""
    send("deployment", pipeline("STARTED", 0), pipeline("STARTED", 0, "e-2", "search"))
    send("deployment", code_deploy("START", 5, "search"))
    assert len(made(instance, "change_request")) == 2
    send("deployment", code_deploy("START", 5, "other"))
    assert len(made(instance, "change_request")) == 3


@pytest.mark.parametrize(
    ("story", "changes"),
    [
        # Its actions show that it deploys: what is made while one does is its own.
        ([pipeline("STARTED", 0), action("STARTED", 1, "CodeStarSourceConnection"),
          action("STARTED", 4), code_deploy("START", 5), code_deploy("SUCCESS", 8),
          action("SUCCEEDED", 8, made="d-1"), pipeline("SUCCEEDED", 9)], 1),
        # What somebody else deploys meanwhile is not: no action deploys, or it names another.
        ([pipeline("STARTED", 0), action("STARTED", 1, "CodeStarSourceConnection"),
          code_deploy("START", 5), code_deploy("SUCCESS", 8)], 2),
        ([pipeline("STARTED", 0), action("STARTED", 4), action("SUCCEEDED", 6, made="d-7"),
          code_deploy("START", 5)], 2),
        ([pipeline("STARTED", 0), action("STARTED", 4), code_deploy("START", 5, deployment="d-7"),
          action("SUCCEEDED", 8, made="d-1"), code_deploy("SUCCESS", 9, deployment="d-7")], 2),
        # By the deployment's id, whichever came first, and of two that run.
        ([pipeline("STARTED", 0), pipeline("STARTED", 0, "e-2", "other"), action("STARTED", 4),
          action("FAILED", 6, made="d-1"), code_deploy("FAILURE", 7)], 2),
        ([action("STARTED", 4), pipeline("STARTED", 0), code_deploy("START", 5),
          action("FAILED", 6, made="d-1"), code_deploy("FAILURE", 7)], 1),
        # An action that was tried again deploys again.
        ([pipeline("STARTED", 0), action("STARTED", 4), action("FAILED", 6, made="d-1"),
          action("STARTED", 10), code_deploy("START", 11, deployment="d-2")], 1),
    ],
)  # fmt: skip
def test_a_pipelines_actions_say_which_deployments_are_its_own(
    instance: "Simulator", aws: "Aws", story: list[dict[str, Any]], changes: int
) -> None:
    """CodeDeploy's events name no pipeline; the end of an action names its deployment."""
    for message in story:
        send("deployment", message)
    assert len(made(instance, "change_request")) == changes


def test_a_deployment_that_has_a_change_goes_on_with_it(instance: "Simulator", aws: "Aws") -> None:
    """Where the pipeline is heard of later, whose change it is then; so in one batch, too."""
    rule = {"change_type": "standard", "template": "Deploy a service"}
    save_rules(aws, "automation", deployments=rule)
    send("deployment", code_deploy("START", 5), pipeline("STARTED", 0))
    assert len(made(instance, "change_request")) == 1
    send("deployment", code_deploy("START", 25, deployment="d-2"), pipeline("SUCCEEDED", 9))
    send("deployment", pipeline("STARTED", 20, "e-2"))
    send("deployment", code_deploy("SUCCESS", 27, deployment="d-2"))
    send("deployment", pipeline("SUCCEEDED", 30, "e-2"))
    first, second = made(instance, "change_request")
    assert (first["state"], second["state"]) == ("3", "3")
    assert any("e-2: SUCCEEDED" in second[name] for name in ("close_notes", "description"))


def test_a_pipeline_that_rules_ignore_takes_no_deployment_with_it(
    instance: "Simulator", aws: "Aws"
) -> None:
    """Whoever wants CodeDeploy's changes alone gets them."""
    quiet = {"name": "x", "match": {"source": "codepipeline"}, "then": "ignore"}
    save_rules(aws, "automation", rules=[quiet])
    send("deployment", pipeline("STARTED", 0))
    send("deployment", code_deploy("START", 5))
    (row,) = made(instance, "change_request")
    assert row["short_description"] == "Deploy shop-web"


# ---- meetings


def meeting(**values: Any) -> dict[str, Any]:
    """Return a record with a processed meeting."""
    items = [
        {"summary": "Renew the certificate", "details": "It ends in May.", "priority": "high",
         "impact": "medium", "requires_incident": True, "assignee": "Beth"},
        {"summary": "Update the wiki", "requires_incident": False, "priority": "low"},
        {"summary": "Add a second provider", "requires_incident": True, "priority": "medium"},
    ]  # fmt: skip
    detail = {"user_id": USER, "meeting_id": "m-1", "title": "Weekly", "action_items": items}
    return on_bus("Meeting Processed", {**detail, **values})


def test_a_meeting_makes_a_ticket_an_item_and_one_note(instance: "Simulator") -> None:
    """Two of three items want a ticket; processing the meeting again makes nothing new."""
    for _ in range(2):
        send("meeting", meeting())
    rows = sorted(made(instance), key=lambda row: row["number"])
    assert {row["short_description"] for row in rows} == {
        "Renew the certificate",
        "Add a second provider",
    }
    renew = next(row for row in rows if row["short_description"].startswith("Renew"))
    assert (renew["urgency"], renew["impact"]) == ("2", "2")
    assert "For: Beth" in renew["description"]
    every_note = [note for row in rows for note in notes(instance, row["sys_id"])]
    assert len(every_note) == 1
    assert all(row["number"] in every_note[0] for row in rows)


# ---- trouble


def test_an_outage_loses_nothing(instance: "Simulator", queues: Queues, time: Clock) -> None:
    """An hour of hibernation: the events wait, one a pause looks, then each has its ticket."""
    instance.faults.add(faults.hibernating(times=None))
    assert send("error", *(error(service=f"service {number}") for number in range(5))) == []
    looks = []
    for _ in range(60):
        before = len(instance.requests)
        time.advance(minutes=1)
        assert send("error", *queues.tick()) == []
        looks.append(len(instance.requests) - before)
    assert len(queues.items("waiting")) == 5
    assert queues.failed() == []
    assert made(instance) == []
    assert max(looks) <= 3  # the attempts of one call
    assert sum(1 for count in looks if count) <= 10
    instance.faults.clear()
    released = []
    for _ in range(20):
        time.advance(minutes=1)
        prompts = queues.tick()
        released.append(len(prompts))
        assert send("error", *prompts) == []
    assert [count for count in released if count] == [1, 4]
    assert len(made(instance)) == 5
    assert queues.items("waiting") == []


def test_a_rate_limit_is_shared(instance: "Simulator", queues: Queues, time: Clock) -> None:
    """After one 429 nobody calls until the time is over; then everything is written."""
    instance.faults.add(faults.rate_limited(120, times=1, method="POST"))
    send("error", error())
    before = len(instance.requests)
    records = queues.waiting()
    assert len(records) == 1
    send("error", error(service="another"))
    assert len(instance.requests) == before
    records += queues.waiting()
    time.advance(seconds=121)
    send("error", *records)
    assert len(made(instance)) == 1
    time.advance(seconds=10)
    send("error", *queues.waiting())
    assert len(made(instance)) == 2
    assert queues.failed() == []


def test_while_one_waits_its_causes_others_are_folded(
    instance: "Simulator", queues: Queues, time: Clock
) -> None:
    """Of a hundred events of a cause during an outage one waits; it tells of all."""
    instance.faults.add(faults.rate_limited(60, times=1, method="POST"))
    for _ in range(20):
        send("error", error())
    (waiting,) = queues.waiting()
    time.advance(seconds=61)
    send("error", waiting)
    time.advance(minutes=16)
    send("error", error())
    (row,) = made(instance)
    assert "1 times since" in notes(instance, row["sys_id"])[0]


def test_a_hanging_instance_holds_up_nobody_else(
    queues: Queues, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of ten users' ten instances one takes requests and never answers: nine have their tickets.

    They have them while that call hangs: it ends only after the ninth.
    """
    done_before: list[int] = []

    with contextlib.ExitStack() as running:
        instances = {
            f"user-{number}": running.enter_context(Simulator(certificates=tmp_path))
            for number in range(10)
        }
        hosts = [f"localhost:{instance.port}" for instance in instances.values()]
        monkeypatch.setenv("ALLOWED_INSTANCE_HOSTS", ",".join(hosts))
        monkeypatch.setenv("INSTANCE_CA_FILE", str(tmp_path / "ca.pem"))
        settings.cache_clear()
        wait = events_wiring.services().outcomes.wait
        for user, instance in instances.items():
            connect(instance, seed.INTEGRATION_USER, user)
        instances["user-5"].faults.add(faults.Fault(delay=60, reset=True, times=None))

        def tickets() -> int:
            return sum(len(made(instance)) for instance in instances.values())

        async def hang(_: float) -> None:
            while tickets() < 9 and not done_before:  # noqa: ASYNC110 - threads fill them
                await asyncio.sleep(0.02)

        def watched(*arguments: Any) -> None:
            done_before.append(tickets())
            wait(*arguments)

        monkeypatch.setattr(gate, "sleep", hang)
        monkeypatch.setattr(Outcomes, "wait", lambda _, *arguments: watched(*arguments))
        assert send("error", *(error(user_id=user) for user in instances)) == []
        assert tickets() == 9
        for entry in client_cache()._cached.values():
            run(entry.client.aclose())
        assert done_before == [9]
        assert len(queues.waiting()) == 1
        assert queues.failed() == []


def test_a_wrong_password_is_not_tried_again_and_again(
    instance: "Simulator", queues: Queues, time: Clock
) -> None:
    """It would lock the account: the user's events wait; the right one lets them go at once."""
    connect(instance, seed.INTEGRATION_USER, "another-user")
    refusal = faults.error(401, "User Not Authenticated", "Required", times=None)
    instance.faults.add(refusal)
    send("error", error())
    before = len(instance.requests)
    send("error", error(service="another"))
    assert len(instance.requests) == before
    for _ in range(300):
        time.advance(minutes=1)
        send("error", *queues.tick())
    assert len(instance.requests) - before <= 30
    assert {item["reason"]["S"] for item in queues.items("waiting")} == {"Authentication"}
    instance.faults.clear()
    send("error", error(user_id="another-user"))
    assert len(made(instance)) == 1  # nobody else's events wait
    body = {"instance_url": instance.url, "username": seed.INTEGRATION_USER,
            "password": seed.USERS[seed.INTEGRATION_USER][0]}  # fmt: skip
    assert call("update_config", body, user_id=USER).status == 200
    for _ in range(3):
        time.advance(minutes=1)
        send("error", *queues.tick())
    assert len(made(instance)) == 3
    assert queues.items("waiting") == []


# ---- what is left behind


def test_every_write_is_in_the_audit_trail(instance: "Simulator", aws: "Aws") -> None:
    """Created, noted, resolved: who, what, and what was sent, newest first, in pages."""
    send("alarm", alarm("ALARM"))
    send("alarm", alarm("INSUFFICIENT_DATA", 60))
    send("alarm", alarm("OK", 120))
    (row,) = made(instance)
    store = activity_store()
    first, place = store.page("automation", 2, None)
    rest, end = store.page("automation", 2, place)
    items = first + rest
    assert items.pop()["action"] == "connection_created"
    assert [item["action"] for item in items] == ["resolved", "noted", "created"]
    assert {item["number"] for item in items} == {row["number"]}
    assert items[-1]["correlation_id"] == row["correlation_id"]
    assert "short_description" in items[-1]["fields"]
    assert (items[0]["before"], items[0]["after"]) == ({"state": "1"}, {"state": "6"})
    assert end is None
    assert store.page("nobody", 2, None) == ([], None)


def test_metrics_are_business_facts(
    instance: "Simulator", capsys: pytest.CaptureFixture[str]
) -> None:
    """One line of EMF for a batch, with counts and the age of the events written."""
    send("error", error(), error(), error(severity="low", service="search"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    (line,) = lines
    assert (line["Created"], line["Deduplicated"], line["Ignored"]) == ([1.0], [1.0], [1.0])
    assert line["EventAge"][0] > 0


# ---- silence


def muted(value: str, seconds: int = 0, minutes: int = 10) -> dict[str, Any]:
    """Return an alarm's change of state within a mute window."""
    record = alarm(value, seconds)
    body = json.loads(record["body"])
    until = clock.now() + timedelta(minutes=minutes)
    body["detail"]["muteDetail"] = {
        "mutedByArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm-mute-rule:night",
        "muteWindowStart": "2026-01-10T00:00:00.000+0000",
        "muteWindowEnd": until.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
    }
    return {**record, "body": json.dumps(body)}


def test_a_muted_alarm_opens_when_the_silence_ends(
    instance: "Simulator", queues: Queues, time: Clock
) -> None:
    """If it is still in ALARM then; until then it is silent."""
    send("alarm", muted("ALARM"))
    send("alarm", muted("ALARM", 60))
    assert made(instance) == []
    records = queues.waiting()
    assert records
    time.advance(minutes=11)
    send("alarm", *records)
    (row,) = made(instance)
    assert row["state"] == "1"


def test_a_muted_alarm_that_recovers_stays_silent(
    instance: "Simulator", queues: Queues, time: Clock
) -> None:
    """OK within the silence: nothing was there. The next one without a silence opens."""
    send("alarm", muted("ALARM"))
    send("alarm", muted("OK", 60))
    time.advance(minutes=11)
    send("alarm", *queues.waiting())
    assert made(instance) == []
    send("alarm", alarm("ALARM", 120))
    assert len(made(instance)) == 1
