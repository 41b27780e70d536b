"""What ServiceNow stores, as Python sees it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

from servicenow_tools._responses import stored_text


@dataclass(frozen=True, slots=True)
class IgnoredField:
    """A field that ServiceNow dropped or changed.

    Attributes:
        field: its name.
        sent: what was sent.
        stored: what ServiceNow stored, or None where the table has no such field.
    """

    field: str
    sent: str
    stored: str | None


class Record(dict[str, Any]):
    """A record: its columns as ServiceNow stores them, all text; references are sys_ids.

    Attributes:
        table: its table.
        url: where a person finds it.
        labels: what a person sees of each column, where it was asked for with
            `display_value="all"`.
        ignored_fields: after a write, what ServiceNow dropped or changed.
        existing: after a create, whether the record was there already.
        answered_at: when the instance answered, by its own clock; None where it did not say.
    """

    def __init__(
        self,
        columns: dict[str, Any],
        *,
        table: str,
        instance_url: str,
        labels: dict[str, str] | None = None,
        ignored_fields: list[IgnoredField] | None = None,
    ) -> None:
        super().__init__(columns)
        self.table = table
        # What an instance takes for a sys_id need not be one.
        sys_id = quote(self.sys_id, safe="")
        self.url = f"{instance_url}/nav_to.do?uri={table}.do%3Fsys_id%3D{sys_id}"
        self.labels = labels or {}
        self.ignored_fields = ignored_fields or []
        self.existing = False
        self.answered_at: datetime | None = None

    def label(self, column: str) -> str:
        """Return what a person sees of a column; what is stored, where that was not asked for."""
        return self.labels.get(column, stored_text(self.get(column)))

    @property
    def sys_id(self) -> str:
        """Its key, 32 hexadecimal digits; empty where it was not asked for."""
        return stored_text(self.get("sys_id"))

    @property
    def number(self) -> str:
        """Its number, as INC0010001; empty where the table has none."""
        return stored_text(self.get("number"))

    @property
    def mod_count(self) -> int:
        """How often it was updated, its `sys_mod_count`; 0 where it was not asked for."""
        text = stored_text(self.get("sys_mod_count"))
        return int(text) if text.isascii() and text.isdigit() else 0


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A successful answer to a request of the caller's own.

    Attributes:
        status: the HTTP status.
        headers: its headers, by lower-case name.
        document: the JSON document, or None where there was none.
    """

    status: int
    headers: dict[str, str]
    document: Any

    @property
    def result(self) -> Any:
        """What the document has below `result`, or None."""
        return self.document.get("result") if isinstance(self.document, dict) else None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of what a query finds.

    Attributes:
        records: the records.
        total: how many the query found when the first page was read, or None if unknown.
        next: the cursor of the next page, or None on the last.
    """

    records: list[Record]
    total: int | None
    next: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that a choice field may take."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, as the instance's dictionary defines it.

    Attributes:
        name: its name in the API.
        label: its name on a form.
        type: its internal type: string, reference, glide_date_time, ...
        reference: the table that a reference points to, else empty.
        max_length: how many characters it keeps, or None where it does not say.
        mandatory: whether a record must have a value.
        read_only: whether it cannot be set.
        has_choices: whether only the values of its choice list are taken.
    """

    name: str
    label: str
    type: str
    reference: str
    max_length: int | None
    mandatory: bool
    read_only: bool
    has_choices: bool


@dataclass(frozen=True, slots=True)
class MandatoryField:
    """A field that a record must have.

    Attributes:
        field: its name.
        label: its name on a form, which is what ServiceNow's refusal says.
        condition: the encoded query that says which records must have it; empty for all.
        source: `dictionary`, or the data policy's description.
    """

    field: str
    label: str
    condition: str
    source: str


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """Why a write would fail, or not do what was asked.

    Attributes:
        field: the field concerned.
        message: what is wrong with it.
    """

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a write would send, found out without writing.

    Attributes:
        values: the columns as they would be sent: codes for labels, sys_ids for names.
        problems: what the instance would refuse, drop or cut; empty if nothing is known to be
            wrong.
    """

    values: dict[str, str]
    problems: list[FieldProblem]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What an aggregate query found for one group of records; numbers are ServiceNow's texts.

    Attributes:
        group: the columns that the records were grouped by, and their value in this group.
        count: how many records there are.
        sum: the sum of each column that was asked for; alike `avg`, `min` and `max`.
        avg: averages.
        min: the least values.
        max: the greatest values.
    """

    group: dict[str, str]
    count: int
    sum: dict[str, str] = field(default_factory=dict)
    avg: dict[str, str] = field(default_factory=dict)
    min: dict[str, str] = field(default_factory=dict)
    max: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Imported:
    """What the transform of an import set made of one row.

    Attributes:
        status: inserted, updated, ignored, skipped or error.
        table: the table of the record.
        sys_id: the record, or empty where there is none.
        number: what people call the record, or empty.
        message: what the transform says, as the reason of an error.
    """

    status: str
    table: str
    sys_id: str
    number: str
    message: str


@dataclass(frozen=True, slots=True)
class NextState:
    """A state that a change request may go to next.

    Attributes:
        value: its code, as -4.
        label: its name, as Assess.
        is_available: whether it can go there now.
        missing: the names of the conditions that keep it from there.
    """

    value: str
    label: str
    is_available: bool
    missing: list[str]


@dataclass(frozen=True, slots=True)
class Conflicts:
    """What a change request's schedule conflicts with.

    Attributes:
        found: records of the table conflict, with their `type`. Empty for none.
        last_run: when the instance looked, in UTC.
    """

    found: list[Record]
    last_run: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A free time slot, in UTC."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, span: dict[str, Any]) -> "Slot":
        """Read a span of the Change Management API."""
        return cls(_moment(span["start"]), _moment(span["end"]))


@dataclass(frozen=True, slots=True)
class Check:
    """One stage of a connection test.

    Attributes:
        name: reachable, signed_in, read_incidents, write_incidents or write_change_requests.
        status: unknown where ServiceNow does not let one find out without writing; skipped where
            an earlier stage failed.
        message: for a person: what was found, and what to do about it.
        servicenow: ServiceNow's own `{status, message, detail}`, where it refused.
    """

    name: str
    status: Literal["passed", "failed", "unknown", "skipped"]
    message: str
    servicenow: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """What a connection test found.

    Attributes:
        success: no stage failed.
        message: the outcome in a sentence.
        instance: the instance's URL.
        checks: the stages, in order.
    """

    success: bool
    message: str
    instance: str
    checks: list[Check] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Capability:
    """What an instance allows its user in one respect, and what follows.

    Attributes:
        name: roles, incident_close_codes, change_close_codes, mandatory_to_open_incident,
            mandatory_to_close_incident, mandatory_to_open_change, mandatory_to_close_change,
            incident_states, change_states, change_models, language, time_zone, journals or
            own_approval.
        status: yes, no, or unknown where the user may not look.
        values: what was found, in ServiceNow's own codes.
        means: for a person: what follows for tickets.
        remedy: what an administrator of the instance can change, if there is something.
    """

    name: str
    status: Literal["yes", "no", "unknown"]
    values: tuple[str, ...] = ()
    means: str = ""
    remedy: str = ""


def _moment(value: Any) -> datetime:
    return datetime.strptime(stored_text(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
