"""The time before a ticket is opened: many alarms heal themselves, and some can wait."""

from datetime import datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from actionsync.rules.sections import Section, TimeOfDay, ZoneName

_DAY = timedelta(days=1)
Minutes = Annotated[int, Field(ge=1, le=24 * 60)]


class Hold(Section):
    """Until when a ticket is held back; one of the three.

    Attributes:
        minutes: for so long it must go on.
        count: so often it must occur in a window of `within_minutes` that begins with the first;
            of one ticket for many, so many members must be open.
        within_minutes: the window of `count`.
        until: until this time of the day, by `time_zone`.
    """

    minutes: Minutes | None = None
    count: Annotated[int, Field(ge=2, le=1000)] | None = None
    within_minutes: Minutes | None = None
    until: TimeOfDay | None = None
    time_zone: ZoneName = "UTC"

    @model_validator(mode="after")
    def _is_one_of_three(self) -> "Hold":
        if [self.minutes, self.count, self.until].count(None) != 2:  # noqa: PLR2004 - of three
            raise ValueError("needs minutes, count with within_minutes, or until")
        if (self.count is None) != (self.within_minutes is None):
            raise ValueError("count and within_minutes go together")
        return self

    @property
    def window_seconds(self) -> int:
        """How long the window of `count` is; 0 where the hold is by time."""
        return 60 * (self.within_minutes or 0)

    def ends_at(self, received: datetime) -> int:
        """Return the epoch second at which a hold by time ends that begins with a receipt."""
        if self.until is None:
            return int((received + timedelta(minutes=self.minutes or 0)).timestamp())
        zone = ZoneInfo(self.time_zone)
        local = received.astimezone(zone)
        at_midnight = self.until == "24:00"
        wanted = time() if at_midnight else time.fromisoformat(self.until)
        day = local.date() + _DAY * at_midnight
        if datetime.combine(day, wanted, zone) <= local:
            day += _DAY
        return int(datetime.combine(day, wanted, zone).timestamp())


class DuringChange(Section):
    """What becomes of an event while an approved change of its CI or service is under way.

    Attributes:
        do: `hold` waits for the end of the change, `open` names the change in the ticket.
        longest_hours: so long it waits at most, from its first event on.
    """

    do: Literal["hold", "open"]
    longest_hours: Annotated[int, Field(ge=1, le=72)] = 12


def _of_text(value: Any) -> Any:
    return {"do": value} if isinstance(value, str) else value


# A word alone says what to do.
During = Annotated[
    DuringChange,
    BeforeValidator(_of_text, json_schema_input_type=Literal["hold", "open"] | DuringChange),
]
