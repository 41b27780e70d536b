"""POST incidents as tutorials write it: a client, a TLS context and an event loop for each call."""

import asyncio
import os
import ssl
from typing import Any

import boto3
import httpx
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities import parameters
from pydantic import BaseModel

logger = Logger()
tracer = Tracer()
metrics = Metrics(namespace="Naive")
app = APIGatewayHttpResolver(enable_validation=True)
table = boto3.resource("dynamodb").Table(os.environ["CONNECTIONS_TABLE"])


class NewIncident(BaseModel):
    """What a caller sends."""

    short_description: str
    urgency: str | None = None


async def post(url: str, auth: tuple[str, str], body: dict[str, Any]) -> dict[str, Any]:
    """Create the incident."""
    tls = ssl.create_default_context(cafile=os.environ["INSTANCE_CA_FILE"])
    async with httpx.AsyncClient(verify=tls, auth=auth) as client:
        answer = await client.post(f"{url}/api/now/table/incident", json=body)
        answer.raise_for_status()
        result: dict[str, Any] = answer.json()["result"]
        return result


@app.post("/api/servicenow/incidents")
@tracer.capture_method
def create_incident(new: NewIncident) -> tuple[dict[str, Any], int]:
    """Answer 201 with the record."""
    user_id = app.current_event.request_context.authorizer.jwt_claim["sub"]
    item = table.get_item(Key={"pk": f"CONNECTION#{user_id}", "sk": "default"})["Item"]
    secret: Any = parameters.get_secret(
        os.environ["SECRET_PREFIX"] + "connection/" + str(item["id"]), transform="json", max_age=300
    )
    auth = (secret["username"], secret["password"])
    body = new.model_dump(exclude_none=True)
    return asyncio.run(post(str(item["instance_url"]), auth, body)), 201


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Route."""
    return app.resolve(event, context)
