"""`make deploy`: deploy what `make build` built, with the parameters of one file.

The profile of samconfig.toml says which stack, deploy/<profile>.yaml what it is given. Sign-in may
come back only to an address that the stack's user pool lists, and AWS makes that address in the
first deployment: it is then added to the file, and deployed.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from local.cloud import ROOT, TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_cloudformation.client import CloudFormationClient

_PAGE_URLS = re.compile(r"^PageUrls:.*\n?", re.MULTILINE)


class DeployError(Exception):
    """Nothing was deployed; the text says why."""


def profile_of(name: str, root: Path = ROOT) -> dict[str, Any]:
    """Return how a profile deploys.

    Raises:
        DeployError: there is no such profile, or no file with its parameters.
    """
    profiles = tomllib.loads((root / "samconfig.toml").read_text())
    try:
        profile: dict[str, Any] = profiles[name]["deploy"]["parameters"]
    except KeyError:
        raise DeployError(f"samconfig.toml has no [{name}.deploy.parameters]") from None
    if not (root / "deploy" / f"{name}.yaml").is_file():
        raise DeployError(f"There is no deploy/{name}.yaml with its parameters")
    return profile


def deploy(
    sam_deploy: "Callable[[], None]", cloudformation: "CloudFormationClient", stack: str, file: Path
) -> dict[str, str]:
    """Deploy, and once more if sign-in could not come back to the page yet.

    Args:
        sam_deploy: deploys with the file's parameters.
        cloudformation: where the stack is.
        stack: its name.
        file: its parameters.

    Returns:
        The stack's outputs.
    """
    sam_deploy()
    outputs, parameters = _described(cloudformation, stack)
    urls = [url for url in parameters["PageUrls"].split(",") if url]
    page = outputs["SettingsUrl"]
    if "UserPoolId" in outputs and page not in urls:
        print(f"Sign-in may come back to {page} from now on: added to {file.name}.", flush=True)
        others = [url for url in urls if not url.startswith("http://localhost")]
        line = f"PageUrls: [{', '.join([page, *others])}]\n"
        text = file.read_text()
        file.write_text(_PAGE_URLS.sub("", text).rstrip("\n") + "\n" + line)
        sam_deploy()
    return outputs


def _described(
    cloudformation: "CloudFormationClient", stack: str
) -> tuple[dict[str, str], dict[str, str]]:
    (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    outputs = {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", [])}
    parameters = {
        item["ParameterKey"]: item.get("ParameterValue", "") for item in found["Parameters"]
    }
    return outputs, parameters


def main() -> None:
    """Deploy a profile, and say where the stack is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", nargs="?", default="default", help="of samconfig.toml")
    parser.add_argument("--template", type=Path, help="default: what `make build` built")
    parser.add_argument("--yes", action="store_true", help="do not ask before anything changes")
    arguments = parser.parse_args()
    try:
        profile = profile_of(arguments.profile)
    except DeployError as error:
        sys.exit(str(error))
    options = ["--config-env", arguments.profile]
    template = arguments.template or ROOT / ".aws-sam/build/template.yaml"
    if not template.is_file():
        sys.exit(f"There is no {template}: `make build` makes it")
    options += ["--template-file", str(template)]
    if arguments.yes:
        options.append("--no-confirm-changeset")

    def sam_deploy() -> None:
        done = subprocess.run(  # noqa: S603 - our own tool
            [TOOLS / "sam/bin/sam", "deploy", *options], cwd=ROOT, check=False
        )
        if done.returncode:
            sys.exit(done.returncode)

    file = ROOT / "deploy" / f"{arguments.profile}.yaml"
    cloudformation = boto3.client("cloudformation", region_name=profile.get("region"))
    outputs = deploy(sam_deploy, cloudformation, profile["stack_name"], file)
    print(f"{profile['stack_name']} is deployed: {outputs['SettingsUrl']}")


if __name__ == "__main__":
    main()
