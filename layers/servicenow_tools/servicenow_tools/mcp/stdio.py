"""The server of one's own instance, over standard input and output."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from mcp.server.stdio import stdio_server

from servicenow_tools import ServiceNowClient
from servicenow_tools.mcp.server import make_server
from servicenow_tools.mcp.tickets import ClientWriter, TicketTools, WriteTools


async def serve(
    connect: Callable[[str], ServiceNowClient], tables: Sequence[str], *, allow_writes: bool
) -> None:
    """Serve until the standard input ends.

    Args:
        connect: returns a new client of a connection, by its name.
        tables: the tables whose records the tools read and note.
        allow_writes: whether there are tools that write.
    """
    async with AsyncExitStack() as stack:
        clients: dict[str, ServiceNowClient] = {}

        @asynccontextmanager
        async def client_for(connection: str, _: str) -> AsyncIterator[ServiceNowClient]:
            if connection not in clients:
                clients[connection] = await stack.enter_async_context(connect(connection))
            yield clients[connection]

        writes = WriteTools(client_for, ClientWriter(client_for), tables, may_write=allow_writes)
        server = make_server([*TicketTools(client_for, tables).tools(), *writes.tools()])
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())
