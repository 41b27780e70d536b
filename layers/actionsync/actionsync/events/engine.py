"""The engine: brings each cause's ticket to where its events say it should be.

Every event is recorded first, in one update of its cause. From what is known then, and nothing
else, `next_step` says what the ticket has to be told. Most often that is nothing: the event is
folded. Otherwise whoever gets the cause's lease tells the ticket, and looks again. An engine that
dies at any point is followed by the redelivered event, which does the same again; what the dead
one may have written is looked for before anything is written.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from actionsync import clock
from actionsync.events import drafts
from actionsync.events.failures import PermanentError, RetryLaterError, Scope, meaning
from actionsync.events.models import IncomingEvent, Kind, digest
from actionsync.rules.matching import SEVERITIES
from actionsync.rules.models import (
    AnyRule,
    DeploymentRule,
    IncidentRule,
    Rules,
)
from actionsync.stores.correlations import Correlation
from servicenow_tools.errors import (
    BusinessRuleError,
    NotFoundError,
    ServiceNowError,
    StateError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionsync.audit.trail import ActivityStore
    from actionsync.connections.sessions import ClientCache
    from actionsync.stores.cooldowns import CooldownStore
    from actionsync.stores.correlations import CorrelationStore
    from servicenow_tools import Record, ServiceNowClient

Step = Literal["open", "again", "over", "remark", "outcome"]
Result = Literal[
    "ignored", "folded", "created", "noted", "reopened", "resolved", "closed", "left_alone"
]

_RESOLVED, _CLOSED, _CANCELED = "6", "7", "8"
_TOUCHES = ("state", "assigned_to", "assignment_group")
# How much later than announced a waiting event may come back.
_GRACE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Ticket:
    """A cause's ticket."""

    number: str
    sys_id: str
    url: str


@dataclass(slots=True)
class Handled:
    """What became of an event: each thing that was done, in order, and its cause's ticket."""

    results: list[Result]
    ticket: Ticket | None = None


def next_step(cause: Correlation, kind: Kind, now: int) -> Step | None:  # noqa: PLR0911 - a table
    """Return what a cause's ticket has to be told now, or None where it says all."""
    if cause.doing is not None and cause.leased_until <= now:
        step: Step = cause.doing["step"]
        return step
    is_over, was_over = cause.phase == "off", cause.told_phase == "off"
    if not cause.sys_id:
        # A deployment that only its end tells of was a change all the same.
        is_change = kind == "change" and is_over
        return (
            "open" if cause.phase == "on" or is_change or cause.count > cause.told_count else None
        )
    if kind == "action_item":
        return None
    if kind == "change":
        return "outcome" if is_over and not was_over else None
    if is_over and not was_over:
        return "over"
    if was_over and not is_over:
        return "again"
    if cause.remark:
        return "remark"
    if not is_over and cause.count > cause.told_count and now >= cause.note_after:
        return "again"
    return None


