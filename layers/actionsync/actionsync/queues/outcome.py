"""What becomes of an event that was read: it is done, it waits, or it has failed.

An event that waits is an item of the table of what waits; its correlation says until when, so that
further events of its key are only counted. When it is done, the item is deleted last. What became
of each event is collected for its owner (stores.recent), unless the owner's rules say otherwise.
"""

import gzip
import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit
from pydantic import TypeAdapter

from actionsync import clock
from actionsync.events.failures import ITEM_WAITS
from actionsync.events.models import IncomingEvent, digest
from actionsync.stores.connections import DEFAULT
from actionsync.stores.waiting import (
    MOST_BODY_BYTES,
    MOST_TRIES,
    WAITING_DAYS,
    WaitingItem,
    WaitKey,
)
from actionsync.telemetry import logger, metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionsync.audit.trail import ActivityStore
    from actionsync.events.engine import Handled, Ticket
    from actionsync.events.failures import RetryLaterError
    from actionsync.events.notices import Cause, Notices
    from actionsync.rules.models import Rules
    from actionsync.stores.correlations import CorrelationStore
    from actionsync.stores.recent import RecentEvents
    from actionsync.stores.waiting import WaitingStore

# How much later than announced a waiting event may come back: until then the others of its key
# only count.
_GRACE_SECONDS = 120
# What the texts and labels of an event that is too large to wait as it came are cut to.
_CUT_TEXT, _CUT_LABEL, _MOST_LABELS = 4000, 400, 50
# By these ServiceNow says that a connection's credentials are wrong, which time does not heal.
_REFUSED = frozenset({"Authentication", "TokenRefused"})
_LEFT_TO_ANOTHER = (
    "It is counted: another event of its key, at work or waiting, sees to the ticket."
)
_HOUR, _DAY = 3600, 24 * 3600
_EVENT = TypeAdapter(IncomingEvent)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that a worker processes, new or taken up from what waits.

    Attributes:
        body: the message as it came.
        received_at: when, in epoch milliseconds.
        message_id: its id in SQS.
        owner: whose it is, as far as it can be said without reading it.
        name: what it is about, as far as it can be said.
        item: the item that it was taken up from.
        was_received: whether SQS says that it was received before.
    """

    body: str
    received_at: int
    message_id: str
    owner: str = ""
    name: str = ""
    item: WaitingItem | None = None
    was_received: bool = False

    @classmethod
    def of_item(cls, item: WaitingItem, message_id: str) -> "Delivery":
        """Return what waited, when it was taken up for a prompt."""
        return cls(
            item.body,
            item.received_at,
            message_id,
            item.owner,
            item.name,
            item,
            was_received=True,
        )

    @property
    def received(self) -> datetime:
        """When it was received."""
        return datetime.fromtimestamp(self.received_at / 1000, UTC)

    def is_of(self, event: IncomingEvent) -> bool:
        """Return whether it was taken up from this event's item."""
        return self.item is not None and self.item.id == event.dedup_key

    @property
    def is_again(self) -> bool:
        """Whether it has failed itself before, other than by a pause."""
        return self.item is not None and self.item.wait_key.is_again

    @property
    def is_suspect(self) -> bool:
        """Whether it may have killed its function: it comes last, by itself."""
        item = self.item
        return item is not None and (item.wait_key.is_of_suspects or item.takes > 1)

    @property
    def is_in_short(self) -> bool:
        """Whether its message was too large to wait as it came."""
        return self.item is not None and self.item.is_cut

    @property
    def event_in_short(self) -> IncomingEvent | None:
        """The event itself, where its message was too large to wait."""
        if not self.is_in_short:
            return None
        return _EVENT.validate_json(self.body)


