"""The ticket that an event makes under a user's rules, before anything is sent."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actionsync.rules import texts
from actionsync.rules.models import IncidentRule, MeetingRule

if TYPE_CHECKING:
    from actionsync.events.models import IncomingEvent
    from actionsync.rules.models import AlarmRule, DeploymentRule, Rules

    AnyRule = IncidentRule | AlarmRule | DeploymentRule | MeetingRule

_LONGEST_LINE = 160
_LONGEST_TEXT = 4000


@dataclass(frozen=True, slots=True)
class Draft:
    """A ticket to make.

    Attributes:
        table: its table.
        columns: its columns, in ServiceNow's names.
        options: what its creation takes besides: a change's type and template.
    """

    table: str
    columns: dict[str, Any]
    options: dict[str, Any]


def rule_for(event: "IncomingEvent", rules: "Rules") -> "AnyRule | None":
    """Return the rule that an event falls under, or None where it makes no ticket."""
    if event.kind == "incident":
        rule = rules.alarms if event.source == "cloudwatch" else rules.errors
        return rule if rule.wants(event.name, event.severity) else None
    if event.kind == "change":
        return rules.deployments if rules.deployments.wants(event.name) else None
    meetings = rules.meetings
    is_wanted = meetings.enabled and (event.name == "required" or not meetings.only_required)
    return meetings if is_wanted else None


def ticket(
    event: "IncomingEvent", rule: "AnyRule", event_texts: dict[str, str], correlation_id: str
) -> Draft:
    """Return the ticket that a cause gets."""
    columns: dict[str, Any] = {
        **rule.columns(),
        "short_description": _line(texts.fill(rule.short_description, event_texts)),
        "description": _text(texts.fill(rule.description, event_texts)),
        "correlation_id": correlation_id,
        "correlation_display": "ActionSync",
    }
    if isinstance(rule, IncidentRule | MeetingRule):
        severity = event.severity
        if level := rule.levels.get(severity):
            columns |= {"urgency": level.urgency, "impact": level.impact}
        columns |= event.columns
        return Draft("incident", columns, {})
    columns |= {"risk": rule.risk, "impact": rule.impact}
    options: dict[str, Any] = {"type_": rule.change_type}
    if rule.template is not None:
        options["template"] = rule.template
    return Draft("change_request", columns, options)


def note(template: str, event_texts: dict[str, str], count: int = 1) -> str:
    """Return the text of a note."""
    return _text(texts.fill(template, {**event_texts, "count": str(count)})).strip() or "-"


def _line(text: str) -> str:
    line = " ".join(text.replace("\x00", "").split()) or "Event without a title"
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"


def _text(text: str) -> str:
    text = text.replace("\x00", "")
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
