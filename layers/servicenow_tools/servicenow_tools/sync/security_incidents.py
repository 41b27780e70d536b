# Generated from servicenow_tools/security_incidents.py by `make sync`: change that one.
"""Security incidents, where the instance has Security Incident Response."""

from typing import Any

from servicenow_tools.records import Record
from servicenow_tools.states import FINAL_STATES, SecurityIncidentState
from servicenow_tools.sync.tables import Instance, Resource

_TABLE = "sn_si_incident"


class SecurityIncidents(Resource):
    """The security incidents of one instance. `id` is a sys_id or a number everywhere.

    An instance without the application answers with PluginMissingError.
    """

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance, _TABLE)

    def create(
        self,
        short_description: str,
        description: str | None = None,
        *,
        category: str | None = None,
        subcategory: str | None = None,
        assignment_group: str | None = None,
        correlation_id: str | None = None,
        claimed: bool = False,
        **fields: Any,
    ) -> Record:
        """Open a security incident, exactly one; one with the caller's correlation_id is returned.

        Args:
            short_description: one line, at most 160 characters.
            description: all there is to say.
            category: one of the instance's own, by value or label.
            subcategory: one of the category's.
            assignment_group: a group's name or sys_id.
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
            "category": category,
            "subcategory": subcategory,
            "assignment_group": assignment_group,
            "correlation_id": correlation_id,
            **fields,
        }
        return self.insert(values, claimed=claimed)

    def close(
        self,
        id: str,  # noqa: A002 - the API's own name
        close_notes: str,
        close_code: str,
        **fields: Any,
    ) -> Record:
        """Close a security incident.

        Args:
            id: the security incident.
            close_notes: how it ended.
            close_code: one of the instance's own, by value or label.
            fields: further columns to set with it.

        Raises:
            StateError: it is closed or canceled already.
        """
        return self._end(
            id,
            state=SecurityIncidentState.CLOSED,
            close_code=close_code,
            close_notes=close_notes,
            **fields,
        )

    def cancel(self, id: str, reason: str) -> Record:  # noqa: A002
        """Cancel a security incident, with a work note that says why.

        Raises:
            StateError: it is closed or canceled already.
        """
        return self._end(id, state=SecurityIncidentState.CANCELED, work_notes=reason)

    def _end(self, id: str, **values: Any) -> Record:  # noqa: A002
        with self._http.deadline():
            record = self.get(id, fields=["sys_id", "number", "state"])
            if record.get("state") in FINAL_STATES[_TABLE]:
                raise self.state_error(record, "it is closed or canceled already")
            return self.update(record.sys_id, values)