class Outcomes:
    """Where workers report what became of events.

    Args:
        waiting: the table of what waits.
        correlations: where a key says that its event waits.
        activity: the audit trail.
        recent: the newest events.
        rules: returns an owner's rules, which may be some seconds old.
        is_user: returns whether an id is a user's: whoever may put an event can name any id, and
            nothing is recorded for unknown ones.
        notices: where trouble is noticed.
    """

    def __init__(
        self,
        waiting: "WaitingStore",
        correlations: "CorrelationStore",
        activity: "ActivityStore",
        recent: "RecentEvents",
        rules: "Callable[[str], Rules]",
        *,
        is_user: "Callable[[str], bool]",
        notices: "Notices",
    ) -> None:
        self._is_user = is_user
        self._notices = notices
        self._waiting = waiting
        self._correlations = correlations
        self._activity = activity
        self._recent = recent
        self._rules = rules

    def take_up(self, item_id: str, message_id: str) -> Delivery | None:
        """Return what waits under an id, or None where nothing is to be done.

        Raises:
            UnknownVersionError: newer code has written it.
        """
        item = self._waiting.take_up(item_id)
        if item is None:
            return None
        delivery = Delivery.of_item(item, message_id)
        if item.reason == "OverQuota":
            self.notify(item.owner, "waiting", "", item.text)
        age = clock.now_epoch() - item.created_at
        if item.tries > MOST_TRIES:
            said = item.text or "The function ended before it could say why, five times."
            self.fail(delivery, None, item.reason or "Crashed", said)
            return None
        if age > WAITING_DAYS * 24 * 3600 and item.reason != "QuietTime":
            said = f"It has waited for {WAITING_DAYS} days. {item.text}"
            self.fail(delivery, None, item.reason or "Expired", said)
            return None
        return delivery

    def wait(
        self,
        delivery: Delivery,
        event: IncomingEvent,
        error: "RetryLaterError",
        connection: str = DEFAULT,
    ) -> None:
        """Make an event wait, or fail it where it has failed itself too often, pauses aside."""
        item = _own(delivery, event)
        is_own_trouble = error.scope == "item"
        tries = (1 if item is None else item.tries) if is_own_trouble else 0
        if tries >= MOST_TRIES:
            self.fail(delivery, event, error.reason, error.text)
            return
        seconds = error.seconds if error.seconds is not None else ITEM_WAITS[max(0, tries - 1)]
        next_at = clock.now_epoch() + seconds
        if item is None:
            waits = self._item(delivery, event, connection)
            waits = replace(
                waits,
                wait_key=replace(waits.wait_key, is_again=is_own_trouble),
                next_at=next_at,
                tries=tries,
                reason=error.reason,
                text=error.text,
            )
            self._waiting.put(waits, paused_by=error.paused_by)
            self.note(delivery, event, "waiting", _said(error.reason, error.text))
            self._notify_of_wait(event.owner, connection, error, 0)
        else:
            age = clock.now_epoch() - item.created_at
            self._notify_of_wait(event.owner, connection, error, age)
            self._waiting.postpone(
                item,
                next_at,
                error.reason,
                error.text,
                counts=is_own_trouble,
                paused_by=error.paused_by,
            )
        self._correlations.wait(event.dedup_key, next_at + _GRACE_SECONDS)
        metrics.add_metric(
            name="RateLimited" if error.reason == "RateLimited" else "Waiting",
            unit=MetricUnit.Count,
            value=1,
        )
        logger.info("event waits", reason=error.reason, seconds=seconds, scope=error.scope)

    def _notify_of_wait(
        self, owner: str, connection: str, error: "RetryLaterError", age: int
    ) -> None:
        """Notify an owner of a connection that fails, and of events that wait for long."""
        is_of_connection = error.scope in {"connection", "instance"}
        if error.reason in _REFUSED or (is_of_connection and age > _HOUR):
            self.notify(owner, "connection", connection, _said(error.reason, error.text))
        if age > _DAY:
            self.notify(owner, "waiting", connection, _said(error.reason, error.text))

    def notify(self, owner: str, cause: "Cause", about: str, text: str) -> None:
        """Notify an owner of trouble, if there is such a user."""
        if owner and self._is_user(owner):
            self._notices.notify(owner, cause, about, text)

    def suspect(self, delivery: Delivery) -> None:
        """Make a message that may have crashed its function wait, to be processed alone."""
        item = self._item(delivery, None)
        text = "Its function has ended before its answer, again and again."
        self._waiting.put(replace(item, reason="Crashed", text=text, next_at=0))
        self.note(delivery, None, "waiting", _said("Crashed", text))

    def fail(self, delivery: Delivery, event: IncomingEvent | None, reason: str, text: str) -> None:
        """Record an event that cannot become a ticket, with the reason, for its owner."""
        item = delivery.item if event is None else _own(delivery, event)
        failed = item or self._item(delivery, event)
        if item is None:
            self._waiting.put_failed(replace(failed, state="failed", reason=reason, text=text))
        else:
            self._waiting.fail(item, reason, text)
        if event is not None:
            # A mark in the past: the next event of its key goes on, and removes the item.
            self._correlations.wait(event.dedup_key, clock.now_epoch())
        if failed.owner and self._is_user(failed.owner):
            self._activity.add(
                failed.owner,
                {
                    "id": failed.id,
                    "kind": failed.kind or "incident",
                    "cause": failed.name,
                    "action": "failed",
                    "outcome": "failed",
                    "reason_type": reason,
                    "reason": text[:1000],
                },
            )
            said = f"{failed.name}: {text}" if failed.name else text
            self._notices.notify(failed.owner, "failed", reason, said)
        self.note(delivery, event, "failed", _said(reason, text))
        metrics.add_metric(name="Failed", unit=MetricUnit.Count, value=1)
        # By reason, beside the sum: a metric of its own, because a dimension would split every
        # other.
        metrics.add_metric(name=f"Failed{reason}", unit=MetricUnit.Count, value=1)
        logger.warning("event failed", reason=reason, text=text, message_id=delivery.message_id)

    def schedule(
        self, delivery: Delivery, event: IncomingEvent, due_at: int, connection: str = DEFAULT
    ) -> None:
        """Schedule another look at a key; its further events are processed meanwhile."""
        item = _own(delivery, event)
        if item is not None:
            self._waiting.postpone(item, due_at, "QuietTime", "", counts=False)
            return
        waits = self._item(delivery, event, connection)
        is_put = self._waiting.put(replace(waits, next_at=due_at, reason="QuietTime"))
        if not is_put and event.group_key:  # a group may be due for several reasons
            self._waiting.make_due(waits.id, due_at)

    def finish(self, delivery: Delivery, event: IncomingEvent, handled: "Handled") -> None:
        """Remove the item of an event whose ticket is up to date, last of all."""
        item = _own(delivery, event)
        is_left = not handled.is_finished and handled.outcome == "deduplicated"
        detail = _LEFT_TO_ANOTHER if is_left else ""
        self.note(delivery, event, handled.outcome, detail, ticket=handled.ticket)
        if item is not None and item.reason not in {"", "QuietTime"} and handled.ticket:
            self._notices.end(event.owner, "connection", handled.connection)
        if handled.due_at:
            self.schedule(delivery, event, handled.due_at, handled.connection)
            return
        if not handled.is_finished:
            if item is not None:  # another worker processes it
                next_at = clock.now_epoch() + _GRACE_SECONDS
                self._waiting.postpone(item, next_at, item.reason, item.text, counts=False)
            return
        if item is not None or handled.had_item:
            if handled.had_item:
                self._correlations.wait(event.dedup_key, 0)
            self._waiting.delete(event.dedup_key)

    def close(self, delivery: Delivery) -> None:
        """Remove the item of a message that was taken up by itself and is recorded now."""
        if delivery.item is not None and delivery.item.wait_key.is_of_suspects:
            self._waiting.delete(delivery.item.id)

    def note(
        self,
        delivery: Delivery,
        event: IncomingEvent | None,
        outcome: str,
        detail: str = "",
        ticket: "Ticket | None" = None,
        *,
        has_event: bool = True,
    ) -> None:
        """Collect what became of an event, for its owner to see; a failure never affects the event.

        Args:
            delivery: the message.
            event: the event, or None where it is about the message.
            outcome: what became of it.
            detail: why.
            ticket: its ticket.
            has_event: whether the event is shown: not where it may hold a platform's token.
        """
        owner = delivery.owner if event is None else event.owner
        try:
            if not owner or not self._rules(owner).recent_events:
                return
            if outcome in {"waiting", "failed"} and not self._is_user(owner):
                return
            webhook_id, delivery_id = _webhook(delivery.body)
            entry = {
                "at": clock.precise(clock.now()),
                "source": "" if event is None else event.source,
                "kind": "" if event is None else event.kind,
                "name": (delivery.name if event is None else event.name)[:200],
                "key": "" if event is None else event.dedup_key,
                "outcome": outcome,
                "ticket": ticket and {"number": ticket.number, "url": ticket.url},
                "detail": detail,
                **({"event": delivery.body} if has_event and not delivery.is_in_short else {}),
                "webhook_id": webhook_id,
                "delivery": delivery_id,
            }
            self._recent.note(owner, entry, webhook_id)
        except Exception:
            logger.warning("event not noted", exc_info=True)

    def put_notes(self) -> None:
        """Store what was collected of an invocation's events."""
        self._recent.put()

    def _item(
        self, delivery: Delivery, event: IncomingEvent | None, connection: str = DEFAULT
    ) -> WaitingItem:
        if event is None:
            return WaitingItem(
                digest("message", delivery.message_id),
                WaitKey(delivery.owner),
                _fitting(delivery.body),
                delivery.received_at,
                name=delivery.name,
            )
        table = "change_request" if event.kind == "change" else "incident"
        body = delivery.body
        is_cut = not _fits(body)
        if is_cut:
            body = json.dumps(asdict(_cut(event)), default=str)
        return WaitingItem(
            event.dedup_key,
            WaitKey(event.owner, connection, table),
            body,
            delivery.received_at,
            source=event.source,
            kind=event.kind,
            name=event.name,
            is_cut=is_cut,
            member=event.own_key if event.group_key else "",
        )


