"""What an instance does with a write besides storing it.

Incidents: priority from impact and urgency (documentation: Data lookup rules for priority), the
state model and the data policy on resolution (Incident state model; Resolve and close an
incident). Changes: the state models of normal, standard and emergency changes with their
approvals (State model and transitions).
"""

from typing import TYPE_CHECKING

from local.servicenow.errors import aborted_by, acl, data_policy

if TYPE_CHECKING:
    from local.servicenow.instance import Account, Instance, Row
    from local.servicenow.schema import Table

PRIORITY = {
    ("1", "1"): "1", ("1", "2"): "2", ("2", "1"): "2", ("1", "3"): "3", ("2", "2"): "3",
    ("3", "1"): "3", ("2", "3"): "4", ("3", "2"): "4", ("3", "3"): "5",
}  # fmt: skip

NEW, IN_PROGRESS, ON_HOLD, RESOLVED, CLOSED, CANCELED = "1", "2", "3", "6", "7", "8"

TASK_TABLES = {"incident", "change_request", "change_task", "problem"}
WRITERS = {
    "incident": ("itil", "sn_incident_write"),
    "change_request": ("itil", "sn_change_write"),
    "change_task": ("itil", "sn_change_write"),
    "problem": ("itil", "problem_admin"),
    "sysapproval_approver": ("itil", "approver_user", "change_manager"),
    "sys_user": ("user_admin",),
    "oauth_entity": ("oauth_admin",),
}
READERS = {
    "incident": ("itil", "sn_incident_read", "sn_incident_write"),
    "change_request": ("itil", "sn_change_read", "sn_change_write"),
    "change_task": ("itil", "sn_change_read", "sn_change_write"),
    "problem": ("itil",),
    "sys_user_has_role": ("itil",),
    "sys_dictionary": ("personalize_dictionary",),
    "sys_data_policy2": ("personalize_dictionary",),
    "sys_data_policy_rule": ("personalize_dictionary",),
    "sys_properties": ("admin",),
    "oauth_entity": ("oauth_admin",),
    "sys_journal_field": ("itil",),
    "sysapproval_approver": ("itil", "approver_user"),
}

# From each state of a change, by its type, the states a person may move it to.
_MIDDLE = {"-2": ("-1", "4"), "-1": ("0", "4"), "0": ("3",), "3": (), "4": ()}
CHANGE_MODEL = {
    "normal": {"-5": ("-4", "4"), "-4": ("-5", "4"), "-3": ("-5", "4"), **_MIDDLE},
    "standard": {"-5": ("-2", "4"), **_MIDDLE},
    "emergency": {"-5": ("-3", "4"), "-3": ("-5", "4"), **_MIDDLE},
}
# Where a change that waits for approval goes once it has it.
APPROVED: dict[str, dict[str, str]] = {
    "normal": {"-4": "-3", "-3": "-2"},
    "standard": {},
    "emergency": {"-3": "-2"},
}


def may_read(user: "Account", table: str) -> bool:
    """Tell whether a user may read a table's records."""
    return table not in READERS or user.has(*READERS[table])


def check_write(user: "Account", table: str, operation: str) -> None:
    """Refuse a user who may not write a table; operation is Insert, Update or Delete.

    Raises:
        ApiError: 403.
    """
    roles = ("admin",) if operation == "Delete" else WRITERS.get(table, ("admin",))
    if not user.has(*roles):
        raise acl(operation)


def before_insert(table: "Table", row: "Row", user: "Account") -> None:
    """Complete or refuse a new record.

    Raises:
        ApiError: 403.
    """
    check_write(user, table.name, "Insert")
    if table.name == "incident":
        _keep_incident_whole(row, row)
    elif table.name == "change_request" and row["state"] != "-5":
        raise aborted_by(table.name, "Change Model: Check State Transition")


