"""Change windows: when the changes of a company are planned, and what waits for their end.

For each connection whose rules ask for them, a timer has them read every five minutes. A read is
good for ten; without a good one there are none, so that nothing is quiet by mistake. The timer's
handler also writes the notes of changes: one at the first event that is held back, one with all.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from actionsync import clock
from actionsync.connections.circuit import reason_of
from actionsync.errors import ActionSyncError
from actionsync.events import holds
from actionsync.events.models import digest
from actionsync.stores.timers import Timer, key_of
from actionsync.stores.windows import MOST_LISTED, Window, Windows, touching
from actionsync.telemetry import logger
from servicenow_tools.errors import ServiceNowError
from servicenow_tools.query import field as column
from servicenow_tools.states import ChangeState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actionsync.connections.clients import ClientCache
    from actionsync.events.holds import Verdict
    from actionsync.events.intake import Intake
    from actionsync.events.models import IncomingEvent
    from actionsync.rules.models import AnyRule, Rules
    from actionsync.stores.connections import ConnectionStore
    from actionsync.stores.correlations import Correlation, CorrelationStore, Held
    from actionsync.stores.timers import TimerStore
    from actionsync.stores.windows import HeldBack, WindowStore
    from servicenow_tools import Record, ServiceNowClient

READ_SECONDS = 300
GOOD_SECONDS = 600
TABLE = "change_request"
_AHEAD = timedelta(hours=1)
_MOST_CHANGES = 1000
_MOST_CIS = 10_000
_AT_ONCE = 200
# What a process has read of them is at most so old.
_KNOWN_SECONDS = 30
_MOST_KNOWN = 200
_COLUMNS = (
    "number", "short_description", "state", "on_hold", "start_date", "end_date", "cmdb_ci",
    "business_service", "cmdb_ci.environment",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Touched:
    """What of an event a change may touch.

    Attributes:
        names: its CI, service and application, in lower case.
        environment: in lower case; empty where it is unknown.
    """

    names: tuple[str, ...] = ()
    environment: str = ""

    @classmethod
    def by(cls, event: "IncomingEvent", rule: "AnyRule | None") -> "Touched":
        """Return what of an event a change may touch, under the rule that it falls under."""
        columns = {} if rule is None else rule.columns()
        named = [str(columns.get(name) or "") for name in ("cmdb_ci", "business_service")]
        names = dict.fromkeys(
            name.casefold() for name in (*named, event.service, event.name) if name
        )
        return cls(tuple(names), event.environment.casefold())


class ChangeWindows:
    """The change windows of all connections.

    Args:
        store: the windows, as they were read.
        timers: the timers.
        clients: ServiceNow clients by owner and connection.
        connections: the connections.
        correlations: what is known of dedup keys.
        rules_of: returns an owner's rules.
    """

    def __init__(
        self,
        store: "WindowStore",
        timers: "TimerStore",
        clients: "ClientCache",
        connections: "ConnectionStore",
        *,
        correlations: "CorrelationStore",
        rules_of: "Callable[[str], Rules]",
    ) -> None:
        self._store = store
        self._timers = timers
        self._clients = clients
        self._connections = connections
        self._correlations = correlations
        self._rules_of = rules_of
        self._known: dict[str, tuple[int, Windows | None]] = {}

    # ---- by the engine

    async def ensure(self, owner: str, connection: str) -> None:
        """See that a connection's windows are read; what nobody reads yet is read now."""
        found = self._get(owner, connection)
        if found is not None and clock.now_epoch() - found.read_at < GOOD_SECONDS:
            return
        memo = {"owner": owner, "connection": connection}
        key = key_of("windows", owner, connection)
        timer = Timer(_id(owner, connection), key, clock.now_epoch() + READ_SECONDS, memo)
        if self._timers.start(timer):
            await self._read(owner, connection)

    def judge(self, intake: "Intake", known: "Correlation") -> "tuple[Verdict, Held | None]":
        """Return whether an opening waits for the end of a change, and the hold that goes on.

        Args:
            intake: what is about to be opened.
            known: what is known of it.
        """
        during, event = intake.during_change, intake.group.event
        if during is None or during.do != "hold":
            return "open", None
        found = self.open_for(intake)
        if not found:
            is_quiet = holds.has_gone_quiet(known, event.source)
            return ("heal" if is_quiet else "open"), None
        change = found[0]
        held = holds.wait_for_change(known, change.sys_id, during.longest_hours, clock.now_epoch())
        if held is None:
            return "open", None
        if not known.is_held or known.held.change != change.sys_id:
            texts = known.texts or event.texts
            line = " ".join((texts.get("title") or event.name or event.key).split())
            place = _place(event.owner, intake.connection)
            if self._store.hold_back(place, event.owner, change, known.key, line):
                self._timers.make_due(_id(event.owner, intake.connection))
        return "wait", held

    def open_for(self, intake: "Intake") -> list[Window]:
        """Return the windows that are open now and touch what is about to be opened.

        Of one ticket for many each open member has to be touched by one.
        """
        event = intake.group.event
        windows = self._open_now(event.owner, intake.connection)
        if intake.found is None:
            all_touched = [Touched.by(event, intake.rule)]
        else:
            all_touched = [Touched(one.names, one.environment) for one in intake.found.open]
        found = [touching(windows, one.names, one.environment) for one in all_touched]
        return found[0] if found and all(found) else []

    def _open_now(self, owner: str, connection: str) -> list[Window]:
        """Return the windows that are open now, what began last first; none without a good read."""
        found = self._get(owner, connection)
        now = clock.now_epoch()
        if found is None or now - found.read_at >= GOOD_SECONDS:
            return []
        covering = [one for one in found.windows if one.covers(now)]
        return sorted(covering, key=lambda one: (-one.start, one.number))

    def _get(self, owner: str, connection: str) -> Windows | None:
        place, now = _place(owner, connection), clock.now_epoch()
        at, found = self._known.get(place, (0, None))
        if found is None or not 0 <= now - at < _KNOWN_SECONDS:
            found = self._store.get(place)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[place] = now, found
        return found

    # ---- by the timer

    async def look(self, timer_id: str) -> None:
        """Read a connection's windows, and write the notes of its changes."""
        timer = self._timers.get(timer_id)
        if timer is None:
            return
        owner, connection = timer.memo["owner"], timer.memo["connection"]
        if not self._are_wanted(owner, connection):
            self._timers.end(timer.id)
            return
        read = await self._read(owner, connection)
        try:
            if read is not None:
                await self._note_all(owner, connection, read)
        except (ServiceNowError, ActionSyncError) as error:
            logger.warning("changes not noted", reason=reason_of(error))
        self._timers.move(timer, clock.now_epoch() + READ_SECONDS, timer.memo)

    def _are_wanted(self, owner: str, connection: str) -> bool:
        """Return whether rules ask for them, or a change waits for its note."""
        if self._connections.get(owner, connection) is None:
            return False
        is_asked = self._rules_of(owner).ask_for_changes
        return is_asked or bool(self._store.held_back(_place(owner, connection)))

    async def _read(self, owner: str, connection: str) -> Windows | None:
        """Read a connection's windows and record them; None where they cannot be read."""
        try:
            async with self._clients.client_for(owner, TABLE, connection) as client:
                read = Windows(clock.now_epoch(), tuple(await read_windows(client)))
        except (ServiceNowError, ActionSyncError) as error:
            logger.warning("changes not read", reason=reason_of(error))
            return None
        place = _place(owner, connection)
        try:
            self._store.save(place, owner, read)
        except (BotoCoreError, ClientError):
            logger.warning("changes not stored", exc_info=True)
            return None
        self._known[place] = clock.now_epoch(), read
        return read

    async def _note_all(self, owner: str, connection: str, read: Windows) -> None:
        place = _place(owner, connection)
        held = self._store.held_back(place)
        if not held:
            return
        covering = {one.sys_id for one in read.windows if one.covers(clock.now_epoch())}
        async with self._clients.client_for(owner, TABLE, connection) as client:
            for one in held:
                if not one.is_noted:
                    await _note(client, one, _first(one))
                    self._store.mark_noted(place, one)
                if one.sys_id not in covering:
                    await _note(client, one, self._all(one))
                    self._store.forget(place, one)

    def _all(self, held: "HeldBack") -> str:
        """Return the note with all that was held back, and what became of it."""
        lines = []
        for key, line in zip(held.keys, held.lines, strict=True):
            known = self._correlations.get(key)
            is_left = not known.number and known.synced_trigger >= known.triggered_at
            state = "goes on" if known.is_firing and not is_left else "is over"
            ticket = f", {known.number}" if known.number else ""
            lines.append(f"- {line}: {state}{ticket}")
        count = len(lines)
        many = f"at least {count}" if count >= MOST_LISTED else str(count)
        listed = "\n".join(lines)
        return f"During this change no ticket was opened for {many} of its events:\n{listed}"


