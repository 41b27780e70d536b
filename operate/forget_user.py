"""`actionsync forget-user`: delete everything that a stack has of a user.

The user of the stack's pool, gates, connections, passwords, webhooks, addresses of notices, rules,
recipes, correlations, newest events, what waits, stored answers, dead letters and the audit trail.
What teams have stays, but for addresses that the user has named; in their trails the user becomes
`forgotten`. Run it again after an hour, when the user's last token has ended and no warm function
remembers anything: it says what it still found. Logs and backups end by themselves.
"""

import json
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

from actionsync.connections.service import delete_connection, end_sign_in
from actionsync.stores.addresses import AddressStore
from actionsync.stores.connections import ConnectionStore
from actionsync.stores.documents import DocumentStore
from actionsync.stores.gates import GateStore
from actionsync.stores.pauses import PauseStore, Target
from actionsync.stores.secrets import SecretStore
from actionsync.stores.teams import TeamStore
from actionsync.stores.webhooks import WebhookStore

from .outcome import DONE, Progress, Say
from .redrive import KINDS, WAIT_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_sqs.client import SQSClient

# What replaces a member's id in the trail of a team.
FORGOTTEN = "forgotten"
# The tick has each gate looked at once a minute; what is not sent in three is not sent at all.
_LOOK_SECONDS, _MOST_LOOKS = 5, 36
# For so long a dead letter that was looked at is hidden from others, and from the next look.
_HIDDEN_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Stack:
    """Where a stack keeps things.

    Attributes:
        dynamodb: its tables.
        secrets_manager: its secrets.
        sqs: its queues.
        cognito: its user pool, or None where an issuer of one's own names the users.
        names: physical ids by the template's logical ids.
        secret_prefix: start of every secret's name.
        sns: its topic of notices.
    """

    dynamodb: "DynamoDBClient"
    secrets_manager: "SecretsManagerClient"
    sqs: "SQSClient"
    cognito: "CognitoIdentityProviderClient | None"
    names: dict[str, str]
    secret_prefix: str
    sns: Any


def forget(stack: Stack, user_id: str, say: Say = lambda _: None) -> dict[str, int]:
    """Delete everything stored for a user, and return how much of what there was.

    Whoever can still add something goes first, the audit trail last: it is what tells of the rest
    if this is interrupted. Doing it again does what was left.

    Args:
        stack: where things are.
        user_id: the user.
        say: is called with how far it is.
    """
    steps: dict[str, Callable[[], int]] = {
        "users of the pool": lambda: _users(stack, user_id),
        **_things(stack, user_id, say),
        "sign-ins for teams": lambda: _sign_ins(stack, user_id),
        "records of teams' audit trails": lambda: _of_teams(stack, user_id, say),
        "records of the audit trail": lambda: _trail(stack, user_id, say),
    }
    return {what: delete() for what, delete in steps.items()}


def remove_things(stack: Stack, owner: str, say: Say = lambda _: None) -> dict[str, int]:
    """Delete what an owner has, but for the audit trail, and return how much of what there was."""
    return {what: delete() for what, delete in _things(stack, owner, say).items()}


def _things(stack: Stack, owner: str, say: Say) -> dict[str, Callable[[], int]]:
    return {
        "gates that waited": lambda: _gates(stack, owner, say),
        "connections": lambda: _connections(stack, owner),
        "webhooks": lambda: _webhooks(stack, owner),
        "addresses": lambda: _addresses(stack, owner, say),
        "rules": lambda: _settings(stack, owner),
        "waiting events": lambda: _waiting(stack, owner, say),
        "correlations and recent events": lambda: _scanned(
            stack, "EventsTable", ("pk", "sk"), owner, say
        ),
        "stored answers": lambda: _scanned(stack, "IdempotencyTable", ("pk",), owner, say),
        "dead letters": lambda: sum(_letters(stack, kind, owner, say) for kind in KINDS),
    }


def _users(stack: Stack, user_id: str) -> int:
    if stack.cognito is None:
        return 0
    pool = stack.names["UserPool"]
    quoted = user_id.replace("\\", "\\\\").replace('"', '\\"')
    users = stack.cognito.list_users(UserPoolId=pool, Filter=f'sub = "{quoted}"')["Users"]
    for user in users:
        stack.cognito.admin_delete_user(UserPoolId=pool, Username=user["Username"])
    return len(users)


