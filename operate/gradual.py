"""`actionsync gradual`: write a built template that puts new code into use little by little.

SAM wants an alias's name in the template itself and takes no condition there, so that this cannot
be a parameter of template.yaml (SAM specification: AutoPublishAlias). This writes a copy of the
built template in which every function has the alias `live`, HTTP and queues call that alias, and
CodeDeploy moves it to the new version in steps, and back when an alarm goes off.
"""

import hashlib
import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import yaml

from .outcome import DONE, RefusedError

BUILT = Path(".aws-sam/build/template.yaml")
ALIAS = "live"
# Any of CodeDeploy's own (CodeDeploy user guide: Working with deployment configurations).
STEPS = "Canary10Percent5Minutes"
# What goes wrong over HTTP, from the log of all calls. `ApiErrorsAlarm` names the API, which calls
# the aliases, whose deployments would name the alarm: a circle.
HTTP_ALARM = "HttpErrorsAlarm"


def gradual(
    template: dict[str, Any], steps: str = STEPS, parameters: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Change a built template, and return it.

    Args:
        template: a built template.
        steps: how the traffic moves, by CodeDeploy's name.
        parameters: what the stack is deployed with. A version is made when a function's properties
            change, of which parameters are known at deployment only: their digest makes them count.
    """
    resources = template["Resources"]
    digest = hashlib.sha256(json.dumps(parameters or {}, sort_keys=True).encode()).hexdigest()
    template["Globals"]["Function"] |= {
        "AutoPublishAlias": ALIAS,
        "Description": f"Parameters {digest[:16]}",
        "DeploymentPreference": {"Type": steps, "Alarms": [{"Ref": HTTP_ALARM}]},
    }
    for resource in list(resources.values()):
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            # Else a change of variables or layers alone would make no version (SAM specification).
            properties["AutoPublishAliasAllProperties"] = True
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["PublishLambdaVersion"] = True
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            function = properties["FunctionName"]["Ref"]
            properties["FunctionName"] = {"Ref": f"{function}.Alias"}
            alarm = function.removeprefix("On").removesuffix("Function") + "ErrorsAlarm"
            resources[function]["Properties"]["DeploymentPreference"] = {
                "Type": steps,
                "Alarms": [{"Ref": alarm}],
            }
        if resource["Type"] == "AWS::Events::Rule":
            _leave_out_own(properties["EventPattern"])
    return template | {"Resources": resources | _http_alarm(resources["ApiErrorsAlarm"])}


def _leave_out_own(pattern: dict[str, Any]) -> None:
    """Let a rule for CodeDeploy's events pass over the deployments of the stack's own functions."""
    if "aws.codedeploy" in pattern.get("source", []):
        # SAM's name of the CodeDeploy application that it makes. CodePipeline's events have none.
        own = {"Fn::Sub": "${AWS::StackName}-ServerlessDeploymentApplication-"}
        pattern["detail"] = {
            **pattern.get("detail", {}),
            "$or": [
                {"application": [{"anything-but": {"prefix": own}}]},
                {"application": [{"exists": False}]},
            ],
        }


def _http_alarm(like: dict[str, Any]) -> dict[str, Any]:
    """Return an alarm that goes off when the given one does, and names no API."""
    metric = {"MetricNamespace": {"Ref": "AWS::StackName"}, "MetricName": "5xx"}
    properties = {
        name: value for name, value in like["Properties"].items() if name != "Dimensions"
    } | {
        "AlarmName": {"Fn::Sub": f"${{AWS::StackName}}-{HTTP_ALARM}"},
        "Namespace": metric["MetricNamespace"],
        "MetricName": metric["MetricName"],
    }
    return {
        "HttpErrors": {
            "Type": "AWS::Logs::MetricFilter",
            "Properties": {
                "LogGroupName": {"Ref": "AccessLogs"},
                "FilterPattern": '{ $.status = "5*" }',
                "MetricTransformations": [metric | {"MetricValue": "1"}],
            },
        },
        HTTP_ALARM: {"Type": "AWS::CloudWatch::Alarm", "Properties": properties},
    }


def write(built: Path, steps: str, parameters: dict[str, Any]) -> Path:
    """Write the changed copy of a built template beside it, and return its file."""
    file = built.with_name("gradual.yaml")
    template = gradual(yaml.safe_load(built.read_text()), steps, parameters)
    file.write_text(yaml.safe_dump(template, sort_keys=False))
    return file


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("profile", nargs="?", default="default", help="of samconfig.toml")
    parser.add_argument("--template", type=Path, default=BUILT, help=f"default: {BUILT}")
    parser.add_argument("--steps", default=STEPS, help=f"default: {STEPS}")


def run(arguments: Namespace) -> int:
    """Write the template and say how to deploy it."""
    parameters = Path("deploy", f"{arguments.profile}.yaml")
    for file in (arguments.template, parameters):
        if not file.is_file():
            raise RefusedError(f"There is no {file} in this folder")
    given = yaml.safe_load(parameters.read_text()) or {}
    file = write(arguments.template, arguments.steps, given)
    print(f"Deploy it with: actionsync deploy {arguments.profile} --template {file}")
    return DONE
