"""What happened, in the one form that the engine knows.

Many events have one cause: an alarm's ALARM and OK, the ten thousand times that a line of code
fails, the start and the end of a deployment. The cause, not the delivery, decides the correlation
id, and with it the ticket.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from actionsync.rules.models import Severity

Kind = Literal["error", "alarm", "deployment", "meeting"]
# on: the trouble or the deployment begins, or goes on. off: it is over. remark: worth a note.
Phase = Literal["on", "off", "remark"]


class UnreadableEventError(Exception):
    """An event that cannot be understood; its text is the reason, without the event's content."""


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """One event.

    Attributes:
        delivery: names this delivery; a repetition of it has the same name.
        user_id: whose event it is.
        kind: what it is.
        cause: what identifies the cause among the user's causes of this kind.
        name: what the rules' patterns look at: a service, an alarm, an application.
        severity: how bad it is.
        phase: what it says about the cause.
        at: when it happened.
        texts: what the templates may use.
        outcome: how a deployment ended: succeeded, failed or stopped; else empty.
        columns: further columns that the event itself decides.
    """

    delivery: str
    user_id: str
    kind: Kind
    cause: str
    name: str
    severity: Severity
    phase: Phase
    at: datetime
    texts: dict[str, str] = field(default_factory=dict)
    outcome: str = ""
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def cause_id(self) -> str:
        """The cause's own id: no other user and no other kind shares it."""
        return digest(self.user_id, self.kind, self.cause)


def digest(*parts: str) -> str:
    """Return 32 hexadecimal digits that stand for these texts."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode()).hexdigest()[:32]
