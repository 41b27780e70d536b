"""`actionsync team`: who shares connections, rules, recipes, webhooks and activity.

A team's members are whoever's token names one of its member groups, and its machines; they use
what the team has. Whoever's names one of its editor groups changes it, too. `edit` replaces the
lists that are given, and takes effect with the next call. `--name` gives the team another name: its
things stay its own, and whoever says the old name (calls, events, AutomationUserId, `owners`) is
refused, or waits, until they say the new one. `delete` removes a team that has nothing; with
`--force` all that it has goes first, but for its activity, which ends by itself: connections with
their secrets, webhooks, rules, recipes, gates, and events that wait. Tickets in ServiceNow stay.
"""

import json
import secrets
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from dataclasses import asdict, replace
from typing import Any, TypedDict

from actionsync.errors import DocumentChangedError
from actionsync.stores.connections import ConnectionStore
from actionsync.stores.teams import NAME, PREFIX, Team, TeamStore
from actionsync.stores.webhooks import WebhookStore

from .forget_user import Stack, remove_things, stack_of
from .outcome import DONE, Progress, RefusedError

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
    does = command.add_subparsers(dest="does", metavar="create|edit|delete|list", required=True)
    for name, text in (
        ("create", "add a team"),
        ("edit", "replace a team's groups and machines, or its name"),
        ("delete", "remove a team"),
        ("list", "print the teams"),
    ):
        parser = does.add_parser(name, help=text)
        parser.add_argument("stack", help="the stack's name")
        if name == "list":
            continue
        parser.add_argument("team", type=_name, help="the team's name")
        if name == "delete":
            parser.add_argument("--force", action="store_true", help="with all that it has")
            continue
        if name == "edit":
            parser.add_argument("--name", type=_name, help="the name that it gets")
        for each, meaning in LISTS.items():
            parser.add_argument(
                f"--{each}", type=_group, nargs="*", metavar="NAME", help=f"{meaning}; any number"
            )


def run(arguments: Namespace) -> int:
    """Write or remove a team, or print all."""
    stack = stack_of(arguments.stack)
    store = TeamStore(stack.dynamodb, stack.names["ConnectionsTable"])
    if arguments.does == "delete":
        for what, count in delete(stack, store, arguments.team, is_forced=arguments.force).items():
            print(f"{count:7} {what}")
        return DONE
    if arguments.does == "list":
        shown = [asdict(team) for team in store.all()]
    else:
        given = {name: getattr(arguments, name) for name in LISTS}
        lists: Any = {
            name: tuple(dict.fromkeys(each)) for name, each in given.items() if each is not None
        }
        if arguments.does == "create":
            written = create(store, arguments.team, lists)
        else:
            written = edit(store, arguments.team, lists)
        if getattr(arguments, "name", None):
            written = rename(store, written, arguments.name)
        shown = [asdict(written)]
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
    try:
        return store.save(replace(_found(store, name), **lists))
    except DocumentChangedError:
        raise RefusedError(f"Somebody else has just changed the team {name}.") from None


def rename(store: TeamStore, team: Team, name: str) -> Team:
    """Give a team another name; where this ends half-way, both are its names until it is repeated.

    Raises:
        RefusedError: another team has that name.
    """
    other = store.get(name)
    if other is not None and other.id != team.id:
        raise RefusedError(f"There is another team {name}.")
    if name == team.name:
        return team
    renamed = store.save(replace(team, name=name, version=other.version if other else 0))
    store.delete(team.name)
    return renamed


def delete(stack: Stack, store: TeamStore, name: str, *, is_forced: bool) -> dict[str, int]:
    """Remove a team with what it has, and return how much of what that was.

    Nobody is in it any more before its things go, and its name goes last: where this ends half-way,
    it is repeated.

    Raises:
        RefusedError: there is no such team, or it has something, and nothing was forced.
    """
    team = _found(store, name)
    connections = ConnectionStore(stack.dynamodb, stack.names["ConnectionsTable"]).names(team.id)
    webhooks = WebhookStore(
        stack.dynamodb, stack.names["EventsTable"], stack.secrets_manager, stack.secret_prefix
    ).of(team.id)
    if (connections or webhooks) and not is_forced:
        raise RefusedError(
            f"The team {name} has {len(connections)} connections and {len(webhooks)} webhooks; "
            "--force removes them, its rules, recipes and gates, and the events that wait for it."
        )
    edit(store, name, {"members": (), "editors": (), "machines": ()})
    removed = remove_things(stack, team.id, Progress())
    store.delete(name)
    return removed


def _found(store: TeamStore, name: str) -> Team:
    team = store.get(name)
    if team is None:
        raise RefusedError(f"There is no team {name}; `actionsync team list` prints them.")
    return team


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ArgumentTypeError("1 to 40 lower-case letters, digits and hyphens within")
    return text


def _group(text: str) -> str:
    # An HTTP API hands a token's groups over as one text, `[a b]`, and quotes nothing.
    if not text or any(char.isspace() or char in ",[]" for char in text):
        raise ArgumentTypeError(f"{text!r}: no blanks, commas or brackets")
    return text
