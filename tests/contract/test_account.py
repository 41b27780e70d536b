"""What stands in for an AWS account finds what an account would refuse."""

import copy
from typing import Any

import pytest

from local import account
from operate.gradual import HTTP_ALARM, gradual
from tests.template import ROOT

TEMPLATE = account.read(ROOT / "template.yaml")


@pytest.fixture(scope="module")
def gradually() -> dict[str, Any]:
    """The resources that CloudFormation makes of `make gradual`'s template."""
    resources: dict[str, Any] = account.translated(gradual(copy.deepcopy(TEMPLATE)))["Resources"]
    return resources


def versions(template: dict[str, Any]) -> set[str]:
    """Return the ids of the functions' versions that a template would publish."""
    resources = account.translated(template)["Resources"]
    return {name for name, each in resources.items() if each["Type"] == "AWS::Lambda::Version"}


def test_nothing_waits_for_itself(gradually: dict[str, Any]) -> None:
    """Neither deployment has resources that wait for one another; such a circle is named."""
    assert not list(account.circles(account.translated(TEMPLATE)["Resources"]))
    assert not list(account.circles(gradually))
    alarm = gradually[HTTP_ALARM]["Properties"]
    alarm["Dimensions"] = [{"Name": "ApiId", "Value": {"Ref": "Api"}}]
    (circle,) = account.circles(gradually)
    assert "Api" in circle
    assert HTTP_ALARM in circle


def test_new_code_and_parameters_publish_versions() -> None:
    """Each function gets a version of its own when a layer or a parameter has changed."""
    before = versions(gradual(copy.deepcopy(TEMPLATE), parameters={"LogLevel": "INFO"}))
    again = versions(gradual(copy.deepcopy(TEMPLATE), parameters={"LogLevel": "INFO"}))
    assert before == again
    assert not before & versions(gradual(copy.deepcopy(TEMPLATE), parameters={"LogLevel": "DEBUG"}))
    layer = copy.deepcopy(TEMPLATE)
    layer["Resources"]["ActionSyncLayer"]["Properties"]["Description"] = "as new code changes it"
    assert not before & versions(gradual(layer, parameters={"LogLevel": "INFO"}))


def test_own_deployments_are_no_change_requests(gradually: dict[str, Any]) -> None:
    """The stack's own application is left out; others, and CodePipeline, are not."""
    (pattern,) = (
        each["Properties"]["EventPattern"]
        for each in gradually.values()
        if each["Type"] == "AWS::Events::Rule"
        and "aws.codedeploy" in each["Properties"].get("EventPattern", {}).get("source", [])
    )
    application = gradually["ServerlessDeploymentApplication"]
    assert "ApplicationName" not in application["Properties"]
    own, none = pattern["detail"]["$or"]
    assert own["application"][0]["anything-but"]["prefix"] == {
        "Fn::Sub": "${AWS::StackName}-ServerlessDeploymentApplication-"
    }
    assert none == {"application": [{"exists": False}]}


def test_the_http_alarm_counts_what_the_api_answers(gradually: dict[str, Any]) -> None:
    """Its metric is made from the log of all calls, under the stack's own name."""
    made = gradually["HttpErrors"]["Properties"]["MetricTransformations"][0]
    alarm = gradually[HTTP_ALARM]["Properties"]
    assert alarm["Namespace"] == made["MetricNamespace"] == {"Ref": "AWS::StackName"}
    assert alarm["MetricName"] == made["MetricName"]
    assert alarm["Threshold"] == gradually["ApiErrorsAlarm"]["Properties"]["Threshold"]
    access_log = gradually["ApiApiGatewayDefaultStage"]["Properties"]["AccessLogSettings"]
    assert '"status": "$context.status"' in access_log["Format"]


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (
            {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Layers": ["layer"] * 6,
                    "Environment": {"Variables": {"A": "a" * 4096}},
                },
            },
            ["It: 6 layers, at most 5", "It: 4105 bytes of variables, at most 4096"],
        ),
        (
            {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "ManagedPolicyArns": ["arn"] * 11,
                    "Policies": [{"PolicyDocument": "p" * 10_239}],
                },
            },
            [
                "It: 11 managed policies, at most 10",
                "It: 10241 characters of policies, at most 10240",
            ],
        ),
        (
            {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": "p" * 6143}},
            ["It: 6145 characters, at most 6144"],
        ),
        (
            {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {"Body": {"paths": {str(n): {"get": {}} for n in range(301)}}},
            },
            ["It: 301 routes, at most 300"],
        ),
    ],
)
def test_what_is_over_a_quota_is_named(resource: dict[str, Any], said: list[str]) -> None:
    """What is one more than an account takes is named, with both numbers."""
    assert list(account.over_quota({"Resources": {"It": resource}})) == said


def test_too_many_resources_are_named() -> None:
    """A template with more resources than CloudFormation takes is refused."""
    many = {f"It{number}": {"Type": "AWS::SQS::Queue"} for number in range(501)}
    assert list(account.over_quota({"Resources": many})) == ["501 resources, at most 500"]


def test_a_policy_that_grants_nothing_is_named() -> None:
    """An action that there is not is found by parliament."""
    statement = {
        "Effect": "Allow",
        "Action": "sqs:SendMessages",
        "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
    }
    policy = {"PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
    resources: dict[str, dict[str, Any]] = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [policy]}},
    }
    assert "sendmessages" in "".join(account.refused_policies(resources)).lower()
    statement["Action"] = "sqs:SendMessage"
    assert not list(account.refused_policies(resources))
