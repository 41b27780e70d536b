"""Recipes: how an event that no code knows becomes a ticket, as data.

Owners' own recipes are asked first, then the built-in ones that their rules switch on. A webhook
switches its source on by itself: it was made on purpose, and has a dry run.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from actionsync.events.sources.protocol import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionsync.events.models import IncomingEvent
    from actionsync.events.sources.envelopes import Message
    from actionsync.events.sources.protocol import Context

# How a message is said to be whose recipe no rule switches on.
OFF = ": is switched on by no rule"


def read(message: "Message", context: "Context") -> Reading | None:
    """Return what a message says by the recipes that are for it, or None where there is none."""
    readings = [*_by_own(message, context)]
    if message.source != "generic" or not readings:  # whose body may be anything
        readings += _by_built_in(message, context)
    taken = [reading for reading in readings if reading.is_taken]
    known = [reading for reading in taken if not reading.unknown] or taken[:1]
    if not known:
        return None
    return Reading(
        events=tuple(event for reading in known for event in reading.events),
        rejected=tuple(part for reading in known for part in reading.rejected),
        unknown=known[0].unknown,
        owner=known[0].owner,
    )


def _by_own(message: "Message", context: "Context") -> "Iterator[Reading]":
    """Yield what the recipes of whoever the message may belong to make of it."""
    if context.recipes_of is None:
        return
    from actionsync.events.recipes.reading import read as read_by  # noqa: PLC0415 - rarely needed

    for owner in _who_may_own(message, context):
        for name, recipe in context.recipes_of(owner).items():
            if recipe.is_for(message.sender):
                reading = read_by(f"custom.{name}", recipe, message, context, of=owner)
                if not reading.unknown:
                    yield reading


def _who_may_own(message: "Message", context: "Context") -> list[str]:
    if message.webhook is not None:
        return [message.webhook.owner]
    named = message.detail.get("user_id")
    if not message.is_from_aws and isinstance(named, str) and named:
        return [named[:128]]
    everyone = [*context.owners().everyone, context.automation_user]
    return [owner for owner in dict.fromkeys(everyone) if owner]


def _by_built_in(message: "Message", context: "Context") -> "Iterator[Reading]":
    """Yield what the built-in recipes make of it, for those owners whose rules switch them on.

    An end is not switched off: whoever has had a ticket by it is not left with it.
    """
    from actionsync.events.recipes import catalogue, reading  # noqa: PLC0415 - rarely needed

    if message.webhook is not None:
        names = catalogue.of_webhook(message.source)
    else:
        names = catalogue.of_bus(message.sender)
    for name in names:
        read = reading.read(name, catalogue.recipe(name), message, context)
        is_on = message.webhook is not None
        events = [event for event in read.events if is_on or _is_wanted(event, context)]
        off = [event for event in read.events if event not in events]
        if off and not events and not read.rejected:
            if message.text:
                continue  # it is an error of its topic
            yield Reading(unknown=f"{name}{OFF}", owner=off[0].owner)
        else:
            yield replace(read, events=tuple(events))


def _is_wanted(event: "IncomingEvent", context: "Context") -> bool:
    return event.action != "trigger" or context.rules_for(event.owner).are_on_for(event.source)
