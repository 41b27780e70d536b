"""What a ticket needs next: a pure function of what is known of its dedup key.

It follows from moments, never from counts, so that order, repeats and splits of batches do not
matter. A count only says whether a note is worth making.
"""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from actionsync.events.models import Kind
    from actionsync.stores.correlations import Correlation

_NEXT_MINUTE = 60

Step = Literal["create", "recur", "resolve", "annotate", "close"]


def next_step(  # noqa: PLR0911 - a table
    correlation: "Correlation", kind: "Kind", now: int
) -> Step | None:
    """Return what a ticket needs now, or None where it says all.

    Args:
        correlation: what is known.
        kind: what its ticket is.
        now: epoch seconds.
    """
    pending = correlation.pending_action
    if pending is not None and correlation.leased_until <= now:
        step: Step = pending["step"]
        return step
    if not correlation.sys_id:
        return "create" if _begins(correlation, kind, now) else None
    if _has_ended(correlation, kind, now):
        return "close" if kind == "change" else "resolve"
    if kind == "incident" and _is_back(correlation) and not _is_silent(correlation, now):
        return "recur"
    if correlation.notes:
        return "annotate"
    if kind == "incident" and _is_worth_a_note(correlation, now):
        return "recur"
    return None


def due_at(correlation: "Correlation", kind: "Kind", now: int) -> int:
    """Return the epoch second at which a ticket is to be looked at again; 0 for none.

    An end that has to last counts then, or a silence or a hold is over.
    """
    if correlation.is_firing and (_is_unsynced(correlation) or _is_back(correlation)):
        held_until = correlation.held.until if correlation.is_held else 0
        until = max(correlation.silenced_until, held_until)
        if until > now:
            return until
    if correlation.is_group:
        return _group_due_at(correlation, now)
    is_open = correlation.sys_id and correlation.synced_phase == "trigger"
    if is_open and correlation.is_firing and correlation.silent_at > now:
        return correlation.silent_at
    return _settles_at(correlation, kind, now)


def _group_due_at(correlation: "Correlation", now: int) -> int:
    """Return when a group's members are looked at, or what has changed is noted."""
    moments = []
    if correlation.look_at:
        moments.append(max(correlation.look_at, now + _NEXT_MINUTE))
    is_open = correlation.sys_id and correlation.synced_phase == "trigger"
    if is_open and correlation.is_firing and correlation.count > correlation.synced_count:
        moments.append(max(correlation.note_after, now + 1))
    return min(moments, default=0)


def _settles_at(correlation: "Correlation", kind: "Kind", now: int) -> int:
    is_unresolved = correlation.synced_phase == "trigger" and not correlation.is_firing
    if kind != "incident" or not correlation.sys_id or not is_unresolved:
        return 0
    return correlation.settles_at if correlation.settles_at > now else 0


def _is_unsynced(correlation: "Correlation") -> bool:
    return not correlation.sys_id and correlation.triggered_at > correlation.synced_trigger


def _is_silent(correlation: "Correlation", now: int) -> bool:
    """Return whether what began is silenced, or has ended within its silence."""
    is_silenced = correlation.silenced_until > 0
    return is_silenced and (correlation.silenced_until > now or not correlation.is_firing)


def _follows_final_end(correlation: "Correlation") -> bool:
    """Return whether it goes on after an end that is final: that opens nothing."""
    return correlation.is_final and correlation.is_firing


def _begins(correlation: "Correlation", kind: "Kind", now: int) -> bool:
    """Return whether a key without a ticket has to have one.

    An end without a beginning opens nothing, but for a change: that it ended says that it was.
    """
    if _is_unsynced(correlation):
        return not _is_silent(correlation, now) and not _follows_final_end(correlation)
    return kind == "change" and correlation.ended_at > correlation.synced_end


def _has_ended(correlation: "Correlation", kind: "Kind", now: int) -> bool:
    if correlation.is_firing and not correlation.is_final:
        return False
    if kind == "change":
        is_other = correlation.outcome != correlation.synced_outcome
        return correlation.ended_at > correlation.synced_end or (
            is_other and 0 < correlation.ended_at == correlation.synced_end
        )
    is_open = kind == "incident" and correlation.synced_phase == "trigger"
    return is_open and correlation.settles_at <= now


def _is_back(correlation: "Correlation") -> bool:
    """Return whether what had ended has begun again, also where it has ended since."""
    return (
        correlation.synced_phase == "resolve"
        and not _follows_final_end(correlation)
        and correlation.triggered_at > correlation.synced_end
        and correlation.triggered_at > correlation.synced_trigger
    )


def _is_worth_a_note(correlation: "Correlation", now: int) -> bool:
    if not correlation.is_firing or _follows_final_end(correlation):
        return False
    is_worse = correlation.severity > correlation.synced_severity
    has_grown = correlation.count > correlation.synced_count
    return is_worse or (has_grown and now >= correlation.note_after)
