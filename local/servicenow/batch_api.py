"""The Batch API (documentation: Batch API): its parts pass through the instance one by one."""

import base64
import binascii
import time
from typing import TYPE_CHECKING, Any

import httpx
from starlette.responses import JSONResponse

from local.servicenow.errors import ApiError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from local.servicenow.instance import Instance

PART = "x-simulator-part"


async def serve(
    instance: "Instance", app: "Starlette", request: "Request", body: dict[str, Any]
) -> "Response":
    """Answer a batch: each part as if it had come alone, in order."""
    parts = body.get("rest_requests")
    if not isinstance(parts, list):
        raise ApiError(400, "Exception while reading request", "rest_requests is missing")
    limit = instance.batch_limit if instance.batch_limit is not None else len(parts)
    transport = httpx.ASGITransport(app=app)
    credentials = {
        name: value
        for name, value in request.headers.items()
        if name in {"authorization", "x-sn-apikey"}
    }
    async with httpx.AsyncClient(transport=transport, base_url=instance.base_url) as client:
        served = [await _serve_part(client, part, credentials) for part in parts[:limit]]
    return JSONResponse(
        {
            "batch_request_id": str(body.get("batch_request_id", "")),
            "serviced_requests": served,
            "unserviced_requests": [part.get("id") for part in parts[limit:]],
        }
    )


async def _serve_part(
    client: httpx.AsyncClient, part: dict[str, Any], credentials: dict[str, str]
) -> dict[str, Any]:
    headers = {header["name"]: header["value"] for header in part.get("headers", [])}
    started = time.monotonic()
    try:
        content = base64.b64decode(part.get("body") or "", validate=True)
        answer = await client.request(
            part["method"], part["url"], content=content,
            headers={**headers, **credentials, PART: "true"},
        )  # fmt: skip
    except (binascii.Error, KeyError, ConnectionResetError) as error:
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
