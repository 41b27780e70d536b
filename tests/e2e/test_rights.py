"""IAM, enforced: each deployed function can do what it must, and nothing beyond."""

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.template import functions, public

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.cloud import LocalCloud

FOLDERS = sorted(functions())

_KEY = {"pk": {"S": "USER#probe"}, "sk": {"S": "CONNECTION"}}

# Every action on the stack's stores that some function has, with arguments that reach IAM's
# decision and change nothing.
PROBES: dict[str, "Callable[[Any, dict[str, str]], object]"] = {
    "dynamodb:GetItem": lambda c, a: c("dynamodb").get_item(TableName=a["connections"], Key=_KEY),
    "dynamodb:UpdateItem": lambda c, a: c("dynamodb").update_item(
        TableName=a["connections"], Key=_KEY, ConditionExpression="attribute_exists(pk)"
    ),
    "dynamodb:DeleteItem": lambda c, a: c("dynamodb").delete_item(
        TableName=a["connections"], Key=_KEY, ConditionExpression="attribute_exists(pk)"
    ),
    "claims:PutItem": lambda c, a: c("dynamodb").put_item(
        TableName=a["claims"],
        Item={"pk": {"S": "probe"}},
        ConditionExpression="attribute_exists(pk)",
    ),
    "claims:UpdateItem": lambda c, a: c("dynamodb").update_item(
        TableName=a["claims"],
        Key={"pk": {"S": "probe"}},
        ConditionExpression="attribute_exists(pk)",
    ),
    "claims:DeleteItem": lambda c, a: c("dynamodb").delete_item(
        TableName=a["claims"],
        Key={"pk": {"S": "probe"}},
        ConditionExpression="attribute_exists(pk)",
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
    "secretsmanager:DeleteSecret": lambda c, a: c("secretsmanager").delete_secret(
        SecretId=a["secret"] + "-none"
    ),
}  # fmt: skip
# What no function may do, whatever its job.
BEYOND: dict[str, "Callable[[Any, dict[str, str]], object]"] = {
    "scan the connections": lambda c, a: c("dynamodb").scan(TableName=a["connections"]),
    "query the connections": lambda c, a: c("dynamodb").query(
        TableName=a["connections"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "x"}},
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
    secrets.create_secret(Name="actionsync/actionsync-local/probe", SecretString="{}")
    secrets.create_secret(Name="actionsync/another/secret", SecretString="{}")
    cloud.client("dynamodb").create_table(
        TableName="another",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    return {
        "connections": names["ConnectionsTable"],
        "claims": names["ClaimsTable"],
        "secret": "actionsync/actionsync-local/probe",
        **names,
    }


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_functions_role_is_exact(
    cloud: "LocalCloud", addresses: dict[str, str], folder: str
) -> None:
    """Under its own role a function is refused everything but what its policy names."""
    client = _as_function(cloud, addresses, folder)
    granted = _granted(folder)
    assert bool(granted) == (folder not in public())
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
    granted = set()
    for policy in functions()[folder].get("Policies", []):
        for statement in policy["Statement"]:
            is_claims = statement["Resource"] == {"Fn::GetAtt": "ClaimsTable.Arn"}
            for action in statement["Action"]:
                granted.add(action.replace("dynamodb:", "claims:") if is_claims else action)
    return granted


def _is_allowed(probe: Any, client: Any, addresses: dict[str, str]) -> bool:
    try:
        probe(client, addresses)
    except ClientError as error:
        return error.response["Error"]["Code"] not in {"AccessDeniedException", "AccessDenied"}
    return True
