"""`actionsync owners`: say whose AWS's own events are, by account, Region and name.

Without --file the list is printed. With it, the file replaces the list: a JSON array of
{"match": {"account", "region", "name"}, "owner", "connection"}, patterns with * and ?, the first
entry that fits decides; an owner is a user's `sub` or team/<name>, and a connection the name of one
of that owner's, where it is not the default. Where none fits, AutomationUserId answers. For 120
days whoever answered before still gets the ends and notes of what is open.
"""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from pydantic import ValidationError

from actionsync.events.owners import ENTRIES, OWNERS, OWNERS_OF, Owners
from actionsync.stores.documents import DocumentStore

from .outcome import DONE, RefusedError

if TYPE_CHECKING:
    from actionsync.events.owners import Entry


def add_arguments(command: ArgumentParser) -> None:
    """Add what the command takes."""
    command.add_argument("stack", help="the stack's name")
    command.add_argument("--file", type=Path, help="the list to store, as JSON")


def run(arguments: Namespace) -> int:
    """Print the list, or replace it."""
    cloudformation = boto3.client("cloudformation")
    found = cloudformation.describe_stack_resource(
        StackName=arguments.stack, LogicalResourceId="EventsTable"
    )
    table = found["StackResourceDetail"]["PhysicalResourceId"]
    store = DocumentStore(boto3.client("dynamodb"), table, "OWNERS")
    if arguments.file is None:
        print(json.dumps(Owners.parse(store.get(OWNERS_OF, OWNERS).text).document(), indent=2))
        return DONE
    stack = cloudformation.describe_stacks(StackName=arguments.stack)["Stacks"][0]
    parameters = {
        item["ParameterKey"]: item["ParameterValue"] for item in stack.get("Parameters", [])
    }
    replace(store, entries_of(arguments.file), parameters.get("AutomationUserId", ""))
    print("The list is stored; functions read it within a quarter of a minute.")
    return DONE


def entries_of(file: Path) -> "list[Entry]":
    """Return the list in a file.

    Raises:
        RefusedError: it is none.
    """
    try:
        return ENTRIES.validate_json(file.read_bytes())
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in wrong["loc"])
        raise RefusedError(f"{file}: {place}: {wrong['msg']}") from None


def replace(store: DocumentStore, entries: "list[Entry]", automation_user: str) -> None:
    """Replace the list, unless somebody else does at the same time."""
    known = store.get(OWNERS_OF, OWNERS)
    changed = Owners.parse(known.text).replaced_by(entries, automation_user)
    store.save(OWNERS_OF, OWNERS, json.dumps(changed.document()), known.version)
