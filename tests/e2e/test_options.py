"""The template's options, all at once, in a stack of their own: each arrives where it must."""

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from local import cloud as local_cloud
from operate import gradual
from tests.conftest import event
from tests.template import template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.cloud import LocalCloud

STACK = "options"
BUILT = local_cloud.ROOT / gradual.BUILT
_NOTHING = {"Ref": "AWS::NoValue"}
OWN_KEY = {"Fn::If": ["OwnKey", {"Ref": "KmsKeyArn"}, _NOTHING]}
HTTP_RESERVED = {"Fn::If": ["HttpReserved", {"Ref": "HttpConcurrency"}, _NOTHING]}
RESERVED = {"Fn::If": ["Reserved", {"Ref": "ReservedConcurrency"}, _NOTHING]}


class Stack:
    """A deployed stack: its resources, and the key that they use."""

    def __init__(self, cloud: "LocalCloud", key: str) -> None:
        self.cloud = cloud
        self.key = key
        pages = cloud.client("cloudformation").get_paginator("list_stack_resources")
        self.ids: dict[str, str] = {
            item["LogicalResourceId"]: item["PhysicalResourceId"]
            for page in pages.paginate(StackName=STACK)
            for item in page["StackResourceSummaries"]
        }
        processed: Any = cloud.client("cloudformation").get_template(
            StackName=STACK, TemplateStage="Processed"
        )["TemplateBody"]
        text = processed if isinstance(processed, str) else json.dumps(processed)
        # As SAM has translated them: for what the local AWS takes and does not keep.
        self.resources: dict[str, Any] = json.loads(text)["Resources"]

    def of_type(self, kind: str) -> list[str]:
        """Return the physical ids of the template's resources of a type."""
        return [
            self.ids[name]
            for name, resource in template()["Resources"].items()
            if resource["Type"] == kind
        ]


@pytest.fixture(scope="module")
def stack(cloud: "LocalCloud") -> "Iterator[Stack]":
    """The built template with every option on, and with aliases."""
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    document = local_cloud.deployable(gradual.gradual(yaml.safe_load(BUILT.read_text())))
    file = BUILT.with_name("options.yaml")
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    local_cloud._sam(
        *("deploy", "--template-file", str(file), "--stack-name", STACK),
        *("--region", local_cloud.REGION, "--resolve-s3", "--capabilities", "CAPABILITY_IAM"),
        *("--no-confirm-changeset", "--parameter-overrides", f"KmsKeyArn={key}"),
        *("ReservedConcurrency=5", "ApiRateLimit=7", "ApiBurstLimit=9", "LogRetentionDays=90"),
        *("ConnectionCheckMinutes=15", "AutomationUserId=somebody", "LogLevel=ERROR"),
        environment={**local_cloud._CREDENTIALS, "AWS_ENDPOINT_URL": cloud.endpoint},
        log=local_cloud.STATE / "options.log",
    )
    yield Stack(cloud, key)
    cloud.client("cloudformation").delete_stack(StackName=STACK)


def test_the_key_encrypts_everything(stack: Stack) -> None:
    """Tables, queues, the topic, logs and the functions' variables."""
    sqs = stack.cloud.client("sqs")
    for resource in stack.resources.values():
        if resource["Type"] == "AWS::DynamoDB::Table":
            assert resource["Properties"]["SSESpecification"]["KMSMasterKeyId"] == OWN_KEY
        if resource["Type"] == "AWS::Lambda::Function":
            assert resource["Properties"]["KmsKeyArn"] == OWN_KEY
        if resource["Type"] == "AWS::SNS::Topic":
            # Without a key of one's own, that of notices is AWS's.
            chosen = resource["Properties"]["KmsMasterKeyId"]["Fn::If"]
            assert chosen[:2] == OWN_KEY["Fn::If"][:2]
    for queue in stack.of_type("AWS::SQS::Queue"):
        attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        assert attributes["KmsMasterKeyId"] == stack.key, queue
    groups = stack.of_type("AWS::Logs::LogGroup")
    found = {
        item["logGroupName"]: item
        for page in stack.cloud.client("logs").get_paginator("describe_log_groups").paginate()
        for item in page["logGroups"]
    }
    for group in groups:
        assert found[group]["kmsKeyId"] == stack.key
        assert found[group]["retentionInDays"] == 90
    for function in stack.of_type("AWS::Serverless::Function"):
        configuration = stack.cloud.client("lambda").get_function_configuration(
            FunctionName=function
        )
        assert configuration["Environment"]["Variables"]["KMS_KEY_ARN"] == stack.key