class Engine:
    """What the functions of events share.

    Args:
        sessions: ServiceNow clients by user.
        causes: where causes are kept.
        cooldowns: who is to be left alone.
        activity: the audit trail.
        rules_of: returns a user's rules.
    """

    def __init__(
        self,
        sessions: "ClientCache",
        causes: "CorrelationStore",
        cooldowns: "CooldownStore",
        activity: "ActivityStore",
        rules_of: "Callable[[str], Rules]",
    ) -> None:
        self._sessions = sessions
        self._causes = causes
        self._cooldowns = cooldowns
        self._activity = activity
        self._rules_of = rules_of

    async def handle(self, event: IncomingEvent, rule: "AnyRule | None" = None) -> Handled:
        """Record an event and tell its ticket what it has to be told.

        Args:
            event: what happened.
            rule: the rule it falls under; by default the one in the user's rules.

        Raises:
            RetryLaterError: the event has to come back later.
            PermanentError: it cannot become a ticket.
            ActionSyncError: the user has no connection to ServiceNow.
        """
        rule = rule or self._rules_of(event.owner).rule_for(event).then
        if rule is None:
            return Handled(["ignored"])
        is_first = self._causes.mark(event.id)
        cause = self._record(event, is_first=is_first)
        now = clock.epoch(clock.now())
        if is_first and cause.waits_until > now:
            return Handled(["folded"])  # the one that waits will tell all
        handled = Handled([])
        while (step := next_step(cause, event.kind, now)) is not None:
            told = await self._tell(event, rule, cause, step)
            if told is None:
                break  # another holds the lease, and looks again when it is done
            cause, result = told
            handled.results.append(result)
            now = clock.epoch(clock.now())
        if not handled.results:
            handled.results.append("folded")
        if cause.sys_id:
            handled.ticket = Ticket(cause.number, cause.sys_id, cause.url)
        return handled

    def _record(self, event: IncomingEvent, *, is_first: bool) -> Correlation:
        cause_id = event.dedup_key
        if event.action == "trigger":
            return self._causes.begin(
                cause_id, event.owner, event.moment, event.texts, counts=is_first
            )
        if event.action == "resolve":
            return self._causes.end(cause_id, event.owner, event.moment, event.outcome, event.texts)
        if not is_first:
            return self._causes.get(cause_id)
        texts = event.texts
        return self._causes.remark(
            cause_id, f"{texts['status']} at {texts['occurred_at']}. {texts['message']}"
        )

    async def _tell(
        self, event: IncomingEvent, rule: "AnyRule", cause: Correlation, step: Step
    ) -> tuple[Correlation, Result] | None:
        """Take the lease and do one step; return what is known then, or None without the lease."""
        client = await self._sessions.client(event.owner)
        scope = Scope(urlsplit(client.instance_url).netloc, f"USER#{event.owner}")
        self._wait_for(scope, cause.id)
        owner = uuid.uuid4().hex
        leased = self._causes.lease(cause, self._plan(rule, cause, step, owner))
        if leased is None or leased.doing is None:
            return None
        doing = leased.doing
        is_ours = doing["owner"] == owner
        if (
            is_ours
            and next_step(replace(leased, doing=None), event.kind, clock.epoch(clock.now())) != step
        ):
            return self._causes.finish(leased, {}), "folded"  # somebody was quicker
        work = _Work(client, event, rule, leased, doing, may_be_done=not is_ours)
        try:
            result, told, changes = await work.do()
            if work.incident is not None:
                await self.handle(*work.incident)
        except ServiceNowError as error:
            self._causes.release(
                leased, maybe_written=error.maybe_applied or not is_ours or work.wrote
            )
            outcome = meaning(error, scope, self._cooldowns)
            if isinstance(outcome, RetryLaterError):
                self._wait(leased.id, outcome.seconds)
            raise outcome from error
        except (RetryLaterError, PermanentError):  # of a failed deployment's incident
            self._causes.release(leased, maybe_written=True)
            raise
        if told is None:
            return self._causes.renew(leased), result
        if result != "left_alone":
            self._activity.add(
                event.owner,
                {
                    "id": digest(leased.id, doing["owner"]),
                    "action": result,
                    "kind": event.kind,
                    "table": work.table,
                    "number": told.get("number", leased.number),
                    "sys_id": told.get("sys_id", leased.sys_id),
                    "url": told.get("url", leased.url),
                    "correlation_id": work.correlation_id,
                    "cause": event.name,
                    "fields": sorted(changes),
                    **work.states(told),
                    **({} if is_ours else {"recovered": True}),
                    **({"assumptions": list(event.assumptions)} if event.assumptions else {}),
                },
            )
        cause = self._causes.finish(leased, told)
        self._cooldowns.end(scope.instance)
        self._cooldowns.end(scope.user)
        return cause, result

    def _wait_for(self, scope: Scope, cause_id: str) -> None:
        for what, is_patient in ((scope.user, False), (scope.instance, True)):
            if seconds := self._cooldowns.admit(what):
                self._wait(cause_id, seconds)
                reason = self._cooldowns.get(what).reason
                raise RetryLaterError(seconds, reason, is_patient=is_patient)

    def _wait(self, cause_id: str, seconds: int) -> None:
        self._causes.wait(cause_id, clock.epoch(clock.now()) + seconds + _GRACE_SECONDS)

    def _plan(self, rule: "AnyRule", cause: Correlation, step: Step, owner: str) -> dict[str, Any]:
        """Return what is to be written, so that whoever follows can look for it."""
        text = ""
        if isinstance(rule, IncidentRule):
            if step == "again":
                text = drafts.note(
                    rule.recurrence_note, cause.texts, cause.count - cause.told_count
                )
            elif step == "over":
                text = drafts.note(rule.recovery_note, cause.end_texts)
        if step == "remark":
            text = cause.remark
        if step == "outcome" and isinstance(rule, DeploymentRule):
            text = drafts.note(rule.outcome_note, cause.end_texts)
        return {
            "owner": owner,
            "step": step,
            "at": clock.now().isoformat(),
            "count": cause.count,
            "text": text,
        }


