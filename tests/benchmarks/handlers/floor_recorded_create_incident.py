"""The floor of POST incidents with what the audit trail asks for: a put before, a put after."""

import json
import os
import uuid
from typing import Any

from floor_create_incident import dynamodb, post, runner  # type: ignore[import-not-found]


def record(user_id: str, outcome: str) -> None:
    """Add to the trail."""
    dynamodb.put_item(
        TableName=os.environ["AUDIT_TABLE"],
        Item={"pk": {"S": user_id}, "sk": {"S": uuid.uuid4().hex}, "outcome": {"S": outcome}},
        ConditionExpression="attribute_not_exists(pk)",
    )


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Answer 201 with the record."""
    user_id = event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    record(user_id, "started")
    answer = runner.run(post(user_id, json.loads(event["body"])))
    record(user_id, "done")
    return {"statusCode": answer.status_code, "body": json.dumps(answer.json()["result"])}
