"""Notices to owners, sent from this process's functions."""

from functools import cache
from typing import TYPE_CHECKING

from actionsync.events.notices import Notices
from actionsync.wiring.stores import timer_store

if TYPE_CHECKING:
    from actionsync.events.notices import Cause
    from actionsync.stores.connections import Connection


@cache
def notices() -> Notices:
    """Return what starts and ends notices."""
    return Notices(timer_store())


def notify_owner(owner: str, cause: "Cause", about: str, text: str) -> None:
    """Notify an owner of trouble, at most once a day and cause; see `Notices.notify`.

    The function needs `dynamodb:PutItem` and `dynamodb:UpdateItem` of the table of what waits.
    """
    notices().notify(owner, cause, about, text)


def announce_ending(owner: str, connection: "Connection") -> None:
    """Let an owner learn in time that what a connection signs in with will end, if it will.

    The function needs `dynamodb:PutItem` and `dynamodb:UpdateItem` of the table of what waits.
    """
    ending = connection.ending()
    if ending is not None:
        notices().announce(owner, connection.name, *ending)


def well_again(owner: str, cause: "Cause", about: str) -> None:
    """Notify an owner that trouble is over, if they were notified of it."""
    notices().end(owner, cause, about)