def _connections(stack: Stack, user_id: str) -> int:
    connections = ConnectionStore(stack.dynamodb, stack.names["ConnectionsTable"])
    secrets = SecretStore(stack.secrets_manager, stack.secret_prefix)
    for connection in connections.all(user_id):
        PauseStore(stack.dynamodb, stack.names["EventsTable"]).end(Target.of(connection))
    names = connections.names(user_id)
    for name in names:
        delete_connection(connections, secrets, user_id, name)
    return len(names)


def _sign_ins(stack: Stack, user_id: str) -> int:
    """End what the user has signed in to for teams: their connections say so from then on."""
    connections = ConnectionStore(stack.dynamodb, stack.names["ConnectionsTable"])
    secrets = SecretStore(stack.secrets_manager, stack.secret_prefix)
    found = [
        (team.id, connection)
        for team in TeamStore(stack.dynamodb, stack.names["ConnectionsTable"]).all()
        for connection in connections.all(team.id)
        if connection.signed_in_by == user_id
    ]
    for owner, connection in found:
        end_sign_in(connections, secrets, owner, connection)
    return len(found)


def _gates(stack: Stack, user_id: str, say: Say) -> int:
    """End what waits, and let the stack tell its platforms before their tokens are deleted."""
    gates = GateStore(stack.dynamodb, stack.names["EventsTable"])
    waiting = [gate for gate in gates.all(user_id) if gate.state == "waiting"]
    for gate in waiting:
        gates.decide(gate, "no", "Its owner was removed from ActionSync")
    for _ in range(_MOST_LOOKS):
        if not any(gate.answer == "due" for gate in gates.all(user_id)):
            break
        say("The platforms of gates have their answers")
        time.sleep(_LOOK_SECONDS)
    return len(waiting)


def _webhooks(stack: Stack, user_id: str) -> int:
    webhooks = WebhookStore(
        stack.dynamodb, stack.names["EventsTable"], stack.secrets_manager, stack.secret_prefix
    )
    return webhooks.forget(user_id)


def _addresses(stack: Stack, user_id: str, say: Say) -> int:
    """Remove the addresses that the user has named, for themselves or for teams."""
    table = stack.names["EventsTable"]
    store = AddressStore(stack.dynamodb, table, lambda: stack.sns, "")  # ended by its own ARN
    items = _found(
        stack,
        "scan",
        say,
        TableName=table,
        FilterExpression="user_id = :user AND attribute_exists(email)",
        ExpressionAttributeValues={":user": {"S": user_id}},
        ConsistentRead=True,
    )
    return sum(store.delete(item["owner"]["S"]) for item in items)


def _settings(stack: Stack, user_id: str) -> int:
    recipes = DocumentStore(stack.dynamodb, stack.names["EventsTable"], "RECIPES")
    keys = [
        (f"RULES#{user_id}", "RULES"),
        (f"PIPELINES#{user_id}", "PIPELINES"),
        *((f"RECIPES#{user_id}", name) for name in recipes.all(user_id)),
    ]
    answers = [
        stack.dynamodb.delete_item(
            TableName=stack.names["EventsTable"],
            Key={"pk": {"S": pk}, "sk": {"S": sk}},
            ReturnValues="ALL_OLD",
        )
        for pk, sk in keys
    ]
    return sum("Attributes" in answer for answer in answers)


def _waiting(stack: Stack, user_id: str, say: Say) -> int:
    """Delete what waits or has failed; the items' wait keys name the user, too."""
    items = _found(
        stack,
        "scan",
        say,
        TableName=stack.names["WaitingTable"],
        FilterExpression="#owner = :user",
        ExpressionAttributeNames={"#owner": "owner"},
        ExpressionAttributeValues={":user": {"S": user_id}},
        ProjectionExpression="pk, sk",
        ConsistentRead=True,
    )
    _delete(stack, "WaitingTable", ("pk", "sk"), items, say)
    return sum(item["pk"]["S"] != "WAITING" for item in items)


def _scanned(stack: Stack, table: str, key: tuple[str, ...], user_id: str, say: Say) -> int:
    """Delete a table's items that carry the user's id; nothing leads to them but looking at all."""
    items = _found(
        stack,
        "scan",
        say,
        TableName=stack.names[table],
        FilterExpression="user_id = :user OR #owner = :user",
        ExpressionAttributeNames={"#owner": "owner"},
        ExpressionAttributeValues={":user": {"S": user_id}},
        ConsistentRead=True,
    )
    return _delete(stack, table, key, items, say)


