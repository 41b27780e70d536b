# Generated from servicenow_tools/tables.py by `make sync`: change that one.
"""Records of any table, through the Table API."""

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field as field_
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import httpx

from servicenow_tools import _cursor, _labels
from servicenow_tools._references import is_sys_id
from servicenow_tools.errors import (
    InvalidRequestError,
    NotFoundError,
    ServerError,
    ServiceNowError,
    StateError,
    UnavailableError,
    UnexpectedContentError,
)
from servicenow_tools.query import Query, field
from servicenow_tools.records import (
    Aggregate,
    Choice,
    Column,
    FieldProblem,
    IgnoredField,
    MandatoryField,
    Page,
    Preview,
    Record,
)
from servicenow_tools.states import FINAL_STATES, STATES
from servicenow_tools.sync import _concurrency
from servicenow_tools.sync._http import Http, Request
from servicenow_tools.sync._metadata import InstanceMetadata, same, validate_table
from servicenow_tools.sync._responses import (
    Answer,
    label_of,
    stored_column,
    whole_number,
    with_labels,
)

_NUMBER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,38}[0-9]")
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,79}")
_JOURNALS = frozenset({"work_notes", "comments"})
# Who works on a ticket: nobody looks into the queue of an inactive group or user.
_WORKERS = frozenset({"assignment_group", "assigned_to"})
_MADE_UP = "servicenow-tools-"
_LONGEST_CORRELATION_ID = 100
# How many records are asked for at once: an instance ends an answer that takes it a minute.
_LARGEST_STEP = 1000
# What fits into a URL.
_MOST_IDS = 200
_MISSED = "The instance ignored a condition of the query: {}."

Values = dict[str, str]
DisplayValue = bool | Literal["all"]


@dataclass(slots=True)
class _Turns:
    """Those who would create the same record, one after the other."""

    lock: _concurrency.Lock = field_(default_factory=_concurrency.Lock)
    takers: int = 0


# Is called with what became of an update: the record, or why there is none.
Updated = Callable[[Record | ServiceNowError], None]
# Is called with table, sys_id and values before an update.
OnUpdate = Callable[[str, str, Values], Updated]


def _nobody(*_: object) -> Updated:
    return lambda _: None


