"""What happened, in the one form that the engine knows.

Many events are about one thing: an alarm's ALARM and OK, the ten thousand times that a line of code
fails, the start and the end of a deployment. The thing, not the delivery, decides the dedup key,
and with it the ticket.
"""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from actionsync.rules.matching import Severity

# What an event becomes.
Kind = Literal["incident", "change", "action_item"]
# trigger: it begins, or goes on. resolve: it is over. annotate: worth a note.
Action = Literal["trigger", "resolve", "annotate"]

# Mostly in lower case, and always as the instance gives it: some compare texts with their case.
SYS_ID = re.compile(r"[0-9a-fA-F]{32}")


class UnreadableEventError(Exception):
    """An event that cannot be understood; its text is the reason, without the event's content."""


@dataclass(frozen=True, slots=True)
class WantedChange:
    """What a deployment itself says of its change.

    Attributes:
        number: the change that exists already; empty for one of its own.
        type: its type, where it is not the rule's.
        template: the template of a standard change, where it is not the rule's.
        columns: its plans and planned dates, in ServiceNow's names.
        waits: whether the deployment waits for it: it is submitted, and no more.
    """

    number: str = ""
    type: str = ""
    template: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    waits: bool = False


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """One event.

    Attributes:
        id: names this delivery of it; a repetition has the same.
        owner: whose event it is.
        source: who sent it: a file in `events/sources/`.
        kind: what it becomes.
        key: what identifies the thing among the owner's events of this source.
        action: what it says about the thing.
        moment: when it was so, by the event itself where it says; never later than `received_at`.
        received_at: when the queue got it; a redelivery has the same.
        severity: how bad it is.
        is_heartbeat: whether a repeat says only "still so": it is neither counted nor noted. An end
            that is one counts only where nothing has ended it before.
        name: what the rules' patterns look at: a service, an alarm, an application.
        service: the service, where the event names one.
        environment: the environment, where the event names one.
        account: the cloud account, where the event names one.
        region: the region, where the event names one.
        labels: the labels that the event carries.
        texts: what the templates may use.
        outcome: how a change ended: succeeded, failed or stopped; else empty.
        columns: further columns that the event itself decides.
        change: what a deployment says of its change.
        assumptions: what was assumed, cut or left out, in sentences for people.
        attachments: texts too long for a ticket, whole, by file name.
        silenced_until: until when somebody silenced it: it is looked at again then.
        silent_hours: after how many hours without a sign of life it counts as over; 0 for never.
        news: what makes a repeat news: another value is noted once, whatever its moment.
        is_final: whether it is an end after which further triggers open nothing, until one is worse
            or the end is taken back.
        takes_back: whether it takes a final end back.
        connection: the name of the connection that `owners` names for it; a rule's goes first.
        group_key: of a group's, its ticket's key, which replaces the event's own.
        document: the event as it came, or its part that is about this thing; None where it is not
            available any more.
        is_of_former_owner: whether it goes to who answered for it before, for what is open there.
    """

    id: str
    owner: str
    source: str
    kind: Kind
    key: str
    action: Action
    moment: datetime
    received_at: datetime
    severity: Severity
    is_heartbeat: bool = False
    name: str = ""
    service: str = ""
    environment: str = ""
    account: str = ""
    region: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    outcome: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    change: WantedChange = field(default_factory=WantedChange)
    assumptions: tuple[str, ...] = ()
    attachments: dict[str, str] = field(default_factory=dict)
    silenced_until: datetime | None = None
    silent_hours: int = 0
    news: str = ""
    is_final: bool = False
    takes_back: bool = False
    connection: str = ""
    document: Any = None
    is_of_former_owner: bool = False
    group_key: str = ""

    @property
    def dedup_key(self) -> str:
        """What all events of the thing share, and no other owner or source."""
        return self.group_key or self.own_key

    @property
    def own_key(self) -> str:
        """Its key, where a group's is another."""
        return digest(self.owner, self.source, self.key)


def digest(*parts: str) -> str:
    """Return 32 hexadecimal digits that stand for these texts."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode(errors="surrogatepass")).hexdigest()[:32]
