"""What ServiceNow keeps, as Python sees it."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class IgnoredField:
    """A field that ServiceNow dropped or changed.

    Attributes:
        field: its name.
        sent: what was sent.
        kept: what ServiceNow kept, or None where it keeps no such field.
    """

    field: str
    sent: str
    kept: str | None


class Record(dict[str, Any]):
    """A record: its columns as ServiceNow gives them, all text; references are sys_ids.

    Attributes:
        table: its table.
        url: where a person finds it.
        ignored_fields: after a write, what ServiceNow dropped or changed.
    """

    def __init__(
        self,
        columns: dict[str, Any],
        *,
        table: str,
        instance_url: str,
        ignored_fields: list[IgnoredField] | None = None,
    ) -> None:
        super().__init__(columns)
        self.table = table
        self.url = f"{instance_url}/nav_to.do?uri={table}.do%3Fsys_id%3D{self.sys_id}"
        self.ignored_fields = ignored_fields or []

    @property
    def sys_id(self) -> str:
        """Its key, 32 hexadecimal digits; empty where it was not asked for."""
        return _stored(self.get("sys_id"))

    @property
    def number(self) -> str:
        """Its number, as INC0010001; empty where the table has none."""
        return _stored(self.get("number"))


@dataclass(frozen=True, slots=True)
class Page:
    """A part of what a query finds.

    Attributes:
        records: the records.
        total: how many the query found when the first page was read, or None if not told.
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


def _stored(value: Any) -> str:
    """Return a value as stored, also from a record with display values."""
    if isinstance(value, dict):
        value = value.get("value")
    return value if isinstance(value, str) else ""
