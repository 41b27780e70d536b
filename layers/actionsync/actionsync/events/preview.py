"""The tickets that an example event would make, and what the instance would say to them."""

import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from actionsync import clock
from actionsync.errors import ActionSyncError, FieldError, InvalidInputError
from actionsync.events import drafts, receiver, senders, sources
from actionsync.events.deliveries import Delivery
from actionsync.events.models import IncomingEvent, UnreadableEventError
from actionsync.events.recipes import OFF, catalogue
from actionsync.events.recipes.models import Recipe
from actionsync.events.references import refuse_missing
from actionsync.events.sources import application, cloudwatch, deployments, envelopes, meetings
from actionsync.events.sources.protocol import Context
from actionsync.events.support_groups import with_support_group
from actionsync.rules.models import RulesPreview, Section, SourceRule
from servicenow_tools.errors import InvalidRequestError, ServiceNowError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionsync.connections.clients import ClientCache
    from actionsync.events.sources.envelopes import Message
    from actionsync.rules.models import Rules
    from servicenow_tools import ServiceNowClient, Table

_EXAMPLE = {"id": "preview", "source": "preview"}
_TYPES = {
    "error": application.TYPE, "alarm": cloudwatch.TYPE, "deployment": deployments.TYPE,
    "meeting": meetings.TYPE,
}  # fmt: skip


# Columns that every instance has, and those whose names the client looks up.
_ALWAYS = frozenset(
    {"short_description", "description", "correlation_id", "correlation_display", "type",
     "assignment_group", "assigned_to", "cmdb_ci", "business_service", "caused_by"}
)  # fmt: skip


class ExampleWebhook(Section):
    """The webhook that an example would come by, and the headers of its delivery."""

    source: Annotated[str, Field(max_length=40)]
    name: Annotated[str, Field(max_length=60)] = "example"
    headers: Annotated[
        dict[str, Annotated[str, Field(max_length=1000)]],
        Field(max_length=50, default_factory=dict),
    ]


class EventPreview(RulesPreview):
    """An example event, with rules to try on it (the stored ones where left out).

    `event` is what EventBridge or SNS delivers, or with `webhook` the body of a delivery: the files
    under `events/` have examples. `kind` says what an event without a detail-type is. `recipe` is
    one of your own that is not saved yet; those that are saved read the event, too.
    """

    webhook: ExampleWebhook | None = None
    recipe: Recipe | None = None


# The name of a recipe that has none yet.
UNSAVED = "unsaved"


async def preview(
    user_id: str,
    asked: EventPreview,
    rules: "Rules",
    clients: "ClientCache",
    recipes_of: "Callable[[str], Mapping[str, Recipe]]",
) -> dict[str, Any]:
    """Return `{tickets: [...], checked, rejected}`; nothing is written.

    Each ticket is `{wanted, source, key, overlaps, rule, reason, passed, assumptions, table,
    columns, problems, unchecked}`: the rule that fires, why the ones before it did not, and what
    the event does not say clearly. Equal keys are one ticket. `overlaps` are the sources switched
    on that report the same things. `problems` are the instance's objections, as `[{field,
    message}]`, `unchecked` the columns that it could not be asked about. `checked` is false where
    it could not be asked at all. `rejected` says which parts of the event make no ticket, and why.

    Raises:
        InvalidInputError: the example is no event of its kind.
    """
    known = dict(recipes_of(user_id))
    if asked.recipe is not None:
        known[UNSAVED] = asked.recipe
    try:
        messages = _messages(user_id, asked, rules)
        events, rejected, off = _read(user_id, messages, rules, known)
    except UnreadableEventError as error:
        field, _, text = str(error).partition(": ")
        raise InvalidInputError(
            FieldError(f"event.{field}" if text else "event", text or field)
        ) from None
    tickets = [_ticket(event, rules) | _about_source(event, rules, off) for event in events]
    checked = False
    try:
        async with clients.client_for(user_id) as client:
            for item in tickets:
                if item["wanted"]:
                    await _check(item, client)
        checked = True
    except (ActionSyncError, ServiceNowError):
        pass  # without a connection, or while it is away, the texts can still be looked at
    return {"tickets": tickets, "checked": checked, "rejected": rejected}


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
    columns, reason = await with_support_group(client, ticket["columns"], None)
    ticket["columns"] = columns
    if reason:
        ticket["assumptions"].append(reason)
    found = await table.preview(columns)
    problems = [{"field": problem.field, "message": problem.message} for problem in found.problems]
    unchecked = []
    if not await table.columns():  # the user may not read the dictionary
        named = {problem["field"] for problem in problems}
        for name in columns:
            if name in _ALWAYS or name in named:
                continue
            choices = await table.choices(name)
            if not choices and (message := await _missing(table, name)):
                problems.append({"field": name, "message": message})
            elif not choices:
                unchecked.append(name)
            elif found.values.get(name) not in {choice.value for choice in choices}:
                known = ", ".join(choice.value for choice in choices)
                problems.append({"field": name, "message": f"must be one of {known}"})
    ticket |= {"problems": problems, "unchecked": unchecked}


