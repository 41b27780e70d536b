"""Incidents (documentation: Incident state model; Resolve and close an incident)."""

from typing import TYPE_CHECKING

from ..errors import aborted_by, acl
from .task import close, count_reassignment, look_up_priority, mirror_state

if TYPE_CHECKING:
    from .write import Write

NEW, IN_PROGRESS, ON_HOLD, RESOLVED, CLOSED, CANCELED = "1", "2", "3", "6", "7", "8"


def before(write: "Write") -> None:
    """Complete or refuse an incident.

    Raises:
        ApiError: 403.
    """
    mirror_state(write, "incident_state")
    old, new = write.old, write.new
    if not write.is_insert:
        _check_states(write)
        if old["state"] == RESOLVED and new["state"] in {NEW, IN_PROGRESS}:
            new["reopen_count"] = str(int(new["reopen_count"]) + 1)
            write.stamp("reopened_by", "reopened_time")
    look_up_priority(write)
    count_reassignment(write)
    if new["state"] != ON_HOLD:
        new["hold_reason"] = ""
    if write.enters("state", RESOLVED):
        write.stamp("resolved_by", "resolved_at")
    close(write, (CLOSED, CANCELED), (CLOSED,))


def _check_states(write: "Write") -> None:
    old, new = write.old["state"], write.new["state"]
    if old in {CLOSED, CANCELED} and new != old:
        raise aborted_by("incident", "Incident State: no reopening")
    if new == CLOSED and old != CLOSED:
        if not write.account.has("itil_admin"):
            raise acl("Update")
        if old != RESOLVED:
            raise aborted_by("incident", "Incident State: resolve before closing")
