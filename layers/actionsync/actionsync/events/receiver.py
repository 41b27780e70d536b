"""A delivery to a webhook: verified, split into its elements, queued, answered.

Nothing of ServiceNow is called here, since senders wait for a second only. Whatever is well signed
is answered 200: a test, a repetition, what nobody understands. Many senders switch a webhook off
after a few refusals, or repeat what was refused for ever.

Over its owner's quota a delivery is taken all the same: what is an end, or the first of its key,
waits (events.late), up to a limit; the rest is dropped, and seen among the deliveries.

What counts as a repetition: where the sender signs an id, that id; where it signs the body alone,
that body, for an hour, after which its own moment decides; where it signs neither, nothing, since
such senders repeat themselves on purpose.
"""

import base64
import hashlib
import json
import secrets
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from actionsync import clock
from actionsync.errors import (
    DeliveryNotFoundError,
    QueueRefusedError,
    TooManyRequestsError,
    WebhookRefusedError,
    WriteInProgressError,
)
from actionsync.events.deliveries import parsed
from actionsync.events.queueing import queue
from actionsync.events.senders import sender
from actionsync.events.verification import Proof, verify
from actionsync.stores.idempotency import Done
from actionsync.stores.recent import MOST_OF_WEBHOOK
from actionsync.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_sqs.client import SQSClient

    from actionsync.events.deliveries import Delivery
    from actionsync.events.late import LateEvents
    from actionsync.events.pushes import Pushes
    from actionsync.events.senders import Sender
    from actionsync.rules.models import Rules
    from actionsync.stores.idempotency import IdempotencyStore
    from actionsync.stores.recent import RecentEvents
    from actionsync.stores.webhooks import Webhook, WebhookStore

VERSION = 1
# A message has at most 256 KB in every region (SQS developer guide: Message quotas), an event on
# the bus, too (EventBridge API: PutEvents).
_MOST_ELEMENT_BYTES, _MOST_WHOLE_BYTES = 200_000, 30_000
_LONGEST_FIELD = 50_000
_LONGEST_HEADER = 500
# Texts, lists and objects of what is too large, ever shorter until it fits.
_CUTS = ((4000, 100), (1000, 50), (200, 20), (50, 10))
_REPETITION_SECONDS = 3600
# Of one delivery; Alertmanager's largest groups have some hundreds. A body of 5 MB could bring a
# million, each of which would be a message.
_MOST_ELEMENTS = 500
# Of one PutEvents.
_MOST_ENTRIES = 10
# What may come again, though it was taken once.
_MADE_NOTHING = {"failed", "dropped", "ignored"}


