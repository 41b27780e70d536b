"""Change requests through the Change Management API (documentation: Change Management API).

It knows what the Table API does not: templates, the change model's next states, conflicts, free
time slots. Where an instance has no such API, the Table API does what it can.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from servicenow_tools import _concurrency, _labels
from servicenow_tools._http import Request
from servicenow_tools._references import ITEM, TEMPLATE
from servicenow_tools._responses import Answer, columns, stored
from servicenow_tools.errors import (
    InvalidRequestError,
    ServerError,
    ServiceNowError,
    StateError,
    UnexpectedContentError,
    ValidationError,
)
from servicenow_tools.query import field
from servicenow_tools.records import Conflicts, NextState, Record, Slot
from servicenow_tools.states import ChangeState
from servicenow_tools.tables import Instance, Resource, Table, check_rows

_Read = TypeVar("_Read")

_TABLE = "change_request"
_TASK = "change_task"
_API = "/api/sn_chg_rest/change"
_POLL_SECONDS = 0.5
_COMPLETE, _FAILED = "3", "4"

# The way of a change, from New to Closed.
_WAY = (
    ChangeState.NEW, ChangeState.ASSESS, ChangeState.AUTHORIZE, ChangeState.SCHEDULED,
    ChangeState.IMPLEMENT, ChangeState.REVIEW, ChangeState.CLOSED,
)  # fmt: skip
_FROM_SCHEDULED: dict[str, str] = {
    ChangeState.SCHEDULED: ChangeState.IMPLEMENT,
    ChangeState.IMPLEMENT: ChangeState.REVIEW,
    ChangeState.REVIEW: ChangeState.CLOSED,
}
# From where to where a change can go, on an instance that does not say.
_OUT_OF_THE_BOX: dict[str, dict[str, str]] = {
    "normal": {ChangeState.NEW: ChangeState.ASSESS, **_FROM_SCHEDULED},
    "standard": {ChangeState.NEW: ChangeState.SCHEDULED, **_FROM_SCHEDULED},
    "emergency": {ChangeState.NEW: ChangeState.AUTHORIZE, **_FROM_SCHEDULED},
}


class Changes(Resource):
    """The change requests of one instance. `id` is a sys_id or a number everywhere."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance, _TABLE)
        self._tasks = Table(instance, _TASK)
        self._affected = Table(instance, "task_ci")
        self._is_missing = False

    async def create(  # noqa: PLR0917 - in the order of the documented call
        self,
        short_description: str,
        description: str | None = None,
        type_: str = "normal",
        risk: str | int | None = None,
        impact: str | int | None = None,
        assignment_group: str | None = None,
        *,
        template: str | None = None,
        correlation_id: str | None = None,
        claimed: bool = False,
        **fields: Any,
    ) -> Record:
        """Raise a change request, exactly one; one with the caller's correlation_id is returned.

        Args:
            short_description: one line, at most 160 characters.
            description: all there is to say.
            type_: normal, emergency, or standard, which is made from its template by the Change
                Management API.
            risk: 2 to 4 (older releases: 1 to 4), or high, moderate, low.
            impact: 1 to 3, or high, medium, low.
            assignment_group: a group's name or sys_id.
            template: for a standard change, its template's name or sys_id.
            correlation_id: as for incidents.
            claimed: as for incidents.
            fields: further columns.

        Raises:
            InvalidRequestError: a value is refused here; a standard change has no template, or
                another one has.
            ServiceNowError: with `maybe_applied`, it is not known whether the record exists.
        """
        values: dict[str, Any] = {
            "short_description": short_description,
            "description": description,
            "risk": risk,
            "impact": impact,
            "assignment_group": assignment_group,
            "correlation_id": correlation_id,
            **fields,
        }
        with self._http.deadline():
            kind = (await self.serialize({"type": type_}))["type"]
            if (kind == "standard") != (template is not None):
                raise InvalidRequestError(
                    "is needed for a standard change, and for nothing else", "template"
                )
            if template is not None:
                # A Table API insert would leave the template's fields out.
                template_id = await self._metadata.sys_id_of("template", template, TEMPLATE)
                path = f"{_API}/standard/{template_id}"
                return await self.insert(values, claimed=claimed, path=path)
            if not self._is_missing:
                try:
                    path = f"{_API}/{kind}" if kind in {"normal", "emergency"} else _API
                    return await self.insert(values, claimed=claimed, path=path)
                except ValidationError as error:
                    await self._check_missing(error)
            return await self.insert({"type": kind, **values}, claimed=claimed)

    async def tasks(self, id: str) -> list[Record]:  # noqa: A002 - the API's own name
        """Return a change's tasks, by number."""
        with self._http.deadline():
            sys_id = await self.resolve_sys_id(id)
            query = field("change_request").eq(sys_id).order_by("number").encode()
            rows = await self._http.find(_TASK, query, limit=1000)
        check_rows(rows, "change_request", sys_id)
        return [self._tasks.to_record(row) for row in rows]

    async def create_task(
        self,
        id: str,  # noqa: A002 - the API's own name
        short_description: str,
        **fields: Any,
    ) -> Record:
        """Add a task to a change, exactly one.

        Args:
            id: the change.
            short_description: one line, at most 160 characters.
            fields: further columns of change_task; `change_task_type` is planning,
                implementation, testing or review.
        """
        with self._http.deadline():
            sys_id = await self.resolve_sys_id(id)
            values = {"short_description": short_description, **fields}
            if not self._is_missing:
                try:
                    path = f"{_API}/{sys_id}/task"
                    return await self._tasks.insert(values, path=path)
                except ValidationError as error:
                    await self._check_missing(error)
            return await self._tasks.insert({**values, "change_request": sys_id})

    async def next_states(self, id: str) -> list[NextState]:  # noqa: A002 - the API's own name
        """Return the states that a change can go to next, by the instance's own change model."""
        with self._http.deadline():
            return await self._next_states(await self.get(id))

    async def move(
        self,
        id: str,  # noqa: A002 - the API's own name
        state: str | int,
        **fields: Any,
    ) -> Record:
        """Bring a change to a state, through the states between that its model demands.

        Args:
            id: the change.
            state: the goal: a number, or assess, authorize, scheduled, implement, review, closed,
                canceled.
            fields: what is set together with the goal: `close_code` and `close_notes` for
                closed, `work_notes` for canceled.

        Returns:
            The change in that state. It is returned as it is if it is there already.

        Raises:
            StateError: there is no way from where it is, or it waits there: for an approval, or
                for a condition that the text names. With `maybe_applied` it has been moved on
                the way.
            ServiceNowError: with `maybe_applied`, it may have been moved.
        """
        moved = False
        with self._http.deadline():
            goal = (await self.serialize({"state": state}))["state"]
            record = await self.get(id)
            while str(record.get("state")) != goal:
                try:
                    step = await self._step(record, goal)
                    values = {"state": step, **(fields if step == goal else {})}
                    record = await self.update(record.sys_id, values)
                    moved = True
                    if str(record.get("state")) != step and not _is_after(record, step):
                        raise self._stuck(record, goal, "the instance keeps it there")
                except ServiceNowError as error:
                    error.maybe_applied = error.maybe_applied or moved
                    raise
        return record

    async def close(
        self,
        id: str,  # noqa: A002 - the API's own name
        close_code: str = "successful",
        close_notes: str = "",
        **fields: Any,
    ) -> Record:
        """Close a change that is in Implement or Review, through Review if it has to be.

        Args:
            id: the change.
            close_code: successful, successful_issues or unsuccessful, or a code or label of the
                instance's own.
            close_notes: how it went; ServiceNow demands them.
            fields: further columns, set together with the end.

        Raises:
            StateError: its change model does not let it be closed from where it is.
            ServiceNowError: with `maybe_applied`, it may be in Review and not closed.
        """
        with self._http.deadline():
            record = await self.get(id)
            closing = {
                "state": ChangeState.CLOSED,
                "close_code": close_code,
                "close_notes": close_notes,
                **fields,
            }
            ahead = [s.value for s in await self._next_states(record) if s.is_available]
            steps: list[dict[str, Any]] = [closing]
            if ChangeState.REVIEW in ahead:
                steps = [{"state": ChangeState.REVIEW}, closing]
            elif ChangeState.CLOSED not in ahead:
                raise self.state_error(
                    record,
                    "only one in Implement (-1) or Review (0), or where the instance's change "
                    "model says so, can be closed",
                )
            return await self.update_in_steps(record.sys_id, steps)

    async def cancel(self, id: str, reason: str) -> Record:  # noqa: A002 - the API's own name
        """Cancel a change, with a work note that says why.

        Raises:
            StateError: one in Review or Closed cannot be canceled.
        """
        return await self.move(id, ChangeState.CANCELED, work_notes=reason)

    async def affected_cis(self, id: str) -> list[Record]:  # noqa: A002 - the API's own name
        """Return a change's affected configuration items: records of task_ci.

        Each has `ci_item`, the item's sys_id, and `ci_item.name`.
        """
        with self._http.deadline():
            sys_id = await self.resolve_sys_id(id)
            query = field("task").eq(sys_id).order_by("sys_created_on").encode()
            rows = await self._http.find(
                "task_ci", query, limit=1000,
                fields=["sys_id", "task", "ci_item", "ci_item.name", "sys_created_on"],
            )  # fmt: skip
        check_rows(rows, "task", sys_id)
        return self._records("task_ci", rows)

    async def add_affected_ci(self, id: str, ci: str) -> Record:  # noqa: A002
        """Add an affected configuration item to a change, once; return the record of task_ci.

        Args:
            id: the change.
            ci: the item's name or sys_id.
        """
        with self._http.deadline():
            sys_id = await self.resolve_sys_id(id)
            item = await self._metadata.sys_id_of("ci", ci, ITEM)
            for known in await self.affected_cis(sys_id):
                if known.get("ci_item") == item:
                    known.existing = True
                    return known
            return await self._affected.insert({"task": sys_id, "ci_item": item})

    async def remove_affected_ci(self, id: str, ci: str) -> None:  # noqa: A002
        """Remove an affected configuration item from a change; nothing happens if it has none."""
        with self._http.deadline():
            sys_id = await self.resolve_sys_id(id)
            item = await self._metadata.sys_id_of("ci", ci, ITEM)
            for known in await self.affected_cis(sys_id):
                if known.get("ci_item") == item:
                    await self._affected.delete(known.sys_id)

    async def approvals(self, id: str) -> list[Record]:  # noqa: A002 - the API's own name
        """Return who has been asked to approve a change: records of sysapproval_approver.

        Each has `state` (requested, approved, rejected, not_required), `approver` and
        `approver.name`.
        """
        with self._http.deadline():
            sys_id = await self.resolve_sys_id(id)
            rows = await self._http.find(
                "sysapproval_approver",
                field("sysapproval").eq(sys_id).order_by("sys_created_on").encode(),
                limit=1000,
                fields=["sys_id", "state", "approver", "approver.name", "comments", "sysapproval",
                        "sys_created_on", "sys_updated_on"],
            )  # fmt: skip
        check_rows(rows, "sysapproval", sys_id)
        return self._records("sysapproval_approver", rows)

    async def check_conflicts(self, id: str) -> Conflicts:  # noqa: A002 - the API's own name
        """Make the instance look for conflicts in a change's schedule, and return what it found.

        The change needs a configuration item and planned dates.

        Raises:
            RequestTimeoutError: the instance did not come to an end in time.
            ServerError: its check failed.
        """
        with self._http.deadline():
            sys_id = await self.resolve_sys_id(id)
            path = f"{_API}/{sys_id}/conflict"
            # Checking twice finds what checking once finds.
            started = await self._http.send(Request("POST", path), repeatable=True)
            await self._worker(started.result)
            answer = await self._http.get(path)
        # The status is Conflict even where there is none: only the list counts.
        conflicts = self._records("conflict", _read(answer, _conflicts))
        return Conflicts(conflicts, str(answer.record().get("last_run") or ""))

    async def free_slots(self, id: str) -> list[Slot]:  # noqa: A002 - the API's own name
        """Return when a change could be done: free time slots of its configuration item.

        The change needs a configuration item and planned dates, which say how long it takes.
        Empty where there is no slot within the instance's window, 90 days by default.

        Raises:
            RequestTimeoutError: the instance did not come to an end in time.
            ServerError: its search failed.
        """
        with self._http.deadline():
            sys_id = await self.resolve_sys_id(id)
            started = await self._http.get(f"{_API}/{sys_id}/schedule")
            worker = _read(started, lambda document: document["worker"]["sysId"])
            ended = await self._worker(worker)
        return _read(ended, _slots)

    async def templates(self) -> list[Record]:
        """Return the templates of standard changes: records of std_change_record_producer."""
        query = field("active").ne("false").order_by("name").encode()
        rows = await self._http.find(TEMPLATE.table, query, limit=1000)
        return self._records(TEMPLATE.table, rows)

    async def _step(self, record: Record, goal: str) -> str:
        """Return the next state on the way to a goal.

        Raises:
            StateError: there is no way.
        """
        ahead = await self._next_states(record)
        free = [state.value for state in ahead if state.is_available]
        if goal in free:
            return goal
        now = str(record.get("state"))
        if goal in _WAY and now in _WAY:
            between = _WAY[_WAY.index(now) + 1 : _WAY.index(goal)]
            steps = [state for state in between if state in free]
            if steps:
                return steps[-1]
        blocked = [name for state in ahead if not state.is_available for name in state.missing]
        why = f"not met: {', '.join(blocked)}" if blocked else ""
        if not why and record.get("approval") == "requested":
            why = "it waits for approval"
        raise self._stuck(record, goal, why or "its change model has no way there")

    def _stuck(self, record: Record, goal: str, why: str) -> StateError:
        to = _labels.label_of(_TABLE, "state", goal)
        return self.state_error(record, f"it cannot go on to {to}: {why}")

    async def _next_states(self, record: Record) -> list[NextState]:
        now = str(record.get("state"))
        if not self._is_missing:
            try:
                path = f"{_API}/{record.sys_id}/nextstates"
                answer = await self._http.get(path)
                return _read(answer, lambda document: _next_states(document, now))
            except ValidationError as error:
                await self._check_missing(error)
        ways = _OUT_OF_THE_BOX.get(str(record.get("type")), {})
        ahead = [ways[now]] if now in ways else []
        if now in _WAY and now not in {ChangeState.REVIEW, ChangeState.CLOSED}:
            ahead.append(ChangeState.CANCELED)
        return [
            NextState(
                state, _labels.label_of(_TABLE, "state", state), is_available=True, missing=[]
            )
            for state in ahead
        ]

    async def _worker(self, sys_id: object) -> Answer:
        """Wait for one of the instance's workers, and return what it answers at its end."""
        path = f"{_API}/worker/{sys_id}"
        while True:
            answer = await self._http.get(path)
            state = answer.record().get("state")
            if state == _FAILED:
                raise ServerError(answer.status, _read(answer, _said))
            if state == _COMPLETE:
                return answer
            await _concurrency.sleep(_POLL_SECONDS)

    def _records(self, table: str, rows: Iterable[dict[str, Any]]) -> list[Record]:
        resource = Resource(self._instance, table)
        return [resource.to_record(row) for row in rows]

    async def _check_missing(self, error: ValidationError) -> None:
        """Remember that the instance has no such API, or raise what else is wrong."""
        if not await self._metadata.is_unknown_path(error):
            raise error
        self._is_missing = True