def _trail(stack: Stack, user_id: str, say: Say) -> int:
    items = _found(
        stack,
        "query",
        say,
        TableName=stack.names["AuditTable"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": user_id}},
        ProjectionExpression="pk, sk",
    )
    return _delete(stack, "AuditTable", ("pk", "sk"), items, say)


def _of_teams(stack: Stack, user_id: str, say: Say) -> int:
    """Replace the user in the trails of teams, whose things stay."""
    count = 0
    for team in TeamStore(stack.dynamodb, stack.names["ConnectionsTable"]).all():
        items = _found(
            stack,
            "query",
            say,
            TableName=stack.names["AuditTable"],
            KeyConditionExpression="pk = :pk",
            FilterExpression="contains(#record, :user)",
            ExpressionAttributeNames={"#record": "record"},
            ExpressionAttributeValues={":pk": {"S": team.id}, ":user": {"S": json.dumps(user_id)}},
        )
        for item in items:
            record = json.loads(item["record"]["S"])
            if record.get("by") != user_id:
                continue
            stack.dynamodb.update_item(
                TableName=stack.names["AuditTable"],
                Key={"pk": item["pk"], "sk": item["sk"]},
                UpdateExpression="SET #record = :record",
                ExpressionAttributeNames={"#record": "record"},
                ExpressionAttributeValues={
                    ":record": {"S": json.dumps({**record, "by": FORGOTTEN})}
                },
            )
            count += 1
    return count


def _found(stack: Stack, operation: str, say: Say, **asked: Any) -> list[dict[str, Any]]:
    paginator: Any = stack.dynamodb.get_paginator(operation)  # type: ignore[call-overload] # either
    items: list[dict[str, Any]] = []
    looked_at = 0
    for page in paginator.paginate(**asked):
        items += page["Items"]
        looked_at += page["ScannedCount"]
        say(f"{looked_at:,} items of {asked['TableName']} looked at, {len(items):,} are the user's")
    return items


def _delete(
    stack: Stack, table: str, key: tuple[str, ...], items: list[dict[str, Any]], say: Say
) -> int:
    for number, item in enumerate(items, 1):
        stack.dynamodb.delete_item(
            TableName=stack.names[table], Key={name: item[name] for name in key}
        )
        say(f"{number:,} of {len(items):,} items of {stack.names[table]} deleted")
    return len(items)


def _letters(stack: Stack, kind: str, user_id: str, say: Say) -> int:
    """Delete the user's letters of a dead-letter queue, and let the others be seen again."""
    url = stack.names[f"{kind}DeadLetters"]
    others: dict[str, str] = {}
    deleted = 0
    while messages := [
        message
        for message in stack.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=WAIT_SECONDS,
        ).get("Messages", [])
        if message["MessageId"] not in others
    ]:
        for message in messages:
            if user_id in _owners(message["Body"]):
                stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                deleted += 1
            else:
                others[message["MessageId"]] = message["ReceiptHandle"]
        say(f"{deleted + len(others):,} dead letters looked at ({kind})")
    for handle in others.values():
        stack.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    return deleted


def _owners(body: str) -> Iterator[str]:
    """Yield the owners in a dead letter: EventBridge's detail, SNS's JSON message, a webhook."""
    with suppress(ValueError, TypeError, AttributeError):
        document = json.loads(body)
        parts = (document, document.get("detail"), document.get("webhook"))
        for part in (*parts, json.loads(document.get("Message") or "{}")):
            if isinstance(part, dict):
                yield from (str(part.get(name)) for name in ("user_id", "owner"))


def stack_of(name: str) -> Stack:
    """Return a deployed stack."""
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources")
    names = {
        item["LogicalResourceId"]: item["PhysicalResourceId"]
        for page in pages.paginate(StackName=name)
        for item in page["StackResourceSummaries"]
        if "PhysicalResourceId" in item
    }
    return Stack(
        boto3.client("dynamodb"),
        boto3.client("secretsmanager"),
        boto3.client("sqs"),
        boto3.client("cognito-idp") if "UserPool" in names else None,
        names,
        f"actionsync/{name}/",
        boto3.client("sns"),
    )


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument("user", help="the user's id: the token's `sub`")


def run(arguments: Namespace) -> int:
    """Forget a user and say what there was."""
    for what, count in forget(stack_of(arguments.stack), arguments.user, Progress()).items():
        print(f"{count:7} {what}")
    return DONE
