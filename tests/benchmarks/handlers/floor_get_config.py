"""The least that GET config can be with boto3: one client, one item."""

import json
import os
from typing import Any

import boto3

dynamodb = boto3.Session().client("dynamodb")


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Answer 200 with the user's item."""
    user_id = event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    item = dynamodb.get_item(
        TableName=os.environ["CONNECTIONS_TABLE"],
        Key={"pk": {"S": f"CONNECTION#{user_id}"}, "sk": {"S": "default"}},
    )["Item"]
    return {"statusCode": 200, "body": json.dumps(item)}
