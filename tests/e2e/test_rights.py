"""IAM, enforced: each deployed function can do what it must, and nothing beyond."""

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.template import functions, optional, public, statements

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.cloud import LocalCloud

FOLDERS = sorted(set(functions()) - optional())

_TABLES = ("connections", "idempotency", "events", "audit")
# The kinds of secrets: a function has one of them at most.
KINDS = ("connection", "webhook")
_SECRETS = "actionsync/actionsync-local"
_KEY = {"pk": {"S": "CONNECTION#probe"}, "sk": {"S": "default"}}
_KEYS = {"idempotency": {"pk": _KEY["pk"]}, "audit": {"pk": _KEY["pk"], "sk": {"N": "1"}}}


def _table_probes(table: str) -> dict[str, "Callable[[Any, dict[str, str]], object]"]:
    """Return a call of each action on a table that reaches IAM's decision and changes nothing."""
    key = _KEYS.get(table, _KEY)
    never = "attribute_exists(pk)"
    return {
        f"{table}:GetItem": lambda c, a: c("dynamodb").get_item(TableName=a[table], Key=key),
        f"{table}:PutItem": lambda c, a: c("dynamodb").put_item(
            TableName=a[table], Item=key, ConditionExpression=never
        ),
        f"{table}:UpdateItem": lambda c, a: c("dynamodb").update_item(
            TableName=a[table], Key=key, ConditionExpression=never
        ),
        f"{table}:DeleteItem": lambda c, a: c("dynamodb").delete_item(
            TableName=a[table], Key=key, ConditionExpression=never
        ),
        f"{table}:Query": lambda c, a: c("dynamodb").query(
            TableName=a[table],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "probe"}},
        ),
    }


def _queue_probes(queue: str) -> dict[str, "Callable[[Any, dict[str, str]], object]"]:
    return {
        f"{queue}:SendMessage": lambda c, a: c("sqs").send_message(
            QueueUrl=a[queue], MessageBody="probe", DelaySeconds=901
        ),
        f"{queue}:ReceiveMessage": lambda c, a: c("sqs").receive_message(
            QueueUrl=a[queue], MaxNumberOfMessages=11
        ),
        f"{queue}:GetQueueAttributes": lambda c, a: c("sqs").get_queue_attributes(
            QueueUrl=a[queue], AttributeNames=["QueueArn"]
        ),
    }


_KINDS = ("Error", "Alarm", "Deployment", "Meeting")
_QUEUES = [f"{kind}{part}" for kind in _KINDS for part in ("Queue", "DeadLetters")]

# Every action on the stack's stores that some function has, with arguments that reach IAM's
# decision and change nothing.
PROBES: dict[str, "Callable[[Any, dict[str, str]], object]"] = {
    **{action: probe for table in _TABLES for action, probe in _table_probes(table).items()},
    **{action: probe for queue in _QUEUES for action, probe in _queue_probes(queue).items()},
    "events:PutEvents": lambda c, a: c("events").put_events(
        Entries=[{"EventBusName": a["EventBus"], "Source": "x", "DetailType": "x", "Detail": "x"}]
    ),
    "secretsmanager:GetSecretValue": lambda c, a: c("secretsmanager").get_secret_value(
        SecretId=a["secret"]
    ),
    "secretsmanager:PutSecretValue": lambda c, a: c("secretsmanager").put_secret_value(
        SecretId=a["secret"], SecretString="{}"
    ),
    "secretsmanager:CreateSecret": lambda c, a: c("secretsmanager").create_secret(
        Name=a["secret"], SecretString="{}"
    ),
    "secretsmanager:UpdateSecretVersionStage": lambda c, a: c(
        "secretsmanager"
    ).update_secret_version_stage(
        SecretId=a["secret"], VersionStage="AWSCURRENT", MoveToVersionId="0" * 32
    ),
    "secretsmanager:DeleteSecret": lambda c, a: c("secretsmanager").delete_secret(
        SecretId=a["secret"] + "-none"
    ),
}
# What no function may do, whatever its job.
BEYOND: dict[str, "Callable[[Any, dict[str, str]], object]"] = {
    "scan the connections": lambda c, a: c("dynamodb").scan(TableName=a["connections"]),
    "scan the events": lambda c, a: c("dynamodb").scan(TableName=a["events"]),
    "read a secret of the other kind": lambda c, a: c("secretsmanager").get_secret_value(
        SecretId=a["other secret"]
    ),
    "read another stack's secret": lambda c, _: c("secretsmanager").get_secret_value(
        SecretId="actionsync/another/secret"
    ),
    "list secrets": lambda c, _: c("secretsmanager").list_secrets(),
    "read another table": lambda c, _: c("dynamodb").get_item(
        TableName="another", Key={"pk": {"S": "x"}}
    ),
    "list buckets": lambda c, _: c("s3").list_buckets(),
}  # fmt: skip


