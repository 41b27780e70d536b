"""The template that puts code into use little by little is one that CloudFormation takes."""

from local.account import read
from operate.gradual import ALIAS, gradual
from tests.template import ROOT, functions


def test_every_function_moves_in_steps_and_back() -> None:
    """CodeDeploy watches an alarm that exists, and queues call the alias."""
    changed = gradual(read(ROOT / "template.yaml"), "Linear10PercentEvery1Minute")
    resources = changed["Resources"]
    shared = changed["Globals"]["Function"]
    assert shared["AutoPublishAlias"] == ALIAS
    sources = 0
    for resource in resources.values():
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            assert resource["Properties"]["FunctionName"]["Ref"].endswith("Function.Alias")
            sources += 1
        if resource["Type"] == "AWS::Serverless::Function":
            preference = resource["Properties"].get(
                "DeploymentPreference", shared["DeploymentPreference"]
            )
            assert preference["Type"] == "Linear10PercentEvery1Minute"
            (alarm,) = preference["Alarms"]
            assert resources[alarm["Ref"]]["Type"] == "AWS::CloudWatch::Alarm"
    assert sources == sum(folder.startswith("on_") for folder in functions())
