"""What every request passes: faults, limits, signing in, errors, headers, the log.

The headers are those that recordings of real instances show.
"""

import hashlib
from asyncio import sleep
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from . import access, wire
from .apis import batch, tiny_url
from .errors import ApiError
from .instance import LoggedRequest
from .languages import translator

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from .accounts import Account
    from .apis.routing import Endpoint
    from .faults import Fault
    from .instance import Instance

HEADERS = {
    "Server": "ServiceNow",
    "Server-Timing": "sem_wait;dur=0, sesh_wait;dur=0",
    "X-Content-Type-Options": "nosniff",
    "Pragma": "no-store,no-cache",
    "Cache-Control": "no-cache,no-store,must-revalidate,max-age=-1",
    "Expires": "0",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
}
_TOO_LONG = "<html><head><title>414 Request-URI Too Large</title></head><body>{}</body></html>"


class Gate:
    """An endpoint behind the gate, as an ASGI application: it takes every method.

    Args:
        instance: the instance.
        endpoints: the endpoints by method.
    """

    def __init__(self, instance: "Instance", endpoints: "Mapping[str, Endpoint]") -> None:
        self._instance = instance
        self._endpoints = endpoints

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request."""
        request = Request(scope, receive)
        method = request.headers.get("x-http-method-override", request.method).upper()
        # A HEAD is answered as a GET; the server leaves the body out.
        method = "GET" if method == "HEAD" else method
        response = await with_faults(
            self._instance, request, method, lambda: self._pass(request, method)
        )
        await response(scope, receive, send)

    async def _pass(self, request: Request, method: str) -> Response:
        instance = self._instance
        length = len(request.url.path) + len(request.url.query)
        # A batch carries its parts' URLs in its body, where they may be longer.
        if length > instance.url_limit and batch.PART not in request.headers:
            log(instance, request, method, "", 414)
            return HTMLResponse(_TOO_LONG.format("<h1>Request-URI Too Large</h1>"), 414, HEADERS)
        account = access.account_of(instance, instance.access, request)
        if account is None:
            return self._refuse(request, method)
        request.state.account = account
        response = await self._answer(request, method, account)
        response.headers.update(HEADERS)
        response.headers["X-Is-Logged-In"] = "true"
        response.headers["X-Transaction-ID"] = hashlib.md5(
            f"{len(instance.requests)}".encode(), usedforsecurity=False
        ).hexdigest()[:12]
        if response.headers.get("content-type", "").startswith("application/json"):
            response.headers["content-type"] = "application/json;charset=UTF-8"
        response.set_cookie("JSESSIONID", "0123456789ABCDEF0123456789ABCDEF", httponly=True)
        response.set_cookie("glide_session_store", "0" * 32, max_age=1800, httponly=True)
        log(instance, request, method, account.user_name, response.status_code)
        if request.headers.get("x-no-response-body") == "true" and method != "GET":
            return _without_body(response)
        return response

    async def _answer(self, request: Request, method: str, account: "Account") -> Response:
        language = self._instance.reader(account).language
        try:
            endpoint = self._endpoints.get(method, _no_method)
            return await endpoint(tiny_url.expand(self._instance, request))
        except ApiError as error:
            return wire.refuse(request, error, error.body(translator(language)))

    def _refuse(self, request: Request, method: str) -> Response:
        log(self._instance, request, method, "", 401)
        error = ApiError(401, "User Not Authenticated", "Required to provide Auth information")
        language = self._instance.reader(None).language
        response = wire.refuse(request, error, error.body(translator(language)))
        response.headers.update(HEADERS)
        response.headers["WWW-Authenticate"] = 'BASIC realm="Service-now"'
        response.headers["Connection"] = "close"
        if access.asks_second_factor(self._instance, request):
            response.headers["X-MFA_TOKEN"] = "invalid"
        return response


async def _no_method(_: Request) -> Response:
    raise ApiError(405, "Method not supported", None)


async def with_faults(
    instance: "Instance",
    request: Request,
    method: str,
    answer: "Callable[[], Awaitable[Response]]",
) -> Response:
    """Return an answer as the fault has it that strikes this request, if one does."""
    request.state.log = instance.requests
    fault = instance.faults.next(method, request.url.path)
    if fault is None:
        return await answer()
    if not fault.after_commit:
        await sleep(fault.delay)
        if fault.reset or fault.answers:
            log(instance, request, method, "", fault.status or 0)
            return _struck(fault, request)
    response = await answer()
    if fault.after_commit:
        await sleep(fault.delay)
        if fault.reset or fault.answers:
            return _struck(fault, request)
    return _Half(response) if fault.half else response


def log(instance: "Instance", request: Request, method: str, user: str, status: int) -> None:
    """Note a request. One that was under way during a reset belongs to the list of before."""
    requests = getattr(request.state, "log", instance.requests)
    requests.append(
        LoggedRequest(
            method, request.url.path, request.url.query, user, status, batch.PART in request.headers
        )
    )


def _without_body(response: Response) -> Response:
    headers = {
        name: value
        for name, value in response.headers.items()
        if name not in {"content-length", "content-type"}
    }
    return Response(status_code=response.status_code, headers=headers)


def _struck(fault: "Fault", request: Request) -> Response:
    """Answer as a fault says, or cut the connection."""
    if fault.reset:
        transport = request.scope.get("simulator.transport")
        if transport is None:
            raise ConnectionResetError("the simulator has cut the connection")
        transport.abort()
        return Response()
    response = Response(fault.text, fault.status or 200, fault.headers, fault.content_type)
    return _Half(response) if fault.half else response


class _Half(Response):
    """Promises a whole body and sends half of it; the server then cuts the connection."""

    def __init__(self, whole: Response) -> None:
        super().__init__(status_code=whole.status_code)
        body = bytes(whole.body)
        self.raw_headers = whole.raw_headers
        self.body = body[: len(body) // 2]
