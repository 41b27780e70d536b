"""Secrets Manager's rotation of a user's ServiceNow password."""

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from actionsync import collector
from actionsync.connections.breaker import Breaker
from actionsync.connections.rotation import Rotation
from actionsync.connections.sessions import ClientCache
from actionsync.http.activity import activity_store
from actionsync.http.config import connection_store, secret_store
from actionsync.http.cooldowns import cooldown_store
from actionsync.runtime import run
from actionsync.settings import settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@cache
def rotation() -> Rotation:
    """Return this process's rotation."""
    sessions = ClientCache(
        connection_store(), secret_store(), Breaker(cooldown_store()), settings()
    )
    return Rotation(connection_store(), secret_store(), sessions, activity_store())


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], _: "LambdaContext") -> None:
    """Carry out the step that Secrets Manager asks for; it repeats what fails."""
    run(rotation().run(event["Step"], event["SecretId"], event["ClientRequestToken"]))
    logger.info("step done", step=event["Step"], secret=event["SecretId"])
    collector.settle()
