"""Messages as the queues have them, and what the sources read in them."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from actionsync.events import sources
from actionsync.events.deliveries import Delivery
from actionsync.events.sources import envelopes, github
from actionsync.events.sources.protocol import Context, Reading, Translation
from actionsync.rules.models import Rules

if TYPE_CHECKING:
    from actionsync.events.models import IncomingEvent

NOW = datetime(2026, 1, 10, 10, 0, tzinfo=UTC)
OWNER = "11111111-2222-4333-8444-555555555555"
ALARM = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:checkout-5xx"


def reading(body: dict[str, Any] | str, rules: Rules | None = None) -> Reading:
    """Return what the sources read in the body of a message that came just after NOW."""
    text = body if isinstance(body, str) else json.dumps(body)
    received_at = NOW + timedelta(hours=1)
    message = envelopes.read(text, received_at)
    return sources.read(message, Context(received_at, "automation", lambda _: rules or Rules()))


def one(body: dict[str, Any] | str, rules: Rules | None = None) -> "IncomingEvent":
    """Return the one event of a message."""
    (event,) = reading(body, rules).events
    return event


def on_bus(detail_type: str, detail: Any, **more: Any) -> dict[str, Any]:
    """Return an EventBridge event."""
    return {
        "version": "0", "id": "0a1b2c3d", "detail-type": detail_type, "source": "my.app",
        "account": "111122223333", "region": "eu-west-1", "time": "2026-01-10T10:00:00Z",
        "resources": [], "detail": detail, **more,
    }  # fmt: skip


def error(**values: Any) -> dict[str, Any]:
    """Return an application error."""
    detail = {"user_id": OWNER, "service": "shop", "message": "Payment failed", **values}
    return on_bus("Application Error", detail)


def deployment(**values: Any) -> dict[str, Any]:
    """Return a step of a deployment."""
    detail = {"user_id": OWNER, "application": "shop", "deployment_id": "release-42",
              "environment": "production", "status": "started", **values}  # fmt: skip
    return on_bus("Deployment", detail)


def meeting(*items: Any, **values: Any) -> dict[str, Any]:
    """Return a processed meeting."""
    detail = {"user_id": OWNER, "meeting_id": "m-1", "title": "Weekly", "action_items": list(items)}
    return on_bus("Meeting Processed", detail | values)


def alarm(value: str = "ALARM", **detail: Any) -> dict[str, Any]:
    """Return a change of an alarm's state."""
    state = {"value": value, "reason": "3 datapoints were above 10",
             "timestamp": "2026-01-10T09:59:58.101+0000"}  # fmt: skip
    detail = {"alarmName": "checkout-5xx", "state": state, **detail}
    return on_bus(
        "CloudWatch Alarm State Change", detail, source="aws.cloudwatch", resources=[ALARM]
    )


def notification(message: Any, **more: Any) -> dict[str, Any]:
    """Return an SNS notification."""
    return {
        "Type": "Notification", "MessageId": "m-1", "TopicArn": "arn:aws:sns:eu-west-1:1:alerts",
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-01-10T10:00:00.000Z", **more,
    }  # fmt: skip


def translated(
    event: str, payload: dict[str, Any], rules: Rules | None = None, **headers: str
) -> list[Translation]:
    """Return what a delivery of GitHub's means."""
    body = json.dumps(payload).encode()
    return github.translate(Delivery({"x-github-event": event, **headers}, body), rules or Rules())


def from_github(
    event: str, payload: dict[str, Any], rules: Rules | None = None
) -> "IncomingEvent | None":
    """Return the event that a delivery of GitHub's becomes, by way of the bus, or None."""
    found = translated(event, payload, rules)
    if not found:
        return None
    detail = {**found[0].detail, "user_id": OWNER}
    return one(on_bus(found[0].type, detail, source=github.BUS_SOURCE))
