"""The least that an event function can be with boto3 and httpx: a mark, a POST for each record."""

import json
import os
from typing import Any

from floor_create_incident import dynamodb, post, runner  # type: ignore[import-not-found]


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Open an incident for each record that is seen for the first time."""
    for record in event["Records"]:
        detail = json.loads(record["body"])["detail"]
        dynamodb.put_item(
            TableName=os.environ["IDEMPOTENCY_TABLE"],
            Item={"pk": {"S": record["messageId"]}},
            ConditionExpression="attribute_not_exists(pk)",
        )
        user_id = detail.get("user_id") or os.environ["AUTOMATION_USER_ID"]
        answer = runner.run(post(user_id, {"short_description": json.dumps(detail)[:160]}))
        answer.raise_for_status()
    return {"batchItemFailures": []}
