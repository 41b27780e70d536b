"""`actionsync remove`: delete a stack with all that it holds, and the secrets of its users.

CloudFormation knows nothing of secrets that functions made: left behind, each costs $0.40 a month.
They are deleted once the stack is gone and can be restored for seven days. Interrupted, it goes on
when it is run again.
"""

import time
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

from .outcome import DONE, FailedError, Progress, RefusedError, Say

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

_RECOVERY_DAYS = 7
_POLL_SECONDS = 5


def is_protected(stack: "StackTypeDef") -> bool:
    """Return whether a stack's tables and user pool refuse to be deleted."""
    return any(
        item["ParameterKey"] == "Stage" and item.get("ParameterValue") == "prod"
        for item in stack.get("Parameters", [])
    )


def find(cloudformation: "CloudFormationClient", name: str) -> "StackTypeDef | None":
    """Return a stack, or None where it is gone."""
    try:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"].get("Code") != "ValidationError":
            raise
        return None


def secrets_of(secrets_manager: "SecretsManagerClient", stack: str) -> list[str]:
    """Return the names of the secrets that a stack's functions made."""
    prefix = f"actionsync/{stack}/"
    pages = secrets_manager.get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": [prefix]}]
    )
    names = [secret["Name"] for page in pages for secret in page["SecretList"]]
    # The filter takes names that begin so without regard to case (Secrets Manager API reference).
    return [name for name in names if name.startswith(prefix)]


def delete_stack(cloudformation: "CloudFormationClient", stack_id: str, say: Say) -> None:
    """Delete a stack, and wait until it is gone.

    Raises:
        FailedError: CloudFormation could not delete something.
    """
    cloudformation.delete_stack(StackName=stack_id)
    while (stack := cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0])[
        "StackStatus"
    ] != "DELETE_COMPLETE":
        if stack["StackStatus"] == "DELETE_FAILED":
            raise FailedError(f"{stack['StackName']}: {stack.get('StackStatusReason', '')}")
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id)
        left = sum(
            resource["ResourceStatus"] != "DELETE_COMPLETE"
            for page in pages
            for resource in page["StackResourceSummaries"]
        )
        say(f"{left} resources are left")
        time.sleep(_POLL_SECONDS)


def delete_secrets(secrets_manager: "SecretsManagerClient", names: list[str], say: Say) -> None:
    """Delete secrets, which can be restored for some days."""
    for number, name in enumerate(names, 1):
        secrets_manager.delete_secret(SecretId=name, RecoveryWindowInDays=_RECOVERY_DAYS)
        say(f"{number} of {len(names)} secrets are deleted")


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(arguments: Namespace) -> int:
    """Say what would go, ask, and delete it: the stack first, which could make more secrets."""
    name = arguments.stack
    cloudformation, secrets_manager = boto3.client("cloudformation"), boto3.client("secretsmanager")
    stack, secrets = find(cloudformation, name), secrets_of(secrets_manager, name)
    if stack is None and not secrets:
        raise RefusedError(f"There is no stack {name} here, nor a secret of one.")
    if stack is not None and is_protected(stack):
        raise RefusedError(
            f"{name} has Stage prod, which protects its tables and user pool. To remove it all "
            "the same, write `Stage: dev` into its file in deploy/, `make deploy`, and try again."
        )
    print(_warning(name, len(secrets), is_gone=stack is None), flush=True)
    if not arguments.yes and input(f"Type {name} to go on: ") != name:
        raise RefusedError("Nothing was deleted.")
    if stack is not None:
        delete_stack(cloudformation, stack["StackId"], Progress())
        secrets = secrets_of(secrets_manager, name)
    delete_secrets(secrets_manager, secrets, Progress())
    print(f"{name} is gone, and {len(secrets)} secrets with it.")
    return DONE


def _warning(name: str, secrets: int, *, is_gone: bool) -> str:
    left = f"{secrets} secrets of its users, which can be restored for {_RECOVERY_DAYS} days"
    if is_gone:
        return f"The stack {name} is gone. This deletes what it left: {left}."
    return (
        f"This deletes the stack {name}: its tables with connections, rules, the audit trail and "
        f"what waits, its queues, its user pool with every user, its log groups, and {left}. "
        "Tickets stay in ServiceNow; the files of the deployments stay in SAM's bucket."
    )
