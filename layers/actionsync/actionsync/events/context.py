"""What is going on at a service: its open tickets, changes under way and recent deployments."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from actionsync import clock
from actionsync.events import changes
from actionsync.events.windows import read_windows
from actionsync.stores.windows import touching
from servicenow_tools.query import field as column

if TYPE_CHECKING:
    from actionsync.connections.clients import ClientCache
    from actionsync.stores.deployed import DeployedStore
    from actionsync.stores.windows import Window
    from servicenow_tools import Record

_MOST_TICKETS = 20
_COLUMNS = ("number", "short_description", "state", "priority", "opened_at")


class ContextQuery(BaseModel):
    """Whose context is asked for."""

    model_config = ConfigDict(extra="forbid")

    service: Annotated[
        str,
        Field(
            min_length=2,
            max_length=100,
            pattern=r"^[^\^\x00-\x1f]+$",
            description="The name of a service, an application or a CI.",
        ),
    ]
    environment: Annotated[
        str, Field(max_length=100, description="Leaves out what is known to be of another one.")
    ] = ""


async def context(
    owner: str,
    connection: str,
    asked: ContextQuery,
    clients: "ClientCache",
    deployed: "DeployedStore",
) -> dict[str, Any]:
    """Return `{service, tickets, changes, deployments}`.

    Args:
        owner: whose.
        connection: the name of the connection to ask by.
        asked: of which service.
        clients: ServiceNow clients.
        deployed: the deployments of the last hours.
    """
    name = asked.service
    is_of_service = (
        column("cmdb_ci.name").eq(name)
        | column("business_service.name").eq(name)
        | column("short_description").contains(name)
    )
    async with clients.client_for(owner, "incident", connection) as client:
        page = await client.table("incident").page(
            column("active").eq(value=True) & is_of_service,
            limit=_MOST_TICKETS,
            fields=_COLUMNS,
            display_value="all",
        )
        windows = await read_windows(client)
    environment = asked.environment.casefold()
    touched = touching(windows, [name.casefold()], environment)
    recent = changes.deployments(deployed, owner, name, asked.environment)
    return {
        "service": name,
        "tickets": [_ticket(record) for record in page.records],
        "changes": [_change(one) for one in sorted(touched, key=lambda one: one.start)],
        "deployments": [asdict(one) for one in recent],
    }


def _ticket(record: "Record") -> dict[str, Any]:
    return {
        "number": record.number,
        "short_description": str(record.get("short_description") or ""),
        "state": record.label("state"),
        "priority": record.label("priority"),
        "opened_at": str(record.get("opened_at") or ""),
        "url": record.url,
    }


def _change(one: "Window") -> dict[str, Any]:
    start, end = (clock.iso(datetime.fromtimestamp(at, UTC)) for at in (one.start, one.end))
    return {
        "number": one.number, "sys_id": one.sys_id, "short_description": one.title,
        "start": start, "end": end,
        "is_open": one.covers(clock.now_epoch()),
    }  # fmt: skip
