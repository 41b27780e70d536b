"""What takes the lines of log groups in this process."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from actionsync import aws
from actionsync.events.logs import messages
from actionsync.events.queueing import queue
from actionsync.settings import event_queue_url, log_settings
from actionsync.telemetry import logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
@metrics.log_metrics
def receive_logs(event: dict[str, Any], _: "LambdaContext") -> None:
    """Queue a delivery's lines; Lambda tries twice more what could not be queued."""
    settings = log_settings()
    found = messages(event, settings.region, settings.own_groups)
    if found:
        queue(aws.sqs(), event_queue_url(), "logs", found)
    metrics.add_metric(name="LogMessages", unit=MetricUnit.Count, value=len(found))
