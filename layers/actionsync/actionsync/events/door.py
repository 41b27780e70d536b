"""A delivery to a webhook: verified, split into its elements, queued, answered.

Nothing of ServiceNow is called here, since senders wait for a second only. Whatever is well signed
is answered 200: a test, a repetition, what nobody understands. Many senders switch a webhook off
after a few refusals, or repeat what was refused for ever.

What counts as a repetition: where the sender signs an id, that id; where it signs the body alone,
that body, for an hour, after which its own moment decides; where it signs neither, nothing, since
such senders repeat themselves on purpose.
"""

import hashlib
import json
import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from actionsync import clock
from actionsync.errors import (
    FieldError,
    InvalidInputError,
    QueueRefusedError,
    TooManyRequestsError,
    WebhookRefusedError,
    WriteInProgressError,
)
from actionsync.events.models import UnreadableEventError
from actionsync.events.senders import sender
from actionsync.events.sources import WEBHOOKS, fields
from actionsync.events.verification import Proof, verify
from actionsync.stores.idempotency import Done

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef
    from mypy_boto3_sqs.client import SQSClient

    from actionsync.events.senders import Sender
    from actionsync.events.sources.protocol import Delivery
    from actionsync.rules.models import Rules
    from actionsync.stores.idempotency import IdempotencyStore
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
_AT_ONCE = 10


