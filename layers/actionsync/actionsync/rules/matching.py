"""What a rule looks at in an event: all that it names must hold, and a list means any of it."""

from datetime import datetime, time
from typing import Annotated, Any, Literal, Protocol
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from actionsync import clock
from actionsync.rules.patterns import fits
from actionsync.rules.sections import OWN, RECIPES, SOURCES, STRICT, TimeOfDay, ZoneName

Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST_LABELS = 20
_MIDNIGHT = "24:00"


def _a_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


# A text in which * and ? stand for any characters and for any one.
Pattern = Annotated[str, Field(min_length=1, max_length=200)]
Patterns = Annotated[list[Pattern], Field(max_length=50)]
AnyOf = Annotated[Patterns, Field(min_length=1), BeforeValidator(_a_list)]


def _source(name: str) -> str:
    if name not in SOURCES + RECIPES and not OWN.fullmatch(name):
        known = ", ".join(sorted(SOURCES + RECIPES))
        raise ValueError(f"there are {known}, and custom.<name of a recipe of yours>")
    return name


# Who sends events: a file in `events/sources/`, or a recipe of one's own.
SourceName = Annotated[str, AfterValidator(_source)]


class Matchable(Protocol):
    """What of an event the rules look at."""

    @property
    def source(self) -> str:
        """Who sent it."""

    @property
    def kind(self) -> str:
        """What it becomes."""

    @property
    def severity(self) -> Severity:
        """How bad it is."""

    @property
    def name(self) -> str:
        """What it is about."""

    @property
    def service(self) -> str:
        """Its service, or empty."""

    @property
    def environment(self) -> str:
        """Its environment, or empty."""

    @property
    def account(self) -> str:
        """Its cloud account, or empty."""

    @property
    def region(self) -> str:
        """Its region, or empty."""

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""

    @property
    def texts(self) -> dict[str, str]:
        """Its texts, the title among them."""

    @property
    def received_at(self) -> datetime:
        """When it was received."""


class _Condition(BaseModel):
    model_config = STRICT


class HoursOfWeek(_Condition):
    """Hours of some days: from `start` until before `end`; an end that is earlier is tomorrow's."""

    start: TimeOfDay = "00:00"
    end: TimeOfDay = _MIDNIGHT
    days: Annotated[list[Day], Field(min_length=1, max_length=7)] = list(DAYS)
    time_zone: ZoneName = "UTC"

    def hold(self, moment: datetime) -> bool:
        """Return whether a moment lies in these hours."""
        local = moment.astimezone(ZoneInfo(self.time_zone))
        now, today = local.time(), local.weekday()
        start, end = time.fromisoformat(self.start), time.max
        if self.end != _MIDNIGHT:
            end = time.fromisoformat(self.end)
        if start < end:
            return DAYS[today] in self.days and start <= now and (now < end or end == time.max)
        # Over midnight: the hours belong to the day on which they begin.
        return (DAYS[today] in self.days and now >= start) or (
            DAYS[today - 1] in self.days and now < end
        )


class Match(_Condition):
    """Which events a rule is for."""

    source: Annotated[list[SourceName], Field(min_length=1), BeforeValidator(_a_list)] | None = None
    kind: (
        Annotated[
            list[Literal["incident", "change", "action_item"]],
            Field(min_length=1),
            BeforeValidator(_a_list),
        ]
        | None
    ) = None
    severity: Annotated[list[Severity], Field(min_length=1), BeforeValidator(_a_list)] | None = None
    title: AnyOf | None = None
    service: AnyOf | None = None
    environment: AnyOf | None = None
    account: AnyOf | None = None
    region: AnyOf | None = None
    labels: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=100)], AnyOf],
        Field(max_length=_MOST_LABELS),
    ] = {}
    hours: HoursOfWeek | None = None

    def refusal(self, event: Matchable) -> str | None:
        """Return the first condition that an event does not meet, with its value, or None."""
        values = {
            "source": event.source, "kind": event.kind, "severity": event.severity,
            "title": event.texts.get("title", ""), "service": event.service,
            "environment": event.environment, "account": event.account, "region": event.region,
        }  # fmt: skip
        conditions = [(name, getattr(self, name), value) for name, value in values.items()]
        conditions += [
            (f"labels.{name}", wanted, event.labels.get(name, ""))
            for name, wanted in self.labels.items()
        ]
        for name, wanted, value in conditions:
            if wanted is not None and (reason := refused_name(value, wanted, what=name)):
                return reason
        if self.hours is not None and not self.hours.hold(event.received_at):
            return f"hours: {clock.iso(event.received_at)} lies outside"
        return None


def refused_name(
    name: str, include: list[str], exclude: "list[str] | tuple[str, ...]" = (), what: str = ""
) -> str | None:
    """Return why a name is not wanted, or None where a pattern includes it and none excludes it."""
    shown = f"{what or 'include'}: {name[:200]!r}"
    if not any(fits(name, pattern) for pattern in include):
        return f"{shown} is none of {', '.join(include)[:500]}"
    for pattern in exclude:
        if fits(name, pattern):
            return f"{what or 'exclude'}: {name[:200]!r} is excluded by {pattern}"
    return None
