"""What the functions share that look after the instances' cooldowns."""

from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler.depends import Depends

from actionsync import aws
from actionsync.settings import settings
from actionsync.stores.cooldowns import CooldownStore


@cache
def cooldown_store() -> CooldownStore:
    """Return this process's way to the cooldowns."""
    return CooldownStore(aws.dynamodb(), settings().events_table)


Cooldowns = Annotated[CooldownStore, Depends(cooldown_store)]
