"""Gates at work: each look brings one a step on, until its platform has heard what was decided.

Nothing is kept open meanwhile: between two looks a gate is a timer. One conditional write decides
it, and only then its platform gets the answer. A look that fails neither opens nor closes a gate.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from actionsync import clock
from actionsync.errors import ConnectionIncompleteError, ConnectionNotFoundError
from actionsync.events.failures import PermanentError, RetryLaterError
from actionsync.events.folding import Received, fold
from actionsync.events.gates.asked import Asked
from actionsync.events.gates.decision import Decision, Seen, decide, gate_ends
from actionsync.events.gates.models import event_of, gate_of, prefix_of, timer_of
from actionsync.events.gates.platforms import PLATFORMS
from actionsync.events.gates.platforms.protocol import DecidedElsewhereError
from actionsync.events.models import digest
from actionsync.events.steps.refusals import is_refusal
from actionsync.rules.models import DeploymentRule
from actionsync.stores.connections import DEFAULT
from actionsync.stores.tickets import Row
from actionsync.stores.versions import UnknownVersionError
from actionsync.telemetry import logger
from servicenow_tools import Query
from servicenow_tools.errors import NotFoundError, ServiceNowError
from servicenow_tools.states import ChangeState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionsync.audit.trail import ActivityStore
    from actionsync.connections.clients import ClientCache
    from actionsync.events.engine import Engine
    from actionsync.events.looks import Looks
    from actionsync.events.models import IncomingEvent
    from actionsync.rules.models import MatchedRule, Rules
    from actionsync.stores.correlations import CorrelationStore
    from actionsync.stores.gates import Gate, GateStore, State
    from actionsync.stores.tickets import TicketStore
    from actionsync.stores.timers import Timer, TimerStore
    from servicenow_tools import Record, ServiceNowClient


TABLE = "change_request"
LOOK_SECONDS = 60
# A go that its platform has not heard of for so long is asked of the change again.
STALE_SECONDS = 600
# For so long after its end a platform's answer, or a change's cancellation, is tried again.
_LAST_TRIES = timedelta(days=1)
# What is left of an invocation when a look is given up.
_LAST_SECONDS = 4
# So many gates of a prompt are looked at at once.
_AT_ONCE = 4
_COLUMNS = (
    "sys_id", "number", "state", "approval", "on_hold", "start_date", "end_date", "cmdb_ci",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Begun:
    """A gate that is being looked at."""

    timer: "Timer"
    asked: Asked
    gate: "Gate"


class _Changes:
    """The changes of gates that are looked at together: a connection's by one request.

    Args:
        ends_at: when the function is ended, on time.monotonic()'s clock.
    """

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self._wanted: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._found: dict[tuple[str, str], dict[str, Record] | ServiceNowError] = {}
        self._turn = asyncio.Lock()

    def want(self, gate: "Gate") -> None:
        """Have a gate's change read with the others."""
        if gate.state == "waiting" and gate.sys_id:
            self._wanted[gate.owner, gate.connection].append(gate.sys_id)

    async def get(self, client: "ServiceNowClient", gate: "Gate") -> "Record":
        """Return a gate's change.

        Raises:
            NotFoundError: it is deleted, or hidden from us.
            ServiceNowError: it could not be read.
        """
        key = (gate.owner, gate.connection)
        wanted = self._wanted[key]
        if gate.sys_id not in wanted or len(wanted) == 1:
            return await _read(client, gate)
        async with self._turn:
            if key not in self._found:
                self._found[key] = await _read_all(client, wanted)
        found = self._found[key]
        if isinstance(found, ServiceNowError):
            raise found
        # Of one that is missing, ServiceNow's own text is read.
        return found.get(gate.sys_id) or await _read(client, gate)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look works with."""

    client: "ServiceNowClient"
    asked: Asked
    rule: "DeploymentRule"
    timer_id: str
    read: _Changes


class Gates:
    """The gates of all owners.

    Args:
        store: what is known of them.
        timers: when they are looked at.
        engine: opens their changes, each once.
        clients: ServiceNow clients.
        correlations: which change is a deployment's.
        activity: the audit trail.
        rules_of: returns an owner's rules.
        looks: look at a change that a gate has seen move.
        rows: say which gates wait for a change.
    """

    def __init__(  # noqa: PLR0917 - what a gate stands on
        self,
        store: "GateStore",
        timers: "TimerStore",
        engine: "Engine",
        clients: "ClientCache",
        correlations: "CorrelationStore",
        activity: "ActivityStore",
        rules_of: "Callable[[str], Rules]",
        looks: "Looks",
        rows: "TicketStore",
    ) -> None:
        self._store = store
        self._timers = timers
        self._engine = engine
        self._clients = clients
        self._correlations = correlations
        self._activity = activity
        self._rules_of = rules_of
        self._looks = looks
        self._rows = rows

    def join(self, events: "tuple[IncomingEvent, ...]") -> "tuple[IncomingEvent, ...]":
        """Return events without those of deployments that wait at gates.

        Their start opens no change, and their end closes those of their gates.
        """
        return tuple(
            joined
            for event in events
            for joined in ([event] if event.kind != "change" else self._joined(event))
        )

    def _joined(self, event: "IncomingEvent") -> "list[IncomingEvent]":
        gates = [
            gate
            for gate in self._store.of_deployment(event.owner, prefix_of(event.dedup_key))
            if gate.deployment == event.dedup_key
        ]
        if event.action == "annotate":
            return [replace(event, key=gate.key) for gate in gates if gate.sys_id] or [event]
        if not gates:
            then = self._rules_of(event.owner).rule_for(event).then
            waits = isinstance(then, DeploymentRule) and then.gate.required
            is_known = waits and self._correlations.get(event.dedup_key).sys_id
            return [] if waits and not is_known else [event]
        if event.action == "trigger":
            return []
        for gate in gates:
            if gate.state == "waiting":
                said = f"The deployment has ended: {event.outcome}"
                self._end(gate, said, cancels=said)
        return [_ended(event, gate) for gate in gates if gate.state == "go"]

    def open(self, asked: Asked) -> None:
        """Open a gate; asked for again, it is the same gate.

        Raises:
            UnreadableEventError: it lacks what identifies it.
        """
        self._timers.start(timer_of(asked))

    async def look(self, timer_ids: "Sequence[str]", ends_at: float) -> None:
        """Bring gates a step on, and say when each is to be looked at again.

        Args:
            timer_ids: their timers.
            ends_at: when the function is ended, on time.monotonic()'s clock.

        Raises:
            UnknownVersionError: newer code has written one of them; the others had their step.
        """
        turns = asyncio.Semaphore(_AT_ONCE)
        read = _Changes(ends_at)

        async def look(begun: "_Begun") -> None:
            async with turns:
                await self._look(begun, read)

        begun, failure = self._begin(timer_ids)
        for each in begun:
            read.want(each.gate)
        done = await asyncio.gather(*map(look, begun), return_exceptions=True)
        for error in (failure, *done):
            if error is not None:
                raise error

    def _begin(self, timer_ids: "Sequence[str]") -> "tuple[list[_Begun], Exception | None]":
        """Return what is to be looked at, the first to end first, and what could not be read."""
        begun: list[_Begun] = []
        failure: Exception | None = None
        for timer_id in timer_ids:
            try:
                timer = self._timers.get(timer_id)
                if timer is not None and (timer := self._located(timer)) is not None:
                    asked = Asked.from_memo(timer.memo)
                    begun.append(_Begun(timer, asked, self._store.add(gate_of(asked))))
            except UnknownVersionError as error:
                failure = error
        return sorted(begun, key=lambda each: each.gate.ends_at), failure

    async def _look(self, begun: "_Begun", read: "_Changes") -> None:
        try:
            async with asyncio.timeout(read.ends_at - monotonic() - _LAST_SECONDS):
                next_at = await self._step(begun, read)
        except TimeoutError:
            next_at = clock.now_epoch() + LOOK_SECONDS
        self._move_on(begun.timer, next_at)

    def _move_on(self, timer: "Timer", next_at: int) -> None:
        if next_at:
            self._timers.move(timer, next_at, timer.memo)
        else:
            self._timers.end(timer.id)

    def _located(self, timer: "Timer") -> "Timer | None":
        """Return a timer that remembers the place that its platform knows.

        None where the platform does not know it, or does not say; then the timer has moved on.
        """
        asked = Asked.from_memo(timer.memo)
        platform = PLATFORMS.get(asked.platform)
        if platform is None:
            return timer
        try:
            located = platform.locate(asked)
        except DecidedElsewhereError:
            self._audit(asked, "gate_no", "The approval was decided before it was looked at")
            self._timers.end(timer.id)
            return None
        except (ClientError, BotoCoreError) as error:
            self._move_on(timer, self._not_found(asked, _code(error)))
            return None
        if located == asked:
            return timer
        self._timers.move(timer, timer.next_at, located.to_memo())
        return replace(timer, memo=located.to_memo())

    async def _step(self, begun: "_Begun", read: "_Changes") -> int:
        """Return the epoch second at which a gate is due again, after a step; 0 if it is done."""
        gate, asked = begun.gate, begun.asked
        if gate.state == "waiting":
            gate = await self._advance(begun, read)
            if gate.state == "waiting" and gate.ends_at <= clock.now_epoch() + LOOK_SECONDS:
                gate = self._over(gate)  # the next look would be too late
        elif gate.state == "go" and gate.answer == "due":
            gate = await self._doubted(gate, asked)
        if gate.answer == "due":
            gate = self._answer(gate, asked)
        if gate.cancels or gate.note:
            gate = await self._follow_up(gate)
        return 0 if gate.is_finished else clock.now_epoch() + LOOK_SECONDS

    def _not_found(self, asked: Asked, code: str) -> int:
        """Return when to ask a platform again for the place of a gate; 0 once that is over."""
        logger.warning("place of a gate not found", platform=asked.platform, error=code)
        longest = PLATFORMS[asked.platform].LONGEST_SECONDS
        is_over = (asked.expires or asked.asked_at + longest) < clock.now_epoch()
        if is_over or clock.now_epoch() < asked.asked_at + 2 * LOOK_SECONDS:
            self._audit(
                asked, "gate_failed", f"{asked.platform} does not let itself be asked: {code}"
            )
        return 0 if is_over else clock.now_epoch() + LOOK_SECONDS

    # ---- while it waits

    async def _advance(  # noqa: PLR0911 - a table
        self, begun: "_Begun", read: "_Changes"
    ) -> "Gate":
        """Look at the platform and at the change of a gate that waits."""
        gate, asked = begun.gate, begun.asked
        if not gate.ends_at:
            gate = self._changed(gate, ends_at=self._ends_at(asked))
        if gate.ends_at <= clock.now_epoch():
            return self._over(gate)
        if not self._is_waited_for(asked):
            said = f"{asked.platform} does not wait any more"
            return self._end(gate, said, cancels=said, answer="decided elsewhere")
        matched = self._rules_of(gate.owner).rule_for(event_of(asked))
        if not isinstance(matched.then, DeploymentRule):
            return self._decided(gate, "go", f"The rules ask for no change: {matched.reason}")
        if not gate.sys_id:
            gate = replace(gate, connection=matched.then.connection or DEFAULT)
        try:
            async with self._clients.client_for(gate.owner, TABLE, gate.connection) as client:
                look = _Look(client, asked, matched.then, begun.timer.id, read)
                return await self._looked(gate, look, matched)
        except ConnectionNotFoundError:
            return self._end(gate, "Its connection to ServiceNow was removed")
        except (ServiceNowError, ConnectionIncompleteError, RetryLaterError) as error:
            return self._changed(gate, reason=f"Not known: {error}"[:1000])
        except PermanentError as error:
            return self._end(gate, f"ServiceNow has no change for it: {error.text}")

    async def _looked(self, gate: "Gate", look: _Look, matched: "MatchedRule") -> "Gate":
        host = urlsplit(look.client.instance_url).netloc
        if gate.host and gate.host != host:
            return self._end(gate, "Its connection names another ServiceNow instance now")
        if not gate.sys_id:
            gate = await self._opened(gate, look, matched)
        if not gate.sys_id:
            return gate
        try:
            record = await look.read.get(look.client, gate)
        except NotFoundError as error:
            return self._changed(gate, reason=f"{gate.number} cannot be read: {error}"[:1000])
        seen = _seen(record, gate)
        decision = decide(seen, look.rule.gate)
        if gate.reason and decision.reason != gate.reason:
            # What people did comes out before anything of ours hides it.
            place = self._place_of(gate)
            await self._looks.look_at(place, look.read.ends_at - _LAST_SECONDS)
        if decision.verdict == "go":
            decision = await self._certain(seen, record, decision, look)
        has_advanced = gate.has_advanced or seen.state != ChangeState.NEW
        if decision.verdict == "waiting":
            return self._changed(gate, reason=decision.reason, has_advanced=has_advanced)
        return self._decided(gate, decision.verdict, decision.reason)

    async def _opened(self, gate: "Gate", look: _Look, matched: "MatchedRule") -> "Gate":
        """Open a gate's change, or find the one that exists; both once, by its dedup key."""
        event = event_of(look.asked)
        handled = await self._engine.handle(
            fold([Received(event)]), matched, has_waited=True, is_again=True
        )
        known = self._correlations.get(event.dedup_key)
        if handled.ticket is None or not known.sys_id:
            return gate  # another is at it
        gate = self._changed(
            gate,
            sys_id=known.sys_id,
            number=known.number,
            url=known.url,
            host=known.host,
            connection=known.connection,
            is_ours=not known.is_existing,
        )
        place = self._place_of(gate)
        self._rows.gate(place.connection_id, TABLE, gate.sys_id, look.timer_id)
        return gate

    def _place_of(self, gate: "Gate") -> Row:
        """Return where the row of a gate's change is; a client has been lent to the gate."""
        target = self._clients.target(gate.owner, TABLE, gate.connection)
        return Row(target.connection_id, TABLE, gate.sys_id, gate.owner, connection=gate.connection)

    async def _certain(
        self, seen: Seen, record: "Record", decision: Decision, look: _Look
    ) -> Decision:
        """Return the decision again, with what is asked only before a deployment goes on."""
        changes, rule = look.client.changes, look.rule.gate
        if await self._is_approved_by_us(look.client, record.sys_id):
            return decide(replace(seen, is_approved_by_us=True), rule)
        if not decision.moves and seen.state != ChangeState.SCHEDULED:
            return decision
        conflicts = await self._conflicts(look, record)
        if conflicts:
            decision = decide(replace(seen, has_conflicts=True), rule)
            decision = replace(decision, reason=f"{decision.reason} ({conflicts})")
        if not decision.moves:
            return decision
        try:
            await changes.move(record.sys_id, ChangeState.IMPLEMENT)
        except ServiceNowError as error:
            if not is_refusal(error) and error.maybe_applied:
                raise
            return decide(replace(seen, trouble=str(error)), rule)
        return decision

    async def _conflicts(self, look: _Look, record: "Record") -> str:
        """Return what the instance finds in a change's schedule; nothing without item or dates."""
        if not all(record.get(name) for name in ("cmdb_ci", "start_date", "end_date")):
            return ""
        try:
            found = await look.client.changes.check_conflicts(record.sys_id)
        except ServiceNowError as error:
            if not is_refusal(error):
                raise
            return ""  # without its plugin an instance finds no conflicts
        kinds = sorted({str(one.get("type") or "conflict") for one in found.found})
        return f"conflicts in its schedule: {', '.join(kinds)}" if kinds else ""

    async def _is_approved_by_us(self, client: "ServiceNowClient", sys_id: str) -> bool:
        """Return whether the integration account has approved a change."""
        approvals = await client.changes.approvals(sys_id)
        approvers = {
            str(one.get("approver")) for one in approvals if one.get("state") == "approved"
        }
        if not approvers:
            return False
        who = Query.unsafe("sys_id=javascript:gs.getUserID()")
        # A query that the instance ignores would return others, too.
        rows = await client.table("sys_user").search(who, limit=2, fields=["user_name"])
        return len(rows) == 1 and rows[0].sys_id in approvers

    def _ends_at(self, asked: Asked) -> int:
        """Return when a gate ends: before its platform does, or as its rule says."""
        began = datetime.fromtimestamp(asked.asked_at, UTC)
        platform = PLATFORMS.get(asked.platform)
        if asked.expires:
            expires = datetime.fromtimestamp(asked.expires, UTC)
        elif platform is not None:
            expires = began + timedelta(seconds=platform.LONGEST_SECONDS)
        else:
            then = self._rules_of(asked.owner).rule_for(event_of(asked)).then
            gate = then.gate if isinstance(then, DeploymentRule) else DeploymentRule().gate
            return clock.epoch(began + timedelta(hours=gate.longest_hours))
        return clock.epoch(gate_ends(began, expires))

    def _is_waited_for(self, asked: Asked) -> bool:
        platform = PLATFORMS.get(asked.platform)
        if platform is None:
            return True
        try:
            return platform.is_waiting(asked)
        except (ClientError, BotoCoreError) as error:
            logger.warning("platform not asked", platform=asked.platform, error=_code(error))
            return True

    # ---- once it is decided

    async def _doubted(self, gate: "Gate", asked: Asked) -> "Gate":
        """Ask the change once more where a go could not be answered in time."""
        if clock.now_epoch() - gate.decided_at < STALE_SECONDS or not gate.sys_id:
            return gate
        matched = self._rules_of(gate.owner).rule_for(event_of(asked))
        rule = matched.then if isinstance(matched.then, DeploymentRule) else DeploymentRule()
        try:
            async with self._clients.client_for(gate.owner, TABLE, gate.connection) as client:
                record = await _read(client, gate)
        except (ServiceNowError, ConnectionNotFoundError, ConnectionIncompleteError):
            return gate
        decision = decide(_seen(record, gate), rule.gate)
        if decision.verdict == "go":
            return gate
        said = f"{decision.reason}, before {asked.platform} could be answered"
        return self._store.revoke(gate, said) or gate

    def _answer(self, gate: "Gate", asked: Asked) -> "Gate":
        """Tell the platform what was decided; until it answers, this is done again."""
        gate = self._store.settle(gate, answers=gate.answers + 1) or gate
        answer, note = "given", ""
        try:
            PLATFORMS[asked.platform].answer(asked, gate)
        except DecidedElsewhereError:
            answer = "decided elsewhere"
            note = f"{asked.platform} had an answer before this one: {gate.state}."
        except (ClientError, BotoCoreError) as error:
            logger.warning("platform not answered", platform=asked.platform, error=_code(error))
            if clock.now_epoch() < gate.ends_at + _LAST_TRIES.total_seconds():
                return gate
            answer = "failed"
        self._audit(asked, f"gate_{gate.state}", f"{asked.platform}: {answer}", gate)
        logger.info("platform answered", platform=asked.platform, gate=gate.id, answer=answer)
        return self._store.settle(gate, answer=answer, note=note) or gate

    async def _follow_up(self, gate: "Gate") -> "Gate":
        """Cancel a change that nobody waits for any more; note on it what else became of it."""
        if not gate.sys_id:
            return self._store.settle(gate, cancels="", note="") or gate
        try:
            async with self._clients.client_for(gate.owner, TABLE, gate.connection) as client:
                if gate.cancels and gate.is_ours:
                    await client.changes.cancel(gate.sys_id, gate.cancels)
                else:
                    await client.changes.add_work_note(gate.sys_id, gate.cancels or gate.note)
        except (ConnectionNotFoundError, ConnectionIncompleteError):
            logger.info("change not canceled: no connection", gate=gate.id)
        except ServiceNowError as error:
            is_late = clock.now_epoch() > gate.decided_at + _LAST_TRIES.total_seconds()
            if not is_refusal(error) and not is_late:
                return gate
            logger.info("change not canceled", gate=gate.id, reason=str(error))
        return self._store.settle(gate, cancels="", note="") or gate

    def _over(self, gate: "Gate") -> "Gate":
        said = f"The gate's time is over. {gate.reason}".strip()
        return self._end(gate, said, cancels=said)

    def _end(self, gate: "Gate", reason: str, *, cancels: str = "", **changes: Any) -> "Gate":
        return self._decided(gate, "no", reason, cancels=cancels, **changes)

    def _decided(self, gate: "Gate", state: "State", reason: str, **changes: Any) -> "Gate":
        decided = self._store.decide(gate, state, reason, **changes)
        if decided is None:
            return self._store.get(gate.owner, gate.id) or gate
        self._activity.add(gate.owner, _facts(decided, f"gate_{state}", reason))
        logger.info("gate decided", gate=gate.id, state=state, application=gate.application)
        return decided

    def _changed(self, gate: "Gate", **changes: Any) -> "Gate":
        """Record what a look found of a gate that waits; nothing where it is known already."""
        if all(getattr(gate, name) == value for name, value in changes.items()):
            return gate
        return self._store.update(gate, **changes) or self._store.get(gate.owner, gate.id) or gate

    def _audit(self, asked: Asked, action: str, reason: str, gate: "Gate | None" = None) -> None:
        facts = {
            "id": digest(asked.owner, *asked.place.values(), str(asked.asked_at)),
            "kind": "change",
            "action": action,
            "cause": str(asked.detail.get("application", ""))[:200],
            "reason": reason[:1000],
        }
        self._activity.add(asked.owner, facts if gate is None else _facts(gate, action, reason))


