"""What stands in for an AWS account finds what an account would refuse."""

import copy
from collections.abc import Callable
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


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """What CloudFormation makes of the template."""
    return account.translated(TEMPLATE)


def versions(template: dict[str, Any]) -> set[str]:
    """Return the ids of the functions' versions that a template would publish.

    The functions' routes, which say nothing of versions, take most of a translation's time.
    """
    for each in template["Resources"].values():
        if each["Type"] == "AWS::Serverless::Function":
            each["Properties"].pop("Events", None)
    resources = account.translated(template)["Resources"]
    return {name for name, each in resources.items() if each["Type"] == "AWS::Lambda::Version"}


def test_nothing_waits_for_itself(whole: dict[str, Any], gradually: dict[str, Any]) -> None:
    """Neither deployment has resources that wait for one another; such a cycle is named."""
    assert not list(account.cycles(whole["Resources"]))
    assert not list(account.cycles(gradually))
    alarm = gradually[HTTP_ALARM]["Properties"]
    alarm["Dimensions"] = [{"Name": "ApiId", "Value": {"Ref": "Api"}}]
    (cycle,) = account.cycles(gradually)
    assert "Api" in cycle
    assert HTTP_ALARM in cycle


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


def within(template: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the properties of the first resource of a type."""
    found: dict[str, Any] = next(
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == kind
    )
    return found


def let_it_send(template: dict[str, Any]) -> None:
    """Let the first function of a queue send to that queue."""
    source = within(template, "AWS::Lambda::EventSourceMapping")
    (called, *_) = account.names_in(source["FunctionName"])
    (role, *_) = account.names_in(template["Resources"][called]["Properties"]["Role"])
    policy = template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]
    arn = source["EventSourceArn"]
    policy["Statement"].append({"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": arn})


def route(*paths: str) -> Callable[[dict[str, Any]], None]:
    """Return what adds routes to the API."""

    def add(template: dict[str, Any]) -> None:
        body = within(template, "AWS::ApiGatewayV2::Api")["Body"]
        body["paths"] |= {path: {"post": {}} for path in paths}

    return add


def put(kind: str, **properties: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets properties of the first resource of a type."""
    return lambda template: within(template, kind).update(properties)


FUNCTION, MAPPING = "AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping"
TRAPPED = {
    "may send to the queue": let_it_send,
    "matches no filter on the body": put(
        "AWS::SNS::Subscription", FilterPolicyScope="MessageBody", FilterPolicy={}
    ),
    "at WARN Lambda drops": put(
        FUNCTION, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN"}
    ),
    "at None Lambda drops": put(FUNCTION, LoggingConfig={"LogFormat": "JSON"}),
    "that of every stack": put("AWS::CloudWatch::Alarm", Namespace="ActionSync", Dimensions=[]),
    "is greedy": route("/api/{anything+}"),
    "may be the same path": route("/x/{table}/notes", "/x/incidents/{id}"),
    "not below /aws/vendedlogs/": lambda template: template["Resources"]["AccessLogs"][
        "Properties"
    ].pop("LogGroupName"),
    "no subsegments": put(FUNCTION, TracingConfig={"Mode": "Active"}),
    "a new account has 10": put(MAPPING, ScalingConfig={"MaximumConcurrency": 3}),
    "and a new account": put(MAPPING, ScalingConfig={}),
    "a RoleName needs": put("AWS::IAM::Role", RoleName="mine"),
}


@pytest.mark.parametrize("said", TRAPPED)
def test_each_trap_is_seen(whole: dict[str, Any], said: str) -> None:
    """The template walks into none; led into one, it is named in one sentence."""
    assert not list(account.traps(whole))
    led = copy.deepcopy(whole)
    TRAPPED[said](led)
    (found,) = account.traps(led)
    assert said in found


def test_a_more_exact_route_is_no_riddle(whole: dict[str, Any]) -> None:
    """API Gateway takes the route with the most that is said literally."""
    led = copy.deepcopy(whole)
    route("/x/{id}/notes", "/x/{id}/{what}", "/x/{id}")(led)
    assert not list(account.traps(led))


def test_loops_are_seen_behind_an_alias(gradually: dict[str, Any]) -> None:
    """As queues call functions that come into use little by little."""
    led = {"Resources": copy.deepcopy(gradually)}
    source = within(led, MAPPING)
    (alias, *_) = account.names_in(source["FunctionName"])
    assert led["Resources"][alias]["Type"] == "AWS::Lambda::Alias"
    (called, *_) = account.names_in(led["Resources"][alias]["Properties"]["FunctionName"])
    source["FunctionName"] = {"Ref": called}
    let_it_send(led)
    source["FunctionName"] = {"Ref": alias}
    (found,) = account.loops(led)
    assert called in found


def test_there_is_room_for_more(gradually: dict[str, Any]) -> None:
    """CloudFormation takes 500 resources; who adds a source or a table must not have to fear it."""
    assert len(gradually) <= 420
