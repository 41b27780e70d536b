"""The scheduled check of the automation user's connection."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from actionsync.connections.check import check_stored_connection
from actionsync.errors import ActionSyncError
from actionsync.runtime import run
from actionsync.settings import event_settings
from actionsync.telemetry import logger, metrics
from actionsync.wiring.servicenow import client_cache

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@metrics.log_metrics
@logger.inject_lambda_context
def run_check(_: dict[str, Any], __: "LambdaContext") -> None:
    """Test the connection, and count 1 where it works, else 0."""
    owner = event_settings().automation_user_id
    try:
        report = run(check_stored_connection(client_cache(), owner))
    except ActionSyncError as error:
        works, said = False, str(error)
    else:
        works, said = report.success, report.message
    metrics.add_metric(name="ConnectionWorks", unit=MetricUnit.Count, value=int(works))
    (logger.info if works else logger.error)("connection tested", works=works, said=said)
