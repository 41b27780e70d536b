"""The instance's own choices: states, categories, close codes."""

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from actionsync.errors import FieldError, InvalidInputError
from actionsync.stores.connections import DEFAULT
from actionsync.tickets.types import TABLES

if TYPE_CHECKING:
    from actionsync.connections.clients import ClientCache

_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,79}")


async def choices(
    clients: "ClientCache", owner: str, table: str, field: str, connection: str = DEFAULT
) -> dict[str, Any]:
    """Return `{table, field, choices: [{value, label}]}` of a connection's instance.

    Raises:
        InvalidInputError: the table is none of tickets, or the field is not a column's name.
        ConnectionNotFoundError: the owner has none of this name.
        ServiceNowError: the instance failed.
    """
    if table not in TABLES.values():
        raise InvalidInputError(FieldError("table", f"must be one of {', '.join(TABLES.values())}"))
    if not _COLUMN.fullmatch(field):
        raise InvalidInputError(
            FieldError("field", "must name a column: lower-case letters, digits and underscores")
        )
    async with clients.client_for(owner, "sys_choice", connection) as client:
        found = await client.table(table).choices(field)
    return {"table": table, "field": field, "choices": [asdict(choice) for choice in found]}
