"""The least that POST incidents can be with boto3 and httpx: two clients, one POST."""

import asyncio
import json
import os
import ssl
from functools import cache
from typing import Any

import boto3
import httpx

session = boto3.Session()
dynamodb = session.client("dynamodb")
secrets_manager = session.client("secretsmanager")
runner = asyncio.Runner()


@cache
def connection(user_id: str) -> tuple[str, httpx.AsyncClient]:
    """Return the instance's URL and a client for it."""
    item = dynamodb.get_item(
        TableName=os.environ["CONNECTIONS_TABLE"],
        Key={"pk": {"S": f"CONNECTION#{user_id}"}, "sk": {"S": "default"}},
    )["Item"]
    secret = json.loads(
        secrets_manager.get_secret_value(
            SecretId=f"{os.environ['SECRET_PREFIX']}connection/{item['id']['N']}"
        )["SecretString"]
    )
    tls = ssl.create_default_context(cafile=os.environ["INSTANCE_CA_FILE"])
    auth = httpx.BasicAuth(secret["username"], secret["password"])
    return item["instance_url"]["S"], httpx.AsyncClient(verify=tls, auth=auth)


async def post(user_id: str, body: dict[str, Any]) -> httpx.Response:
    """Create the incident."""
    url, client = connection(user_id)
    return await client.post(f"{url}/api/now/table/incident", json=body)


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Answer 201 with the record."""
    user_id = event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    answer = runner.run(post(user_id, json.loads(event["body"])))
    return {"statusCode": answer.status_code, "body": json.dumps(answer.json()["result"])}
