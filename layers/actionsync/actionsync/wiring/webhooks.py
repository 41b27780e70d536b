"""What takes the deliveries of webhooks in this process."""

from functools import cache
from typing import TYPE_CHECKING

from actionsync import aws
from actionsync.events.receiver import WebhookReceiver
from actionsync.settings import bus_name, event_queue_url
from actionsync.wiring import stores

if TYPE_CHECKING:
    from actionsync.events.late import LateEvents
    from actionsync.events.pushes import Pushes
    from actionsync.rules.models import Rules


@cache
def receiver() -> WebhookReceiver:
    """Return what receives the deliveries of all webhooks."""
    return WebhookReceiver(
        stores.webhook_store(),
        stores.idempotency_store(),
        bus=lambda: (aws.event_bridge(), bus_name()),
        queue=lambda: (aws.sqs(), event_queue_url()),
        recent=stores.recent_events(),
        rules_of=_rules_of,
        take=stores.rates("deliveries").take,
        late=_late,
        pushes=_pushes,
    )


def _rules_of(owner: str) -> "Rules":
    from actionsync.rules.service import rules_of  # noqa: PLC0415 - most deliveries ask for none

    return rules_of(stores.rule_store(), owner)


@cache
def _late() -> "LateEvents":
    # Within the quota nobody pays for the sources.
    from actionsync.events.late import LateEvents  # noqa: PLC0415
    from actionsync.events.service import RecentRecipes  # noqa: PLC0415

    return LateEvents(
        stores.waiting_store(),
        stores.correlation_store(),
        rules_of=_rules_of,
        recipes_of=RecentRecipes(stores.recipe_store()),
        take=stores.rates("late deliveries").take,
    )


@cache
def _pushes() -> "Pushes":
    from actionsync.events.pushes import Pushes  # noqa: PLC0415 - only ServiceNow pays for it

    return Pushes(
        stores.connection_store(),
        stores.ticket_store(),
        stores.timer_store(),
        lambda: (aws.sqs(), event_queue_url()),
    )
