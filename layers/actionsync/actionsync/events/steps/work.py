"""A step's work: the ticket, the fallback ladder by which it is written, what is remembered of it.

What ServiceNow refuses with its own error document is tried once more without what the instance's
own metadata shows to be wrong; then comes the next rung down, and at last the failure itself. No
step reads ServiceNow's wording, which differs by language.
"""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from actionsync import clock
from actionsync.events import drafts, groups
from actionsync.events.folding import Group, rank
from actionsync.events.models import IncomingEvent, Kind
from actionsync.events.steps.refusals import (
    Columns,
    differences_of,
    ignored_text,
    is_refusal,
    report_of,
)
from actionsync.rules.ends import End
from actionsync.rules.matching import SEVERITIES, Severity
from actionsync.rules.models import DeploymentRule, IncidentRule, MatchedRule
from actionsync.stores.correlations import microseconds
from servicenow_tools.errors import (
    InvalidRequestError,
    NotFoundError,
    ServiceNowError,
    StateError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionsync.events.groups import Look
    from actionsync.rules.models import AnyRule
    from actionsync.stores.correlations import Correlation
    from actionsync.stores.tickets import Row
    from servicenow_tools import Record, ServiceNowClient, Table

Result = Literal[
    "ignored", "deduplicated", "held", "healed", "created", "noted", "reopened", "resolved",
    "closed", "skipped",
]  # fmt: skip

_LEVELS = ("urgency", "impact")
# What a ticket is never without, whatever else is refused.
ESSENTIAL = ("short_description", "description", "correlation_id", "correlation_display")


@dataclass(slots=True)
class StepResult:
    """What a step did.

    Attributes:
        result: what it was.
        synced: what the correlation remembers of it.
        sent: the columns that were sent.
        state: the ticket's state after it, where that is known.
        is_given_up: whether the ticket is left as it is, and a next one is to be made.
        notes: how many of the correlation's notes were posted.
        warnings: what was refused, dropped or changed, for people.
        record: the ticket, where it was opened, or opened again.
    """

    result: Result
    synced: dict[str, Any]
    sent: Columns = field(default_factory=dict)
    state: str = ""
    is_given_up: bool = False
    notes: int = 0
    warnings: list[str] = field(default_factory=list)
    record: "Record | None" = None


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to do a step.

    Attributes:
        result: what it is called.
        columns: what it sends.
        write: sends it.
        brings_about: whether a state is one that it leads to; ServiceNow may answer a write as
            done and leave the state as it was.
    """

    result: Result
    columns: Columns
    write: "Callable[[Columns], Awaitable[Record]]"
    brings_about: "Callable[[str], bool]" = lambda _: True

    def check(self, record: "Record") -> None:
        """Refuse a record whose state is not what the rung leads to; a hidden one says nothing.

        Raises:
            StateError: it stayed as it was.
        """
        state = record.get("state")
        if state is not None and not self.brings_about(str(state)):
            text = f"ServiceNow reported no error, but the state is {state} all the same"
            raise StateError(text, "state", str(state))


@dataclass(slots=True)
class Work(ABC):
    """One step, under its key's lease.

    Attributes:
        client: the ServiceNow client.
        connection: the name of its connection.
        group: what the batch says of the key.
        rule: the rule that says how the step reads.
        rule_name: its name.
        correlation: what is known, as leased.
        action: the pending action: what was known when it was planned, and its text.
        may_be_done: whether a holder of the lease that died may have done it already.
        may_open: whether the rules let the events open a ticket.
        asked_again: the rule that fires at a higher severity, where it is another one.
        fallback_group: the group where a rule's own cannot be found.
        row: returns the ticket's row, None where it has none.
        are_missing: returns whether most tickets of the connection cannot be read any more.
        found: of one ticket for many, what was found of its members.
        changed: the recent changes that a new ticket names.
        caused_by: the change that is under way of what a new ticket is about.
        ended_at: when the ticket was resolved or closed, in microseconds, 0 where it is open.
        wrote: whether a part of it is written.
        state_before: the ticket's state before, where it was looked at.
        follow_up: events of another key that follow, and the rule they fall under.
        warnings: what was refused, dropped or changed, for people.
        noted_warnings: how many of them the step's own note has.
    """

    client: "ServiceNowClient"
    connection: str
    group: Group
    rule: "AnyRule"
    rule_name: str
    correlation: "Correlation"
    action: dict[str, Any]
    may_be_done: bool
    may_open: bool = True
    asked_again: MatchedRule | None = None
    fallback_group: str | None = None
    row: "Callable[[], Row | None]" = lambda: None
    are_missing: "Callable[[], bool]" = lambda: False
    found: "Look | None" = None
    changed: list[str] = field(default_factory=list)
    caused_by: str = ""
    ended_at: int = 0
    wrote: bool = False
    state_before: str = ""
    follow_up: tuple[Group, MatchedRule] | None = None
    warnings: list[str] = field(default_factory=list)
    noted_warnings: int = 0

    @property
    def report(self) -> str:
        """The note that says what could not be done as it was meant; empty for none."""
        return report_of(self.warnings[self.noted_warnings :])

    @property
    def event(self) -> IncomingEvent:
        """The event that acts."""
        return self.group.event

    @property
    def table(self) -> str:
        """The ticket's table."""
        return self.correlation.table or table_of(self.event.kind, self.rule)

    @property
    def _tickets(self) -> "Table":
        return self.client.table(self.table)

    @property
    def correlation_id(self) -> str:
        """What the key's present ticket is recognised by."""
        return correlation_id(self.correlation)

    async def do(self) -> StepResult:
        """Do it."""
        done = await self._steps()[self.action["step"]]()
        if self.found is not None and done.result in {"noted", "reopened", "resolved"}:
            await self._replace_list(self.found)
        done.warnings = self.warnings
        return done

    def _steps(self) -> "dict[str, Callable[[], Awaitable[StepResult]]]":
        """Return how it does each step."""
        return {
            "create": self._create,
            "recur": self._recur,
            "resolve": self._resolve,
            "annotate": self._annotate,
        }

    @abstractmethod
    async def _create(self) -> StepResult: ...

    @abstractmethod
    async def _recur(self) -> StepResult: ...

    @abstractmethod
    async def _resolve(self) -> StepResult: ...

    @abstractmethod
    async def _annotate(self) -> StepResult: ...

    def _draft(self) -> tuple[Severity, drafts.Draft]:
        """Return the ticket that the rule wants, and the severity that it is opened with."""
        severity = self._severity()
        texts = {**self._texts(), "previous": self.correlation.previous}
        event = replace(self.event, severity=severity)
        return severity, drafts.ticket(event, self.rule, texts, self.correlation_id)

    # ---- the fallback ladder

    async def _climb(self, rungs: list[Rung]) -> "tuple[Rung, Record]":
        """Take the first rung that ServiceNow does not refuse, and return it with the record.

        Raises:
            ServiceNowError: the first refusal, where all were; or what is no refusal.
        """
        refusal: ServiceNowError | None = None
        tried: tuple[Any, Columns] | None = None
        for rung in rungs:
            wanted = rungs[0].columns if rung.result == rungs[0].result else {}
            columns: Columns | None = rung.columns
            while columns is not None and tried != (rung.write, columns):
                tried = (rung.write, columns)
                differences = differences_of(wanted, columns)
                try:
                    record = await rung.write(self._with_report(columns, differences))
                    rung.check(record)
                except ServiceNowError as error:
                    if not is_refusal(error):
                        raise
                    if refusal is None or isinstance(refusal, InvalidRequestError):
                        refusal = error  # ServiceNow's own text, where there is one
                    self._warn(error)
                    is_first = columns is rung.columns
                    columns = await self._corrected(columns, error) if is_first else None
                else:
                    self.warnings += differences
                    if "work_notes" in columns:
                        self.noted_warnings = len(self.warnings)
                    self.warnings += map(ignored_text, record.ignored_fields)
                    return replace(rung, columns=columns), record
        assert refusal is not None  # noqa: S101 - there is at least one rung
        raise refusal

    async def _corrected(self, columns: Columns, error: ServiceNowError) -> "Columns | None":
        """Return the columns without what can be checked to be wrong, None where that is nothing.

        An incident without the caller that the instance demands gets the integration account.
        """
        wrong = {error.field} if isinstance(error, InvalidRequestError) else set()
        try:
            preview = await self._tickets.preview(
                {name: value for name, value in columns.items() if name != "reason"}
            )
        except ServiceNowError as unknown:
            if not is_refusal(unknown):
                raise
        else:
            wrong |= {problem.field for problem in preview.problems}
        right = {
            name: value for name, value in columns.items() if name in ESSENTIAL or name not in wrong
        }
        if self.action["step"] == "create" and "caller_id" in wrong - columns.keys():
            right["caller_id"] = await self.client.current_user_id()
        return None if right == columns else right

    def _with_report(self, columns: Columns, differences: list[str]) -> Columns:
        """Return columns whose note says what has been refused so far."""
        report = report_of([*self.warnings, *differences])
        if not report or "work_notes" not in columns:
            return columns
        return {**columns, "work_notes": f"{columns['work_notes']}\n\n{report}"}

    def _warn(self, error: ServiceNowError) -> None:
        text = str(error)
        if text not in self.warnings:
            self.warnings.append(text)

    # ---- the ticket

    async def _attach(self, table: str, sys_id: str, texts: dict[str, str]) -> None:
        """Attach texts that do not fit, each once: also where the ticket's other event had it."""
        if not texts:
            return
        try:
            attached = await self.client.attachments.list(table, sys_id)
            known = {(item.get("file_name"), item.get("hash")) for item in attached}
            for name, text in texts.items():
                content = text.encode(errors="replace")
                if not known & {(name, hashlib.sha256(content).hexdigest()), (name, None)}:
                    await self.client.attachments.upload(table, sys_id, content, name)
        except ServiceNowError as error:
            if not is_refusal(error):
                raise
            self._warn(error)

    def _filled(self, columns: Columns) -> Columns:
        return drafts.filled(columns, self.event.texts, self.event.labels)

    async def _update(self, columns: Columns) -> "Record":
        return await self._tickets.update(self.correlation.sys_id, **columns)

    async def _note(self, columns: Columns) -> "Record":
        """Add a note, unless a holder that died has added it."""
        if await self._is_noted(columns["work_notes"]):
            return await self._tickets.get(self.correlation.sys_id)
        return await self._update(columns)

    async def _record(self) -> "Record | None":
        """Return the ticket; None where it is deleted, or its connection has another host now."""
        if self.correlation.host and self.correlation.host != self._host:
            return None
        try:
            record = await self._tickets.get(self.correlation.sys_id)
        except NotFoundError as error:
            if not is_refusal(error):
                raise
            return None
        self.state_before = str(record.get("state") or "")
        ended_at = clock.parsed(record.get("resolved_at") or record.get("closed_at"))
        if ended_at is not None:
            if record.answered_at is not None:
                ended_at -= record.answered_at - clock.now()
            self.ended_at = microseconds(ended_at)
        return record

    async def _replace_list(self, found: "Look") -> None:
        """Attach the list of a ticket's members, and take away the one before."""
        self.wrote = True
        text = groups.listing(found)
        sys_id = self.correlation.sys_id
        try:
            attached = await self.client.attachments.list(self.table, sys_id)
            old = [item for item in attached if item.get("file_name") == groups.FILE_NAME]
            new_hash = hashlib.sha256(text.encode()).hexdigest()
            if new_hash not in {item.get("hash") for item in old}:
                await self.client.attachments.upload(
                    self.table, sys_id, text.encode(), groups.FILE_NAME
                )
            for item in old:
                if item.get("hash") != new_hash:
                    await self.client.attachments.delete(item.sys_id)
        except ServiceNowError as error:
            if not is_refusal(error):
                raise
            self._warn(error)

    async def _is_noted(self, text: str = "") -> bool:
        """Return whether a holder that died has added a note, by default the action's."""
        if not self.may_be_done:
            return False
        since = datetime.fromisoformat(self.action["at"])
        found = await self._tickets.find_work_note(
            self.correlation.sys_id, text or self.action["text"], since
        )
        return found is not None

    # ---- what is remembered of it

    def _opened(self, table: str, made: "Record", severity: Severity) -> dict[str, Any]:
        """Return what is remembered of a ticket from now on."""
        return {
            **self._synced(),
            "synced_phase": "trigger",
            "synced_severity": rank(severity),
            "table": table,
            "connection": self.connection,
            "rule": self.rule_name,
            "host": self._host,
            "sys_id": made.sys_id,
            "number": made.number,
            "url": made.url,
            "last_written": as_written(made, ("state", *_LEVELS)),
            "note_after": self._next_note(),
            **self._ending(),
        }

    def _give_up(self) -> StepResult:
        """Leave the ticket as it is; a next one, if the rules want one, refers to it."""
        if self.may_open:
            return StepResult("skipped", {}, is_given_up=True)
        return StepResult("skipped", {**self._synced(), "synced_phase": "resolve"})

    def _ending(self) -> dict[str, int]:
        """Return when a new ticket ends, as its rule says; a group's ends by its members."""
        if self.correlation.is_group:
            return {"settle_seconds": 0, "silent_seconds": 0}
        return {
            "settle_seconds": self._end.settle_seconds,
            "silent_seconds": self._end.silent_seconds(self.event.source, self.event.silent_hours),
        }

    def _recurred(self) -> dict[str, Any]:
        """Return what is remembered after a recurrence was noted or the ticket reopened."""
        synced = {
            **self._synced(),
            "synced_phase": "trigger",
            "synced_severity": max(self.action["severity"], self.correlation.synced_severity),
            "note_after": self._next_note(),
        }
        if self.correlation.synced_phase == "resolve" and not self.correlation.is_group:
            lasted = self.action["trigger"] - self.correlation.synced_end
            is_flapping = lasted < self._end.flapping_seconds * 1_000_000
            synced["settle_seconds"] = (
                self._end.flapping_seconds if is_flapping else self._end.settle_seconds
            )
        return synced

    def _synced(self) -> dict[str, Any]:
        """Return what the ticket is brought up to by this step."""
        synced = {
            "synced_trigger": self.action["trigger"],
            "synced_count": self.action["count"],
            "is_about": False,
        }
        # What has ended before it has a ticket is resolved by the next step.
        return synced if self.action["step"] == "create" else {
            **synced, "synced_end": self.action["end"]
        }  # fmt: skip

    def _texts(self) -> dict[str, str]:
        """Return the texts of a new ticket: the event's own where it is available."""
        if self.group.trigger is not None or not self.correlation.texts:
            return self.event.texts
        return self.correlation.texts

    def _end_texts(self) -> dict[str, str]:
        return {} if self.group.end is None else self.group.end.texts

    def _severity(self) -> Severity:
        """Return the highest severity since the last ticket."""
        known = self.correlation.severity
        return SEVERITIES[len(SEVERITIES) - known] if known else self.event.severity

    def _next_note(self) -> int:
        minutes = (
            self.rule.recurrence.note_every_minutes if isinstance(self.rule, IncidentRule) else 0
        )
        return clock.now_epoch() + minutes * 60

    @property
    def _end(self) -> End:
        return self.rule.end if isinstance(self.rule, IncidentRule) else End()

    @property
    def _host(self) -> str:
        return urlsplit(self.client.instance_url).netloc


def table_of(kind: Kind, rule: "AnyRule") -> str:
    """Return the table in which an event of a kind gets its ticket."""
    if kind == "change" or isinstance(rule, DeploymentRule):
        return "change_request"
    return rule.ticket


def correlation_id(correlation: "Correlation") -> str:
    """Return what a key's present ticket is recognised by."""
    generation = correlation.generation
    return f"actionsync-{correlation.key}" + (f"-{generation}" if generation > 1 else "")


def as_written(record: "Record", names: "tuple[str, ...] | list[str]") -> dict[str, str]:
    """Return columns as they are now, but for those that are hidden."""
    return {name: str(record[name] or "") for name in names if name in record}
