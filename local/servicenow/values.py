"""What the instance takes of the values that a request sends."""

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .clock import read_day, read_moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from .display import Reader
    from .schema import Column, Table
    from .store import Row, Store

_SYS_ID = re.compile(r"[0-9a-fA-F]{32}")
_TRUE = {"true", "1", "yes", "on"}
_NUMBER = {"integer": re.compile(r"-?\d+"), "decimal": re.compile(r"-?\d+(\.\d+)?")}
_OFFSET_DURATION = re.compile(r"(?:(\d+) )?(\d\d?):(\d\d):(\d\d)")


@dataclass(slots=True)
class Accepted:
    """What the instance takes of the values sent.

    Attributes:
        values: the columns' new values.
        notes: entries of journals by column.
        secrets: passwords by column, which are stored elsewhere.
        ignored: the names that were dropped.
    """

    values: "Row" = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)


def accept(
    store: "Store",
    table: "Table",
    sent: dict[str, Any],
    reader: "Reader | None" = None,
    *,
    is_admin: bool = False,
) -> Accepted:
    """Return what the instance takes of the values sent.

    Unknown columns and the system's own are dropped silently; so is a choice that the
    column does not have (property glide.rest.choice.allow_non_existing_value).

    Args:
        store: the records.
        table: the table written to.
        sent: the values.
        reader: who sends display values instead of stored ones; None for stored values.
        is_admin: whether the writer may write columns that are hidden from others.
    """
    found = Accepted()
    for name, value in sent.items():
        column = table.columns.get(name)
        if column is None or _is_systems(name) or (column.hidden and not is_admin):
            found.ignored.append(name)
            continue
        text = as_text(value)
        if column.kind == "journal":
            if text and name != "comments_and_work_notes":
                found.notes[name] = text
        elif column.kind in {"password", "encrypted"}:
            found.secrets[name] = text
        else:
            accepted = _READERS.get(column.kind, _string)(store, table, column, text, reader)
            if accepted is None:
                found.ignored.append(name)
            else:
                found.values[name] = accepted
    return found


def as_text(value: Any) -> str:
    """Return a JSON value as ServiceNow stores it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}={as_text(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)


def _is_systems(name: str) -> bool:
    return name.startswith("sys_") and name not in {"sys_data_policy", "sys_domain"}


def _string(
    _: "Store", __: "Table", column: "Column", text: str, ___: "Reader | None"
) -> str | None:
    return text[: column.length]


def _choice(
    store: "Store", table: "Table", column: "Column", text: str, reader: "Reader | None"
) -> str | None:
    labels = store.choice_labels(table.name, column.name)
    if not labels:
        return text[: column.length] or None
    if reader is not None and text not in labels:
        shown = store.choice_labels(table.name, column.name, reader.language)
        text = next((value for value, label in (shown | labels).items() if label == text), text)
        text = next((value for value, label in shown.items() if label == text), text)
    return text if text in labels else None


def _reference(
    store: "Store", _: "Table", column: "Column", text: str, reader: "Reader | None"
) -> str | None:
    """Return the sys_id meant; text that means none is stored as it came, cut to 32 characters."""
    if reader is not None and not _SYS_ID.fullmatch(text) and column.reference in store.schema:
        shown = store.schema.table(column.reference).display
        named = [row for row in store.rows(column.reference) if row.get(shown) == text]
        if len(named) == 1:
            return named[0]["sys_id"]
    return text[:32]


def _boolean(
    _: "Store", __: "Table", ___: "Column", text: str, ____: "Reader | None"
) -> str | None:
    return "true" if text.lower() in _TRUE else "false"


def _number(
    _: "Store", __: "Table", column: "Column", text: str, ___: "Reader | None"
) -> str | None:
    return text if not text or _NUMBER[column.kind].fullmatch(text) else None


def _moment(
    _: "Store", __: "Table", ___: "Column", text: str, reader: "Reader | None"
) -> str | None:
    if not text:
        return ""
    return read_moment(text) if reader is None else read_moment(text, reader.zone)


def _day(_: "Store", __: "Table", ___: "Column", text: str, ____: "Reader | None") -> str | None:
    return read_day(text) if text else ""


def _duration(
    _: "Store", __: "Table", ___: "Column", text: str, ____: "Reader | None"
) -> str | None:
    """Return a duration as a moment after 1970; `1 04:23:17` is read as days and a time."""
    if not text:
        return ""
    found = _OFFSET_DURATION.fullmatch(text)
    if found is None:
        return read_moment(text)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return f"1970-01-{days + 1:02d} {hours:02d}:{minutes:02d}:{seconds:02d}"


_READERS: "dict[str, Callable[[Store, Table, Column, str, Reader | None], str | None]]" = {
    "choice": _choice,
    "reference": _reference,
    "boolean": _boolean,
    "integer": _number,
    "decimal": _number,
    "date": _moment,
    "day": _day,
    "duration": _duration,
}
