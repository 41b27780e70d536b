"""The user who calls: counted against what a user may ask for in a minute."""

import hashlib
from typing import TYPE_CHECKING, Annotated

from aws_lambda_powertools.event_handler.depends import Depends

from actionsync.http.api import UserId
from actionsync.wiring.stores import rates

if TYPE_CHECKING:
    from actionsync.stores.credentials import Identity


def _rate_limited(user_id: UserId) -> str:
    rates("writes").take(user_id)
    return user_id


def _read_limited(user_id: UserId) -> str:
    rates("reads").take(user_id)
    return user_id


# For functions that write, and for those that read from ServiceNow, or much.
RateLimitedUserId = Annotated[str, Depends(_rate_limited)]
ReadingUserId = Annotated[str, Depends(_read_limited)]


def limit_sign_ins(owner: str, identity: "Identity | None" = None) -> None:
    """Count an attempt to sign in with what a user has typed, or stored.

    Args:
        owner: the user.
        identity: as whom and where, or None for the user's stored connection.

    Raises:
        TooManyRequestsError: this minute has none left.
    """
    if identity is None:
        about = "stored"
    else:
        named = f"{identity.instance_url} {identity.username or identity.client_id}"
        about = hashlib.sha256(named.encode()).hexdigest()[:32]
    rates("sign-ins").take(owner, about)