def _first(held: "HeldBack") -> str:
    return (
        "While this change is under way, no ticket is opened for events of what it touches. "
        f"The first: {held.lines[0]}"
    )


async def _note(client: "ServiceNowClient", held: "HeldBack", text: str) -> None:
    """Leave a note on a change, unless a dead worker has; one that cannot be noted is let be."""
    changes = client.table(TABLE)
    try:
        since = datetime.fromtimestamp(held.since, UTC)
        if await changes.find_work_note(held.sys_id, text, since) is None:
            await changes.add_work_note(held.sys_id, text)
    except ServiceNowError as error:
        if error.maybe_applied or getattr(error, "message", None) is None:
            raise  # it is tried again with the next read
        logger.warning("change not noted", number=held.number, reason=reason_of(error))


async def read_windows(client: "ServiceNowClient") -> list[Window]:
    """Return the windows that are open, or open within the hour, of changes that are approved."""
    now = clock.now()
    query = (
        column("state").in_([ChangeState.SCHEDULED, ChangeState.IMPLEMENT])
        & column("on_hold").ne(value=True)
        & column("start_date").le(now + _AHEAD + timedelta(days=1))
        & column("end_date").ge(now - timedelta(days=1))
    )
    page = await client.table(TABLE).page(
        query, limit=_MOST_CHANGES, fields=_COLUMNS, display_value="all"
    )
    # By the values themselves: a query's moments are taken in the zone of who asks.
    found = [one for one in map(_window_of, page.records) if one is not None]
    found = [one for one in found if one.start <= clock.epoch(now + _AHEAD)]
    found = [one for one in found if one.end > clock.epoch(now)]
    affected = await _affected(client, [one.sys_id for one in found])
    return [
        replace(one, names=_folded((*one.names, *affected.get(one.sys_id, ())))) for one in found
    ]


