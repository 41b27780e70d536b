"""Cursors: where a page ends, as an opaque text for the caller."""

import base64
import hashlib
import json
from dataclasses import dataclass

from servicenow_tools.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Position:
    """The last record of a page in the order newest first.

    Attributes:
        created: its sys_created_on.
        sys_id: its sys_id, which decides among records of the same second.
        total: how many records the query found when the first page was read, or None if unknown.
    """

    created: str
    sys_id: str
    total: int | None


def write(position: Position, search: str) -> str:
    """Return the cursor of a position in a search, which a table and a query make."""
    parts = [position.created, position.sys_id, position.total]
    text = json.dumps([*parts, _digest(parts, search)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(cursor: str, search: str) -> Position:
    """Return the position that a cursor of the same search stands for.

    Raises:
        InvalidRequestError: it is of another search, or no cursor at all.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        *parts, digest = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if digest == _digest(parts, search):
            return Position(*parts)
    except (ValueError, TypeError, RecursionError):
        pass
    raise InvalidRequestError("is not a cursor of this search", "cursor")


def _digest(parts: list[str | int | None], search: str) -> str:
    """Return a mark that shows a changed cursor, or one of another search. It guards no secret."""
    text = json.dumps([parts, search])
    return hashlib.blake2s(text.encode(), digest_size=8).hexdigest()