def _ended(event: "IncomingEvent", gate: "Gate") -> "IncomingEvent":
    """Return the end of a deployment as its gate's change has it.

    It is later than the question whether to begin, whatever its sender's clock says.
    """
    asked_at = datetime.fromtimestamp(gate.created_at, UTC)
    moment = max(event.moment, asked_at + timedelta(seconds=1))
    return replace(event, key=gate.key, moment=moment)


def _facts(gate: "Gate", action: str, reason: str) -> dict[str, Any]:
    """Return what the audit trail says of a gate."""
    return {
        "id": digest(gate.id, action, reason),
        "kind": "change",
        "action": action,
        "cause": gate.application,
        "table": TABLE if gate.sys_id else "",
        "number": gate.number,
        "sys_id": gate.sys_id,
        "url": gate.url,
        "reason": reason[:1000],
    }


async def _read(client: "ServiceNowClient", gate: "Gate") -> "Record":
    return await client.changes.get(gate.sys_id, display_value="all", fields=_COLUMNS)


async def _read_all(
    client: "ServiceNowClient", ids: list[str]
) -> "dict[str, Record] | ServiceNowError":
    try:
        found = await client.changes.get_many(ids, display_value="all", fields=_COLUMNS)
    except ServiceNowError as error:
        return error
    return {record.sys_id: record for record in found}


def _seen(record: "Record", gate: "Gate") -> Seen:
    """Return what a record says of a gate's change, by the instance's clock."""
    now = clock.now()
    at = record.answered_at or now
    return Seen(
        number=record.number,
        state=str(record.get("state") or ""),
        label=record.label("state"),
        at=at,
        ends_at=datetime.fromtimestamp(gate.ends_at, UTC) + (at - now),
        is_ours=gate.is_ours,
        approval=str(record.get("approval") or ""),
        is_on_hold=record.get("on_hold") == "true",
        opens=clock.parsed(record.get("start_date")),
        closes=clock.parsed(record.get("end_date")),
        has_advanced=gate.has_advanced,
    )


def _code(error: Exception) -> str:
    """Return the kind of a failure of AWS's, without its text, which may name what was sent."""
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return type(error).__name__