@dataclass(slots=True)
class Instance:
    """What all resources of a client share."""

    http: Http
    metadata: InstanceMetadata
    on_update: OnUpdate = _nobody
    turns: dict[tuple[Any, str, str], _Turns] = field_(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Found:
    """Rows of a query, whether more follow, and at which offset."""

    answer: Answer
    rows: list[dict[str, Any]]
    is_followed: bool
    next_offset: int


class Resource:
    """The records of one table: what all tables have in common.

    `id` is a sys_id or a number everywhere, and None stands for a column that is not set.

    Attributes:
        table: the table's name.
    """

    def __init__(self, instance: Instance, table: str) -> None:
        self.table = validate_table(table)
        self._instance = instance
        self._http = instance.http
        self._metadata = instance.metadata

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.table!r})"

    # ---- read

    def get(
        self,
        id: str,  # noqa: A002 - the API's own name
        *,
        display_value: DisplayValue = False,
        fields: Sequence[str] | None = None,
    ) -> Record:
        """Return a record.

        Args:
            id: its sys_id or number.
            display_value: True for what a person sees instead of what is stored; "all" for what
                is stored, and `labels` with what a person sees.
            fields: the fields wanted, or None for all.

        Raises:
            NotFoundError: there is no such record, or the user may not see it.
        """
        display = _display(display_value)
        path = f"/api/now/table/{self.table}"
        if is_sys_id(id):
            answer = self._http.get(f"{path}/{id}", **_view(display=display, fields=fields))
            record = self.to_record(answer.row(), display_value)
            record.answered_at = answer.sent_at
            return record
        query = field("number").eq(_validate_number(id))
        wanted = None if fields is None else list(dict.fromkeys((*fields, "number")))
        params = _view(display=display, fields=wanted)
        params |= {"sysparm_query": query.encode(), "sysparm_limit": "1"}
        rows = (self._http.get(path, **params)).records()
        # A table without numbers ignores the condition and answers with any record.
        if not rows or not same(stored_column(rows[0].get("number")), id):
            raise NotFoundError(
                404,
                "No Record found",
                f"No record of {self.table} has the number {id}, or it is hidden",
            )
        if wanted is not None and fields is not None and "number" not in fields:
            del rows[0]["number"]
        return self.to_record(rows[0], display_value)

    def get_many(
        self,
        ids: Sequence[str],
        *,
        fields: Sequence[str] | None = None,
        display_value: DisplayValue = False,
    ) -> list[Record]:
        """Return the records of these sys_ids, without those that are gone or hidden.

        One request for each 200 of them.

        Args:
            ids: their sys_ids.
            fields: the fields wanted, or None for all; sys_id always comes.
            display_value: as for `get`.

        Raises:
            InvalidRequestError: one is not a sys_id.
            UnexpectedContentError: the instance answered with other records.
        """
        if wrong := [each for each in ids if not is_sys_id(each)]:
            raise InvalidRequestError("must be 32 hexadecimal digits", wrong[0][:80])
        wanted = None if fields is None else list(dict.fromkeys(("sys_id", *fields)))
        found: dict[str, Record] = {}
        with self._http.deadline():
            for start in range(0, len(ids), _MOST_IDS):
                some = ids[start : start + _MOST_IDS]
                query = field("sys_id").in_(some).encode()
                answer = self._http.ask(
                    self.table,
                    query,
                    limit=len(some),
                    fields=wanted,
                    display=_display(display_value),
                )
                records = [self.to_record(row, display_value) for row in answer.records()]
                check_rows(records, "sys_id", some)
                for record in records:
                    record.answered_at = answer.sent_at
                    found[record.sys_id] = record
        return [found[each] for each in dict.fromkeys(ids) if each in found]

    def search(
        self,
        query: Query | None = None,
        *,
        limit: int = 100,
        fields: Sequence[str] | None = None,
        display_value: DisplayValue = False,
        **filters: Any,
    ) -> list[Record]:
        """Return the newest records that meet all conditions, or the first in the query's order.

        Args:
            query: conditions, and an order if it has one.
            limit: how many records at most.
            fields: the fields wanted, or None for all; sys_id and sys_created_on always come.
            display_value: as for `get`.
            filters: columns and the value each must have, as `query` takes them.

        Raises:
            InvalidRequestError: a filter's value cannot be looked up, or there is no such field.
        """
        found: list[Record] = []
        with self._http.deadline():
            conditions = (query or Query()) & self.query(**filters)
            cursor: str | None = None
            while len(found) < limit:
                page = self.page(
                    conditions,
                    limit=min(limit - len(found), _LARGEST_STEP),
                    cursor=cursor,
                    fields=fields,
                    display_value=display_value,
                )
                found += page.records
                cursor = page.next
                if cursor is None:
                    break
        return found

    def query(self, **filters: Any) -> Query:
        """Return the query for records that meet all filters that are not None.

        Args:
            filters: columns and the value each must have, as `create` takes it: a
                reference by sys_id or by what names its record, a state, level or choice by code
                or label. `state="open"` finds all that is not finished; `short_description` finds
                texts that contain the value.

        Raises:
            InvalidRequestError: a name or value cannot be part of a query.
            ReferenceNotFoundError: no record has the name that a reference was given.
        """
        conditions = Query()
        for name, value in filters.items():
            if value is None:
                continue
            if name == "short_description":
                conditions &= field(name).contains(str(value))
            elif name == "state" and str(value).lower() == "open" and self.table in STATES:
                final = FINAL_STATES[self.table]
                codes = [state for state in STATES[self.table] if state not in final]
                conditions &= field(name).in_(codes)
            elif "." in name:
                conditions &= field(name).eq(value)
            else:
                conditions &= field(name).eq(self._stored_text(name, value))
        return conditions

    def page(
        self,
        query: Query | None = None,
        *,
        limit: int = 100,
        cursor: str | None = None,
        fields: Sequence[str] | None = None,
        display_value: DisplayValue = False,
    ) -> Page:
        """Return a page of the records that a query finds, the newest first.

        Pages in this order neither lose nor repeat a record while others are added or changed:
        each begins after the last record of the one before, not after a count. Pages in an order
        of the query's own begin after a count.

        Args:
            query: what to find; everything if None.
            limit: how many records at most; the page may be shorter though more follow.
            cursor: the `next` of the page before, of the same table and query.
            fields: the fields wanted, or None for all; sys_id and sys_created_on always come.
            display_value: as for `get`.

        Raises:
            InvalidRequestError: the cursor is not one of this search, or the table has no such
                field.
            UnexpectedContentError: the instance ignored where the page begins.
        """
        if limit < 1:
            raise InvalidRequestError("must be at least 1", "limit")
        conditions = query or Query()
        search = f"{self.table}?{conditions.encode()}"
        start = None if cursor is None else _cursor.read(cursor, search)
        is_ordered = conditions.is_ordered
        if not is_ordered:
            if start is not None:
                conditions &= field("sys_created_on").lt(start.created) | (
                    field("sys_created_on").eq(start.created) & field("sys_id").gt(start.sys_id)
                )
            conditions = conditions.order_by("sys_created_on", descending=True)
        wanted = None if fields is None else [*dict.fromkeys(("sys_id", "sys_created_on", *fields))]
        # Display values alone would hide in which second a record was created.
        params = _view(display="all" if display_value else "false", fields=wanted)
        params["sysparm_query"] = conditions.order_by("sys_id").encode()
        with self._http.deadline():
            self._metadata.check_query(self.table, query or Query())
            offset = _offset(start) if is_ordered else 0
            found = self._find(params, offset, limit, may_grow=not is_ordered)
        rows = found.rows
        total = _count(found.answer) if start is None else start.total
        if start is not None and not is_ordered:
            _check_progress(found.answer, rows, start)
        following = None
        if found.is_followed or len(rows) > limit:
            position = (
                _cursor.Position("", str(found.next_offset), total)
                if is_ordered
                else _position(rows[min(len(rows), limit) - 1], total)
            )
            following = _cursor.write(position, search)
        return Page([self.to_record(row, display_value) for row in rows[:limit]], total, following)

    def _find(self, params: dict[str, str], offset: int, limit: int, *, may_grow: bool) -> "_Found":
        """Return the first rows that a query shows from an offset on.

        Access control hides rows after the limit was applied, so a page may be empty though more
        rows follow (documentation: Table API, sysparm_limit).
        """
        size = limit
        while True:
            where = {"sysparm_limit": str(size), "sysparm_offset": str(offset)}
            answer = self._http.get(f"/api/now/table/{self.table}", **params, **where)
            rows = answer.records()
            is_followed = _is_followed(answer, len(rows), offset, size)
            if rows or not is_followed:
                step = size if _relations(answer) else len(rows)
                return _Found(answer, rows, is_followed, offset + step)
            offset += size
            if may_grow:
                size = max(limit, min(2 * size, _LARGEST_STEP))

    def iterate(
        self,
        query: Query | None = None,
        *,
        page_size: int = 500,
        fields: Sequence[str] | None = None,
        display_value: DisplayValue = False,
    ) -> Iterator[Record]:
        """Yield all records that a query finds, the newest first, page by page."""
        cursor: str | None = None
        while True:
            page = self.page(
                query, limit=page_size, cursor=cursor, fields=fields, display_value=display_value
            )
            for record in page.records:
                yield record
            cursor = page.next
            if cursor is None:
                return

    def count(self, query: Query | None = None) -> int:
        """Return how many records a query finds, without reading them."""
        found = self.aggregate(query)
        return found[0].count if found else 0

    def aggregate(
        self,
        query: Query | None = None,
        *,
        group_by: Sequence[str] = (),
        sum: Sequence[str] = (),  # noqa: A002 - what ServiceNow calls it
        avg: Sequence[str] = (),
        min: Sequence[str] = (),  # noqa: A002 - the same
        max: Sequence[str] = (),  # noqa: A002 - the same
    ) -> list[Aggregate]:
        """Return counts, sums, averages, least and greatest values, without reading the records.

        Args:
            query: which records; all if None.
            group_by: columns, for one result each of their values; dots walk through references.
            sum: columns to add up.
            avg: columns to average.
            min: columns whose least value is wanted.
            max: columns whose greatest value is wanted.

        Raises:
            InvalidRequestError: the table has no such field.
        """
        conditions = query or Query()
        asked = {"sum": sum, "avg": avg, "min": min, "max": max}
        params = {"sysparm_count": "true", "sysparm_query": conditions.encode()}
        for name, columns in {**asked, "group_by": group_by}.items():
            if columns:
                key = "sysparm_group_by" if name == "group_by" else f"sysparm_{name}_fields"
                params[key] = ",".join(field(column).name for column in columns)
        with self._http.deadline():
            self._metadata.check_query(self.table, conditions)
            self._metadata.check_fields(self.table, [*group_by, *sum, *avg, *min, *max])
            answer = self._http.get(f"/api/now/stats/{self.table}", **params)
        groups = answer.documents() if isinstance(answer.result, list) else [answer.document()]
        return [_aggregate(group) for group in groups]

    def find_by_correlation_id(self, correlation_id: str) -> Record | None:
        """Return the oldest record with exactly this correlation_id, or None.

        Raises:
            InvalidRequestError: it is not a correlation_id, or the table cannot be searched by one.
        """
        query = field("correlation_id").eq(validate_correlation_id(correlation_id))
        rows = self._http.find(self.table, query.order_by("sys_created_on").encode(), limit=10)
        for row in rows:
            if row.get("correlation_id") == correlation_id:
                return self.to_record(row)
        if any(not same(row.get("correlation_id"), correlation_id) for row in rows):
            raise InvalidRequestError("cannot be searched by correlation_id", "table")
        return None

    # ---- change

    def update(
        self,
        id: str,  # noqa: A002 - the API's own name
        fields: Mapping[str, Any] | None = None,
        /,
        **columns: Any,
    ) -> Record:
        """Set what is given, and nothing else; an empty text clears a column.

        Args:
            id: the record's sys_id or number.
            fields: columns and values, for names that are not valid in Python.
            columns: further columns and values.

        Raises:
            NotFoundError: there is no such record.
            InvalidRequestError: a name or value is refused here.
        """
        with self._http.deadline():
            sys_id = self.resolve_sys_id(id)
            values = self.serialize({**(fields or {}), **columns})
            request = self.update_request(sys_id, values)
            updated = self._instance.on_update(self.table, sys_id, values)
            try:
                # A journal would have its entry twice.
                answer = self._http.send(request, repeatable=_JOURNALS.isdisjoint(values))
                record = self.written(answer, values)
            except ServiceNowError as error:
                updated(error)
                raise
            updated(record)
            return record

    def delete(self, id: str) -> None:  # noqa: A002 - the API's own name
        """Delete a record.

        Raises:
            NotFoundError: there is no such record, or the user may not see it.
            ServiceNowError: with `maybe_applied`, it may be deleted.
        """
        with self._http.deadline():
            sys_id = self.resolve_sys_id(id)
            request = self.delete_request(sys_id)
            try:
                self._http.send(request)
            except ServiceNowError as error:
                if not error.maybe_applied or self._exists(sys_id, error):
                    raise

    def add_work_note(self, id: str, work_note: str) -> Record:  # noqa: A002
        """Add a work note, and return the record.

        Raises:
            ServiceNowError: with `maybe_applied`, `find_work_note` finds out whether it is there.
        """
        return self.update(id, work_notes=work_note)

    def add_comment(self, id: str, comment: str) -> Record:  # noqa: A002
        """Add a comment, which the caller sees, and return the record."""
        return self.update(id, comments=comment)

    def notes(self, id: str) -> list[Record]:  # noqa: A002 - the API's own name
        """Return a record's work notes and comments, the newest first.

        They are records of sys_journal_field: `element` is work_notes or comments, `value` the
        text, `sys_created_by` who wrote it.

        Raises:
            UnexpectedContentError: the instance answered with notes of other records.
        """
        with self._http.deadline():
            sys_id = self.resolve_sys_id(id)
            elements = sorted(_JOURNALS)
            query = field("element_id").eq(sys_id) & field("element").in_(elements)
            return [note for note in self._journal(query, sys_id, elements)]

    def find_work_note(
        self,
        id: str,  # noqa: A002 - the API's own name
        work_note: str,
        since: datetime,
    ) -> Record | None:
        """Return a work note with exactly this text that is no older than `since`, or None.

        Raises:
            UnexpectedContentError: the instance answered with notes of other records.
        """
        with self._http.deadline():
            sys_id = self.resolve_sys_id(id)
            # The instance's clock and ours may differ by a little.
            earliest = since - timedelta(minutes=1)
            query = (
                field("element_id").eq(sys_id)
                & field("element").eq("work_notes")
                & field("sys_created_on").ge(earliest)
            )
            for note in self._journal(query, sys_id, ["work_notes"]):
                created = _moment(note.get("sys_created_on"))
                if created is None or created < earliest.astimezone(UTC).replace(microsecond=0):
                    raise UnexpectedContentError(200, _MISSED.format("sys_created_on"))
                if str(note.get("value")).strip() == work_note.strip():
                    return note
        return None

    # ---- what the instance says of the table

    def preview(
        self,
        fields: Mapping[str, Any],
        *,
        id: str | None = None,  # noqa: A002 - the API's own name
    ) -> Preview:
        """Return what a write would send and what is wrong with it, and write nothing.

        Names are looked up, columns, lengths, choices and mandatory fields compared with what
        the instance says of itself, as far as the user may see that. Business rules are the
        instance's own: what they refuse shows at the write alone.

        Args:
            fields: columns and values, as for `create` or `update`.
            id: the record that would be changed, or None for a new one.
        """
        values: Values = {}
        problems: list[FieldProblem] = []
        with self._http.deadline():
            for name, given in fields.items():
                try:
                    values |= self.serialize({name: given}, is_new=id is None)
                except InvalidRequestError as error:
                    problems.append(FieldProblem(error.field or name, error.reason))
            columns = self._metadata.columns(self.table)
            for name, value in values.items():
                if columns and name not in columns:
                    problems.append(FieldProblem(name, f"is no field of {self.table}"))
                elif columns:
                    problems += self._problems_with(columns[name], value)
            demanded = self._metadata.mandatory_fields(self.table) if id is None else []
            problems += [
                FieldProblem(wanted.field, f"is mandatory ({wanted.source})")
                for wanted in demanded
                if not wanted.condition and not values.get(wanted.field)
            ]
        return Preview(values, problems)

    def choices(self, column: str) -> list[Choice]:
        """Return the values that a choice column may take, in the instance's order.

        A task's table without choices of its own has those of `task`. Labels are those of the
        user's language, or English ones where it has none. Empty where the column has no choices
        or the user may not see them. Remembered for ten minutes, as all that the instance says of
        itself.
        """
        with self._http.deadline():
            return self._metadata.choices(self.table, column)

    def columns(self) -> dict[str, Column]:
        """Return the columns by name; empty where the user may not read the dictionary."""
        with self._http.deadline():
            return self._metadata.columns(self.table)

    def mandatory_fields(self) -> list[MandatoryField]:
        """Return what a record must have, by the dictionary and by active data policies."""
        with self._http.deadline():
            return self._metadata.mandatory_fields(self.table)

    # ---- what the package's other modules build upon

    def insert(
        self, fields: Mapping[str, Any], *, claimed: bool = False, path: str | None = None
    ) -> Record:
        """Create a record, exactly one; see `create`.

        Args:
            fields: columns and values.
            claimed: whether the caller knows that no record has this correlation_id.
            path: where another API than the Table API creates it.
        """
        with self._http.deadline():
            values = self.serialize(fields, is_new=True)
            given = values.get("correlation_id")
            if not given:
                values["correlation_id"] = f"{_MADE_UP}{uuid.uuid4()}"
                return self._post(values, path)
            with self._alone(given) as is_first:
                found = None
                if not claimed or not is_first:
                    found = self.find_by_correlation_id(given)
                if found is not None:
                    found.existing = True
                    return found
                return self._post(values, path)

    def state_error(self, record: Record, why: str) -> StateError:
        """Return the error that a record's state does not allow what was asked."""
        state = str(record.get("state"))
        now = _labels.label_of(self.table, "state", state)
        name = record.number or record.sys_id
        return StateError(f"{name} is in the state {now}; {why}.", "state", state)

    def update_in_steps(self, id: str, steps: list[dict[str, Any]]) -> Record:  # noqa: A002
        """Set one step's columns after the other's.

        Raises:
            ServiceNowError: with `maybe_applied`, some steps may have been done.
        """
        first, *others = steps
        record = self.update(id, first)
        left_out = record.ignored_fields
        for step in others:
            try:
                record = self.update(record.sys_id, step)
            except ServiceNowError as error:
                error.maybe_applied = True
                raise
            left_out += record.ignored_fields
        record.ignored_fields = left_out
        return record

    def create_request(self, values: Values, path: str | None = None) -> Request:
        """Return the request that creates a record of serialized values."""
        if path is not None:
            return Request("POST", path, body=dict(values))
        return Request("POST", f"/api/now/table/{self.table}", _view(), dict(values))

    def update_request(self, sys_id: str, values: Values) -> Request:
        """Return the request that sets serialized values.

        Raises:
            InvalidRequestError: there are no values.
        """
        if not values:
            raise InvalidRequestError("must set at least one field", "fields")
        return Request("PATCH", f"/api/now/table/{self.table}/{sys_id}", _view(), dict(values))

    def delete_request(self, sys_id: str) -> Request:
        """Return the request that deletes a record."""
        return Request("DELETE", f"/api/now/table/{self.table}/{sys_id}")

    def written(self, answer: Answer, sent: Values) -> Record:
        """Return the record that a write answered with, and what ServiceNow did not take over."""
        columns = answer.record()
        record = self.to_record(columns)
        record.ignored_fields = ignored_fields(sent, columns)
        return record

    def to_record(
        self,
        row: Mapping[str, Any],
        display_value: DisplayValue = False,  # noqa: FBT002 - as it is given to `get`
    ) -> Record:
        """Return a row of an answer as a record."""
        labels: dict[str, str] = {}
        if display_value == "all":
            columns, labels = with_labels(row)
        else:
            take = label_of if display_value else stored_column
            columns = {name: take(value) for name, value in row.items()}
        url = self._http.instance_url
        return Record(columns, table=self.table, instance_url=url, labels=labels)

    def resolve_sys_id(self, id: str) -> str:  # noqa: A002 - the API's own name
        """Return the sys_id of a record given by sys_id or number."""
        return id if is_sys_id(id) else (self.get(id, fields=["sys_id"])).sys_id

    def serialize(self, fields: Mapping[str, Any], *, is_new: bool = False) -> Values:
        """Return values as ServiceNow takes them: texts, codes for labels, sys_ids for names.

        Raises:
            InvalidRequestError: a name is not a column that can be set, or a value does not fit.
        """
        values: Values = {}
        for name, given in fields.items():
            if given is None:
                continue
            if name == "sys_id" and is_new:
                if not is_sys_id(str(given)):
                    raise InvalidRequestError("must be 32 hexadecimal digits", name)
            elif not _COLUMN.fullmatch(name) or name.startswith("sys_"):
                raise InvalidRequestError("is no column that can be set", name[:80])
            values[name] = self._stored_text(name, given, is_write=True)
            if name == "correlation_id" and values[name]:
                validate_correlation_id(values[name])
        return values

    # ---- inside

    def _stored_text(self, name: str, given: object, *, is_write: bool = False) -> str:
        """Return what ServiceNow stores for a value: a code, a sys_id, or the text itself."""
        text = as_text(name, given)
        if not text or name in _JOURNALS:
            return text
        if _labels.has_codes(self.table, name):
            return self._code(name, text)
        target = self._metadata.target_of(self.table, name)
        if target is not None:
            is_active = is_write and name in _WORKERS
            return self._metadata.sys_id_of(name, text, target, is_active=is_active)
        if self._metadata.may_have_choices(self.table, name, text):
            return self._metadata.choice_value(self.table, name, text) or text
        return text

    def _code(self, name: str, text: str) -> str:
        """Return the code of a state, level, risk or type; an instance has codes of its own."""
        code = _labels.code_of(self.table, name, text)
        if code is not None and _labels.is_known(self.table, name, code):
            return code
        own = self._metadata.choice_value(self.table, name, text)
        if own is not None:
            return own
        choices = self._metadata.visible_choices(self.table, name)
        if code is None or choices:
            known = ", ".join(f"{choice.label} ({choice.value})" for choice in choices)
            names = known or _labels.names(self.table, name)
            raise InvalidRequestError(f"must be a code or one of: {names}", name)
        return code

    @contextmanager
    def _alone(self, correlation_id: str) -> Iterator[bool]:
        """Let one call at a time create the record; yield whether it is this client's only one."""
        turns = self._instance.turns
        key = (_concurrency.scope(), self.table, correlation_id)
        mine = turns.setdefault(key, _Turns())
        is_first = not mine.takers
        mine.takers += 1
        try:
            with mine.lock:
                yield is_first
        finally:
            mine.takers -= 1
            if not mine.takers:
                del turns[key]

    def _post(self, values: Values, path: str | None) -> Record:
        request = self.create_request(values, path)
        may_repeat = True
        while True:
            try:
                return self.written(self._http.send(request), values)
            except ServiceNowError as error:
                if not error.maybe_applied:
                    raise
                created = self._find_created(values["correlation_id"], error)
                if created is not None:
                    created.ignored_fields = ignored_fields(values, created)
                    return created
                if not may_repeat or not is_final(error):
                    raise
                may_repeat = False

    def _find_created(self, correlation_id: str, error: ServiceNowError) -> Record | None:
        try:
            return self.find_by_correlation_id(correlation_id)
        except ServiceNowError:
            raise error from None

    def _exists(self, sys_id: str, error: ServiceNowError) -> bool:
        try:
            self.get(sys_id, fields=["sys_id"])
        except NotFoundError:
            return False
        except ServiceNowError:
            raise error from None
        return True

    def _journal(self, query: Query, sys_id: str, elements: Sequence[str]) -> Iterator[Record]:
        for note in Resource(self._instance, "sys_journal_field").iterate(query):
            check_rows([note], "element_id", sys_id)
            check_rows([note], "element", elements)
            yield note

    def _problems_with(self, column: Column, value: str) -> list[FieldProblem]:
        problems = []
        if column.read_only:
            problems.append(FieldProblem(column.name, "cannot be set"))
        if column.max_length is not None and len(value) > column.max_length:
            text = f"would be cut to {column.max_length} characters"
            problems.append(FieldProblem(column.name, text))
        if column.has_choices and value:
            choices = self._metadata.choices(self.table, column.name)
            known = [choice.value for choice in choices]
            if known and value not in known:
                problems.append(FieldProblem(column.name, f"must be one of {', '.join(known)}"))
        return problems


