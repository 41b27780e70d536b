"""What events look up of owners, seconds old at most: recipes, teams, who answers for AWS's."""

from time import monotonic
from typing import TYPE_CHECKING

from actionsync.events.owners import OWNERS, OWNERS_OF, Owners
from actionsync.stores.teams import NAME, PREFIX
from actionsync.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionsync.events.recipes.models import Recipe
    from actionsync.stores.documents import DocumentStore
    from actionsync.stores.teams import TeamStore

_FRESH_SECONDS = 15.0
_MOST_OWNERS = 200


class RecentRecipes:
    """Owners' own recipes, read again once they are some seconds old."""

    def __init__(self, store: "DocumentStore") -> None:
        self._store = store
        self._cached: dict[str, tuple[float, Mapping[str, Recipe]]] = {}

    def __call__(self, owner: str) -> "Mapping[str, Recipe]":
        """Return an owner's own recipes, by name; one that no longer fits is left out."""
        read_at, recipes = self._cached.get(owner, (float("-inf"), {}))
        if monotonic() - read_at > _FRESH_SECONDS:
            recipes = recipes_of(self._store, owner)
            if len(self._cached) > _MOST_OWNERS:
                self._cached.clear()
            self._cached[owner] = (monotonic(), recipes)
        return recipes


def recipes_of(store: "DocumentStore", owner: str) -> "dict[str, Recipe]":
    """Return an owner's own recipes, by name; one that no longer fits is left out."""
    documents = store.all(owner)
    if not documents:
        return {}
    from actionsync.events.recipes.models import Recipe  # noqa: PLC0415 - few owners have any

    found = {}
    for name, document in documents.items():
        try:
            found[name] = Recipe.model_validate_json(document.text)
        except ValueError:
            logger.exception("recipe left out", owner=owner, recipe=name)
    return found


class RecentTeams:
    """The teams' ids by their names, read again once they are some seconds old."""

    def __init__(self, store: "TeamStore") -> None:
        self._store = store
        self._cached: dict[str, tuple[float, str]] = {}

    def __call__(self, owner: str) -> str:
        """Return an owner as things are stored under: `team/<name>` as the team's id."""
        name = owner.removeprefix(PREFIX)
        if name == owner or not NAME.fullmatch(name):
            return owner
        read_at, found = self._cached.get(owner, (float("-inf"), owner))
        if monotonic() - read_at > _FRESH_SECONDS:
            team = self._store.get(name)
            # What is no name is an id; of a team that is not there yet, events wait.
            found = team.id if team else owner
            if len(self._cached) > _MOST_OWNERS:
                self._cached.clear()
            self._cached[owner] = (monotonic(), found)
        return found


class RecentOwners:
    """Who answers for AWS's events, read again once it is some seconds old."""

    def __init__(self, store: "DocumentStore", owner_of: "Callable[[str], str]") -> None:
        self._store = store
        self._owner_of = owner_of
        self._read_at = float("-inf")
        self._owners = Owners()

    def __call__(self) -> Owners:
        """Return the list."""
        if monotonic() - self._read_at > _FRESH_SECONDS:
            owners = Owners.parse(self._store.get(OWNERS_OF, OWNERS).text)
            for entry in [*owners.entries, *owners.former]:
                entry.owner = self._owner_of(entry.owner)
            self._owners = owners
            self._read_at = monotonic()
        return self._owners
