"""Many writes in few round trips (documentation: Batch API)."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from servicenow_tools import _batch, _concurrency, retries
from servicenow_tools._http import Request
from servicenow_tools._responses import Answer, AttemptError, read
from servicenow_tools.errors import (
    InvalidRequestError,
    RateLimitedError,
    RequestTimeoutError,
    ServiceNowError,
    ValidationError,
)
from servicenow_tools.query import field
from servicenow_tools.records import Record
from servicenow_tools.tables import Instance, Table, Values, ignored_fields, is_final

# An instance ends a batch after 30 s, and takes 10 MB at once, of which base64 leaves 7.5.
CHUNK = 50
_CHUNK_BYTES = 6 * 1024 * 1024
_AT_ONCE = 8
_ROUNDS = 3
_LOOKED_UP_AT_ONCE = 50

Outcome = Record | ServiceNowError


class Bulk:
    """Many creates, updates or deletes of one instance at once.

    Each part has an outcome of its own, in the order of the parts. Where the instance has no
    Batch API the parts are sent one by one, eight at a time.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._http = instance.http
        self._is_missing = False

    async def create(
        self, table: str, rows: Iterable[Mapping[str, Any]], *, chunk: int = CHUNK
    ) -> list[Outcome]:
        """Create records, exactly one for each row, also when the network fails half-way.

        Rows with a `correlation_id` of their own are looked up first, as `create` does: run twice,
        nothing is created twice.

        Args:
            table: their table.
            rows: the columns and values of each.
            chunk: how many go into one round trip.

        Returns:
            A Record or a ServiceNowError for each row; with `maybe_applied` it is not known
            whether the record exists.
        """
        target = Table(self._instance, table)
        parts: list[_Part] = []
        first_with: dict[str, _Part] = {}
        with self._http.deadline():
            for row in rows:
                part = _Part()
                parts.append(part)
                try:
                    part.values = await target.serialize(row, is_new=True)
                except ServiceNowError as error:
                    part.outcome = error
                    continue
                given = part.values.get("correlation_id")
                key = given or f"servicenow-tools-{uuid.uuid4()}"
                part.values["correlation_id"] = key
                part.is_given = bool(given)
                part.request = target.create_request(part.values)
                part.same_as = first_with.setdefault(key, part)
            ready = list(first_with.values())
            await self._find_existing(target, [part for part in ready if part.is_given])
            missing = [part for part in ready if part.is_to_send]
            for some in _chunks(missing, chunk):
                await self._create_chunk(target, some)
        return [part.same_as.outcome for part in parts]

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
        target = Table(self._instance, table)
        parts: list[_Part] = []
        with self._http.deadline():
            for record_id, fields in changes:
                part = _Part()
                parts.append(part)
                try:
                    sys_id = await target.resolve_sys_id(record_id)
                    part.values = await target.serialize(fields)
                    part.request = target.update_request(sys_id, part.values)
                except ServiceNowError as error:
                    part.outcome = error
            for some in _chunks([part for part in parts if part.is_to_send], chunk):
                await self._send(target, some)
        return [part.outcome for part in parts]

    async def delete(
        self, table: str, ids: Iterable[str], *, chunk: int = CHUNK
    ) -> list[ServiceNowError | None]:
        """Delete records.

        Args:
            table: their table.
            ids: the sys_id or number of each.
            chunk: how many go into one round trip.

        Returns:
            None for each record that is deleted, or a ServiceNowError: NotFoundError where there
            was none.
        """
        target = Table(self._instance, table)
        parts: list[_Part] = []
        with self._http.deadline():
            for record_id in ids:
                part = _Part()
                parts.append(part)
                try:
                    part.request = target.delete_request(await target.resolve_sys_id(record_id))
                except ServiceNowError as error:
                    part.outcome = error
            for some in _chunks([part for part in parts if part.is_to_send], chunk):
                await self._send(target, some)
        errors = [None if part.is_done else part.outcome for part in parts]
        return [error for error in errors if not isinstance(error, Record)]

    async def _find_existing(self, table: Table, parts: Sequence["_Part"]) -> None:
        """Take over the records that have a row's own correlation_id already."""
        try:
            await self._look_up(table, parts, existing=True)
        except ServiceNowError as error:
            _fail(parts, error)

    async def _create_chunk(self, table: Table, parts: Sequence["_Part"]) -> None:
        """Create a chunk's records; look for those of which it is not known, and try once more."""
        await self._send(table, parts)
        unsure = [part for part in parts if part.is_unsure]
        try:
            await self._look_up(table, unsure)
            again = [part for part in unsure if part.is_unsure and part.is_final]
            if again:
                await self._send(table, again)
                await self._look_up(table, [part for part in again if part.is_unsure])
        except ServiceNowError:
            return  # the errors stand: it is still not known

    async def _look_up(
        self, table: Table, parts: Sequence["_Part"], *, existing: bool = False
    ) -> None:
        """Take over the records that exist, in few reads.

        Raises:
            InvalidRequestError: the table cannot be searched by correlation_id.
        """
        by_id = {part.values["correlation_id"]: part for part in parts}
        listable = [key for key in by_id if "," not in key]
        single = [key for key in by_id if "," in key]
        for start in range(0, len(listable), _LOOKED_UP_AT_ONCE):
            some = listable[start : start + _LOOKED_UP_AT_ONCE]
            query = field("correlation_id").in_(some).order_by("sys_created_on")
            limit = 2 * len(some)
            rows = await self._http.find(table.table, query.encode(), limit=limit)
            found = {str(row.get("correlation_id")) for row in rows}
            if not {key.casefold() for key in found} <= {key.casefold() for key in some}:
                raise InvalidRequestError("cannot be searched by correlation_id", "table")
            for row in rows:
                part = by_id.get(str(row.get("correlation_id")))
                if part is not None and not isinstance(part.outcome, Record):
                    part.take_over(table.to_record(row), existing=existing)
            if len(rows) == limit:  # those of one correlation_id may hide others
                single += [key for key in some if key not in found]
        for key in single:
            record = await table.find_by_correlation_id(key)
            if record is not None:
                by_id[key].take_over(record, existing=existing)

    async def _send(self, table: Table, parts: Sequence["_Part"]) -> None:
        """Send parts until each was served, by the Batch API or one by one."""
        waiting = list(parts)
        attempt = 0
        while not self._is_missing:
            attempt += 1
            waiting = await self._send_batch(table, waiting)
            refused = [part for part in waiting if isinstance(part.outcome, RateLimitedError)]
            if refused and not await self._wait_after(refused, attempt):
                waiting = [part for part in waiting if part not in refused]
            if not waiting or attempt == _ROUNDS:
                return  # the outcome of the rest is still that nothing has become of it

        async def send_one(part: _Part) -> None:
            try:
                part.done(table, await self._http.send(part.request))
            except ServiceNowError as error:
                part.outcome = error

        await _concurrency.run_all([partial(send_one, part) for part in waiting], _AT_ONCE)

    async def _send_batch(self, table: Table, parts: list["_Part"]) -> list["_Part"]:
        """Send parts in one batch, and return those to send again.

        The instance did not come to them, or refused them for being too many.
        """
        items = [
            _batch.Item(part.request.method, part.request.target, part.request.body)
            for part in parts
        ]
        body = _batch.document(items)
        request = Request("POST", _batch.PATH, body=body, key="serviced_requests")
        try:
            served = (await self._http.send(request)).documents()
        except ValidationError as error:
            if await self._instance.metadata.is_unknown_path(error):
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
                    part.done(table, read(*_batch.response(item), is_write=True))
                except AttemptError as failed:
                    part.outcome = failed.error
                except ServiceNowError as error:
                    part.outcome = error
        return [
            part
            for number, part in enumerate(parts)
            if str(number) not in answers or isinstance(part.outcome, RateLimitedError)
        ]

    async def _wait_after(self, refused: Sequence["_Part"], attempt: int) -> bool:
        """Wait as long as the slowest of the limits asks for; return False if that is too long."""
        errors = [part.outcome for part in refused if isinstance(part.outcome, RateLimitedError)]
        longest = max(errors, key=lambda error: error.retry_after or 0)
        return await self._http.wait_after(
            longest, retries.Outcome.REFUSED, attempt, repeatable=False
        )


