"""What takes the deliveries of webhooks in this process."""

from functools import cache, partial

from actionsync import aws
from actionsync.events.door import Door
from actionsync.rules.service import rules_of
from actionsync.settings import bus_name, event_queue_url
from actionsync.wiring import stores


@cache
def door() -> Door:
    """Return where the deliveries of all webhooks come in."""
    return Door(
        stores.webhook_store(),
        stores.idempotency_store(),
        bus=(aws.event_bridge(), bus_name()),
        queue=(aws.sqs(), event_queue_url()),
        rules_of=partial(rules_of, stores.rule_store()),
        take=stores.rates("deliveries").take,
    )
