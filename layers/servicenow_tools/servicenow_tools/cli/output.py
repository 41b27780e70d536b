"""What the command prints, and how it ends."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from servicenow_tools import errors
from servicenow_tools.records import Record

# The first class that fits decides.
EXIT_CODES: dict[type[errors.ServiceNowError], int] = {
    errors.InvalidRequestError: 3,
    errors.AuthenticationError: 4,
    errors.PermissionDeniedError: 5,
    errors.NotFoundError: 6,
    errors.RateLimitedError: 8,
    errors.UnavailableError: 8,
    errors.HibernatingError: 8,
    errors.ResponseError: 7,
    errors.ServiceNowError: 8,
}
MAYBE_WRITTEN = 9
INTERRUPTED = 130


@contextmanager
def failing() -> Iterator[None]:
    """End with the exit code of what goes wrong inside, which stderr names."""
    try:
        yield
    except errors.ServiceNowError as error:
        code = next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
        text = str(error)
        if error.maybe_applied:
            code, text = MAYBE_WRITTEN, f"{text} It may have been written: look before repeating."
        _stderr().print(f"error: {text}", style="red", markup=False, highlight=False)
        raise typer.Exit(code) from None
    except KeyboardInterrupt:
        _stderr().print("interrupted", style="red")
        raise typer.Exit(INTERRUPTED) from None


def show(record: Record, *, as_json: bool) -> None:
    """Print a record: its columns that are not empty, as a person sees them."""
    for ignored in record.ignored_fields:
        said = "dropped it" if ignored.stored is None else f"stored {ignored.stored or 'nothing'}"
        text = f"warning: {ignored.field}: {ignored.sent} was sent, ServiceNow {said}"
        _stderr().print(text, style="yellow", markup=False, highlight=False)
    if as_json:
        write_line(record | {"url": record.url})
        return
    rows = [(name, record.label(name)) for name in sorted(record) if record.label(name)]
    _print(("column", "value"), [*rows, ("url", record.url)])


def listed(records: Iterable[Record], columns: Sequence[str], *, as_json: bool) -> None:
    """Print records: a table, or one JSON object a line as soon as it is there."""
    if as_json:
        for record in records:
            write_line(record | {"url": record.url})
        return
    _print(columns, [[record.label(name) for name in columns] for record in records])


def counted(records: Iterable[Record]) -> Iterator[Record]:
    """Yield records, and say on a terminal how many there are so far."""
    console = _stderr()
    with console.status("") as status:
        for count, record in enumerate(records, start=1):
            status.update(f"{count} records")
            yield record


@contextmanager
def busy(text: str) -> Iterator[None]:
    """Say on a terminal what takes its time."""
    with _stderr().status(text):
        yield


def write_line(document: Mapping[str, Any]) -> None:
    """Print a JSON object in a line of its own."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")


def _print(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(text.replace("[", r"\[") for text in row))
    # What is piped is not cut.
    Console(width=None if sys.stdout.isatty() else 10_000).print(table)


def _stderr() -> Console:
    return Console(stderr=True)
