"""What the tick is made of: the table of what waits, pauses, connections and a queue."""

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from actionsync import aws
from actionsync.queues.release import Release
from actionsync.settings import tick_settings
from actionsync.telemetry import logger, metrics
from actionsync.wiring import stores

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# A run ends before the next one begins; what it had no time for is the next one's first.
_LAST_MILLISECONDS = 10_000


@cache
def release() -> Release:
    """Return this process's tick."""
    return Release(
        stores.waiting_store(),
        stores.pause_store(),
        stores.connection_store(),
        sqs=aws.sqs(),
        queue_url=tick_settings().event_queue_url,
        per_minute=tick_settings().release_per_minute,
    )


@logger.inject_lambda_context
def run_tick(_: dict[str, Any], context: "LambdaContext") -> None:
    """Send prompts for what is due, for as long as the function has time."""
    released = release().run(lambda: context.get_remaining_time_in_millis() > _LAST_MILLISECONDS)
    if not released.keys and not released.left:
        return  # a metric that is sent each minute has its price
    metrics.add_metric(name="Released", unit=MetricUnit.Count, value=released.sent)
    metrics.add_metric(name="WaitingKeys", unit=MetricUnit.Count, value=released.keys)
    metrics.add_metric(name="PausedKeys", unit=MetricUnit.Count, value=released.paused)
    metrics.flush_metrics()
    logger.info("released", keys=released.keys, sent=released.sent, left=released.left)
