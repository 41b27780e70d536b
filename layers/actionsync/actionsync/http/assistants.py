"""The Model Context Protocol over HTTP.

A request is handed to the protocol's own server as an ASGI application, in process: stateless, one
answer of JSON for each request.
"""

from typing import TYPE_CHECKING, Annotated, Any

import httpx
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.depends import Depends
from aws_lambda_powertools.event_handler.request import Request
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

_MOST_BYTES = 256 * 1024
_SENT = ("allow", "mcp-protocol-version")


def _headers(request: Request) -> dict[str, str]:
    """Return the headers that the protocol reads."""
    headers = request.resolved_event.headers.items()
    return {
        name: value
        for name, value in headers
        if name in {"accept", "content-type"} or name.startswith("mcp-")
    }


ProtocolHeaders = Annotated[dict[str, str], Depends(_headers)]


async def exchange(server: "Server[Any]", headers: dict[str, str], body: bytes) -> Response[str]:
    """Answer what the protocol's server answers."""
    manager = StreamableHTTPSessionManager(
        server, json_response=True, stateless=True, max_request_body_size=_MOST_BYTES
    )
    async with (
        manager.run(),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(manager.handle_request), base_url="http://stack"
        ) as client,
    ):
        answer = await client.post("/mcp", headers=headers, content=body)
    sent = {name: answer.headers[name] for name in _SENT if name in answer.headers}
    return Response(
        status_code=answer.status_code,
        content_type=answer.headers.get("content-type", "application/json"),
        body=answer.text,
        headers={**sent, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