class Door:
    """Where the deliveries of all webhooks come in.

    Args:
        webhooks: where they are stored.
        deliveries: an idempotency record for each delivery.
        bus: EventBridge, and the name of the stack's bus.
        queue: SQS, and the address of the queue of events.
        rules_of: returns a user's rules.
        take: counts a delivery of a user's, or refuses one too many.
    """

    def __init__(
        self,
        webhooks: "WebhookStore",
        deliveries: "IdempotencyStore",
        *,
        bus: "tuple[EventBridgeClient, str]",
        queue: "tuple[SQSClient, str]",
        rules_of: "Callable[[str], Rules]",
        take: "Callable[[str], None]",
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._events, self._bus = bus
        self._sqs, self._queue_url = queue
        self._rules_of = rules_of
        self._take = take

    def receive(self, source: str, webhook_id: str, delivery: "Delivery") -> dict[str, Any]:
        """Take a delivery and return `{status}`.

        Raises:
            WebhookRefusedError: there is no such webhook, or the delivery is not its sender's.
            InvalidInputError: the body is not what GitHub documents.
            QueueRefusedError: it could not be queued, or its owner's webhooks have taken as many
                as a minute allows.
        """
        found = self._webhooks.find(webhook_id)
        known = sender(source)
        # Without a webhook the delivery is verified all the same: the time says nothing, either.
        webhook, secret = found or (None, secrets.token_hex())
        ways = known.ways_of(webhook.verification if webhook else "") if known else ()
        now = clock.epoch(clock.now())
        proof = verify(ways, delivery.headers, delivery.body, secret, now)
        if known is None or webhook is None or webhook.source != source or proof is None:
            raise WebhookRefusedError
        try:
            self._take(webhook.owner)
        except TooManyRequestsError as error:
            raise QueueRefusedError(error.retry_after) from None
        if source in WEBHOOKS:
            return self._translate(webhook, delivery)
        return self._split(webhook, known, proof, delivery)

    # ---- what is queued element by element

    def _split(
        self, webhook: "Webhook", known: "Sender", proof: Proof, delivery: "Delivery"
    ) -> dict[str, Any]:
        body = document(delivery)
        status = _set_aside(known, body)
        if status:
            return {"status": status}
        whole, elements = split(known, body)
        delivery_id = uuid.uuid4().hex
        headers = {
            name: delivery.headers[name][:_LONGEST_HEADER]
            for name in known.headers
            if name in delivery.headers
        }
        messages = [_message(webhook, delivery_id, headers, whole, element) for element in elements]
        if webhook.dry_run:
            return {"status": "dry_run", "delivery": delivery_id, "events": len(messages)}
        unique = proof.unique
        if proof.is_body_signed and known.delivery:
            unique = fields.as_text(search(known.delivery, body) or "") or unique
        if proof.is_body_signed and not unique:
            unique = hashlib.sha256(delivery.body).hexdigest()
        if not self._once(webhook, unique, delivery_id, lambda: self._queue(webhook, messages)):
            return {"status": "duplicate"}
        return {"status": "accepted", "delivery": delivery_id, "events": len(messages)}

    def _queue(self, webhook: "Webhook", messages: "Sequence[str]") -> None:
        """Queue messages.

        Raises:
            QueueRefusedError: not all of them were taken.
        """
        # SQS's fair queues; an owner's id may hold what a group's may not.
        group = hashlib.sha256(webhook.owner.encode()).hexdigest()

        def send(message: str) -> None:
            self._sqs.send_message(
                QueueUrl=self._queue_url, MessageBody=message, MessageGroupId=group
            )

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                list(pool.map(send, messages))
            except Exception as error:
                raise QueueRefusedError from error

    # ---- what is translated here, under its owner's rules

    def _translate(self, webhook: "Webhook", delivery: "Delivery") -> dict[str, Any]:
        source = WEBHOOKS[webhook.source]
        try:
            translations = source.translate(delivery, self._rules_of(webhook.owner))
        except UnreadableEventError as error:
            raise InvalidInputError(FieldError("body", str(error))) from None
        if not translations:
            return {"status": "ignored"}
        if webhook.dry_run:
            return {"status": "dry_run"}
        entries = [
            self._entry(source.BUS_SOURCE, item.type, {**item.detail, "user_id": webhook.owner})
            for item in translations
        ]
        unique = hashlib.sha256(delivery.body).hexdigest()
        if not self._once(webhook, unique, "accepted", lambda: self._put(entries)):
            return {"status": "duplicate"}
        return {"status": "accepted"}

    def _put(self, entries: "list[PutEventsRequestEntryTypeDef]") -> None:
        answer = self._events.put_events(Entries=entries)
        if answer["FailedEntryCount"]:
            raise QueueRefusedError

    def _entry(
        self, source: str, detail_type: str, detail: dict[str, Any]
    ) -> "PutEventsRequestEntryTypeDef":
        short = {
            name: fields.cut(value, _LONGEST_FIELD) if isinstance(value, str) else value
            for name, value in detail.items()
        }
        return {
            "EventBusName": self._bus,
            "Source": source,
            "DetailType": detail_type,
            "Detail": json.dumps(short),
        }

    # ---- what both share

    def _once(
        self, webhook: "Webhook", unique: str, answer: str, work: "Callable[[], None]"
    ) -> bool:
        """Do the work unless it was done for the same delivery, and return whether it was done.

        Args:
            webhook: the webhook.
            unique: what names the delivery; empty where each one counts.
            answer: what is remembered of it.
            work: what is to be done.
        """
        if not unique:
            work()
            return True
        key = f"WEBHOOK#{webhook.id}#{hashlib.sha256(unique.encode()).hexdigest()}"
        try:
            record = self._deliveries.claim(key, "", uuid.uuid4().hex)
        except WriteInProgressError as error:  # the sender did not wait for the first answer
            raise QueueRefusedError(error.retry_after) from None
        if isinstance(record, Done):
            return False
        try:
            work()
        except Exception:
            self._deliveries.release(record)
            raise
        self._deliveries.finish(record, answer, keep_seconds=_REPETITION_SECONDS)
        return True


def document(delivery: "Delivery") -> Any:
    """Return what the body of a delivery says, or None where it is neither JSON nor a form.

    A form's field `payload` or `data` may be the document itself; else its fields are.
    """
    kind = delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
    text = delivery.body.decode(errors="replace")
    if kind == "application/x-www-form-urlencoded":
        form = dict(parse_qsl(text, keep_blank_values=True))
        text = form.get("payload") or form.get("data") or json.dumps(form)
    try:
        body = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict | list) else None


def _set_aside(known: "Sender", body: Any) -> str:
    """Return what a body is that says nothing of any ticket; empty for others."""
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

    return jmespath.search(path, body)


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
        return fields.cut(value, longest_text)
    if isinstance(value, list):
        return [_cut(item, longest_text, most_items) for item in value[:most_items]]
    if isinstance(value, dict):
        some = list(value.items())[: 2 * most_items]
        return {name[:longest_text]: _cut(item, longest_text, most_items) for name, item in some}
    return value
