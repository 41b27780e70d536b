"""Ticket types as data: a further table of tickets is one entry here, and routes in the template.

Incidents and change requests have a function for each operation; all others share `create_record`
and its siblings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from actionsync.tickets import models
from servicenow_tools import (
    ChangeState,
    IncidentState,
    ProblemState,
    SecurityIncidentState,
    ServiceNowClient,
)


@dataclass(frozen=True, slots=True)
class TicketType:
    """A table of tickets.

    Attributes:
        table: ServiceNow's name of it.
        segment: its name in paths, plural.
        states: the codes of its states.
        reported: columns whose changes come back as events.
        resource: returns the client's resource of the table.
        new: the model of a ticket to open.
        change: the model of what to change in one.
        closing: the model of how one ended.
        arguments: the client's names of columns that cannot be names of arguments.
    """

    table: str
    segment: str
    states: type[StrEnum]
    reported: tuple[str, ...]
    resource: Callable[[ServiceNowClient], Any]
    new: type[BaseModel]
    change: type[BaseModel]
    closing: type[BaseModel]
    arguments: Mapping[str, str] = field(default_factory=dict)


# Columns of every task.
_OF_TASKS = (
    "active", "assigned_to", "assignment_group", "close_notes", "closed_at", "priority",
    "short_description", "state",
)  # fmt: skip

INCIDENT = TicketType(
    table="incident",
    segment="incidents",
    states=IncidentState,
    reported=(*_OF_TASKS, "close_code", "hold_reason", "impact", "resolved_at", "urgency"),
    resource=lambda client: client.incidents,
    new=models.NewIncident,
    change=models.IncidentChange,
    closing=models.IncidentClosing,
)
CHANGE_REQUEST = TicketType(
    table="change_request",
    segment="change-requests",
    states=ChangeState,
    reported=(
        *_OF_TASKS,
        "approval",
        "close_code",
        "end_date",
        "on_hold",
        "on_hold_reason",
        "start_date",
    ),
    resource=lambda client: client.changes,
    new=models.NewChangeRequest,
    change=models.ChangeRequestChange,
    closing=models.ChangeRequestClosing,
    arguments={"type": "type_"},
)
PROBLEM = TicketType(
    table="problem",
    segment="problems",
    states=ProblemState,
    reported=(*_OF_TASKS, "impact", "resolution_code", "resolved_at", "urgency"),
    resource=lambda client: client.problems,
    new=models.NewProblem,
    change=models.ProblemChange,
    closing=models.ProblemClosing,
)
SECURITY_INCIDENT = TicketType(
    table="sn_si_incident",
    segment="security-incidents",
    states=SecurityIncidentState,
    reported=(*_OF_TASKS, "close_code", "impact", "urgency"),
    resource=lambda client: client.security_incidents,
    new=models.NewSecurityIncident,
    change=models.SecurityIncidentChange,
    closing=models.SecurityIncidentClosing,
)
# The types that share their functions.
SHARED_TYPES = (PROBLEM, SECURITY_INCIDENT)
TICKET_TYPES = (INCIDENT, CHANGE_REQUEST, *SHARED_TYPES)
TYPES = {ticket_type.table: ticket_type for ticket_type in TICKET_TYPES}
# Tables whose records take work notes and whose choices are shown, by their names in paths.
TABLES = {
    **{ticket_type.segment: ticket_type.table for ticket_type in TICKET_TYPES},
    "change-tasks": "change_task",
}
