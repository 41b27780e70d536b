"""How tickets end."""

from typing import Annotated, Literal

from pydantic import Field

from actionsync.rules.sections import SENT_ONCE, Section

# How long an end has to last where a rule does not say it: once its cause came back sooner.
FLAPPING_MINUTES = 15

Minutes = Annotated[int, Field(ge=0, le=24 * 60)]


class End(Section):
    """What follows when it is over, and when it counts as over.

    Attributes:
        do: `untouched` resolves the ticket, unless a person has taken it over, by assigning it or
            putting it on hold; `resolve` always does, `note` leaves a note, `nothing` nothing.
        settle: how many minutes an end has to last before it counts. Left out: 15, and only once
            its cause came back sooner than that.
        silent: after how many hours without a sign of life it counts as over; 0 for never. Left
            out: as the source's recipe says.
    """

    do: Literal["untouched", "resolve", "note", "nothing"] = "untouched"
    settle: Minutes | None = None
    silent: Annotated[int, Field(ge=0, le=24 * 90)] | None = None

    def over(self, fallback: "End") -> "End":
        """Return the fallback's, with what is said here in its place."""
        said = {name: getattr(self, name) for name in self.model_fields_set}
        return fallback.model_copy(
            update={name: value for name, value in said.items() if value is not None}
        )

    def silent_seconds(self, source: str, by_recipe: int) -> int:
        """Return after how many seconds without a sign of life it is over; 0 for never.

        Args:
            source: who sends it: the silence of one that sends a thing once says nothing.
            by_recipe: after how many hours by the source's recipe.
        """
        said = None if source in SENT_ONCE else self.silent
        return 3600 * (by_recipe if said is None else said)

    @property
    def settle_seconds(self) -> int:
        """How long each end has to last; 0 where it counts at once."""
        return 60 * (self.settle or 0)

    @property
    def flapping_seconds(self) -> int:
        """How long an end has to last once its cause came back sooner than that."""
        return 60 * (FLAPPING_MINUTES if self.settle is None else self.settle)
