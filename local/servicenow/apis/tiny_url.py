"""Tiny URLs: a short name for a long query (`POST /api/now/tinyurl`)."""

import secrets
from typing import TYPE_CHECKING

from .. import wire
from ..errors import ApiError
from .routing import Routes

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ..instance import Instance


def routes(instance: "Instance") -> Routes:
    """Return the API's endpoints below `/api/now/tinyurl`."""

    async def create(request: "Request") -> "Response":
        sent = await wire.read_record(request, instance.body_limit)
        url = str(sent.get("url") or "")
        if not url:
            raise ApiError(400, "Exception while reading request", "url is missing")
        known = instance.first("sys_tiny_url", url=url)
        row = known or instance.put("sys_tiny_url", tiny_url=secrets.token_hex(16), url=url)
        page = url.partition("?")[0].rpartition("/")[2] or url
        return wire.respond(request, {"result": f"{page}?sysparm_tiny={row['tiny_url']}"}, 201)

    return {"": {"POST": create}}
