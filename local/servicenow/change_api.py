"""The Change Management API (documentation: Change Management API).

Not the Table API in other clothes: POST answers 200, DELETE answers the deleted record, every
field is `{value, display_value}` with typed values, and `__meta.ignoredFields` tells what was not
applied.
"""

import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.servicenow import rules
from local.servicenow.errors import ApiError
from local.servicenow.schema import tables

if TYPE_CHECKING:
    from local.servicenow.instance import Instance, Row

Endpoint = Callable[[Request], Awaitable[Response]]

_FORMAT = "%Y-%m-%d %H:%M:%S"
_COMPLETE = 3
_WINDOW_SLOTS = 90
_LABELS = {
    "-5": "New", "-4": "Assess", "-3": "Authorize", "-2": "Scheduled", "-1": "Implement",
    "0": "Review", "3": "Closed", "4": "Canceled",
}  # fmt: skip


def routes(instance: "Instance") -> list[tuple[str, Endpoint, list[str]]]:
    """Return the API's routes below `/api/sn_chg_rest/change`: path, endpoint, methods."""
    api = _ChangeApi(instance)
    return [
        ("", api.create, ["POST"]),
        ("/{kind:str}", api.create_of_kind, ["POST"]),
        ("/standard/{template}", api.create_standard, ["POST"]),
        ("/{sys_id}", api.change, ["GET", "PATCH", "DELETE"]),
        ("/{sys_id}/nextstates", api.next_states, ["GET"]),
        ("/{sys_id}/approvals", api.approvals, ["GET", "PATCH"]),
        ("/{sys_id}/task", api.tasks, ["GET", "POST"]),
        ("/{sys_id}/conflict", api.conflicts, ["GET", "POST"]),
        ("/{sys_id}/schedule", api.schedule, ["GET"]),
        ("/worker/{worker}", api.worker, ["GET"]),
    ]