async def _missing(table: "Table", column: str) -> str:
    """Return that a table lacks a column, or an empty text."""
    try:
        await refuse_missing(table, column)
    except InvalidRequestError as error:
        return error.reason
    return ""


def _about_source(event: IncomingEvent, rules: "Rules", off: str) -> dict[str, Any]:
    """Return an event's source and key, and other sources that report the same thing."""
    overlaps = [
        name for name in catalogue.overlaps_of(event.source)
        if name in sources.ALWAYS_ON or rules.are_on_for(name)
    ]  # fmt: skip
    about = {"source": event.source, "key": event.key, "overlaps": overlaps}
    if off and event.action == "trigger":
        return {**about, "wanted": False, "reason": off}
    return about


def _read(
    owner: str, messages: "list[Message]", rules: "Rules", recipes: "Mapping[str, Recipe]"
) -> tuple[list[IncomingEvent], list[dict[str, str]], str]:
    """Return the events of some messages, which parts make none, and why all that is off.

    Raises:
        UnreadableEventError: no source knows any of them.
    """
    context = Context(clock.now(), owner, lambda _: rules, recipes_of=lambda _: recipes)
    events: list[IncomingEvent] = []
    rejected: list[dict[str, str]] = []
    unknown = ""
    for message in messages:
        reading = sources.read(message, context)
        events += reading.events
        rejected += [{"name": part.name, "reason": part.reason} for part in reading.rejected]
        unknown = reading.unknown or unknown
    if unknown.endswith(OFF) and not events:
        name = unknown.partition(":")[0]
        on = rules.model_copy(update={"sources": {**rules.sources, name: SourceRule()}})
        events, rejected, _ = _read(owner, messages, on, recipes)
        return events, rejected, unknown
    if unknown and not events and not rejected:
        raise UnreadableEventError(f"detail-type: no source knows {unknown}")
    return events, rejected, ""


def _messages(owner: str, asked: EventPreview, rules: "Rules") -> "list[Message]":
    """Return the messages that an example would come in.

    Raises:
        UnreadableEventError: it is none.
        InvalidInputError: no sender has its webhook's source.
    """
    if asked.webhook is not None:
        return _of_webhook(owner, asked.webhook, asked.event, rules)
    received_at = clock.now()
    event = dict(asked.event)
    detail = event.get("detail", event)
    if isinstance(detail, dict) and not str(event.get("source", "")).startswith("aws."):
        detail = {**detail, "user_id": owner}
    if "detail" in event:
        example = {**_EXAMPLE, "detail-type": _TYPES[asked.kind], **event, "detail": detail}
        return [envelopes.from_event(example, received_at)]
    if event.get("Type") == "Notification":
        return [envelopes.read(json.dumps(event), received_at)]
    # The message of a notification.
    return [envelopes.Message("preview", "", "", received_at, (), detail=detail)]


def _of_webhook(
    owner: str, webhook: ExampleWebhook, body: dict[str, Any], rules: "Rules"
) -> "list[Message]":
    known = senders.sender(webhook.source)
    if known is None:
        said = f"must be one of: {', '.join(senders.names())}"
        raise InvalidInputError(FieldError("webhook.source", said))
    headers = {name.lower(): text for name, text in webhook.headers.items()}
    now = clock.now()
    if known.is_translated:
        source = sources.WEBHOOKS[webhook.source]
        delivery = Delivery(headers, json.dumps(body).encode())
        return [
            envelopes.from_event(
                {
                    **_EXAMPLE,
                    "source": source.BUS_SOURCE,
                    "detail-type": item.type,
                    "detail": {**item.detail, "user_id": owner},
                },
                now,
            )
            for item in source.translate(delivery, rules)
        ]
    whole, elements = receiver.split(known, receiver.unwrapped(known, body))
    return [
        envelopes.Message(
            "preview", "", webhook.source, now, (),
            webhook=envelopes.Webhook(owner, webhook.name, headers, whole, element),
        )
        for element in elements
    ]  # fmt: skip
