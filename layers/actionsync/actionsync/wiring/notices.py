"""Notices to owners, sent from this process's functions."""

from functools import cache
from typing import TYPE_CHECKING

from actionsync.events.notices import Notices
from actionsync.wiring.stores import timer_store

if TYPE_CHECKING:
    from actionsync.stores.connections import Connection


@cache
def notices() -> Notices:
    """Return what starts and ends notices."""
    return Notices(timer_store())


def announce_ending(owner: str, connection: "Connection") -> None:
    """Let an owner learn in time that what a connection signs in with will end, if it will.

    The function needs `dynamodb:PutItem` and `dynamodb:UpdateItem` of the table of what waits.
    """
    ending = connection.ending()
    if ending is not None:
        notices().announce(owner, connection.name, *ending)
