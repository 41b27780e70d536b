"""`actionsync drift`: show what a stack has that files do not say.

What somebody has changed, added or removed by hand, also what no file names. It asks no instance
and no secret, so that it can run each night. Ends with 0 where nothing differs and with 2 where
something does.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from . import api, plan
from .outcome import DIFFERENT, DONE


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    api.add_arguments(parser)
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILE", help="files or folders")
    parser.set_defaults(prune=True, force=True, unchecked=True)


def run(arguments: Namespace) -> int:
    """Show what differs."""
    with api.connect(arguments) as http:
        _, found = plan.planned(arguments, api.Api(http, arguments.owner), checks=False)
    plan.show(found)
    return DIFFERENT if found else DONE
