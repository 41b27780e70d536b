"""The tickets that an example event would make, and what the instance would say to them."""

from typing import TYPE_CHECKING, Any

from actionsync import clock
from actionsync.errors import ActionSyncError, FieldError, InvalidInputError
from actionsync.events import drafts, sources
from actionsync.events.models import IncomingEvent, UnreadableEventError
from actionsync.events.sources import application, cloudwatch, deployments, envelopes, meetings
from actionsync.events.sources.protocol import Context
from servicenow_tools.errors import ServiceNowError

if TYPE_CHECKING:
    from actionsync.connections.clients import ClientCache
    from actionsync.rules.models import Rules, RulesPreview
    from servicenow_tools import ServiceNowClient

_EXAMPLE = {"id": "preview", "source": "preview"}
_TYPES = {
    "error": application.TYPE, "alarm": cloudwatch.TYPE, "deployment": deployments.TYPE,
    "meeting": meetings.TYPE,
}  # fmt: skip


# Columns that every instance has, and those whose names the client looks up.
_ALWAYS = frozenset(
    {"short_description", "description", "correlation_id", "correlation_display", "urgency",
     "impact", "risk", "type", "assignment_group", "assigned_to", "cmdb_ci", "business_service",
     "caused_by"}
)  # fmt: skip


async def preview(
    user_id: str, asked: "RulesPreview", rules: "Rules", clients: "ClientCache"
) -> dict[str, Any]:
    """Return `{tickets: [...], checked}`; nothing is written.

    Each ticket is `{wanted, rule, reason, passed, assumptions, table, columns, problems,
    unchecked}`: the rule that fires, why the ones before it did not, and what the event does not
    say clearly. `problems` are the instance's objections, as `[{field, message}]`, `unchecked` the
    columns that it could not be asked about. `checked` is false where it could not be asked at all.

    Raises:
        InvalidInputError: the example is no event of its kind.
    """
    try:
        events = _events(user_id, asked, rules)
    except UnreadableEventError as error:
        field, _, text = str(error).partition(": ")
        raise InvalidInputError(
            FieldError(f"event.{field}" if text else "event", text or field)
        ) from None
    tickets = [_ticket(event, rules) for event in events]
    checked = False
    try:
        async with clients.client_for(user_id) as client:
            for item in tickets:
                if item["wanted"]:
                    await _check(item, client)
        checked = True
    except (ActionSyncError, ServiceNowError):
        pass  # without a connection, or while it is away, the texts can still be looked at
    return {"tickets": tickets, "checked": checked}


def _ticket(event: IncomingEvent, rules: "Rules") -> dict[str, Any]:
    matched = rules.rule_for(event)
    shown: dict[str, Any] = {
        "wanted": matched.then is not None,
        "action": event.action,
        "rule": {"name": matched.name, "is_fallback": matched.is_fallback},
        "reason": matched.reason,
        "passed": [{"rule": name, "reason": reason} for name, reason in matched.passed],
        "assumptions": list(event.assumptions),
        "table": None,
        "columns": {},
        "problems": [],
        "unchecked": [],
    }
    if matched.then is not None:
        draft = drafts.ticket(event, matched.then, event.texts, f"actionsync-{event.dedup_key}")
        kind = {"type": draft.options["type_"]} if draft.options else {}
        shown |= {"table": draft.table, "columns": {**draft.columns, **kind}}
    return shown


async def _check(ticket: dict[str, Any], client: "ServiceNowClient") -> None:
    """Add what the instance objects to, and what it could not be asked about."""
    table = client.table(ticket["table"].removeprefix(drafts.IMPORT))
    columns = ticket["columns"]
    found = await table.preview(columns)
    problems = [{"field": problem.field, "message": problem.message} for problem in found.problems]
    unchecked = []
    if not await table.columns():  # the user may not read the dictionary
        named = {problem["field"] for problem in problems}
        for name, value in columns.items():
            if name in _ALWAYS or name in named:
                continue
            choices = await table.choices(name)
            if not choices:
                unchecked.append(name)
            elif value not in {text for choice in choices for text in (choice.value, choice.label)}:
                known = ", ".join(choice.value for choice in choices)
                problems.append({"field": name, "message": f"must be one of {known}"})
    ticket |= {"problems": problems, "unchecked": unchecked}


def _events(owner: str, asked: "RulesPreview", rules: "Rules") -> tuple[IncomingEvent, ...]:
    received_at = clock.now()
    event = dict(asked.event)
    detail = event.get("detail", event)
    if isinstance(detail, dict) and not str(event.get("source", "")).startswith("aws."):
        detail = {**detail, "user_id": owner}
    if "detail" in event:
        example = {**_EXAMPLE, "detail-type": _TYPES[asked.kind], **event, "detail": detail}
        message = envelopes.from_event(example, received_at)
    else:  # the message of a notification
        message = envelopes.Message("preview", "", "", received_at, (), detail=detail)
    reading = sources.read(message, Context(received_at, owner, lambda _: rules))
    if reading.unknown:
        raise UnreadableEventError(f"detail-type: no source knows {message.type}")
    return reading.events
