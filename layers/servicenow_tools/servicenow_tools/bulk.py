"""Many writes in few round trips (documentation: Batch API)."""

import asyncio
import base64
import binascii
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import httpx

from servicenow_tools._answers import Answer, AttemptError, read
from servicenow_tools._http import Http, Request
from servicenow_tools._table import Tables, Values, ignored, is_over
from servicenow_tools.errors import (
    InvalidRequestError,
    RequestTimeoutError,
    ServiceNowError,
    ValidationError,
)
from servicenow_tools.query import field
from servicenow_tools.records import Record

_PATH = "/api/now/v1/batch"
# An instance ends a batch after 30 s, and takes 10 MB at once, of which base64 leaves 7.5.
CHUNK = 50
_CHUNK_BYTES = 6 * 1024 * 1024
_AT_ONCE = 8
_ROUNDS = 3
_LOOKED_UP_AT_ONCE = 50
_STATUSES = range(200, 600)

Outcome = Record | ServiceNowError


class Bulk:
    """Many creates or updates of one instance at once.

    Each part has an outcome of its own: a Record, or the ServiceNowError that it ended with, in
    the order of the parts. Where the instance has no Batch API the parts are sent one by one,
    eight at a time.
    """

    def __init__(self, http: Http, tables: Tables) -> None:
        self._http = http
        self._tables = tables
        self._is_missing = False

    async def create(
        self, table: str, rows: Iterable[Mapping[str, Any]], *, chunk: int = CHUNK
    ) -> list[Outcome]:
        """Make records, exactly one for each row, also when the network fails half-way.

        Args:
            table: their table.
            rows: the columns and values of each, as `create_record` takes them.
            chunk: how many go into one round trip.

        Returns:
            A Record or a ServiceNowError for each row; with `maybe_applied` it is not known
            whether the record exists.
        """
        parts: list[_Part] = []
        ready: list[_Part] = []
        with self._http.budget():
            for row in rows:
                part = _Part()
                parts.append(part)
                try:
                    part.values = await self._tables.prepared(table, row)
                except ServiceNowError as error:
                    part.outcome = error
                    continue
                part.values.setdefault("correlation_id", f"servicenow-tools-{uuid.uuid4()}")
                part.request = self._tables.creation(table, part.values)
                ready.append(part)
            for some in _chunks(ready, chunk):
                await self._create_chunk(table, some)
        return [part.outcome for part in parts]

    async def update(
        self, table: str, changes: Iterable[tuple[str, Mapping[str, Any]]], *, chunk: int = CHUNK
    ) -> list[Outcome]:
        """Set fields of records.

        Args:
            table: their table.
            changes: for each, its sys_id or number, and columns and values.
            chunk: how many go into one round trip.

        Returns:
            A Record or a ServiceNowError for each change.
        """
        parts: list[_Part] = []
        ready: list[_Part] = []
        with self._http.budget():
            for record_id, fields in changes:
                part = _Part()
                parts.append(part)
                try:
                    sys_id = await self._tables.found(table, record_id)
                    part.values = await self._tables.prepared(table, fields)
                    part.request = self._tables.change(table, sys_id, part.values)
                except ServiceNowError as error:
                    part.outcome = error
                    continue
                ready.append(part)
            for some in _chunks(ready, chunk):
                await self._send(table, some)
        return [part.outcome for part in parts]

    async def _create_chunk(self, table: str, parts: list["_Part"]) -> None:
        """Make a chunk's records; look for those of which it is not known, and make them once."""
        await self._send(table, parts)
        unsure = [part for part in parts if part.is_unsure]
        if not unsure:
            return
        if not await self._look_up(table, unsure):
            return
        again = [part for part in unsure if part.is_unsure and part.is_over]
        if again:
            await self._send(table, again)
            await self._look_up(table, [part for part in again if part.is_unsure])

    async def _look_up(self, table: str, parts: list["_Part"]) -> bool:
        """Put the records that exist after all in the place of their errors; tell if one could."""
        by_id = {part.values["correlation_id"]: part for part in parts}
        listable = [key for key in by_id if "," not in key]
        try:
            for start in range(0, len(listable), _LOOKED_UP_AT_ONCE):
                some = listable[start : start + _LOOKED_UP_AT_ONCE]
                query = field("correlation_id").in_(some).order_by("sys_created_on")
                rows = await self._http.find(table, query.encode(), limit=2 * len(some))
                for row in rows:
                    part = by_id.get(row.get("correlation_id", ""))
                    if part is not None and part.is_unsure:
                        part.found(self._tables.records(table, [row])[0])
            for key in by_id.keys() - set(listable):
                record = await self._tables.find_by_correlation_id(table, key)
                if record is not None:
                    by_id[key].found(record)
        except ServiceNowError:
            return False  # the errors stand: it is still not known
        return True

    async def _send(self, table: str, parts: Sequence["_Part"]) -> None:
        """Send parts until each was served, by the Batch API or one by one."""
        waiting = list(parts)
        for _ in range(_ROUNDS):
            if self._is_missing:
                break
            waiting = await self._send_batch(table, waiting)
            if not waiting:
                return
        if not self._is_missing:
            return  # their outcome is still that the instance did not come to them
        limit = asyncio.Semaphore(_AT_ONCE)

        async def send_one(part: _Part) -> None:
            async with limit:
                try:
                    answer = await self._http.send(part.request)
                    part.outcome = self._tables.record(table, answer, part.values)
                except ServiceNowError as error:
                    part.outcome = error

        await asyncio.gather(*(send_one(part) for part in waiting))

    async def _send_batch(self, table: str, parts: list["_Part"]) -> list["_Part"]:
        """Send parts in one batch, and return those that the instance did not come to."""
        request = Request(
            "POST",
            _PATH,
            body={
                "batch_request_id": str(uuid.uuid4()),
                "rest_requests": [_item(str(n), part.request) for n, part in enumerate(parts)],
            },
            key="serviced_requests",
        )
        try:
            served = (await self._http.send(request)).documents()
        except ValidationError as error:
            if _says_missing(error):
                self._is_missing = True
                return parts
            _fail(parts, error)
            return []
        except ServiceNowError as error:
            _fail(parts, error)
            return []
        answers = {str(item.get("id")): item for item in served}
        for number, part in enumerate(parts):
            item = answers.get(str(number))
            if item is not None:
                try:
                    part.outcome = self._tables.record(table, _answer(item), part.values)
                except AttemptError as failed:
                    part.outcome = failed.error
                except ServiceNowError as error:
                    part.outcome = error
        return [part for number, part in enumerate(parts) if str(number) not in answers]


