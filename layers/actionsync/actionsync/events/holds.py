"""Whether a ticket is held back before it is opened: a pure function of what is known of its key.

A hold begins with the first trigger since the last end, and belongs to what began then: an end
inside it cancels it, and a later trigger begins another. It is recorded in the correlation, so that
order, repeats and crashes do not matter.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from actionsync.rules.sections import WITHOUT_ENDS
from actionsync.stores.correlations import Held

if TYPE_CHECKING:
    from actionsync.events.decision import Step
    from actionsync.rules.holds import Hold
    from actionsync.stores.correlations import Correlation

# open: the ticket is made. begin: a hold begins, or has counted enough. wait: it goes on. heal: it
# ended inside the hold.
# again: something else is known by now. leave: another worker is at it.
Verdict = Literal["open", "begin", "wait", "heal", "again", "leave"]
_SECOND = 1_000_000
# So often what waits for the end of a change is looked at.
LOOK_SECONDS = 300
# The end of a hold by count that has counted enough.
_COUNTED = 1


def judge(known: "Correlation", step: "Step", hold: "Hold | None", now: int) -> Verdict:
    """Return what a step has to wait for that opens a ticket, or opens it again.

    Args:
        known: what is known of the key.
        step: the step that its ticket needs.
        hold: the hold of the rule that its events fall under now, or None.
        now: epoch seconds.
    """
    if not is_opening(known, step):
        return "open"
    if not known.is_firing:
        return "heal" if _has_healed(known, hold) else "open"
    if not known.is_held:
        return "open" if hold is None else "begin"
    if not known.held.until:
        return _judge_count(known, hold)
    is_worse = known.severity > known.held.severity
    return "open" if known.held.until <= now or (hold is None and is_worse) else "wait"


def is_opening(known: "Correlation", step: "Step") -> bool:
    """Return whether a step opens a ticket, or opens it again, and nobody has begun with it."""
    opens = step == "create" or (step == "recur" and known.synced_phase == "resolve")
    return opens and known.pending_action is None


def begin(known: "Correlation", hold: "Hold", occurrences: int) -> Held:
    """Return the hold that begins now.

    Args:
        known: what is known of the key, the trigger that begins it among that.
        hold: the rule's.
        occurrences: how many of the key's occurrences it begins with.
    """
    received = known.received_at // _SECOND
    if _has_counted(known, hold):
        return known.held._replace(until=_COUNTED)
    until = 0 if hold.count else hold.ends_at(datetime.fromtimestamp(received, UTC))
    return Held(
        since=known.triggered_at,
        until=until,
        at=received,
        before=max(0, known.count - occurrences),
        severity=known.severity,
    )


def wait_for_change(known: "Correlation", change: str, longest_hours: int, now: int) -> Held | None:
    """Return the hold that waits for the end of a change, or None where it has waited long enough.

    Args:
        known: what is known of the key.
        change: the change's sys_id.
        longest_hours: so long it waits from its first event on.
        now: epoch seconds.
    """
    at = known.held.at if known.is_held else known.received_at // _SECOND
    ends_at = at + longest_hours * 3600
    if now >= ends_at:
        return None
    held = known.held if known.is_held else Held(since=known.triggered_at, at=at)
    until = min(now + LOOK_SECONDS, ends_at)
    return held._replace(until=until, severity=known.severity, change=change)


def has_gone_quiet(known: "Correlation", source: str) -> bool:
    """Return whether nothing more came while a change was waited for, of what sends no ends."""
    has_ends = source not in WITHOUT_ENDS or known.ended_at > 0
    is_of_change = known.is_held and bool(known.held.change)
    return is_of_change and not has_ends and known.triggered_at <= known.held.since


def _has_healed(known: "Correlation", hold: "Hold | None") -> bool:
    """Return whether what has ended did so before it had lasted for its hold."""
    if not known.held.since:
        return hold is not None
    if known.held.change:
        return True
    return not known.held.until or known.end_received_at < known.held.until * _SECOND


def _judge_count(known: "Correlation", hold: "Hold | None") -> Verdict:
    if hold is None:
        return "open"
    is_over = not _is_in_window(known, hold)
    return "begin" if is_over or _has_counted(known, hold) else "wait"


def _is_in_window(known: "Correlation", hold: "Hold") -> bool:
    return known.received_at // _SECOND < known.held.at + hold.window_seconds


def _has_counted(known: "Correlation", hold: "Hold") -> bool:
    """Return whether as many have occurred as the hold wants: it is one by time then, and over."""
    is_counting = known.is_held and not known.held.until and hold.count is not None
    enough = known.count - known.held.before >= (hold.count or 0)
    return is_counting and enough and _is_in_window(known, hold)
