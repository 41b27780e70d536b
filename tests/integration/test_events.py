"""Every invocation payload of events/ does what its name says."""

import importlib
import json
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from actionsync import clock
from actionsync.events import senders, sources
from actionsync.events.models import UnreadableEventError
from actionsync.events.sources import envelopes
from actionsync.events.sources.protocol import Context
from functions.operation import PROBLEM, Request
from local.events import payloads
from local.operations import operations
from tests.conftest import LambdaContext, call, event, invoke
from tests.integration.events import Queues
from tests.integration.examples import put_example_webhook, put_examples
from tests.template import ROOT
from tests.unit.actionsync.sources.test_recipes import EXAMPLES

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws

OPERATIONS = {described.operation.id: described for described in operations()}
PAYLOADS = payloads()
# The requests that are refused: of which operation, and in which file.
REFUSED = [
    (name, scenario)
    for name, described in OPERATIONS.items()
    for scenario in described.operation.refused
]
# A delivery is signed: its payloads are GitHub's own, written by hand.
REFUSED_DELIVERIES: dict[str, tuple[int, list[str]]] = {
    "invalid_signature": (401, []),
    "invalid_webhook": (401, []),
}
# What a webhook's payload becomes: its detail-type and its status, or None where it is ignored.
GITHUB: dict[str, tuple[str, str] | None] = {
    "valid": ("Application Error", "open"),
    "workflow_run_success": ("Application Error", "recovered"),
    "workflow_run_requested": None,
    "unreadable": None,
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
# What becomes of the deliveries of other senders: tests/unit/actionsync/sources/test_webhooks.py.
DELIVERIES = sorted(
    path.stem
    for path in (ROOT / "events/receive_webhook").glob("*_*.json")
    if path.stem.partition("_")[0] in senders.names()
)
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
    ("on_alarm", "deleted"): ("incident", 0),
    ("on_alarm", "insufficient_data"): ("incident", 0),
    ("on_alarm", "muted"): ("", 0),
    ("on_alarm", "autoscaling"): ("", 0),
    ("on_alarm", "composite"): ("incident", 1),
    ("on_alarm", "govcloud"): ("incident", 1),
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
    ("on_deployment", "codepipeline_action"): ("change_request", 0),
    ("on_deployment", "codepipeline_by_hand"): ("change_request", 1),
    ("on_deployment", "codepipeline_resumed"): ("change_request", 1),
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
# How many messages the lines of a delivery of CloudWatch Logs are queued as; None: it is refused.
LOGS: dict[tuple[str, str], int | None] = {
    ("receive_logs", "valid"): 1,
    ("receive_logs", "control_message"): 0,
    ("receive_logs", "invalid_data"): None,
}
# Which messages of a prompt's payload have to come again.
PROMPTS: dict[tuple[str, str], list[str]] = {
    ("on_event", "valid"): [],
    ("on_event", "invalid_version"): ["059f36b4-87a3-44ab-83d2-661975600000"],
}
TICK = {("release_waiting", "valid"), ("check_connection", "valid")}
# Steps that test_rotation.py carries out.
ROTATION = {("rotate_secret", "valid"), ("rotate_secret", "invalid_step")}


def test_every_event_is_run() -> None:
    """No payload is without an expectation, and no expectation without a payload."""
    files = {(file.parent.name, file.stem) for file in (ROOT / "events").glob("*/*.json")}
    deliveries = (*GITHUB, *REFUSED_DELIVERIES, *DELIVERIES)
    written = {("receive_webhook", name) for name in deliveries}
    recipes = {("on_event", name) for name in EXAMPLES}
    assert files == {*PAYLOADS, *written, *QUEUED, *LOGS, *PROMPTS, *TICK, *ROTATION, *recipes}


@pytest.mark.parametrize(("function", "name"), PAYLOADS)
def test_a_payload_is_what_its_operation_describes(function: str, name: str) -> None:
    """Each file is derived: `python -m local.events` writes them."""
    file = ROOT / "events" / function / f"{name}.json"
    assert file.exists(), f"{file} is missing: run `python -m local.events`"
    assert json.loads(file.read_text()) == PAYLOADS[function, name]


@pytest.mark.parametrize(("function", "scenario"), QUEUED)
def test_a_queues_event_makes_what_it_says(
    aws: "Aws",
    connected: "Simulator",
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    scenario: str,
) -> None:
    """Each shape is understood; one that cannot be has failed, alone."""
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
    assert len(queues.failed()) == int(scenario.startswith("invalid"))


@pytest.mark.parametrize(("function", "scenario"), LOGS)
@pytest.mark.usefixtures("aws")
@pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")
def test_lines_of_logs_are_queued(
    monkeypatch: pytest.MonkeyPatch, function: str, scenario: str
) -> None:
    """As messages of logs; what is no delivery fails, so that Lambda tries it again."""
    queues = Queues(monkeypatch)
    handler = importlib.import_module(f"functions.{function}.app").lambda_handler
    expected = LOGS[function, scenario]
    if expected is None:
        with pytest.raises(UnreadableEventError):
            handler(event(function, scenario), LambdaContext())
        return
    handler(event(function, scenario), LambdaContext())
    found = queues.sqs.receive_message(QueueUrl=queues.queue_url, MaxNumberOfMessages=10)
    assert len(found.get("Messages", [])) == expected


@pytest.mark.parametrize(("function", "scenario"), PROMPTS)
@pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")
def test_a_prompt_decides_nothing(aws: "Aws", function: str, scenario: str) -> None:
    """One for what waits no more does nothing; what newer code has sent comes again."""
    handler = importlib.import_module(f"functions.{function}.app").lambda_handler
    answer = handler(event(function, scenario), LambdaContext())
    again = [item["itemIdentifier"] for item in answer["batchItemFailures"]]
    assert again == PROMPTS[function, scenario]
    assert aws.items("WaitingTable") == []


@pytest.mark.parametrize("scenario", GITHUB)
def test_a_webhooks_event_is_put_on_the_bus_or_ignored(
    aws: "Aws", bus: "Bus", scenario: str
) -> None:
    """Once, with the webhook's own user; what does not matter to a ticket is politely ignored."""
    put_example_webhook(aws)
    expected = GITHUB[scenario]
    status = "unreadable" if scenario == "unreadable" else "ignored"
    answers = [invoke("receive_webhook", event("receive_webhook", scenario))
               for _ in range(2)]  # fmt: skip
    assert [answer.status for answer in answers] == [200, 200]
    statuses = [answer.json["status"] for answer in answers]
    if expected is None:
        assert statuses == [status, status]
        assert bus.events() == []
        return
    assert statuses == ["accepted", "duplicate"]
    (sent,) = bus.events()
    assert (sent["detail-type"], sent["detail"]["status"]) == expected
    assert sent["detail"]["user_id"] == "00000000-0000-4000-8000-000000000001"
    assert sent["source"] == "actionsync.github"
    assert sources.read(envelopes.from_event(sent, clock.now()), Context(clock.now())).events


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_valid_event_succeeds(aws: "Aws", bus: "Bus", connected: "Simulator", name: str) -> None:
    """The payload of a function's ordinary use is answered as its operation describes."""
    described = OPERATIONS[name]
    operation, function = described.operation, described.folder
    put_examples(aws, connected)
    if function == "create_config":
        call("delete_config")
    if function == "get_activity":
        call("create_incident")
    payload = event(function) if operation.has_written_events else described.event()
    if function == "create_config":  # whose host is an example's
        payload["body"] = json.dumps(json.loads(payload["body"]) | {"instance_url": connected.url})
    answer = invoke(function, payload)
    assert answer.status == operation.status, answer.text
    if not operation.content_type:
        assert answer.text == ""
    if operation.example is not None:
        assert _unknown(operation.example, answer.json) == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_described_whole(name: str) -> None:
    """What is missing is named here: a summary, a schema, an example, a refused request."""
    described = OPERATIONS[name]
    operation = described.operation
    place = f"functions/{described.folder}/operation.py"
    assert operation.summary, f"{place} lacks a summary"
    assert described.text.startswith(f"Answer {operation.status}"), (
        f"functions/{described.folder}/app.py answers another status than {place} says"
    )
    has_body = operation.status != HTTPStatus.NO_CONTENT and operation.content_type
    if operation.tag != "Pages" and has_body:
        assert operation.answer, f"{place} lacks the schema of its answer"
        assert operation.example is not None, f"{place} lacks an example of its answer"
    if described.body or described.query or "{" in described.path or operation.needs_token:
        is_shown = operation.refused or operation.has_written_events
        assert is_shown or operation.is_same_for_all, f"{place} lacks a request that is refused"


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    "name", [name for name in OPERATIONS if OPERATIONS[name].operation.is_same_for_all]
)
def test_what_is_said_to_be_the_same_for_all_is(name: str) -> None:
    """Whoever asks, with whatever is in the path, and no header."""
    described = OPERATIONS[name]
    operation = described.operation
    reads = (operation.needs_token, operation.refused, described.body, described.query)
    assert not any(reads)
    path = dict.fromkeys(operation.request.path, "nobody's")
    other = replace(described, operation=replace(operation, request=Request(path=path)))
    asked, bare = (invoke(described.folder, made.event()) for made in (described, other))
    assert (bare.status, bare.text) == (asked.status, asked.text)


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