def _own(delivery: Delivery, event: IncomingEvent) -> WaitingItem | None:
    """Return the item that a delivery was taken up from, where it is this event's."""
    return delivery.item if delivery.is_of(event) else None


def _fits(body: str) -> bool:
    return len(body) <= MOST_BODY_BYTES // 4 or len(gzip.compress(body.encode())) <= MOST_BODY_BYTES


def _fitting(body: str) -> str:
    """Return a message that could not be read, cut where it is too large to wait."""
    return body if _fits(body) else body.encode()[:MOST_BODY_BYTES].decode(errors="ignore")


def _cut(event: IncomingEvent) -> IncomingEvent:
    """Return an event with shorter texts and labels, and without files; its ticket says so."""
    files = f", without {', '.join(event.attachments)}" if event.attachments else ""
    said = (
        "The event was too large to wait as it came: it was cut to "
        f"{_CUT_TEXT} characters a text{files}"
    )
    return replace(
        event,
        texts={name: text[:_CUT_TEXT] for name, text in event.texts.items()},
        labels={
            name: text[:_CUT_LABEL] for name, text in list(event.labels.items())[:_MOST_LABELS]
        },
        attachments={},
        document=None,
        assumptions=(*event.assumptions, said),
    )


def _said(reason: str, text: str) -> str:
    """Return why, in one text."""
    return f"{reason}: {text}" if text else reason


def _webhook(body: str) -> tuple[str, str]:
    """Return the webhook that a message came by, and its delivery's id; empty for none."""
    if '"webhook"' not in body or '"delivery"' not in body:
        return "", ""
    message = json.loads(body)
    if "webhook" not in message and isinstance(message.get("detail"), dict):
        # The webhook's function has put it on the bus.
        message = message["detail"]
    webhook, delivery = message.get("webhook"), message.get("delivery")
    return (str(webhook["id"]), str(delivery)) if isinstance(webhook, dict) else ("", "")
