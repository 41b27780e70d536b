"""Lines of log groups, as a subscription filter of CloudWatch Logs delivers them.

Shape: CloudWatch Logs user guide, "Log group-level subscription filters": gzip in base64.
Powertools unpacks that to whatever size; here it is bounded. Lines that differ in numbers alone
come next to each other, so that they are folded.
"""

import base64
import binascii
import json
import zlib
from typing import TYPE_CHECKING, Any

from actionsync import clock
from actionsync.events.models import UnreadableEventError, digest
from actionsync.events.sources import LOGS, fields
from actionsync.events.sources.fingerprints import fingerprint

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

TYPE = "CloudWatch Logs Lines"
# CloudWatch Logs delivers about one MB unpacked; what is more comes from somebody else.
MOST_UNPACKED_BYTES = 32 * 1024 * 1024
MOST_MESSAGE_BYTES = 60_000
MOST_LINES = 500
# In JSON a character takes twelve bytes at most, a message of the queue 256 KB.
_LONGEST_LINE = 20_000
_GZIP = 16 + zlib.MAX_WBITS


def messages(event: dict[str, Any], region: str, own: "Collection[str]") -> list[str]:
    """Return the messages for the queue of events that a delivery's lines become.

    Args:
        event: what CloudWatch Logs invokes the function with.
        region: where that is; the delivery does not say.
        own: the stack's own log groups. Their lines become nothing: each ticket would log more.

    Raises:
        UnreadableEventError: it is no delivery of CloudWatch Logs.
    """
    data = _unpacked(event)
    group = data.get("logGroup")
    if data.get("messageType") != "DATA_MESSAGE" or group in own:
        return []
    lines = [line for line in _list(data.get("logEvents")) if _is_line(line)]
    lines.sort(key=lambda line: fingerprint(line["message"], ""))
    return [_message(data, some, region) for some in _chunks(lines)]


def _unpacked(event: dict[str, Any]) -> dict[str, Any]:
    try:
        unpacking = zlib.decompressobj(_GZIP)
        packed = base64.b64decode(event["awslogs"]["data"])
        text = unpacking.decompress(packed, MOST_UNPACKED_BYTES)
        data = json.loads(text)
    except (KeyError, TypeError, ValueError, RecursionError, binascii.Error, zlib.error):
        data = None
    if not isinstance(data, dict):
        raise UnreadableEventError("awslogs.data: is no delivery of CloudWatch Logs")
    return data


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_line(line: Any) -> bool:
    return isinstance(line, dict) and isinstance(line.get("message"), str)


def _chunks(lines: list[dict[str, Any]]) -> "Iterator[list[dict[str, Any]]]":
    """Yield the lines in portions that a message has room for."""
    chunk: list[dict[str, Any]] = []
    size = 0
    for line in lines:
        short = {
            "id": line.get("id"),
            "timestamp": line.get("timestamp"),
            "message": fields.cut(line["message"], _LONGEST_LINE),
        }
        length = len(json.dumps(short))
        if chunk and (size + length > MOST_MESSAGE_BYTES or len(chunk) == MOST_LINES):
            yield chunk
            chunk, size = [], 0
        chunk.append(short)
        size += length
    if chunk:
        yield chunk


def _message(data: dict[str, Any], lines: list[dict[str, Any]], region: str) -> str:
    """Return some lines in the form of an event of EventBridge's; a redelivery has the same id."""
    place = [
        fields.as_text(data.get(name) or "")[:512] for name in ("owner", "logGroup", "logStream")
    ]
    ids = [fields.as_text(line["id"] or line["message"]) for line in lines]
    return json.dumps(
        {
            "id": digest(*place, *ids),
            "source": LOGS,
            "detail-type": TYPE,
            "account": place[0],
            "region": region,
            "time": clock.iso(clock.now()),
            "resources": [],
            "detail": {
                "logGroup": place[1],
                "logStream": place[2],
                "subscriptionFilters": _list(data.get("subscriptionFilters"))[:10],
                "logEvents": lines,
            },
        }
    )
