"""What a caller may send about tickets.

Free text passes as it is, `^` and all. What may end up in a query (names, codes) is held to what
a query can carry. Lengths are those of ServiceNow's own columns.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

from actionsync import clock
from actionsync.settings import settings

# The context in which what is stored is read.
STORED = {"is_stored": True}
# Columns in which ServiceNow records who did or decided something, and when.
_SPEAK_FOR_PEOPLE = frozenset(
    {"approval", "approval_history", "approval_set", "closed_at", "closed_by", "number",
     "opened_at", "opened_by", "reopened_by", "reopened_time", "resolved_at", "resolved_by",
     "review_comments", "review_date", "review_status"}
)  # fmt: skip
_LONGEST_TEXT = 4000
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,79}")


def _no_query_syntax(text: str) -> str:
    if "^" in text:
        raise ValueError("must not contain ^, which separates the conditions of a query")
    if not text.isprintable():
        raise ValueError("must not contain line breaks or control characters")
    if text.lstrip().lower().startswith("javascript:"):
        raise ValueError("must not begin with javascript:, which ServiceNow would run")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL characters")
    return text


def _file_name(name: str) -> str:
    if not name.strip(" .") or not name.isprintable() or {"/", "\\"} & set(name):
        raise ValueError("must be a file's name, without a path")
    return name


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _column(name: str) -> str:
    if not _COLUMN.fullmatch(name):
        raise ValueError("must name a column: lower-case letters, digits and underscores")
    if name.startswith("sys_"):
        raise ValueError("must not name a sys_ column, which ServiceNow sets itself")
    return name


def _without_peoples_columns(columns: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    """Refuse what says that a person did something, unless the stack allows it.

    Stored rules that set such a column go on without it, where the stack no longer allows it.
    """
    named = _SPEAK_FOR_PEOPLE.intersection(columns)
    taken = sorted(named - settings().allowed_columns) if named else []
    if not taken:
        return columns
    if info.context == STORED:
        return {name: value for name, value in columns.items() if name not in taken}
    raise ValueError(
        f"must not set {', '.join(taken)}, which says what a person has done "
        "(the stack's parameter AllowedColumns can allow it)"
    )


def _column_value(value: Any) -> Any:
    # One check and one message; a union of types would answer with one for each member.
    if isinstance(value, str):
        if len(value) > _LONGEST_TEXT or "\x00" in value:
            raise ValueError(f"must be at most {_LONGEST_TEXT} characters, without NUL")
    elif not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError("must be text, an integer of 64 bits, true or false")
    return value


ShortDescription = Annotated[
    str, Field(min_length=1, max_length=160), AfterValidator(_not_blank), AfterValidator(_no_nul)
]
Text = Annotated[str, Field(max_length=_LONGEST_TEXT), AfterValidator(_no_nul)]
Note = Annotated[Text, Field(min_length=1), AfterValidator(_not_blank)]
Name = Annotated[
    str,
    Field(min_length=1, max_length=100),
    AfterValidator(_not_blank),
    AfterValidator(_no_query_syntax),
]
CorrelationId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        description="The cause's own identity, unique to this ticket; made up where left out.",
    ),
    AfterValidator(_not_blank),
    AfterValidator(_no_query_syntax),
]
# Codes and words of a new instance. Another may have others: which ones is its own to say.
LEVELS = {"1": "high", "2": "medium", "3": "low"}
RISKS = {"1": "very high", "2": "high", "3": "moderate", "4": "low"}
Level = Annotated[
    Name,
    BeforeValidator(_as_text),
    Field(description="1 to 3, or high, medium, low; or another value or label of the instance."),
]
Risk = Annotated[
    Name,
    BeforeValidator(_as_text),
    Field(description="2 to 4, or high, moderate, low; or another value or label of the instance."),
]
State = Annotated[Name, BeforeValidator(_as_text)]
Moment = Annotated[
    AwareDatetime,
    Field(description="With an offset from UTC, as 2024-01-10T10:00:00Z."),
]
Fields = Annotated[
    dict[Annotated[str, AfterValidator(_column)], Annotated[Any, AfterValidator(_column_value)]],
    Field(max_length=100, description="Further columns, the instance's own (u_...) among them."),
    AfterValidator(_without_peoples_columns),
]


class Input(BaseModel):
    """A request's body: columns of a record."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    def columns(self) -> dict[str, Any]:
        """Return what the caller set, by ServiceNow's column names."""
        values: dict[str, Any] = {
            name: clock.stored(value) if isinstance(value, datetime) else value
            for name, value in self.model_dump(exclude_unset=True).items()
        }
        further = values.pop("fields", {})
        return {**further, **values}


class _Change(Input):
    @model_validator(mode="after")
    def _changes_something(self) -> "_Change":
        if not self.columns():
            raise ValueError("must set at least one field")
        return self


