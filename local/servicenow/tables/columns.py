"""Short ways to write columns and tables."""

from ..schema import Choices, Column, Table


def text(name: str, label: str, length: int = 4000, default: str = "") -> Column:
    """Return a column of text."""
    return Column(name, label, length=length, default=default)


def ref(name: str, label: str, table: str, default: str = "") -> Column:
    """Return a reference to a table."""
    return Column(name, label, "reference", table, 32, default)


def choice(name: str, label: str, default: str = "") -> Column:
    """Return a column with choices."""
    return Column(name, label, "choice", default=default)


def date(name: str, label: str) -> Column:
    """Return a date with a time of day."""
    return Column(name, label, "date")


def day(name: str, label: str) -> Column:
    """Return a date without a time of day."""
    return Column(name, label, "day")


def duration(name: str, label: str) -> Column:
    """Return a duration."""
    return Column(name, label, "duration")


def flag(name: str, label: str, default: str = "false") -> Column:
    """Return a column that is true or false."""
    return Column(name, label, "boolean", default=default)


def integer(name: str, label: str, default: str = "") -> Column:
    """Return a column of whole numbers."""
    return Column(name, label, "integer", default=default)


def journal(name: str, label: str) -> Column:
    """Return a journal: what is written into it becomes an entry."""
    return Column(name, label, "journal")


SYSTEM = (
    Column("sys_id", "Sys ID", length=32),
    date("sys_created_on", "Created"),
    text("sys_created_by", "Created by", 40),
    date("sys_updated_on", "Updated"),
    text("sys_updated_by", "Updated by", 40),
    integer("sys_mod_count", "Updates", "0"),
    text("sys_tags", "Tags", 255),
)


def table(
    name: str,
    label: str,
    *columns: Column,
    display: str,
    extends: str = "",
    number: tuple[str, int] = ("", 0),
    readers: tuple[str, ...] = (),
    writers: tuple[str, ...] = (),
    deleters: tuple[str, ...] = (),
) -> Table:
    """Return a table; one that extends no other has the system's columns."""
    own = columns if extends else (*SYSTEM, *columns)
    return Table(
        name,
        label,
        {column.name: column for column in own},
        display,
        extends,
        *number,
        readers=readers,
        writers=writers,
        deleters=deleters,
    )


def named(name: str, label: str, *columns: Column, extends: str = "", **options: object) -> Table:
    """Return a table whose records are known by their names."""
    return table(
        name, label, text("name", "Name", 255), *columns,
        display="name", extends=extends, **options,  # type: ignore[arg-type]
    )  # fmt: skip


def same(*values: str) -> dict[str, str]:
    """Return choices whose labels are their values."""
    return {value: value for value in values}


def choices(name: str, column: str, labels: dict[str, str], **depends_on: str) -> Choices:
    """Return a column's choices; each keyword lists, separated by commas, what depends on it."""
    return Choices(
        name,
        column,
        labels,
        {value: key for key, values in depends_on.items() for value in values.split(",")},
    )
