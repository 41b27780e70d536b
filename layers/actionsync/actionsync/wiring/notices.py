"""Owners learn of trouble by this process's functions."""

from functools import cache
from typing import TYPE_CHECKING

from actionsync.events.notices import Notices
from actionsync.wiring.stores import timer_store

if TYPE_CHECKING:
    from actionsync.events.notices import Cause


@cache
def notices() -> Notices:
    """Return where trouble is noticed."""
    return Notices(timer_store())


def notify_owner(owner: str, cause: "Cause", about: str, text: str) -> None:
    """Let an owner learn of trouble, at most once a day and cause; see `Notices.notify`.

    The function needs `dynamodb:PutItem` and `dynamodb:UpdateItem` of the table of what waits.
    """
    notices().notify(owner, cause, about, text)


def well_again(owner: str, cause: "Cause", about: str) -> None:
    """Let an owner learn that trouble is over, if they have learned of it."""
    notices().end(owner, cause, about)
