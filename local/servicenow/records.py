"""How records look on the wire (documentation: Table API; REST API table access)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.servicenow.schema import Column, Table, tables

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

    from local.servicenow.instance import Instance, Row


@dataclass(frozen=True, slots=True)
class View:
    """What a request asks of its answer.

    Attributes:
        display: `false` for stored values, `true` for what a person sees, `all` for both.
        links: whether references carry a link.
        fields: the fields wanted, or empty for all.
    """

    display: str
    links: bool
    fields: tuple[str, ...]

    @classmethod
    def of(cls, parameters: "QueryParams") -> "View":
        """Read a request's parameters."""
        display = parameters.get("sysparm_display_value", "false").lower()
        return cls(
            display=display if display in {"true", "all"} else "false",
            links=not flag(parameters, "sysparm_exclude_reference_link"),
            fields=tuple(
                name for name in parameters.get("sysparm_fields", "").split(",") if name.strip()
            ),
        )


def flag(parameters: "QueryParams", name: str) -> bool:
    """Read a parameter that is true or false, in any case."""
    return parameters.get(name, "false").lower() == "true"


def render(instance: "Instance", table: Table, row: "Row", view: View) -> dict[str, Any]:
    """Return a record as the Table API answers it; unknown fields are left out."""
    if not view.fields:
        return {
            name: _value(instance, column, row, row[name], view)
            for name, column in table.columns.items()
        }
    document = {}
    for path in view.fields:
        column = _column(table, path)
        if column is not None:
            value = instance.value(table, row, path)
            document[path] = _value(instance, column, row, value, view)
    return document


def _value(instance: "Instance", column: Column, row: "Row", value: str, view: View) -> Any:
    if column.kind == "journal":
        shown = instance.journal(row, column.name) if view.display != "false" else ""
        return {"display_value": shown, "value": ""} if view.display == "all" else shown
    shown = instance.display(column, value)
    if column.kind == "reference" and view.links:
        if not value:
            return {"display_value": "", "value": ""} if view.display == "all" else ""
        link = f"{instance.base_url}/api/now/table/{column.reference}/{value}"
        return {
            "false": {"link": link, "value": value},
            "true": {"display_value": shown, "link": link},
            "all": {"display_value": shown, "value": value, "link": link},
        }[view.display]
    return {
        "false": value,
        "true": shown,
        "all": {"display_value": shown, "value": value},
    }[view.display]


def _column(table: Table, path: str) -> Column | None:
    name, _, rest = path.partition(".")
    column = table.columns.get(name)
    if column is None or not rest:
        return column
    return _column(tables()[column.reference], rest) if column.reference else None
