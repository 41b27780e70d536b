"""Changes, their tasks and approvals (documentation: State model and transitions)."""

from typing import TYPE_CHECKING

from ..errors import aborted_by
from .task import close, count_reassignment

if TYPE_CHECKING:
    from ..store import Row, Store
    from .write import Write

NEW, ASSESS, AUTHORIZE, SCHEDULED, IMPLEMENT, REVIEW = "-5", "-4", "-3", "-2", "-1", "0"
CLOSED, CANCELED = "3", "4"

_MIDDLE = {
    SCHEDULED: (IMPLEMENT, CANCELED), IMPLEMENT: (REVIEW, CANCELED), REVIEW: (CLOSED,),
    CLOSED: (), CANCELED: (),
}  # fmt: skip
# From each state of a change, by its type, the states a person may move it to.
MODELS: dict[str, dict[str, tuple[str, ...]]] = {
    "normal": {
        NEW: (ASSESS, CANCELED), ASSESS: (NEW, CANCELED), AUTHORIZE: (NEW, CANCELED), **_MIDDLE,
    },
    "standard": {NEW: (SCHEDULED, CANCELED), **_MIDDLE},
    "emergency": {NEW: (AUTHORIZE, CANCELED), AUTHORIZE: (NEW, CANCELED), **_MIDDLE},
}  # fmt: skip
# Where a change that waits for approval goes once it has it.
APPROVED: dict[str, dict[str, str]] = {
    "normal": {ASSESS: AUTHORIZE, AUTHORIZE: SCHEDULED},
    "standard": {},
    "emergency": {AUTHORIZE: SCHEDULED},
}


def reachable(store: "Store", change: "Row") -> tuple[str, ...]:
    """Return the states that a person may move a change to, as its type's model says."""
    model = store.first("chg_model", default_change_type=change["type"])
    return tuple(
        row["to_state"]
        for row in store.rows("sttrm_state_transition")
        if model is not None
        and row["sttrm_model"] == model["sys_id"]
        and row["from_state"] == change["state"]
    )


def before(write: "Write") -> None:
    """Complete or refuse a change.

    Raises:
        ApiError: 403.
    """
    new = write.new
    if write.is_insert:
        _apply_model(write)
        _apply_template(write)
        if new["state"] != NEW:
            raise aborted_by("change_request", "Change Model: Check State Transition")
    elif new["state"] != write.old["state"] and new["state"] not in reachable(
        write.store, write.old
    ):
        raise aborted_by("change_request", "Change Model: Check State Transition")
    if new["on_hold"] != "true":
        new["on_hold_reason"] = ""
    count_reassignment(write)
    close(write, (CLOSED, CANCELED), (CLOSED,))


def after(write: "Write") -> None:
    """Ask for the approvals that a change needs in its new state."""
    if not write.is_insert and write.changed("state"):
        _ask_for_approval(write.store, write.new)


def before_task(write: "Write") -> None:
    """Complete a change task."""
    if write.new["on_hold"] != "true":
        write.new["on_hold_reason"] = ""
    close(write, (CLOSED, CANCELED))


def after_approval(write: "Write") -> None:
    """Move a change on, or back, once its approval is decided."""
    change = write.store.find("change_request", write.new["sysapproval"])
    if change is None or not write.changed("state"):
        return
    state = write.new["state"]
    if state == "rejected":
        write.store.change("change_request", change["sys_id"], state=NEW, approval="rejected")
    elif state == "approved":
        following = APPROVED.get(change["type"], {}).get(change["state"], change["state"])
        moved = write.store.change(
            "change_request", change["sys_id"], state=following, approval="approved"
        )
        _ask_for_approval(write.store, moved)


def template_values(store: "Store", version: "Row") -> dict[str, str]:
    """Return what a standard change's template fills in."""
    template = store.find("std_change_record_producer", version["std_change_producer"])
    if template is None:
        return {}
    parts = (part.partition("=") for part in template["template_value"].split("^"))
    values = {name: value for name, _, value in parts if name}
    return {"short_description": template["short_description"], **values, "type": "standard"}


def _apply_model(write: "Write") -> None:
    """Bring type and model in line: each is taken from the other where one is missing."""
    store, new = write.store, write.new
    model = store.find("chg_model", new["chg_model"])
    if model is not None and "type" not in write.sent:
        new["type"] = model["default_change_type"] or new["type"]
    elif not new["chg_model"]:
        found = store.first("chg_model", default_change_type=new["type"])
        new["chg_model"] = "" if found is None else found["sys_id"]


def _apply_template(write: "Write") -> None:
    version = write.store.find(
        "std_change_producer_version", write.new["std_change_producer_version"]
    )
    if version is not None:
        for name, value in template_values(write.store, version).items():
            if name not in write.sent and name in write.new:
                write.new[name] = value


def _ask_for_approval(store: "Store", change: "Row") -> None:
    if change["state"] not in APPROVED.get(change["type"], {}):
        return
    group = store.find("sys_user_group", change["assignment_group"])
    store.put(
        "sysapproval_approver",
        sysapproval=change["sys_id"],
        document_id=change["sys_id"],
        source_table="change_request",
        group=change["assignment_group"],
        approver=group["manager"] if group is not None else "",
        state="requested",
    )
    store.change("change_request", change["sys_id"], approval="requested")
