"""Secrets Manager's rotation of the secret of a connection."""

from typing import TYPE_CHECKING, Any

from actionsync import gc_freeze
from actionsync.runtime import run
from actionsync.telemetry import logger
from actionsync.wiring.servicenow import rotation

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], _: "LambdaContext") -> None:
    """Carry out the step that Secrets Manager asks for; it repeats what fails."""
    run(rotation().run(event["Step"], event["SecretId"], event["ClientRequestToken"]))
    logger.info("step done", step=event["Step"], secret=event["SecretId"])
    gc_freeze.freeze()
