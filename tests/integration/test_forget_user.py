"""`actionsync forget-user`: nothing of the user is left, and nothing of anybody else's is gone."""

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from actionsync.wiring import stores
from local.servicenow import faults, seed
from operate import forget_user
from operate.forget_user import Stack, forget
from operate.redrive import KINDS
from tests.conftest import call
from tests.integration.conftest import connect
from tests.integration.events import Queues, deployment, error, send
from tests.integration.gates import ask

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws

TABLES = ("ConnectionsTable", "IdempotencyTable", "EventsTable", "WaitingTable", "AuditTable")


@pytest.fixture
def stack(aws: "Aws", monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The stack that moto keeps, without its pool; it makes the queues of dead letters."""
    monkeypatch.setattr(forget_user, "WAIT_SECONDS", 0)
    sqs = boto3.client("sqs")
    boto3.client("sns").create_topic(Name="notices")
    letters = [f"{kind}DeadLetters" for kind in KINDS]
    queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in letters}
    names = {**{table: table for table in TABLES}, **queues}
    return Stack(
        aws.dynamodb, aws.secrets_manager, sqs, None, names, "actionsync/test/", boto3.client("sns")
    )


def live(simulator: "Simulator", stack: Stack, user_id: str) -> None:
    """Let a user do everything that leaves something."""
    connect(simulator, seed.INTEGRATION_USER, user_id)
    new = {"short_description": f"Of {user_id}"}
    key = {"idempotency-key": "1"}
    assert call("create_incident", new, user_id=user_id, headers=key).status == 201
    assert call("update_rules", {"errors": {"enabled": True}}, user_id=user_id).status == 200
    assert call("create_webhook", user_id=user_id).status == 201
    stores.address_store().save(user_id, user_id, f"{user_id}@example.com")
    stores.address_store().save(f"team of {user_id}", user_id, f"{user_id}@example.com")
    assert ask(user_id=user_id).status == 201
    send("error", error(user_id=user_id))
    send("deployment", deployment("started", user_id=user_id, deployment_id="d-2"))
    simulator.faults.add(faults.rate_limited(60, method="POST"))
    send("error", error(user_id=user_id, service="waits"))
    simulator.faults.clear()
    send("error", error(user_id=user_id, message=7))
    for kind in KINDS:
        url = stack.names[f"{kind}DeadLetters"]
        detail = {"user_id": user_id}
        notification = {"Type": "Notification", "Message": json.dumps(detail)}
        named = [json.dumps(body) for body in ({"detail": detail}, notification)]
        for body in (*named, "no JSON", "[]", '{"Message": "no JSON"}'):
            stack.sqs.send_message(QueueUrl=url, MessageBody=body)


def everything(aws: "Aws", stack: Stack) -> list[str]:
    """Return all that is stored anywhere, one text a thing."""
    letters = []
    for kind in KINDS:
        url = stack.names[f"{kind}DeadLetters"]
        handles = []
        while found := stack.sqs.receive_message(QueueUrl=url).get("Messages"):
            letters += [f"{kind} {message['Body']}" for message in found]
            handles += [message["ReceiptHandle"] for message in found]
        for handle in handles:
            stack.sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0
            )
    items = [
        f"{table} {json.dumps(item, sort_keys=True, default=str)}"
        for table in TABLES
        for item in aws.items(table)
    ]
    items += [str(one) for one in stack.sns.list_subscriptions()["Subscriptions"]]
    secrets: dict[str, Any] = aws.secrets()
    return sorted([*items, *letters, *(f"{name} {text}" for name, text in secrets.items())])


@pytest.mark.parametrize("user_id", ["ada@example.com", 'odd "user" | id\\'])
def test_a_user_is_forgotten_and_no_other(
    aws: "Aws",
    simulator: "Simulator",
    stack: Stack,
    monkeypatch: pytest.MonkeyPatch,
    user_id: str,
) -> None:
    """Whatever two users do: one is gone whole, the other is as before; again finds nothing."""
    Queues(monkeypatch)
    live(simulator, stack, "bob")
    before = everything(aws, stack)
    live(simulator, stack, user_id)
    assert len(everything(aws, stack)) > len(before) + 15

    found = forget(stack, user_id)

    assert found.pop("users of the pool") == 0
    assert found.pop("sign-ins for teams") == 0  # tests/integration/test_sign_in.py
    assert found.pop("records of teams' audit trails") == 0  # tests/integration/test_teams.py
    assert all(found.values()), found
    assert found["dead letters"] == 2 * len(KINDS)
    left = everything(aws, stack)
    mentioned = json.dumps(user_id)[1:-1]
    assert [text for text in left if mentioned in text or f"Of {user_id}" in text] == []
    # What names nobody stays: marks of deliveries without content.
    for text in before:
        assert text in left
    gone = [text for text in left if text not in before]
    assert all("DELIVERY#" in text or "JSON" in text or "[]" in text
               for text in gone)  # fmt: skip
    assert set(forget(stack, user_id).values()) == {0}
