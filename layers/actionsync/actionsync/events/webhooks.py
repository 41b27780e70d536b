"""An owner's webhooks: made, listed, changed and removed."""

import base64
import secrets
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from actionsync.connections.models import ConnectionName
from actionsync.errors import FieldError, InvalidInputError
from actionsync.events import senders
from actionsync.stores.webhooks import Webhook

if TYPE_CHECKING:
    from actionsync.events.senders import Sender
    from actionsync.stores.webhooks import WebhookStore

_ID_BYTES = 16
_SECRET_BYTES = 32

WebhookSecret = Annotated[
    SecretStr,
    Field(min_length=8, max_length=512),
    Field(description="The sender's own secret, where it makes one: Sentry's client secret."),
]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewWebhook(_Input):
    """A webhook to make; all of it may be left out."""

    name: Annotated[
        str | None,
        StringConstraints(pattern=r"^\w(?:[\w .:@/-]{0,58}\w)?$"),
        Field(
            description="It identifies tickets: made again under its name, it ends what it opened."
        ),
    ] = None
    dry_run: Annotated[
        bool, Field(description="Whether deliveries are shown, and make no tickets for now.")
    ] = False
    verification: Annotated[
        str | None,
        Field(max_length=40, description="The only way in which the sender may prove itself."),
    ] = None
    secret: WebhookSecret | None = None
    connection: Annotated[
        ConnectionName | None,
        Field(description="Which of the owner's connections; a rule's own goes first."),
    ] = None


class WebhookChange(_Input):
    """What is to change of a webhook."""

    dry_run: bool | None = None
    secret: WebhookSecret | None = None


def create_webhook(
    source: str, owner: str, new: NewWebhook | None, webhooks: "WebhookStore", host: str
) -> dict[str, Any]:
    """Make a webhook and return what is set up at the sender, the secret this once.

    Args:
        source: who will send to it.
        owner: whose it is.
        new: how it is to be.
        webhooks: where it is stored.
        host: the host that the request was sent to.

    Raises:
        InvalidInputError: there is no such source, or not that way of verification.
        TooManyWebhooksError: the owner has as many as one may have.
        WebhookExistsError: the owner has one of that name.
    """
    new = new or NewWebhook()
    sender = _sender(source)
    if new.verification and not sender.ways_of(new.verification):
        ways = ", ".join(dict.fromkeys(way.name for way in sender.ways))
        raise InvalidInputError(FieldError("verification", f"must be one of: {ways}"))
    secret = new.secret.get_secret_value() if new.secret else _new_secret(sender)
    webhook = Webhook(
        secrets.token_hex(_ID_BYTES),
        owner,
        source,
        new.name or "",
        dry_run=new.dry_run,
        verification=new.verification or "",
        connection=new.connection or "",
    )
    webhook = webhooks.create(webhook, secret)
    name, _, value = sender.header.partition(": ")
    return {
        **view(webhook),
        "url": f"https://{host}{path_of(webhook)}",
        "secret": secret,
        "content_type": "application/json",
        "header": {"name": name, "value": value.replace("{secret}", secret)} if name else None,
        "body": sender.body or None,
        "steps": sender.steps,
    }


def list_webhooks(source: str | None, owner: str, webhooks: "WebhookStore") -> dict[str, Any]:
    """Return `{webhooks: [...]}`, the oldest first, without their secrets.

    Args:
        source: whose alone; None for all.
        owner: whose webhooks.
        webhooks: where they are stored.

    Raises:
        InvalidInputError: there is no such source.
    """
    if source is not None:
        _sender(source)
    return {"webhooks": [view(webhook) for webhook in webhooks.of(owner, source)]}


def change_webhook(
    source: str, webhook_id: str, owner: str, change: WebhookChange, webhooks: "WebhookStore"
) -> dict[str, Any]:
    """Switch a webhook's dry run on or off, or store the sender's own secret; return the webhook.

    Raises:
        WebhookNotFoundError: the owner has no such webhook.
    """
    secret = change.secret.get_secret_value() if change.secret else None
    webhook = webhooks.get(owner, source, webhook_id)
    return view(webhooks.change(webhook, dry_run=change.dry_run, secret=secret))


def view(webhook: Webhook) -> dict[str, Any]:
    """Return a webhook as its owner sees it."""
    return {
        "id": webhook.id,
        "source": webhook.source,
        "name": webhook.name,
        "dry_run": webhook.dry_run,
        "verification": webhook.verification or None,
        "connection": webhook.connection or None,
        "path": path_of(webhook),
        "created_at": webhook.created_at,
    }


def path_of(webhook: Webhook) -> str:
    """Return the path of a webhook's address."""
    return f"/api/servicenow/webhooks/{webhook.source}/{webhook.id}"


def _sender(source: str) -> "Sender":
    sender = senders.sender(source)
    if sender is None:
        raise InvalidInputError(
            FieldError("source", f"must be one of: {', '.join(senders.names())}")
        )
    return sender


def _new_secret(sender: "Sender") -> str:
    if sender.uses_standard_webhooks:
        return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    return secrets.token_urlsafe(_SECRET_BYTES)
