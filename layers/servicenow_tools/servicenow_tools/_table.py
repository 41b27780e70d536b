"""The Table API: records of any table, made once, read truly, changed as asked."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field as field_
from datetime import UTC, date, datetime
from typing import Any

from servicenow_tools import _cursor, words
from servicenow_tools._answers import Answer, whole_number
from servicenow_tools._http import Http, Request
from servicenow_tools._kept import Kept
from servicenow_tools.errors import (
    InvalidRequestError,
    NotFoundError,
    ServerError,
    ServiceNowError,
    UnavailableError,
)
from servicenow_tools.knowledge import Knowledge, checked_table, same
from servicenow_tools.query import Query, field
from servicenow_tools.records import Column, IgnoredField, Page, Preview, Problem, Record
from servicenow_tools.references import is_sys_id

_NUMBER = re.compile(r"[A-Z]{2,8}[0-9]{5,12}")
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,79}")
_JOURNALS = frozenset({"work_notes", "comments"})
_LONGEST_CORRELATION_ID = 100
_LARGEST_STEP = 1000
_KEPT_SECONDS = 600.0

Values = dict[str, str]


@dataclass(slots=True)
class _Turns:
    """Those who would make the same record, one after the other."""

    lock: asyncio.Lock = field_(default_factory=asyncio.Lock)
    takers: int = 0


class Tables:
    """The records of one instance."""

    def __init__(self, http: Http, knowledge: Knowledge) -> None:
        self._http = http
        self._knowledge = knowledge
        self._creating: dict[tuple[asyncio.AbstractEventLoop, str, str], _Turns] = {}
        self._created = Kept[tuple[str, str], bool](_KEPT_SECONDS, size=1000)

    async def create(
        self, table: str, fields: Mapping[str, Any], *, path: str | None = None
    ) -> Record:
        """Make a record, exactly one, and where it is not known whether that worked, look.

        Args:
            table: its table.
            fields: columns and values; None stands for a field that is not set.
            path: where another API than the Table API makes it.

        Raises:
            InvalidRequestError: a name or value is refused here.
            ServiceNowError: with `maybe_applied`, it is not known whether the record exists.
        """
        with self._http.budget():
            values = await self.prepared(table, fields)
            given = values.get("correlation_id")
            if not given:
                values["correlation_id"] = f"servicenow-tools-{uuid.uuid4()}"
                return await self._post(table, values, path)
            async with self._alone(table, given) as is_first:
                made = None if is_first else await self.find_by_correlation_id(table, given)
                if made is None:
                    made = await self._post(table, values, path)
                self._created.put((table, given), True)  # noqa: FBT003 - a mark
                return made

    @asynccontextmanager
    async def _alone(self, table: str, correlation_id: str) -> AsyncIterator[bool]:
        """Let in one creator at a time; tell whether it is the first with this id of late."""
        key = (asyncio.get_running_loop(), table, correlation_id)
        turns = self._creating.setdefault(key, _Turns())
        is_first = not turns.takers and self._created.get((table, correlation_id)) is None
        turns.takers += 1
        try:
            async with turns.lock:
                yield is_first
        finally:
            turns.takers -= 1
            if not turns.takers:
                del self._creating[key]

    async def _post(self, table: str, values: Values, path: str | None) -> Record:
        request = self.creation(table, values, path)
        may_repeat = True
        while True:
            try:
                return self.record(table, await self._http.send(request), values)
            except ServiceNowError as error:
                if not error.maybe_applied:
                    raise
                made = await self._made_after_all(table, values["correlation_id"], error)
                if made is not None:
                    made.ignored_fields = ignored(values, made)
                    return made
                if not may_repeat or not is_over(error):
                    raise
                may_repeat = False

    async def _made_after_all(
        self, table: str, correlation_id: str, error: ServiceNowError
    ) -> Record | None:
        try:
            return await self.find_by_correlation_id(table, correlation_id)
        except ServiceNowError:
            raise error from None

    async def get(
        self,
        table: str,
        record_id: str,
        *,
        display_value: bool = False,
        fields: Iterable[str] | None = None,
    ) -> Record:
        """Return a record by sys_id or number; NotFoundError where there is none."""
        display = "true" if display_value else "false"
        path = f"/api/now/table/{checked_table(table)}"
        if is_sys_id(record_id):
            params = view(display=display, fields=fields)
            return self.record(table, await self._http.get(f"{path}/{record_id}", **params))
        query = field("number").eq(_checked_number(record_id))
        wanted = None if fields is None else list(dict.fromkeys((*fields, "number")))
        params = view(display=display, fields=wanted)
        params |= {"sysparm_query": query.encode(), "sysparm_limit": "1"}
        rows = (await self._http.get(path, **params)).records()
        # A table without numbers ignores the condition and answers with any record.
        if not rows or rows[0].get("number") != record_id:
            raise NotFoundError(
                404,
                "No Record found",
                f"No record of {table} has the number {record_id}, or it is hidden",
            )
        if wanted is not None and fields is not None and "number" not in fields:
            del rows[0]["number"]
        return self._shown(table, rows[0])

    async def update(self, table: str, record_id: str, fields: Mapping[str, Any]) -> Record:
        """Set fields of a record by sys_id or number; None is not set, "" clears."""
        with self._http.budget():
            sys_id = await self.found(table, record_id)
            values = await self.prepared(table, fields)
            request = self.change(table, sys_id, values)
            # A journal would have its entry twice.
            answer = await self._http.send(request, repeatable=_JOURNALS.isdisjoint(values))
            return self.record(table, answer, values)

    async def steps(self, table: str, record_id: str, steps: list[dict[str, str]]) -> Record:
        """Set one step's fields after the other's; an error tells whether any was set."""
        first, *others = steps
        record = await self.update(table, record_id, first)
        left_out = record.ignored_fields
        for step in others:
            try:
                record = await self.update(table, record.sys_id, step)
            except ServiceNowError as error:
                error.maybe_applied = True
                raise
            left_out += record.ignored_fields
        record.ignored_fields = left_out
        return record

    async def find_by_correlation_id(self, table: str, correlation_id: str) -> Record | None:
        """Return the oldest record with exactly this correlation_id, or None.

        Raises:
            InvalidRequestError: it is no correlation_id, or the table cannot be searched by one.
        """
        query = field("correlation_id").eq(checked_correlation_id(correlation_id))
        rows = await self._http.find(
            checked_table(table), query.order_by("sys_created_on").encode(), limit=10
        )
        for row in rows:
            if row.get("correlation_id") == correlation_id:
                return self._shown(table, row)
        if any(not same(row.get("correlation_id"), correlation_id) for row in rows):
            raise InvalidRequestError("cannot be searched by correlation_id", "table")
        return None

    async def page(
        self,
        table: str,
        query: Query | None,
        *,
        limit: int,
        cursor: str | None = None,
        fields: Sequence[str] | None = None,
        display_value: bool = False,
    ) -> Page:
        """Return a page of what a query finds, the newest first; see the client's `page`."""
        if limit < 1:
            raise InvalidRequestError("must be at least 1", "limit")
        conditions = query or Query()
        if conditions.is_ordered:
            raise InvalidRequestError("must leave the order to the pages", "query")
        search = f"{checked_table(table)}?{conditions.encode()}"
        total: int | None = None
        if cursor is not None:
            start = _cursor.read(cursor, search)
            total = start.total
            conditions &= field("sys_created_on").lt(start.created) | (
                field("sys_created_on").eq(start.created) & field("sys_id").gt(start.sys_id)
            )
        conditions = conditions.order_by("sys_created_on", descending=True).order_by("sys_id")
        wanted = None if fields is None else [*dict.fromkeys(("sys_id", "sys_created_on", *fields))]
        # Display values alone would hide in which second a record was made.
        params = view(display="all" if display_value else "false", fields=wanted)
        params["sysparm_query"] = conditions.encode()
        offset, size = 0, limit
        # Access control hides rows after the limit was applied, so a page may be empty though
        # more rows follow (documentation: Table API, sysparm_limit).
        with self._http.budget():
            await self._knowledge.check_query(table, query or Query())
            while True:
                where = {"sysparm_limit": str(size), "sysparm_offset": str(offset)}
                answer = await self._http.get(f"/api/now/table/{table}", **params, **where)
                rows = answer.records()
                if cursor is None and total is None:
                    total = _count(answer)
                more = _is_followed(answer, len(rows) >= size)
                if rows or not more:
                    break
                offset, size = offset + size, max(limit, min(2 * size, _LARGEST_STEP))
        following = None
        if more or len(rows) > limit:
            following = _cursor.write(_position(rows[:limit][-1], total), search)
        return Page([self._shown(table, _seen(row)) for row in rows[:limit]], total, following)

    async def count(self, table: str, query: Query | None) -> int:
        """Return how many records a query finds (documentation: Aggregate API)."""
        with self._http.budget():
            await self._knowledge.check_query(table, query or Query())
            answer = await self._http.get(
                f"/api/now/stats/{checked_table(table)}",
                sysparm_count="true",
                sysparm_query=(query or Query()).encode(),
            )
        stats = answer.document().get("stats")
        return whole_number(stats.get("count") if isinstance(stats, dict) else None) or 0

    async def preview(self, table: str, fields: Mapping[str, Any], *, is_new: bool) -> Preview:
        """Return what a write would send and what is known to be wrong with it."""
        values: Values = {}
        problems: list[Problem] = []
        with self._http.budget():
            for name, given in fields.items():
                try:
                    values |= await self.prepared(table, {name: given})
                except InvalidRequestError as error:
                    problems.append(Problem(error.field or name, str(error)))
            columns = await self._knowledge.columns(table)
            for name, value in values.items():
                if columns and name not in columns:
                    problems.append(Problem(name, f"is no field of {table}"))
                elif columns:
                    problems += await self._wrong_with(table, columns[name], value)
            demanded = await self._knowledge.mandatory_fields(table) if is_new else []
            problems += [
                Problem(wanted.field, f"is mandatory ({wanted.source})")
                for wanted in demanded
                if not wanted.condition and not values.get(wanted.field)
            ]
        return Preview(values, problems)

    async def _wrong_with(self, table: str, column: Column, value: str) -> list[Problem]:
        problems = []
        if column.read_only:
            problems.append(Problem(column.name, "cannot be set"))
        if column.max_length is not None and len(value) > column.max_length:
            text = f"would be cut to {column.max_length} characters"
            problems.append(Problem(column.name, text))
        if column.has_choices and value:
            known = [choice.value for choice in await self._knowledge.choices(table, column.name)]
            if known and value not in known:
                problems.append(Problem(column.name, f"must be one of {', '.join(known)}"))
        return problems

    # ---- what other APIs build upon

    def creation(self, table: str, values: Values, path: str | None = None) -> Request:
        """Return the request that makes a record of prepared values."""
        if path is not None:
            return Request("POST", path, body=dict(values))
        return Request("POST", f"/api/now/table/{checked_table(table)}", view(), dict(values))

    def change(self, table: str, sys_id: str, values: Values) -> Request:
        """Return the request that sets prepared values.

        Raises:
            InvalidRequestError: there are none.
        """
        if not values:
            raise InvalidRequestError("must set at least one field", "fields")
        path = f"/api/now/table/{checked_table(table)}/{sys_id}"
        return Request("PATCH", path, view(), dict(values))

    def record(self, table: str, answer: Answer, sent: Values | None = None) -> Record:
        """Return an answer's record, after a write with what ServiceNow dropped or changed."""
        columns = answer.record()
        record = self._shown(table, columns)
        if sent is not None:
            record.ignored_fields = ignored(sent, columns)
        return record

    def records(self, table: str, rows: Iterable[dict[str, Any]]) -> list[Record]:
        """Return rows as records."""
        return [self._shown(table, row) for row in rows]

    async def found(self, table: str, record_id: str) -> str:
        """Return the sys_id of a record given by sys_id or number."""
        if is_sys_id(record_id):
            return record_id
        return (await self.get(table, record_id, fields=["sys_id"])).sys_id

    async def prepared(self, table: str, fields: Mapping[str, Any]) -> Values:
        """Return the values as ServiceNow takes them: text, codes for words, sys_ids for names."""
        values: Values = {}
        for name, given in fields.items():
            if given is None:
                continue
            if not _COLUMN.fullmatch(name) or name.startswith("sys_"):
                raise InvalidRequestError("is no column that can be set", name[:80])
            text = _as_text(name, words.code(table, name, given))
            if text:
                target = await self._knowledge.target_of(table, name)
                if target is not None:
                    text = await self._knowledge.sys_id_of(name, text, target)
            if name == "correlation_id" and text:
                checked_correlation_id(text)
            values[name] = text
        return values

    def _shown(self, table: str, columns: dict[str, Any]) -> Record:
        return Record(columns, table=table, instance_url=self._http.instance_url)


