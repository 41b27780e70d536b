"""Webhooks and their owners. A webhook's secret is in Secrets Manager.

`pk = WEBHOOKS#<owner>` lists an owner's webhooks, an attribute each, and counts them (`held`): one
conditional update adds to both, so that nobody gets more than MOST_WEBHOOKS. `pk = WEBHOOK#<webhook
id>` names the owner to whoever receives a delivery. The list is written first and removed last, so
that a webhook which a dead function left half made, or half removed, is seen and can be removed.
The secret is `<prefix>webhook/<webhook id>`.
"""

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionsync import clock
from actionsync.errors import TooManyWebhooksError, WebhookNotFoundError
from actionsync.stores.secrets import encryption

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

# For so long a warm function may take deliveries of a webhook that was removed meanwhile.
CACHED_SECONDS = 120.0
# Of one owner. Each is a secret that costs money by the month.
MOST_WEBHOOKS = 20


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as its owner sees it."""

    id: str
    created_at: str


class WebhookStore:
    """The webhooks, in the events table, and their secrets.

    Args:
        dynamodb: the DynamoDB client.
        table: name of the events table.
        secrets: the Secrets Manager client.
        prefix: start of the name of every secret of the stack.
        key: ARN of the KMS key that encrypts the secrets, or empty for AWS's own.
    """

    def __init__(
        self,
        dynamodb: "DynamoDBClient",
        table: str,
        secrets: "SecretsManagerClient",
        prefix: str,
        key: str = "",
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._secrets = secrets
        self._prefix = prefix
        self._encryption = encryption(key)
        self._cache: dict[str, tuple[float, str, str]] = {}

    def create(self, webhook_id: str, owner: str, secret: str) -> None:
        """Store a webhook, its owner first, so that no secret is without one.

        Raises:
            TooManyWebhooksError: the owner has MOST_WEBHOOKS already.
        """
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_list_of(owner),
                UpdateExpression="SET #id = :facts ADD held :one",
                ConditionExpression="attribute_not_exists(held) OR held < :most",
                ExpressionAttributeNames={"#id": webhook_id},
                ExpressionAttributeValues={
                    ":facts": {"M": {"created_at": {"S": clock.iso(clock.now())}}},
                    ":one": {"N": "1"},
                    ":most": {"N": str(MOST_WEBHOOKS)},
                },
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            raise TooManyWebhooksError(MOST_WEBHOOKS) from None
        self._dynamodb.put_item(
            TableName=self._table, Item={**_key(webhook_id), "owner": {"S": owner}}
        )
        self._secrets.create_secret(
            Name=self._name(webhook_id), SecretString=secret, **self._encryption
        )

    def find(self, webhook_id: str) -> tuple[str, str] | None:
        """Return a webhook's owner and secret, or None where there is none; cached for a while."""
        fresh_until, owner, secret = self._cache.get(webhook_id, (0.0, "", ""))
        if fresh_until > time.monotonic():
            return owner, secret
        self._cache.pop(webhook_id, None)
        item = self._dynamodb.get_item(TableName=self._table, Key=_key(webhook_id)).get("Item")
        if item is None:
            return None
        try:
            answer = self._secrets.get_secret_value(SecretId=self._name(webhook_id))
        except self._secrets.exceptions.ResourceNotFoundException:
            return None
        owner, secret = item["owner"]["S"], answer["SecretString"]
        self._cache[webhook_id] = (time.monotonic() + CACHED_SECONDS, owner, secret)
        return owner, secret

    def of(self, owner: str) -> list[Webhook]:
        """Return an owner's webhooks, the oldest first."""
        found = [
            Webhook(name, value["M"]["created_at"]["S"])
            for name, value in self._listed(owner).items()
            if "M" in value
        ]
        return sorted(found, key=lambda webhook: (webhook.created_at, webhook.id))

    def delete(self, owner: str, webhook_id: str) -> None:
        """Remove an owner's webhook, its secret first.

        Raises:
            WebhookNotFoundError: the owner has no such webhook.
        """
        if "M" not in self._listed(owner).get(webhook_id, {}):
            raise WebhookNotFoundError
        # A removal that died may have deleted it.
        with contextlib.suppress(self._secrets.exceptions.ResourceNotFoundException):
            self._secrets.delete_secret(
                SecretId=self._name(webhook_id), ForceDeleteWithoutRecovery=True
            )
        self._dynamodb.delete_item(TableName=self._table, Key=_key(webhook_id))
        # Whoever removes it at the same time has counted it.
        with contextlib.suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
            left = self._dynamodb.update_item(
                TableName=self._table,
                Key=_list_of(owner),
                UpdateExpression="REMOVE #id ADD held :one_less",
                ConditionExpression="attribute_exists(#id)",
                ExpressionAttributeNames={"#id": webhook_id},
                ExpressionAttributeValues={":one_less": {"N": "-1"}},
                ReturnValues="UPDATED_NEW",
            )["Attributes"]["held"]["N"]
            if left == "0":
                self._dynamodb.delete_item(
                    TableName=self._table,
                    Key=_list_of(owner),
                    ConditionExpression="held = :none",
                    ExpressionAttributeValues={":none": {"N": "0"}},
                )

    def _listed(self, owner: str) -> "dict[str, AttributeValueTypeDef]":
        return self._dynamodb.get_item(
            TableName=self._table, Key=_list_of(owner), ConsistentRead=True
        ).get("Item", {})

    def _name(self, webhook_id: str) -> str:
        return f"{self._prefix}webhook/{webhook_id}"


def _key(webhook_id: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"WEBHOOK#{webhook_id}"}, "sk": {"S": "WEBHOOK"}}


def _list_of(owner: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"WEBHOOKS#{owner}"}, "sk": {"S": "WEBHOOKS"}}
