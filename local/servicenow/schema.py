"""Tables and columns: what they consist of, and how one table extends another."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .errors import invalid_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: its name in the API.
        label: its name on a form, which data policies use in their messages.
        kind: string, integer, decimal, boolean, choice, date (with a time of day), day, duration,
            reference, journal, password (shown as asterisks) or encrypted (never shown).
        reference: the table that a reference points to.
        length: how many characters it holds; longer text is cut.
        default: its value in a new record.
        mandatory: whether the dictionary calls it mandatory, which forms check and the API does
            not.
        hidden: whether an access control hides it from everybody but administrators.
    """

    name: str
    label: str
    kind: str = "string"
    reference: str = ""
    length: int = 40
    default: str = ""
    mandatory: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: its name in the API.
        label: its name for people.
        columns: its own columns and those of the tables that it extends, by name.
        display: the column that stands for a record.
        extends: the table that it extends.
        prefix: what its numbers start with; empty where its records have none.
        first_number: the number of the first record made here, after the demo data's.
        digits: how many digits a number has.
        readers: the roles of which one is needed to read; empty for everybody.
        writers: the roles of which one is needed to write; empty for administrators alone.
        deleters: the same for deleting.
    """

    name: str
    label: str
    columns: dict[str, Column]
    display: str
    extends: str = ""
    prefix: str = ""
    first_number: int = 0
    digits: int = 7
    readers: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()
    deleters: tuple[str, ...] = ()


class Schema:
    """The tables of an instance.

    Args:
        tables: each with its own columns only, after the table that it extends.
    """

    def __init__(self, tables: "Iterable[Table]") -> None:
        self._tables: dict[str, Table] = {}
        self._children: dict[str, list[str]] = {}
        for table in tables:
            self.add(table)

    def __iter__(self) -> "Iterator[Table]":
        return iter(self._tables.values())

    def __contains__(self, name: object) -> bool:
        return name in self._tables

    def add(self, table: Table) -> None:
        """Add a table, or put another in its place; it inherits what it extends."""
        columns = dict(self._tables[table.extends].columns) if table.extends else {}
        self._tables[table.name] = replace(table, columns=columns | table.columns)
        siblings = self._children.setdefault(table.extends, [])
        if table.name not in siblings:
            siblings.append(table.name)

    def change(self, name: str, columns: "Mapping[str, Column]", **changes: object) -> None:
        """Change a table, and give columns to it and to all that extend it."""
        table = self.table(name)
        self._tables[name] = replace(
            table,
            columns={**table.columns, **columns},
            **changes,  # type: ignore[arg-type]
        )
        for child in self._children.get(name, ()):
            self.change(child, columns)

    def drop(self, name: str, columns: "Iterable[str]") -> None:
        """Take columns away from a table and from all that extend it."""
        for member in self.family(name):
            table = self._tables[member]
            remaining = {key: column for key, column in table.columns.items() if key not in columns}
            self._tables[member] = replace(table, columns=remaining)

    def remove(self, name: str) -> None:
        """Take a table away, and all that extend it."""
        for member in self.family(name):
            table = self._tables.pop(member)
            self._children[table.extends].remove(member)

    def table(self, name: str) -> Table:
        """Return a table's definition.

        Raises:
            ApiError: 400, there is no such table.
        """
        if name not in self._tables:
            raise invalid_table(name)
        return self._tables[name]

    def family(self, name: str) -> list[str]:
        """Return a table's name and those of all tables that extend it, however far removed."""
        return [
            name,
            *(found for child in self._children.get(name, ()) for found in self.family(child)),
        ]

    def lineage(self, name: str) -> list[str]:
        """Return a table's name and those that it extends, the nearest first."""
        extends = self._tables[name].extends
        return [name, *(self.lineage(extends) if extends else ())]

    def column(self, table: Table, path: str) -> Column | None:
        """Return the column that a name, dot-walked or not, stands for, or None."""
        name, _, rest = path.partition(".")
        column = table.columns.get(name)
        if column is None or not rest:
            return column
        if column.kind != "reference" or column.reference not in self:
            return None
        return self.column(self._tables[column.reference], rest)


@dataclass(slots=True)
class Choices:
    """The values that a column may have, with their labels, in order.

    Attributes:
        table: the table that they belong to.
        column: the column's name.
        labels: labels by value.
        depends_on: where the choices depend on another column's value, that value by value.
    """

    table: str
    column: str
    labels: dict[str, str]
    depends_on: dict[str, str] = field(default_factory=dict)
