"""The AWS clients: one session, each client made when first asked for.

A session costs more than a client, and a client more than anything else a function loads, so a
function that never asks for Secrets Manager never pays for it. The session is botocore's own:
boto3's would load S3's transfers too (docs/decisions/0015-what-a-cold-start-loads.md). The build
keeps the models of the services that this module names (local/trim.py).
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import Session

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_sqs.client import SQSClient

# They answer in milliseconds. Three tries of at most 5 s end before API Gateway's 30 s.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
)


@cache
def _session() -> Session:
    return Session()


def _client(service: str) -> Any:
    return _session().create_client(service, config=_CONFIG)


@cache
def dynamodb() -> "DynamoDBClient":
    """Return the DynamoDB client of this process."""
    client: DynamoDBClient = _client("dynamodb")
    return client


@cache
def secrets_manager() -> "SecretsManagerClient":
    """Return the Secrets Manager client of this process."""
    client: SecretsManagerClient = _client("secretsmanager")
    return client


@cache
def event_bridge() -> "EventBridgeClient":
    """Return the EventBridge client of this process."""
    client: EventBridgeClient = _client("events")
    return client


@cache
def sqs() -> "SQSClient":
    """Return the SQS client of this process."""
    client: SQSClient = _client("sqs")
    return client
