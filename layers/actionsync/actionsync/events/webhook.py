"""A delivery of GitHub's webhook: checked, counted once, put on the bus."""

import json
import secrets
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actionsync.errors import FieldError, InvalidInputError, WebhookRefusedError
from actionsync.events.sources.github import is_signed, translate
from actionsync.stores.idempotency import Done

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_events.client import EventBridgeClient

    from actionsync.rules.models import Rules
    from actionsync.stores.idempotency import IdempotencyStore
    from actionsync.stores.webhooks import WebhookStore

_ID_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Delivery:
    """What GitHub sent.

    Attributes:
        event: the X-GitHub-Event header.
        id: the X-GitHub-Delivery header.
        signature: the X-Hub-Signature-256 header.
        body: the body, byte for byte.
    """

    event: str
    id: str
    signature: str
    body: bytes


class Webhooks:
    """The webhooks of all users.

    Args:
        webhooks: where they are kept.
        claims: where deliveries are marked.
        bus: EventBridge, and the name of the stack's bus.
        rules_of: returns a user's rules.
    """

    def __init__(
        self,
        webhooks: "WebhookStore",
        claims: "IdempotencyStore",
        bus: "tuple[EventBridgeClient, str]",
        rules_of: "Callable[[str], Rules]",
    ) -> None:
        self._webhooks = webhooks
        self._claims = claims
        self._events, self._bus = bus
        self._rules_of = rules_of

    def receive(self, webhook_id: str, delivery: Delivery) -> dict[str, Any]:
        """Take a delivery and return `{status}`: accepted, ignored or duplicate.

        Raises:
            WebhookRefusedError: there is no such webhook, or the signature is wrong.
            InvalidInputError: the body is not what GitHub documents.
            WriteInProgressError: the same delivery is being taken right now.
        """
        found = self._webhooks.find(webhook_id)
        # Without a webhook the signature is checked all the same: the time tells nothing, either.
        user_id, secret = found or ("", secrets.token_hex())
        if not is_signed(delivery.body, delivery.signature, secret) or found is None:
            raise WebhookRefusedError
        try:
            payload = json.loads(delivery.body)
            translation = translate(delivery.event, payload, self._rules_of(user_id).github)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InvalidInputError(
                FieldError("body", f"is no {delivery.event} event as GitHub documents it")
            ) from None
        if translation is None:
            return {"status": "ignored"}
        key = f"GITHUB#{webhook_id}#{delivery.id}"
        claim = self._claims.claim(key, "", uuid.uuid4().hex)
        if isinstance(claim, Done):
            return {"status": "duplicate"}
        try:
            answer = self._events.put_events(
                Entries=[
                    {
                        "EventBusName": self._bus,
                        "Source": "actionsync.github",
                        "DetailType": translation.type,
                        "Detail": json.dumps({**translation.detail, "user_id": user_id}),
                    }
                ]
            )
        except Exception:
            self._claims.release(claim)
            raise
        if answer["FailedEntryCount"]:
            self._claims.release(claim)
            raise RuntimeError(f"The bus refused it: {answer['Entries'][0].get('ErrorCode')}")
        self._claims.finish(claim, "accepted")
        return {"status": "accepted"}


def create_webhook(webhooks: "WebhookStore", user_id: str) -> dict[str, Any]:
    """Make a webhook and return its id, path and secret, which is told this once."""
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
