"""`actionsync export`: write a user's settings in a stack as files have them.

Connections, webhooks, recipes and rules as YAML, on standard output or into --out. Rules without
what is so by default. Secrets are references to variables of the environment, to be filled in or
replaced. What is exported and applied changes nothing.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from . import api
from .outcome import DONE
from .settings import as_yaml, export

_HEAD = """\
# yaml-language-server: $schema=https://raw.githubusercontent.com/actionsync/actionsync-servicenow/main/operate/settings.schema.json
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    api.add_arguments(parser)
    parser.add_argument("--out", type=Path, help="a file to write, instead of standard output")


def run(arguments: Namespace) -> int:
    """Write what is there."""
    with api.connect(arguments) as http:
        text = _HEAD + as_yaml(export(api.Api(http, arguments.owner)))
    if arguments.out is None:
        print(text, end="")
    else:
        arguments.out.write_text(text, encoding="utf-8")
    return DONE
