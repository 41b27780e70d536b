"""The Table API (documentation: Table API)."""

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import Response

from .. import wire
from ..errors import no_record
from ..records import View, flag, render
from .routing import Routes, number, readable

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from ..instance import Instance
    from ..schema import Column, Table
    from ..store import Row

_DEFAULT_LIMIT = 10_000


def routes(instance: "Instance") -> Routes:
    """Return the API's endpoints below `/api/now/table`."""
    api = _TableApi(instance)
    return {
        "/{table}": {"GET": api.find, "POST": api.create},
        "/{table}/{sys_id}": {
            "GET": api.read,
            "PUT": api.update,
            "PATCH": api.update,
            "DELETE": api.delete,
        },
    }


class _TableApi:
    def __init__(self, instance: "Instance") -> None:
        self._instance = instance

    async def find(self, request: "Request") -> Response:
        table = self._table(request)
        query = query_of(self._instance, table, request.query_params)
        account = request.state.account
        found = self._instance.search(table.name, query, account)
        limit = number(request, "sysparm_limit", _DEFAULT_LIMIT)
        offset = number(request, "sysparm_offset", 0)
        # The limit comes before access control: a page may be short though more rows follow.
        page = found[offset : offset + limit]
        visible = self._instance.visible(account, table.name, page)
        if not visible and "/v1/" in request.url.path:
            raise no_record()
        view = View.of(self._instance, request)
        return wire.respond(
            request,
            {"result": [render(self._instance, table, row, view) for row in visible]},
            headers=page_headers(self._instance, request, limit, offset, len(found)),
        )

    async def create(self, request: "Request") -> Response:
        table = self._table(request)
        sent = await wire.read_record(request, self._instance.body_limit)
        row = self._instance.insert(
            table.name, sent, request.state.account, display_input=_display_input(request)
        )
        path = request.url.path.removesuffix("/")
        location = f"{self._instance.base_url}{path}/{row['sys_id']}"
        return self._answer(request, table, row, 201, {"Location": location})

    async def read(self, request: "Request") -> Response:
        table = self._table(request)
        row = readable(self._instance, request, table.name, request.path_params["sys_id"])
        return self._answer(request, table, row)

    async def update(self, request: "Request") -> Response:
        table = self._table(request)
        row = readable(self._instance, request, table.name, request.path_params["sys_id"])
        sent = await wire.read_record(request, self._instance.body_limit)
        row = self._instance.update(
            table.name, row, sent, request.state.account, display_input=_display_input(request)
        )
        return self._answer(request, table, row)

    async def delete(self, request: "Request") -> Response:
        table = self._table(request)
        row = readable(self._instance, request, table.name, request.path_params["sys_id"])
        self._instance.remove(table.name, row, request.state.account)
        return Response(status_code=204)

    def _table(self, request: "Request") -> "Table":
        return self._instance.schema.table(request.path_params["table"])

    def _answer(
        self,
        request: "Request",
        table: "Table",
        row: "Row",
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response:
        # A record that a rule has changed further is shown as it is now.
        row = self._instance.find(table.name, row["sys_id"]) or row
        shown = render(self._instance, table, row, View.of(self._instance, request))
        return wire.respond(request, {"result": shown}, status, headers)


def query_of(instance: "Instance", table: "Table", parameters: "QueryParams") -> str:
    """Return the encoded query of a request's parameters.

    Without `sysparm_query`, names and values are filters, and display values are understood.
    """
    query = parameters.get("sysparm_query")
    if query is not None:
        return query
    return "^".join(
        _filter(instance, table, name, value)
        for name, value in parameters.multi_items()
        if not name.startswith("sysparm_")
    )


def page_headers(
    instance: "Instance", request: "Request", limit: int, offset: int, total: int
) -> dict[str, str]:
    """Return the headers of one page of many: the count and the links to other pages."""
    headers = {}
    if not flag(request.query_params, "sysparm_no_count"):
        headers["X-Total-Count"] = str(total)
    if not flag(request.query_params, "sysparm_suppress_pagination_header"):
        headers["Link"] = _links(instance, request, limit, offset, total)
    return headers


def _filter(instance: "Instance", table: "Table", name: str, value: str) -> str:
    column = instance.schema.column(table, name)
    escaped = value.replace("^", "^^")
    if column is None or not value or value.startswith("javascript:"):
        return f"{name}={escaped}"
    if column.kind == "choice":
        labels = instance.choice_labels(table.name, column.name)
        meant = next(
            (key for key, label in labels.items() if label.casefold() == value.casefold()), value
        )
        return f"{name}={value if value in labels else meant}".replace("^", "^^")
    if column.kind == "reference":
        return f"{name}IN{','.join(_meant(instance, column, value))}"
    return f"{name}={escaped}"


def _meant(instance: "Instance", column: "Column", value: str) -> list[str]:
    """Return the sys_ids that a reference's value may stand for: itself, or records of the name."""
    if column.reference not in instance.schema:
        return [value]
    names = {instance.schema.table(column.reference).display, "user_name"}
    named = [
        row["sys_id"]
        for row in instance.rows(column.reference)
        if any(row.get(name, "").casefold() == value.casefold() for name in names)
    ]
    return [value.replace(",", ""), *named]


def _links(instance: "Instance", request: "Request", limit: int, offset: int, total: int) -> str:
    own = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in {"sysparm_limit", "sysparm_offset"}
    ]
    last = max(0, (total - 1) // limit * limit) if limit else 0
    targets = {"first": 0, "prev": offset - limit, "next": offset + limit, "last": last}
    if offset + limit >= total:
        del targets["next"]
    return ",".join(
        f"<{instance.base_url}{request.url.path}?"
        f"{urlencode([*own, ('sysparm_limit', limit), ('sysparm_offset', start)])}>"
        f';rel="{name}"'
        for name, start in targets.items()
    )


def _display_input(request: "Request") -> bool:
    return flag(request.query_params, "sysparm_input_display_value")
