"""Events as AWS delivers them to the functions, and the queues of one kind, in process."""

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from actionsync import clock
from actionsync.stores.timers import PROMPT
from actionsync.stores.timers import prompt as prompt_of
from tests.conftest import LambdaContext

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

NOW = datetime(2026, 1, 10, 10, 0, tzinfo=UTC)
USER = "11111111-2222-4333-8444-555555555555"


PROMPTS = "arn:aws:sqs:us-east-1:123456789012:EventQueue"


@dataclass
class Queues:
    """What waits and what has failed, and the queue of prompts."""

    monkeypatch: pytest.MonkeyPatch
    sqs: "SQSClient" = field(init=False)
    queue_url: str = field(init=False)

    def __post_init__(self) -> None:
        """Make the queue and tell the functions."""
        self.sqs = boto3.client("sqs")
        self.queue_url = self.sqs.create_queue(QueueName="EventQueue")["QueueUrl"]
        self.monkeypatch.setenv("EVENT_QUEUE_URL", self.queue_url)

    def items(self, state: str) -> list[dict[str, Any]]:
        """Return the items of the table of what waits that are in a state, the oldest first."""
        found = boto3.client("dynamodb").scan(TableName="WaitingTable")["Items"]
        return sorted(
            (item for item in found if item.get("state") == {"S": state}),
            key=lambda item: str(item["listed"]["S"]),
        )

    def failed(self) -> list[tuple[str, str]]:
        """Return the kinds and texts of the reasons of what has failed."""
        return [(item["reason"]["S"], item["said"]["S"]) for item in self.items("failed")]

    def waiting(self) -> list[dict[str, Any]]:
        """Return a prompt for each item that waits, as Lambda gets it, whenever it is due."""
        return [prompt(item["pk"]["S"].removeprefix("EVENT#")) for item in self.items("waiting")]

    def tick(self, *, timers: bool = False) -> list[dict[str, Any]]:
        """Run the tick, and return the prompts that it sends, as Lambda gets them.

        Args:
            timers: whether those of timers count, too.
        """
        from functions.release_waiting.app import lambda_handler  # noqa: PLC0415 - when it is used

        lambda_handler({}, LambdaContext())  # type: ignore[arg-type] # as much of it as is used
        records = []
        while messages := self.sqs.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                if timers or "timer" not in json.loads(message["Body"]).get(PROMPT, ()):
                    records.append({**record(message["Body"]), "eventSourceARN": PROMPTS})
                self.sqs.delete_message(
                    QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
        return records


def prompt(item_id: str) -> dict[str, Any]:
    """Return a prompt for an item that waits."""
    return {**record(prompt_of(item_id)), "eventSourceARN": PROMPTS}


def record(
    body: str, attributes: dict[str, Any] | None = None, sent_at: datetime | None = None
) -> dict[str, Any]:
    """Return an SQS record as Lambda gets it (Lambda developer guide: Using Lambda with SQS)."""
    sent = str(int((sent_at or clock.now()).timestamp() * 1000))
    return {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "handle",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": sent,
                       "SenderId": "sender", "ApproximateFirstReceiveTimestamp": sent},
        "messageAttributes": attributes or {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:queue",
        "awsRegion": "us-east-1",
    }  # fmt: skip


def on_bus(
    detail_type: str,
    detail: dict[str, Any],
    *,
    source: str = "my.application",
    at: datetime = NOW,
    resources: list[str] | None = None,
    id: str | None = None,  # noqa: A002 - the field's own name
) -> dict[str, Any]:
    """Return a record with an EventBridge event in it."""
    event = {
        "version": "0",
        "id": id or str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": "123456789012",
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": resources or [],
        "detail": detail,
    }
    return record(json.dumps(event), sent_at=max(at, clock.now()))


def error(seconds: int = 0, **values: Any) -> dict[str, Any]:
    """Return a record with an application error."""
    detail = {"user_id": USER, "service": "checkout", "severity": "high",
              "message": "Payment 4711 failed: timeout", **values}  # fmt: skip
    return on_bus("Application Error", detail, at=NOW + timedelta(seconds=seconds))


ALARM = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:checkout-5xx"


def alarm(value: str, seconds: int = 0) -> dict[str, Any]:
    """Return a record with a change of an alarm's state, in EventBridge's form."""
    at = (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    return on_bus(
        "CloudWatch Alarm State Change",
        {
            "alarmName": "checkout-5xx",
            "state": {"value": value, "reason": f"It is {value}", "timestamp": at},
            "previousState": {"value": "OK", "reason": "x", "timestamp": at},
            "configuration": {"description": "Too many 5xx", "metrics": []},
        },
        source="aws.cloudwatch",
        at=NOW + timedelta(seconds=seconds),
        resources=[ALARM],
    )


def alarm_notification(value: str, seconds: int = 0, arn: str = ALARM) -> dict[str, Any]:
    """Return a record with the same change in the form of a CloudWatch notification by SNS."""
    at = (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    message = {
        "AlarmName": "checkout-5xx", "AlarmDescription": "Too many 5xx",
        "AWSAccountId": "123456789012", "NewStateValue": value, "NewStateReason": f"It is {value}",
        "StateChangeTime": at, "Region": "US East (N. Virginia)", "AlarmArn": arn,
        "OldStateValue": "OK", "Trigger": {"MetricName": "5XX", "Namespace": "AWS/ApiGateway"},
    }  # fmt: skip
    sent_at = NOW + timedelta(seconds=seconds)
    return notification({name: text for name, text in message.items() if text}, sent_at)


def notification(message: dict[str, Any], sent_at: datetime = NOW) -> dict[str, Any]:
    """Return a record with an SNS notification in it."""
    return record(
        json.dumps(
            {
                "Type": "Notification",
                "MessageId": str(uuid.uuid4()),
                "TopicArn": "arn:aws:sns:us-east-1:123456789012:events",
                "Subject": "A subject",
                "Message": json.dumps(message),
                "Timestamp": NOW.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "SignatureVersion": "1",
                "Signature": "x",
                "SigningCertURL": "https://sns.us-east-1.amazonaws.com/x.pem",
                "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/",
            }
        ),
        sent_at=max(sent_at, clock.now()),
    )


def deployment(status: str, seconds: int = 0, **values: Any) -> dict[str, Any]:
    """Return a record with a step of a deployment."""
    detail = {"user_id": USER, "deployment_id": "d-1", "application": "checkout",
              "environment": "production", "version": "2.4.0", "status": status,
              "deployed_by": "ada", "changelog": "Pay faster", **values}  # fmt: skip
    return on_bus("Deployment", detail, at=NOW + timedelta(seconds=seconds))


def send(kind: str, *records: dict[str, Any]) -> list[str]:
    """Invoke a kind's function with a batch, and on_event with the prompts of it.

    Returns:
        The message ids that failed.
    """
    import importlib  # noqa: PLC0415 - functions load when they are used

    failed = []
    for of, chosen in (
        (kind, [record for record in records if record["eventSourceARN"] != PROMPTS]),
        ("event", [record for record in records if record["eventSourceARN"] == PROMPTS]),
    ):
        if chosen:
            handler = importlib.import_module(f"functions.on_{of}.app").lambda_handler
            answer = handler({"Records": chosen}, LambdaContext())
            failed += [item["itemIdentifier"] for item in answer["batchItemFailures"]]
    return failed
