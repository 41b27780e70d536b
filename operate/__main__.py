"""Run a deployed stack of ActionSync: deploy it, look at it, repair it, remove it.

Credentials and region are those of the AWS CLI: AWS_PROFILE, AWS_REGION, ~/.aws.
"""

import argparse
import inspect
import sys
from collections.abc import Sequence

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from . import (
    apply,
    deploy,
    drift,
    export,
    forget_user,
    gradual,
    owners,
    plan,
    redrive,
    remove,
    smoke,
    team,
)
from .outcome import FAILED, REFUSED, FailedError, RefusedError

COMMANDS = {
    "deploy": deploy,
    "gradual": gradual,
    "smoke": smoke,
    "redrive": redrive,
    "owners": owners,
    "team": team,
    "export": export,
    "plan": plan,
    "apply": apply,
    "drift": drift,
    "forget-user": forget_user,
    "remove": remove,
}
EXIT_CODES = """\
exit codes:
  0    done, and all is well
  1    something failed: AWS refused a call, or a check of `smoke` found a fault
  2    the command line is wrong; of `plan` and `drift`: something differs
  3    refused, and nothing was changed: not confirmed, protected, or something is missing
  130  interrupted; the same command goes on where it stopped
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    whole = argparse.ArgumentParser(
        prog="actionsync",
        description=__doc__,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, module in COMMANDS.items():
        description = inspect.cleandoc(module.__doc__ or "")
        summary = description.partition("\n")[0].partition(": ")[2].rstrip(".")
        command = commands.add_parser(
            name,
            help=summary,
            description=description,
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_argument("--aws-profile", help="a profile of ~/.aws/config")
        command.add_argument("--region", help="where the stack is")
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return whole


def main(words: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit code."""
    arguments = parser().parse_args(words)
    try:
        if arguments.aws_profile or arguments.region:
            boto3.setup_default_session(
                profile_name=arguments.aws_profile, region_name=arguments.region
            )
        code: int = arguments.run(arguments)
    except RefusedError as error:
        return _said(error, REFUSED)
    except (FailedError, ClientError, BotoCoreError, OSError) as error:
        return _said(error, FAILED)
    except KeyboardInterrupt:
        return _said("interrupted", 130)
    return code


def _said(what: object, code: int) -> int:
    print(f"actionsync: {what}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
