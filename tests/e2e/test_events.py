"""Events on the deployed stack: real bus, topic, queues, webhook and dead letters, IAM enforced."""

import hashlib
import hmac
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from local.cloud import STACK
from local.servicenow import faults
from tests.e2e.conftest import put, wait_for
from tests.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.cloud import LocalCloud
    from tests.e2e.conftest import User


@pytest.fixture
def user(cloud: "LocalCloud", new_user: "Callable[[], User]") -> "User":
    """A user with a connection, in whose name AWS's own events become tickets."""
    user = new_user()
    user.connect(cloud)
    cloud.automate(user.token)
    return user


def incidents(cloud: "LocalCloud", text: str) -> list[dict[str, str]]:
    """Return the incidents with this text in their title."""
    rows = cloud.simulator.records("incident")
    return [row for row in rows if text in row["short_description"]]


def _error(user: "User", service: str, **values: Any) -> dict[str, Any]:
    return {"user_id": user.id, "service": service, "severity": "critical",
            "message": "Payment failed", **values}  # fmt: skip


def test_an_error_comes_by_bus_and_by_topic(cloud: "LocalCloud", user: "User") -> None:
    """The same cause both ways: one incident, in the audit trail of its user."""
    service = f"shop-{uuid.uuid4().hex[:8]}"
    put(cloud, "Application Error", _error(user, service))
    cloud.client("sns").publish(
        TopicArn=cloud.outputs["EventTopicArn"], Message=json.dumps(_error(user, service))
    )
    (row,) = wait_for("incident", lambda: incidents(cloud, service))
    assert row["priority"] == "1"
    time.sleep(2)
    assert len(incidents(cloud, service)) == 1
    page = user.call("GET", "activity?limit=1").json()
    assert [item["number"] for item in page["items"]] == [row["number"]]


def test_an_alarm_comes_by_topic_and_is_resolved(cloud: "LocalCloud", user: "User") -> None:
    """A real alarm of CloudWatch's goes off and ends."""
    name = f"checkout-{uuid.uuid4().hex[:8]}"
    cloudwatch, topic = cloud.client("cloudwatch"), cloud.outputs["EventTopicArn"]
    cloudwatch.put_metric_alarm(
        AlarmName=name, Namespace="x", MetricName="x", Statistic="Sum", Period=60, Threshold=1,
        EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold", AlarmActions=[topic],
        OKActions=[topic],
    )  # fmt: skip
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="Too many")
    (row,) = wait_for("incident", lambda: incidents(cloud, name))
    assert row["short_description"] == f"Alarm {name}"
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="Fine again")
    wait_for("resolution", lambda: incidents(cloud, name)[0]["state"] == "6")
    assert "Fine again" in incidents(cloud, name)[0]["close_notes"]


def test_a_deployment_is_a_change(cloud: "LocalCloud", user: "User") -> None:
    """By the user's rules: a standard change, implemented and closed."""
    rules = {"deployments": {"change_type": "standard", "template": "Deploy a service"}}
    assert user.call("PUT", "rules", rules).status_code == 200
    service = f"shop-{uuid.uuid4().hex[:8]}"
    detail = {"user_id": user.id, "deployment_id": "1", "application": service}
    put(cloud, "Deployment", {**detail, "status": "started"})

    def changes() -> list[dict[str, str]]:
        rows = cloud.simulator.records("change_request")
        return [row for row in rows if service in row["short_description"]]

    wait_for("change in Implement", lambda: [row for row in changes() if row["state"] == "-1"])
    put(cloud, "Deployment", {**detail, "status": "succeeded"})
    wait_for("closed change", lambda: changes()[0]["state"] == "3")
    assert changes()[0]["close_code"] == "successful"


def test_a_meeting_makes_its_tickets(cloud: "LocalCloud", user: "User") -> None:
    """Two action items, two incidents."""
    title = uuid.uuid4().hex[:8]
    items = [{"summary": f"{title} {number}", "requires_incident": True} for number in range(2)]
    detail = {"user_id": user.id, "meeting_id": title, "title": title, "action_items": items}
    put(cloud, "Meeting Processed", detail)
    wait_for("two incidents", lambda: len(incidents(cloud, title)) == 2)


def test_githubs_webhook(cloud: "LocalCloud", user: "User") -> None:
    """Signed with the secret it is taken once; otherwise refused."""
    hook = user.call("POST", "webhooks/github").json()
    repository = f"octo/{uuid.uuid4().hex[:8]}"
    body = json.dumps(
        {
            "action": "completed",
            "repository": {"full_name": repository},
            "workflow_run": {"name": "Build", "head_branch": "main", "conclusion": "failure",
                             "html_url": "https://github.com/x"},
        }
    )  # fmt: skip
    signature = hmac.new(hook["secret"].encode(), body.encode(), hashlib.sha256).hexdigest()
    headers = {
        "X-GitHub-Event": "workflow_run",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={signature}",
        "Content-Type": "application/json",
    }
    with cloud.http() as http:
        answers = [http.post(hook["path"], content=body, headers=headers) for _ in range(2)]
        wrong = {**headers, "X-Hub-Signature-256": "sha256=" + "0" * 64}
        assert http.post(hook["path"], content=body, headers=wrong).status_code == 401
    assert [answer.json()["status"] for answer in answers] == ["accepted", "duplicate"]
    (row,) = wait_for("incident", lambda: incidents(cloud, repository))
    assert "Build on main: failure" in row["short_description"]


