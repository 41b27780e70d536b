"""Notices: an owner is notified of what needs them, at most once a day for each cause.

A notice is a timer. The function that meets the trouble starts it, which costs one write, and
nothing where it runs already; the tick has it sent, and for a day it prevents another one. When
the trouble is over, the owner is notified of that, too. A notice is an event on the stack's bus
and, where the owner has confirmed an address, a message to it.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import BotoCoreError, ClientError

from actionsync import clock
from actionsync.errors import QueueRefusedError
from actionsync.events.models import digest
from actionsync.events.outgoing import OWN_SOURCE
from actionsync.stores.timers import Timer, key_of
from actionsync.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from actionsync.events.outgoing import Outgoing
    from actionsync.stores.addresses import AddressStore
    from actionsync.stores.timers import TimerStore

# connection: it is paused, or has failed for an hour. waiting: events have waited for a day, or
# came over a quota. failed: events have failed. rule: ServiceNow does not take what a rule names.
# cap: a rule has opened as many tickets as it may in an hour. recipe: one of the owner's own could
# not read an event. ending: a certificate, a secret or a sign-in ends.
Cause = Literal["connection", "waiting", "failed", "rule", "cap", "recipe", "ending"]
DETAIL_TYPE = "Owner Notice"
DAY_SECONDS = 24 * 3600
# For how long a process remembers what it has started.
_KNOWN_SECONDS = 600
_MOST_KNOWN = 1000
_LONGEST_ABOUT, _LONGEST_TEXT = 200, 1000
_AGAIN_SECONDS = 60
_MOST_TRIES = 5


class Notices:
    """Starts and ends notices; a failure to do so never affects the caller.

    Args:
        timers: the timers.
    """

    def __init__(self, timers: "TimerStore") -> None:
        self._timers = timers
        self._known: dict[str, int] = {}
        self._ended: dict[str, int] = {}

    def notify(self, owner: str, cause: Cause, about: str, text: str) -> None:
        """Notify an owner of trouble, unless that was done for this cause within a day.

        Args:
            owner: a user or a team.
            cause: the kind of trouble.
            about: what it is about: a connection, a rule, a recipe.
            text: what happened, in ServiceNow's own words where it was ServiceNow.
        """
        timer_id = _id(owner, cause, about)
        now = clock.now_epoch()
        if not owner or _is_known(self._known, timer_id, now):
            return
        self._ended.pop(timer_id, None)
        self._start(Timer(timer_id, key_of("notices", owner), now, _memo(cause, about, text)))

    def announce(self, owner: str, connection: str, moment: "datetime", text: str) -> None:
        """Let an owner learn at a moment that what a connection signs in with will end.

        Whether it does is looked at again then (`NoticeSender`).
        """
        about = f"The sign-in of the connection {connection}"
        memo = {**_memo("ending", about, text), "connection": connection}
        timer_id = _id(owner, "ending", about)
        self._start(Timer(timer_id, key_of("notices", owner), clock.epoch(moment), memo))

    def _start(self, timer: Timer) -> None:
        try:
            self._timers.start(timer)
        except (BotoCoreError, ClientError):
            logger.warning("notice not started", cause=timer.memo["cause"], exc_info=True)

    def end(self, owner: str, cause: Cause, about: str) -> None:
        """Notify an owner that trouble is over, if they were notified of it."""
        timer_id = _id(owner, cause, about)
        if _is_known(self._ended, timer_id, clock.now_epoch()):
            return
        self._known.pop(timer_id, None)
        try:
            self._timers.mark(timer_id)
        except (BotoCoreError, ClientError):
            logger.warning("notice not ended", cause=cause, exc_info=True)


class NoticeSender:
    """What handles the timers of notices.

    Args:
        timers: the timers.
        outgoing: where events go out.
        addresses: the addresses of owners.
        ending: returns when an owner learns that a connection's sign-in ends, and what of that;
            None where it does not.
    """

    def __init__(
        self,
        timers: "TimerStore",
        outgoing: "Outgoing",
        addresses: "AddressStore",
        ending: "Callable[[str, str], tuple[datetime, str] | None]" = lambda _, __: None,
    ) -> None:
        self._timers = timers
        self._ending = ending
        self._outgoing = outgoing
        self._addresses = addresses

    def send(self, timer_id: str) -> None:
        """Send a notice that is due, once; forget it a day after it was sent."""
        timer = self._timers.get(timer_id)
        if timer is None:
            return
        memo, now = timer.memo, clock.now_epoch()
        if "connection" in memo and now >= memo.get("sent_at", -DAY_SECONDS) + DAY_SECONDS:
            found = self._ending(timer.wait_key.owner, memo["connection"])
            moment = clock.epoch(found[0]) if found else 0
            if found is None or ("sent_at" in memo and moment <= now):
                self._timers.end(timer_id)
                return
            memo = {**_memo("ending", memo["about"], found[1]), "connection": memo["connection"]}
            if moment > now:
                self._timers.move(timer, moment, memo)
                return
        sent_at, is_over = memo.get("sent_at", 0), timer.is_marked
        is_news = is_over != memo.get("is_over", False) if sent_at else not is_over
        if not is_news and now >= sent_at + DAY_SECONDS:
            self._timers.end(timer_id)
            return
        sent_at = sent_at or now
        said = {**memo, "sent_at": sent_at, "is_over": is_over}
        # Claimed first: of two prompts one sends. A function that dies here delays it by a day.
        if not is_news or not self._timers.move(timer, sent_at + DAY_SECONDS, said):
            return
        try:
            self._send(replace(timer, memo=memo), is_over=is_over)
        except (QueueRefusedError, BotoCoreError, ClientError):
            logger.warning("notice not sent", cause=memo["cause"], exc_info=True)
            tries = memo.get("tries", 0) + 1
            claimed = Timer(timer_id, timer.wait_key, sent_at + DAY_SECONDS, said)
            if tries < _MOST_TRIES:
                again = {**memo, "tries": tries}
                self._timers.move(claimed, now + tries * _AGAIN_SECONDS, again)

    def _send(self, timer: Timer, *, is_over: bool) -> None:
        memo, owner = timer.memo, timer.wait_key.owner
        at = clock.iso(clock.now()) if is_over else memo["at"]
        detail = {
            "id": f"{timer.id}-{memo['at']}" + "-over" * is_over,
            "owner": owner,
            "cause": memo["cause"],
            "about": memo["about"],
            "text": memo["text"],
            "is_over": is_over,
            "at": at,
        }
        self._outgoing.send(DETAIL_TYPE, detail, source=OWN_SOURCE)
        self._addresses.send(owner, *message(memo["cause"], memo["about"], memo["text"],
                                             is_over=is_over))  # fmt: skip


_SUBJECTS: dict[Cause, str] = {
    "connection": "The connection {} to ServiceNow fails",
    "waiting": "Events wait for ServiceNow",
    "failed": "Events have failed",
    "rule": "ServiceNow does not take what the rule {} says",
    "cap": "The rule {} has opened as many tickets as it may",
    "recipe": "The recipe {} cannot read an event",
    "ending": "{} ends soon",
}


def message(cause: Cause, about: str, text: str, *, is_over: bool) -> tuple[str, str]:
    """Return subject and text of the message to an owner's address."""
    subject = _SUBJECTS[cause].format(about).strip()
    if is_over:
        subject = f"Over: {subject}"
        text = f"This is over. It was:\n\n{text}"
    said = f"{text}\n\nAbout: {about}" if about else text
    # SNS takes printable ASCII on one line of at most 100 characters.
    line = "".join(char if " " <= char <= "~" else "?" for char in f"ActionSync: {subject}")
    return line[:99], said


def _is_known(known: dict[str, int], timer_id: str, now: int) -> bool:
    """Return whether something was said of late; from now on it was."""
    if known.get(timer_id, 0) > now:
        return True
    if len(known) >= _MOST_KNOWN:
        known.clear()
    known[timer_id] = now + _KNOWN_SECONDS
    return False


def _memo(cause: Cause, about: str, text: str) -> dict[str, str]:
    at = clock.iso(clock.now())
    return {"cause": cause, "about": about[:_LONGEST_ABOUT], "text": text[:_LONGEST_TEXT], "at": at}


def _id(owner: str, cause: Cause, about: str) -> str:
    return digest("notice", owner, cause, about[:_LONGEST_ABOUT])