def _window_of(record: "Record") -> Window | None:
    start, end = (clock.parsed(record.get(name)) for name in ("start_date", "end_date"))
    state, on_hold = str(record.get("state")), str(record.get("on_hold") or "")
    if start is None or end is None or on_hold == "true":
        return None
    if state not in {ChangeState.SCHEDULED, ChangeState.IMPLEMENT}:
        return None
    names: list[str] = []
    for name in ("cmdb_ci", "business_service"):
        names += [record.label(name), str(record.get(name) or "")]
    environment = str(record.get("cmdb_ci.environment") or "").casefold()
    return Window(
        record.sys_id,
        record.number,
        str(record.get("short_description") or "")[:160],
        clock.epoch(start),
        clock.epoch(end),
        _folded(names),
        (environment,) if environment else (),
    )


async def _affected(client: "ServiceNowClient", changes: list[str]) -> dict[str, list[str]]:
    """Return the names of the CIs that changes affect; without the right to read them, none."""
    found: dict[str, list[str]] = {}
    try:
        for start in range(0, len(changes), _AT_ONCE):
            page = await client.table("task_ci").page(
                column("task").in_(changes[start : start + _AT_ONCE]),
                limit=_MOST_CIS,
                fields=("task", "ci_item"),
                display_value="all",
            )
            for record in page.records:
                names = [record.label("ci_item"), str(record.get("ci_item") or "")]
                found.setdefault(str(record.get("task")), []).extend(names)
    except ServiceNowError as error:
        if getattr(error, "message", None) is None:
            raise
        logger.info("affected CIs not read", reason=reason_of(error))
    return found


def _folded(names: "Iterable[str]") -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.casefold()[:100] for name in names if name))


def _place(owner: str, connection: str) -> str:
    return digest(owner, "windows", connection)


def _id(owner: str, connection: str) -> str:
    return digest("windows", owner, connection)
