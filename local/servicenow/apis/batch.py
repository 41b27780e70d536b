"""The Batch API (documentation: Batch API): its parts pass through the instance one by one."""

import base64
import time
from typing import TYPE_CHECKING, Any

import httpx

from .. import wire
from ..errors import ApiError
from .routing import Routes

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ..instance import Instance

PART = "x-simulator-part"


def routes(instance: "Instance") -> Routes:
    """Return the API's endpoints below `/api/now/batch`."""

    async def batch(request: "Request") -> "Response":
        body = await wire.read(request, instance.body_limit)
        parts = body.get("rest_requests") if isinstance(body, dict) else None
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            raise ApiError(400, "Exception while reading request", "rest_requests is missing")
        limit = len(parts) if instance.batch_limit is None else instance.batch_limit
        transport = httpx.ASGITransport(app=request.app)
        credentials = {
            name: value
            for name, value in request.headers.items()
            if name in {"authorization", "x-sn-apikey"}
        }
        async with httpx.AsyncClient(transport=transport, base_url=instance.base_url) as client:
            served = [await _serve(client, part, credentials) for part in parts[:limit]]
        document = {
            "batch_request_id": str(body.get("batch_request_id", "")),
            "serviced_requests": served,
            "unserviced_requests": [part.get("id") for part in parts[limit:]],
        }
        return wire.respond(request, document)

    return {"": {"POST": batch}}


async def _serve(
    client: httpx.AsyncClient, part: dict[str, Any], credentials: dict[str, str]
) -> dict[str, Any]:
    """Answer a part as if it had come alone."""
    started = time.monotonic()
    try:
        headers = {header["name"]: header["value"] for header in part.get("headers", [])}
        content = base64.b64decode(part.get("body") or "", validate=True)
        answer = await client.request(
            part["method"], part["url"], content=content,
            headers={**headers, **credentials, PART: "true"},
        )  # fmt: skip
    except (
        AttributeError, ConnectionResetError, KeyError, TypeError, ValueError,
        httpx.InvalidURL, httpx.UnsupportedProtocol,
    ) as error:  # fmt: skip
        answer = httpx.Response(500, json={"error": {"message": str(error), "detail": None}})
    shown = [] if part.get("exclude_response_headers") else answer.headers.items()
    return {
        "id": part.get("id"),
        "body": base64.b64encode(answer.content).decode(),
        "status_code": answer.status_code,
        "status_text": answer.reason_phrase,
        "headers": [{"name": name.title(), "value": value} for name, value in shown],
        "execution_time": round((time.monotonic() - started) * 1000),
    }
