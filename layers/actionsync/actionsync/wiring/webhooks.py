"""What takes the deliveries of webhooks in this process."""

from functools import cache
from typing import TYPE_CHECKING

from actionsync import aws
from actionsync.events.door import Door
from actionsync.settings import bus_name, event_queue_url
from actionsync.wiring import stores

if TYPE_CHECKING:
    from actionsync.rules.models import Rules


@cache
def door() -> Door:
    """Return where the deliveries of all webhooks come in."""
    return Door(
        stores.webhook_store(),
        stores.idempotency_store(),
        bus=lambda: (aws.event_bridge(), bus_name()),
        queue=lambda: (aws.sqs(), event_queue_url()),
        recent=stores.recent_events(),
        rules_of=_rules_of,
        take=stores.rates("deliveries").take,
        take_waiting=stores.rates("late deliveries").take,
        is_known=lambda key: stores.correlation_store().get(key).is_known,
    )


def _rules_of(owner: str) -> "Rules":
    from actionsync.rules.service import rules_of  # noqa: PLC0415 - most deliveries ask for none

    return rules_of(stores.rule_store(), owner)
