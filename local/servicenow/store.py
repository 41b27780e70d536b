"""The records of an instance: stored, found, and shown as people see them.

A write never changes a row in place: it stores another instead. A test may change the row that
`find` returns, and changes the record.
"""

import itertools
import secrets
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from . import display
from . import query as encoded
from .clock import Clock
from .display import Reader
from .languages import translator
from .scripts import Session, evaluate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .schema import Column, Schema, Table

Row = dict[str, str]

JOURNALS = {"work_notes": "Work notes", "comments": "Additional comments"}
# Options of `sys_filter_option_dynamic`, with the sys_ids that every instance has for them.
DYNAMIC = {
    "90d1921e5f510100a9ad2572f2b477fe": ("Me", "javascript:gs.getUserID()"),
    "54635e965f510100a9ad2572f2b4774c": ("Me", "javascript:gs.getUserID()"),
    "d6435e965f510100a9ad2572f2b477fe": ("One of My Groups", "javascript:gs.getMyGroups()"),
}


@dataclass(slots=True)
class State:
    """All that an instance stores.

    Attributes:
        rows: rows by table and sys_id.
        numbers: the next number by table.
        contents: the files of attachments by sys_id.
    """

    rows: dict[str, dict[str, Row]]
    numbers: dict[str, int]
    contents: dict[str, bytes]

    def copy(self) -> Self:
        """Return a copy that shares no rows."""
        return type(self)(
            {
                name: {sys_id: dict(row) for sys_id, row in rows.items()}
                for name, rows in self.rows.items()
            },
            dict(self.numbers),
            dict(self.contents),
        )


