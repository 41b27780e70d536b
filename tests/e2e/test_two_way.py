"""The way back on the deployed stack: a person's page, a push, a look, and the bus."""

import json
import ssl
import time
import uuid
from typing import TYPE_CHECKING, Any

import httpx

from local import update_set
from tests.e2e.conftest import put, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.cloud import LocalCloud
    from tests.e2e.conftest import User


def test_what_a_person_does_on_a_page_is_on_the_bus_within_seconds(
    cloud: "LocalCloud", new_user: "Callable[[], User]"
) -> None:
    """An opening, then what a person does to the ticket, in sequence; nothing comes in again."""
    user = new_user()
    user.connect(cloud)
    rules = {"errors": {"send_comments": True}}
    assert user.call("PUT", "rules", rules, headers={"If-Match": "*"}).status_code == 200
    service = f"shop-{uuid.uuid4().hex[:8]}"
    received = subscribed(cloud)
    detail = {"user_id": user.id, "service": service, "severity": "critical", "message": "Failed"}
    put(cloud, "Application Error", detail)

    def of_service() -> list[dict[str, str]]:
        rows = cloud.simulator.records("incident")
        return [row for row in rows if service in row["short_description"]]

    (ticket,) = wait_for("incident", of_service)
    (opened,) = wait_for("opening", lambda: received(ticket["sys_id"]))
    assert opened["detail-type"] == "Ticket Opened"
    hook = user.call("POST", "webhooks/servicenow").json()
    with httpx.Client(
        base_url=cloud.simulator.url,
        verify=ssl.create_default_context(cafile=cloud.simulator.ca_file),
    ) as person:
        person.post("/login.do", data={"user_name": "admin", "user_password": "admin"})
        page = f"/incident.do?sys_id={ticket['sys_id']}"
        for form in (
            {"assigned_to": "Beth Anglin"},
            {"state": "Resolved", "close_code": "Solution provided", "close_notes": "Done"},
        ):
            assert person.post(page, data=form).status_code == 303
        assert push(user, hook, ticket["sys_id"]) == 202
        wait_for("what the person did", lambda: len(received(ticket["sys_id"])) == 3)
        again = {"state": "In Progress", "comments": "It is back"}
        assert person.post(page, data=again).status_code == 303
        assert push(user, hook, ticket["sys_id"]) == 202
        events = wait_for(
            "reopening", lambda: len(received(ticket["sys_id"])) == 5 and received.all
        )
    mine = [event for event in events if event["detail"]["sys_id"] == ticket["sys_id"]]
    assert [event["detail-type"] for event in mine] == [
        "Ticket Opened", "Ticket Assigned", "Ticket Resolved", "Ticket Reopened",
        "Ticket Commented",
    ]  # fmt: skip
    assert [event["detail"]["sequence"] for event in mine] == [1, 2, 3, 4, 5]
    assert mine[4]["detail"]["comment"]["text"] == "It is back"
    assert mine[2]["detail"]["after"]["close_notes"] == "Done"
    shown = user.call("GET", "activity?kind=servicenow").json()["items"]
    assert {item["action"] for item in shown} == {"assigned", "resolved", "reopened", "commented"}
    assert len(of_service()) == 1


def push(user: "User", hook: dict[str, Any], sys_id: str, table: str = "incident") -> int:
    """Push as ServiceNow's script does, and return the status."""
    body = json.dumps({"table": table, "sys_id": sys_id})
    headers = update_set.signed(hook["secret"], body, int(time.time()))
    answer = user.http.post(hook["path"], content=body, headers=headers)
    return answer.status_code


class subscribed:  # noqa: N801 - read as a word
    """A queue that gets what comes out, as a user's own rule sends it."""

    def __init__(self, cloud: "LocalCloud") -> None:
        name = f"out-{uuid.uuid4().hex[:8]}"
        self._sqs = cloud.client("sqs")
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        events, bus = cloud.client("events"), cloud.outputs["EventBusName"]
        pattern = {"source": ["actionsync.servicenow"]}
        events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
        target = {"Id": "queue", "Arn": arn["Attributes"]["QueueArn"]}
        events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
        self.all: list[dict[str, Any]] = []

    def __call__(self, sys_id: str) -> list[dict[str, Any]]:
        """Return what came of a ticket, in its order."""
        found = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        self.all += [json.loads(message["Body"]) for message in found.get("Messages", [])]
        self.all.sort(key=lambda event: int(event["detail"]["sequence"]))
        return [event for event in self.all if event["detail"]["sys_id"] == sys_id]
