"""`actionsync deploy`: deploy what `make build` built, with the parameters of one file.

Run it in a checkout. The profile of samconfig.toml says which stack, deploy/<profile>.yaml what it
is given. Sign-in may come back only to an address that the stack's user pool lists. With the
parameter DomainName it is known beforehand; else AWS makes it in the first deployment: it is then
added to the file, and deployed.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import yaml

from .gradual import BUILT
from .outcome import DONE, FailedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_cloudformation.client import CloudFormationClient

_PAGE_URLS = re.compile(r"^PageUrls:.*\n?", re.MULTILINE)
# What a function's reserved concurrency must leave to all others (Lambda developer guide:
# Configuring reserved concurrency).
_UNRESERVED = 100
_ASK_FOR_MORE = (
    "aws service-quotas request-service-quota-increase --service-code lambda "
    "--quota-code L-B99A9384 --desired-value 1000"
)


def profile_of(name: str, folder: Path) -> dict[str, Any]:
    """Return how a profile deploys.

    Raises:
        RefusedError: there is no such profile, or no file with its parameters.
    """
    config = folder / "samconfig.toml"
    if not config.is_file():
        raise RefusedError(f"There is no {config}: run this in a checkout")
    try:
        profile: dict[str, Any] = tomllib.loads(config.read_text())[name]["deploy"]["parameters"]
    except KeyError:
        raise RefusedError(f"samconfig.toml has no [{name}.deploy.parameters]") from None
    if not (folder / "deploy" / f"{name}.yaml").is_file():
        raise RefusedError(f"There is no deploy/{name}.yaml with its parameters")
    return profile


def warnings(template: dict[str, Any], given: dict[str, Any], at_once: int) -> Iterator[str]:
    """Yield what of the parameters does not fit into an account.

    Args:
        template: a built template.
        given: the parameters that it is deployed with.
        at_once: how many functions the account runs at once.
    """
    values = {name: each.get("Default") for name, each in template["Parameters"].items()} | given
    types = [resource["Type"] for resource in template["Resources"].values()]
    queues = types.count("AWS::Lambda::EventSourceMapping")
    others = types.count("AWS::Serverless::Function") - queues
    batches = queues * int(values["MaxConcurrency"])
    reserved = queues * int(values["ReservedConcurrency"]) + others * int(values["HttpConcurrency"])
    if batches >= at_once:
        yield (
            f"The account runs {at_once} functions at once, and {queues} queues may take {batches} "
            "of them (MaxConcurrency): while they are all at work, HTTP gets 503. "
            f"Ask AWS for more: {_ASK_FOR_MORE}"
        )
    if reserved and reserved > at_once - _UNRESERVED:
        yield (
            f"ReservedConcurrency and HttpConcurrency take {reserved} of {at_once}, and AWS "
            f"refuses to leave less than {_UNRESERVED} to all other functions"
        )


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
    if "UserPoolId" in outputs and not parameters.get("DomainName") and page not in urls:
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


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("profile", nargs="?", default="default", help="of samconfig.toml")
    parser.add_argument("--template", type=Path, default=BUILT, help=f"default: {BUILT}")
    parser.add_argument("--sam", default="sam", help="SAM CLI; default: the one on PATH")
    parser.add_argument("--yes", action="store_true", help="do not ask before anything changes")


def run(arguments: Namespace) -> int:
    """Deploy a profile, and say where the stack is."""
    profile = profile_of(arguments.profile, Path())
    sam = shutil.which(arguments.sam)
    if sam is None:
        raise RefusedError("SAM CLI is not on PATH: pip install aws-sam-cli, or name it: --sam")
    if not arguments.template.is_file():
        raise RefusedError(f"There is no {arguments.template}: `make build` makes it")
    region = arguments.region or profile.get("region")
    file = Path("deploy", f"{arguments.profile}.yaml")
    template = yaml.safe_load(arguments.template.read_text())
    account = boto3.client("lambda", region_name=region).get_account_settings()
    at_once = account["AccountLimit"]["ConcurrentExecutions"]
    for warning in warnings(template, yaml.safe_load(file.read_text()) or {}, at_once):
        print(f"Note: {warning}", file=sys.stderr, flush=True)
    options = ["--config-env", arguments.profile, "--template-file", str(arguments.template)]
    options += ["--no-confirm-changeset"] if arguments.yes else []
    options += ["--region", region] if region else []
    options += ["--profile", arguments.aws_profile] if arguments.aws_profile else []

    def sam_deploy() -> None:
        done = subprocess.run([sam, "deploy", *options], check=False)  # noqa: S603 - SAM CLI
        if done.returncode:
            raise FailedError(f"`sam deploy` ended with {done.returncode}")

    cloudformation = boto3.client("cloudformation", region_name=region)
    outputs = deploy(sam_deploy, cloudformation, profile["stack_name"], file)
    print(f"{profile['stack_name']} is deployed: {outputs['SettingsUrl']}")
    return DONE
