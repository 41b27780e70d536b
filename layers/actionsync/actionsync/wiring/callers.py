"""The user who calls a function that writes: counted against the writes of a minute."""

from typing import Annotated

from aws_lambda_powertools.event_handler.depends import Depends

from actionsync.http.api import UserId
from actionsync.wiring.stores import write_rates


def _rate_limited(user_id: UserId) -> str:
    write_rates().take(user_id)
    return user_id


RateLimitedUserId = Annotated[str, Depends(_rate_limited)]