class Table(Resource):
    """The records of any table."""

    def create(
        self, fields: Mapping[str, Any] | None = None, /, *, claimed: bool = False, **columns: Any
    ) -> Record:
        """Create a record, exactly one, also when the network fails half-way.

        A `correlation_id` of the caller's own is looked up first: a record that has it is
        returned, with `existing`, also if it is closed. Two callers in two processes at the same
        moment may still create two.

        Args:
            fields: columns and values, for names that are not valid in Python.
            claimed: whether the caller has made sure that nobody else creates a record with this
                correlation_id, so that it need not be looked up.
            columns: further columns and values; `sys_id` gives the record a key of its own.

        Returns:
            The record as ServiceNow stored it; `ignored_fields` has what it dropped or changed.

        Raises:
            InvalidRequestError: a name or value is refused here.
            ServiceNowError: with `maybe_applied`, it is not known whether the record exists.
        """
        return self.insert({**(fields or {}), **columns}, claimed=claimed)


def _display(value: DisplayValue) -> str:
    """Return how `sysparm_display_value` says it."""
    return value if isinstance(value, str) else str(value).lower()


def _view(*, display: str = "false", fields: Iterable[str] | None = None) -> dict[str, str]:
    """Return the parameters that say how records are shown."""
    params = {"sysparm_exclude_reference_link": "true", "sysparm_display_value": display}
    if fields is not None:
        params["sysparm_fields"] = ",".join(field(name).name for name in fields)
    return params


