"""`actionsync team`: who shares connections, rules, recipes, webhooks and activity.

A team's members are whoever's token names one of its member groups, and its machines; they use what
the team has. Whoever's names one of its editor groups changes it, too. `edit` replaces the lists
that are given, and takes effect with the next call. A team's name stays: calls, AutomationUserId
and `owners` say it.
"""

import json
import secrets
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from dataclasses import asdict, replace
from typing import Any, TypedDict

import boto3

from actionsync.errors import DocumentChangedError
from actionsync.stores.teams import NAME, PREFIX, Team, TeamStore

from .outcome import DONE, RefusedError

LISTS = {
    "members": "a group whose people use what the team has",
    "editors": "a group whose people change it, too",
    "machines": "the `sub` of a machine's tokens: with Cognito, its client id",
}


class Lists(TypedDict, total=False):
    """The lists to write."""

    members: tuple[str, ...]
    editors: tuple[str, ...]
    machines: tuple[str, ...]


def add_arguments(command: ArgumentParser) -> None:
    """Add what the command takes."""
    does = command.add_subparsers(dest="does", metavar="create|edit|list", required=True)
    for name, text in (
        ("create", "add a team"),
        ("edit", "replace a team's groups and machines"),
        ("list", "print the teams"),
    ):
        parser = does.add_parser(name, help=text)
        parser.add_argument("stack", help="the stack's name")
        if name == "list":
            continue
        parser.add_argument("team", type=_name, help="the team's name")
        for each, meaning in LISTS.items():
            parser.add_argument(
                f"--{each}", type=_group, nargs="*", metavar="NAME", help=f"{meaning}; any number"
            )


def run(arguments: Namespace) -> int:
    """Write a team, or print all."""
    found = boto3.client("cloudformation").describe_stack_resource(
        StackName=arguments.stack, LogicalResourceId="ConnectionsTable"
    )
    table = found["StackResourceDetail"]["PhysicalResourceId"]
    store = TeamStore(boto3.client("dynamodb"), table)
    if arguments.does == "list":
        shown = [asdict(team) for team in store.all()]
    else:
        given = {name: getattr(arguments, name) for name in LISTS}
        lists: Any = {
            name: tuple(dict.fromkeys(each)) for name, each in given.items() if each is not None
        }
        write = create if arguments.does == "create" else edit
        shown = [asdict(write(store, arguments.team, lists))]
    print(json.dumps(shown, indent=2))
    return DONE


def create(store: TeamStore, name: str, lists: Lists) -> Team:
    """Add a team.

    Raises:
        RefusedError: there is one of that name.
    """
    try:
        return store.save(Team(f"{PREFIX}{secrets.token_hex(16)}", name, **lists))
    except DocumentChangedError:
        raise RefusedError(f"There is a team {name}; `actionsync team edit` changes it.") from None


def edit(store: TeamStore, name: str, lists: Lists) -> Team:
    """Replace some of a team's lists.

    Raises:
        RefusedError: there is no such team, or somebody else edits it right now.
    """
    team = store.get(name)
    if team is None:
        raise RefusedError(f"There is no team {name}; `actionsync team list` prints them.")
    try:
        return store.save(replace(team, **lists))
    except DocumentChangedError:
        raise RefusedError(f"Somebody else has just changed the team {name}.") from None


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ArgumentTypeError("1 to 40 lower-case letters, digits and hyphens within")
    return text


def _group(text: str) -> str:
    # An HTTP API hands a token's groups over as one text, `[a b]`, and quotes nothing.
    if not text or any(char.isspace() or char in ",[]" for char in text):
        raise ArgumentTypeError(f"{text!r}: no blanks, commas or brackets")
    return text
