"""Import sets: staging tables, and the maps that transform their rows into records."""

from ..schema import Table
from .columns import date, flag, integer, named, ref, table, text

_WRITERS = ("import_set_loader", "import_transformer", "import_admin", "itil")

TABLES = (
    table(
        "sys_import_set", "Import Set",
        text("number", "Number", 40), text("table_name", "Table", 80),
        text("short_description", "Short description", 100), text("state", "State", 40, "loaded"),
        text("mode", "Mode", 40, "synchronous"), date("load_completed", "Completed"),
        display="number", number=("ISET", 10001), readers=_WRITERS,
    ),
    table(
        "sys_import_set_row", "Import Set Row",
        ref("sys_import_set", "Set", "sys_import_set"), integer("sys_import_row", "Row"),
        text("sys_import_state", "State", 40, "pending"),
        text("sys_import_state_comment", "Comment", 1000),
        text("sys_target_table", "Target table", 80),
        text("sys_target_sys_id", "Target record", 32),
        text("sys_transform_map", "Transform map", 32), text("sys_row_error", "Error", 32),
        text("sys_class_name", "Class", 80), text("template_import_log", "Log", 4000),
        display="sys_id", readers=_WRITERS, writers=_WRITERS,
    ),
    named(
        "sys_transform_map", "Table Transform Map",
        text("source_table", "Source table", 80), text("target_table", "Target table", 80),
        flag("active", "Active", "true"), integer("order", "Order", "100"),
        flag("run_business_rules", "Run business rules", "true"),
        flag("enforce_mandatory_fields", "Enforce mandatory fields"),
        extends="sys_metadata", readers=_WRITERS,
    ),
    table(
        "sys_transform_entry", "Field Map",
        ref("map", "Map", "sys_transform_map"), text("source_table", "Source table", 80),
        text("source_field", "Source field", 80), text("target_table", "Target table", 80),
        text("target_field", "Target field", 80), flag("coalesce", "Coalesce"),
        text("choice_action", "Choice action", 40, "ignore"),
        text("reference_value_field", "Referenced value field name", 80),
        display="target_field", extends="sys_metadata", readers=_WRITERS,
    ),
)  # fmt: skip


def staging(name: str, label: str, columns: dict[str, str]) -> Table:
    """Return a staging table.

    Args:
        name: its name.
        label: its label.
        columns: labels of its columns by name.
    """
    return table(
        name,
        label,
        *(text(column, shown, 4000) for column, shown in columns.items()),
        display="sys_id",
        extends="sys_import_set_row",
        readers=_WRITERS,
        writers=_WRITERS,
    )
