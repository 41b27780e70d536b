"""The ticket that an event makes under a user's rules, before anything is sent."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actionsync import clock
from actionsync.rules import texts
from actionsync.rules.models import DeploymentRule, IncidentRule

if TYPE_CHECKING:
    from actionsync.events.models import IncomingEvent
    from actionsync.rules.models import AnyRule, MeetingRule

# What is no ticket: an event of Event Management, and a row of a staging table.
EVENT = "em_event"
IMPORT = "import_set:"
_EVENT_SEVERITIES = {"critical": "1", "high": "2", "medium": "3", "low": "4", "info": "5"}
_LONGEST_LINE = 160
_LONGEST_TEXT = 4000
_LONGEST_FILE = 100_000
_CUT = "\n[…]\n"


@dataclass(frozen=True, slots=True)
class Draft:
    """A ticket to make.

    Attributes:
        table: its table.
        columns: its columns, in ServiceNow's names.
        options: what its creation takes besides: a change's type and template.
        attachments: texts that do not fit, whole, by file name.
    """

    table: str
    columns: dict[str, Any]
    options: dict[str, Any]
    attachments: dict[str, str]


def ticket(
    event: "IncomingEvent", rule: "AnyRule", event_texts: dict[str, str], correlation_id: str
) -> Draft:
    """Return the ticket that a dedup key gets."""
    description = texts.fill(rule.description, event_texts, event.labels)
    if event.assumptions:
        assumed = "\n".join(f"- {text}" for text in event.assumptions)
        description = f"{description.rstrip()}\n\nWhat the event did not say clearly:\n{assumed}\n"
    attachments = dict(event.attachments)
    if isinstance(rule, IncidentRule) and rule.attach_event and event.document is not None:
        whole = json.dumps(event.document, indent=2, ensure_ascii=False)
        attachments["event.json"] = whole[:_LONGEST_FILE]
    if len(description) > _LONGEST_TEXT:
        attachments["description.txt"] = description
    columns: dict[str, Any] = {
        **filled(rule.columns(), event_texts, event.labels),
        "short_description": _line(texts.fill(rule.short_description, event_texts, event.labels)),
        "description": fitted(description),
        "correlation_id": correlation_id,
        "correlation_display": "ActionSync",
    }
    if not isinstance(rule, DeploymentRule):
        if rule.ticket == EVENT:
            return Draft(EVENT, _monitoring_event(event, rule, event_texts, columns), {}, {})
        if level := rule.levels.get(event.severity):
            columns |= {"urgency": level.urgency, "impact": level.impact}
        columns |= event.columns
        if rule.ticket.startswith(IMPORT):
            return Draft(rule.ticket, staged(rule.ticket, columns), {}, {})
        return Draft(rule.ticket, columns, {}, attachments)
    columns |= {"risk": rule.risk, "impact": rule.impact, **event.change.columns}
    options = _kind_of_change(event, rule)
    return Draft("change_request", columns, options, attachments)


def _kind_of_change(event: "IncomingEvent", rule: DeploymentRule) -> dict[str, Any]:
    """Return the type of a change, and the template of a standard one."""
    wanted = event.change
    if wanted.template or (wanted.type == "standard" and rule.template):
        return {"type_": "standard", "template": wanted.template or rule.template}
    if wanted.type:
        # A standard change that nobody has a template for is a normal one.
        return {"type_": "normal" if wanted.type == "standard" else wanted.type}
    template = {} if rule.template is None else {"template": rule.template}
    return {"type_": rule.change_type, **template}


def is_row(target: str) -> bool:
    """Return whether a target takes rows and shows no ticket, which could have notes."""
    return target == EVENT or target.startswith(IMPORT)


def staged(target: str, columns: dict[str, Any]) -> dict[str, Any]:
    """Return a row for a staging table; the columns of an instance's own tables begin with u_."""
    if not target.removeprefix(IMPORT).startswith("u_"):
        return columns
    return {name if name.startswith("u_") else f"u_{name}": columns[name] for name in columns}


def _monitoring_event(
    event: "IncomingEvent",
    rule: "IncidentRule | MeetingRule",
    event_texts: dict[str, str],
    columns: dict[str, Any],
) -> dict[str, Any]:
    """Return the columns of em_event; its message key is the dedup key, so that it deduplicates."""
    facts = {
        "account": event.account, "region": event.region, "environment": event.environment,
        "link": event_texts.get("link", ""), **event.labels,
        **filled(rule.columns(), event_texts, event.labels),
    }  # fmt: skip
    return {
        "source": event.source,
        "node": event.service or event.name,
        "type": event.name,
        "severity": _EVENT_SEVERITIES[event.severity],
        "message_key": event.dedup_key,
        "description": f"{columns['short_description']}\n\n{columns['description']}"[
            :_LONGEST_TEXT
        ],
        "time_of_event": clock.stored(event.moment),
        "additional_info": json.dumps({name: value for name, value in facts.items() if value}),
    }


def filled(
    columns: dict[str, Any], event_texts: dict[str, str], labels: dict[str, str]
) -> dict[str, Any]:
    """Return the columns of a rule for an event, without those whose template is empty for it."""
    found: dict[str, Any] = {}
    for name, value in columns.items():
        if isinstance(value, str) and "{{" in value:
            text = " ".join(texts.fill(value, event_texts, labels).split())
            if text:
                found[name] = text[:_LONGEST_TEXT]
        else:
            found[name] = value
    return found


def note(
    template: str,
    event_texts: dict[str, str],
    count: str = "1",
    labels: dict[str, str] | None = None,
) -> str:
    """Return the text of a note."""
    return fitted(texts.fill(template, {**event_texts, "count": count}, labels)).strip() or "-"


def _line(text: str) -> str:
    line = " ".join(text.replace("\x00", "").split()) or "Event without a title"
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"


def fitted(text: str) -> str:
    """Return a text without its middle where it is too long for a column."""
    text = text.replace("\x00", "")
    if len(text) <= _LONGEST_TEXT:
        return text
    # A stack trace says the most at its ends.
    head = _LONGEST_TEXT * 2 // 3
    return f"{text[:head]}{_CUT}{text[len(text) - _LONGEST_TEXT + head + len(_CUT) :]}"
