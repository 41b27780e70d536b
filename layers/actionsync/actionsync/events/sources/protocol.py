"""What a source is: one file beside this one, and one entry in the list of the package."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from actionsync.events.gates.asked import Asked
from actionsync.events.models import IncomingEvent, Kind, UnreadableEventError
from actionsync.events.owners import Owners
from actionsync.rules.models import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from actionsync.events.deliveries import Delivery
    from actionsync.events.recipes.models import Recipe
    from actionsync.events.sources.envelopes import Message


@dataclass(frozen=True, slots=True)
class Context:
    """What a source knows beside the message.

    Attributes:
        received_at: when the queue got it.
        automation_user: the owner of events that name none: AWS's own, plain texts; or empty.
        rules_of: returns an owner's rules.
        owners: returns who answers for which accounts, Regions and names; `automation_user` answers
            for the rest.
        recipes_of: returns an owner's own recipes, by name.
    """

    received_at: "datetime"
    automation_user: str = ""
    rules_of: "Callable[[str], Rules] | None" = None
    owners: "Callable[[], Owners]" = Owners
    recipes_of: "Callable[[str], Mapping[str, Recipe]] | None" = None

    def rules_for(self, owner: str) -> Rules:
        """Return an owner's rules."""
        return Rules() if self.rules_of is None else self.rules_of(owner)

    def owners_of(self, account: str, region: str, name: str) -> tuple[str, ...]:
        """Return whose an event of AWS's is: today's owner first, then those whose it was.

        Raises:
            UnreadableEventError: nobody answers for it.
        """
        today, before = self.owners().of(account, region, name)
        first = today or self.automation_user
        if not first:
            raise UnreadableEventError(
                "The stack's parameter AutomationUserId names nobody for AWS's events"
            )
        return tuple(dict.fromkeys([first, *before]))


@dataclass(frozen=True, slots=True)
class Rejected:
    """A part of a message that could not be read, while the rest was.

    Attributes:
        owner: whose it is.
        name: what it is about.
        reason: why it could not be read.
        kind: what it would have become.
        reason_type: the reason in a word.
    """

    owner: str
    name: str
    reason: str
    kind: Kind = "incident"
    reason_type: str = "Unreadable"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message says.

    Attributes:
        events: its events; none where it says nothing that matters to a ticket.
        rejected: its parts that could not be read.
        unknown: what kind of message it is, where no source knows it; else empty.
        owner: whose an unknown message is, where it says.
        is_taken: whether it is the source's at all.
        gates: deployments that ask whether they may go on.
    """

    events: tuple[IncomingEvent, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    unknown: str = ""
    owner: str = ""
    is_taken: bool = True
    gates: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """What a source's tickets go by; docs/sources.md shows these as a table.

    Attributes:
        what: the thing.
        key: what makes two of its events one ticket.
        end: what ends it.
        order: which of two events is the newer.
        repeat: what another trigger says: it happened again, or only that it is still so.
    """

    what: str
    key: str
    end: str
    order: str
    repeat: Literal["occurrence", "heartbeat"]


class Source(Protocol):
    """A module of this package: who sent an event, and what it says."""

    NAME: str
    IDENTITIES: tuple[Identity, ...]

    def matches(self, message: "Message") -> bool:
        """Return whether a message is this source's."""

    def read(self, message: "Message", context: Context) -> Reading:
        """Return what a message says.

        Raises:
            UnreadableEventError: it cannot be understood at all.
        """


@dataclass(frozen=True, slots=True)
class Translation:
    """An event for the bus, without its owner: the detail-type and the detail."""

    type: str
    detail: dict[str, Any]


class WebhookSource(Protocol):
    """A module of this package whose sender delivers by webhook."""

    NAME: str
    BUS_SOURCE: str

    def translate(self, delivery: "Delivery", rules: "Rules") -> list[Translation]:
        """Return what a delivery means under its owner's rules; nothing where it is ignored.

        Raises:
            UnreadableEventError: it is not what its sender documents.
        """
