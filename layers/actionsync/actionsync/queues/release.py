"""The tick: each minute it sends prompts for what is due, and decides nothing.

A wait key without a pause gets its whole share at once. After a pause one item finds out, then ten
follow, then twice as many each minute. A run claims a key's minute, so that overlapping runs send
once; a missed minute is made good by the next, and a doubled prompt finds nothing to do.

Timers know neither age nor ramp: whatever is due is sent. Looks wait for a pause of their
connection, and while its events wait they are sent seldom.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actionsync import clock
from actionsync.events.queueing import group_of
from actionsync.stores.pauses import Target
from actionsync.stores.timers import ASKED_FOR, prompt
from actionsync.stores.waiting import WAITING_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs.client import SQSClient

    from actionsync.stores.connections import ConnectionStore
    from actionsync.stores.pauses import PauseStore
    from actionsync.stores.waiting import Due, Entry, WaitingStore, WaitKey

FIRST, SECOND = 1, 10
# So many gates of an owner are looked at together: their changes are read by one request.
GATES_AT_ONCE = 50
# So often looks are sent while events of their connection wait.
BUSY_MINUTES = 15
_AT_ONCE = 8
_DAY = 24 * 3600


@dataclass(slots=True)
class Released:
    """What a run did.

    Attributes:
        keys: how many wait keys it served.
        sent: how many prompts it sent.
        paused: how many keys have to wait for a pause, or for a connection.
        left: how many keys there was no time for.
    """

    keys: int = 0
    sent: int = 0
    paused: int = 0
    left: int = 0


class Release:
    """One run a minute.

    Args:
        waiting: the table of what waits.
        pauses: to whom nothing is sent now.
        connections: the connections that items wait for.
        sqs: where prompts are sent.
        queue_url: the queue of `on_event`.
        per_minute: how many items of a key are sent in a minute at most.
    """

    def __init__(
        self,
        waiting: "WaitingStore",
        pauses: "PauseStore",
        connections: "ConnectionStore",
        *,
        sqs: "SQSClient",
        queue_url: str,
        per_minute: int,
    ) -> None:
        self._waiting = waiting
        self._pauses = pauses
        self._connections = connections
        self._sqs = sqs
        self._queue_url = queue_url
        self._per_minute = per_minute

    def run(self, has_time: "Callable[[], bool]") -> Released:
        """Serve the wait keys: gates, which end, then the one that was served longest ago first.

        Args:
            has_time: returns whether there is time for another key.
        """
        released = Released()
        entries = sorted(
            self._waiting.entries(), key=lambda entry: entry.wait_key.timers != "gates"
        )
        known = {entry.wait_key for entry in entries}

        def serve(entry: "Entry") -> None:
            if not has_time():
                released.left += 1
                return
            sent = self._serve(entry, known)
            released.keys += 1
            if sent is None:
                released.paused += 1
            else:
                released.sent += sent

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(serve, entries))
        return released

    def _serve(self, entry: "Entry", known: "set[WaitKey]") -> int | None:
        """Send what is due for a key; None where it has to wait for others' trouble to end."""
        now = clock.now_epoch()
        due = self._waiting.due(entry.wait_key, self._per_minute)
        if not due and not self._waiting.has_any(entry.wait_key):
            self._waiting.remove(entry)
            return 0
        is_asked_for = any(item.next_at == ASKED_FOR for item in due)
        is_look = entry.wait_key.timers == "looks" and not is_asked_for
        if not due or (is_look and self._is_busy(entry, now, known)):
            return 0
        if not self._waiting.claim(entry, now // 60):
            return 0
        if entry.wait_key.timers:
            return None if self._is_paused(entry.wait_key, now) else self._send(entry, due)
        # What has waited too long fails, whoever is away.
        old = [item for item in due if item.created_at < now - WAITING_DAYS * _DAY]
        self._send(entry, old)
        due = [item for item in due if item not in old]
        limit = self._limit(entry, now, known)
        if limit is None:
            return None if not old else len(old)
        if limit == FIRST and len(due) > 1:
            due = [item for item in due if item.id != entry.failed_last]
        return len(old) + self._send(entry, due[:limit])

    def _is_busy(self, entry: "Entry", now: int, known: "set[WaitKey]") -> bool:
        """Return whether a connection's looks have to wait for its events."""
        key = entry.wait_key
        has_events = any(
            (other.owner, other.connection) == (key.owner, key.connection)
            for other in known
            if not other.timers and not other.is_of_suspects
        )
        return has_events and now // 60 - entry.minute < BUSY_MINUTES

    def _is_paused(self, key: "WaitKey", now: int) -> bool:
        """Return whether timers have to wait: what reads from ServiceNow, for its connection."""
        if key.timers not in {"looks", "windows"}:
            return False
        connection = self._connections.get(key.owner, key.connection)
        if connection is None:
            return False  # the look finds out, and is the last
        pause = self._pauses.look(Target.of(connection))
        return pause is not None and not pause.is_of_items and pause.until > now

    def _limit(self, entry: "Entry", now: int, known: "set[WaitKey]") -> int | None:
        """Return how many items of a key are sent in this minute, None during a pause."""
        key = entry.wait_key
        if key.is_of_suspects:
            return 1
        connection = self._connections.get(key.owner, key.connection)
        if connection is None:
            return None
        pause = self._pauses.look(Target.of(connection, key.table))
        if pause is not None and pause.is_of_items and key.is_again:
            pause = None
        if pause is not None and pause.until > now:
            self._waiting.set_ramp(entry, 0)
            return None
        if pause is not None and pause.failures:
            if key.is_again and replace(key, is_again=False) in known:
                return None  # what has not failed by itself finds out
            limit = FIRST  # until somebody has found out
        elif entry.ramp is None:
            return self._per_minute
        else:
            limit = {0: FIRST, FIRST: SECOND}.get(entry.ramp, 2 * entry.ramp)
        limit = min(limit, self._per_minute)
        self._waiting.set_ramp(entry, None if limit == self._per_minute else limit)
        return limit

    def _send(self, entry: "Entry", due: "list[Due]") -> int:
        """Move items on and send their prompts; return how many prompts."""
        kind = entry.wait_key.timers
        group = group_of(entry.wait_key.owner, kind)
        sent = 0
        at_once = GATES_AT_ONCE if kind == "gates" else 1
        for start in range(0, len(due), at_once):
            some = due[start : start + at_once]
            released = [item.id for item in some if self._waiting.release(item)]
            if released:
                self._sqs.send_message(
                    QueueUrl=self._queue_url,
                    MessageBody=prompt(released[0], kind, released[1:]),
                    MessageGroupId=group,
                )
                sent += 1
        return sent
