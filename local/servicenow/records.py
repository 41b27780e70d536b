"""How records look on the wire (documentation: Table API; REST API table access)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from .accounts import Account
    from .display import Reader
    from .instance import Instance
    from .schema import Column, Table
    from .store import Row


@dataclass(frozen=True, slots=True)
class View:
    """What a request asks of its answer, and for whom it is.

    Attributes:
        display: `false` for stored values, `true` for what a person sees, `all` for both.
        links: whether references carry a link.
        fields: the fields wanted, or empty for all.
        reader: for whom values are shown.
        is_admin: whether hidden columns are shown.
        link_path: the path of the Table API in the version that was called.
    """

    display: str
    links: bool
    fields: tuple[str, ...]
    reader: "Reader"
    is_admin: bool = False
    link_path: str = "/api/now/table"

    @classmethod
    def of(cls, instance: "Instance", request: "Request") -> "View":
        """Read a request's parameters."""
        parameters = request.query_params
        display = parameters.get("sysparm_display_value", "false").lower()
        account: Account = request.state.account
        version = next((part for part in ("/v1/", "/v2/") if part in request.url.path), "/")
        return cls(
            display=display if display in {"true", "all"} else "false",
            links=not flag(parameters, "sysparm_exclude_reference_link"),
            fields=tuple(
                name.strip()
                for name in parameters.get("sysparm_fields", "").split(",")
                if name.strip()
            ),
            reader=instance.reader(account),
            is_admin=account.has("admin"),
            link_path=f"/api/now{version}table",
        )


def flag(parameters: "QueryParams", name: str) -> bool:
    """Read a parameter that is true or false, in any case."""
    return parameters.get(name, "false").lower() == "true"


def render(instance: "Instance", table: "Table", row: "Row", view: View) -> dict[str, Any]:
    """Return a record as the Table API answers it; unknown fields are left out."""
    if not view.fields:
        return {
            name: _value(instance, table, column, row, row.get(name, ""), view)
            for name, column in table.columns.items()
            if view.is_admin or not column.hidden
        }
    document = {}
    for path in view.fields:
        column = instance.schema.column(table, path)
        if column is not None and (view.is_admin or not column.hidden):
            value = instance.value(table, row, path)
            owner = _owner(instance, table, path)
            document[path] = _value(instance, owner, column, row, value, view)
    return document


def _value(  # noqa: PLR0917 - all of it decides
    instance: "Instance", table: "Table", column: "Column", row: "Row", value: str, view: View
) -> Any:
    if column.kind == "journal":
        shown = instance.journal(row, column.name, view.reader) if view.display != "false" else ""
        return {"display_value": shown, "value": ""} if view.display == "all" else shown
    shown = instance.shown(_class_of(instance, table, row), column, value, view.reader)
    if column.kind == "reference" and view.links:
        if not value:
            return {"display_value": "", "value": ""} if view.display == "all" else ""
        link = f"{instance.base_url}{view.link_path}/{column.reference}/{value}"
        return {
            "false": {"link": link, "value": value},
            "true": {"display_value": shown, "link": link},
            "all": {"display_value": shown, "value": value, "link": link},
        }[view.display]
    if view.display == "false":
        return value
    # An empty choice has no label at all.
    label = None if column.kind == "choice" and not value else shown
    return label if view.display == "true" else {"display_value": label, "value": value}


def _class_of(instance: "Instance", table: "Table", row: "Row") -> str:
    """Return the table whose choices count: the record's own, also when read through another."""
    name = row.get("sys_class_name", "")
    if name in instance.schema and table.name in instance.schema.lineage(name):
        return name
    return table.name


def _owner(instance: "Instance", table: "Table", path: str) -> "Table":
    """Return the table of the last column of a dot-walked name."""
    name, _, rest = path.partition(".")
    if not rest:
        return table
    return _owner(instance, instance.schema.table(table.columns[name].reference), rest)
