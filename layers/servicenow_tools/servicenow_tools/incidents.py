"""Incidents."""

from typing import Any, Literal

from servicenow_tools.errors import InvalidRequestError, PermissionDeniedError
from servicenow_tools.records import Record
from servicenow_tools.states import HoldReason, IncidentState
from servicenow_tools.tables import Instance, Resource

# Codes for a solution that worked, by age of the instance's release, the newest first.
_SOLVED = ("Solution provided", "Solved (Permanently)", "Solved Remotely (Permanently)")


class Incidents(Resource):
    """The incidents of one instance. `id` is a sys_id or a number everywhere."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance, "incident")

    async def create(  # noqa: PLR0917 - in the order of the documented call
        self,
        short_description: str,
        description: str | None = None,
        urgency: str | int | None = None,
        impact: str | int | None = None,
        category: str | None = None,
        subcategory: str | None = None,
        assignment_group: str | None = None,
        *,
        assigned_to: str | None = None,
        caller_id: str | None = None,
        correlation_id: str | None = None,
        claimed: bool = False,
        **fields: Any,
    ) -> Record:
        """Open an incident, exactly one, also when the network fails half-way.

        A `correlation_id` of the caller's own is looked up first: an incident that has it is
        returned, with `existing`, also if it is closed. Two callers in two processes at the same
        moment may still open two.

        Args:
            short_description: one line, at most 160 characters.
            description: all there is to say.
            urgency: 1 to 3, or high, medium, low. With the impact it makes the priority.
            impact: the same.
            category: one of the instance's own, by value or label.
            subcategory: one of the category's.
            assignment_group: a group's name or sys_id.
            assigned_to: a user's user name, e-mail, name or sys_id.
            caller_id: the same.
            correlation_id: what the record is recognised by, unique to it, at most 100
                characters; made up if None.
            claimed: whether the caller has made sure that nobody else opens an incident with this
                correlation_id, so that it need not be looked up.
            fields: further columns, `work_notes` and the instance's own `u_...` among them.

        Returns:
            The record as ServiceNow stored it; `ignored_fields` has what it dropped or changed.

        Raises:
            InvalidRequestError: a value is refused here.
            ServiceNowError: with `maybe_applied`, it is not known whether the record exists; look
                for its correlation_id before trying again.
        """
        values = {
            "short_description": short_description,
            "description": description,
            "urgency": urgency,
            "impact": impact,
            "category": category,
            "subcategory": subcategory,
            "assignment_group": assignment_group,
            "assigned_to": assigned_to,
            "caller_id": caller_id,
            "correlation_id": correlation_id,
            **fields,
        }
        return await self.insert(values, claimed=claimed)

    async def close(
        self,
        id: str,  # noqa: A002 - the API's own name
        close_notes: str,
        close_code: str | None = None,
        *,
        state: Literal["resolved", "closed"] = "resolved",
        **fields: Any,
    ) -> Record:
        """Resolve an incident, and close it if asked to.

        Resolved is where an incident's work ends; by default the instance itself closes it days
        later, and closing at once needs the role itil_admin (documentation: Resolve and close an
        incident).

        Args:
            id: the incident.
            close_notes: how it was solved.
            close_code: one of the instance's own resolution codes, by value or label (`choices`
                lists them). If None, the first of Solution provided, Solved (Permanently) and
                Solved Remotely (Permanently) that it has.
            state: `resolved`, or `closed` to go on to Closed in a second write.
            fields: further columns, set together with the resolution.

        Raises:
            InvalidRequestError: the instance has no such code (the text lists those it has), or
                `state` is another; nothing was written. Where the codes cannot be read the
                instance itself judges.
            ServiceNowError: with `maybe_applied`, the incident may be resolved and not closed.
        """
        if state not in {"resolved", "closed"}:
            raise InvalidRequestError("must be resolved or closed", "state")
        with self._http.deadline():
            code = await self._close_code(close_code)
            steps: list[dict[str, Any]] = [
                {"state": IncidentState.RESOLVED, "close_code": code, "close_notes": close_notes,
                 **fields}
            ]  # fmt: skip
            if state == "closed":
                steps.append({"state": IncidentState.CLOSED})
            return await self.update_in_steps(id, steps)

    async def reopen(self, id: str, reason: str, **fields: Any) -> Record:  # noqa: A002
        """Bring a resolved incident back to In Progress, with a work note that says why.

        Args:
            id: the incident.
            reason: the work note.
            fields: further columns.

        Raises:
            StateError: it is not resolved; a closed incident stays closed (documentation:
                Incident state model).
        """
        with self._http.deadline():
            record = await self.get(id, fields=["sys_id", "number", "state"])
            if record.get("state") != IncidentState.RESOLVED:
                raise self.state_error(record, "only a resolved one can be reopened")
            return await self.update(
                record.sys_id,
                **{"state": IncidentState.IN_PROGRESS, "work_notes": reason, **fields},
            )

    async def hold(
        self,
        id: str,  # noqa: A002 - the API's own name
        hold_reason: str | int,
        comment: str | None = None,
    ) -> Record:
        """Put an incident on hold.

        Args:
            id: the incident.
            hold_reason: awaiting caller, awaiting problem, awaiting vendor, awaiting change, or
                the instance's own code or label.
            comment: what the caller reads; demanded where the caller is waited for.

        Raises:
            InvalidRequestError: the caller is waited for, and there is no comment.
        """
        with self._http.deadline():
            values = await self.serialize({"hold_reason": hold_reason})
            if values["hold_reason"] == HoldReason.AWAITING_CALLER and not comment:
                raise InvalidRequestError("must say what the caller is waited for", "comment")
            return await self.update(id, values, state=IncidentState.ON_HOLD, comments=comment)

    async def cancel(self, id: str, reason: str) -> Record:  # noqa: A002
        """Cancel an incident, with a work note that says why; it cannot be opened again.

        Raises:
            StateError: it is closed or canceled already.
        """
        with self._http.deadline():
            record = await self.get(id, fields=["sys_id", "number", "state"])
            if record.get("state") in {IncidentState.CLOSED, IncidentState.CANCELED}:
                raise self.state_error(record, "it cannot be canceled")
            return await self.update(record.sys_id, state=IncidentState.CANCELED, work_notes=reason)

    async def _close_code(self, given: str | None) -> str:
        """Return the close code to send, which the instance has.

        An unknown one is dropped by the instance, which then says that there is none.
        """
        try:
            choices = await self.choices("close_code")
        except PermissionDeniedError:
            choices = []
        known = [choice.value for choice in choices]
        wanted = _SOLVED if given is None else (given,)
        if not known:
            return wanted[0]
        for code in wanted:
            if code in known:
                return code
        found = await self._metadata.choice_value("incident", "close_code", wanted[0])
        if found is not None:
            return found
        raise InvalidRequestError(
            f"must be one of the codes that this instance has: {', '.join(known)}", "close_code"
        )