def view(*, display: str = "false", fields: Iterable[str] | None = None) -> dict[str, str]:
    """Return the parameters that say how records are shown."""
    params = {"sysparm_exclude_reference_link": "true", "sysparm_display_value": display}
    if fields is not None:
        params["sysparm_fields"] = ",".join(field(name).name for name in fields)
    return params


def is_over(error: ServiceNowError) -> bool:
    """Tell whether ServiceNow has ended its work on a request that failed.

    After a timeout, a broken connection or a gateway's word it may still be at it, and a second
    POST could make a second record although there is none yet.
    """
    return isinstance(error, ServerError) or (
        isinstance(error, UnavailableError) and error.status not in {502, 504}
    )


def ignored(sent: Mapping[str, str], kept: Mapping[str, Any]) -> list[IgnoredField]:
    """Return what ServiceNow dropped or changed; a journal's entry is never read back."""
    return [
        IgnoredField(name, value, kept.get(name))
        for name, value in sent.items()
        if name not in _JOURNALS and kept.get(name) != value
    ]


def checked_correlation_id(text: str) -> str:
    """Return a correlation_id that can be looked up.

    A longer one would be cut, and an empty one is what all other records have: a look-up would
    miss the record, or find a stranger.

    Raises:
        InvalidRequestError: it cannot.
    """
    if not text or text != text.strip() or len(text) > _LONGEST_CORRELATION_ID:
        raise InvalidRequestError(
            f"must be 1 to {_LONGEST_CORRELATION_ID} characters without blanks around them",
            "correlation_id",
        )
    field("correlation_id").eq(text)  # refuses what could not be looked up
    return text


