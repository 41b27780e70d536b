"""Several requests in one (documentation: Batch API)."""

import base64
import binascii
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

PATH = "/api/now/v1/batch"
_STATUSES = range(200, 600)


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a batch.

    Attributes:
        method: the HTTP method.
        target: path and query.
        body: what is sent as JSON, if anything.
        headers: further headers.
    """

    method: str
    target: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def document(items: Iterable[Item]) -> dict[str, Any]:
    """Return the body of a batch request; its items are numbered from 0."""
    return {
        "batch_request_id": str(uuid.uuid4()),
        "rest_requests": [_request(str(number), item) for number, item in enumerate(items)],
    }


def _request(number: str, item: Item) -> dict[str, Any]:
    headers = httpx.Headers({"Content-Type": "application/json", "Accept": "application/json"})
    headers.update(item.headers)
    request: dict[str, Any] = {
        "id": number,
        "method": item.method,
        "url": item.target,
        "headers": [{"name": name, "value": value} for name, value in headers.items()],
        "exclude_response_headers": False,
    }
    if item.body is not None:
        request["body"] = base64.b64encode(json.dumps(item.body).encode()).decode()
    return request


def response(served: dict[str, Any]) -> tuple[httpx.Response, bytes]:
    """Return the answer to an item, and its content, as if it had come alone."""
    named = served.get("headers")
    headers = [
        (str(header.get("name")).encode(), str(header.get("value")).encode())
        for header in (named if isinstance(named, list) else [])
        if isinstance(header, dict)
    ]
    try:
        content = base64.b64decode(served.get("body") or "")
    except (binascii.Error, TypeError, ValueError):
        content = b""
    status = served.get("status_code")
    types = [value for name, value in headers if name.lower() == b"content-type"]
    answer = httpx.Response(
        status if isinstance(status, int) and status in _STATUSES else 500,
        # A batch may leave the headers out; its items ask for JSON.
        headers=[
            *(header for header in headers if header[0].lower() != b"content-type"),
            (b"content-type", types[0] if types else b"application/json"),
        ],
    )
    return answer, content
