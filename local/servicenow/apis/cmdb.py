"""The CMDB Instance API (documentation: CMDB Instance API)."""

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from .. import wire
from ..errors import ApiError, invalid_table
from ..records import View, render
from .routing import Routes, number, readable

if TYPE_CHECKING:
    from starlette.requests import Request

    from ..instance import Instance
    from ..schema import Table
    from ..store import Row

_DEFAULT_LIMIT = 1000


def routes(instance: "Instance") -> Routes:
    """Return the API's endpoints below `/api/now/cmdb/instance`."""
    api = _CmdbApi(instance)
    return {
        "/{table}": {"GET": api.find, "POST": api.create},
        "/{table}/{sys_id}": {"GET": api.read, "PUT": api.update, "PATCH": api.update},
        "/{table}/{sys_id}/relation": {"POST": api.relate},
        "/{table}/{sys_id}/relation/{relation}": {"DELETE": api.unrelate},
    }


class _CmdbApi:
    def __init__(self, instance: "Instance") -> None:
        self._instance = instance

    async def find(self, request: "Request") -> Response:
        table = self._class(request)
        query = request.query_params.get("sysparm_query", "")
        found = self._instance.search(table.name, query, request.state.account)
        offset = number(request, "sysparm_offset", 0)
        limit = number(request, "sysparm_limit", _DEFAULT_LIMIT)
        return wire.respond(
            request,
            {
                "result": [
                    {"sys_id": row["sys_id"], "name": row["name"]}
                    for row in found[offset : offset + limit]
                ]
            },
            headers={"X-Total-Count": str(len(found))},
        )

    async def create(self, request: "Request") -> Response:
        table = self._class(request)
        sent = await wire.read_record(request, self._instance.body_limit)
        row = self._instance.insert(table.name, self._attributes(sent), request.state.account)
        self._add_relations(request, row, sent)
        return self._answer(request, table, row, 201)

    async def read(self, request: "Request") -> Response:
        table = self._class(request)
        return self._answer(request, table, self._find(request, table))

    async def update(self, request: "Request") -> Response:
        table = self._class(request)
        row = self._find(request, table)
        sent = await wire.read_record(request, self._instance.body_limit)
        row = self._instance.update(table.name, row, self._attributes(sent), request.state.account)
        return self._answer(request, table, row)

    async def relate(self, request: "Request") -> Response:
        table = self._class(request)
        row = self._find(request, table)
        sent = await wire.read_record(request, self._instance.body_limit)
        self._add_relations(request, row, sent)
        return self._answer(request, table, row, 201)

    async def unrelate(self, request: "Request") -> Response:
        table = self._class(request)
        row = self._find(request, table)
        relation = readable(self._instance, request, "cmdb_rel_ci", request.path_params["relation"])
        if row["sys_id"] not in {relation["parent"], relation["child"]}:
            raise ApiError(404, "No Record found", "The relation is not one of this item's")
        self._instance.remove("cmdb_rel_ci", relation, request.state.account)
        return Response(status_code=204)

    def _class(self, request: "Request") -> "Table":
        name = request.path_params["table"]
        table = self._instance.schema.table(name)
        if "cmdb" not in self._instance.schema.lineage(name):
            raise invalid_table(name)
        return table

    def _find(self, request: "Request", table: "Table") -> "Row":
        return readable(self._instance, request, table.name, request.path_params["sys_id"])

    def _attributes(self, sent: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes sent.

        Raises:
            ApiError: 400, none are, or no source is named.
        """
        attributes = sent.get("attributes")
        if not isinstance(attributes, dict):
            raise ApiError(400, "Exception while reading request", "attributes is missing")
        if not sent.get("source"):
            raise ApiError(400, "Exception while reading request", "source is missing")
        return attributes

    def _add_relations(self, request: "Request", row: "Row", sent: dict[str, Any]) -> None:
        for direction, own, other in (
            ("outbound_relations", "parent", "child"),
            ("inbound_relations", "child", "parent"),
        ):
            relations = sent.get(direction) or []
            if not isinstance(relations, list) or not all(isinstance(r, dict) for r in relations):
                raise ApiError(400, "Exception while reading request", f"{direction} is no list")
            for relation in relations:
                self._instance.insert(
                    "cmdb_rel_ci",
                    {
                        own: row["sys_id"],
                        other: relation.get("target", ""),
                        "type": relation.get("type", ""),
                    },
                    request.state.account,
                )

    def _answer(
        self, request: "Request", table: "Table", row: "Row", status: int = 200
    ) -> Response:
        view = View.of(self._instance, request)
        document = {
            "attributes": render(self._instance, table, row, view),
            "outbound_relations": self._relations(row, "parent", "child"),
            "inbound_relations": self._relations(row, "child", "parent"),
        }
        return wire.respond(request, {"result": document}, status)

    def _relations(self, row: "Row", own: str, other: str) -> list[dict[str, Any]]:
        path = f"{self._instance.base_url}/api/now/cmdb/instance"
        found = []
        for relation in self._instance.rows("cmdb_rel_ci"):
            if relation[own] == row["sys_id"]:
                target = self._instance.find("cmdb_ci", relation[other])
                kind = self._instance.find("cmdb_rel_type", relation["type"])
                found.append(
                    {
                        "sys_id": relation["sys_id"],
                        "type": {
                            "display_value": "" if kind is None else kind["name"],
                            "link": f"{self._instance.base_url}/api/now/table/cmdb_rel_type/"
                            f"{relation['type']}",
                            "value": relation["type"],
                        },
                        "target": {
                            "display_value": "" if target is None else target["name"],
                            "link": f"{path}/cmdb_ci/{relation[other]}",
                            "value": relation[other],
                        },
                    }
                )
        return found