@pytest.mark.parametrize(("name", "scenario"), REFUSED)
def test_an_invalid_event_is_refused(
    aws: "Aws", connected: "Simulator", name: str, scenario: str
) -> None:
    """The payload of a misuse is refused, names the field, and changes nothing anywhere."""
    described = OPERATIONS[name]
    refused = described.operation.refused[scenario]
    _refuses(aws, connected, described.folder, described.event(scenario),
             (refused.status, refused.fields), content_type=refused.content_type)  # fmt: skip


@pytest.mark.parametrize("scenario", REFUSED_DELIVERIES)
def test_an_invalid_delivery_is_refused(aws: "Aws", connected: "Simulator", scenario: str) -> None:
    """A wrong signature, an unknown webhook."""
    payload = event("receive_webhook", scenario)
    expected = REFUSED_DELIVERIES[scenario]
    _refuses(aws, connected, "receive_webhook", payload, expected)


def _refuses(
    aws: "Aws",
    connected: "Simulator",
    function: str,
    payload: dict[str, Any],
    expected: tuple[int, list[str]],
    *,
    content_type: str = PROBLEM,
) -> None:
    if function == "create_config":
        call("delete_config")
    put_example_webhook(aws)
    before = (aws.items("ConnectionsTable"), aws.secrets(), len(connected.requests))
    answer = invoke(function, payload)
    assert (answer.status, answer.fields) == expected, answer.text
    assert answer.headers["content-type"] == content_type
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
