"""The demo data: people, groups, choices and a few tickets, with fixed sys_ids."""

import hashlib
from typing import TYPE_CHECKING

from local.servicenow.rules import TASK_TABLES
from local.servicenow.schema import SYSTEM, TASK, tables

if TYPE_CHECKING:
    from local.servicenow.instance import Instance

INTEGRATION_USER = "actionsync.integration"
# The simulator's users who can sign in, with made-up passwords and their roles.
USERS = {
    "admin": ("admin", ("admin",), "System Administrator"),
    INTEGRATION_USER: (
        "integration-password",
        ("itil", "sn_change_write", "snc_platform_rest_api_access"),
        "ActionSync Integration",
    ),
    "closer": ("closer-password", ("itil", "itil_admin"), "Carla Closer"),
    "change.manager": (
        "manager-password",
        ("itil", "change_manager", "approver_user"),
        "Chris Manager",
    ),
    "reader": ("reader-password", ("sn_incident_read", "sn_change_read"), "Rita Reader"),
    "nobody": ("nobody-password", (), "Noah Body"),
}

PEOPLE = ("Fred Luddy", "Beth Anglin", "Abel Tuter", "David Loo", "Don Goodliffe", "Bow Ruggeri")
GROUPS = ("IT Support", "Service Desk", "Network", "Database", "Software", "Hardware")

_STATES = {
    "incident": {
        "1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed",
        "8": "Canceled",
    },
    "change_request": {
        "-5": "New", "-4": "Assess", "-3": "Authorize", "-2": "Scheduled", "-1": "Implement",
        "0": "Review", "3": "Closed", "4": "Canceled",
    },
    "change_task": {
        "-5": "Pending", "1": "Open", "2": "In Progress", "3": "Closed", "4": "Canceled",
    },
    "sysapproval_approver": {
        "requested": "Requested", "approved": "Approved", "rejected": "Rejected",
    },
}  # fmt: skip
_CHOICES: dict[tuple[str, str], dict[str, str]] = {
    ("task", "impact"): {"1": "1 - High", "2": "2 - Medium", "3": "3 - Low"},
    ("task", "urgency"): {"1": "1 - High", "2": "2 - Medium", "3": "3 - Low"},
    ("task", "priority"): {
        "1": "1 - Critical", "2": "2 - High", "3": "3 - Moderate", "4": "4 - Low",
        "5": "5 - Planning",
    },
    ("incident", "hold_reason"): {
        "1": "Awaiting Caller", "3": "Awaiting Problem", "4": "Awaiting Vendor",
        "5": "Awaiting Change",
    },
    ("incident", "category"): {
        "inquiry": "Inquiry / Help", "software": "Software", "hardware": "Hardware",
        "network": "Network", "database": "Database",
    },
    ("incident", "subcategory"): {
        "email": "Email", "os": "Operating System", "cpu": "CPU", "disk": "Disk",
        "memory": "Memory", "dns": "DNS", "vpn": "VPN", "ip address": "IP Address",
        "oracle": "Oracle", "db2": "DB2", "application": "Application",
    },
    ("incident", "close_code"): {
        name: name
        for name in (
            "Duplicate", "Known error", "No resolution provided", "Resolved by caller",
            "Resolved by change", "Resolved by problem", "Resolved by request",
            "Solution provided", "Workaround provided", "User error",
        )
    },
    ("change_request", "type"): {
        "normal": "Normal", "standard": "Standard", "emergency": "Emergency",
    },
    ("change_request", "risk"): {"2": "High", "3": "Moderate", "4": "Low"},
    ("change_request", "category"): {
        name: name
        for name in ("Hardware", "Software", "Service", "Network", "DevOps", "Other")
    },
    ("change_request", "close_code"): {
        "successful": "Successful", "successful_issues": "Successful with issues",
        "unsuccessful": "Unsuccessful",
    },
}  # fmt: skip
_MANDATORY = {("incident", "caller_id"), ("task", "short_description")}
_TYPES = {"choice": "string", "date": "glide_date_time", "journal": "journal_input"}


SYSTEM_NAMES = {column.name for column in SYSTEM}


def sys_id(name: str) -> str:
    """Return the sys_id of a demo record: the same in every instance."""
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


