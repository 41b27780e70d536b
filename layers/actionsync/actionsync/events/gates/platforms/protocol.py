"""What a platform is: where deployments wait, and how it hears what was decided."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from actionsync.events.gates.asked import Asked
    from actionsync.stores.gates import Gate


class DecidedElsewhereError(Exception):
    """The platform no longer waits for an answer: it has one that is not ours, or gave up."""


class Platform(Protocol):
    """A module of this package. Whatever it asks AWS may fail with a ClientError."""

    NAME: str
    # How long it waits where nobody says.
    LONGEST_SECONDS: int

    def locate(self, asked: "Asked") -> "Asked":
        """Return what asks, with what the platform knows of its place.

        Raises:
            DecidedElsewhereError: nothing waits there.
        """

    def is_waiting(self, asked: "Asked") -> bool:
        """Return whether the platform still waits for an answer."""

    def answer(self, asked: "Asked", gate: "Gate") -> None:
        """Say what was decided.

        Raises:
            DecidedElsewhereError: it does not wait for it any more.
        """


def summary(gate: "Gate", limit: int) -> str:
    """Return what was decided in a text, with the gate's id, by which it is known to be ours."""
    end = f" (ActionSync gate {gate.id})"
    return f"{gate.reason[: limit - len(end)]}{end}"