class WebhookReceiver:
    """Receives the deliveries of all webhooks.

    Args:
        webhooks: where they are stored.
        deliveries: an idempotency record for each delivery.
        bus: returns EventBridge, and the name of the stack's bus.
        queue: returns SQS, and the address of the queue of events.
        recent: where a webhook's newest deliveries are stored.
        rules_of: returns a user's rules.
        take: counts an event of an owner's webhooks, or refuses one too many.
        late: returns where events over the quota go.
        pushes: returns where pushes of ServiceNow go.
    """

    def __init__(
        self,
        webhooks: "WebhookStore",
        deliveries: "IdempotencyStore",
        *,
        bus: "Callable[[], tuple[EventBridgeClient, str]]",
        queue: "Callable[[], tuple[SQSClient, str]]",
        recent: "RecentEvents",
        rules_of: "Callable[[str], Rules]",
        take: "Callable[[str], None]",
        late: "Callable[[], LateEvents]",
        pushes: "Callable[[], Pushes]",
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        # A client takes longer to make than all else: nobody makes the one that is not needed.
        self._bus, self._queue = bus, queue
        self._recent = recent
        self._rules_of = rules_of
        self._take = take
        self._late = late
        self._pushes = pushes

    def receive(self, source: str, webhook_id: str, delivery: "Delivery") -> dict[str, Any]:
        """Take a delivery and return `{status}`.

        Raises:
            WebhookRefusedError: there is no such webhook, or the delivery is not its sender's.
            QueueRefusedError: it could not be queued.
        """
        found = self._webhooks.find(webhook_id)
        known = sender(source)
        # Without a webhook the delivery is verified all the same: the time says nothing, either.
        webhook, secret = found or (None, secrets.token_hex())
        ways = known.ways_of(webhook.verification if webhook else "") if known else ()
        now = clock.now_epoch()
        proof = verify(ways, delivery.headers, delivery.body, secret, now)
        if known is None or webhook is None or webhook.source != source or proof is None:
            raise WebhookRefusedError
        if known.is_push:
            return self._push(webhook, delivery)
        if known.is_translated:
            return self._translate(webhook, delivery)
        return self._split(webhook, known, proof, delivery)

    def _push(self, webhook: "Webhook", delivery: "Delivery") -> dict[str, Any]:
        """Schedule a look at the ticket that a push names; ignore one that is not ours."""
        body = parsed(delivery.body.decode(errors="replace"))
        if isinstance(body, dict) and not webhook.dry_run:
            self._pushes().take(
                webhook.owner, str(body.get("table") or ""), str(body.get("sys_id") or "")
            )
        return {"status": "pushed"}

    # ---- what is queued element by element

    def _split(
        self, webhook: "Webhook", known: "Sender", proof: Proof, delivery: "Delivery"
    ) -> dict[str, Any]:
        body = unwrapped(known, document(delivery))
        for place in known.without:
            _remove(body, place.split("."))
        delivery_id = uuid.uuid4().hex
        status = _skipped_as(known, body)
        if status:
            text = delivery.body.decode(errors="replace")
            if known.without:
                text = json.dumps(body)
            return self._noted(webhook, delivery_id, status, [text])
        whole, every = split(known, body)
        elements = every[:_MOST_ELEMENTS]
        left_out = len(every) - len(elements)
        if left_out:
            logger.warning("elements left out", owner=webhook.owner, left_out=left_out)
        headers = {
            name: delivery.headers[name][:_LONGEST_HEADER]
            for name in known.headers
            if name in delivery.headers
        }
        messages = [_message(webhook, delivery_id, headers, whole, element) for element in elements]
        if webhook.dry_run:
            return self._noted(webhook, delivery_id, "dry_run", messages)
        unique = proof.unique
        if proof.is_body_signed and known.delivery:
            unique = str(search(known.delivery, body) or "") or unique
        if proof.is_body_signed and not unique and not known.repeats_bodies:
            unique = hashlib.sha256(delivery.body).hexdigest()
        answer = self._once(
            webhook,
            unique,
            delivery_id,
            lambda: self._accept(
                webhook, delivery_id, messages, lambda some: self.queue(webhook, some)
            ),
        )
        return answer | {"left_out": left_out} if left_out else answer

    def queue(self, webhook: "Webhook", messages: "Sequence[str]") -> None:
        """Queue a webhook's messages.

        Raises:
            QueueRefusedError: not all of them were taken.
        """
        queue(*self._queue(), webhook.owner, messages)

    # ---- what is translated here, under its owner's rules

    def _translate(self, webhook: "Webhook", delivery: "Delivery") -> dict[str, Any]:
        # Whoever queues elements never pays for the sources.
        from actionsync.events.models import UnreadableEventError  # noqa: PLC0415
        from actionsync.events.sources import WEBHOOKS  # noqa: PLC0415

        source = WEBHOOKS[webhook.source]
        delivery_id = uuid.uuid4().hex
        text = delivery.body.decode(errors="replace")
        try:
            translations = source.translate(delivery, self._rules_of(webhook.owner))
        except UnreadableEventError as error:
            # A refusal would make senders repeat it, or switch the webhook off.
            logger.warning("delivery not understood", owner=webhook.owner, reason=str(error))
            return self._noted(webhook, delivery_id, "unreadable", [text], str(error))
        if not translations:
            return self._noted(webhook, delivery_id, "ignored", [text])
        whose = {
            "user_id": webhook.owner, "webhook": {"id": webhook.id}, "delivery": delivery_id,
            **_connection_of(webhook),
        }  # fmt: skip
        events = [
            {
                "source": source.BUS_SOURCE,
                "detail-type": item.type,
                "detail": {name: _short(value) for name, value in item.detail.items()} | whose,
            }
            for item in translations
        ]
        texts = [json.dumps(event) for event in events]
        if webhook.dry_run:
            return self._noted(webhook, delivery_id, "dry_run", texts)
        return self._once(
            webhook,
            hashlib.sha256(delivery.body).hexdigest(),
            delivery_id,
            lambda: self._accept(
                webhook,
                delivery_id,
                texts,
                lambda some: self.put_on_bus([json.loads(text) for text in some]),
            ),
        )

    def put_on_bus(self, events: "Sequence[dict[str, Any]]") -> None:
        """Put events on the stack's bus.

        Raises:
            QueueRefusedError: it did not take all of them.
        """
        events_client, bus = self._bus()
        answer = events_client.put_events(
            Entries=[
                {
                    "EventBusName": bus,
                    "Source": event["source"],
                    "DetailType": event["detail-type"],
                    "Detail": json.dumps(event["detail"]),
                }
                for event in events
            ]
        )
        if answer["FailedEntryCount"]:
            raise QueueRefusedError

    def send_again(self, webhook: "Webhook", delivery_id: str) -> int:
        """Send the events of a delivery again, also where they count as known; return how many.

        Raises:
            DeliveryNotFoundError: there is no such delivery, or none of its events.
            QueueRefusedError: they could not be queued.
        """
        texts = [entry.get("event") or "" for entry in self._entries(webhook, delivery_id)]
        events = [event for text in texts if isinstance(event := parsed(text), dict)]
        messages = [json.dumps(event | {"again": True}) for event in events if "element" in event]
        on_bus = [event for event in events if "detail-type" in event]
        if messages:
            self.queue(webhook, messages)
        for start in range(0, len(on_bus), _MOST_ENTRIES):
            self.put_on_bus(on_bus[start : start + _MOST_ENTRIES])
        if not messages and not on_bus:
            raise DeliveryNotFoundError
        return len(messages) + len(on_bus)

    # ---- what both share

    def _accept(
        self,
        webhook: "Webhook",
        delivery_id: str,
        texts: "Sequence[str]",
        send: "Callable[[Sequence[str]], None]",
    ) -> dict[str, Any]:
        """Send a delivery's events, as many as the owner's quota allows, and return its answer."""
        admitted = 0
        with suppress(TooManyRequestsError):
            for _ in texts:
                self._take(webhook.owner)
                admitted += 1
        if admitted:
            send(texts[:admitted])
        late = texts[admitted:]
        dropped = [text for text in late if not self._late().wait(webhook, text)]
        waiting = len(late) - len(dropped)
        answer: dict[str, Any] = {
            "status": "accepted" if not late else "waiting" if waiting else "dropped",
            "delivery": delivery_id,
            "events": admitted + waiting,
        }
        if dropped:
            logger.warning("events of a webhook dropped", count=len(dropped), owner=webhook.owner)
            self._noted(webhook, delivery_id, "dropped", dropped)
            answer["dropped"] = len(dropped)
        return answer

    def _once(
        self,
        webhook: "Webhook",
        unique: str,
        delivery_id: str,
        work: "Callable[[], dict[str, Any]]",
    ) -> dict[str, Any]:
        """Do the work unless it was done for the same delivery, and return the answer.

        Args:
            webhook: the webhook.
            unique: what names the delivery; empty where each one counts.
            delivery_id: what is remembered of it.
            work: what is to be done.
        """
        if not unique:
            return work()
        key = f"WEBHOOK#{webhook.id}#{hashlib.sha256(unique.encode()).hexdigest()}"
        try:
            record = self._deliveries.claim(key, "", uuid.uuid4().hex)
        except WriteInProgressError as error:  # the sender did not wait for the first answer
            raise QueueRefusedError(error.retry_after) from None
        if isinstance(record, Done):
            may_come_again = self._made_nothing(webhook, record.answer)
            return work() if may_come_again else {"status": "duplicate"}
        try:
            answer = work()
        except Exception:
            self._deliveries.release(record)
            raise
        self._deliveries.finish(record, delivery_id, keep_seconds=_REPETITION_SECONDS)
        return answer

    def _made_nothing(self, webhook: "Webhook", delivery_id: str) -> bool:
        """Return whether all that a delivery said has failed or was dropped: it may come again."""
        outcomes = {entry["outcome"] for entry in self._entries(webhook, delivery_id)}
        return bool(outcomes) and outcomes <= _MADE_NOTHING

    def _entries(self, webhook: "Webhook", delivery_id: str) -> list[dict[str, Any]]:
        entries = self._recent.read_webhook(webhook.id)
        return [entry for entry in entries if entry["delivery"] == delivery_id]

    def _noted(
        self,
        webhook: "Webhook",
        delivery_id: str,
        status: str,
        texts: "Sequence[str]",
        reason: str = "",
    ) -> dict[str, Any]:
        """Note a delivery that nothing else will be said of, and return its answer."""
        if self._rules_of(webhook.owner).recent_events:
            for text in texts[:MOST_OF_WEBHOOK]:
                entry = {
                    "at": clock.precise(clock.now()),
                    "source": webhook.source,
                    "kind": "",
                    "name": webhook.name,
                    "outcome": status,
                    "ticket": None,
                    "detail": reason,
                    "event": text,
                    "webhook_id": webhook.id,
                    "delivery": delivery_id,
                }
                self._recent.note(webhook.owner, entry, webhook.id)
            self._recent.put()
        return {"status": status, "delivery": delivery_id}


def _short(value: Any) -> Any:
    return _shortened(value, _LONGEST_FIELD) if isinstance(value, str) else value


def _shortened(text: str, longest: int) -> str:
    from actionsync.events.sources import fields  # noqa: PLC0415 - what is short never pays

    return fields.cut(text, longest) if len(text) > longest else text


def document(delivery: "Delivery") -> Any:
    """Return what the body of a delivery says, or None where it is neither JSON nor a form.

    A form's field `payload` or `data` may be the document itself; else its fields are.
    """
    kind = delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
    text = delivery.body.decode(errors="replace")
    if kind in _FORMS:
        form = _FORMS[kind](delivery)
        text = form.get("payload") or form.get("data") or json.dumps(form)
    body = parsed(text.removeprefix("\ufeff"))
    return body if isinstance(body, dict | list) else None


def _of_form(delivery: "Delivery") -> dict[str, str]:
    return dict(parse_qsl(delivery.body.decode(errors="replace"), keep_blank_values=True))


def _of_parts(delivery: "Delivery") -> dict[str, str]:
    from email.parser import BytesParser  # noqa: PLC0415 - other senders never pay
    from email.policy import HTTP  # noqa: PLC0415

    head = f"Content-Type: {delivery.headers['content-type']}\r\n\r\n"
    message = BytesParser(policy=HTTP).parsebytes(head.encode(errors="replace") + delivery.body)
    fields = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        if isinstance(content, bytes) and isinstance(name, str):
            fields[name] = content.decode(errors="replace")
    return fields


_FORMS = {"application/x-www-form-urlencoded": _of_form, "multipart/form-data": _of_parts}


def unwrapped(known: "Sender", body: Any) -> Any:
    """Return the body that another carries in base64, as Pub/Sub does; else the body itself."""
    packed = search(known.wrapped, body) if known.wrapped else None
    if not isinstance(packed, str):
        return body
    try:
        found = parsed(base64.b64decode(packed).decode(errors="replace"))
    except ValueError:
        return body
    return found if isinstance(found, dict | list) else None


def _remove(body: Any, place: list[str]) -> None:
    """Remove what stands at a place of a body, if anything does."""
    *way, last = place
    for name in way:
        body = body.get(name) if isinstance(body, dict) else None
    if isinstance(body, dict):
        body.pop(last, None)


def _skipped_as(known: "Sender", body: Any) -> str:
    """Return the status of a body from which no event is queued; empty for others."""
    if body is None:
        return "unreadable"
    if known.test and search(known.test, body):
        return "test"
    if known.unsupported and search(known.unsupported, body):
        return "unsupported"
    return "" if split(known, body)[1] else "ignored"


def split(known: "Sender", body: Any) -> tuple[Any, list[Any]]:
    """Return a body without its elements, and the elements; by default the body is the one."""
    if not known.elements:
        return {}, [body]
    elements = search(known.elements, body)
    if not isinstance(elements, list):
        return {}, []
    if not isinstance(body, dict):
        return {}, elements
    return {name: value for name, value in body.items() if value is not elements}, elements


def search(path: str, body: Any) -> Any:
    """Return what a JMESPath of a sender's finds in a body."""
    import jmespath  # noqa: PLC0415 - senders without a path never pay
    from jmespath.exceptions import JMESPathError  # noqa: PLC0415

    try:
        return jmespath.search(path, body)
    except JMESPathError:  # a function, and a value of another type
        return None


def _connection_of(webhook: "Webhook") -> dict[str, str]:
    return {"connection": webhook.connection} if webhook.connection else {}


def _message(
    webhook: "Webhook", delivery_id: str, headers: dict[str, str], whole: Any, element: Any
) -> str:
    """Return the message of an element for the queue of events."""
    short_whole = fitting(whole, _MOST_WHOLE_BYTES)
    short_element = fitting(element, _MOST_ELEMENT_BYTES)
    return json.dumps(
        {
            "version": VERSION,
            "webhook": {
                "id": webhook.id,
                "name": webhook.name,
                "owner": webhook.owner,
                "source": webhook.source,
                **_connection_of(webhook),
            },
            "delivery": delivery_id,
            "received_at": clock.iso(clock.now()),
            "headers": headers,
            "whole": short_whole,
            "element": short_element,
            "is_cut": short_whole is not whole or short_element is not element,
        }
    )


def fitting(value: Any, most_bytes: int) -> Any:
    """Return a JSON value, or what identifies and decorates of it where it is too large."""
    short = value
    for longest_text, most_items in _CUTS:
        if len(json.dumps(short)) <= most_bytes:
            return short
        short = _cut(value, longest_text, most_items)
    return short if len(json.dumps(short)) <= most_bytes else {}


def _cut(value: Any, longest_text: int, most_items: int) -> Any:
    if isinstance(value, str):
        return _shortened(value, longest_text)
    if isinstance(value, list):
        return [_cut(item, longest_text, most_items) for item in value[:most_items]]
    if isinstance(value, dict):
        some = list(value.items())[: 2 * most_items]
        return {name[:longest_text]: _cut(item, longest_text, most_items) for name, item in some}
    return value
