"""Reference columns, and the names by which people know the records they point to."""

import re
from dataclasses import dataclass

# Lower case, but for records that somebody gave another one.
_SYS_ID = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference points to.

    Attributes:
        table: the table.
        columns: where a name is looked up, the first that finds it.
    """

    table: str
    columns: tuple[str, ...]


_PERSON = Target("sys_user", ("user_name", "email", "name"))
_INCIDENT = Target("incident", ("number",))
_CHANGE = Target("change_request", ("number",))
_PROBLEM = Target("problem", ("number",))
ITEM = Target("cmdb_ci", ("name",))

# Reference columns that may be given a name, and mean the same in every table.
_EVERYWHERE = {
    "assignment_group": Target("sys_user_group", ("name",)),
    "assigned_to": _PERSON,
    "caller_id": _PERSON,
    "opened_by": _PERSON,
    "resolved_by": _PERSON,
    "closed_by": _PERSON,
    "approver": _PERSON,
    "manager": _PERSON,
    "requested_by": _PERSON,
    "cmdb_ci": ITEM,
    "business_service": ITEM,
    "company": Target("core_company", ("name",)),
    "location": Target("cmn_location", ("name",)),
    "affected_user": _PERSON,
}
# Those that another table may use for something else.
_OF_TABLES = {
    "incident": {
        "problem_id": _PROBLEM,
        "rfc": _CHANGE,
        "caused_by": _CHANGE,
        "parent_incident": _INCIDENT,
    },
    "change_task": {"change_request": _CHANGE},
    "problem": {"duplicate_of": _PROBLEM, "rfc": _CHANGE},
    "problem_task": {"problem": _PROBLEM},
    "sn_si_incident": {
        "incident": _INCIDENT,
        "problem": _PROBLEM,
        "change_request": _CHANGE,
        "parent_security_incident": Target("sn_si_incident", ("number",)),
    },
    "cmdb_ci": {"duplicate_of": ITEM},
}
_NAMES_OF_TABLES = frozenset(name for columns in _OF_TABLES.values() for name in columns)
# How the names of columns begin that a company or an application has added.
_OWN = ("u_", "x_")

# Further reference columns that every instance has; their records are given by sys_id.
OTHER_REFERENCES = frozenset(
    {
        "chg_model", "first_reported_by_task", "parent", "std_change_producer_version",
        "sys_domain", "sysapproval",
    }
)  # fmt: skip

# The choice columns whose labels are understood; a company's own are found in the dictionary.
CHOICE_COLUMNS = frozenset(
    {
        "approval", "category", "change_task_type", "close_code", "contact_type", "escalation",
        "hold_reason", "incident_state", "notify", "on_hold_task", "phase", "priority",
        "problem_state", "problem_task_type", "reason", "resolution_code", "review_status",
        "severity", "state", "subcategory", "type", "upon_approval", "upon_reject",
    }
)  # fmt: skip

_TASK = frozenset(
    """
    active approval assigned_to assignment_group business_service closed_at closed_by close_notes
    cmdb_ci comments company contact_type correlation_display correlation_id description due_date
    escalation impact knowledge location made_sla number opened_at opened_by parent priority
    short_description state sys_class_name sys_created_by sys_created_on sys_domain sys_id
    sys_mod_count sys_tags sys_updated_by sys_updated_on urgency watch_list work_end work_notes
    work_start
    """.split()  # noqa: SIM905 - as a paragraph it can be read
)

# Columns that every instance has, so that the dictionary need not be asked.
COMMON = {
    "task": _TASK,
    "incident": _TASK
    | {
        "business_impact", "caller_id", "category", "caused_by", "close_code", "hold_reason",
        "incident_state", "parent_incident", "problem_id", "reopen_count", "resolved_at",
        "resolved_by", "rfc", "severity", "subcategory",
    },
    "change_request": _TASK
    | {
        "backout_plan", "cab_required", "category", "chg_model", "close_code", "conflict_status",
        "end_date", "implementation_plan", "justification", "phase", "reason", "requested_by",
        "risk", "risk_impact_analysis", "start_date", "std_change_producer_version", "test_plan",
        "type",
    },
    "change_task": _TASK | {"change_request", "change_task_type", "close_code"},
    "problem": _TASK
    | {
        "category", "cause_notes", "duplicate_of", "first_reported_by_task", "fix_notes",
        "known_error", "problem_state", "resolution_code", "resolved_at", "resolved_by",
        "subcategory", "workaround",
    },
    "problem_task": _TASK | {"problem", "problem_task_type", "close_code"},
    "sn_si_incident": _TASK | {"affected_user", "category", "close_code", "subcategory"},
    "sys_user": frozenset({"sys_id", "user_name", "email", "name", "active"}),
    "sys_user_group": frozenset({"sys_id", "name", "active", "manager"}),
    "cmdb_ci": frozenset({"sys_id", "name", "sys_class_name"}),
    "sys_journal_field": frozenset(
        {"sys_id", "element", "element_id", "name", "value", "sys_created_on", "sys_created_by"}
    ),
    "sys_attachment": frozenset(
        {"sys_id", "file_name", "table_name", "table_sys_id", "sys_created_on", "hash"}
    ),
    "sysapproval_approver": frozenset({"sys_id", "sysapproval", "approver", "state"}),
}  # fmt: skip
TEMPLATE = Target("std_change_record_producer", ("name",))


def known_target(table: str, column: str) -> Target | None:
    """Return what a reference column of every instance points to, or None for any other."""
    family = "cmdb_ci" if table.startswith("cmdb_ci") else table
    return _EVERYWHERE.get(column) or _OF_TABLES.get(family, {}).get(column)


def is_own(column: str) -> bool:
    """Return whether the instance alone knows what a column is."""
    return column.startswith(_OWN)


def needs_dictionary(column: str) -> bool:
    """Return whether a column may be a reference that the instance's dictionary alone knows."""
    return is_own(column) or column in _NAMES_OF_TABLES


def is_sys_id(text: str) -> bool:
    """Return whether a text is a sys_id: 32 hexadecimal digits."""
    return _SYS_ID.fullmatch(text) is not None
