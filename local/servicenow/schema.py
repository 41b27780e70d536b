"""Tables and columns, as a new instance with demo data has them (documentation: Table API).

Only the tables that tickets need, and of their columns those that integrations read or write.
"""

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: its name in the API.
        label: its name on a form, which data policies use in their messages.
        kind: string, integer, boolean, choice, date, reference or journal.
        reference: the table that a reference points to.
        length: how many characters it keeps; longer text is cut.
        default: its value in a new record.
    """

    name: str
    label: str
    kind: str = "string"
    reference: str = ""
    length: int = 40
    default: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns, the column that stands for a record, and the prefix of its numbers."""

    name: str
    label: str
    columns: dict[str, Column]
    display: str
    prefix: str = ""
    first_number: int = 0


def _ref(name: str, label: str, table: str) -> Column:
    return Column(name, label, "reference", table, 32)


def _choice(name: str, label: str, default: str = "") -> Column:
    return Column(name, label, "choice", default=default)


def _text(name: str, label: str, length: int = 4000) -> Column:
    return Column(name, label, length=length)


def _date(name: str, label: str) -> Column:
    return Column(name, label, "date")


def _flag(name: str, label: str, default: str = "false") -> Column:
    return Column(name, label, "boolean", default=default)


SYSTEM = (
    Column("sys_id", "Sys ID", length=32),
    _date("sys_created_on", "Created"),
    _text("sys_created_by", "Created by", 40),
    _date("sys_updated_on", "Updated"),
    _text("sys_updated_by", "Updated by", 40),
    Column("sys_mod_count", "Updates", "integer", default="0"),
    _text("sys_tags", "Tags", 255),
)

TASK = (
    Column("number", "Number"),
    _text("short_description", "Short description", 160),
    _text("description", "Description"),
    _flag("active", "Active", "true"),
    _choice("impact", "Impact", "3"),
    _choice("urgency", "Urgency", "3"),
    _choice("priority", "Priority", "4"),
    _ref("assignment_group", "Assignment group", "sys_user_group"),
    _ref("assigned_to", "Assigned to", "sys_user"),
    _ref("opened_by", "Opened by", "sys_user"),
    _date("opened_at", "Opened"),
    _ref("closed_by", "Closed by", "sys_user"),
    _date("closed_at", "Closed"),
    _ref("cmdb_ci", "Configuration item", "cmdb_ci"),
    _ref("business_service", "Service", "cmdb_ci"),
    _ref("company", "Company", "core_company"),
    _ref("location", "Location", "cmn_location"),
    _ref("parent", "Parent", "task"),
    _choice("approval", "Approval", "not requested"),
    _choice("contact_type", "Channel"),
    _choice("escalation", "Escalation", "0"),
    _flag("made_sla", "Made SLA", "true"),
    _flag("knowledge", "Knowledge"),
    _date("due_date", "Due date"),
    _date("work_start", "Actual start"),
    _date("work_end", "Actual end"),
    _text("correlation_id", "Correlation ID", 100),
    _text("correlation_display", "Correlation display", 100),
    _text("watch_list", "Watch list"),
    Column("work_notes", "Work notes", "journal", length=4000),
    Column("comments", "Additional comments", "journal", length=4000),
    Column("comments_and_work_notes", "Comments and Work notes", "journal", length=4000),
    Column("sys_class_name", "Task type", length=80),
    Column("sys_domain", "Domain", "reference", "sys_user_group", 32, "global"),
    Column("sys_domain_path", "Domain Path", length=255, default="/"),
    _text("close_notes", "Close notes"),
)

