"""The instance's HTTP side: signing in, routes, headers, faults.

The headers are those that recordings of real instances show; bodies and statuses follow the
documentation (Table API; REST API HTTP response codes).
"""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.servicenow import access, attachment_api, batch_api, change_api, rules, seed
from local.servicenow.errors import ApiError
from local.servicenow.faults import Fault
from local.servicenow.instance import Instance, LoggedRequest, Row, require
from local.servicenow.records import View, flag, render
from local.servicenow.schema import Table

Endpoint = Callable[[Request], Awaitable[Response]]

_DEFAULT_LIMIT = 10_000
_MAX_BODY = 10 * 1024 * 1024
_TYPES_READ = {"application/json", "application/xml", "text/xml", "*/*", "application/*"}


def create_app(instance: Instance | None = None) -> Starlette:
    """Return the application of an instance, a new one with demo data if none is given."""
    if instance is None:
        instance = Instance()
        seed.fill(instance)
    served = _Served(instance)
    routes = [
        Route(f"/api/now{version}/table/{path}", served.endpoint(endpoint), methods=methods)
        for version in ("", "/v1", "/v2")
        for path, endpoint, methods in (
            ("{table}", served.records, ["GET", "POST"]),
            ("{table}/{sys_id}", served.record, ["GET", "PUT", "PATCH", "DELETE", "POST"]),
        )
    ]
    routes += [
        Route(f"/api/sn_chg_rest{version}/change{path}", served.endpoint(endpoint), methods=methods)
        for version in ("", "/v1")
        for path, endpoint, methods in change_api.routes(instance)
    ]
    routes += [
        Route(f"/api/now{version}/attachment{path}", served.endpoint(endpoint), methods=methods)
        for version in ("", "/v1")
        for path, endpoint, methods in attachment_api.routes(instance)
    ]
    routes += [
        Route(f"/api/now{version}{path}", served.endpoint(endpoint), methods=[method])
        for version in ("", "/v1")
        for path, endpoint, method in (
            ("/stats/{table}", served.stats, "GET"),
            ("/batch", served.batch, "POST"),
        )
    ]
    routes += [
        Route("/oauth_token.do", served.token, methods=["POST"]),
        Route("/_simulator/faults", served.switch_faults, methods=["PUT", "DELETE"]),
        Route("/_simulator/reset", served.reset, methods=["POST"]),
        Route("/_simulator/requests", served.list_requests),
        Route("/{path:path}", served.endpoint(_no_resource), methods=["GET", "POST", "PUT"]),
    ]
    return Starlette(routes=routes)


async def _no_resource(_: Request) -> Response:
    # Not 404: an unknown path of the API is a bad request.
    raise ApiError(400, "Requested URI does not represent any resource", None)


def fill_anew(instance: Instance) -> None:
    """Bring an instance back to its demo data, without faults."""
    fresh = Instance(instance.base_url)
    seed.fill(fresh)
    with instance.lock:
        instance.faults.clear()
        instance.requests = []  # requests that are still under way belong to the old list
        instance.take_over(fresh)


