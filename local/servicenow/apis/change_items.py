"""Tasks and associated configuration items of a change (documentation: Change Management API)."""

from typing import TYPE_CHECKING, Any

from .. import wire
from ..errors import ApiError
from .change_records import Changes, shown
from .change_workers import start, worker_shown
from .routing import Routes, number

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ..instance import Instance
    from ..store import Row

_DEFAULT_LIMIT = 500
# Where each kind of association is stored, and in which column.
_ASSOCIATIONS = {
    "affected": ("task_ci", "ci_item"),
    "impacted": ("task_cmdb_ci_service", "cmdb_ci_service"),
    "offering": ("task_cmdb_ci_service", "cmdb_ci_service"),
}


def routes(instance: "Instance") -> Routes:
    """Return the endpoints below `/api/sn_chg_rest/change`."""
    api = _ItemsApi(instance)
    return {
        "/{sys_id}/task": {"GET": api.tasks, "POST": api.create_task},
        "/{sys_id}/task/{task}": {
            "GET": api.task, "PATCH": api.update_task, "DELETE": api.delete_task,
        },
        "/{sys_id}/ci": {"GET": api.items, "POST": api.associate},
        "/{sys_id}/refresh_impacted_services": {"POST": api.refresh},
    }  # fmt: skip


class _ItemsApi:
    def __init__(self, instance: "Instance") -> None:
        self._instance = instance
        self._changes = Changes(instance)

    # ---- tasks

    async def tasks(self, request: "Request") -> "Response":
        change = self._changes.find(request)
        query = request.query_params.get("sysparm_query", "")
        order = request.query_params.get("order", "number")
        found = self._instance.search(
            "change_task",
            "^".join(
                part
                for part in (f"change_request={change['sys_id']}", query, f"ORDERBY{order}")
                if part
            ),
            request.state.account,
        )
        offset = number(request, "sysparm_offset", 0)
        page = found[offset : offset + number(request, "sysparm_limit", _DEFAULT_LIMIT)]
        return wire.respond(request, {"result": [self._shown(request, task) for task in page]})

    async def create_task(self, request: "Request") -> "Response":
        change = self._changes.find(request)
        sent = await self._changes.values(request)
        own = {"change_request": change["sys_id"], "parent": change["sys_id"]}
        task = self._instance.insert("change_task", {**sent, **own}, request.state.account)
        return wire.respond(request, {"result": self._shown(request, task)})

    async def task(self, request: "Request") -> "Response":
        return wire.respond(request, {"result": self._shown(request, self._task(request))})

    async def update_task(self, request: "Request") -> "Response":
        task = self._task(request)
        sent = await self._changes.values(request)
        task = self._instance.update("change_task", task, sent, request.state.account)
        return wire.respond(request, {"result": self._shown(request, task)})

    async def delete_task(self, request: "Request") -> "Response":
        task = self._task(request)
        self._changes.check_delete(request)
        self._instance.delete("change_task", task["sys_id"])
        return wire.respond(request, {"result": self._shown(request, task)})

    def _task(self, request: "Request") -> "Row":
        change = self._changes.find(request)
        task = self._instance.find("change_task", request.path_params["task"])
        if task is None or task["change_request"] != change["sys_id"]:
            raise ApiError(404, "Change Task not found", "")
        return task

    def _shown(self, request: "Request", task: "Row") -> dict[str, Any]:
        return shown(self._instance, request, "change_task", task)

    # ---- configuration items

    async def items(self, request: "Request") -> "Response":
        change = self._changes.find(request)
        table, column = self._association(request.query_params.get("association_type", ""))
        found = [
            {
                **shown(self._instance, request, table, row),
                f"{column}.name": {"value": name, "display_value": name},
            }
            for row in self._instance.rows(table)
            if row["task"] == change["sys_id"] and (name := self._name(row[column])) is not None
        ]
        return wire.respond(request, {"result": found})

    async def associate(self, request: "Request") -> "Response":
        change = self._changes.find(request)
        sent = await self._changes.values(request)
        kind = str(sent.get("association_type", ""))
        table, column = self._association(kind)
        named = sent.get("cmdb_ci_sys_ids", [])
        sys_ids = named.split(",") if isinstance(named, str) else [str(one) for one in named]
        known = {
            row[column] for row in self._instance.rows(table) if row["task"] == change["sys_id"]
        }
        messages: dict[str, list[str]] = {}
        for sys_id in sys_ids:
            if self._instance.find("cmdb_ci", sys_id) is None:
                messages.setdefault("warningMessages", []).append(
                    f"Invalid CMDB_CI sys_id provided: {sys_id}"
                )
            elif sys_id in known:
                messages.setdefault("infoMessages", []).append(
                    f"CMDB_CI sys_id already associated: {sys_id}"
                )
            else:
                self._instance.insert(
                    table, {"task": change["sys_id"], column: sys_id}, request.state.account
                )
        worker = start(self._instance, kind, {}, messages)
        return wire.respond(request, {"result": worker_shown(self._instance, worker)})

    async def refresh(self, request: "Request") -> "Response":
        """POST finds the services that the change's configuration item runs for."""
        change = self._changes.find(request)
        parents = {
            row["parent"]
            for row in self._instance.rows("cmdb_rel_ci")
            if row["child"] == change["cmdb_ci"] and change["cmdb_ci"]
        }
        known = {
            row["cmdb_ci_service"]
            for row in self._instance.rows("task_cmdb_ci_service")
            if row["task"] == change["sys_id"]
        }
        for sys_id in parents - known:
            self._instance.put(
                "task_cmdb_ci_service",
                task=change["sys_id"],
                cmdb_ci_service=sys_id,
                manually_added="false",
            )
        worker = start(self._instance, "impacted", {})
        return wire.respond(request, {"result": worker_shown(self._instance, worker)})

    def _association(self, kind: str) -> tuple[str, str]:
        if kind not in _ASSOCIATIONS:
            raise ApiError(400, "association_type must be affected, impacted or offering", "")
        return _ASSOCIATIONS[kind]

    def _name(self, sys_id: str) -> str | None:
        row = self._instance.find("cmdb_ci", sys_id)
        return None if row is None else row["name"]
