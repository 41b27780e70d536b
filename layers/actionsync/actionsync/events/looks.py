"""Looks: the open tickets of a connection are read, and what people changed becomes events.

A look has no clock. It reads a few columns of tickets by their sys_ids, without a moment, and
compares them with the rows: deletes and silent updates show like any other change. A row's new
columns and its events are stored by one conditional write; then the events are sent, and removed.

Each look reads what changed in the last day and what ServiceNow says has changed; every quarter of
an hour one reads all. Where one has not the time for it, the next goes on at its place.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import groupby
from time import monotonic
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from actionsync import clock
from actionsync.connections.clients import DEADLINE_SECONDS
from actionsync.errors import ConnectionIncompleteError
from actionsync.events import comparison
from actionsync.events.openings import detail_of, unsent
from actionsync.events.outgoing import Approval, Comment
from actionsync.stores.tickets import MOST_NOTES, Row, note_hash
from actionsync.stores.timers import Timer, key_of, looks_of
from actionsync.telemetry import logger, metrics
from servicenow_tools.errors import ServiceNowError, UnexpectedContentError
from servicenow_tools.query import field as column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from actionsync.audit.trail import ActivityStore
    from actionsync.connections.clients import ClientCache
    from actionsync.events.comparison import Comparison
    from actionsync.events.openings import Openings
    from actionsync.events.outgoing import DetailType, TicketDetail
    from actionsync.stores.connections import Connection, ConnectionStore
    from actionsync.stores.correlations import CorrelationStore
    from actionsync.stores.tickets import TicketStore
    from actionsync.stores.timers import TimerStore
    from servicenow_tools import Record, ServiceNowClient

FIRST_SECONDS = 60
# So often all are read at least, and where ServiceNow says by itself what has changed.
LONGEST_MINUTES = (15, 30)
AT_ONCE = 200
# Missed in two looks so far apart, a ticket is gone.
GONE_SECONDS = 3600
# So many that are missing at once, and more than half of all, are none of them gone.
MOST_GONE = 10
_DAY = 24 * 3600
_RESOLVED_DAYS = 30
_CALL_SECONDS = DEADLINE_SECONDS + 5
_LONGEST_TEXT = 4000
_MOST_COMMENTS = 20
_JOURNALS = ("comments", "work_notes")
_DECIDED = ("approved", "rejected")
_STILL_FIRING = "It was resolved while what it was opened for goes on."


@dataclass(slots=True)
class _Pass:
    """One run over a connection's rows.

    Attributes:
        timer: the connection's.
        connection: the connection.
        ends_at: when the function is ended, on time.monotonic()'s clock.
        is_full: whether it reads all rows.
        is_of_pushed: whether it reads those alone of which ServiceNow has said that they changed.
        place: the last row that it has read.
        has_rows: whether there are any.
        rows: how many it has read.
        missing: how many of them were missing.
        has_found: whether anything had changed.
        was_pushed: whether ServiceNow has said so itself.
        gates: the timers of gates whose changes have moved.
        discards: whether what is missing is to be taken for deleted.
    """

    timer: Timer
    connection: "Connection"
    ends_at: float
    is_full: bool
    place: str = ""
    is_of_pushed: bool = False
    has_rows: bool = False
    rows: int = 0
    missing: int = 0
    has_found: bool = False
    was_pushed: bool = False
    gates: set[str] = field(default_factory=set)
    discards: bool = False

    @property
    def has_time(self) -> bool:
        """Whether there is time for another request."""
        return self.ends_at - monotonic() > _CALL_SECONDS


@dataclass(slots=True)
class _Found:
    """What is to be stored of a row, and what comes out of it."""

    changes: dict[str, Any] = field(default_factory=dict)
    events: "list[tuple[DetailType, TicketDetail]]" = field(default_factory=list)


class Looks:
    """What handles the timers of looks.

    Args:
        clients: ServiceNow clients by owner and connection.
        connections: the connections.
        rows: the rows of open tickets.
        timers: the timers.
        openings: sends what comes out.
        activity: the audit trail.
        correlations: what is known of dedup keys.
        longest_minutes: how often all are read at least: polled, and with push.
    """

    def __init__(
        self,
        clients: "ClientCache",
        connections: "ConnectionStore",
        rows: "TicketStore",
        timers: "TimerStore",
        *,
        openings: "Openings",
        activity: "ActivityStore",
        correlations: "CorrelationStore",
        longest_minutes: tuple[int, int] = LONGEST_MINUTES,
    ) -> None:
        self._longest_minutes = longest_minutes
        self._correlations = correlations
        self._clients = clients
        self._connections = connections
        self._rows = rows
        self._timers = timers
        self._openings = openings
        self._activity = activity

    async def look(self, timer_id: str, ends_at: float) -> set[str]:
        """Look at a connection's tickets, for as long as there is time, and move its timer on.

        Returns:
            The timers of the gates whose changes have moved.
        """
        timer = self._started(timer_id)
        if timer is None:
            return set()
        connection = self._connection_of(timer)
        if connection is None:
            self._forget(timer)
            return set()
        memo = timer.memo
        longest = self._longest(memo)
        is_full = (
            bool(memo.get("place") or memo.get("is_mass"))
            or clock.now_epoch() - memo["full_at"] >= longest
        )
        run = _Pass(timer, connection, ends_at, is_full, memo.get("place", ""))
        run.discards = bool(memo.get("is_mass")) and self._rows.are_discarded(connection.id)
        if run.place:
            run.rows, run.missing = memo["rows"], memo["missing"]
        try:
            is_done = await self._run(run)
        except (ServiceNowError, ConnectionIncompleteError) as error:
            _report(error)
            wait = max(FIRST_SECONDS, min(longest, getattr(error, "retry_after", None) or 0))
            self._timers.move(timer, clock.now_epoch() + wait, self._memo(run, is_done=False))
            return run.gates
        self._move_on(run, is_done=is_done)
        return run.gates

    async def look_at_pushed(self, timer_id: str, ends_at: float) -> set[str]:
        """Look at the tickets that ServiceNow says have changed; the timer stays as it is.

        Returns:
            The timers of the gates whose changes have moved.
        """
        timer = self._started(timer_id)
        connection = None if timer is None else self._connection_of(timer)
        if timer is None or connection is None:
            return set()
        run = _Pass(timer, connection, ends_at, is_full=False, is_of_pushed=True)
        try:
            await self._run(run)
        except (ServiceNowError, ConnectionIncompleteError) as error:
            _report(error)  # the rows stay marked for the next look
        if clock.now_epoch() - timer.memo.get("pushed_at", 0) > _DAY // 2:
            self._timers.move(timer, timer.next_at, {**timer.memo, "pushed_at": clock.now_epoch()})
        return run.gates

    async def look_at(self, place: Row, ends_at: float) -> None:
        """Look at one ticket, before something is made of how it is.

        Args:
            place: whose ticket it is, and where; nothing happens where it has no row.
            ends_at: when the function is ended, on time.monotonic()'s clock.
        """
        connection = self._connections.get(place.owner, place.connection)
        row = self._rows.get(place.connection_id, place.table, place.sys_id)
        if connection is None or connection.id != place.connection_id or row is None:
            return
        timer = Timer(looks_of(connection.id), key_of("looks", row.owner, row.connection), 0)
        run = _Pass(timer, connection, ends_at, is_full=False)
        try:
            await self._read(run, row.table, [row])
        except (ServiceNowError, ConnectionIncompleteError) as error:
            _report(error)

    def _started(self, timer_id: str) -> Timer | None:
        """Return the timer of a look that begins, or None where it has ended."""
        timer = self._timers.get(timer_id)
        metrics.add_metric(name="Looks", unit=MetricUnit.Count, value=int(timer is not None))
        return timer

    def _connection_of(self, timer: Timer) -> "Connection | None":
        """Return the connection that a timer was started for, or None where it is gone."""
        connection = self._connections.get(timer.wait_key.owner, timer.wait_key.connection)
        is_same = connection is not None and connection.id == timer.memo["connection_id"]
        return connection if is_same else None

    def _move_on(self, run: _Pass, *, is_done: bool) -> None:
        timer, memo = run.timer, self._memo(run, is_done=is_done)
        if not is_done:
            self._timers.move(timer, clock.now_epoch(), memo)
            return
        if not run.has_rows and not timer.memo.get("place"):
            self._timers.end(timer.id)
            # A ticket may have been opened meanwhile.
            if next(self._rows.rows(run.connection.id), None) is not None:
                self._timers.start(replace(timer, next_at=clock.now_epoch() + FIRST_SECONDS))
            return
        longest = self._longest(memo)
        interval = FIRST_SECONDS if run.has_found else min(longest, 2 * memo["interval"])
        memo["interval"] = interval
        self._timers.move(timer, clock.now_epoch() + interval, memo)

    def _longest(self, memo: dict[str, Any]) -> int:
        polled, pushed = self._longest_minutes
        return 60 * (pushed if clock.now_epoch() - memo.get("pushed_at", 0) < _DAY else polled)

    def _memo(self, run: _Pass, *, is_done: bool) -> dict[str, Any]:
        """Return what the next look has to know."""
        memo = {"interval": FIRST_SECONDS // 2, **run.timer.memo}
        if run.was_pushed:
            memo["pushed_at"] = clock.now_epoch()
        if not is_done:
            return memo | {"place": run.place, "rows": run.rows, "missing": run.missing}
        for name in ("place", "rows", "missing"):
            memo.pop(name, None)
        if run.is_full:
            are_most = run.missing > MOST_GONE and 2 * run.missing > run.rows
            is_mass = are_most and not run.discards
            if is_mass != bool(memo.get("is_mass")):
                self._say_mass(run, is_mass=is_mass)
            memo |= {
                "full_at": clock.now_epoch(),
                "counted_at": clock.now_epoch(),
                "is_mass": is_mass,
            }
        return memo

    def _say_mass(self, run: _Pass, *, is_mass: bool) -> None:
        """Record, and tell the owner, that most tickets can no longer be read, or can be again."""
        owner = run.timer.wait_key.owner
        self._rows.mark_missing(run.connection.id, owner, are_missing=is_mass)
        said = (
            f"{run.missing} of {run.rows} open tickets can no longer be read. None counts as "
            "deleted, and what needs one of them waits, until they can be read again or are "
            "discarded: has the integration account lost a role?"
            if is_mass
            else f"{run.missing} of {run.rows} open tickets were discarded."
            if run.discards
            else "The open tickets can be read again."
        )
        self._activity.add(
            owner,
            {
                "id": f"{run.timer.id}-{clock.now_epoch()}",
                "kind": "servicenow",
                "action": "missing" if is_mass else "discarded" if run.discards else "found",
                "outcome": "failed" if is_mass else "done",
                "cause": run.timer.wait_key.connection,
                "reason_type": "TicketsMissing" if is_mass else "",
                "reason": said,
            },
        )

    def _forget(self, timer: Timer) -> None:
        """Remove the rows of a connection that is there no more."""
        for row in self._rows.rows(timer.memo["connection_id"]):
            self._rows.remove(row)
        owner = timer.wait_key.owner
        self._rows.mark_missing(timer.memo["connection_id"], owner, are_missing=False)
        self._timers.end(timer.id)

    # ---- over the rows

    async def _run(self, run: _Pass) -> bool:
        """Read the rows that are due; return whether that was all of them."""
        for table, batch in _batches(self._due(run), AT_ONCE):
            if not run.has_time:
                return False
            await self._read(run, table, batch)
            run.place = batch[-1].place
        return True

    def _due(self, run: _Pass) -> "Iterator[Row]":
        since = clock.now_epoch() - _DAY
        for row in self._rows.rows(run.connection.id, run.place):
            if not row.url.startswith(f"{run.connection.instance_url}/"):
                self._rows.remove(row)  # the connection has another host by now
                continue
            run.has_rows = True
            run.was_pushed |= bool(row.pushed_at)
            is_recent = row.changed_at >= since and not row.missing_since and not run.is_of_pushed
            if run.is_full or is_recent or row.pushed_at or row.unsent:
                yield row

    async def _read(self, run: _Pass, table: str, rows: "list[Row]") -> None:
        """Read tickets, and store what changed; where that is too much at once, half of them."""
        try:
            await self._read_at_once(run, table, rows)
        except UnexpectedContentError as error:
            if type(error) is not UnexpectedContentError or len(rows) == 1 or not run.has_time:
                raise
            middle = len(rows) // 2
            for some in (rows[:middle], rows[middle:]):
                await self._read(run, table, some)

    async def _read_at_once(self, run: _Pass, table: str, rows: "list[Row]") -> None:
        key = run.timer.wait_key
        async with self._clients.client_for(key.owner, table, key.connection) as client:
            found = await client.table(table).get_many(
                [row.sys_id for row in rows],
                fields=[*comparison.ALWAYS, *comparison.columns_of(table)],
            )
            records = {record.sys_id: record for record in found}
            noted = await self._noted(client, rows, records)
            run.rows += len(rows)
            run.missing += len(rows) - len(records)
            for row in rows:
                record = records.get(row.sys_id)
                if record is None:
                    self._miss(run, row)
                else:
                    await self._see(run, client, row, record, noted.get(row.sys_id, []))

    def _miss(self, run: _Pass, row: Row) -> None:
        memo, now = run.timer.memo, clock.now_epoch()
        if run.discards:
            self._delete(row)
            return
        if not row.missing_since:
            self._rows.save(row, missing_since=now, pushed_at=0)
            return
        is_old = now - row.missing_since >= GONE_SECONDS
        was_counted = memo.get("counted_at", 0) > row.missing_since
        if not (is_old and was_counted) or memo.get("is_mass"):
            return
        self._delete(row)

    def _delete(self, row: Row) -> None:
        detail = detail_of(row, row.sequence + 1, at=clock.iso(clock.now()))
        self._store(row, _Found({}, [("Ticket Deleted", detail)]), is_over=True)

    async def _see(
        self,
        run: _Pass,
        client: "ServiceNowClient",
        row: Row,
        record: "Record",
        comments: "list[Record]",
    ) -> None:
        compared = comparison.compare(row, record)
        if compared is None:
            if row.older_count != record.mod_count:
                self._rows.save(row, older_count=record.mod_count, pushed_at=0, missing_since=0)
            return
        found = _Found()
        sequence = row.sequence
        for kind, names in comparison.kinds_of(row.table, compared):
            sequence += 1
            found.events.append((kind, _changed(row, sequence, record, compared, names)))
        is_decided = {"state", "approval"} & set(compared.after) and row.table == "change_request"
        if is_decided and run.has_time:
            approvals = await _approvals(client, row.sys_id)
            for _, detail in found.events:
                detail.approvals = approvals
        for kind, detail in found.events:
            if kind == "Ticket Resolved" and self._is_firing(row):
                detail.is_firing = True
        for comment in _of_people(row, comments):
            sequence += 1
            said = detail_of(
                row, sequence, at=_iso(comment.at), who=comment.author, comment=comment
            )
            found.events.append(("Ticket Commented", said))
        found.changes = _changes(row, compared, comments)
        is_idle = clock.now_epoch() - row.changed_at > _RESOLVED_DAYS * _DAY
        is_over = compared.columns.get("active") == "false" or (
            comparison.is_final(row.table, compared.columns) and is_idle and not found.events
        )
        run.has_found |= bool(found.events)
        if found.events:
            run.gates.update(row.gates)
        self._store(row, found, is_over=is_over)

    def _is_firing(self, row: Row) -> bool:
        """Return whether what a ticket was opened for goes on."""
        if not row.dedup_key:
            return False
        known = self._correlations.get(row.dedup_key)
        return known.sys_id == row.sys_id and known.is_firing

    def _store(self, row: Row, found: _Found, *, is_over: bool) -> None:
        """Store what is known now with what comes out of it, and send that; the row may go."""
        if found.changes or found.events:
            new = tuple(unsent(kind, detail) for kind, detail in found.events)
            changes = {**found.changes, "sequence": row.sequence + len(new)}
            if new:
                changes |= {"unsent": (*row.unsent, *new), "changed_at": clock.now_epoch()}
            saved = self._rows.save(row, **changes)
            if saved is None:
                return  # somebody was quicker; the next look sees it
            row = saved
        if row.unsent:
            row = self._openings.send(row)
        row = self._openings.settle(row)
        for kind, detail in found.events:
            metrics.add_metric(name="TicketChanges", unit=MetricUnit.Count, value=1)
            self._activity.add(row.owner, _audited(kind, detail))
        if is_over and not row.unsent:
            self._rows.remove(row)

    async def _noted(
        self, client: "ServiceNowClient", rows: "list[Row]", records: "dict[str, Record]"
    ) -> "dict[str, list[Record]]":
        """Return the newer comments and work notes of tickets that have some and report them."""
        asked = [
            row
            for row in rows
            if row.sends_comments
            and row.sys_id in records
            and records[row.sys_id].mod_count != row.looked_count
        ]
        if not asked:
            return {}
        query = (
            column("element_id").in_([row.sys_id for row in asked])
            & column("element").in_(_JOURNALS)
            & column("sys_created_on").ge(min(row.noted_until for row in asked))
        ).order_by("sys_created_on")
        since = {row.sys_id: row.noted_until for row in asked}
        found: dict[str, list[Record]] = defaultdict(list)
        for note in await client.table("sys_journal_field").search(query, limit=1000):
            of = str(note.get("element_id"))
            if of in since and str(note.get("sys_created_on")) >= since[of]:
                found[of].append(note)
        return found


def _changed(
    row: Row, sequence: int, record: "Record", compared: "Comparison", names: "frozenset[str]"
) -> "TicketDetail":
    """Return the detail of columns that changed; values that are long as they are now."""
    return detail_of(
        row,
        sequence,
        before={name: compared.before[name] for name in sorted(names)},
        after={name: str(record.get(name) or "")[:_LONGEST_TEXT] for name in sorted(names)},
        who=compared.who,
        at=_iso(str(record.get("sys_updated_on") or "")),
        updates=compared.updates,
    )


def _changes(row: Row, compared: "Comparison", comments: "list[Record]") -> dict[str, Any]:
    """Return the attributes of a row that a look has changed."""
    wanted: dict[str, Any] = {
        "columns": compared.columns,
        "mod_count": compared.count,
        "looked_count": compared.count,
        "own_writes": 0,
        "older_count": -1,
        "pending": compared.pending,
        "missing_since": 0,
        "pushed_at": 0,
        "notes": row.notes[-MOST_NOTES:],
        "is_taken_over": comparison.is_taken_over(row, compared, clock.now_epoch()),
    }
    if comments:
        newest = str(comments[-1].get("sys_created_on"))
        known = (*row.noted, *(note_hash(note.sys_id) for note in comments))
        wanted |= {"noted_until": newest, "noted": tuple(dict.fromkeys(known))[-MOST_NOTES:]}
    if compared.count != row.looked_count:
        wanted["changed_at"] = clock.now_epoch()
    return {name: value for name, value in wanted.items() if value != getattr(row, name)}


def _of_people(row: Row, notes: "list[Record]") -> "Iterator[Comment]":
    """Yield what people have written, the oldest first."""
    for note in notes[-_MOST_COMMENTS:]:
        text = str(note.get("value") or "")
        if note_hash(note.sys_id) in row.noted or note_hash(text) in row.notes:
            continue
        yield Comment(
            element="comments" if note.get("element") == "comments" else "work_notes",
            text=text[:_LONGEST_TEXT],
            author=str(note.get("sys_created_by") or ""),
            at=str(note.get("sys_created_on") or ""),
        )


async def _approvals(client: "ServiceNowClient", sys_id: str) -> list[Approval]:
    """Return who has been asked to approve a change, and what was said of it."""
    try:
        found = await client.changes.approvals(sys_id)
        return [
            Approval(
                approver=str(each.get("approver.name") or each.get("approver") or ""),
                state=str(each.get("state") or ""),
                comments=await _said(client, each),
            )
            for each in found[-_MOST_COMMENTS:]
        ]
    except ServiceNowError:
        logger.warning("approvals not read", sys_id=sys_id, exc_info=True)
        return []


async def _said(client: "ServiceNowClient", approval: "Record") -> str:
    if approval.get("state") not in _DECIDED:
        return ""
    notes = await client.table("sysapproval_approver").notes(approval.sys_id)
    return str(notes[0].get("value") or "")[:_LONGEST_TEXT] if notes else ""


def _audited(kind: "DetailType", detail: "TicketDetail") -> dict[str, Any]:
    """Return the record of an event that came out, for the audit trail."""
    return {
        "id": detail.id,
        "kind": "servicenow",
        "action": kind.partition(" ")[2].lower(),
        "table": detail.table,
        "number": detail.number,
        "sys_id": detail.sys_id,
        "url": detail.url,
        "cause": detail.who,
        "fields": sorted(detail.after),
        **({"warnings": [_STILL_FIRING]} if detail.is_firing else {}),
        **{
            name: {"state": columns["state"]}
            for name, columns in (("before", detail.before), ("after", detail.after))
            if "state" in columns
        },
    }


def _batches(rows: "Iterable[Row]", size: int) -> "Iterator[tuple[str, list[Row]]]":
    for table, some in groupby(rows, key=lambda row: row.table):
        batch: list[Row] = []
        for row in some:
            batch.append(row)
            if len(batch) == size:
                yield table, batch
                batch = []
        if batch:
            yield table, batch


def _iso(moment: str) -> str:
    """Return a moment of ServiceNow's as ISO 8601 has it."""
    return f"{moment.replace(' ', 'T')}Z" if moment and "T" not in moment else moment


def _report(error: Exception) -> None:
    logger.warning("look failed", reason=type(error).__name__, text=str(error))
    metrics.add_metric(name="LooksFailed", unit=MetricUnit.Count, value=1)