class _Served:
    """The endpoints of one instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def endpoint(self, do: Endpoint) -> Endpoint:
        """Wrap an endpoint in what every request passes: faults, sign-in, errors, headers."""

        async def endpoint(request: Request) -> Response:
            method = request.headers.get("x-http-method-override", request.method).upper()
            request.scope["method"] = method
            request.state.log = self._instance.requests
            fault = self._instance.faults.next(method, request.url.path)
            if fault is not None and not fault.after_commit:
                await asyncio.sleep(fault.delay)
                if fault.reset or fault.answers:
                    self._log(request, "", fault.status or 0)
                    return _struck(fault, request)
            response = await self._answer(do, request)
            if fault is not None and fault.after_commit:
                await asyncio.sleep(fault.delay)
                if fault.reset or fault.answers:
                    return _struck(fault, request)
            if fault is not None and fault.half:
                return _Half(response)
            return response

        return endpoint

    async def _answer(self, do: Endpoint, request: Request) -> Response:
        user = access.account_of(self._instance, request)
        if user is None:
            self._log(request, "", 401)
            body = ApiError(
                401, "User Not Authenticated", "Required to provide Auth information"
            ).body
            headers = {"WWW-Authenticate": 'BASIC realm="Service-now"', "Connection": "close"}
            return JSONResponse(body, 401, headers | _HEADERS)
        request.state.user = user
        try:
            response = await do(request)
        except ApiError as error:
            response = JSONResponse(error.body, error.status)
        response.headers.update(_HEADERS)
        response.headers["X-Is-Logged-In"] = "true"
        response.headers["X-Transaction-ID"] = hashlib.md5(
            f"{len(self._instance.requests)}".encode(), usedforsecurity=False
        ).hexdigest()[:12]
        if response.headers.get("content-type", "").startswith("application/json"):
            response.headers["content-type"] = "application/json;charset=UTF-8"
        response.set_cookie("JSESSIONID", "0123456789ABCDEF0123456789ABCDEF", httponly=True)
        response.set_cookie("glide_session_store", "0" * 32, max_age=1800, httponly=True)
        self._log(request, user.user_name, response.status_code)
        if request.headers.get("x-no-response-body") == "true" and request.method != "GET":
            response = Response(
                status_code=response.status_code,
                headers={
                    name: value
                    for name, value in response.headers.items()
                    if name not in {"content-length", "content-type"}
                },
            )
        return response

    def _log(self, request: Request, user: str, status: int) -> None:
        request.state.log.append(
            LoggedRequest(
                request.method,
                request.url.path,
                request.url.query,
                user,
                status,
                batch_api.PART in request.headers,
            )
        )

    # ---- Table API

    async def records(self, request: Request) -> Response:
        """GET finds records, POST makes one."""
        table = require(request.path_params["table"])
        if request.method == "GET":
            return self._found(request, table)
        values = await _json(request)
        row = self._instance.insert(
            table.name, values, request.state.user, display_input=_display_input(request)
        )
        prefix = request.url.path.removesuffix("/")
        return JSONResponse(
            {"result": self._shown(request, table, row)},
            201,
            {"Location": f"{self._instance.base_url}{prefix}/{row['sys_id']}"},
        )

    async def record(self, request: Request) -> Response:
        """GET, PUT, PATCH and DELETE of one record."""
        table = require(request.path_params["table"])
        row = self._instance.find(table.name, request.path_params["sys_id"])
        if row is None or not rules.may_read(request.state.user, table.name):
            raise ApiError(
                404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval"
            )
        if request.method == "DELETE":
            rules.check_write(request.state.user, table.name, "Delete")
            self._instance.delete(table.name, row["sys_id"])
            return Response(status_code=204)
        if request.method in {"PUT", "PATCH"}:
            row = self._instance.update(
                table.name,
                row,
                await _json(request),
                request.state.user,
                display_input=_display_input(request),
            )
        return JSONResponse({"result": self._shown(request, table, row)})

    def _found(self, request: Request, table: Table) -> Response:
        _check_accept(request)
        parameters = request.query_params
        query = parameters.get("sysparm_query")
        if query is None:
            query = "^".join(
                f"{name}={value}"
                for name, value in parameters.items()
                if not name.startswith("sysparm_")
            )
        found = self._instance.search(table.name, query, request.state.user)
        limit = int(parameters.get("sysparm_limit", _DEFAULT_LIMIT))
        offset = int(parameters.get("sysparm_offset", 0))
        if offset < 0:
            raise ApiError(400, "Invalid sysparm_offset", "The offset must not be negative")
        # The limit comes before access control: a page may be short though more rows follow.
        page = found[offset : offset + limit]
        visible = page if rules.may_read(request.state.user, table.name) else []
        headers = {}
        if not flag(parameters, "sysparm_no_count"):
            headers["X-Total-Count"] = str(len(found))
        if not flag(parameters, "sysparm_suppress_pagination_header"):
            headers["Link"] = self._links(request, limit, offset, len(found))
        status = 404 if not visible and "/v1/" in request.url.path else 200
        if status == 404:  # noqa: PLR2004
            raise ApiError(
                404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval"
            )
        return JSONResponse(
            {"result": [self._shown(request, table, row) for row in visible]}, status, headers
        )

    def _links(self, request: Request, limit: int, offset: int, total: int) -> str:
        own = [
            (name, value)
            for name, value in request.query_params.multi_items()
            if name not in {"sysparm_limit", "sysparm_offset"}
        ]
        last = max(0, (total - 1) // limit * limit) if limit else 0
        targets = {"first": 0, "prev": offset - limit, "next": offset + limit, "last": last}
        if offset + limit >= total:
            del targets["next"]
        return ",".join(
            f"<{self._instance.base_url}{request.url.path}?"
            f"{urlencode([*own, ('sysparm_limit', limit), ('sysparm_offset', start)])}>"
            f';rel="{name}"'
            for name, start in targets.items()
        )

    def _shown(self, request: Request, table: Table, row: Row) -> dict[str, Any]:
        return render(self._instance, table, row, View.of(request.query_params))

    # ---- other APIs

    async def stats(self, request: Request) -> Response:
        """GET counts records, also by group (documentation: Aggregate API)."""
        table = require(request.path_params["table"])
        parameters = request.query_params
        if not flag(parameters, "sysparm_count"):
            raise ApiError(400, "No request parameter for aggregate operation specified", None)
        query = parameters.get("sysparm_query", "")
        found = self._instance.search(table.name, query, request.state.user)
        if not rules.may_read(request.state.user, table.name):
            found = []
        group = parameters.get("sysparm_group_by", "")
        if not group:
            return JSONResponse({"result": {"stats": {"count": str(len(found))}}})
        counts = Counter(row.get(group, "") for row in found)
        return JSONResponse(
            {
                "result": [
                    {
                        "stats": {"count": str(count)},
                        "groupby_fields": [{"field": group, "value": value}],
                    }
                    for value, count in counts.items()
                ]
            }
        )

    async def batch(self, request: Request) -> Response:
        """POST carries many requests."""
        return await batch_api.serve(self._instance, request.app, request, await _json(request))

    async def token(self, request: Request) -> Response:
        """POST gives an OAuth token; it passes the faults, but needs no sign-in."""
        request.state.log = self._instance.requests
        fault = self._instance.faults.next(request.method, request.url.path)
        if fault is not None:
            await asyncio.sleep(fault.delay)
            if fault.reset or fault.answers:
                self._log(request, "", fault.status or 0)
                return _struck(fault, request)
        response = await access.give_token(self._instance, request)
        self._log(request, "", response.status_code)
        return response

    # ---- the simulator's own switches, for tests in another process

    async def switch_faults(self, request: Request) -> Response:
        """PUT switches the faults of a JSON list on, DELETE all off."""
        if request.method == "DELETE":
            self._instance.faults.clear()
        else:
            for values in await request.json():
                self._instance.faults.add(Fault(**values))
        return Response(status_code=204)

    async def reset(self, _: Request) -> Response:
        """POST brings the demo data back."""
        fill_anew(self._instance)
        return Response(status_code=204)

    async def list_requests(self, _: Request) -> Response:
        """GET lists the requests so far."""
        return JSONResponse([asdict(request) for request in self._instance.requests])


_HEADERS = {
    "Server": "ServiceNow",
    "Pragma": "no-store,no-cache",
    "Cache-Control": "no-cache,no-store,must-revalidate,max-age=-1",
    "Expires": "0",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
}


def _display_input(request: Request) -> bool:
    return flag(request.query_params, "sysparm_input_display_value")


def _check_accept(request: Request) -> None:
    accepted = {
        part.partition(";")[0].strip() for part in request.headers.get("accept", "*/*").split(",")
    }
    if not accepted & _TYPES_READ:
        raise ApiError(
            406,
            "Invalid accept media type",
            "Supported response media types for this service are: [application/json]",
        )


async def _json(request: Request) -> dict[str, Any]:
    """Return the body's first record.

    Raises:
        ApiError: 400 or 415, as the real API answers what it cannot read.
    """
    _check_accept(request)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if content_type not in {"application/json", "application/xml", "text/xml"}:
        raise ApiError(
            415,
            "Unsupported media type",
            "Invalid content-type. Supported request media types for this service are: "
            "[application/json, application/xml, text/xml]",
        )
    raw = await request.body()
    if len(raw) > _MAX_BODY:
        raise ApiError(
            400,
            "Exception while reading request",
            f"Rejected large REST payload with content-length = {len(raw)} bytes. "
            f"Max allowed: {_MAX_BODY} bytes.",
        )
    try:
        body = json.loads(raw or b"{}")
    except ValueError:
        raise ApiError(400, "Exception while reading request", "The payload is not JSON") from None
    first = body[0] if isinstance(body, list) and body else body
    return first if isinstance(first, dict) else {}


def _struck(fault: Fault, request: Request) -> Response:
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
