"""The newest events of an owner and of a webhook, for people to look at and to send again.

Entries are collected in the process and put at the end of an invocation: one item for each owner,
and for each webhook, in each minute and process. It holds the newest entries, each compressed, and
is put again as more come. Whatever goes wrong here is logged and costs entries, never an event.
"""

import json
import time
import uuid
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actionsync import clock
from actionsync.telemetry import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

VERSION = 1
RECENT_DAYS = 7
MOST_OF_OWNER, MOST_OF_WEBHOOK = 100, 20
MOST_ITEM_BYTES = 100_000
# An event that is larger, or does not become small enough when it is compressed, is left out of
# its entry.
LONGEST_EVENT = 128_000
_MOST_ENTRY_BYTES = 30_000
_LONGEST_DETAIL = 1000
# What holds as many as it may is put so rarely, in seconds: a storm would write it all the time.
_REPLACED_SECONDS = 10
# With less time left in an invocation, what was collected is left to the next one.
PUT_SECONDS = 20
_BATCH_WRITE = 25
_MOST_PAGES = 3
_MOST_COLLECTED = 500
_DAY = 24 * 3600


@dataclass(slots=True)
class _Collected:
    """One item in the making.

    Attributes:
        owner: whose it is.
        minute: the minute that it is of, since 1970.
        entries: the newest, the newest last; what was put is compressed.
        name: what keeps it apart from other processes' items of the minute.
        is_put: whether all of it was put.
        put_at: when, on time.monotonic()'s clock.
        was_cut: whether it has lost entries to newer ones.
    """

    owner: str
    minute: int
    entries: "deque[dict[str, Any] | bytes]"
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    is_put: bool = False
    put_at: float = -_REPLACED_SECONDS
    was_cut: bool = False

    def add(self, entry: dict[str, Any]) -> None:
        """Add an entry; the oldest makes room for it."""
        self.was_cut = self.was_cut or len(self.entries) == self.entries.maxlen
        self.entries.append(entry)
        self.is_put = False

    def compress(self) -> list[bytes]:
        """Return the newest entries that an item has room for, the newest first."""
        kept: deque[dict[str, Any] | bytes] = deque(maxlen=self.entries.maxlen)
        packed: list[bytes] = []
        size = 0
        for entry in reversed(self.entries):
            data = entry if isinstance(entry, bytes) else _packed(entry)
            size += len(data)
            if size > MOST_ITEM_BYTES:
                self.was_cut = True
                break
            packed.append(data)
            kept.appendleft(data)
        self.entries = kept
        return packed


class RecentEvents:
    """The newest events, in the events table.

    An entry has `at`, `source`, `kind`, `name`, `key` (the event's dedup key), `outcome`, `ticket`
    ({number, url} or None), `detail`, `event` (the message as it came; absent where it is too
    large), `webhook_id` and `delivery`.
    """

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._collected: dict[str, _Collected] = {}
        self._earlier: list[tuple[str, _Collected]] = []

    def note(self, owner: str, entry: dict[str, Any], webhook_id: str = "") -> None:
        """Collect an entry; `put` stores it."""
        if len(entry.get("event") or "") > LONGEST_EVENT:
            entry = {name: value for name, value in entry.items() if name != "event"}
        entry = {**entry, "detail": entry["detail"][:_LONGEST_DETAIL]}
        self._add(f"RECENT#OWNER#{owner}", owner, MOST_OF_OWNER, entry)
        if webhook_id:
            self._add(f"RECENT#WEBHOOK#{webhook_id}", owner, MOST_OF_WEBHOOK, entry)

    def put(self) -> None:
        """Store what was collected; what cannot be stored is lost."""
        try:
            self._put()
        except Exception:
            logger.warning("recent events not stored", exc_info=True)

    def read(self, owner: str, limit: int = MOST_OF_OWNER) -> list[dict[str, Any]]:
        """Return an owner's newest entries, newest first."""
        return self._read(f"RECENT#OWNER#{owner}", min(limit, MOST_OF_OWNER))

    def read_webhook(self, webhook_id: str, limit: int = MOST_OF_WEBHOOK) -> list[dict[str, Any]]:
        """Return a webhook's newest entries, newest first; whose webhook it is was checked."""
        return self._read(f"RECENT#WEBHOOK#{webhook_id}", min(limit, MOST_OF_WEBHOOK))

    def _add(self, pk: str, owner: str, most: int, entry: dict[str, Any]) -> None:
        minute = clock.now_epoch() // 60
        found = self._collected.get(pk)
        if found is None or found.minute != minute:
            if found is not None and not found.is_put:
                self._earlier.append((pk, found))
            found = _Collected(owner, minute, deque(maxlen=most))
            self._collected[pk] = found
        found.add(entry)

    def _put(self) -> None:
        now = time.monotonic()
        ready = [
            (pk, item)
            for pk, item in self._collected.items()
            if not item.is_put and not (item.was_cut and now - item.put_at < _REPLACED_SECONDS)
        ]
        earlier, self._earlier = self._earlier, []
        writes = [*earlier, *ready]
        for start in range(0, len(writes), _BATCH_WRITE):
            chunk = writes[start : start + _BATCH_WRITE]
            items = [self._item(pk, item) for pk, item in chunk]
            for _, item in chunk:
                item.is_put, item.put_at = True, now
            answer = self._dynamodb.batch_write_item(
                RequestItems={self._table: [{"PutRequest": {"Item": item}} for item in items]}
            )
            if left := answer.get("UnprocessedItems", {}).get(self._table):
                logger.warning("recent events not stored", items=len(left))
        if len(self._collected) > _MOST_COLLECTED:
            self._collected.clear()

    @staticmethod
    def _item(pk: str, item: _Collected) -> "Item":
        return {
            "pk": {"S": pk},
            "sk": {"S": f"{item.minute:010}#{item.name}"},
            "version": {"N": str(VERSION)},
            "owner": {"S": item.owner},
            "entries": {"L": [{"B": packed} for packed in item.compress()]},
            "expires_at": {"N": str(item.minute * 60 + RECENT_DAYS * _DAY)},
        }

    def _read(self, pk: str, limit: int) -> list[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk > :oldest",
            ExpressionAttributeValues={
                ":pk": {"S": pk},
                # What has expired may be there for some days.
                ":oldest": {"S": f"{clock.now_epoch() // 60 - RECENT_DAYS * 24 * 60:010}"},
            },
            ScanIndexForward=False,
        )
        found: list[dict[str, Any]] = []
        for number, page in enumerate(pages, start=1):
            for item in page["Items"]:
                if int(item["version"]["N"]) <= VERSION:
                    found += [
                        json.loads(zlib.decompress(bytes(entry["B"])))
                        for entry in item["entries"]["L"]
                    ]
            if len(found) >= limit or number == _MOST_PAGES:
                break
        return sorted(found, key=lambda entry: str(entry["at"]), reverse=True)[:limit]


def _packed(entry: dict[str, Any]) -> bytes:
    """Return an entry compressed, without its event where that stays too large."""
    data = zlib.compress(json.dumps(entry).encode())
    if len(data) <= _MOST_ENTRY_BYTES or "event" not in entry:
        return data
    return _packed({name: value for name, value in entry.items() if name != "event"})