def check_rows(rows: Iterable[Mapping[str, Any]], column: str, wanted: str | Sequence[str]) -> None:
    """Refuse rows that were not asked for: the instance ignored a condition of the query.

    Args:
        rows: what it answered with.
        column: the column of the condition.
        wanted: the value asked for, or those of which each row has one.

    Raises:
        UnexpectedContentError: a row has another value.
    """
    values = {wanted} if isinstance(wanted, str) else set(wanted)
    if any(row.get(column) not in values for row in rows):
        raise UnexpectedContentError(200, _MISSED.format(column))


def is_final(error: ServiceNowError) -> bool:
    """Return whether ServiceNow has ended its work on a request that failed.

    After a timeout, a broken connection or a gateway's answer it may still be at it, and a second
    POST could create a second record although there is none yet.
    """
    return isinstance(error, ServerError) or (
        isinstance(error, UnavailableError) and error.status in {202, 503}
    )


def ignored_fields(sent: Mapping[str, str], stored: Mapping[str, Any]) -> list[IgnoredField]:
    """Return what ServiceNow dropped or changed; a journal's entry is never read back."""
    return [
        IgnoredField(name, value, stored.get(name))
        for name, value in sent.items()
        if name not in _JOURNALS
        and not _is_equal(value, stored.get(name))
        and not (value.startswith(_MADE_UP) and name not in stored)
    ]


