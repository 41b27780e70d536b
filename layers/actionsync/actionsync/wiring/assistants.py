"""The server of the Model Context Protocol for one caller."""

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from actionsync.assistants.events import EventTools
from actionsync.assistants.tickets import TicketWriter
from actionsync.errors import ActionSyncError
from actionsync.settings import assistant_write_scope
from actionsync.tickets.types import TABLES
from actionsync.wiring import stores
from actionsync.wiring.servicenow import client_cache, tickets_to_write
from servicenow_tools.mcp.server import make_server
from servicenow_tools.mcp.tickets import TicketTools, WriteTools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.server.lowlevel import Server

    from servicenow_tools import ServiceNowClient


def server_for(owner: str, scopes: frozenset[str]) -> "Server[Any]":
    """Return a server whose tools see what is the owner's.

    Args:
        owner: who calls.
        scopes: those of the caller's token.
    """

    @asynccontextmanager
    async def lend(connection: str, table: str) -> "AsyncIterator[ServiceNowClient]":
        _count(owner)
        async with client_cache().client_for(owner, table, connection) as client:
            yield client

    tables = tuple(TABLES.values())
    events = EventTools(
        owner,
        recent=stores.recent_events(),
        waiting=stores.waiting_store(),
        activity=stores.activity_store(),
        count=lambda: _count(owner),
    )
    writer = TicketWriter(lambda connection: tickets_to_write(owner, connection))
    may_write = assistant_write_scope() in scopes
    writes = WriteTools(lend, writer, tables, may_write=may_write)
    return make_server(
        [*TicketTools(lend, tables).tools(), *events.tools(), *writes.tools()],
        name="actionsync",
        explain=lambda error: str(error) if isinstance(error, ActionSyncError) else None,
    )


def _count(owner: str) -> None:
    stores.rates("reads").take(owner)
