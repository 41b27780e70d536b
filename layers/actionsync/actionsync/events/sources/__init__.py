"""The sources of events: one file each verifies, translates and reads what a sender sends.

A new source is a recipe (a TOML file here: events/recipes), or where data does not suffice a module
with the names of `protocol.Source` and one entry in `SOURCES`.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from actionsync.events import recipes
from actionsync.events.models import UnreadableEventError
from actionsync.events.sources import (
    application,
    cloudwatch,
    codedeploy,
    codepipeline,
    deployments,
    github,
    meetings,
)
from actionsync.events.sources.protocol import Reading
from actionsync.rules.texts import inert
from actionsync.stores.connections import checked_name

if TYPE_CHECKING:
    from actionsync.events.models import IncomingEvent
    from actionsync.events.sources.envelopes import Message
    from actionsync.events.sources.protocol import Context, Source, WebhookSource

# The first whose `matches` holds reads a message; a notification of no other shape is the last's.

SOURCES: "tuple[Source, ...]" = (
    github, cloudwatch, codedeploy, codepipeline, deployments, meetings, application,
)  # fmt: skip
# What no rule has to switch on.
ALWAYS_ON = frozenset(source.NAME for source in SOURCES)
WEBHOOKS: "dict[str, WebhookSource]" = {source.NAME: source for source in (github,)}
# What the stack itself puts on a bus never becomes a ticket, but for what it receives for one.
_OWN_SOURCE = "actionsync"
LOGS = "actionsync.logs"
_BROUGHT = {LOGS, *(source.BUS_SOURCE for source in WEBHOOKS.values())}


def read(message: "Message", context: "Context") -> Reading:
    """Return what a message says.

    Raises:
        UnreadableEventError: it is of a known kind, and cannot be understood.
    """
    reading = _read(message, context)
    events = [_inert(event) for event in reading.events]
    if message.webhook is None and (message.is_from_aws or "user_id" not in message.detail):
        events = [_with_connection(event, context) for event in events]
    if not message.is_from_aws and (named := _connection(message)):
        events = [_by(event, named) for event in events]
    events = [
        event if event.document is not None else replace(event, document=message.document)
        for event in events
    ]
    return replace(reading, events=tuple(events))


def _connection(message: "Message") -> Any:
    """Return the connection that a message names, or its webhook's owner has; or nothing."""
    if message.webhook is not None:
        return message.webhook.connection
    return message.detail.get("connection")


def _by(event: "IncomingEvent", named: Any) -> "IncomingEvent":
    """Return an event with the connection that its message names."""
    try:
        return replace(event, connection=checked_name(str(named)))
    except ValueError as error:
        said = f"connection: {error}; left out"
        return replace(event, assumptions=(*event.assumptions, said))


def _read(message: "Message", context: "Context") -> Reading:
    if message.source.startswith(_OWN_SOURCE) and message.source not in _BROUGHT:
        return Reading(unknown=f"{message.source}: the product's own")  # no loop by way of the bus
    source = next((source for source in SOURCES if source.matches(message)), None)
    if source is None or not message.type:
        reading = recipes.read(message, context)
        if reading is not None:
            return reading
    if source is not None:
        return source.read(message, context)
    return Reading(
        unknown=f"{message.source}: {message.type}"[:200], owner=_owner_of(message, context)
    )


def _owner_of(message: "Message", context: "Context") -> str:
    """Return whose a message is that no source knows, or nothing where nobody answers for it."""
    if message.webhook is not None:
        return message.webhook.owner
    named = message.detail.get("user_id")
    if isinstance(named, str) and not message.is_from_aws:
        return named
    try:
        return context.owners_of(message.account, message.region, "")[0]
    except UnreadableEventError:
        return ""


def _with_connection(event: "IncomingEvent", context: "Context") -> "IncomingEvent":
    """Return an event with the connection that the list of owners names for it."""
    place = event.account, event.region, event.name
    name = context.owners().connection(event.owner, *place)
    return replace(event, connection=name) if name else event


def _inert(event: "IncomingEvent") -> "IncomingEvent":
    """Return an event whose texts open no code tag, wherever they are written."""
    return replace(
        event,
        texts={name: inert(text) for name, text in event.texts.items()},
        assumptions=tuple(map(inert, event.assumptions)),
    )
