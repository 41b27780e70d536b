"""What lies in the queues: EventBridge's events and SNS's notifications, taken out of SQS.

The shapes are AWS's own (EventBridge user guide: Event structure; SNS developer guide: Parsing JSON
formats).
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from actionsync.events.models import UnreadableEventError


@dataclass(frozen=True, slots=True)
class Message:
    """A message, whichever way it came.

    Attributes:
        id: EventBridge's event id or SNS's message id.
        type: EventBridge's detail-type; empty for a notification.
        source: EventBridge's source; empty for a notification.
        time: when it was sent.
        resources: the ARNs that EventBridge names, or the topic's.
        detail: EventBridge's detail, or the notification's message.
        is_from_aws: whether AWS itself vouches for the source: nobody else can put an `aws.` event
            on a bus (EventBridge API: PutEvents).
    """

    id: str
    type: str
    source: str
    time: datetime
    resources: tuple[str, ...]
    detail: dict[str, Any]

    @property
    def is_from_aws(self) -> bool:
        """Whether AWS itself is the source."""
        return self.source.startswith("aws.")


def read(body: str) -> Message:
    """Return the message in the body of an SQS message.

    Raises:
        UnreadableEventError: it is neither an event nor a notification.
    """
    document = _object(body, "body")
    if document.get("Type") == "Notification":
        return Message(
            id=_text(document, "MessageId"),
            type="",
            source="",
            time=moment(document.get("Timestamp"), "Timestamp"),
            resources=(_text(document, "TopicArn"),),
            detail=_object(_text(document, "Message"), "Message"),
        )
    return from_event(document)


def from_event(document: dict[str, Any]) -> Message:
    """Return the message that an EventBridge event is.

    Raises:
        UnreadableEventError: it is none.
    """
    detail = document.get("detail")
    if not isinstance(detail, dict):
        raise UnreadableEventError("detail: must be an object")
    resources = document.get("resources") or []
    return Message(
        id=_text(document, "id"),
        type=_text(document, "detail-type"),
        source=_text(document, "source"),
        time=moment(document.get("time"), "time"),
        resources=tuple(str(item) for item in resources) if isinstance(resources, list) else (),
        detail=detail,
    )


def moment(value: object, field: str) -> datetime:
    """Read a moment in one of the forms that AWS uses: with Z, +00:00 or +0000.

    Raises:
        UnreadableEventError: it is none.
    """
    try:
        parsed = datetime.fromisoformat(str(value))
        return parsed.replace(tzinfo=parsed.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):  # the year 0 or 10000 in UTC
        raise UnreadableEventError(f"{field}: must be a moment as 2024-01-10T10:00:00Z") from None


def _object(text: str, field: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableEventError(f"{field}: must be JSON") from None
    if not isinstance(document, dict):
        raise UnreadableEventError(f"{field}: must be an object")
    if not text.isascii() or "\\ud" in text.lower():
        try:
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise UnreadableEventError(f"{field}: must not hold half a character") from None
    return document


def _text(document: dict[str, Any], field: str) -> str:
    value = document.get(field)
    if not isinstance(value, str) or not value:
        raise UnreadableEventError(f"{field}: must be text")
    return value