def fill(instance: "Instance") -> None:
    """Put the demo data into an empty instance."""
    _fill_choices(instance)
    instance.put("core_company", sys_id=sys_id("company"), name="ACME North America")
    instance.put("cmn_department", sys_id=sys_id("department"), name="IT")
    instance.put("cmn_location", sys_id=sys_id("location"), name="San Diego")
    for name in ("Checkout", "Payments", "SAP Sales and Distribution", "Email"):
        instance.put("cmdb_ci", sys_id=sys_id(name), name=name, sys_class_name="cmdb_ci_service")
    for user_name, (password, roles, name) in USERS.items():
        instance.add_user(user_name, password, *roles, name=name)
    instance.add_user("inactive", "inactive-password", "itil", active=False)
    instance.add_user("sso.only", "sso-password", "itil", basic_auth=False)
    for name in PEOPLE:
        instance.add_user(name.lower().replace(" ", "."), "", "itil", name=name)
    manager = instance.accounts["change.manager"].sys_id
    for group in GROUPS:
        instance.put("sys_user_group", sys_id=sys_id(group), name=group, manager=manager)
        for name in PEOPLE:
            instance.put(
                "sys_user_grmember",
                user=instance.accounts[name.lower().replace(" ", ".")].sys_id,
                group=sys_id(group),
            )
    instance.put(
        "std_change_record_producer",
        sys_id=sys_id("template"),
        name="Deploy a service",
        short_description="Deploy a service by the standard procedure",
        template_value="category=DevOps^risk=4^implementation_plan=Deploy zone by zone.",
    )
    for name in ("Normal", "Standard", "Emergency"):
        instance.put("chg_model", sys_id=sys_id(f"model {name}"), name=name)
    _fill_tickets(instance)


def _fill_choices(instance: "Instance") -> None:
    everything = {(table, "state"): values for table, values in _STATES.items()} | _CHOICES
    for (table, column), values in everything.items():
        for sequence, (value, label) in enumerate(values.items()):
            instance.put(
                "sys_choice",
                name=table,
                element=column,
                value=value,
                label=label,
                sequence=str(sequence),
                inactive="false",
                language="en",
            )
    _fill_dictionary(instance, set(everything))


def _fill_dictionary(instance: "Instance", with_choices: set[tuple[str, str]]) -> None:
    """Describe the tables; a task's own columns are defined once, in `task`."""
    inherited = {column.name for column in TASK}
    for defined in tables().values():
        is_task = defined.name in TASK_TABLES
        instance.put(
            "sys_db_object",
            sys_id=sys_id(f"table {defined.name}"),
            name=defined.name,
            label=defined.label,
            super_class=sys_id("table task") if is_task else "",
        )
        for definition in defined.columns.values():
            if is_task and definition.name in inherited:
                continue
            instance.put(
                "sys_dictionary",
                name=defined.name,
                element=definition.name,
                column_label=definition.label,
                internal_type=_TYPES.get(definition.kind, definition.kind),
                reference=definition.reference,
                max_length=str(definition.length),
                mandatory="true" if (defined.name, definition.name) in _MANDATORY else "false",
                read_only="true" if definition.name in SYSTEM_NAMES else "false",
                choice="1" if (defined.name, definition.name) in with_choices else "",
            )
    policy = instance.put(
        "sys_data_policy2",
        model_table="incident",
        short_description="Resolved incidents say how",
        conditions="stateIN6,7^EQ",
    )
    for name in ("close_code", "close_notes"):
        instance.put(
            "sys_data_policy_rule", sys_data_policy=policy["sys_id"], field=name, mandatory="true"
        )


def _fill_tickets(instance: "Instance") -> None:
    caller = instance.accounts["abel.tuter"].sys_id
    for number, (text, group, state, impact, urgency, priority) in enumerate(
        (
            ("Can't read email", "Software", "2", "1", "1", "1"),
            ("Network file shares access issue", "Network", "3", "1", "1", "1"),
            ("Wireless access is down in my area", "Network", "2", "1", "1", "1"),
            ("Forgot email password", "Service Desk", "1", "3", "3", "5"),
            ("CPU load high for over 10 minutes", "Hardware", "7", "1", "1", "1"),
            ("Hang when trying to print VISIO document", "Software", "2", "3", "2", "4"),
            ("Employee payroll application server is down", "Database", "1", "1", "1", "1"),
        ),
        start=1,
    ):
        closed = {"close_code": "Solution provided", "close_notes": "Done."} if state == "7" else {}
        instance.put(
            "incident",
            sys_id=sys_id(f"incident {number}"),
            number=f"INC{number:07d}",
            short_description=text,
            assignment_group=sys_id(group),
            caller_id=caller,
            opened_by=caller,
            state=state,
            incident_state=state,
            impact=impact,
            urgency=urgency,
            priority=priority,
            category="inquiry",
            active="false" if state == "7" else "true",
            **closed,
        )
    instance.put(
        "change_request",
        sys_id=sys_id("change 1"),
        number="CHG0000001",
        short_description="Roll back the Windows update",
        type="normal",
        state="-5",
        risk="3",
        assignment_group=sys_id("Software"),
    )
