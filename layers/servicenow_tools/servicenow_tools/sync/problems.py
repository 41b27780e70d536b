# Generated from servicenow_tools/problems.py by `make sync`: change that one.
"""Problems and their tasks."""

from typing import Any, Literal

from servicenow_tools.errors import InvalidRequestError
from servicenow_tools.query import field
from servicenow_tools.records import Record
from servicenow_tools.states import ProblemState
from servicenow_tools.sync.tables import Instance, Resource, Table, check_rows

_ANALYSED = frozenset({ProblemState.ROOT_CAUSE_ANALYSIS, ProblemState.FIX_IN_PROGRESS})


class Problems(Resource):
    """The problems of one instance. `id` is a sys_id or a number everywhere."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance, "problem")
        self._tasks = Table(instance, "problem_task")

    def create(
        self,
        short_description: str,
        description: str | None = None,
        *,
        urgency: str | int | None = None,
        impact: str | int | None = None,
        assignment_group: str | None = None,
        assigned_to: str | None = None,
        correlation_id: str | None = None,
        claimed: bool = False,
        **fields: Any,
    ) -> Record:
        """Open a problem, exactly one; a record with the caller's correlation_id is returned.

        Args:
            short_description: one line, at most 160 characters.
            description: all there is to say.
            urgency: 1 to 3, or high, medium, low. With the impact it makes the priority.
            impact: the same.
            assignment_group: a group's name or sys_id.
            assigned_to: a user's user name, e-mail, name or sys_id.
            correlation_id: as for incidents.
            claimed: as for incidents.
            fields: further columns.

        Raises:
            InvalidRequestError: a value is refused here.
            ServiceNowError: with `maybe_applied`, it is not known whether the record exists.
        """
        values = {
            "short_description": short_description,
            "description": description,
            "urgency": urgency,
            "impact": impact,
            "assignment_group": assignment_group,
            "assigned_to": assigned_to,
            "correlation_id": correlation_id,
            **fields,
        }
        return self.insert(values, claimed=claimed)

    def close(
        self,
        id: str,  # noqa: A002 - the API's own name
        close_notes: str,
        resolution_code: str = "fix_applied",
        *,
        cause_notes: str | None = None,
        fix_notes: str | None = None,
        duplicate_of: str | None = None,
        state: Literal["resolved", "closed"] = "closed",
    ) -> Record:
        """Close a problem through the states of its model (documentation: Problem state model).

        A fix that was applied goes through Root Cause Analysis and Resolved, for which the problem
        must be assigned to somebody; the other codes lead to Closed at once.

        Args:
            id: the problem.
            close_notes: how it ended.
            resolution_code: fix_applied, risk_accepted, canceled or duplicate, or a code or label
                of the instance's own.
            cause_notes: what the cause was; `close_notes` if None.
            fix_notes: what was done about it; `close_notes` if None.
            duplicate_of: the problem that goes on, for a duplicate.
            state: `closed`, or `resolved` to leave the last step to the instance or a person.

        Raises:
            StateError: it is closed already.
            InvalidRequestError: a duplicate without the problem that goes on, or another `state`.
            ServiceNowError: with `maybe_applied`, it may be resolved and not closed.
        """
        if state not in {"resolved", "closed"}:
            raise InvalidRequestError("must be resolved or closed", "state")
        with self._http.deadline():
            values = self.serialize({"resolution_code": resolution_code})
            code = values["resolution_code"]
            if (code == "duplicate") != (duplicate_of is not None):
                raise InvalidRequestError(
                    "is needed for a duplicate, and for nothing else", "duplicate_of"
                )
            record = self.get(id, fields=["sys_id", "number", "state"])
            now = str(record.get("state"))
            if now == ProblemState.CLOSED:
                raise self.state_error(record, "it is closed already")
            ending: dict[str, Any] = {
                "resolution_code": code,
                "close_notes": close_notes,
                "duplicate_of": duplicate_of,
            }
            if code in {"fix_applied", "risk_accepted"}:
                ending["cause_notes"] = cause_notes or close_notes
            if code == "fix_applied":
                ending["fix_notes"] = fix_notes or close_notes
            if code != "fix_applied":
                return self.update(record.sys_id, ending, state=ProblemState.CLOSED)
            steps: list[dict[str, Any]] = []
            if now not in {*_ANALYSED, ProblemState.RESOLVED}:
                steps.append({"state": ProblemState.ROOT_CAUSE_ANALYSIS})
            if now != ProblemState.RESOLVED:
                steps.append({"state": ProblemState.RESOLVED, **ending})
            if state == "closed":
                steps.append({"state": ProblemState.CLOSED, "close_notes": close_notes})
            return self.update_in_steps(record.sys_id, steps or [ending])

    def reopen(self, id: str, reason: str) -> Record:  # noqa: A002
        """Bring a resolved or closed problem back to Root Cause Analysis, with a work note.

        Raises:
            StateError: it is neither resolved nor closed.
        """
        with self._http.deadline():
            record = self.get(id, fields=["sys_id", "number", "state"])
            if record.get("state") not in {ProblemState.RESOLVED, ProblemState.CLOSED}:
                raise self.state_error(record, "only a resolved or closed one can be reopened")
            return self.update(
                record.sys_id, state=ProblemState.ROOT_CAUSE_ANALYSIS, work_notes=reason
            )

    def tasks(self, id: str) -> list[Record]:  # noqa: A002 - the API's own name
        """Return a problem's tasks, by number."""
        with self._http.deadline():
            sys_id = self.resolve_sys_id(id)
            query = field("problem").eq(sys_id).order_by("number")
            found = self._tasks.search(query, limit=1000)
        check_rows(found, "problem", sys_id)
        return found

    def create_task(
        self,
        id: str,  # noqa: A002 - the API's own name
        short_description: str,
        **fields: Any,
    ) -> Record:
        """Add a task to a problem, exactly one.

        Args:
            id: the problem.
            short_description: one line, at most 160 characters.
            fields: further columns of problem_task; `problem_task_type` is rca or general.
        """
        with self._http.deadline():
            sys_id = self.resolve_sys_id(id)
            return self._tasks.create(fields, short_description=short_description, problem=sys_id)