class Store:
    """The records of an instance. Its methods may be called from any thread.

    Args:
        schema: the tables.
    """

    def __init__(self, schema: "Schema") -> None:
        self.schema = schema
        self.clock = Clock()
        self.lock = threading.RLock()
        self.state = State({}, {}, {})
        self._choices: dict[tuple[str, str], list[Row]] | None = None

    def restore(self, state: State) -> None:
        """Take another state's place."""
        with self.lock:
            self.state = state.copy()
            self._choices = None

    # ---- reading

    def records(self, table: str) -> list[Row]:
        """Return copies of the records of a table and of those that extend it, oldest first."""
        with self.lock:
            return [dict(row) for row in self.rows(table)]

    def rows(self, table: str) -> "Iterable[Row]":
        """Return the records of a table and of those that extend it."""
        return list(
            itertools.chain.from_iterable(
                self.state.rows.get(name, {}).values() for name in self.schema.family(table)
            )
        )

    def find(self, table: str, sys_id: str) -> Row | None:
        """Return a record itself, of a table or of one that extends it, or None."""
        for name in self.schema.family(table):
            row = self.state.rows.get(name, {}).get(sys_id)
            if row is not None:
                return row
        return None

    def table_of(self, table: str, sys_id: str) -> str:
        """Return the name of the table that a record is in: the one named or one extending it."""
        return next(
            (name for name in self.schema.family(table) if sys_id in self.state.rows.get(name, {})),
            table,
        )

    def one(self, table: str, /, **values: str) -> Row:
        """Return a copy of the only record with these values, for assertions.

        Raises:
            LookupError: there is none, or more than one.
        """
        found = [
            row
            for row in self.records(table)
            if all(row[name] == value for name, value in values.items())
        ]
        if len(found) != 1:
            raise LookupError(f"{len(found)} records of {table} have {values}")
        return found[0]

    def select(self, table: str, text: str, session: Session) -> list[Row]:
        """Return the records that an encoded query finds, in its order."""
        definition = self.schema.table(table)
        query = self.parse(table, text, session)
        with self.lock:
            return encoded.select(query, self.rows(table), self._lookup(definition, session))

    def meets(self, table: str, row: Row, text: str, session: Session) -> bool:
        """Return whether a record meets an encoded query."""
        definition = self.schema.table(table)
        return encoded.meets(
            self.parse(table, text, session), row, self._lookup(definition, session)
        )

    def parse(self, table: str, text: str, session: Session) -> encoded.EncodedQuery:
        """Parse an encoded query on a table, and run its scripts."""
        definition = self.schema.table(table)

        def resolve(condition: encoded.Condition) -> encoded.Condition:
            operator, value = condition.operator, condition.value
            if operator == "DYNAMIC":
                operator, value = "IN", DYNAMIC.get(value, ("", f"javascript:{value}"))[1]
            elif "getMyGroups" in value:  # it gives a list
                operator = {"=": "IN", "!=": "NOT IN"}.get(operator, operator)
            return encoded.Condition(condition.field, operator, evaluate(value, session))

        query = encoded.parse(
            text,
            lambda condition: self.schema.column(definition, condition.field) is not None,
            resolve,
        )
        if query.ignored and self.prop("glide.invalid_query.returns_no_rows") == "true":
            return encoded.EncodedQuery((), query.order)
        return query

    def _lookup(self, table: "Table", session: Session) -> encoded.Lookup:
        def kind(path: str) -> str:
            column = self.schema.column(table, path)
            return column.kind if column is not None else ""

        def shown(row: Row, path: str) -> str:
            column = self.schema.column(table, path)
            value = self.value(table, row, path)
            if column is None or column.kind != "reference":
                return value
            return self.display(column, value)

        def related(name: str, column: str, query: str) -> Counter[str]:
            return Counter(row.get(column, "") for row in self.select(name, query, session))

        return encoded.Lookup(
            lambda row, path: self.value(table, row, path),
            shown,
            kind,
            related,
            lambda actual, wanted: actual in self.schema and wanted in self.schema.lineage(actual),
            session.now,
        )

    def value(self, table: "Table", row: Row, path: str) -> str:
        """Return a row's value for a field that may be dot-walked, or an empty text."""
        name, _, rest = path.partition(".")
        if not rest:
            return row.get(name, "")
        column = table.columns.get(name)
        if column is None or column.kind != "reference" or column.reference not in self.schema:
            return ""
        target = self.find(column.reference, row.get(name, ""))
        if target is None:
            return ""
        return self.value(self.schema.table(column.reference), target, rest)

    def display(self, column: "Column", value: str, reader: Reader | None = None) -> str:
        """Return what a person sees for a value."""
        reader = reader or Reader()
        if not value:
            return ""
        if column.kind == "reference":
            return self._display_of(column.reference, value, reader)
        if column.kind == "date":
            return display.moment(value, reader)
        if column.kind == "day":
            return display.day(value, reader)
        if column.kind == "duration":
            return display.duration(value)
        return value

    def label(self, table: str, column: "Column", value: str, language: str = "en") -> str:
        """Return a choice's label in a language; else the English one, else the value."""
        labels = self.choice_labels(table, column.name, language, active=False)
        return labels.get(value, value)

    def shown(self, table: str, column: "Column", value: str, reader: Reader) -> str:
        """Return what a person sees in a table's column for a value."""
        if column.kind == "choice" and value:
            return self.label(table, column, value, reader.language)
        return self.display(column, value, reader)

    def choice_labels(
        self, table: str, column: str, language: str = "en", *, active: bool = True
    ) -> dict[str, str]:
        """Return the labels of a column's choices by value, in order.

        Those of the nearest table count that has any: an incident's state before a task's.
        """
        for name in self.schema.lineage(table):
            found = [
                row
                for row in self._all_choices().get((name, column), ())
                if not (active and row["inactive"] == "true")
            ]
            if found:
                english = {row["value"]: row["label"] for row in found if row["language"] == "en"}
                own = {row["value"]: row["label"] for row in found if row["language"] == language}
                return english | own
        return {}

    def _all_choices(self) -> dict[tuple[str, str], list[Row]]:
        if self._choices is None:
            self._choices = {}
            for row in self.state.rows.get("sys_choice", {}).values():
                self._choices.setdefault((row["name"], row["element"]), []).append(row)
        return self._choices

    def journal(self, row: Row, name: str, reader: Reader) -> str:
        """Return a journal's whole history, newest entry first, as display values show it."""
        translate = translator(reader.language)
        return "".join(
            f"{display.moment(entry['sys_created_on'], reader)} - "
            f"{self.full_name(entry['sys_created_by'])} "
            f"({translate(JOURNALS[entry['element']])})\n{entry['value']}\n\n"
            for entry in reversed(self.journal_entries(row["sys_id"], name))
        )

    def journal_entries(self, sys_id: str, name: str) -> list[Row]:
        """Return the entries of a record's journal, oldest first."""
        names = tuple(JOURNALS) if name == "comments_and_work_notes" else (name,)
        return [
            entry
            for entry in self.state.rows.get("sys_journal_field", {}).values()
            if entry["element_id"] == sys_id and entry["element"] in names
        ]

    def full_name(self, user_name: str) -> str:
        """Return a user's name as people read it."""
        row = self.first("sys_user", user_name=user_name)
        return user_name if row is None else row["name"]

    def first(self, table: str, /, **values: str) -> Row | None:
        """Return the first record with these values, or None."""
        return next(
            (
                row
                for row in self.rows(table)
                if all(row.get(name) == value for name, value in values.items())
            ),
            None,
        )

    def prop(self, name: str, default: str = "") -> str:
        """Return a system property."""
        row = self.first("sys_properties", name=name)
        return default if row is None else row["value"]

    # ---- writing, past all rules

    def put(self, table: str, /, **values: str) -> Row:
        """Put a record in as it is, past all rules: for demo data and tests."""
        definition = self.schema.table(table)
        with self.lock:
            row = self.blank(definition, values.get("sys_created_by", "system")) | {
                name: str(value) for name, value in values.items()
            }
            if definition.prefix and not row["number"]:
                row["number"] = self.next_number(definition)
            if "task_effective_number" in row:
                row["task_effective_number"] = row["number"]
            self.save(table, row)
            return row

    def blank(self, table: "Table", user_name: str) -> Row:
        """Return a new record with the columns' defaults; it is not stored yet."""
        now = self.clock.now()
        row = {name: column.default for name, column in table.columns.items()}
        row |= {
            "sys_id": secrets.token_hex(16),
            "sys_created_on": now,
            "sys_created_by": user_name,
            "sys_updated_on": now,
            "sys_updated_by": user_name,
        }
        if "sys_class_name" in row:
            row["sys_class_name"] = table.name
        return row

    def next_number(self, table: "Table") -> str:
        """Return the next number of a table, and count it."""
        number = self.state.numbers.get(table.name, table.first_number)
        self.state.numbers[table.name] = number + 1
        return f"{table.prefix}{number:0{table.digits}d}"

    def save(self, table: str, row: Row) -> None:
        """Store a row instead of the one with its sys_id."""
        self.state.rows.setdefault(table, {})[row["sys_id"]] = row
        if table == "sys_choice":
            self._choices = None

    def change(self, table: str, sys_id: str, /, **values: str) -> Row:
        """Change a record's values past all rules, and return it."""
        with self.lock:
            name = self.table_of(table, sys_id)
            row = self.state.rows[name][sys_id] | values
            self.save(name, row)
            return row

    def delete(self, table: str, sys_id: str) -> None:
        """Remove a record with its attachments."""
        with self.lock:
            for attachment in self.rows("sys_attachment"):
                if attachment["table_sys_id"] == sys_id:
                    self.delete("sys_attachment", attachment["sys_id"])
            self.state.contents.pop(sys_id, None)
            name = self.table_of(table, sys_id)
            del self.state.rows[name][sys_id]
            if name == "sys_choice":
                self._choices = None

    def add_note(self, table: str, sys_id: str, element: str, text: str, user_name: str) -> None:
        """Add an entry to a record's journal."""
        self.put(
            "sys_journal_field",
            name=table,
            element=element,
            element_id=sys_id,
            value=text,
            sys_created_by=user_name,
        )

    def now(self) -> str:
        """Return the moment as ServiceNow stores it."""
        return self.clock.now()

    def seconds(self) -> float:
        """Return the instance's clock in seconds since 1970."""
        return self.clock.seconds()

    def skip(self, seconds: float) -> None:
        """Let the instance's clock run ahead."""
        self.clock.skip(seconds)

    def _display_of(self, table: str, sys_id: str, reader: Reader) -> str:
        target = self.find(table, sys_id) if table in self.schema else None
        if target is None:
            return ""
        definition = self.schema.table(table)
        column = definition.columns[definition.display]
        return self.display(column, target.get(column.name, ""), reader)
