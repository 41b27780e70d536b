"""`make gradual`: write a built template that puts new code into use little by little.

SAM wants an alias's name in the template itself and takes no condition there, so that this cannot
be a parameter of template.yaml (SAM specification: AutoPublishAlias). This writes a copy of the
built template in which every function has the alias `live`, HTTP and queues call that alias, and
CodeDeploy moves it to the new version in steps, and back when an alarm goes off.
"""

import argparse
from pathlib import Path
from typing import Any

import yaml

from local.cloud import ROOT

BUILT = ROOT / ".aws-sam/build/template.yaml"
GRADUAL = BUILT.with_name("gradual.yaml")
ALIAS = "live"
# Any of CodeDeploy's own (CodeDeploy user guide: Working with deployment configurations).
STEPS = "Canary10Percent5Minutes"


def gradual(template: dict[str, Any], steps: str = STEPS) -> dict[str, Any]:
    """Change a built template, and return it.

    Args:
        template: a built template.
        steps: how the traffic moves, by CodeDeploy's name.
    """
    resources = template["Resources"]
    template["Globals"]["Function"] |= {
        "AutoPublishAlias": ALIAS,
        "DeploymentPreference": {"Type": steps, "Alarms": [{"Ref": "ApiErrorsAlarm"}]},
    }
    for resource in list(resources.values()):
        if resource["Type"] == "AWS::Serverless::Function":
            # Else changed variables alone would make no new version (SAM specification).
            resource["Properties"]["AutoPublishAliasAllProperties"] = True
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            function = resource["Properties"]["FunctionName"]["Ref"]
            resource["Properties"]["FunctionName"] = {"Ref": f"{function}.Alias"}
            alarm = function.removeprefix("On").removesuffix("Function") + "ErrorsAlarm"
            resources[function]["Properties"]["DeploymentPreference"] = {
                "Type": steps,
                "Alarms": [{"Ref": alarm}],
            }
    return template


def write(steps: str) -> Path:
    """Write the changed copy of the built template and return its file."""
    template = gradual(yaml.safe_load(BUILT.read_text()), steps)
    GRADUAL.write_text(yaml.safe_dump(template, sort_keys=False))
    return GRADUAL


def main() -> None:
    """Write the template and say how to deploy it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", default=STEPS, help=f"default: {STEPS}")
    file = write(parser.parse_args().steps).relative_to(ROOT)
    print(f"Deploy it with: sam deploy --template-file {file}")


if __name__ == "__main__":
    main()
