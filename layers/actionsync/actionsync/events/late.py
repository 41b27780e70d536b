"""Events of webhooks over their owner's quota.

What is an end, or the first of its key, waits for a minute as its key's one item, which its owner
sees and may retry or discard; the rest is dropped.
"""

from typing import TYPE_CHECKING

from actionsync import clock
from actionsync.errors import TooManyRequestsError
from actionsync.events import sources
from actionsync.events.folding import Received, fold
from actionsync.events.models import UnreadableEventError
from actionsync.events.sources import envelopes
from actionsync.events.sources.protocol import Context
from actionsync.stores.connections import DEFAULT
from actionsync.stores.waiting import WaitingItem, WaitKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from actionsync.events.models import IncomingEvent
    from actionsync.events.recipes.models import Recipe
    from actionsync.rules.models import Rules
    from actionsync.stores.correlations import Correlation, CorrelationStore
    from actionsync.stores.waiting import WaitingStore
    from actionsync.stores.webhooks import Webhook

WAIT_SECONDS = 60


class LateEvents:
    """What becomes of events over a quota.

    Args:
        waiting: the table of what waits.
        correlations: what is known of each key.
        rules_of: returns an owner's rules.
        recipes_of: returns an owner's own recipes, by name.
        take: counts an event of one webhook that is to wait, or refuses one too many.
    """

    def __init__(
        self,
        waiting: "WaitingStore",
        correlations: "CorrelationStore",
        *,
        rules_of: "Callable[[str], Rules]",
        recipes_of: "Callable[[str], Mapping[str, Recipe]]",
        take: "Callable[[str, str], None]",
    ) -> None:
        self._waiting = waiting
        self._correlations = correlations
        self._rules_of = rules_of
        self._recipes_of = recipes_of
        self._take = take

    def wait(self, webhook: "Webhook", text: str) -> bool:
        """Put the events of a message that matter into what waits; return whether there are any."""
        now = clock.now()
        context = Context(now, rules_of=self._rules_of, recipes_of=self._recipes_of)
        try:
            events = sources.read(envelopes.read(text, now), context).events
        except UnreadableEventError:
            return False
        known = {event.dedup_key: self._correlations.get(event.dedup_key) for event in events}
        events = tuple(event for event in events if _matters(event, known[event.dedup_key]))
        if not events:
            return False
        try:
            self._take(webhook.owner, webhook.id)
        except TooManyRequestsError:
            return False
        for event in events:
            self._put(event, known[event.dedup_key], text, now)
        return True

    def _put(
        self, event: "IncomingEvent", known: "Correlation", text: str, now: "datetime"
    ) -> None:
        then = self._rules_of(event.owner).rule_for(event).then
        said = None if then is None else then.connection
        connection = known.connection or said or event.connection or DEFAULT
        table = "change_request" if event.kind == "change" else "incident"
        item = WaitingItem(
            event.dedup_key,
            WaitKey(event.owner, connection, table),
            text,
            round(now.timestamp() * 1000),
            source=event.source,
            kind=event.kind,
            name=event.name,
            next_at=clock.epoch(now) + WAIT_SECONDS,
            reason="OverQuota",
            text="More events came by webhooks in this minute than DeliveriesPerMinute allows",
        )
        if not self._waiting.put(item):
            # Whoever takes up the one that waits finds this in what is known.
            self._correlations.record(event.dedup_key, fold([Received(event)]).news)


def _matters(event: "IncomingEvent", known: "Correlation") -> bool:
    """Return whether it is an end, or the first of its key."""
    return event.action == "resolve" or (event.action == "trigger" and not known.is_known)
