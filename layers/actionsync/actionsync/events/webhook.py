"""A delivery to a webhook: verified, taken once, put on the bus.

What a sender's deliveries look like, and how they are signed, is the source's to know.
"""

import hashlib
import json
import secrets
import uuid
from typing import TYPE_CHECKING, Any

from actionsync.errors import FieldError, InvalidInputError, WebhookRefusedError
from actionsync.events.models import UnreadableEventError
from actionsync.events.sources import WEBHOOKS, fields
from actionsync.stores.idempotency import Done

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    from actionsync.events.sources.protocol import Delivery
    from actionsync.rules.models import Rules
    from actionsync.stores.idempotency import IdempotencyStore
    from actionsync.stores.webhooks import WebhookStore

_ID_LENGTH = 32
# A signed body is a repetition for so long; after that its own moment decides.
_REPETITION_SECONDS = 3600
# An event on the bus has at most 256 KB (EventBridge API: PutEvents).
_LONGEST_FIELD = 50_000


class Webhooks:
    """The webhooks of all users.

    Args:
        webhooks: where they are stored.
        deliveries: an idempotency record for each delivery.
        bus: EventBridge, and the name of the stack's bus.
        rules_of: returns a user's rules.
    """

    def __init__(
        self,
        webhooks: "WebhookStore",
        deliveries: "IdempotencyStore",
        bus: "tuple[EventBridgeClient, str]",
        rules_of: "Callable[[str], Rules]",
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._events, self._bus = bus
        self._rules_of = rules_of

    def receive(self, source_name: str, webhook_id: str, delivery: "Delivery") -> dict[str, Any]:
        """Take a delivery and return `{status}`: accepted, ignored or duplicate.

        Raises:
            WebhookRefusedError: there is no such webhook, or the signature is wrong.
            InvalidInputError: the body is not what the sender documents.
            WriteInProgressError: the same delivery is being taken right now.
        """
        source = WEBHOOKS[source_name]
        found = self._webhooks.find(webhook_id)
        # Without a webhook the signature is checked all the same: the time says nothing, either.
        owner, secret = found or ("", secrets.token_hex())
        if not source.is_signed(delivery, secret) or found is None:
            raise WebhookRefusedError
        try:
            translations = source.translate(delivery, self._rules_of(owner))
        except UnreadableEventError as error:
            raise InvalidInputError(FieldError("body", str(error))) from None
        if not translations:
            return {"status": "ignored"}
        body = hashlib.sha256(delivery.body).hexdigest()
        record = self._deliveries.claim(f"WEBHOOK#{webhook_id}#{body}", "", uuid.uuid4().hex)
        if isinstance(record, Done):
            return {"status": "duplicate"}
        try:
            answer = self._events.put_events(
                Entries=[
                    self._entry(source.BUS_SOURCE, item.type, {**item.detail, "user_id": owner})
                    for item in translations
                ]
            )
        except Exception:
            self._deliveries.release(record)
            raise
        if answer["FailedEntryCount"]:
            self._deliveries.release(record)
            codes = {entry.get("ErrorCode") for entry in answer["Entries"]} - {None}
            raise RuntimeError(f"The bus refused it: {', '.join(sorted(map(str, codes)))}")
        self._deliveries.finish(record, "accepted", keep_seconds=_REPETITION_SECONDS)
        return {"status": "accepted"}

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


def create_webhook(webhooks: "WebhookStore", user_id: str) -> dict[str, Any]:
    """Make a webhook and return its id, path and secret, which is shown this once."""
    webhook_id, secret = secrets.token_hex(_ID_LENGTH // 2), secrets.token_urlsafe(32)
    webhooks.create(webhook_id, user_id, secret)
    return {
        "id": webhook_id,
        "path": _path(webhook_id),
        "secret": secret,
        "content_type": "application/json",
    }


def webhooks_of(webhooks: "WebhookStore", user_id: str) -> dict[str, Any]:
    """Return `{webhooks: [{id, path, created_at}]}`, the oldest first."""
    return {
        "webhooks": [
            {"id": webhook.id, "path": _path(webhook.id), "created_at": webhook.created_at}
            for webhook in webhooks.of(user_id)
        ]
    }


def _path(webhook_id: str) -> str:
    return f"/api/servicenow/webhooks/github/{webhook_id}"
