"""Requests and answers as bytes: JSON, or XML for who wants it.

Documentation: REST API; Supported REST API headers.
"""

import json
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from starlette.responses import JSONResponse, Response

from .errors import ApiError, Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

# What the escape of a half character, U+D800 to U+DFFF, begins with.
_HALF = rb"\ud"
# A text of JSON in double quotes, or one in single quotes.
_TEXT = re.compile(r""""(?:[^"\\]|\\.)*"|'((?:[^'\\]|\\.)*)'""")
JSON = {"application/json", "*/*", "application/*", ""}
XML = {"application/xml", "text/xml"}


def wants_xml(request: "Request") -> bool:
    """Return whether a request wants XML and would not take JSON.

    Raises:
        ApiError: 406, it wants neither.
    """
    accepted = {
        part.partition(";")[0].strip().lower()
        for part in request.headers.get("accept", "*/*").split(",")
    }
    if accepted & JSON:
        return False
    if accepted & XML:
        return True
    raise ApiError(
        406,
        "Invalid accept media type",
        "Supported response media types for this service are: "
        "[application/json, application/xml, text/xml]",
    )


def respond(
    request: "Request",
    document: dict[str, Any],
    status: int = 200,
    headers: "Mapping[str, str] | None" = None,
) -> Response:
    """Return an answer in the form that the request wants."""
    if wants_xml(request):
        body = ET.tostring(_element("response", document), "unicode")
        text = f'<?xml version="1.0" encoding="UTF-8"?>{body}'
        return Response(text, status, headers, "application/xml;charset=UTF-8")
    return JSONResponse(document, status, headers)


def refuse(request: "Request", error: ApiError, document: dict[str, object]) -> Response:
    """Return a refusal in the form that the request wants, JSON where it wants neither."""
    try:
        return respond(request, document, error.status)
    except ApiError:
        return JSONResponse(document, error.status)


async def read(request: "Request", limit: int) -> Any:
    """Return the document that a request carries; an empty object without one.

    Raises:
        ApiError: 400 or 415, as the real API answers what it cannot read.
    """
    wants_xml(request)
    raw = await request.body()
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in JSON | XML or (not content_type and raw):
        raise ApiError(
            415,
            "Unsupported media type",
            "Invalid content-type. Supported request media types for this service are: "
            "[application/json, application/xml, text/xml]",
        )
    if len(raw) > limit:
        raise ApiError(
            400,
            "Exception while reading request",
            Message(
                "Rejected large REST payload with content-length = {0} bytes. "
                "Max allowed: {1} bytes.",
                (len(raw), limit),
            ),
        )
    try:
        if content_type in XML:
            return _document(ET.fromstring(raw or b"<request/>"))  # noqa: S314 - one's own tests
        return parsed(raw or b"{}")
    except (ValueError, ET.ParseError):
        raise ApiError(
            400, "Exception while reading request", "The payload is not JSON or XML"
        ) from None


def parsed(raw: bytes) -> Any:
    """Return a JSON document, without the half characters that JSON alone can write.

    Texts may stand in single quotes, as in ServiceNow's own examples (documentation: Table API).

    Raises:
        ValueError: it is not JSON.
    """
    try:
        document = json.loads(raw)
    except ValueError:
        document = json.loads(_TEXT.sub(_in_double_quotes, raw.decode()))
    if _HALF not in raw.lower():
        return document
    return json.loads(json.dumps(document, ensure_ascii=False).encode(errors="replace"))


def _in_double_quotes(text: re.Match[str]) -> str:
    content = text[1]
    if content is None:
        return text[0]
    escaped = re.sub(r'(?<!\\)"', r'\\"', content.replace("\\'", "'"))
    return f'"{escaped}"'


async def read_record(request: "Request", limit: int) -> dict[str, Any]:
    """Return a body's record, the first of several.

    Raises:
        ApiError: 400 or 415.
    """
    body = await read(request, limit)
    first = body[0] if isinstance(body, list) and body else body
    if isinstance(first, dict) and set(first) == {"entry"}:
        entry = first["entry"]
        first = entry[0] if isinstance(entry, list) else entry
    return first if isinstance(first, dict) else {}


def _element(name: str, value: Any) -> ET.Element:
    element = ET.Element(name)
    if isinstance(value, dict):
        for key, item in value.items():
            for one in item if isinstance(item, list) else [item]:
                element.append(_element(str(key), one))
    elif value is not None:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)
    return element


def _document(element: ET.Element) -> Any:
    if not len(element):
        return element.text or ""
    document: dict[str, Any] = {}
    for child in element:
        value = _document(child)
        if child.tag in document:
            known = document[child.tag]
            document[child.tag] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            document[child.tag] = value
    return document
