"""One origin for a browser: the deployed API, and the sign-in page of the local AWS.

On AWS the API has a host of its own. The local AWS serves it below a path, which no page's links
fit; so this front hands each request on to where it belongs, and changes nothing else.
"""

import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator
    from types import TracebackType

_SIGN_IN = ("/oauth2/", "/login", "/logout")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_OWN_HEADERS = {"host", "connection", "content-length", "transfer-encoding"}


class Front:
    """Serves `http://localhost:<port>` while the `with` block lasts.

    Args:
        listener: the bound socket to serve on.
    """

    def __init__(self, listener: "socket.socket") -> None:
        self._socket = listener
        self.url = f"http://localhost:{listener.getsockname()[1]}"
        self.api_url = ""
        self.endpoint = ""
        self._http = httpx.AsyncClient(timeout=60, trust_env=False, follow_redirects=False)
        routes = [
            Route("/", _home),
            Route("/{path:path}", self._forward, methods=_METHODS),
        ]
        app = Starlette(routes=routes, lifespan=self._open)
        config = uvicorn.Config(app, log_level="error", lifespan="on", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, daemon=True
        )

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        """Stop."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()

    @asynccontextmanager
    async def _open(self, _: Starlette) -> "AsyncIterator[None]":
        """Close the connections to the API in the loop that they belong to."""
        async with self._http:
            yield

    async def _forward(self, request: Request) -> Response:
        path = request.url.path
        base = self.endpoint if path.startswith(_SIGN_IN) else self.api_url
        url = f"{base}{path}" + (f"?{request.url.query}" if request.url.query else "")
        headers, body = _own(request.headers.items()), await request.body()
        async with self._http.stream(request.method, url, headers=headers, content=body) as answer:
            # As it comes: packed, where the browser takes it so.
            content = b"".join([part async for part in answer.aiter_raw()])
        response = Response(content, status_code=answer.status_code)
        for name, value in _own(answer.headers.multi_items()):
            response.headers[name] = value
        return response


async def _home(_: Request) -> Response:
    return RedirectResponse("/settings", 302)


def _own(headers: "list[tuple[str, str]]") -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _OWN_HEADERS]
