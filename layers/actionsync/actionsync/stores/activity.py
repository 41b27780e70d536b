"""The audit trail: one record for each write to ServiceNow, kept for 90 days.

`pk = ACTIVITY#<user id>`, `sk = <moment>#<id>`. The id is the write's own, so that a write which is
recorded twice, after a crash, is there once.
"""

import json
from typing import TYPE_CHECKING, Any

from actionsync import clock

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_dynamodb.client import DynamoDBClient

_KEPT_SECONDS = 90 * 24 * 3600


class ActivityStore:
    """The users' audit trails, in the events table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        """Take the DynamoDB client and the table's name."""
        self._dynamodb = dynamodb
        self._table = table

    def add(self, user_id: str, at: "datetime", write_id: str, record: dict[str, Any]) -> None:
        """Record a write; `record` must hold no secret."""
        moment = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._dynamodb.put_item(
            TableName=self._table,
            Item={
                "pk": {"S": f"ACTIVITY#{user_id}"},
                "sk": {"S": f"{moment}#{write_id}"},
                "record": {"S": json.dumps({"at": moment, **record})},
                "expires_at": {"N": str(clock.epoch(at) + _KEPT_SECONDS)},
            },
        )

    def page(self, user_id: str, limit: int, cursor: str | None) -> dict[str, Any]:
        """Return `{items, next}`, the newest first; `next` is the next page's cursor or None."""
        start: dict[str, Any] = {}
        if cursor is not None:
            start["ExclusiveStartKey"] = {
                "pk": {"S": f"ACTIVITY#{user_id}"},
                "sk": {"S": cursor},
            }
        answer = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"ACTIVITY#{user_id}"}},
            ScanIndexForward=False,
            Limit=limit,
            **start,
        )
        last = answer.get("LastEvaluatedKey")
        return {
            "items": [json.loads(item["record"]["S"]) for item in answer["Items"]],
            "next": last["sk"]["S"] if last else None,
        }
