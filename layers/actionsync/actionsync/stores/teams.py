"""Teams: owners whose members are the users with certain groups in their tokens.

`pk = TEAMS#stack`, `sk = <name>`, in the connections table. Whoever operates the stack writes
them (`actionsync team`); the functions read one at each call for it, and remember none.
"""

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from actionsync.stores.documents import DocumentStore

if TYPE_CHECKING:
    from collections.abc import Collection

    from mypy_boto3_dynamodb.client import DynamoDBClient

# What a team's id and name begin with, where users' ids stand, too.
PREFIX = "team/"
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
_STACK = "stack"

Role = Literal["member", "editor"]


@dataclass(frozen=True, slots=True)
class Team:
    """A team.

    Attributes:
        id: what its things are stored under, `team/<random>`: it stays when the name changes.
        name: what calls name it by.
        members: groups whose people use what the team has.
        editors: groups whose people may change it, too.
        machines: the `sub` of tokens that a machine fetches for itself; they are members.
        version: counts the changes.
    """

    id: str
    name: str
    members: tuple[str, ...] = ()
    editors: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    version: int = 0

    def role_of(self, user_id: str, groups: "Collection[str]") -> Role | None:
        """Return what a caller is in the team, or None for nothing."""
        if not set(self.editors).isdisjoint(groups):
            return "editor"
        # Of Cognito and most others a machine's `sub` is its client id; Auth0 adds "@clients".
        is_machine = user_id.removesuffix("@clients") in self.machines
        return "member" if is_machine or not set(self.members).isdisjoint(groups) else None


class TeamStore:
    """The teams, in the connections table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._documents = DocumentStore(dynamodb, table, "TEAMS")

    def get(self, name: str) -> Team | None:
        """Return the team of a name, or None where there is none."""
        stored = self._documents.get(_STACK, name)
        return _team(name, stored.text, stored.version) if stored.version else None

    def all(self) -> list[Team]:
        """Return all teams, by name."""
        stored = self._documents.all(_STACK)
        return [_team(name, found.text, found.version) for name, found in sorted(stored.items())]

    def save(self, team: Team) -> Team:
        """Add a team, of version 0, or replace it.

        Raises:
            DocumentChangedError: it is not at this version.
        """
        document = asdict(team)
        del document["name"], document["version"]
        saved = self._documents.save(_STACK, team.name, json.dumps(document), team.version)
        return _team(team.name, saved.text, saved.version)

    def delete(self, name: str) -> None:
        """Remove a name; what the team has stays where it is."""
        self._documents.delete(_STACK, name)


def _team(name: str, text: str, version: int) -> Team:
    document = json.loads(text)
    lists = {each: tuple(document[each]) for each in ("members", "editors", "machines")}
    return Team(document["id"], name, **lists, version=version)
