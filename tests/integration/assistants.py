"""The client of the package `mcp`, whose requests go to the function as API Gateway sends them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from tests.conftest import event, invoke

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Gateway(httpx2.AsyncBaseTransport):
    """What stands between a client and the function: routes, and who calls.

    Args:
        claims: what the caller's token says.
    """

    def __init__(self, claims: dict[str, Any]) -> None:
        self._claims = claims

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """HttpAnswer what the function answers; there is no route but POST /mcp."""
        if request.method != "POST" or request.url.path != "/mcp":
            return httpx2.Response(404, json={"message": "Not Found"})
        payload = event("answer_assistant")
        payload["headers"] = dict(request.headers)
        payload["body"] = (await request.aread()).decode()
        payload["requestContext"]["authorizer"]["jwt"]["claims"] |= self._claims
        answer = await asyncio.to_thread(invoke, "answer_assistant", payload)
        return httpx2.Response(answer.status, headers=answer.headers, text=answer.text)


class Assistant:
    """A client of the tools."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def tools(self) -> set[str]:
        """Return the names of the tools."""
        return {tool.name for tool in (await self.client.list_tools()).tools}

    async def found(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """Return what a tool found."""
        result = await self.client.call_tool(name, arguments)
        assert isinstance(result, CallToolResult)
        assert not result.is_error, result.structured_content
        found: dict[str, Any] = result.structured_content["from_outside"]
        return found | {"next_cursor": result.structured_content["next_cursor"]}

    async def refused(self, name: str, /, **arguments: Any) -> str:
        """Return why a call was refused."""
        result = await self.client.call_tool(name, arguments)
        assert isinstance(result, CallToolResult)
        assert result.is_error
        return json.dumps(result.structured_content)


@asynccontextmanager
async def assistant(mode: str = "auto", **claims: Any) -> AsyncIterator[Assistant]:
    """Yield an assistant of a caller, whose token has these claims."""
    async with (
        httpx2.AsyncClient(transport=Gateway(claims)) as http,
        Client(
            streamable_http_client("https://example.com/mcp", http_client=http), mode=mode
        ) as client,
    ):
        yield Assistant(client)


def use(
    work: "Callable[[Assistant], Coroutine[Any, Any, None]]", mode: str = "auto", **claims: Any
) -> None:
    """Let a caller's assistant work."""

    async def run() -> None:
        async with assistant(mode, **claims) as made:
            await work(made)

    asyncio.run(run())