INCIDENT = (
    _choice("state", "State", "1"),
    _choice("incident_state", "Incident state", "1"),
    _choice("hold_reason", "On hold reason"),
    _choice("category", "Category", "inquiry"),
    _choice("subcategory", "Subcategory"),
    _choice("severity", "Severity", "3"),
    _choice("notify", "Notify", "1"),
    _ref("caller_id", "Caller", "sys_user"),
    _choice("close_code", "Resolution code"),
    _ref("resolved_by", "Resolved by", "sys_user"),
    _date("resolved_at", "Resolved"),
    Column("reopen_count", "Reopen count", "integer", default="0"),
    Column("reassignment_count", "Reassignment count", "integer", default="0"),
    _ref("problem_id", "Problem", "problem"),
    _ref("rfc", "Change Request", "change_request"),
    _ref("caused_by", "Caused by Change", "change_request"),
    _ref("parent_incident", "Parent Incident", "incident"),
)

CHANGE = (
    _choice("state", "State", "-5"),
    _choice("type", "Type", "normal"),
    _choice("risk", "Risk", "4"),
    _choice("category", "Category", "Other"),
    _choice("phase", "Phase", "requested"),
    _ref("requested_by", "Requested by", "sys_user"),
    _ref("std_change_producer_version", "Standard Change Template", "std_change_record_producer"),
    _ref("chg_model", "Model", "chg_model"),
    _text("justification", "Justification"),
    _text("implementation_plan", "Implementation plan"),
    _text("risk_impact_analysis", "Risk and impact analysis"),
    _text("backout_plan", "Backout plan"),
    _text("test_plan", "Test plan"),
    _text("reason", "Reason"),
    _date("start_date", "Planned start date"),
    _date("end_date", "Planned end date"),
    _choice("close_code", "Close code"),
    _flag("cab_required", "CAB required"),
    _choice("conflict_status", "Conflict status", "Not Run"),
    _flag("unauthorized", "Unauthorized"),
)

CHANGE_TASK = (
    _choice("state", "State", "1"),
    _ref("change_request", "Change request", "change_request"),
    _choice("change_task_type", "Type", "planning"),
    _choice("close_code", "Close code"),
)

PROBLEM = (_choice("state", "State", "101"), _text("cause_notes", "Correlation notes"))

USER = (
    Column("user_name", "User ID"),
    _text("user_password", "Password", 255),
    _text("first_name", "First name", 50),
    _text("last_name", "Last name", 50),
    _text("name", "Name", 151),
    _text("email", "Email", 100),
    _flag("active", "Active", "true"),
    _text("title", "Title", 60),
    Column("time_zone", "Time zone"),
    _ref("department", "Department", "cmn_department"),
    _ref("location", "Location", "cmn_location"),
    _ref("company", "Company", "core_company"),
    _ref("manager", "Manager", "sys_user"),
)


def _named(name: str, label: str, *more: Column) -> Table:
    return _table(name, label, _text("name", "Name", 255), *more, display="name")


def _table(
    name: str,
    label: str,
    *columns: Column,
    display: str,
    prefix: str = "",
    first_number: int = 0,
) -> Table:
    return Table(
        name,
        label,
        {column.name: column for column in (*SYSTEM, *columns)},
        display,
        prefix,
        first_number,
    )


