"""An owner's rules, as models."""

from time import monotonic
from typing import TYPE_CHECKING, Any

from actionsync.rules.models import Rules
from actionsync.tickets.models import STORED

if TYPE_CHECKING:
    from actionsync.stores.documents import Document
    from actionsync.stores.rules import RuleStore

# A saved rule takes effect after at most so many seconds.
_FRESH_SECONDS = 15.0
_MAX_OWNERS = 1000


def rules_of(store: "RuleStore", owner: str) -> Rules:
    """Return an owner's rules."""
    return Rules.model_validate_json(store.get(owner).text, context=STORED)


def document_of(stored: "Document") -> dict[str, Any]:
    """Return rules as callers see them: whole, with every default."""
    return Rules.model_validate_json(stored.text, context=STORED).model_dump(mode="json")


class RecentRules:
    """The owners' rules, read again once they are some seconds old."""

    def __init__(self, store: "RuleStore") -> None:
        self._store = store
        self._cached: dict[str, tuple[float, Rules]] = {}

    def __call__(self, owner: str) -> Rules:
        """Return an owner's rules."""
        read_at, rules = self._cached.get(owner, (0.0, None))
        if rules is None or monotonic() - read_at > _FRESH_SECONDS:
            rules = rules_of(self._store, owner)
            if len(self._cached) > _MAX_OWNERS:
                self._cached.clear()
            self._cached[owner] = (monotonic(), rules)
        return rules
