"""Problems and their tasks (documentation: Problem state model; Problem task states)."""

from typing import TYPE_CHECKING

from ..errors import aborted_by
from .task import close, count_reassignment, look_up_priority, mirror_state

if TYPE_CHECKING:
    from .write import Write

NEW, ASSESS, ANALYSIS, FIX, RESOLVED, CLOSED = "101", "102", "103", "104", "106", "107"
TRANSITIONS = {
    NEW: (ASSESS, ANALYSIS, CLOSED),
    ASSESS: (ANALYSIS, CLOSED),
    ANALYSIS: (FIX, RESOLVED, CLOSED),
    FIX: (ANALYSIS, RESOLVED, CLOSED),
    RESOLVED: (ANALYSIS, CLOSED),
    CLOSED: (ANALYSIS,),
}


def before(write: "Write") -> None:
    """Complete or refuse a problem.

    Raises:
        ApiError: 403.
    """
    mirror_state(write, "problem_state")
    old, new = write.old["state"], write.new["state"]
    if not write.is_insert and new != old and new not in TRANSITIONS[old]:
        raise aborted_by("problem", "Problem State: Check State Transition")
    look_up_priority(write)
    count_reassignment(write)
    if write.enters("state", ANALYSIS):
        if old in {RESOLVED, CLOSED}:
            write.new["reopen_count"] = str(int(write.new["reopen_count"]) + 1)
            write.stamp("reopened_by", "reopened_at")
        else:
            write.stamp("confirmed_by", "confirmed_at")
    if write.enters("state", RESOLVED):
        write.stamp("resolved_by", "resolved_at")
        if write.new["resolution_code"] == "fix_applied":
            write.stamp("fix_by", "fix_at")
    close(write, (CLOSED,))


def before_task(write: "Write") -> None:
    """Complete a problem task."""
    if write.enters("state", "154"):
        write.stamp("started_by", "started_at")
    close(write, ("157",))