@cache
def tables() -> dict[str, Table]:
    """Return all tables by name. Numbers of new records begin after the demo data's."""
    all_tables = (
        _table("task", "Task", *TASK, display="number"),
        _table(
            "incident", "Incident", *TASK, *INCIDENT,
            display="number", prefix="INC", first_number=10001,
        ),
        _table(
            "change_request", "Change Request", *TASK, *CHANGE,
            display="number", prefix="CHG", first_number=30001,
        ),
        _table(
            "change_task", "Change Task", *TASK, *CHANGE_TASK,
            display="number", prefix="CTASK", first_number=10001,
        ),
        _table(
            "problem", "Problem", *TASK, *PROBLEM,
            display="number", prefix="PRB", first_number=40001,
        ),
        _table("sys_user", "User", *USER, display="name"),
        _named(
            "sys_user_group", "Group",
            _text("description", "Description", 1000),
            _flag("active", "Active", "true"),
            _ref("manager", "Manager", "sys_user"),
            _text("email", "Group email", 100),
            _text("type", "Type", 1024),
        ),
        _table(
            "sys_user_grmember", "Group Member",
            _ref("user", "User", "sys_user"), _ref("group", "Group", "sys_user_group"),
            display="user",
        ),
        _named(
            "oauth_entity", "Application Registry",
            Column("client_id", "Client ID"), _text("client_secret", "Client Secret", 255),
            _flag("active", "Active", "true"),
        ),
        _named("sys_user_role", "Role", _text("description", "Description", 1000)),
        _table(
            "sys_user_has_role", "User Role",
            _ref("user", "User", "sys_user"), _ref("role", "Role", "sys_user_role"),
            _text("state", "State"), _flag("inherited", "Inherited"),
            display="role",
        ),
        _table(
            "sys_choice", "Choice",
            _text("name", "Table", 80), _text("element", "Element", 80),
            _text("value", "Value", 40), _text("label", "Label", 255),
            Column("sequence", "Sequence", "integer"), _flag("inactive", "Inactive"),
            _text("language", "Language", 10), _text("dependent_value", "Dependent value", 40),
            display="label",
        ),
        _table(
            "sys_dictionary", "Dictionary Entry",
            _text("name", "Table", 80), _text("element", "Column name", 80),
            _text("column_label", "Column label", 80), _text("internal_type", "Type", 40),
            _text("reference", "Reference", 80), Column("max_length", "Max length", "integer"),
            _flag("mandatory", "Mandatory"), _flag("active", "Active", "true"),
            _flag("read_only", "Read only"), _text("choice", "Choice", 10),
            display="element",
        ),
        _table(
            "sys_db_object", "Table",
            _text("name", "Name", 80), _text("label", "Label", 80),
            _ref("super_class", "Extends table", "sys_db_object"),
            display="label",
        ),
        _table(
            "sys_data_policy2", "Data Policy",
            _text("model_table", "Table", 80), _text("short_description", "Short description", 100),
            _text("conditions", "Conditions"), _flag("active", "Active", "true"),
            display="short_description",
        ),
        _table(
            "sys_data_policy_rule", "Data Policy Rule",
            _ref("sys_data_policy", "Data policy", "sys_data_policy2"),
            _text("field", "Field", 80), _text("mandatory", "Mandatory", 10),
            display="field",
        ),
        _table(
            "sys_attachment", "Attachment",
            _text("file_name", "File name", 100), _text("table_name", "Table name", 80),
            _text("table_sys_id", "Table sys ID", 32), _text("content_type", "Content type", 255),
            _text("size_bytes", "Size bytes", 40), _text("hash", "Hash", 64),
            display="file_name",
        ),
        _table(
            "conflict", "Conflict",
            _ref("change", "Change", "change_request"), _text("type", "Type", 100),
            _ref("configuration_item", "Affected CI", "cmdb_ci"),
            _ref("conflicting_change", "Conflicting change", "change_request"),
            display="type",
        ),
        _table(
            "sys_journal_field", "Journal Entry",
            _text("name", "Table", 80), _text("element", "Element", 80),
            _text("element_id", "Element ID", 32), _text("value", "Value", 4000),
            display="sys_id",
        ),
        _table(
            "sysapproval_approver", "Approval",
            _ref("sysapproval", "Approval for", "task"),
            _ref("approver", "Approver", "sys_user"),
            _choice("state", "State", "requested"), _text("comments", "Comments"),
            display="sysapproval",
        ),
        _table(
            "sys_properties", "System Property",
            _text("name", "Name", 100), _text("value", "Value", 4000),
            display="name",
        ),
        _table(
            "std_change_record_producer", "Standard Change Template",
            _text("name", "Name", 100), _text("short_description", "Short description", 200),
            _flag("active", "Active", "true"), _text("template_value", "Change Request values"),
            display="name",
        ),
        _named("chg_model", "Change Model", _flag("active", "Active", "true")),
        _named("cmdb_ci", "Configuration Item", _text("sys_class_name", "Class", 80)),
        _named("core_company", "Company"),
        _named("cmn_department", "Department"),
        _named("cmn_location", "Location"),
    )  # fmt: skip
    return {table.name: table for table in all_tables}
