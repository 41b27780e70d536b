"""Leases: who alone uses a connection's refresh token, `pk = PAUSE#REFRESH#<connection id>`.

Beside the pauses, in the events table, which whoever calls ServiceNow may write. A holder that dies
loses its lease when that ends.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

from actionsync import clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

# Longer than one call takes (`actionsync.connections.clients.DEADLINE_SECONDS`).
LEASE_SECONDS = 25


class LeaseStore:
    """The leases, in the events table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def take(self, connection_id: int, holder: str) -> bool:
        """Take a connection's lease; return whether nobody else has it."""
        now = clock.now_epoch()
        with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(connection_id),
                UpdateExpression="SET holder = :holder, held_until = :until, expires_at = :until",
                ConditionExpression="attribute_not_exists(pk) OR held_until <= :now",
                ExpressionAttributeValues={
                    ":holder": {"S": holder},
                    ":until": {"N": str(now + LEASE_SECONDS)},
                    ":now": {"N": str(now)},
                },
            )
            return True
        return False

    def give_back(self, connection_id: int, holder: str) -> None:
        """End a lease, unless it is another holder's by now."""
        with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
            self._dynamodb.delete_item(
                TableName=self._table,
                Key=_key(connection_id),
                ConditionExpression="holder = :holder",
                ExpressionAttributeValues={":holder": {"S": holder}},
            )


def _key(connection_id: int) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"PAUSE#REFRESH#{connection_id}"}, "sk": {"S": "LEASE"}}
