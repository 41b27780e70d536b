"""The instance's own choices: states, categories, close codes."""

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from actionsync.errors import FieldError, InvalidInputError

if TYPE_CHECKING:
    from actionsync.connections.sessions import ClientCache

CHOICE_TABLES = ("incident", "change_request", "change_task", "problem")
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,79}")


async def choices(sessions: "ClientCache", owner: str, table: str, field: str) -> dict[str, Any]:
    """Return `{table, field, choices: [{value, label}]}` of the user's instance.

    Raises:
        InvalidInputError: the table has no tickets, or the field is no column's name.
        ConnectionNotFoundError: the user has stored no connection.
        ServiceNowError: the instance failed.
    """
    if table not in CHOICE_TABLES:
        raise InvalidInputError(FieldError("table", f"must be one of {', '.join(CHOICE_TABLES)}"))
    if not _COLUMN.fullmatch(field):
        raise InvalidInputError(
            FieldError("field", "must name a column: lower-case letters, digits and underscores")
        )
    async with sessions.calling(owner) as client:
        found = await client.choices(table, field)
    return {"table": table, "field": field, "choices": [asdict(choice) for choice in found]}
