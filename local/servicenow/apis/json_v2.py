"""The JSONv2 web service (documentation: JSONv2 Web Service): tables by `/<table>.do?JSONv2`.

It is older than the Table API, and clients in use speak it still.
"""

from typing import TYPE_CHECKING, Any

from starlette.routing import Match, Route

from .. import wire
from ..errors import ApiError, no_record, not_simulated
from ..languages import translator
from ..records import View, render
from .routing import Endpoint, Routes, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

    from ..accounts import Account
    from ..instance import Instance
    from ..schema import Table
    from ..store import Row

_DEFAULT_LIMIT = 250


class JsonRoute(Route):
    """A route of pages that ask for JSON."""

    def matches(self, scope: "Scope") -> "tuple[Match, Scope]":
        """Match requests with `JSONv2` in the query."""
        names = {part.partition(b"=")[0] for part in scope.get("query_string", b"").split(b"&")}
        return super().matches(scope) if b"JSONv2" in names else (Match.NONE, {})


def routes(instance: "Instance") -> Routes:
    """Return the service's endpoints."""
    service = _JsonV2(instance)
    methods: dict[str, Endpoint] = {"GET": service.read, "POST": service.write}
    return {"/{table}_list.do": methods, "/{table}.do": methods}


class _JsonV2:
    def __init__(self, instance: "Instance") -> None:
        self._instance = instance

    async def read(self, request: "Request") -> "Response":
        table = self._table(request)
        action = request.query_params.get("sysparm_action", "getRecords")
        if action not in {"get", "getRecords", "getKeys"}:
            raise not_simulated(f"sysparm_action={action}")
        rows = self._found(request, table)
        if action == "getKeys":
            return wire.respond(request, {"records": [row["sys_id"] for row in rows]})
        return wire.respond(
            request, {"records": [self._shown(request, table, row) for row in rows]}
        )

    async def write(self, request: "Request") -> "Response":
        table, account = self._table(request), request.state.account
        action = request.query_params.get("sysparm_action", "")
        sent = await wire.read(request, self._instance.body_limit)
        sent = sent if isinstance(sent, dict) else {}
        if action in {"insert", "insertMultiple"}:
            many = sent.get("records") if action == "insertMultiple" else [sent]
            if not isinstance(many, list) or not all(isinstance(one, dict) for one in many):
                raise ApiError(400, "Exception while reading request", "records is missing")
            return self._written(
                request,
                table,
                many,
                lambda record: self._instance.insert(table.name, record, account),
            )
        if action == "update":
            return self._written(
                request,
                table,
                self._found(request, table),
                lambda row: self._instance.update(table.name, row, sent, account),
            )
        if action in {"deleteRecord", "deleteMultiple"}:
            return self._written(
                request,
                table,
                self._found(request, table),
                lambda row: self._removed(table, row, account),
            )
        raise not_simulated(f"sysparm_action={action}")

    def _table(self, request: "Request") -> "Table":
        return self._instance.schema.table(request.path_params["table"])

    def _found(self, request: "Request", table: "Table") -> "list[Row]":
        """Return the records that the query finds, or the one that is named.

        Raises:
            ApiError: 404, the one that is named does not exist; 400, a write names none.
        """
        parameters, account = request.query_params, request.state.account
        query = parameters.get("sysparm_query")
        if sys_id := parameters.get("sysparm_sys_id", ""):
            query = f"sys_id={sys_id}"
        if query is None and request.method != "GET":
            raise ApiError(400, "Missing parameter", "sysparm_query is mandatory")
        found = self._instance.search(table.name, query or "", account)
        limit = number(request, "sysparm_record_count", _DEFAULT_LIMIT)
        rows = self._instance.visible(account, table.name, found)[:limit]
        if sys_id and not rows:
            raise no_record()
        return rows

    def _removed(self, table: "Table", row: "Row", account: "Account") -> "Row":
        self._instance.remove(table.name, row, account)
        return row

    def _written(
        self,
        request: "Request",
        table: "Table",
        records: "Iterable[dict[str, Any]]",
        write: "Callable[[dict[str, Any]], Row]",
    ) -> "Response":
        """Answer with what became of each record; one that is refused stops no other."""
        language = self._instance.reader(request.state.account).language
        documents = []
        for record in records:
            try:
                documents.append(self._shown(request, table, write(record)))
            except ApiError as error:
                said: Any = error.body(translator(language))["error"]
                reason = {"message": said["message"], "reason": said["detail"]}
                documents.append({"__error": reason, "__status": "failure"})
        return wire.respond(request, {"records": documents})

    def _shown(self, request: "Request", table: "Table", row: "Row") -> dict[str, Any]:
        wanted = request.query_params.get("displayvalue", "").lower()
        view = View(
            display=wanted if wanted in {"true", "all"} else "false",
            links=False,
            fields=(),
            reader=self._instance.reader(request.state.account),
            is_admin=request.state.account.has("admin"),
        )
        document = render(self._instance, table, row, view)
        if view.display == "all":
            shown = {f"dv_{name}": value["display_value"] or "" for name, value in document.items()}
            document = {name: value["value"] for name, value in document.items()} | shown
        return {**document, "__status": "success"}
