"""The user who asks for a write: the caller, as often as a minute allows."""

from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler.depends import Depends

from actionsync import aws
from actionsync.http.api import UserId
from actionsync.settings import settings
from actionsync.stores.rates import WriteRates


@cache
def write_rates() -> WriteRates:
    """Return this process's way to the users' writes."""
    return WriteRates(aws.dynamodb(), settings().claims_table, settings().writes_per_minute)


def _writer(user_id: UserId) -> str:
    write_rates().take(user_id)
    return user_id


WriterId = Annotated[str, Depends(_writer)]