@dataclass(slots=True)
class _Work:
    """One step, under the cause's lease.

    Attributes:
        may_be_done: whether a dead holder may have done it already.
        wrote: whether a part of it is written.
        state_before: the ticket's state before, where it was looked at.
        incident: for a failed deployment, the event and the rule of its incident.
    """

    client: "ServiceNowClient"
    event: IncomingEvent
    rule: "AnyRule"
    cause: Correlation
    doing: dict[str, Any]
    may_be_done: bool
    wrote: bool = False
    state_before: str = ""
    incident: "tuple[IncomingEvent, AnyRule] | None" = None

    def states(self, told: dict[str, Any]) -> dict[str, Any]:
        """Return the ticket's state before and after, where it was looked at."""
        after = told.get("left", {}).get("state")
        states = {"before": self.state_before, "after": after}
        return {name: {"state": state} for name, state in states.items() if state}

    @property
    def table(self) -> str:
        """The ticket's table."""
        return "change_request" if self.event.kind == "change" else "incident"

    @property
    def correlation_id(self) -> str:
        """What the cause's present ticket is recognised by."""
        generation = self.cause.generation
        return f"actionsync-{self.cause.id}" + (f"-{generation}" if generation > 1 else "")

    async def do(self) -> tuple[Result, dict[str, Any] | None, dict[str, Any]]:
        """Do it, and return what was done, what the ticket is told by it, and what was sent.

        None in the place of what it is told stands for a ticket that has to be given up for a new
        one.
        """
        step: Step = self.doing["step"]
        if step == "open":
            return await self._open()
        if step == "outcome":
            return await self._outcome()
        record = await self._record()
        if step == "again":
            return await self._again(record)
        if step == "over":
            return await self._over(record)
        return await self._remark(record)

    async def _open(self) -> tuple[Result, dict[str, Any], dict[str, Any]]:
        texts = {**(self.cause.texts or self.cause.end_texts), "previous": self.cause.previous}
        draft = drafts.ticket(self.event, self.rule, texts, self.correlation_id)
        made = None
        if self.may_be_done:
            made = await self.client.find_by_correlation_id(draft.table, self.correlation_id)
        if made is None:
            create = (
                self.client.create_incident
                if draft.table == "incident"
                else self.client.create_change_request
            )
            made = await create(**draft.columns, **draft.options, claimed=True)
        self.wrote = True
        if draft.table == "change_request":
            made = await self._moved_to_implement(made)
        window = (
            self.rule.recurrence.note_every_minutes * 60
            if isinstance(self.rule, IncidentRule)
            else 0
        )
        told = {
            "sys_id": made.sys_id,
            "number": made.number,
            "url": made.url,
            "left": _touches(made),
            "told_phase": "on",
            "told_count": self.doing["count"],
            "note_after": clock.epoch(clock.now()) + window,
        }
        return "created", told, draft.columns

    async def _again(
        self, record: "Record | None"
    ) -> tuple[Result, dict[str, Any] | None, dict[str, Any]]:
        if not isinstance(self.rule, IncidentRule):
            return "left_alone", {"told_count": self.doing["count"]}, {}
        recurrence = self.rule.recurrence
        told: dict[str, Any] = {
            "told_phase": "on",
            "told_count": self.doing["count"],
            "note_after": clock.epoch(clock.now()) + recurrence.note_every_minutes * 60,
        }
        changes = {"work_notes": self.doing["text"]}
        if record is not None and await self._is_noted():
            return "noted", told, changes
        state = "" if record is None else str(record.get("state"))
        if record is None or state in {_CLOSED, _CANCELED}:
            return "left_alone", None, {}
        if state != _RESOLVED:
            await self.client.add_work_note("incident", self.cause.sys_id, self.doing["text"])
            return "noted", told, changes
        if not _is_recent(record, recurrence.reopen_within_hours):
            return "left_alone", None, {}
        opened = await self.client.reopen_incident(self.cause.sys_id, self.doing["text"])
        told["left"] = {**self.cause.left, "state": str(opened.get("state"))}
        return "reopened", told, {"state": told["left"]["state"], **changes}

    async def _over(self, record: "Record | None") -> tuple[Result, dict[str, Any], dict[str, Any]]:
        told: dict[str, Any] = {"told_phase": "off", "told_count": self.doing["count"]}
        rule = (
            self.rule if isinstance(self.rule, IncidentRule) else IncidentRule(recovery="nothing")
        )
        is_open = record is not None and record.get("state") not in {_RESOLVED, _CLOSED, _CANCELED}
        text = self.doing["text"]
        if record is not None and self.may_be_done and record.get("close_notes") == text:
            return "resolved", {**told, "left": _touches(record)}, {"close_notes": text}
        if record is None or not is_open or rule.recovery == "nothing":
            return "left_alone", told, {}
        is_touched = any(str(record.get(name)) != kept for name, kept in self.cause.left.items())
        if rule.recovery == "note" or (rule.recovery == "untouched" and is_touched):
            if not await self._is_noted():
                await self.client.add_work_note("incident", self.cause.sys_id, text)
            return "noted", told, {"work_notes": text}
        closed = await self.client.close_incident(self.cause.sys_id, text, rule.close_code)
        told["left"] = _touches(closed)
        return (
            "resolved",
            told,
            {"state": _RESOLVED, "close_code": closed.get("close_code"), "close_notes": text},
        )

    async def _remark(
        self, record: "Record | None"
    ) -> tuple[Result, dict[str, Any], dict[str, Any]]:
        told = {"remark": ""}
        if record is None or record.get("state") in {_CLOSED, _CANCELED}:
            return "left_alone", told, {}
        if not await self._is_noted():
            await self.client.add_work_note("incident", self.cause.sys_id, self.doing["text"])
        return "noted", told, {"work_notes": self.doing["text"]}

    async def _outcome(self) -> tuple[Result, dict[str, Any], dict[str, Any]]:
        told = {"told_phase": "off", "told_count": self.doing["count"]}
        text = self.doing["text"]
        code = "successful" if self.cause.outcome == "succeeded" else "unsuccessful"
        closing = {"close_code": code, "close_notes": text}
        if self.cause.outcome == "failed":
            self.incident = self._incident_of_failure()
        record = await self._record()
        if record is None or record.get("state") in {"3", "4"}:
            is_own = record is not None and record.get("close_notes") == text
            return ("closed" if is_own else "left_alone"), told, closing
        record = await self._moved_to_implement(record)
        try:
            await self.client.close_change_request(self.cause.sys_id, **closing)
        except (StateError, BusinessRuleError) as error:
            if error.maybe_applied:
                raise
            # It waits for its approval: the outcome is told, and a person closes it.
            if not await self._is_noted():
                await self.client.add_work_note("change_request", self.cause.sys_id, text)
            return "noted", told, {"work_notes": text}
        return "closed", told, closing

    def _incident_of_failure(self) -> "tuple[IncomingEvent, AnyRule] | None":
        if not isinstance(self.rule, DeploymentRule) or not self.rule.incident_on_failure:
            return None
        texts = {**self.cause.texts, **self.cause.end_texts}
        rule = IncidentRule(
            severities=list(SEVERITIES),
            assignment_group=self.rule.assignment_group,
            levels={"high": self.rule.incident_levels},
        )
        event = replace(
            self.event,
            id=digest(self.event.id, "incident"),
            kind="incident",
            key=digest("change", self.event.key),
            action="trigger",
            severity="high",
            texts={
                **texts,
                "title": f"Deployment failed: {self.event.name} {texts.get('version', '')}",
                "message": f"{texts.get('message', '')}\n\nChange request: {self.cause.number}",
                "severity": "high",
            },
            columns={"caused_by": self.cause.sys_id},
        )
        return event, rule

    async def _moved_to_implement(self, record: "Record") -> "Record":
        """Bring a change to Implement, or as far towards it as it may go without approval."""
        if record.get("state") in {"-1", "0"}:
            return record
        try:
            return await self.client.changes.move(record.sys_id, "implement")
        except (StateError, BusinessRuleError):
            return record

    async def _record(self) -> "Record | None":
        try:
            record = await self.client.get_record(self.table, self.cause.sys_id)
        except NotFoundError:
            return None
        self.state_before = str(record.get("state") or "")
        return record

    async def _is_noted(self) -> bool:
        """Tell whether a dead holder has left the note."""
        if not self.may_be_done:
            return False
        since = datetime.fromisoformat(self.doing["at"])
        found = await self.client.find_work_note(
            self.table, self.cause.sys_id, self.doing["text"], since
        )
        return found is not None


def _touches(record: "Record") -> dict[str, str]:
    return {name: str(record.get(name) or "") for name in _TOUCHES}


def _is_recent(record: "Record", hours: int) -> bool:
    try:
        resolved_at = datetime.strptime(
            str(record.get("resolved_at")), "%Y-%m-%d %H:%M:%S"
        ).replace(tzinfo=UTC)
    except ValueError:
        return False
    return clock.now() - resolved_at <= timedelta(hours=hours)
