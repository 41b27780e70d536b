"""The instance's own choices: states, categories, close codes, and the records of a reference."""

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from actionsync.errors import FieldError, InvalidInputError
from actionsync.stores.connections import DEFAULT
from actionsync.tickets.types import TABLES
from servicenow_tools import Query, field

if TYPE_CHECKING:
    from actionsync.connections.clients import ClientCache
    from servicenow_tools import ServiceNowClient

_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,79}")
_MOST = 20
# The code of a configuration item that is no longer there (documentation: Install status).
_RETIRED = "7"


class ChoicesQuery(BaseModel):
    """Which of a column's values are wanted."""

    model_config = ConfigDict(extra="forbid")

    search: Annotated[
        str | None,
        Field(
            max_length=100,
            pattern=r"^[^\x00-\x1f\x7f^]*$",
            description="A part of the label; for a column that refers to records, the way to "
            "its active ones: twenty at most, by name.",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class _Records:
    """The records that a column refers to.

    Attributes:
        table: their table.
        searched: the columns in which a text is looked for; the first is the label.
        detail: the column that tells two of one label apart.
        active: what those meet that are in use.
    """

    table: str
    searched: tuple[str, ...]
    detail: str
    active: Query


_ACTIVE = field("active").eq("true")
_IN_USE = field("install_status").ne(_RETIRED)
_PEOPLE = _Records("sys_user", ("name", "user_name", "email"), "email", _ACTIVE)
_REFERENCES = {
    "assignment_group": _Records("sys_user_group", ("name",), "description", _ACTIVE),
    "assigned_to": _PEOPLE,
    "caller_id": _PEOPLE,
    "requested_by": _PEOPLE,
    "affected_user": _PEOPLE,
    "cmdb_ci": _Records("cmdb_ci", ("name",), "sys_class_name", _IN_USE),
    "business_service": _Records("cmdb_ci_service", ("name",), "sys_class_name", _IN_USE),
}


async def choices(  # noqa: PLR0917 - whose, which column, and what of it
    clients: "ClientCache",
    owner: str,
    table: str,
    column: str,
    connection: str = DEFAULT,
    search: str | None = None,
) -> dict[str, Any]:
    """Return `{table, field, choices: [{value, label}]}` of a connection's instance.

    Of a column that refers to records, `search` finds the active ones: `value` is the sys_id, and
    `detail` tells two of one label apart.

    Raises:
        InvalidInputError: the table is none of tickets, or the field is not a column's name.
        ConnectionNotFoundError: the owner has none of this name.
        ServiceNowError: the instance failed.
    """
    if table not in TABLES.values():
        raise InvalidInputError(FieldError("table", f"must be one of {', '.join(TABLES.values())}"))
    if not _COLUMN.fullmatch(column):
        raise InvalidInputError(
            FieldError("field", "must name a column: lower-case letters, digits and underscores")
        )
    records = None if search is None else _REFERENCES.get(column)
    async with clients.client_for(
        owner, records.table if records else "sys_choice", connection
    ) as client:
        if records is not None:
            found = await _active(client, records, search or "")
        else:
            listed = [asdict(choice) for choice in await client.table(table).choices(column)]
            part = (search or "").casefold()
            found = [choice for choice in listed if part in choice["label"].casefold()]
    return {"table": table, "field": column, "choices": found}


async def _active(
    client: "ServiceNowClient", records: _Records, search: str
) -> list[dict[str, str]]:
    label, *others = records.searched
    query = Query()
    if text := search.strip():
        query = field(label).contains(text)
        for column in others:
            query |= field(column).contains(text)
    rows = await client.table(records.table).search(
        (query & records.active).order_by(label),
        limit=_MOST,
        fields=[label, records.detail],
        display_value=True,
    )
    return [
        {
            "value": row.sys_id,
            "label": str(row[label] or ""),
            "detail": str(row[records.detail] or ""),
        }
        for row in rows
    ]
