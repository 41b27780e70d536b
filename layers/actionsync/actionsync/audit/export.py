"""The audit trail as CSV (RFC 4180), for auditors: who did what, when, with before and after.

What an event or an instance has said may stand in a cell. A spreadsheet takes a cell that begins
with one of a few characters for a formula: such a cell gets an apostrophe in front, as OWASP has it
(CSV Injection). A cell has one line, and no character that is none.
"""

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS = (
    "at", "who", "action", "outcome", "kind", "table", "number", "sys_id", "url", "fields",
    "before", "after", "reason_type", "reason", "cause", "rule", "warnings", "assumptions",
    "recovered", "correlation_id", "id",
)  # fmt: skip
# As they are, and as spreadsheets read their full-width forms.
_FORMULA = tuple("=+-@|%＝＋－＠")  # noqa: RUF001 - meant


def as_csv(owner: str, records: "Iterable[dict[str, Any]]") -> str:
    """Return records of an owner's trail, one a line below the names of the columns."""
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for record in records:
        said = {**record, "who": record.get("by", owner)}
        writer.writerow([inert_cell(_text(said.get(name, ""))) for name in COLUMNS])
    return file.getvalue()


def inert_cell(text: str) -> str:
    """Return a text as a cell of one line that no spreadsheet runs."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return f"'{line}" if line.startswith(_FORMULA) else line


def _text(value: Any) -> str:
    match value:
        case dict():
            return "; ".join(f"{name}: {_text(each)}" for name, each in value.items())
        case list():
            return ", ".join(map(_text, value))
        case bool():
            return str(value).lower()
        case None:
            return ""
    return str(value)
