"""Tiny URLs: a short name for a long query (`POST /api/now/tinyurl`)."""

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request

from .. import wire
from ..errors import ApiError, no_resource
from .routing import Routes

if TYPE_CHECKING:
    from starlette.responses import Response

    from ..instance import Instance


def routes(instance: "Instance") -> Routes:
    """Return the API's endpoints below `/api/now/tinyurl`."""

    async def create(request: Request) -> "Response":
        sent = await wire.read_record(request, instance.body_limit)
        url = str(sent.get("url") or "")
        if not url:
            raise ApiError(400, "Exception while reading request", "url is missing")
        known = instance.first("sys_tiny_url", url=url)
        row = known or instance.put("sys_tiny_url", tiny_url=secrets.token_hex(16), url=url)
        page = url.partition("?")[0].rpartition("/")[2] or url
        return wire.respond(request, {"result": f"{page}?sysparm_tiny={row['tiny_url']}"}, 201)

    return {"": {"POST": create}}


def expand(instance: "Instance", request: Request) -> Request:
    """Return a request with the parameters that its tiny URL stands for, before its own.

    Raises:
        ApiError: 400, there is no such tiny URL.
    """
    tiny = request.query_params.get("sysparm_tiny")
    if tiny is None:
        return request
    row = instance.first("sys_tiny_url", tiny_url=tiny)
    if row is None:
        raise no_resource()
    own = request.scope["query_string"].decode()
    query = f"{urlsplit(row['url']).query}&{own}"
    return Request({**request.scope, "query_string": query.encode()}, request.receive)
