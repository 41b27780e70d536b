"""Every invocation payload of events/ does what its name says."""

import importlib
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from actionsync import clock
from actionsync.events import sources
from actionsync.events.sources import envelopes
from actionsync.events.sources.protocol import Context
from actionsync.stores.webhooks import WebhookStore
from tests.conftest import LambdaContext, call, event, invoke
from tests.integration.events import Queues
from tests.template import ROOT

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws

VALID = {
    "get_config": 200,
    "create_config": 201,
    "update_config": 200,
    "delete_config": 204,
    "test_connection": 200,
    "create_incident": 201,
    "search_incidents": 200,
    "get_incident": 200,
    "update_incident": 200,
    "close_incident": 200,
    "create_change_request": 201,
    "get_change_request": 200,
    "update_change_request": 200,
    "close_change_request": 200,
    "add_work_note": 201,
    "get_choices": 200,
    "show_settings": 200,
    "show_docs": 200,
    "show_asset": 200,
    "show_openapi": 200,
    "get_rules": 200,
    "update_rules": 200,
    "preview_rules": 200,
    "get_activity": 200,
    "get_health": 200,
    "list_github_webhooks": 200,
    "delete_github_webhook": 204,
    "create_github_webhook": 201,
    "receive_github_webhook": 200,
}
EXAMPLES: dict[str, Any] = json.loads((ROOT / "local/answers.json").read_text())
# What a webhook's payload becomes: its detail-type and its status, or None where it is ignored.
GITHUB: dict[str, tuple[str, str] | None] = {
    "valid": ("Application Error", "open"),
    "workflow_run_success": ("Application Error", "recovered"),
    "workflow_run_requested": None,
    "workflow_run_other_branch": None,
    "check_run_failure": None,
    "deployment": ("Deployment", "started"),
    "deployment_status_success": ("Deployment", "succeeded"),
    "deployment_status_queued": None,
    "release_published": None,
    "issues_opened": ("Application Error", "open"),
    "issues_opened_unlabeled": None,
    "dependabot_alert_created": ("Application Error", "open"),
    "dependabot_alert_fixed": ("Application Error", "recovered"),
    "code_scanning_alert_created": ("Application Error", "open"),
    "secret_scanning_alert_created": ("Application Error", "open"),
    "push": None,
    "ping": None,
}
# What the functions of queues make of each payload, alone: how many records of which table.
QUEUED: dict[tuple[str, str], tuple[str, int]] = {
    ("on_error", "valid"): ("incident", 1),
    ("on_error", "sns"): ("incident", 1),
    ("on_error", "recovered"): ("incident", 0),
    ("on_error", "nulls"): ("incident", 1),
    ("on_error", "plain_text"): ("incident", 1),
    ("on_error", "unknown_severity"): ("incident", 1),
    ("on_error", "unknown_detail_type"): ("", 0),
    ("on_error", "invalid_service"): ("", 0),
    ("on_alarm", "valid"): ("incident", 1),
    ("on_alarm", "sns"): ("incident", 1),
    ("on_alarm", "ok"): ("incident", 0),
    ("on_alarm", "insufficient_data"): ("incident", 0),
    ("on_alarm", "invalid_source"): ("", 0),
    ("on_deployment", "valid"): ("change_request", 1),
    ("on_deployment", "succeeded"): ("change_request", 1),
    ("on_deployment", "failed"): ("change_request", 1),
    ("on_deployment", "codedeploy_start"): ("change_request", 1),
    ("on_deployment", "codedeploy_success"): ("change_request", 1),
    ("on_deployment", "codedeploy_failure"): ("change_request", 1),
    ("on_deployment", "codedeploy_stop"): ("change_request", 1),
    ("on_deployment", "codedeploy_ready"): ("change_request", 0),
    ("on_deployment", "codepipeline_started"): ("change_request", 1),
    ("on_deployment", "codepipeline_succeeded"): ("change_request", 1),
    ("on_deployment", "codepipeline_failed"): ("change_request", 1),
    ("on_deployment", "codepipeline_stopping"): ("change_request", 0),
    ("on_deployment", "codepipeline_superseded"): ("change_request", 1),
    ("on_deployment", "rolled_back"): ("change_request", 1),
    ("on_deployment", "unknown_state"): ("", 0),
    ("on_deployment", "invalid_application"): ("", 0),
    ("on_meeting", "valid"): ("incident", 2),
    ("on_meeting", "one_invalid"): ("incident", 2),
    ("on_meeting", "without_items"): ("incident", 0),
    ("on_meeting", "invalid_item"): ("", 0),
}
# Steps that test_rotation.py carries out.
ROTATION = {("rotate_secret", "valid"), ("rotate_secret", "invalid_step")}
# Status, and the fields that the answer names.
INVALID: dict[tuple[str, str], tuple[int, list[str]]] = {
    ("get_config", "invalid_not_signed_in"): (401, []),
    ("create_config", "invalid_http_instance_url"): (422, ["instance_url"]),
    ("create_config", "invalid_private_instance_url"): (422, ["instance_url"]),
    ("create_config", "invalid_password_missing"): (422, ["password"]),
    ("create_config", "invalid_json"): (400, []),
    ("create_config", "invalid_content_type"): (415, []),
    ("update_config", "invalid_host_without_password"): (422, ["password"]),
    ("update_config", "invalid_old_version"): (412, []),
    ("delete_config", "invalid_not_signed_in"): (401, []),
    ("test_connection", "invalid_foreign_host"): (422, ["instance_url"]),
    ("create_incident", "invalid_no_body"): (400, []),
    ("create_incident", "invalid_unknown_field"): (422, ["severity"]),
    ("create_incident", "invalid_query_in_group"): (422, ["assignment_group"]),
    ("search_incidents", "invalid_query_in_group"): (422, ["assignment_group"]),
    ("search_incidents", "invalid_limit"): (422, ["limit"]),
    ("get_incident", "invalid_id"): (422, ["id"]),
    ("update_incident", "invalid_nothing_to_set"): (422, ["body"]),
    ("close_incident", "invalid_notes_missing"): (422, ["close_notes"]),
    ("create_change_request", "invalid_type"): (422, ["type"]),
    ("get_change_request", "invalid_id"): (422, ["id"]),
    ("update_change_request", "invalid_moment"): (422, ["start_date"]),
    ("close_change_request", "invalid_code"): (422, ["close_code"]),
    ("add_work_note", "invalid_table"): (422, ["table"]),
    ("add_work_note", "invalid_blank_note"): (422, ["work_note"]),
    ("get_choices", "invalid_table"): (422, ["table"]),
    ("get_choices", "invalid_field"): (422, ["field"]),
    ("show_asset", "invalid_name"): (404, []),
    ("get_rules", "invalid_not_signed_in"): (401, []),
    ("update_rules", "invalid_template"): (422, ["errors.short_description"]),
    ("update_rules", "invalid_name_in_template"): (422, ["errors.description"]),
    ("update_rules", "invalid_column"): (422, ["errors.fields"]),
    ("update_rules", "invalid_old_version"): (412, []),
    ("preview_rules", "invalid_event"): (422, ["event.message"]),
    ("preview_rules", "invalid_rule"): (422, ["rules.errors.levels.high.urgency"]),
    ("get_activity", "invalid_limit"): (422, ["limit"]),
    ("get_activity", "invalid_cursor"): (422, ["cursor"]),
    ("get_activity", "invalid_outcome"): (422, ["outcome"]),
    ("get_health", "invalid_not_signed_in"): (401, []),
    ("list_github_webhooks", "invalid_not_signed_in"): (401, []),
    ("delete_github_webhook", "invalid_unknown"): (404, []),
    ("create_github_webhook", "invalid_not_signed_in"): (401, []),
    ("receive_github_webhook", "invalid_signature"): (401, []),
    ("receive_github_webhook", "invalid_webhook"): (401, []),
    ("receive_github_webhook", "invalid_payload"): (422, ["body"]),
}


