"""What all tickets have in common."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .write import Write

# Priority from impact and urgency (documentation: Data lookup rules for priority).
PRIORITY = {
    ("1", "1"): "1", ("1", "2"): "2", ("2", "1"): "2", ("1", "3"): "3", ("2", "2"): "3",
    ("3", "1"): "3", ("2", "3"): "4", ("3", "2"): "4", ("3", "3"): "5",
}  # fmt: skip


def look_up_priority(write: "Write") -> None:
    """Set the priority that impact and urgency give, whatever was sent."""
    levels = (write.new["impact"], write.new["urgency"])
    write.new["priority"] = PRIORITY.get(levels, write.new["priority"])


def mirror_state(write: "Write", other: str) -> None:
    """Give the state and its double, an older column, the same value: the one that changed."""
    if write.changed(other) and not write.changed("state"):
        write.new["state"] = write.new[other]
    write.new[other] = write.new["state"]


def count_reassignment(write: "Write") -> None:
    """Count that another group or person is in charge."""
    if not write.is_insert and (write.changed("assignment_group") or write.changed("assigned_to")):
        before = write.old["assignment_group"] or write.old["assigned_to"]
        if before:
            write.new["reassignment_count"] = str(int(write.new["reassignment_count"] or 0) + 1)


def close(write: "Write", final: tuple[str, ...], stamped: tuple[str, ...] = ()) -> None:
    """Set what follows from a state.

    Args:
        write: the write.
        final: the states in which a ticket is not active.
        stamped: those of which is noted who brought it there; all final ones if empty.
    """
    write.new["active"] = "false" if write.new["state"] in final else "true"
    if write.enters("state", *(stamped or final)):
        write.stamp("closed_by", "closed_at")
