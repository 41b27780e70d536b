"""`actionsync apply`: make a user's settings in a stack as files say.

Everything is checked first, as `plan` does. Then connections, webhooks, recipes and rules are
written in this order, each only if nobody has changed it since it was read: else it says so, and
is to be planned again. Interrupted or repeated, it does what is left. Secrets are sent with what
is new, or when a connection changes.
"""

from argparse import ArgumentParser, Namespace

from . import api, plan
from .outcome import DONE
from .settings import make


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    plan.add_arguments(parser)


def run(arguments: Namespace) -> int:
    """Make the changes, and say of each that it is made."""
    with api.connect(arguments) as http:
        stack = api.Api(http, arguments.owner)
        settings, found = plan.planned(arguments, stack)
        for change in found:
            note = make(change, settings, stack)
            print(f"{change.title}{f': {note}' if note else ''}", flush=True)
    print(f"{len(found)} changed." if found else "Nothing differs.")
    return DONE
