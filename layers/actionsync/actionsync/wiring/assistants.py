"""The server of the Model Context Protocol for one caller."""

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from actionsync.assistants.events import EventTools
from actionsync.assistants.tickets import TicketWriter
from actionsync.errors import ActionSyncError
from actionsync.http.callers import by_connection
from actionsync.settings import assistant_write_scope
from actionsync.tickets.types import TABLES
from actionsync.wiring import stores
from actionsync.wiring.callers import acting
from actionsync.wiring.servicenow import client_cache
from actionsync.wiring.tickets import tickets_to_write
from servicenow_tools.mcp.server import make_server
from servicenow_tools.mcp.tickets import TicketTools, WriteTools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.server.lowlevel import Server

    from actionsync.http.callers import Caller
    from actionsync.wiring.callers import Acting
    from servicenow_tools import ServiceNowClient


def server_for(caller: "Caller") -> "Server[Any]":
    """Return a server whose tools see what is the caller's, and their teams'."""

    def of(connection: str) -> "Acting":
        """Return the caller, acting by the connection of this name; it counts as a read."""
        stores.rates("reads").take(caller.user_id)
        return acting(by_connection(caller, connection))

    @asynccontextmanager
    async def client_for(connection: str, table: str) -> "AsyncIterator[ServiceNowClient]":
        by = of(connection)
        async with client_cache().client_for(by.owner, table, by.connection) as client:
            yield client

    tables = tuple(TABLES.values())
    events = EventTools(
        lambda connection: of(connection).owner,
        recent=stores.recent_events(),
        waiting=stores.waiting_store(),
        activity=stores.activity_store(),
        gates=stores.gate_store(),
    )
    writer = TicketWriter(lambda connection: tickets_to_write(by_connection(caller, connection)))
    may_write = assistant_write_scope() in caller.scopes
    writes = WriteTools(client_for, writer, tables, may_write=may_write)
    return make_server(
        [*TicketTools(client_for, tables).tools(), *events.tools(), *writes.tools()],
        name="actionsync",
        explain=lambda error: str(error) if isinstance(error, ActionSyncError) else None,
    )