def _is_equal(sent: str, stored: Any) -> bool:
    """Return whether a value was stored as sent; the same moment may be written in two ways."""
    if sent == stored:
        return True
    moment = _moment(sent)
    return moment is not None and moment == _moment(stored)


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def validate_correlation_id(text: str) -> str:
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


def is_record_id(text: str) -> bool:
    """Return whether a text can be a record's sys_id or number; prefix and digits are a company's.

    An empty or odd one must never turn the reading of one record into the reading of all.
    """
    return is_sys_id(text) or _NUMBER.fullmatch(text) is not None


def _validate_number(number: str) -> str:
    if not is_record_id(number):
        raise InvalidRequestError("must be a sys_id (32 hexadecimal digits) or a number", "id")
    return number


def as_text(name: str, value: object) -> str:
    """Return a column's value as text, moments in UTC.

    Raises:
        InvalidRequestError: it is no value of a column.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int | float | date):
        raise InvalidRequestError("must be text, a number, a truth value or a date", name)
    text = str(value)
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidRequestError("must be valid text", name)
    return text


def _is_followed(answer: Answer, found: int, offset: int, size: int) -> bool:
    """Return whether more rows follow: by the Link header, or else by the count.

    Without either, a page that is not empty may have another one after it.
    """
    relations = _relations(answer)
    if relations:
        return "next" in relations
    count = _count(answer)
    if count is None:
        return found > 0
    return offset + (found or size) < count


def _relations(answer: Answer) -> frozenset[str]:
    """Return which pages the Link header names (RFC 8288); none if it is another's."""
    links = httpx.Response(200, headers=answer.headers).links.values()
    named = {name for link in links for name in link.get("rel", "").lower().split()}
    return frozenset(named & {"first", "prev", "next", "last"})


