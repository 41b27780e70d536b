"""`actionsync plan`: show what applying files would change, and check all of it.

The files are YAML, or folders of such. Ends with 0 where nothing differs and with 2 where
something does. What is wrong is named with file and line, before anything could be written: a
reference that is missing, a group or column that the instance does not have, a connection that
does not work. What no file names is left alone, unless --prune.
"""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from . import api, documents
from .checks import check
from .outcome import DIFFERENT, DONE, FailedError
from .settings import Change, changes, present, wanted

_COLORS = {"+": "\033[32m", "-": "\033[31m", "~": "\033[33m"}
_END = "\033[0m"


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    api.add_arguments(parser)
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILE", help="files or folders")
    parser.add_argument("--prune", action="store_true", help="remove what no file names")
    parser.add_argument(
        "--force", action="store_true", help="also connections, whose tickets may be open"
    )
    parser.add_argument(
        "--unchecked",
        action="store_true",
        help="do not ask the instance: it is away, or not connected yet",
    )


def planned(
    arguments: Namespace, stack: api.Api, *, checks: bool = True
) -> tuple[documents.Settings, list[Change]]:
    """Return what files say and what they would change, all of it checked.

    Raises:
        FailedError: something is wrong with them; each thing with its place.
    """
    settings = documents.read(arguments.paths)
    _end_with(settings)
    ask_instance = checks and not arguments.unchecked
    want = wanted(settings, stack, ask_instance=ask_instance)
    _end_with(settings)
    found = changes(present(stack), want, prune=arguments.prune)
    if checks:
        check(settings, found, stack, ask_instance=ask_instance, force=arguments.force)
        _end_with(settings)
    return settings, found


def _end_with(settings: documents.Settings) -> None:
    if settings.findings:
        lines = "\n".join(f"  {finding}" for finding in sorted(set(settings.findings)))
        raise FailedError(f"nothing is changed; this is wrong:\n{lines}")


def show(found: Sequence[Change]) -> None:
    """Print differences, in colors on a terminal."""
    in_colors = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for change in found:
        for line in change.lines():
            color = _COLORS.get(line.lstrip()[:1], "") if in_colors else ""
            print(f"{color}{line}{_END}" if color else line)
    print(f"{len(found)} to change." if found else "Nothing differs.")


def run(arguments: Namespace) -> int:
    """Show what would change."""
    with api.connect(arguments) as http:
        _, found = planned(arguments, api.Api(http, arguments.owner))
    show(found)
    return DIFFERENT if found else DONE
