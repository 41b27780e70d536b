"""The states of tickets, as codes of a new instance: one enum for each table.

An instance may have states of its own; wherever a state is taken, its code or label serves as well.
"""

from enum import StrEnum


class IncidentState(StrEnum):
    """States of `incident` (documentation: Incident state model)."""

    NEW = "1"
    IN_PROGRESS = "2"
    ON_HOLD = "3"
    RESOLVED = "6"
    CLOSED = "7"
    CANCELED = "8"


class HoldReason(StrEnum):
    """What an incident on hold waits for."""

    AWAITING_CALLER = "1"
    AWAITING_PROBLEM = "3"
    AWAITING_VENDOR = "4"
    AWAITING_CHANGE = "5"


class ChangeState(StrEnum):
    """States of `change_request` (documentation: Change state model)."""

    NEW = "-5"
    ASSESS = "-4"
    AUTHORIZE = "-3"
    SCHEDULED = "-2"
    IMPLEMENT = "-1"
    REVIEW = "0"
    CLOSED = "3"
    CANCELED = "4"


class ChangeTaskState(StrEnum):
    """States of `change_task`."""

    PENDING = "-5"
    OPEN = "1"
    IN_PROGRESS = "2"
    CLOSED = "3"
    CANCELED = "4"


class ProblemState(StrEnum):
    """States of `problem` (documentation: Problem state model)."""

    NEW = "101"
    ASSESS = "102"
    ROOT_CAUSE_ANALYSIS = "103"
    FIX_IN_PROGRESS = "104"
    RESOLVED = "106"
    CLOSED = "107"


class ProblemTaskState(StrEnum):
    """States of `problem_task` (documentation: Problem task states)."""

    NEW = "151"
    ASSESS = "152"
    WORK_IN_PROGRESS = "154"
    CLOSED = "157"


class SecurityIncidentState(StrEnum):
    """States of `sn_si_incident` (documentation: Security Incident Response process)."""

    DRAFT = "10"
    ANALYSIS = "16"
    CONTAIN = "18"
    ERADICATE = "19"
    RECOVER = "20"
    REVIEW = "100"
    CLOSED = "3"
    CANCELED = "7"


STATES: dict[str, type[StrEnum]] = {
    "incident": IncidentState,
    "change_request": ChangeState,
    "change_task": ChangeTaskState,
    "problem": ProblemState,
    "problem_task": ProblemTaskState,
    "sn_si_incident": SecurityIncidentState,
}

# The states in which nothing is left to do.
FINAL_STATES: dict[str, frozenset[str]] = {
    "incident": frozenset({IncidentState.RESOLVED, IncidentState.CLOSED, IncidentState.CANCELED}),
    "change_request": frozenset({ChangeState.CLOSED, ChangeState.CANCELED}),
    "change_task": frozenset({ChangeTaskState.CLOSED, ChangeTaskState.CANCELED}),
    "problem": frozenset({ProblemState.RESOLVED, ProblemState.CLOSED}),
    "problem_task": frozenset({ProblemTaskState.CLOSED}),
    "sn_si_incident": frozenset({SecurityIncidentState.CLOSED, SecurityIncidentState.CANCELED}),
}
