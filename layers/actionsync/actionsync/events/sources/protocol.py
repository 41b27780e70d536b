"""What a source is: one file beside this one, and one entry in the list of the package."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from actionsync.events.models import IncomingEvent

if TYPE_CHECKING:
    from datetime import datetime

    from actionsync.events.deliveries import Delivery
    from actionsync.events.sources.envelopes import Message
    from actionsync.rules.models import Rules


@dataclass(frozen=True, slots=True)
class Context:
    """What a source knows beside the message.

    Attributes:
        received_at: when the queue got it.
        automation_user: the owner of events that name none: AWS's own, plain texts; or empty.
        rules: that owner's rules.
    """

    received_at: "datetime"
    automation_user: str = ""
    rules: "Rules | None" = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A part of a message that could not be read, while the rest was.

    Attributes:
        owner: whose it is.
        name: what it is about.
        reason: why it could not be read.
    """

    owner: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message says.

    Attributes:
        events: its events; none where it says nothing that matters to a ticket.
        rejected: its parts that could not be read.
        unknown: what kind of message it is, where no source knows it; else empty.
        owner: whose an unknown message is, where it says.
    """

    events: tuple[IncomingEvent, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    unknown: str = ""
    owner: str = ""


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
