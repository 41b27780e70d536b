"""Webhooks: which user one belongs to. Its secret lies in Secrets Manager."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef
    from mypy_boto3_secretsmanager.client import SecretsManagerClient


class WebhookStore:
    """The webhooks, in the events table, and their secrets."""

    def __init__(
        self,
        dynamodb: "DynamoDBClient",
        table: str,
        secrets: "SecretsManagerClient",
        prefix: str,
    ) -> None:
        """Take the clients, the table's name and the start of the secrets' names."""
        self._dynamodb = dynamodb
        self._table = table
        self._secrets = secrets
        self._prefix = prefix
        self._known: dict[str, tuple[str, str]] = {}

    def create(self, webhook_id: str, user_id: str, secret: str) -> None:
        """Store a webhook, its owner first, so that no secret is without one."""
        self._dynamodb.put_item(
            TableName=self._table, Item={**_key(webhook_id), "user_id": {"S": user_id}}
        )
        self._secrets.create_secret(Name=self._name(webhook_id), SecretString=secret)

    def find(self, webhook_id: str) -> tuple[str, str] | None:
        """Return a webhook's user and secret, or None where there is none; a process keeps them."""
        if webhook_id not in self._known:
            item = self._dynamodb.get_item(TableName=self._table, Key=_key(webhook_id)).get("Item")
            if item is None:
                return None
            try:
                secret = self._secrets.get_secret_value(SecretId=self._name(webhook_id))
            except self._secrets.exceptions.ResourceNotFoundException:
                return None
            self._known[webhook_id] = (item["user_id"]["S"], secret["SecretString"])
        return self._known[webhook_id]

    def _name(self, webhook_id: str) -> str:
        return f"{self._prefix}webhook-{webhook_id}"


def _key(webhook_id: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"WEBHOOK#{webhook_id}"}, "sk": {"S": "WEBHOOK"}}