def test_an_event_that_failed_is_seen_and_retried(cloud: "LocalCloud", user: "User") -> None:
    """With ServiceNow's own words; once the cause is repaired, Retry makes the ticket."""
    service = f"shop-{uuid.uuid4().hex[:8]}"
    refusal = faults.error(403, "Operation Failed", "ACL", method="POST", times=None)
    cloud.simulator.faults.add(refusal)
    put(cloud, "Application Error", _error(user, service))

    def failed() -> list[dict[str, Any]]:
        found = user.call("GET", "unfinished-events?state=failed").json()["items"]
        return [item for item in found if item["name"] == service]

    (item,) = wait_for("failed event", failed)
    cloud.simulator.faults.clear()
    assert "ACL" in item["reason"]
    assert user.call("POST", f"unfinished-events/{item['id']}/retry").status_code == 202
    release(cloud)
    wait_for("incident", lambda: incidents(cloud, service))
    wait_for("nothing failed", lambda: not failed())


def test_an_outage_loses_nothing(cloud: "LocalCloud", user: "User") -> None:
    """While the instance refuses, events wait in the table; then each has its ticket, once."""
    prefix = f"shop-{uuid.uuid4().hex[:8]}"
    cloud.simulator.faults.add(faults.rate_limited(3, method="POST", times=3))
    for number in range(10):
        put(cloud, "Application Error", _error(user, f"{prefix}-{number}"))

    def released() -> bool:
        release(cloud)
        return len(incidents(cloud, prefix)) == 10

    wait_for("tickets of all", released, 240)
    time.sleep(2)
    assert len(incidents(cloud, prefix)) == 10


def release(cloud: "LocalCloud") -> None:
    """Run the tick, as the schedule does each minute."""
    function = cloud.resource("ReleaseWaitingFunction")
    answer = cloud.client("lambda").invoke(FunctionName=function, Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()


def test_a_preview_writes_nothing(cloud: "LocalCloud", user: "User") -> None:
    """The ticket that an example would make, with the instance's objections."""
    before = len(cloud.simulator.records("incident"))
    event = _error(user, "shop")
    rules = {"errors": {"assignment_group": "No such group"}}
    shown = user.call("POST", "rules/preview", {"kind": "error", "event": event}).json()
    assert shown["checked"] is True
    assert shown["tickets"][0]["columns"]["short_description"] == "shop: Payment failed"
    assert shown["tickets"][0]["problems"] == []
    asked = {"kind": "error", "event": event, "rules": rules}
    wrong = user.call("POST", "rules/preview", asked).json()
    assert wrong["tickets"][0]["problems"][0]["field"] == "assignment_group"
    assert len(cloud.simulator.records("incident")) == before


def test_awss_own_events_match_their_rules(cloud: "LocalCloud", user: "User") -> None:
    """The deployed rules take what AWS says, not the stack's own alarms; the queue does the rest.

    Nobody but AWS may put such events on a bus: EventBridge is asked what its rules would match,
    and the event is laid where the rule's target says.
    """
    events, sqs = cloud.client("events"), cloud.client("sqs")
    pipeline = f"shop-{uuid.uuid4().hex[:8]}"
    cases = [
        ("AlarmRule", "AlarmQueueUrl", example("on_alarm", "valid"), True),
        ("AlarmRule", "AlarmQueueUrl", example("on_alarm", "deleted"), True),
        ("AlarmRule", "AlarmQueueUrl", _own_alarm(), False),
        ("AwsDeploymentRule", "DeploymentQueueUrl",
         example("on_deployment", "codepipeline_action"), True),
        ("AwsDeploymentRule", "DeploymentQueueUrl", example("on_deployment", "codedeploy_start"),
         True),
        ("AwsDeploymentRule", "DeploymentQueueUrl", _pipeline(pipeline), True),
        ("AwsDeploymentRule", "DeploymentQueueUrl", example("on_alarm", "valid"), False),
    ]  # fmt: skip
    for logical_id, queue, happened, is_taken in cases:
        rule = events.describe_rule(Name=cloud.resource(logical_id))
        matched = events.test_event_pattern(
            EventPattern=rule["EventPattern"], Event=json.dumps(happened)
        )["Result"]
        assert matched is is_taken, (logical_id, happened)
        (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        url = cloud.outputs[queue]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        assert target["Arn"] == arn["QueueArn"]
    sqs.send_message(
        QueueUrl=cloud.outputs["DeploymentQueueUrl"], MessageBody=json.dumps(_pipeline(pipeline))
    )
    wait_for(
        "change",
        lambda: [
            row
            for row in cloud.simulator.records("change_request")
            if pipeline in row["short_description"]
        ],
    )


def example(function: str, name: str) -> dict[str, Any]:
    """Return the event in the first record of a payload of events/."""
    payload = json.loads((ROOT / f"events/{function}/{name}.json").read_text())
    found: dict[str, Any] = json.loads(payload["Records"][0]["body"])
    return found


def _own_alarm() -> dict[str, Any]:
    event = example("on_alarm", "valid")
    event["detail"]["alarmName"] = f"{STACK}-AgeAlarm"
    return event


def _pipeline(name: str) -> dict[str, Any]:
    event = example("on_deployment", "codepipeline_started")
    event["detail"]["pipeline"] = name
    event["detail"]["execution-id"] = str(uuid.uuid4())
    return event
