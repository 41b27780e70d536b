"""What an instance allows a connection's user, remembered for a day.

One item beside the connection's pauses, so that what ends them (a good test, a new password) and
who may write them concern it, too: `sk = CAPABILITIES#<version of the secret>`.
"""

import json
from typing import TYPE_CHECKING, Any

from actionsync import clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from actionsync.stores.pauses import Target

_DAY = 24 * 3600


def key(target: "Target") -> "dict[str, AttributeValueTypeDef]":
    """Return the key of what is remembered of a connection."""
    pk, secret_version = target.key("connection")
    return {"pk": {"S": pk}, "sk": {"S": f"CAPABILITIES#{secret_version}"}}


class CapabilityStore:
    """What is remembered, in the events table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def get(self, target: "Target") -> dict[str, Any] | None:
        """Return the document of the last day, or None."""
        answer = self._dynamodb.batch_get_item(RequestItems={self._table: {"Keys": [key(target)]}})
        items = answer["Responses"].get(self._table, [])
        # DynamoDB removes what has expired within days.
        if not items or int(items[0]["expires_at"]["N"]) <= clock.now_epoch():
            return None
        document: dict[str, Any] = json.loads(items[0]["document"]["S"])
        return document

    def put(self, target: "Target", document: dict[str, Any]) -> None:
        """Remember a document for a day."""
        self._dynamodb.update_item(
            TableName=self._table,
            Key=key(target),
            UpdateExpression="SET document = :document, expires_at = :expires",
            ExpressionAttributeValues={
                ":document": {"S": json.dumps(document)},
                ":expires": {"N": str(clock.now_epoch() + _DAY)},
            },
        )