def _checked_number(number: str) -> str:
    # An empty or odd id must never turn the reading of one record into the reading of all.
    if not _NUMBER.fullmatch(number):
        raise InvalidRequestError("must be a sys_id (32 hexadecimal digits) or a number", "id")
    return number


def _as_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if not isinstance(value, str | int | float | date):
        raise InvalidRequestError("must be text, a number, a truth value or a date", name)
    text = str(value)
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidRequestError("must be valid text", name)
    return text


def _is_followed(answer: Answer, is_full: bool) -> bool:  # noqa: FBT001 - a private helper
    """Tell whether more rows follow: by the Link header, or by a full page where it is missing."""
    link = answer.headers.get("link")
    return is_full if link is None else 'rel="next"' in link


def _position(row: dict[str, Any], total: int | None) -> _cursor.Position:
    created, sys_id = (
        value.get("value") if isinstance(value, dict) else value
        for value in (row.get("sys_created_on"), row.get("sys_id"))
    )
    if not created or not sys_id:
        raise InvalidRequestError(
            "cannot be paged through: its sys_created_on or sys_id is hidden", "table"
        )
    return _cursor.Position(created, sys_id, total)


def _seen(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a person sees of a row that was asked for with stored and display values."""
    return {
        name: (value.get("display_value") or "") if isinstance(value, dict) else value
        for name, value in row.items()
    }


def _count(answer: Answer) -> int | None:
    return whole_number(answer.headers.get("x-total-count"))
