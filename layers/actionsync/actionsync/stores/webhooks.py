"""Webhooks: which user one belongs to. Its secret lies in Secrets Manager.

Two items: `pk = WEBHOOKS#<user id>, sk = <webhook id>` lists it for its user, and
`pk = WEBHOOK#<webhook id>` names its user to whoever receives a delivery. The list is written first
and removed last, so that a webhook which a dead function left half made, or half removed, is seen
and can be removed.
"""

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionsync import clock
from actionsync.errors import WebhookNotFoundError
from actionsync.stores.secrets import encryption

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

# For so long a warm function may take deliveries of a webhook that was removed meanwhile.
KEPT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as its user sees it."""

    id: str
    created_at: str


class WebhookStore:
    """The webhooks, in the events table, and their secrets."""

    def __init__(
        self,
        dynamodb: "DynamoDBClient",
        table: str,
        secrets: "SecretsManagerClient",
        prefix: str,
        key: str = "",
    ) -> None:
        """Take the clients, the table's name, the start of the secrets' names and their key."""
        self._dynamodb = dynamodb
        self._table = table
        self._secrets = secrets
        self._prefix = prefix
        self._encryption = encryption(key)
        self._known: dict[str, tuple[float, str, str]] = {}

    def create(self, webhook_id: str, user_id: str, secret: str) -> None:
        """Store a webhook, its owner first, so that no secret is without one."""
        created_at = {"created_at": {"S": clock.iso(clock.now())}}
        self._dynamodb.put_item(
            TableName=self._table, Item={**_listed(user_id, webhook_id), **created_at}
        )
        self._dynamodb.put_item(
            TableName=self._table, Item={**_key(webhook_id), "user_id": {"S": user_id}}
        )
        self._secrets.create_secret(
            Name=self._name(webhook_id), SecretString=secret, **self._encryption
        )

    def find(self, webhook_id: str) -> tuple[str, str] | None:
        """Return a webhook's user and secret, or None where there is none; kept for a while."""
        fresh_until, user_id, secret = self._known.get(webhook_id, (0.0, "", ""))
        if fresh_until > time.monotonic():
            return user_id, secret
        self._known.pop(webhook_id, None)
        item = self._dynamodb.get_item(TableName=self._table, Key=_key(webhook_id)).get("Item")
        if item is None:
            return None
        try:
            answer = self._secrets.get_secret_value(SecretId=self._name(webhook_id))
        except self._secrets.exceptions.ResourceNotFoundException:
            return None
        user_id, secret = item["user_id"]["S"], answer["SecretString"]
        self._known[webhook_id] = (time.monotonic() + KEPT_SECONDS, user_id, secret)
        return user_id, secret

    def of(self, user_id: str) -> list[Webhook]:
        """Return a user's webhooks, the oldest first."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"WEBHOOKS#{user_id}"}},
            ConsistentRead=True,
        )
        found = [
            Webhook(item["sk"]["S"], item["created_at"]["S"])
            for page in pages
            for item in page["Items"]
        ]
        return sorted(found, key=lambda webhook: (webhook.created_at, webhook.id))

    def delete(self, user_id: str, webhook_id: str) -> None:
        """Remove a user's webhook, its secret first.

        Raises:
            WebhookNotFoundError: the user has no such webhook.
        """
        listed = _listed(user_id, webhook_id)
        answer = self._dynamodb.get_item(TableName=self._table, Key=listed, ConsistentRead=True)
        if "Item" not in answer:
            raise WebhookNotFoundError
        # A removal that died may have deleted it.
        with contextlib.suppress(self._secrets.exceptions.ResourceNotFoundException):
            self._secrets.delete_secret(
                SecretId=self._name(webhook_id), ForceDeleteWithoutRecovery=True
            )
        for key in (_key(webhook_id), listed):
            self._dynamodb.delete_item(TableName=self._table, Key=key)

    def _name(self, webhook_id: str) -> str:
        return f"{self._prefix}webhook-{webhook_id}"


def _key(webhook_id: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"WEBHOOK#{webhook_id}"}, "sk": {"S": "WEBHOOK"}}


def _listed(user_id: str, webhook_id: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"WEBHOOKS#{user_id}"}, "sk": {"S": webhook_id}}
