"""What takes the deliveries of webhooks in this process."""

from functools import cache, partial

from actionsync import aws
from actionsync.events.webhook import Webhooks
from actionsync.rules.service import rules_of
from actionsync.settings import bus_name
from actionsync.wiring import stores


@cache
def webhooks() -> Webhooks:
    """Return the webhooks of all owners."""
    return Webhooks(
        stores.webhook_store(),
        stores.idempotency_store(),
        (aws.event_bridge(), bus_name()),
        partial(rules_of, stores.rule_store()),
    )
