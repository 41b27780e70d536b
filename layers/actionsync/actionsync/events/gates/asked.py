"""What asks for a gate, whichever way it came: a timer remembers it until the gate is finished."""

from dataclasses import asdict, dataclass, field
from typing import Any

# The source of deployments that name themselves: on the stack's bus, or by HTTP.
DEPLOYMENTS = "deployments"


@dataclass(frozen=True, slots=True)
class Asked:
    """A deployment that asks whether it may go on.

    Attributes:
        owner: whose it is.
        source: the source of its events.
        detail: the deployment, as a `Deployment` event has it.
        asked_at: when it was asked for, in epoch seconds.
        platform: who gets the decision; empty where the asker looks.
        place: where it waits there. It may hold a token, which nobody is shown.
        expires: the epoch second at which the platform stops waiting; 0 where nobody says.
        account: the cloud account that it is in, where it is known.
    """

    owner: str
    source: str
    detail: dict[str, Any]
    asked_at: int
    platform: str = ""
    place: dict[str, str] = field(default_factory=dict, repr=False)
    expires: int = 0
    account: str = ""

    def to_memo(self) -> dict[str, Any]:
        """Return it as its timer remembers it."""
        return asdict(self)

    @classmethod
    def from_memo(cls, memo: dict[str, Any]) -> "Asked":
        """Return what a timer remembers."""
        return cls(**memo)
