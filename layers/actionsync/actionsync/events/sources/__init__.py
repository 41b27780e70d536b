"""The sources of events: one file each verifies, translates and reads what a sender sends.

A new source is a module with the names of `protocol.Source`, and one entry in `SOURCES`.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from actionsync.events.models import IncomingEvent
    from actionsync.events.sources.envelopes import Message
    from actionsync.events.sources.protocol import Context, Source, WebhookSource

# The first whose `matches` holds reads a message; a notification of no other shape is the last's.
SOURCES: "tuple[Source, ...]" = (
    github, cloudwatch, codedeploy, codepipeline, deployments, meetings, application,
)  # fmt: skip
WEBHOOKS: "dict[str, WebhookSource]" = {source.NAME: source for source in (github,)}


def read(message: "Message", context: "Context") -> Reading:
    """Return what a message says.

    Raises:
        UnreadableEventError: it is of a known kind, and cannot be understood.
    """
    for source in SOURCES:
        if source.matches(message):
            reading = source.read(message, context)
            return replace(reading, events=tuple(map(_inert, reading.events)))
    named = message.detail.get("user_id")
    owner = context.automation_user if message.is_from_aws else named
    owner = owner if isinstance(owner, str) else ""
    return Reading(unknown=f"{message.source}: {message.type}"[:200], owner=owner)


def _inert(event: "IncomingEvent") -> "IncomingEvent":
    """Return an event whose texts open no code tag, wherever they are written."""
    return replace(
        event,
        texts={name: inert(text) for name, text in event.texts.items()},
        assumptions=tuple(map(inert, event.assumptions)),
    )
