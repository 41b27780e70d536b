"""The AWS clients: one boto3 session, each client made when it is first asked for.

A client costs more than anything else a function loads, so a function that never asks for Secrets
Manager never pays for it. The build keeps the models of the services that this module names
(local/trim.py).
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from boto3.session import Session
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_codepipeline.client import CodePipelineClient
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_stepfunctions.client import SFNClient

# AWS answers in milliseconds. Three tries of at most 5 s end before API Gateway's 30 s.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
)


@cache
def _session() -> Session:
    return Session()


@cache
def dynamodb() -> "DynamoDBClient":
    """Return the DynamoDB client of this process."""
    return _session().client("dynamodb", config=_CONFIG)


@cache
def secrets_manager() -> "SecretsManagerClient":
    """Return the Secrets Manager client of this process."""
    return _session().client("secretsmanager", config=_CONFIG)


@cache
def kms() -> Any:
    """Return the KMS client of this process."""
    return _session().client("kms", config=_CONFIG)


@cache
def event_bridge() -> "EventBridgeClient":
    """Return the EventBridge client of this process."""
    return _session().client("events", config=_CONFIG)


@cache
def sqs() -> "SQSClient":
    """Return the SQS client of this process."""
    return _session().client("sqs", config=_CONFIG)


@cache
def sns() -> Any:
    """Return the SNS client of this process."""
    return _session().client("sns", config=_CONFIG)


@cache
def security_hub(region: str) -> Any:
    """Return the Security Hub client of a Region, the function's own where it is empty."""
    return _session().client("securityhub", config=_CONFIG, region_name=region or None)


@cache
def systems_manager(region: str) -> Any:
    """Return the Systems Manager client of a Region, the function's own where it is empty."""
    return _session().client("ssm", config=_CONFIG, region_name=region or None)


@cache
def codepipeline(region: str) -> "CodePipelineClient":
    """Return the CodePipeline client of this process for a region."""
    return _session().client("codepipeline", region_name=region, config=_CONFIG)


@cache
def step_functions() -> "SFNClient":
    """Return the Step Functions client of this process."""
    return _session().client("stepfunctions", config=_CONFIG)
