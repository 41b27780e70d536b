"""Conflicts and free windows of changes (documentation: Change Management API)."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .. import wire
from ..clock import parsed, stored
from ..errors import ApiError
from .change_records import Changes, answer, shown
from .change_workers import advance, start, worker_shown
from .routing import Routes, number

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ..instance import Instance
    from ..store import Row

_WINDOW_SLOTS = 90
_SPANS_SHOWN = 3
_HOUR = 3600

Window = tuple[datetime, datetime]


def fixed_routes(instance: "Instance") -> Routes:
    """Return the endpoints whose paths name no change, which come first."""
    api = _ConflictApi(instance)
    return {
        "/worker/{worker}": {"GET": api.worker},
        "/ci/{item}/schedule": {"GET": api.item_schedule},
    }


def routes(instance: "Instance") -> Routes:
    """Return the endpoints below `/api/sn_chg_rest/change`."""
    api = _ConflictApi(instance)
    return {
        "/{sys_id}/conflict": {"GET": api.conflicts, "POST": api.detect, "DELETE": api.cancel},
        "/{sys_id}/schedule": {"GET": api.schedule},
        "/{sys_id}/schedule/first_available": {"PATCH": api.take_first},
    }


class _ConflictApi:
    def __init__(self, instance: "Instance") -> None:
        self._instance = instance
        self._changes = Changes(instance)

    async def conflicts(self, request: "Request") -> "Response":
        change = self._changes.find(request)
        found = self._conflicts(change)
        last_run = change["conflict_last_run"]
        return wire.respond(
            request,
            {
                "result": {
                    # So says the API even where there is no conflict.
                    "status": "Conflict" if last_run else "Not Run",
                    "last_run": last_run,
                    "record_count": "1",
                    "job_status": "2",
                    "conflicts": [shown(self._instance, request, "conflict", row) for row in found],
                }
            },
        )

    async def detect(self, request: "Request") -> "Response":
        change = self._changes.find(request)
        window = _planned(change)
        for row in self._conflicts(change):
            self._instance.delete("conflict", row["sys_id"])
        for other in self._planned_for(change["cmdb_ci"], change["sys_id"]):
            if _overlap(window, _planned(other)):
                self._instance.put(
                    "conflict",
                    change=change["sys_id"],
                    type="ci_already_scheduled",
                    configuration_item=change["cmdb_ci"],
                    conflicting_change=other["sys_id"],
                    last_checked=self._instance.now(),
                )
        status = "Conflict" if self._conflicts(change) else "No Conflict"
        self._instance.change(
            "change_request",
            change["sys_id"],
            conflict_last_run=self._instance.now(),
            conflict_status=status,
        )
        return wire.respond(request, {"result": start(self._instance, "conflict", {})})

    async def cancel(self, request: "Request") -> "Response":
        """DELETE cancels the check; where none runs, it says so."""
        self._changes.find(request)
        return wire.respond(request, {"result": "No conflict checking process is running"})

    async def schedule(self, request: "Request") -> "Response":
        change = self._changes.find(request)
        start_at, end = _planned(change)
        free = self._free(change["cmdb_ci"], change["sys_id"], start_at, end - start_at)
        return self._spans(request, free)

    async def item_schedule(self, request: "Request") -> "Response":
        item = request.path_params["item"]
        if self._instance.find("cmdb_ci", item) is None:
            raise ApiError(400, "Invalid CMDB_CI sys_id provided", "")
        seconds = number(request, "duration_in_seconds", _HOUR) or _HOUR
        begin = request.query_params.get("planned_start_time", "")
        start_at = parsed(begin) if begin else self._instance.clock.moment().replace(microsecond=0)
        return self._spans(request, self._free(item, "", start_at, timedelta(seconds=seconds)))

    async def take_first(self, request: "Request") -> "Response":
        """PATCH plans the change for the first free window."""
        change = self._changes.find(request)
        start_at, end = _planned(change)
        free = self._free(change["cmdb_ci"], change["sys_id"], start_at, end - start_at)
        if not free:
            raise ApiError(404, "No available time slot found", "")
        planned = {"start_date": stored(free[0][0]), "end_date": stored(free[0][1])}
        row = self._instance.update("change_request", change, planned, request.state.account)
        return answer(self._instance, request, "change_request", row, {})

    async def worker(self, request: "Request") -> "Response":
        sys_id = request.path_params["worker"]
        if sys_id not in self._instance.workers:
            raise ApiError(404, "Worker not found", "")
        advance(self._instance, sys_id)
        return wire.respond(request, {"result": worker_shown(self._instance, sys_id)})

    def _spans(self, request: "Request", free: list[Window]) -> "Response":
        spans = [{"start": _shown(begin), "end": _shown(end)} for begin, end in free[:_SPANS_SHOWN]]
        outcome = {"payload": {"spans": spans}} if spans else {}
        worker = start(self._instance, "schedule", outcome)
        return wire.respond(request, {"result": worker_shown(self._instance, worker)}, 202)

    def _free(self, item: str, change: str, begin: datetime, length: timedelta) -> list[Window]:
        taken = [_planned(other) for other in self._planned_for(item, change)]
        starts = (begin + count * length for count in range(_WINDOW_SLOTS))
        slots = [(start_at, start_at + length) for start_at in starts]
        return [slot for slot in slots if not any(_overlap(slot, other) for other in taken)]

    def _conflicts(self, change: "Row") -> "list[Row]":
        return [row for row in self._instance.rows("conflict") if row["change"] == change["sys_id"]]

    def _planned_for(self, item: str, change: str) -> "list[Row]":
        """Return the other changes of a configuration item that have planned dates."""
        return [
            row
            for row in self._instance.rows("change_request")
            if row["cmdb_ci"] == item
            and row["sys_id"] != change
            and row["start_date"]
            and row["end_date"]
        ]


def _planned(change: "Row") -> Window:
    """Return a change's planned window.

    Raises:
        ApiError: 400, it has none, or no configuration item.
    """
    if not (change["cmdb_ci"] and change["start_date"] and change["end_date"]):
        raise ApiError(400, "Change Request is missing CI or planned dates", "")
    return parsed(change["start_date"]), parsed(change["end_date"])


def _overlap(one: Window, other: Window) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _shown(moment: datetime) -> dict[str, str]:
    return {"value": stored(moment), "display_value": stored(moment)}