def test_every_event_is_run() -> None:
    """No payload is without an expectation, and no expectation without a payload."""
    files = {(file.parent.name, file.stem) for file in (ROOT / "events").glob("*/*.json")}
    assert files == (
        set(INVALID)
        | {(function, "valid") for function in VALID}
        | {("receive_github_webhook", scenario) for scenario in GITHUB}
        | set(QUEUED)
        | ROTATION
    )


@pytest.mark.parametrize(("function", "scenario"), QUEUED)
def test_a_queues_event_makes_what_it_says(
    aws: "Aws",
    connected: "Simulator",
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    scenario: str,
) -> None:
    """Each shape is understood; one that cannot be is in the dead-letter queue, alone."""
    queues = Queues(monkeypatch)
    monkeypatch.setenv("AUTOMATION_USER_ID", "00000000-0000-4000-8000-000000000001")
    before = [row["sys_id"] for row in connected.records("incident")]
    handler = importlib.import_module(f"functions.{function}.app").lambda_handler
    assert handler(event(function, scenario), LambdaContext()) == {"batchItemFailures": []}
    made = {
        table: len([row for row in connected.records(table) if row["sys_id"] not in before
                    and row["correlation_display"] == "ActionSync"])
        for table in ("incident", "change_request")
    }  # fmt: skip
    table, count = QUEUED[function, scenario]
    assert {name: number for name, number in made.items() if number} == (
        {table: count} if count else {}
    )
    assert len(queues.dead()) == int(scenario.startswith("invalid"))


