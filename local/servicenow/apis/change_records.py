"""How the Change Management API reads requests and shows records."""

from typing import TYPE_CHECKING, Any

from .. import wire
from ..errors import ApiError, no_resource
from ..values import as_text

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ..instance import Instance
    from ..schema import Column
    from ..store import Row

# Choices whose values are whole numbers in the database.
_NUMBERS = {"state", "priority", "impact", "urgency", "risk", "escalation", "scope", "severity"}
_SYS_ID_LENGTH = 32
_JOURNALS = {"work_notes", "comments"}


class Changes:
    """The changes of an instance, as requests name them."""

    def __init__(self, instance: "Instance") -> None:
        self._instance = instance

    def find(self, request: "Request") -> "Row":
        """Return the change that a request's path names.

        Raises:
            ApiError: 400, the path names something else than a sys_id; 404, there is no such
                change that the user may read.
        """
        sys_id = request.path_params["sys_id"]
        if len(sys_id) != _SYS_ID_LENGTH:
            raise no_resource()
        row = self._instance.find("change_request", sys_id)
        if row is None or not self._instance.may_read(request.state.account, "change_request"):
            raise ApiError(404, "Change Request not found", "")
        return row

    def check_delete(self, request: "Request") -> None:
        """Refuse a user who may not delete.

        Raises:
            ApiError: 403.
        """
        if not request.state.account.has("change_manager"):
            raise ApiError(403, "User Not Authorized", "")

    async def values(self, request: "Request") -> dict[str, Any]:
        """Return what a request sets; the body wins over the query string.

        Raises:
            ApiError: 400, the body is not JSON.
        """
        raw = await request.body()
        try:
            body = wire.parsed(raw) if raw else {}
        except ValueError:
            raise ApiError(
                400, "Exception while reading request", "The payload is not JSON or XML"
            ) from None
        return {**dict(request.query_params), **(body if isinstance(body, dict) else {})}


def answer(
    instance: "Instance", request: "Request", table: str, row: "Row", sent: dict[str, Any]
) -> "Response":
    """Return a written record, and the names of what was sent and not applied."""
    row = instance.find(table, row["sys_id"]) or row
    ignored = [
        name
        for name, value in sent.items()
        if name not in _JOURNALS and not _applied(instance, table, row, name, as_text(value))
    ]
    document = {**shown(instance, request, table, row), "__meta": {"ignoredFields": ignored}}
    return wire.respond(request, {"result": document})


def shown(instance: "Instance", request: "Request", table: str, row: "Row") -> dict[str, Any]:
    """Return a record in this API's form: each field with a typed value and a display value."""
    reader = instance.reader(request.state.account)
    document = {}
    for name, column in instance.schema.table(table).columns.items():
        if column.hidden and not request.state.account.has("admin"):
            continue
        stored = row.get(name, "")
        if column.kind == "journal":
            document[name] = {"value": "", "display_value": instance.journal(row, name, reader)}
            continue
        field = {
            "value": _typed(column, stored),
            "display_value": instance.shown(table, column, stored, reader),
        }
        if column.kind in {"date", "day"}:
            field["display_value_internal"] = _internal(instance, column, stored)
        document[name] = field
    return document


def _typed(column: "Column", stored: str) -> Any:
    if column.kind == "boolean":
        return stored == "true"
    if column.kind in {"integer", "decimal"} or (
        column.kind == "choice" and column.name in _NUMBERS
    ):
        try:
            return float(stored)
        except ValueError:
            return stored
    return stored


def _internal(instance: "Instance", column: "Column", stored: str) -> str:
    """Return a date in the instance's own zone and the format that sorts."""
    return instance.display(column, stored)


def _applied(instance: "Instance", table: str, row: "Row", name: str, sent: str) -> bool:
    """Return whether a column has what was sent, dates and flags compared by their meaning."""
    column = instance.schema.table(table).columns.get(name)
    if column is None:
        return False
    stored = row.get(name, "")
    if column.kind == "boolean":
        return stored == ("true" if sent.lower() in {"true", "1"} else "false")
    if column.kind in {"date", "day"}:
        return stored.replace(" ", "T") == sent.replace(" ", "T").removesuffix("Z")
    return stored == sent