class _NewTicket(Input):
    """What tickets of all types have when they are opened."""

    short_description: ShortDescription
    description: Text | None = None
    impact: Level | None = None
    category: Name | None = None
    assignment_group: Name | None = None
    assigned_to: Name | None = None
    work_notes: Note | None = None
    comments: Note | None = None
    correlation_id: CorrelationId | None = None
    correlation_display: Name | None = None
    fields: Fields = {}


class _TicketChange(_Change):
    """What may change in tickets of all types."""

    state: State | None = None
    short_description: ShortDescription | None = None
    description: Text | None = None
    impact: Level | None = None
    category: Name | None = None
    assignment_group: Name | Literal[""] | None = None
    assigned_to: Name | Literal[""] | None = None
    work_notes: Note | None = None
    comments: Note | None = None
    fields: Fields = {}


class _Plan(BaseModel):
    """The plans and the schedule of a change."""

    risk: Risk | None = None
    justification: Text | None = None
    implementation_plan: Text | None = None
    risk_impact_analysis: Text | None = None
    backout_plan: Text | None = None
    test_plan: Text | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None


class NewIncident(_NewTicket):
    """An incident to open."""

    urgency: Level | None = None
    subcategory: Name | None = None
    caller_id: Name | None = None


class IncidentChange(_TicketChange):
    """What to change in an incident; what is left out stays, null or "" clears."""

    urgency: Level | None = None
    subcategory: Name | None = None
    caller_id: Name | None = None
    hold_reason: Name | None = None


class IncidentClosing(Input):
    """How an incident ended.

    Without a close_code, the instance's own code for a solution is used.
    """

    close_notes: Note
    close_code: Name | None = None
    state: Literal["resolved", "closed"] = "resolved"


class Cancellation(Input):
    """Why a ticket is canceled; the reason becomes a work note."""

    reason: Note


class NewChangeRequest(_NewTicket, _Plan):
    """A change request to raise; a standard one is made from its template."""

    type: Literal["normal", "standard", "emergency"] = "normal"
    template: Name | None = None
    requested_by: Name | None = None
    cmdb_ci: Name | None = None


class ChangeRequestChange(_TicketChange, _Plan):
    """What to change in a change request; what is left out stays, null or "" clears."""

    cmdb_ci: Name | Literal[""] | None = None


class ChangeRequestClosing(Input):
    """How a change request ended."""

    close_notes: Note
    close_code: Literal["successful", "successful_issues", "unsuccessful"] = "successful"


class NewProblem(_NewTicket):
    """A problem to open."""

    urgency: Level | None = None
    subcategory: Name | None = None
    cmdb_ci: Name | None = None


class ProblemChange(_TicketChange):
    """What to change in a problem; what is left out stays, null or "" clears."""

    urgency: Level | None = None
    subcategory: Name | None = None
    cmdb_ci: Name | Literal[""] | None = None
    cause_notes: Text | None = None
    fix_notes: Text | None = None
    workaround: Text | None = None


class ProblemClosing(Input):
    """How a problem ended.

    A fix that was applied needs a problem that is assigned to somebody; a duplicate names the
    problem that goes on. Without cause_notes or fix_notes the close_notes are used for them.
    """

    close_notes: Note
    resolution_code: Name = "fix_applied"
    cause_notes: Note | None = None
    fix_notes: Note | None = None
    duplicate_of: Name | None = None
    state: Literal["resolved", "closed"] = "closed"


class NewSecurityIncident(_NewTicket):
    """A security incident to open."""

    urgency: Level | None = None
    subcategory: Name | None = None
    cmdb_ci: Name | None = None
    affected_user: Name | None = None


class SecurityIncidentChange(_TicketChange):
    """What to change in a security incident; what is left out stays, null or "" clears."""

    urgency: Level | None = None
    subcategory: Name | None = None
    cmdb_ci: Name | Literal[""] | None = None
    affected_user: Name | Literal[""] | None = None


class SecurityIncidentClosing(Input):
    """How a security incident ended; the codes are the instance's own."""

    close_notes: Note
    close_code: Name


class NewImport(Input):
    """A row for a staging table; the instance's transform says what its columns mean."""

    fields: Annotated[Fields, Field(min_length=1)]


class NewWorkNote(Input):
    """A work note to add."""

    work_note: Note


class NewAttachment(BaseModel):
    """A file to attach; its content is the request's body."""

    model_config = ConfigDict(extra="forbid")

    file_name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=100,
            description="The file's name, else the filename of the header Content-Disposition.",
        ),
        AfterValidator(_file_name),
    ]


class IncidentSearch(BaseModel):
    """Which incidents to list, newest first. Filters add up; a group or user may be a name."""

    model_config = ConfigDict(extra="forbid")

    state: Name | None = None
    assignment_group: Name | None = None
    assigned_to: Name | None = None
    priority: Literal["1", "2", "3", "4", "5"] | None = None
    category: Name | None = None
    short_description: Annotated[Name | None, Field(description="Text it contains.")] = None
    correlation_id: CorrelationId | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str | None, Field(max_length=1000)] = None