def test_the_functions_may_use_the_key(stack: Stack) -> None:
    """Every function's role but the pages', and only this key."""
    iam = stack.cloud.client("iam")
    roles = {name: role for name, role in stack.ids.items() if name.endswith("Role")}
    users = set()
    for name, role in roles.items():
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        if stack.ids["KeyUse"] in {policy["PolicyArn"] for policy in attached}:
            users.add(name)
    assert users == set(roles) - {"ShowPageFunctionRole"}
    version = iam.get_policy(PolicyArn=stack.ids["KeyUse"])["Policy"]["DefaultVersionId"]
    policy = iam.get_policy_version(PolicyArn=stack.ids["KeyUse"], VersionId=version)
    document = policy["PolicyVersion"]["Document"]
    (statement,) = (json.loads(document) if isinstance(document, str) else document)["Statement"]
    assert statement["Resource"] == stack.key


def test_the_limits_are_set(stack: Stack) -> None:
    """The API's rate, its log, and the share of the functions of events."""
    (stage,) = stack.cloud.client("apigatewayv2").get_stages(ApiId=stack.ids["Api"])["Items"]
    assert stack.ids["AccessLogs"] in stage["AccessLogSettings"]["DestinationArn"]
    assert json.loads(stage["AccessLogSettings"]["Format"])["route"] == "$context.routeKey"
    (settings,) = (
        resource["Properties"]["DefaultRouteSettings"]
        for resource in stack.resources.values()
        if resource["Type"] == "AWS::ApiGatewayV2::Stage"
    )
    assert settings == {
        "ThrottlingRateLimit": {"Ref": "ApiRateLimit"},
        "ThrottlingBurstLimit": {"Ref": "ApiBurstLimit"},
    }
    for name, resource in stack.resources.items():
        if resource["Type"] == "AWS::Lambda::Function":
            wanted = RESERVED if name.startswith("On") else HTTP_RESERVED
            assert resource["Properties"].get("ReservedConcurrentExecutions") == wanted, name


def test_a_connection_is_checked_on_a_schedule(stack: Stack) -> None:
    """Every fifteen minutes; the alarm looks at as many seconds."""
    rules = stack.cloud.client("events").list_rules()["Rules"]
    assert "rate(15 minutes)" in {rule.get("ScheduleExpression") for rule in rules}
    (alarm,) = stack.cloud.client("cloudwatch").describe_alarms(
        AlarmNames=[f"{STACK}-ConnectionAlarm"]
    )["MetricAlarms"]
    assert int(alarm["Period"]) == 900
    assert alarm["AlarmDescription"].endswith("/docs/operations.md#connectionalarm")
    assert {"Name": "stack", "Value": STACK} in alarm["Dimensions"]


def test_traffic_goes_through_the_alias(stack: Stack) -> None:
    """HTTP and queues call `live`, whose version works under its role."""
    lambdas = stack.cloud.client("lambda")
    for operations in stack.resources["Api"]["Properties"]["Body"]["paths"].values():
        for operation in operations.values():
            uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
            assert "FunctionAliaslive}" in uri
    sources = [
        item["FunctionArn"]
        for item in lambdas.list_event_source_mappings()["EventSourceMappings"]
        if f":{STACK}-" in item["EventSourceArn"]
    ]
    assert len(sources) == len(stack.of_type("AWS::Lambda::EventSourceMapping"))
    assert all(arn.endswith(":live") for arn in sources)
    answer = lambdas.invoke(
        FunctionName=stack.ids["GetConfigFunction"],
        Qualifier="live",
        Payload=json.dumps(event("get_config")),
    )
    assert json.loads(answer["Payload"].read())["statusCode"] == 404
