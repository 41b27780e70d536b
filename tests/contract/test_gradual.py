"""The template that puts code into use little by little is one that CloudFormation takes."""

import subprocess
from pathlib import Path

import yaml

from local.cloud import TOOLS
from operate.gradual import ALIAS, gradual
from tests.template import ROOT, functions


class _Dumper(yaml.SafeDumper):
    """Writes no anchors: CloudFormation knows none."""

    def ignore_aliases(self, _: object) -> bool:
        """Write every value where it stands."""
        return True


def test_every_function_moves_in_steps_and_back(tmp_path: Path) -> None:
    """CodeDeploy watches an alarm that exists, queues call the alias, and cfn-lint is content."""
    from tests.template import _Loader  # noqa: PLC0415 - the long forms, as `sam build` writes them

    document = yaml.load(
        (ROOT / "template.yaml").read_text(),
        Loader=_Loader,  # noqa: S506 - a SafeLoader
    )
    changed = gradual(document, "Linear10PercentEvery1Minute")
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
    file = tmp_path / "gradual.yaml"
    file.write_text(yaml.dump(changed, Dumper=_Dumper, sort_keys=False))
    done = subprocess.run(  # noqa: S603 - our own tool
        [TOOLS / "sam/bin/cfn-lint", file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