@pytest.fixture(scope="module")
def addresses(cloud: "LocalCloud") -> dict[str, str]:
    """The names of the stack's stores, with a secret to probe."""
    resources = cloud.client("cloudformation").describe_stack_resources(
        StackName="actionsync-local"
    )
    names = {
        item["LogicalResourceId"]: item["PhysicalResourceId"]
        for item in resources["StackResources"]
    }
    secrets = cloud.client("secretsmanager")
    for kind in KINDS:
        secrets.create_secret(Name=f"{_SECRETS}/{kind}/probe", SecretString="{}")
    secrets.create_secret(Name="actionsync/another/secret", SecretString="{}")
    cloud.client("dynamodb").create_table(
        TableName="another",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    return {
        "connections": names["ConnectionsTable"],
        "idempotency": names["IdempotencyTable"],
        "events": names["EventsTable"],
        "audit": names["AuditTable"],
        **names,
    }


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_functions_role_is_exact(
    cloud: "LocalCloud", addresses: dict[str, str], folder: str
) -> None:
    """Under its own role a function is refused everything but what its policy names."""
    client = _as_function(cloud, addresses, folder)
    own, other = KINDS if "webhook" not in folder else reversed(KINDS)
    addresses = {
        **addresses,
        "secret": f"{_SECRETS}/{own}/probe",
        "other secret": f"{_SECRETS}/{other}/probe",
    }
    granted = _granted(folder)
    assert bool(granted) == (folder not in public() - {"receive_webhook"})
    for action, probe in PROBES.items():
        assert _is_allowed(probe, client, addresses) == (action in granted), action
    for what, probe in BEYOND.items():
        assert not _is_allowed(probe, client, addresses), what


def _as_function(cloud: "LocalCloud", addresses: dict[str, str], folder: str) -> Any:
    logical_id = "".join(word.capitalize() for word in folder.split("_")) + "Function"
    role = cloud.client("lambda").get_function_configuration(FunctionName=addresses[logical_id])[
        "Role"
    ]
    given = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="probe")["Credentials"]
    return lambda service: cloud.client(
        service,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def _granted(folder: str) -> set[str]:
    """Return the probes that a function's policy in the template allows."""
    tables = {f"{table.capitalize()}Table.Arn": table for table in _TABLES}
    granted = set()
    for statement in statements(folder):
        resource = statement["Resource"]
        name = "" if resource == "*" else resource.get("Fn::GetAtt", "")
        for action in statement["Action"]:
            service, _, operation = action.partition(":")
            owners = {"dynamodb": tables.get(name), "sqs": name.removesuffix(".Arn")}
            granted.add(f"{owners.get(service, service)}:{operation}")
    # Lambda itself calls this one, with a receipt that no probe has.
    return {action for action in granted if not action.endswith(":DeleteMessage")}


def _is_allowed(probe: Any, client: Any, addresses: dict[str, str]) -> bool:
    try:
        probe(client, addresses)
    except ClientError as error:
        return error.response["Error"]["Code"] not in {"AccessDeniedException", "AccessDenied"}
    return True
