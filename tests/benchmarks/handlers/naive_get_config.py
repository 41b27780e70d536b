"""GET config as tutorials write it: a boto3 resource, Powertools with validation and Tracer."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.logging import correlation_paths
from pydantic import BaseModel

logger = Logger()
tracer = Tracer()
metrics = Metrics(namespace="Naive")
app = APIGatewayHttpResolver(enable_validation=True)
table = boto3.resource("dynamodb").Table(os.environ["CONNECTIONS_TABLE"])


class Config(BaseModel):
    """A connection as callers see it."""

    id: int
    instance_url: str
    username: str


@app.get("/api/servicenow/config")
@tracer.capture_method
def get_config() -> Config:
    """Answer 200 with the user's item."""
    user_id = app.current_event.request_context.authorizer.jwt_claim["sub"]
    item = table.get_item(Key={"pk": f"CONNECTION#{user_id}", "sk": "default"})["Item"]
    return Config(id=item["id"], instance_url=item["instance_url"], username=item["username"])


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Route."""
    return app.resolve(event, context)