class _Part:
    """One part of a bulk write.

    Attributes:
        values: what is sent.
        request: what sends it.
        outcome: what became of it.
        is_given: whether its correlation_id is the caller's own.
        same_as: the part before it that creates the same record, or itself.
        is_done: whether the instance has done it.
    """

    def __init__(self) -> None:
        self.values: Values = {}
        self.request = Request("POST", "")
        self.is_given = False
        self.same_as = self
        self.is_done = False
        self._unserved = RequestTimeoutError(
            "The instance did not come to this part of the batch within its time.",
            maybe_applied=False,
        )
        self.outcome: Outcome = self._unserved

    @property
    def is_to_send(self) -> bool:
        """Whether nothing has become of it so far."""
        return self.outcome is self._unserved

    @property
    def is_unsure(self) -> bool:
        """Whether it is not known what became of it."""
        return isinstance(self.outcome, ServiceNowError) and self.outcome.maybe_applied

    @property
    def is_final(self) -> bool:
        """Whether the instance has ended its work on it, and failed."""
        return isinstance(self.outcome, ServiceNowError) and is_final(self.outcome)

    @property
    def size(self) -> int:
        """About how many bytes of the batch it takes."""
        return len(json.dumps(self.values)) * 4 // 3 + 500

    def done(self, table: Table, answer: Answer) -> None:
        """Take over the answer to its request."""
        self.is_done = True
        if self.request.method != "DELETE":
            self.outcome = table.written(answer, self.values)

    def take_over(self, record: Record, *, existing: bool) -> None:
        """Take over a record that exists."""
        record.existing = existing
        if not existing:
            record.ignored_fields = ignored_fields(self.values, record)
        self.outcome = record


def _chunks(parts: list[_Part], size: int) -> Iterator[list[_Part]]:
    """Yield the parts in chunks that are neither too many nor too large.

    Raises:
        InvalidRequestError: the size is not positive.
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


def _fail(parts: Iterable[_Part], error: ServiceNowError) -> None:
    for part in parts:
        part.outcome = error
