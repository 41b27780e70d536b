"""What lies in the queues: EventBridge's events and SNS's notifications, taken out of SQS.

The shapes are AWS's own (EventBridge user guide: Event structure; SNS developer guide: Parsing JSON
formats). An event may lie inside a notification, and a topic may deliver raw messages.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from actionsync import clock
from actionsync.events.models import UnreadableEventError, digest
from actionsync.events.sources import fields

_DEEPEST = 3
_DASHES = str.maketrans(dict.fromkeys("\u2013\u2014", "-"))


@dataclass(frozen=True, slots=True)
class Webhook:
    """What a webhook's function queued of an element of a delivery.

    Attributes:
        owner: whose webhook it is.
        name: its name.
        headers: the headers that its source looks at, by their names in lower case.
        whole: the delivery's body, without its elements.
        element: the element.
        is_cut: whether it was larger than the queue takes.
        connection: the connection that its owner has named for it, or empty.
    """

    owner: str
    name: str
    headers: dict[str, str]
    whole: Any
    element: Any
    is_cut: bool = False
    connection: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A message, whichever way it came.

    Attributes:
        id: EventBridge's event id or SNS's message id, else a digest of the message.
        type: EventBridge's detail-type; empty for a notification.
        source: EventBridge's source; empty for a notification.
        time: when it was sent.
        resources: the ARNs that EventBridge names, or the topic's.
        account: the account that EventBridge names, or empty.
        region: the region that EventBridge names, or empty.
        detail: EventBridge's detail, or the notification's message.
        subject: the notification's subject, or empty.
        text: the notification's message where it is plain text.
        webhook: what came by a webhook, whose source it is then.
    """

    id: str
    type: str
    source: str
    time: datetime
    resources: tuple[str, ...]
    detail: dict[str, Any] = field(default_factory=dict)
    account: str = ""
    region: str = ""
    subject: str = ""
    text: str = ""
    webhook: Webhook | None = None

    @property
    def document(self) -> Any:
        """The whole of it, as paths lead into it: EventBridge's form; a webhook's body."""
        if self.webhook is not None:
            return self.webhook.whole or self.webhook.element
        return {
            "id": self.id, "source": self.source, "detail-type": self.type,
            "account": self.account, "region": self.region, "time": clock.iso(self.time),
            "resources": list(self.resources), "detail": self.detail,
            "subject": self.subject, "text": self.text,
        }  # fmt: skip

    def is_notification_of(self, *names: str) -> bool:
        """Return whether it is a notification without a type whose message has these names."""
        return not self.type and self.webhook is None and set(names) <= self.detail.keys()

    @property
    def sender(self) -> str:
        """Who sent it, as recipes name senders."""
        if self.webhook is not None:
            return f"webhook:{self.webhook.name}"
        return self.source or "sns"

    @property
    def is_from_aws(self) -> bool:
        """Whether AWS vouches for the source: nobody else can put an `aws.` event on a bus."""
        return self.source.startswith("aws.")


def read(body: str, received_at: datetime | None = None) -> Message:
    """Return the message in the body of an SQS message.

    Args:
        body: the body.
        received_at: what stands for the time where the message has none; by default now.

    Raises:
        UnreadableEventError: it is neither an event nor a notification.
    """
    received_at = received_at or datetime.now(UTC)
    document = _object(body)
    if document is None:
        raise UnreadableEventError("body: must be a JSON object")
    if isinstance(document.get("webhook"), dict) and "element" in document:
        return _delivered(document, received_at)
    notification: dict[str, Any] = {}
    for _ in range(_DEEPEST):
        if document.get("Type") != "Notification":
            break
        notification = document
        text = fields.as_text(document.get("Message") or "")
        document = _object(text)
        if document is None:
            return _notified(notification, received_at, {}, text)
    if "detail-type" in document or isinstance(document.get("detail"), dict):
        return from_event(document, received_at)
    return _notified(notification or {"MessageId": digest(body)}, received_at, document, "")


def from_event(document: dict[str, Any], received_at: datetime) -> Message:
    """Return the message that an EventBridge event is.

    Raises:
        UnreadableEventError: it has no detail.
    """
    detail = document.get("detail")
    if isinstance(detail, str):
        detail = _object(detail)
    if not isinstance(detail, dict):
        raise UnreadableEventError("detail: must be an object")
    resources = document.get("resources")
    return Message(
        id=_text(document, "id") or digest(json.dumps(document, sort_keys=True)),
        type=_text(document, "detail-type").translate(_DASHES).strip(),
        source=_text(document, "source"),
        time=fields.moment(document.get("time")) or received_at,
        resources=tuple(map(str, resources)) if isinstance(resources, list) else (),
        account=_text(document, "account"),
        region=_text(document, "region"),
        detail=detail,
    )


def _delivered(document: dict[str, Any], received_at: datetime) -> Message:
    """Return the message that an element of a webhook's delivery is.

    Raises:
        UnreadableEventError: it names nobody, or no source.
    """
    webhook, element = document["webhook"], document["element"]
    if not _text(webhook, "owner").strip() or not _text(webhook, "source").strip():
        raise UnreadableEventError("webhook: owner and source must be named")
    headers = document.get("headers")
    if not isinstance(headers, dict):
        headers = {}
    return Message(
        id=digest(_text(webhook, "id"), _text(document, "delivery"), json.dumps(element)),
        type="",
        source=_text(webhook, "source"),
        time=fields.moment(document.get("received_at")) or received_at,
        resources=(),
        webhook=Webhook(
            owner=_text(webhook, "owner"),
            name=_text(webhook, "name"),
            headers={name.lower(): fields.as_text(text) for name, text in headers.items()},
            whole=document.get("whole"),
            element=element,
            is_cut=document.get("is_cut") is True,
            connection=_text({"connection": "", **webhook}, "connection"),
        ),
    )


def _notified(
    notification: dict[str, Any], received_at: datetime, detail: dict[str, Any], text: str
) -> Message:
    topic = _text(notification, "TopicArn")
    return Message(
        id=_text(notification, "MessageId") or digest(topic, text, json.dumps(detail)),
        type="",
        source="",
        time=fields.moment(notification.get("Timestamp")) or received_at,
        resources=(topic,) if topic else (),
        detail=detail,
        subject=_text(notification, "Subject"),
        text=text,
    )


def _object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a text is, with whole characters only, or None."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    if not text.isascii() or "\\ud" in text.lower():
        whole = json.dumps(document, ensure_ascii=False).encode(errors="replace")
        document = json.loads(whole)
    return dict(document)


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    return "" if value is None else fields.as_text(value)
