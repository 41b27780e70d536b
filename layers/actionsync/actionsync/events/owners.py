"""Whose an event of AWS's is, where one stack serves several teams.

An ordered list, written by who runs the stack: the first entry whose patterns fit the event's
account, Region and name decides. Who was an entry's owner before is remembered for as long as a
correlation is: ends and notes go there too, so that a changed list leaves no ticket open.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from actionsync import clock
from actionsync.rules.matching import Pattern
from actionsync.rules.patterns import fits
from actionsync.stores.correlations import CORRELATION_DAYS

# The list is the stack's: one document.
OWNERS_OF, OWNERS = "stack", "owners"
MOST_ENTRIES = 200
MOST_FORMER = 400


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Place(_Part):
    """Which events an entry is for: all that it names must fit."""

    account: Pattern = "*"
    region: Pattern = "*"
    name: Pattern = "*"

    def holds(self, account: str, region: str, name: str) -> bool:
        """Return whether an event lies in it."""
        return fits(account, self.account) and fits(region, self.region) and fits(name, self.name)


class Entry(_Part):
    """Who answers for a place: a user's id (`sub`), or `team/<name>`, and by which connection.

    A rule's own connection goes first; empty for the owner's default.
    """

    match: Place = Place()
    owner: Annotated[str, Field(min_length=1, max_length=128)]
    connection: Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?)?$")] = ""


class Former(Entry):
    """Who answered for a place until the list was changed, and until when that is remembered."""

    until: Annotated[datetime, Field(strict=False)]


ENTRIES = TypeAdapter(Annotated[list[Entry], Field(max_length=MOST_ENTRIES)])


class _Stored(_Part):
    entries: list[Entry] = []
    former: list[Former] = []


@dataclass(frozen=True, slots=True)
class Owners:
    """The list, and who was on it before."""

    entries: list[Entry] = field(default_factory=list)
    former: list[Former] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str) -> "Owners":
        """Return a list as it was stored."""
        stored = _Stored.model_validate_json(text)
        return cls(stored.entries, stored.former)

    def of(self, account: str, region: str, name: str) -> tuple[str, list[str]]:
        """Return whose an event is, or nothing, and whose it was."""
        today = next(
            (entry.owner for entry in self.entries if entry.match.holds(account, region, name)), ""
        )
        now = clock.now()
        before = [
            entry.owner
            for entry in self.former
            if entry.until > now and entry.match.holds(account, region, name)
        ]
        return today, [owner for owner in dict.fromkeys(before) if owner != today]

    def connection(self, owner: str, account: str, region: str, name: str) -> str:
        """Return the connection that the list names for an owner's event, or empty."""
        entries = (entry for entry in [*self.entries, *self.former] if entry.owner == owner)
        found = (entry for entry in entries if entry.match.holds(account, region, name))
        return next((entry.connection for entry in found), "")

    @property
    def everyone(self) -> list[str]:
        """Whoever may be asked for recipes of their own."""
        return list(dict.fromkeys(entry.owner for entry in [*self.entries, *self.former]))

    def replaced_by(self, entries: list[Entry], fallback: str = "") -> "Owners":
        """Return another list, which remembers who answered until now.

        Args:
            entries: the list's entries.
            fallback: who answers where no entry fits.
        """
        now = clock.now()
        until = now + timedelta(days=CORRELATION_DAYS)
        last = [Entry(owner=fallback)] if fallback else []
        remembered = {
            (entry.match.account, entry.match.region, entry.match.name, entry.owner): entry
            for entry in [
                *(entry for entry in self.former if entry.until > now),
                *(Former(match=entry.match, owner=entry.owner, until=until)
                  for entry in [*self.entries, *last]),
            ]
        }  # fmt: skip
        return Owners(entries, list(remembered.values())[-MOST_FORMER:])

    def document(self) -> dict[str, Any]:
        """Return the list as it is stored."""
        return _Stored(entries=self.entries, former=self.former).model_dump(mode="json")
