"""What the functions around events share: rules and webhooks."""

import base64
from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.depends import Depends
from aws_lambda_powertools.event_handler.request import Request

from actionsync import aws
from actionsync.rules.models import Rules
from actionsync.settings import settings
from actionsync.stores.rules import RuleStore, StoredRules
from actionsync.stores.webhooks import WebhookStore


@cache
def rule_store() -> RuleStore:
    """Return this process's way to the rules."""
    return RuleStore(aws.dynamodb(), settings().events_table)


@cache
def webhook_store() -> WebhookStore:
    """Return this process's way to the webhooks."""
    return WebhookStore(
        aws.dynamodb(),
        settings().events_table,
        aws.secrets_manager(),
        settings().secret_prefix,
        settings().kms_key,
    )


def rules_of(user_id: str) -> Rules:
    """Return a user's rules."""
    return Rules.model_validate_json(rule_store().get(user_id).text)


def view(stored: StoredRules) -> dict[str, Any]:
    """Return rules as callers see them: whole, with every default."""
    return Rules.model_validate_json(stored.text).model_dump(mode="json")


def _raw_body(request: Request) -> bytes:
    event = request.resolved_event.raw_event
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


StoredRulesOfUsers = Annotated[RuleStore, Depends(rule_store)]
RawBody = Annotated[bytes, Depends(_raw_body)]
WebhooksOfUsers = Annotated[WebhookStore, Depends(webhook_store)]