class _ChangeApi:
    def __init__(self, instance: "Instance") -> None:
        self._instance = instance

    async def create(self, request: Request) -> Response:
        return await self._create(request, {})

    async def create_of_kind(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in {"normal", "emergency"}:
            raise ApiError(400, "Requested URI does not represent any resource", None)
        return await self._create(request, {"type": kind})

    async def create_standard(self, request: Request) -> Response:
        template = self._instance.find(
            "std_change_record_producer", request.path_params["template"]
        )
        if template is None:
            raise ApiError(404, "Standard Change Template not found", "")
        values = dict(part.split("=", 1) for part in template["template_value"].split("^"))
        return await self._create(
            request,
            {
                **values,
                "type": "standard",
                "short_description": template["short_description"],
                "std_change_producer_version": template["sys_id"],
            },
        )

    async def _create(self, request: Request, fixed: dict[str, Any]) -> Response:
        sent = await _values(request)
        row = self._instance.insert(
            "change_request", {**fixed, **sent, **_type(fixed)}, request.state.user
        )
        return self._answer(row, sent)

    async def change(self, request: Request) -> Response:
        row = self._find(request)
        if request.method == "GET":
            return JSONResponse({"result": self._shown(row)})
        if request.method == "DELETE":
            if not request.state.user.has("change_manager"):
                raise ApiError(403, "User Not Authorized", "")
            self._instance.delete("change_request", row["sys_id"])
            return JSONResponse({"result": self._shown(row)})
        sent = await _values(request)
        try:
            row = self._instance.update("change_request", row, sent, request.state.user)
        except ApiError as error:
            message = f"Change Request record could not be updated. {error.detail}"
            raise ApiError(error.status, message, "") from None
        return self._answer(row, sent)

    async def next_states(self, request: Request) -> Response:
        row = self._find(request)
        reachable = rules.CHANGE_MODEL[row["type"]].get(row["state"], ())
        transitions = [
            [
                {
                    "sys_id": f"{index:032x}",
                    "display_value": f"{_LABELS[row['state']]} to {_LABELS[state]}",
                    "from_state": row["state"],
                    "to_state": state,
                    "transition_available": True,
                    "automatic_transition": False,
                    "conditions": [],
                }
            ]
            for index, state in enumerate(reachable)
        ]
        return JSONResponse(
            {
                "result": {
                    "available_states": [row["state"], *reachable],
                    "state_transitions": transitions,
                    "state_label": {state: _LABELS[state] for state in (row["state"], *reachable)},
                }
            }
        )

    async def approvals(self, request: Request) -> Response:
        row = self._find(request)
        asked = [
            self._instance.find("sysapproval_approver", approval["sys_id"])
            for approval in self._instance.records("sysapproval_approver")
            if approval["sysapproval"] == row["sys_id"]
        ]
        if request.method == "PATCH":
            state = str((await _values(request)).get("state", ""))
            if state not in {"approved", "rejected"}:
                raise ApiError(400, "state must be approved or rejected", "")
            for approval in asked:
                if approval is not None and approval["state"] == "requested":
                    self._instance.update(
                        "sysapproval_approver", approval, {"state": state}, request.state.user
                    )
        return JSONResponse(
            {
                "result": [
                    _typed(self._instance, "sysapproval_approver", approval)
                    for approval in asked
                    if approval is not None
                ]
            }
        )

    async def tasks(self, request: Request) -> Response:
        change = self._find(request)
        if request.method == "POST":
            sent = await _values(request)
            task = self._instance.insert(
                "change_task",
                {**sent, "change_request": change["sys_id"], "parent": change["sys_id"]},
                request.state.user,
            )
            return self._answer(task, sent, "change_task")
        found = [
            _typed(self._instance, "change_task", task)
            for task in self._instance.records("change_task")
            if task["change_request"] == change["sys_id"]
        ]
        return JSONResponse({"result": found})

    async def conflicts(self, request: Request) -> Response:
        change = self._find(request)
        if request.method == "POST":
            start, end = _planned(change)
            for row in self._conflicts(change):
                self._instance.delete("conflict", row["sys_id"])
            for other in self._planned_for(change):
                if _overlap((start, end), _planned(other)):
                    self._instance.put(
                        "conflict",
                        change=change["sys_id"],
                        type="ci_already_scheduled",
                        configuration_item=change["cmdb_ci"],
                        conflicting_change=other["sys_id"],
                    )
            change["conflict_last_run"] = self._instance.now()
            return JSONResponse({"result": self._start("conflict", {})})
        found = self._conflicts(change)
        return JSONResponse(
            {
                "result": {
                    # So says the API even where there is no conflict.
                    "status": "Conflict" if change.get("conflict_last_run") else "Not Run",
                    "last_run": change.get("conflict_last_run", ""),
                    "record_count": "1",
                    "job_status": "2",
                    "conflicts": [_typed(self._instance, "conflict", row) for row in found],
                }
            }
        )

    async def schedule(self, request: Request) -> Response:
        change = self._find(request)
        start, end = _planned(change)
        taken = [_planned(other) for other in self._planned_for(change)]
        starts = (start + number * (end - start) for number in range(_WINDOW_SLOTS))
        slots = [(begin, begin + (end - start)) for begin in starts]
        free = [slot for slot in slots if not any(_overlap(slot, other) for other in taken)]
        spans = [
            {"start": _shown_moment(begin), "end": _shown_moment(stop)} for begin, stop in free
        ]
        worker = self._start("schedule", {"payload": {"spans": spans[:3]}} if spans else {})
        return JSONResponse({"result": self._worker_shown(worker)}, 202)

    async def worker(self, request: Request) -> Response:
        sys_id = request.path_params["worker"]
        worker = self._instance.workers.get(sys_id)
        if worker is None:
            raise ApiError(404, "Worker not found", "")
        worker["state"] = min(worker["state"] + 1, _COMPLETE)
        return JSONResponse({"result": self._worker_shown(sys_id)})

    def _start(self, kind: str, outcome: dict[str, Any]) -> str:
        sys_id = secrets.token_hex(16)
        self._instance.workers[sys_id] = {"state": 1, "type": kind, "outcome": outcome}
        return sys_id

    def _worker_shown(self, sys_id: str) -> dict[str, Any]:
        worker = self._instance.workers[sys_id]
        labels = {1: "Waiting", 2: "In-Progress", _COMPLETE: "Complete"}
        return {
            "worker": {
                "sysId": sys_id,
                "link": f"{self._instance.base_url}/api/sn_chg_rest/change/worker/{sys_id}",
            },
            "state": {"value": worker["state"], "display_value": labels[worker["state"]]},
            "type": worker["type"],
            "messages": {"errorMessages": [], "warningMessages": [], "infoMessages": []},
            **(worker["outcome"] if worker["state"] == _COMPLETE else {}),
        }

    def _conflicts(self, change: "Row") -> "list[Row]":
        rows = self._instance.records("conflict")
        return [row for row in rows if row["change"] == change["sys_id"]]

    def _planned_for(self, change: "Row") -> "list[Row]":
        """Return the other changes of the same configuration item that have planned dates."""
        return [
            row
            for row in self._instance.records("change_request")
            if row["cmdb_ci"] == change["cmdb_ci"]
            and row["sys_id"] != change["sys_id"]
            and row["start_date"]
            and row["end_date"]
        ]

    def _find(self, request: Request) -> "Row":
        row = self._instance.find("change_request", request.path_params["sys_id"])
        if row is None or not rules.may_read(request.state.user, "change_request"):
            raise ApiError(404, "Change Request not found", "")
        return row

    def _shown(self, row: "Row") -> dict[str, Any]:
        return _typed(self._instance, "change_request", row)

    def _answer(self, row: "Row", sent: dict[str, Any], table: str = "change_request") -> Response:
        journals = {"work_notes", "comments"}
        ignored = [
            name
            for name, value in sent.items()
            if name not in journals and row.get(name) != str(value)
        ]
        shown = _typed(self._instance, table, row)
        return JSONResponse({"result": {**shown, "__meta": {"ignoredFields": ignored}}})


def _planned(change: "Row") -> tuple[datetime, datetime]:
    """Return a change's planned window.

    Raises:
        ApiError: 400, it has none, or no configuration item.
    """
    if not (change["cmdb_ci"] and change["start_date"] and change["end_date"]):
        raise ApiError(400, "Change Request is missing CI or planned dates", "")
    start, end = (
        datetime.strptime(change[name], _FORMAT).replace(tzinfo=UTC)
        for name in ("start_date", "end_date")
    )
    return start, end


def _overlap(one: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _shown_moment(moment: datetime) -> dict[str, str]:
    text = moment.strftime(_FORMAT)
    return {"value": text, "display_value": text}


def _type(fixed: dict[str, Any]) -> dict[str, Any]:
    return {"type": fixed["type"]} if "type" in fixed else {}


async def _values(request: Request) -> dict[str, Any]:
    """Return what the request sets; the body wins over the query string."""
    raw = await request.body()
    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        raise ApiError(400, "Exception while reading request", "The payload is not JSON") from None
    return {**dict(request.query_params), **(body if isinstance(body, dict) else {})}


def _typed(instance: "Instance", table: str, row: "Row") -> dict[str, Any]:
    """Return a record in this API's form: each field with a typed value and a display value."""
    document = {}
    for name, column in tables()[table].columns.items():
        stored = row[name]
        value: Any = stored
        if column.kind == "boolean":
            value = stored == "true"
        elif stored and (column.kind == "integer" or name in {"state", "priority", "impact"}):
            value = float(stored) if stored.lstrip("-").isdigit() else stored
        document[name] = {"value": value, "display_value": instance.display(column, stored)}
    return document