@pytest.mark.parametrize("scenario", GITHUB)
def test_a_webhooks_event_is_put_on_the_bus_or_ignored(
    aws: "Aws", bus: "Bus", scenario: str
) -> None:
    """Once, with the webhook's own user; what does not matter to a ticket is politely ignored."""
    put_example_webhook(aws)
    expected = GITHUB[scenario]
    answers = [invoke("receive_github_webhook", event("receive_github_webhook", scenario))
               for _ in range(2)]  # fmt: skip
    assert [answer.status for answer in answers] == [200, 200]
    statuses = [answer.json["status"] for answer in answers]
    if expected is None:
        assert statuses == ["ignored", "ignored"]
        assert bus.events() == []
        return
    assert statuses == ["accepted", "duplicate"]
    (sent,) = bus.events()
    assert (sent["detail-type"], sent["detail"]["status"]) == expected
    assert sent["detail"]["user_id"] == "00000000-0000-4000-8000-000000000001"
    assert sent["source"] == "actionsync.github"
    assert sources.read(envelopes.from_event(sent, clock.now()), Context(clock.now())).events


@pytest.mark.parametrize("function", VALID)
def test_a_valid_event_succeeds(
    aws: "Aws", bus: "Bus", connected: "Simulator", function: str
) -> None:
    """The payload of a function's ordinary use is answered as such."""
    put_example_tickets(connected)
    put_example_webhook(aws)
    if function == "create_config":
        call("delete_config")
    if function == "get_activity":
        call("create_incident")
    payload = event(function)
    if function == "create_config":  # whose host is an example's
        payload["body"] = json.dumps(json.loads(payload["body"]) | {"instance_url": connected.url})
    answer = invoke(function, payload)
    assert answer.status == VALID[function], answer.text
    if function in EXAMPLES:
        assert _unknown(EXAMPLES[function], answer.json) == []


def test_every_answer_has_an_example() -> None:
    """The OpenAPI document shows what each function of the API answers its valid event."""
    answering = {name for name, status in VALID.items() if status in {200, 201}}
    assert set(EXAMPLES) == {name for name in answering if not name.startswith("show_")}


def _unknown(example: Any, real: Any, place: str = "") -> list[str]:
    """Return the fields of an example that a real answer has not; empty lists tell nothing."""
    if isinstance(example, dict) and isinstance(real, dict):
        missing = [f"{place}.{name}" for name in example if name not in real]
        shared = [name for name in example if name in real]
        return missing + [
            text
            for name in shared
            for text in _unknown(example[name], real[name], f"{place}.{name}")
        ]
    if isinstance(example, list) and isinstance(real, list) and example and real:
        return _unknown(example[0], real[0], f"{place}[]")
    return []


@pytest.mark.parametrize(("function", "scenario"), INVALID)
def test_an_invalid_event_is_refused(
    aws: "Aws", connected: "Simulator", function: str, scenario: str
) -> None:
    """The payload of a misuse is refused, names the field, and changes nothing anywhere."""
    if function == "create_config":
        call("delete_config")
    put_example_webhook(aws)
    before = (aws.items("ConnectionsTable"), aws.secrets(), len(connected.requests))
    answer = invoke(function, event(function, scenario))
    status, fields = INVALID[function, scenario]
    assert (answer.status, answer.fields) == (status, fields), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "made-up-password" not in answer.text
    assert (aws.items("ConnectionsTable"), aws.secrets(), len(connected.requests)) == before


class Bus:
    """The stack's event bus, with a queue that gets all of its events."""

    def __init__(self) -> None:
        self._sqs, events = boto3.client("sqs"), boto3.client("events")
        self._url = self._sqs.create_queue(QueueName="all")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        events.create_event_bus(Name="events")
        pattern = json.dumps({"account": ["123456789012"]})
        events.put_rule(Name="all", EventBusName="events", EventPattern=pattern)
        target = {"Id": "all", "Arn": arn["Attributes"]["QueueArn"]}
        events.put_targets(Rule="all", EventBusName="events", Targets=[target])  # type: ignore[list-item]

    def events(self) -> list[dict[str, Any]]:
        """Return the events on the bus so far."""
        found = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in found.get("Messages", [])]


@pytest.fixture
def bus(aws: "Aws") -> Bus:
    """The stack's event bus."""
    return Bus()


def put_example_webhook(aws: "Aws") -> None:
    """Put the webhook that the payloads are signed for."""
    store = WebhookStore(aws.dynamodb, "EventsTable", aws.secrets_manager, "actionsync/test/")
    store.create(
        "0123456789abcdef" * 2, "00000000-0000-4000-8000-000000000001", "made-up-webhook-secret"
    )


def put_example_tickets(simulator: "Simulator") -> None:
    """Put the tickets that the payloads name into the instance."""
    instance = simulator.instance
    instance.put(
        "incident",
        number="INC0010001",
        short_description="Checkout answers 500",
        state="1",
        incident_state="1",
        impact="2",
        urgency="1",
        priority="2",
    )
    instance.put(
        "change_request",
        number="CHG0030001",
        short_description="Deploy checkout 2.4.0",
        type="normal",
        state="-1",
    )