def _check_progress(answer: Answer, rows: list[dict[str, Any]], start: _cursor.Position) -> None:
    """Refuse a page that does not come after its cursor: the same one would come for ever."""
    for row in rows:
        found = _position(row, None)
        if not (
            found.created < start.created
            or (found.created == start.created and found.sys_id > start.sys_id)
        ):
            raise UnexpectedContentError(
                answer.status, _MISSED.format("the page does not begin after the one before")
            )


def _offset(position: _cursor.Position | None) -> int:
    return 0 if position is None else whole_number(position.sys_id) or 0


def _position(row: dict[str, Any], total: int | None) -> _cursor.Position:
    created, sys_id = (stored_column(row.get(name)) for name in ("sys_created_on", "sys_id"))
    if not created or not sys_id:
        raise InvalidRequestError(
            "cannot be paged through: its sys_created_on or sys_id is hidden", "table"
        )
    return _cursor.Position(created, sys_id, total)


def _count(answer: Answer) -> int | None:
    return whole_number(answer.headers.get("x-total-count"))


def _aggregate(group: dict[str, Any]) -> Aggregate:
    stats = group.get("stats")
    stats = stats if isinstance(stats, dict) else {}
    fields = group.get("groupby_fields")
    named = {
        str(one.get("field")): str(one.get("value") or "")
        for one in (fields if isinstance(fields, list) else [])
        if isinstance(one, dict)
    }
    values = {
        name: {
            column: str(value)
            for column, value in (found.items() if isinstance(found, dict) else ())
        }
        for name in ("sum", "avg", "min", "max")
        if (found := stats.get(name)) is not None
    }
    return Aggregate(named, whole_number(stats.get("count")) or 0, **values)