def before_update(table: "Table", old: "Row", new: "Row", user: "Account", moment: str) -> None:
    """Complete or refuse a change of a record.

    Raises:
        ApiError: 403.
    """
    check_write(user, table.name, "Update")
    if table.name == "incident":
        _check_incident_states(old, new, user)
        _keep_incident_whole(old, new)
        if new["state"] == RESOLVED and old["state"] != RESOLVED:
            new |= {"resolved_by": user.sys_id, "resolved_at": moment}
        if new["state"] == CLOSED and old["state"] != CLOSED:
            new |= {"closed_by": user.sys_id, "closed_at": moment}
    elif table.name == "change_request":
        _check_change_states(old, new)
        if new["state"] == "3" and old["state"] != "3":
            new |= {"closed_by": user.sys_id, "closed_at": moment}
        new["active"] = "false" if new["state"] in {"3", "4"} else "true"


def after_update(instance: "Instance", table: "Table", old: "Row", row: "Row") -> None:
    """Do what follows from a change: ask for approvals, or act on one."""
    if table.name == "change_request" and row["state"] != old["state"]:
        _ask_for_approval(instance, row)
    elif table.name == "sysapproval_approver" and row["state"] != old["state"]:
        _act_on_approval(instance, row)


def _keep_incident_whole(old: "Row", new: "Row") -> None:
    if new["state"] == old["state"] and new["incident_state"] != old["incident_state"]:
        new["state"] = new["incident_state"]
    new["incident_state"] = new["state"]
    new["priority"] = PRIORITY[new["impact"], new["urgency"]]
    new["active"] = "false" if new["state"] in {CLOSED, CANCELED} else "true"
    if new["state"] != ON_HOLD:
        new["hold_reason"] = ""
    if new["state"] in {RESOLVED, CLOSED}:
        missing = [
            label
            for name, label in (("close_code", "Resolution code"), ("close_notes", "Close notes"))
            if not new[name]
        ]
        if missing:
            raise data_policy(*missing)


def _check_incident_states(old: "Row", new: "Row", user: "Account") -> None:
    if old["state"] in {CLOSED, CANCELED} and new["state"] != old["state"]:
        raise aborted_by("incident", "Incident State: no reopening")
    if new["state"] == CLOSED and old["state"] != CLOSED:
        if not user.has("itil_admin"):
            raise acl("Update")
        if old["state"] != RESOLVED:
            raise aborted_by("incident", "Incident State: resolve before closing")
    if old["state"] == RESOLVED and new["state"] in {NEW, IN_PROGRESS}:
        new["reopen_count"] = str(int(new["reopen_count"]) + 1)


def _check_change_states(old: "Row", new: "Row") -> None:
    if new["state"] == old["state"]:
        return
    model = CHANGE_MODEL[new["type"]]
    if new["state"] not in model.get(old["state"], ()):
        raise aborted_by("change_request", "Change Model: Check State Transition")
    if new["state"] == "3":
        missing = [
            label
            for name, label in (("close_code", "Close code"), ("close_notes", "Close notes"))
            if not new[name]
        ]
        if missing:
            raise data_policy(*missing)


def _ask_for_approval(instance: "Instance", change: "Row") -> None:
    if change["state"] not in APPROVED[change["type"]]:
        return
    group = instance.find("sys_user_group", change["assignment_group"])
    approver = group["manager"] if group is not None else ""
    instance.put(
        "sysapproval_approver",
        sysapproval=change["sys_id"],
        approver=approver,
        state="requested",
    )
    change["approval"] = "requested"


def _act_on_approval(instance: "Instance", approval: "Row") -> None:
    change = instance.find("change_request", approval["sysapproval"])
    if change is None:
        return
    if approval["state"] == "rejected":
        change |= {"state": "-5", "approval": "rejected"}
    elif approval["state"] == "approved":
        change["approval"] = "approved"
        change["state"] = APPROVED[change["type"]].get(change["state"], change["state"])
        _ask_for_approval(instance, change)
