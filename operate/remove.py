"""`make remove`: delete a stack with all that it holds, and the secrets of its users.

CloudFormation knows nothing of secrets that functions made: left behind, each costs $0.40 a month.
They are deleted once the stack is gone and can be restored for seven days.
"""

import argparse
import sys
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

_RECOVERY_DAYS = 7


def is_protected(cloudformation: "CloudFormationClient", stack: str) -> bool:
    """Return whether a stack's tables and user pool refuse to be deleted."""
    (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return any(
        item["ParameterKey"] == "Stage" and item.get("ParameterValue") == "prod"
        for item in found.get("Parameters", [])
    )


def secrets_of(secrets_manager: "SecretsManagerClient", stack: str) -> list[str]:
    """Return the names of the secrets that a stack's functions made."""
    prefix = f"actionsync/{stack}/"
    pages = secrets_manager.get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": [prefix]}]
    )
    names = [secret["Name"] for page in pages for secret in page["SecretList"]]
    # The filter takes names that begin so without regard to case (Secrets Manager API reference).
    return [name for name in names if name.startswith(prefix)]


def remove(
    cloudformation: "CloudFormationClient", secrets_manager: "SecretsManagerClient", stack: str
) -> int:
    """Delete a stack, then its users' secrets, and return how many these were.

    In this order: a function that still runs could make another secret.
    """
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack)
    names = secrets_of(secrets_manager, stack)
    for name in names:
        secrets_manager.delete_secret(SecretId=name, RecoveryWindowInDays=_RECOVERY_DAYS)
    return len(names)


def main() -> None:
    """Say what would go, ask, and delete it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    arguments = parser.parse_args()
    stack = arguments.stack
    cloudformation = boto3.client("cloudformation")
    secrets_manager = boto3.client("secretsmanager")
    if is_protected(cloudformation, stack):
        sys.exit(
            f"{stack} has Stage prod, which protects its tables and user pool. To remove it all "
            "the same, write `Stage: dev` into its file in deploy/, `make deploy`, and try again."
        )
    count = len(secrets_of(secrets_manager, stack))
    print(
        f"This deletes the stack {stack}: its tables with connections, rules, the audit trail and "
        f"what waits, its queues, its user pool with every user, its log groups, and {count} "
        f"secrets of its users, which can be restored for {_RECOVERY_DAYS} days. Tickets stay in "
        "ServiceNow; the files of the deployments stay in SAM's bucket."
    )
    if not arguments.yes and input(f"Type {stack} to go on: ") != stack:
        sys.exit("Nothing was deleted.")
    removed = remove(cloudformation, secrets_manager, stack)
    print(f"{stack} is gone, and {removed} secrets with it.")


if __name__ == "__main__":
    main()
