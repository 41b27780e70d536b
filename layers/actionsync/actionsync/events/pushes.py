"""Pushes: ServiceNow says that a ticket changed, and it is looked at within seconds.

A push says only "look": its age is nothing, and a repeated one asks for no more than a look. Of
many pushes of a connection the first sends the prompt, some seconds later, for all of them.
"""

import re
from typing import TYPE_CHECKING

from actionsync.events.models import SYS_ID
from actionsync.events.queueing import queue
from actionsync.stores.timers import looks_of, prompt

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs.client import SQSClient

    from actionsync.stores.connections import ConnectionStore
    from actionsync.stores.tickets import TicketStore
    from actionsync.stores.timers import TimerStore

_TABLE = re.compile(r"[a-z][a-z0-9_]{0,79}")


class Pushes:
    """Where pushes go.

    Args:
        connections: the connections.
        rows: the rows of open tickets.
        timers: the looks of connections.
        sqs: returns SQS, and the address of the queue of events.
    """

    def __init__(
        self,
        connections: "ConnectionStore",
        rows: "TicketStore",
        timers: "TimerStore",
        sqs: "Callable[[], tuple[SQSClient, str]]",
    ) -> None:
        self._connections = connections
        self._rows = rows
        self._timers = timers
        self._queue = sqs

    def take(self, owner: str, table: str, sys_id: str) -> None:
        """Schedule a look at a ticket, if it is one of the owner's that have a row.

        Raises:
            QueueRefusedError: the prompt could not be queued.
        """
        if not (_TABLE.fullmatch(table) and SYS_ID.fullmatch(sys_id)):
            return
        for connection in self._connections.all(owner):
            if self._rows.push(connection.id, table, sys_id):
                self._prompt(owner, looks_of(connection.id))

    def _prompt(self, owner: str, timer_id: str) -> None:
        delay = self._timers.claim_prompt(timer_id)
        if delay is not None:
            queue(*self._queue(), owner, [prompt(timer_id, "pushes")], delay=delay)