class _Part:
    """One part of a bulk write."""

    def __init__(self) -> None:
        self.values: Values = {}
        self.request = Request("POST", "")
        self.outcome: Outcome = RequestTimeoutError(
            "The instance did not come to this part of the batch within its time.",
            maybe_applied=False,
        )

    @property
    def is_unsure(self) -> bool:
        """Whether it is not known what became of it."""
        return isinstance(self.outcome, ServiceNowError) and self.outcome.maybe_applied

    @property
    def is_over(self) -> bool:
        """Whether the instance has ended its work on it, and failed."""
        return isinstance(self.outcome, ServiceNowError) and is_over(self.outcome)

    @property
    def size(self) -> int:
        """About how many bytes of the batch it takes."""
        return len(json.dumps(self.values)) * 4 // 3 + 500

    def found(self, record: Record) -> None:
        """Take over a record that exists after all."""
        record.ignored_fields = ignored(self.values, record)
        self.outcome = record


def _says_missing(error: ValidationError) -> bool:
    return "does not represent any resource" in (error.message or "")


def _chunks(parts: list[_Part], size: int) -> Iterator[list[_Part]]:
    """Yield the parts in chunks that are neither too many nor too large.

    Raises:
        InvalidRequestError: the size is none.
    """
    if size < 1:
        raise InvalidRequestError("must be at least 1", "chunk")
    chunk: list[_Part] = []
    weight = 0
    for part in parts:
        if chunk and (len(chunk) == size or weight + part.size > _CHUNK_BYTES):
            yield chunk
            chunk, weight = [], 0
        chunk.append(part)
        weight += part.size
    if chunk:
        yield chunk


def _item(number: str, request: Request) -> dict[str, Any]:
    body = json.dumps(request.body).encode()
    return {
        "id": number,
        "method": request.method,
        "url": f"{request.path}?{urlencode(request.params or {})}",
        "headers": [
            {"name": "Content-Type", "value": "application/json"},
            {"name": "Accept", "value": "application/json"},
        ],
        "body": base64.b64encode(body).decode(),
        "exclude_response_headers": False,
    }


def _fail(parts: Iterable[_Part], error: ServiceNowError) -> None:
    for part in parts:
        part.outcome = error


def _answer(item: dict[str, Any]) -> Answer:
    """Return the answer to a part, or raise what is wrong with it, as if it had come alone."""
    told = item.get("headers")
    headers = [
        (str(header.get("name")).encode(), str(header.get("value")).encode())
        for header in (told if isinstance(told, list) else [])
        if isinstance(header, dict)
    ]
    try:
        content = base64.b64decode(item.get("body") or "")
    except (binascii.Error, TypeError, ValueError):
        content = b""
    status = item.get("status_code")
    response = httpx.Response(
        status if isinstance(status, int) and status in _STATUSES else 500,
        # A batch may leave the headers out; the parts asked for JSON.
        headers=[
            *(header for header in headers if header[0].lower() != b"content-type"),
            (b"content-type", dict(headers).get(b"Content-Type", b"application/json")),
        ],
    )
    return read(response, content, is_write=True)