def _read(answer: Answer, read: Callable[[dict[str, Any]], _Read]) -> _Read:
    """Return what a function reads from an answer.

    Raises:
        UnexpectedContentError: it found something else than this API answers.
    """
    document = answer.document()
    try:
        return read(document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        text = "The answer is not what the Change Management API answers."
        raise UnexpectedContentError(answer.status, text) from error


def _conflicts(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [columns(row) for row in document.get("conflicts") or []]


def _said(document: dict[str, Any]) -> str | None:
    said = (document.get("messages") or {}).get("errorMessages") or []
    return "; ".join(map(str, said)) or None


def _slots(document: dict[str, Any]) -> list[Slot]:
    return [Slot.of(span) for span in (document.get("payload") or {}).get("spans") or []]


def _next_states(document: dict[str, Any], now: str) -> list[NextState]:
    """Read the answer of nextstates: states, their labels, and what each way there demands."""
    labels = document.get("state_label")
    labels = labels if isinstance(labels, dict) else {}
    ways: dict[str, list[dict[str, Any]]] = {}
    for group in document.get("state_transitions") or []:
        for way in group:
            ways.setdefault(str(stored(way.get("to_state"))), []).append(way)
    found = []
    for value in document.get("available_states") or []:
        state = str(stored(value))
        if state == now:
            continue
        known = ways.get(state, [])
        # Type driven changes have states without ways: those are free.
        is_available = not known or any(way.get("transition_available") for way in known)
        missing = [
            str(condition.get("condition", {}).get("name"))
            for way in known
            for condition in way.get("conditions") or []
            if not condition.get("passed")
        ]
        label = str(labels.get(state, _labels.label_of(_TABLE, "state", state)))
        found.append(NextState(state, label, is_available, [] if is_available else missing))
    return found


def _is_after(record: Record, state: str) -> bool:
    """Return whether a change has gone on by itself beyond a state."""
    now = str(record.get("state"))
    return now in _WAY and state in _WAY and _WAY.index(now) > _WAY.index(state)
