"""The steps that bring a ticket to where its events say, each with what follows a refusal.

What ServiceNow refuses with its own error document is tried once more without what the instance's
own metadata shows to be wrong; then comes the next rung down, and at last the failure itself. No
step reads ServiceNow's wording, which differs by language.
"""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from actionsync import clock
from actionsync.events import changes, drafts, groups
from actionsync.events.comparison import compare, is_taken_over
from actionsync.events.failures import RetryLaterError
from actionsync.events.folding import Group, Received, fold, rank
from actionsync.events.models import IncomingEvent, Kind, digest
from actionsync.events.support_groups import with_support_group
from actionsync.rules.ends import End
from actionsync.rules.matching import SEVERITIES, Severity
from actionsync.rules.models import DeploymentRule, IncidentRule, MatchedRule
from actionsync.stores.correlations import microseconds
from servicenow_tools.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ResponseError,
    ServiceNowError,
    StateError,
    UnavailableError,
    UnexpectedContentError,
)
from servicenow_tools.states import (
    FINAL_STATES,
    ChangeState,
    IncidentState,
    SecurityIncidentState,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionsync.events.groups import Look
    from actionsync.rules.models import AnyRule
    from actionsync.stores.correlations import Correlation
    from actionsync.stores.tickets import Row
    from servicenow_tools import IgnoredField, Record, ServiceNowClient, Table

    Columns = dict[str, Any]

Result = Literal[
    "ignored", "deduplicated", "held", "healed", "created", "noted", "reopened", "resolved",
    "closed", "skipped",
]  # fmt: skip

# The severity of an event that ends its alert.
_CLEAR = "0"
_CHANGE_UNDER_WAY = frozenset({ChangeState.IMPLEMENT, ChangeState.REVIEW})
# Where a new change can go that does not ask for approval.
_NO_REQUEST = _CHANGE_UNDER_WAY | {ChangeState.CANCELED, ChangeState.CLOSED}
# A resolved incident can be opened again.
_FINAL = {
    "incident": FINAL_STATES["incident"] - {IncidentState.RESOLVED},
    "change_request": FINAL_STATES["change_request"],
    "sn_si_incident": FINAL_STATES["sn_si_incident"],
}
_LEVELS = ("urgency", "impact")
# Until most tickets of a connection can be read again, or their owner discards what waits.
_MISSING = "Most open tickets of this connection cannot be read any more, this one among them."
_MISSING_SECONDS = 900
# What a ticket is never without, whatever else is refused.
_ESSENTIAL = ("short_description", "description", "correlation_id", "correlation_display")
_NO_REFUSALS = (
    AuthenticationError,
    RateLimitedError,
    UnavailableError,
    UnexpectedContentError,
)
_FIRST_ERROR, _LAST_REFUSAL = 400, 499
_LONGEST_WARNING = 300
_MOST_WARNINGS = 10


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
    sent: "Columns" = field(default_factory=dict)
    state: str = ""
    is_given_up: bool = False
    notes: int = 0
    warnings: list[str] = field(default_factory=list)
    record: "Record | None" = None


@dataclass(frozen=True, slots=True)
class _Rung:
    """One way to do a step.

    Attributes:
        result: what it is called.
        columns: what it sends.
        write: sends it.
        brings_about: whether a state is one that it leads to; ServiceNow may answer a write as
            done and leave the state as it was.
    """

    result: Result
    columns: "Columns"
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
class Work:
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
        return _report(self.warnings[self.noted_warnings :])

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
        steps = {
            "create": self._create,
            "recur": self._recur,
            "resolve": self._resolve,
            "annotate": self._annotate,
            "close": self._close,
        }
        done = await steps[self.action["step"]]()
        if self.found is not None and done.result in {"noted", "reopened", "resolved"}:
            await self._replace_list(self.found)
        done.warnings = self.warnings
        return done

    # ---- create

    async def _create(self) -> StepResult:
        if self.event.change.number:
            return await self._use_existing()
        severity = self._severity()
        texts = {**self._texts(), "previous": self.correlation.previous}
        draft = drafts.ticket(
            replace(self.event, severity=severity), self.rule, texts, self.correlation_id
        )
        if self.found is not None:
            draft = self._for_many(draft, self.found)
        if self.changed:
            text = changes.described(str(draft.columns["description"]), self.changed)
            columns = {**draft.columns, "description": drafts.fitted(text)}
            draft = replace(draft, columns=columns)
        if self.caused_by and draft.table == "incident":
            draft = replace(draft, columns={"caused_by": self.caused_by, **draft.columns})
        made = None
        if self.may_be_done:
            made = await self._tickets.find_by_correlation_id(self.correlation_id)
        columns = draft.columns
        if made is None:
            draft = replace(draft, columns=await self._with_support_group(columns))
            rung, made = await self._climb(self._ways_to_create(draft))
            columns = rung.columns
        self.wrote = True
        if draft.table == "change_request":
            if self.event.change.waits:
                made = await self._submitted(made)
            else:
                made, refusal = await self._moved_to_implement(made)
                if refusal is not None and not _waits_for_approval(refusal):
                    self._warn(refusal)
        await self._attach(draft.table, made.sys_id, draft.attachments)
        synced = self._opened(draft.table, made, severity)
        state = str(made.get("state") or "")
        return StepResult("created", synced, columns, state=state, record=made)

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
            "last_written": _written(made, ("state", *_LEVELS)),
            "note_after": self._next_note(),
            **self._ending(),
        }

    async def _use_existing(self) -> StepResult:
        """Note a deployment on the change that exists already, which is left as it is."""
        change = self.event.change
        record = await self.client.changes.get(change.number)
        what = "waits for" if change.waits else "goes on under"
        texts = self._texts()
        said = f"{texts['title']} {what} this change. {texts.get('link', '')}".strip()
        since = datetime.fromisoformat(self.action["at"])
        noted = self.may_be_done and await self._tickets.find_work_note(record.sys_id, said, since)
        if not noted:

            async def note(columns: "Columns") -> "Record":
                return await self._tickets.update(record.sys_id, **columns)

            await self._climb([_Rung("noted", {"work_notes": said}, note)])
        synced = {**self._opened(self.table, record, self._severity()), "is_existing": True}
        state = str(record.get("state"))
        return StepResult("noted", synced, {"work_notes": said}, state=state, record=record)

    def _for_many(self, draft: drafts.Draft, found: "Look") -> drafts.Draft:
        """Return the ticket with its first members, and the list of all as a file."""
        description = str(draft.columns["description"])
        columns = {**draft.columns}
        if self.correlation.key == groups.more_key(self.event.owner, self.rule_name):
            columns["short_description"] = f"More of {self.rule_name}"[:160]
            description = "The rule has opened as many tickets as it may in an hour."
        columns["description"] = drafts.fitted(
            groups.described(description, found, self.correlation.members)
        )
        files = {**draft.attachments, groups.FILE_NAME: groups.listing(found)}
        return replace(draft, columns=columns, attachments=files)

    async def _with_support_group(self, columns: "Columns") -> "Columns":
        columns, reason = await with_support_group(self.client, columns, self.fallback_group)
        if reason:
            self.warnings.append(reason)
        return columns

    def _ways_to_create(self, draft: drafts.Draft) -> list[_Rung]:
        async def create(columns: "Columns") -> "Record":
            if draft.table == "incident":
                return await self.client.incidents.create(**columns, claimed=True)
            if draft.table == "sn_si_incident":
                return await self.client.security_incidents.create(**columns, claimed=True)
            return await self.client.changes.create(**columns, **draft.options, claimed=True)

        async def create_normal(columns: "Columns") -> "Record":
            return await self.client.changes.create(**columns, claimed=True)

        async def create_with_caller(columns: "Columns") -> "Record":
            made = await create({**columns, "caller_id": await self.client.current_user_id()})
            self.warnings.append("caller_id was filled in: the integration account")
            return made

        essential = {name: draft.columns[name] for name in _ESSENTIAL}
        rungs = [_Rung("created", draft.columns, create), _Rung("created", essential, create)]
        if "template" in draft.options:
            rungs.append(_Rung("created", essential, create_normal))
        if draft.table == "incident" and "caller_id" not in draft.columns:
            # Companies demand one, and may not show that they do.
            rungs += [
                _Rung("created", columns, create_with_caller)
                for columns in (draft.columns, essential)
            ]
        return rungs

    # ---- recur

    async def _recur(self) -> StepResult:  # noqa: PLR0911 - a table of states
        record = await self._record()
        if not isinstance(self.rule, IncidentRule):
            return StepResult("skipped", self._synced())
        is_new = self.action["trigger"] > self.correlation.synced_trigger
        is_worse = self.action["severity"] > self.correlation.synced_severity
        if record is None:
            if is_new and self.are_missing():
                raise RetryLaterError(
                    "TicketsMissing", _MISSING, seconds=_MISSING_SECONDS, scope="connection"
                )
            # Deleted, or on another host by now: what is new has a ticket of its own.
            return self._give_up() if is_new else StepResult("skipped", self._synced())
        if await self._is_noted():
            return StepResult("noted", self._recurred(), {"work_notes": self.action["text"]})
        state = str(record.get("state"))
        if not self._is_over(state):
            return await self._note_recurrence(record, is_worse=is_worse)
        if not (is_new or is_worse) or self._was_seen(record):
            return StepResult("skipped", {**self._synced(), "synced_phase": "resolve"})
        if state != IncidentState.RESOLVED or not _is_recent(
            record, self.rule.recurrence.reopen_within_hours
        ):
            return self._give_up()
        return await self._reopen()

    def _give_up(self) -> StepResult:
        """Leave the ticket as it is; a next one, if the rules want one, refers to it."""
        if self.may_open:
            return StepResult("skipped", {}, is_given_up=True)
        return StepResult("skipped", {**self._synced(), "synced_phase": "resolve"})

    async def _note_recurrence(self, record: "Record", *, is_worse: bool) -> StepResult:
        raised = await self._raised(record) if is_worse else {}
        note = {"work_notes": self.action["text"]}
        rungs = [_Rung("noted", note, self._note)]
        if raised:
            rungs.insert(0, _Rung("noted", {**raised, **note}, self._update))
        rung, updated = await self._climb(rungs)
        written = _written(updated, [name for name in raised if name in rung.columns])
        synced = {
            **self._recurred(),
            "last_written": {**self.correlation.last_written, **written},
        }
        return StepResult("noted", synced, rung.columns, state=self.state_before)

    async def _reopen(self) -> StepResult:
        async def reopen(columns: "Columns") -> "Record":
            return await self.client.incidents.reopen(self.correlation.sys_id, **columns)

        note = {"reason": self.action["text"], **self._filled(self.rule.reopening_fields)}
        try:
            rung = _Rung("reopened", note, reopen, lambda state: not self._is_over(state))
            _, opened = await self._climb([rung])
        except ServiceNowError as error:
            if not is_refusal(error):
                raise
            return self._give_up()
        synced = self._recurred() | {
            "last_written": {**self.correlation.last_written, **_written(opened, ("state",))}
        }
        sent = {"state": opened.get("state"), "work_notes": self.action["text"]}
        state = str(opened.get("state") or "")
        return StepResult("reopened", synced, sent, state=state, record=opened)

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

    async def _raised(self, record: "Record") -> "Columns":
        """Return what rises with the severity, but for what a person has set.

        Urgency and impact by the rule that fires now, and its assignment group, unless a person has
        taken the ticket over.
        """
        again = None if self.asked_again is None else self.asked_again.then
        rule = again if isinstance(again, IncidentRule) else self.rule
        if not isinstance(rule, IncidentRule):
            return {}
        severity = SEVERITIES[len(SEVERITIES) - self.action["severity"]]
        level = rule.levels.get(severity)
        wanted = {} if level is None else {"urgency": level.urgency, "impact": level.impact}
        written = self.correlation.last_written
        raised: Columns = {}
        for name, value in wanted.items():
            now = record.get(name)
            if now is None or str(now) != written.get(name):
                continue
            try:
                code = (await self._tickets.serialize({name: value}))[name]
            except InvalidRequestError as error:  # which another rule may have had
                self._warn(error)
                continue
            order = [choice.value for choice in await self._tickets.choices(name)]
            if _place(code, order) < _place(str(now), order):
                raised[name] = code
        if rule is again and rule.assignment_group and not self._is_taken_over(record):
            named = {**rule.columns(), **self._filled(rule.fields)}
            named = await self._with_support_group(named)
            raised |= {name: value for name, value in named.items() if name == "assignment_group"}
        return raised

    def _was_seen(self, record: "Record") -> bool:
        """Return whether a person resolved the ticket after the newest trigger was received.

        What comes in the rule's time after that is counted, too: what was done needs a while to
        take effect.
        """
        ended = str(record.get("resolved_at") or record.get("closed_at") or "")
        if not ended or ended == self.correlation.last_written.get("resolved_at"):
            return False
        received: int = self.action["received"]
        if self.correlation.is_group:  # what is new is another member
            return received <= self.ended_at
        return received <= self.ended_at + self._end.flapping_seconds * 1_000_000

    # ---- resolve

    async def _resolve(self) -> StepResult:
        record = await self._record()
        synced = {**self._synced(), "synced_phase": "resolve"}
        rule = (
            self.rule
            if isinstance(self.rule, IncidentRule)
            else IncidentRule(end=End(do="nothing"))
        )
        text = self.action["text"]
        ended = (
            SecurityIncidentState.CLOSED
            if self.table == "sn_si_incident"
            else IncidentState.RESOLVED
        )
        state = "" if record is None else str(record.get("state"))
        if record is None or self._is_over(state):
            if record is not None and self.may_be_done and record.get("close_notes") == text:
                synced["last_written"] = self._resolved(record)
                return StepResult("resolved", synced, {"close_notes": text}, state=ended)
            return StepResult("skipped", synced)
        if rule.end.do == "nothing":
            return StepResult("skipped", synced)

        async def resolve(columns: "Columns") -> "Record":
            if self.table == "sn_si_incident":
                return await self.client.security_incidents.close(
                    self.correlation.sys_id, **columns
                )
            return await self.client.incidents.close(self.correlation.sys_id, **columns)

        rungs = [_Rung("noted", {"work_notes": text}, self._note)]
        is_left = rule.end.do == "note" or (
            rule.end.do == "untouched" and self._is_taken_over(record)
        )
        if self.table == "sn_si_incident":  # its close codes are the company's own
            is_left = is_left or rule.close_code is None
        if not is_left:
            columns = {
                "close_notes": text,
                "close_code": rule.close_code,
                **self._filled(rule.closing_fields),
            }
            rungs.insert(0, _Rung("resolved", columns, resolve, self._is_over))
        rung, updated = await self._climb(rungs)
        if rung.result != "resolved":
            return StepResult("noted", synced, rung.columns, state=state)
        synced["last_written"] = self._resolved(updated)
        sent = {
            "state": ended,
            "close_code": updated.get("close_code"),
            "close_notes": text,
        }
        return StepResult("resolved", synced, sent, state=ended)

    def _is_over(self, state: str) -> bool:
        """Return whether a state is one in which an incident's work has ended."""
        return state == IncidentState.RESOLVED or state in _FINAL[self.table]

    def _resolved(self, record: "Record") -> dict[str, str]:
        return {
            **self.correlation.last_written,
            **_written(record, ("state", "resolved_at")),
        }

    def _is_taken_over(self, record: "Record") -> bool:
        """Return whether a person has taken the ticket over, as its row and the looks say."""
        row = self.row()
        if row is None:
            return False
        found = compare(row, record)
        if found is None:
            return row.is_taken_over
        return is_taken_over(row, found, clock.now_epoch())

    # ---- annotate

    async def _annotate(self) -> StepResult:
        posted = self.action["notes"]
        record = await self._record()
        if record is None or str(record.get("state")) in _FINAL[self.table]:
            return StepResult("skipped", {}, notes=posted)
        note = {"work_notes": self.action["text"]}
        await self._climb([_Rung("noted", note, self._note)])
        return StepResult("noted", {}, note, state=self.state_before, notes=posted)

    # ---- close

    async def _close(self) -> StepResult:
        outcome = self.action["outcome"]
        synced = {**self._synced(), "synced_phase": "resolve", "synced_outcome": outcome}
        text = self.action["text"]
        rule = self.rule if isinstance(self.rule, DeploymentRule) else DeploymentRule()
        closing = {
            "close_code": getattr(rule.close_codes, outcome, rule.close_codes.failed),
            "close_notes": text,
            **self._filled(self.rule.closing_fields),
        }
        self.follow_up = self._incident_of(outcome)
        record = await self._record()
        if record is None:
            return StepResult("skipped", synced, closing)
        note = _Rung("noted", {"work_notes": text}, self._note)
        if str(record.get("state")) in _FINAL[self.table]:
            if record.get("close_notes") == text:
                return StepResult("closed", synced, closing, state=self.state_before)
            rungs = [note]
        elif self._is_anothers:
            rungs = [note]
        else:
            record, refusal = await self._moved_to_implement(record)
            rungs = [_Rung("closed", closing, self._close_change, _is_closed), note]
            if refusal is not None:
                self._warn(refusal)
                if _waits_for_approval(refusal):
                    rungs = [note]
        if await self._is_noted():
            return StepResult("noted", synced, note.columns)
        rung, updated = await self._climb(rungs)
        if self.group.end is not None:
            await self._attach(self.table, self.correlation.sys_id, self.group.end.attachments)
        return StepResult(rung.result, synced, rung.columns, state=str(updated.get("state") or ""))

    async def _close_change(self, columns: "Columns") -> "Record":
        try:
            known = [choice.value for choice in await self._tickets.choices("close_code")]
        except PermissionDeniedError:  # the instance itself judges
            known = []
        code = None
        if "close_code" in columns:
            given = {"close_code": columns["close_code"]}
            code = (await self._tickets.serialize(given))["close_code"]
        # Left out, it would be the client's default: that of a success.
        if code is None or (known and code not in known):
            raise InvalidRequestError(
                f"must be one of the codes that this instance has: {', '.join(known)}", "close_code"
            )
        return await self.client.changes.close(
            self.correlation.sys_id, **{**columns, "close_code": code}
        )

    def _incident_of(self, outcome: str) -> tuple[Group, MatchedRule] | None:
        """Return the event that opens a failed deployment's incident, or ends it."""
        has_failed = outcome == "failed"
        is_healed = outcome == "succeeded" and self.correlation.synced_outcome == "failed"
        if not isinstance(self.rule, DeploymentRule) or not self.rule.incident_on_failure:
            return None
        if not (has_failed or is_healed):
            return None
        known, end = self.correlation, self.group.end
        texts = {**known.texts, **known.end_texts, **self._end_texts()}
        rule = IncidentRule(
            severities=list(SEVERITIES),
            assignment_group=self.rule.assignment_group,
            levels={"high": self.rule.incident_levels},
        )
        event = replace(
            self.event,
            id=digest(self.event.id, "incident", str(self.action["end"])),
            kind="incident",
            key=digest("change", self.event.key),
            action="trigger" if has_failed else "resolve",
            moment=_of_microseconds(self.action["end"]),
            received_at=_of_microseconds(known.end_received_at),
            severity="high",
            outcome="",
            texts={
                **texts,
                "title": f"Deployment failed: {self.event.name} {texts.get('version', '')}",
                "message": f"{texts.get('message', '')}\n\nChange request: {known.number}",
                "severity": "high",
            },
            columns={"caused_by": known.sys_id} if has_failed else {},
            attachments={**self.event.attachments, **(end.attachments if end else {})},
        )
        return fold([Received(event)]), MatchedRule(self.rule_name, rule)

    @property
    def _is_anothers(self) -> bool:
        """Whether the change was there before, and its rule leaves such ones as they are."""
        is_left = not isinstance(self.rule, DeploymentRule) or self.rule.gate.existing == "leave"
        return self.correlation.is_existing and is_left

    async def _submitted(self, record: "Record") -> "Record":
        """Submit a change that is to be waited for, where its model offers one way to do so."""
        if record.get("state") != ChangeState.NEW:
            return record
        try:
            ahead = await self.client.changes.next_states(record.sys_id)
            ways = [way.value for way in ahead if way.is_available and way.value not in _NO_REQUEST]
            if len(ways) == 1:
                return await self._tickets.update(record.sys_id, state=ways[0])
        except ServiceNowError as error:
            if not is_refusal(error):
                raise
            self._warn(error)
        return record

    async def _moved_to_implement(
        self, record: "Record"
    ) -> "tuple[Record, ServiceNowError | None]":
        """Bring a change to Implement, or as far towards it as it may go; return why no further."""
        if record.get("state") in _CHANGE_UNDER_WAY:
            return record, None
        try:
            return await self.client.changes.move(record.sys_id, "implement"), None
        except ServiceNowError as error:
            if not is_refusal(error):
                raise
            return record, error

    # ---- shared by the steps

    async def _climb(self, rungs: list[_Rung]) -> "tuple[_Rung, Record]":
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
                differences = _differences(wanted, columns)
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
                    self.warnings += map(_ignored, record.ignored_fields)
                    return replace(rung, columns=columns), record
        assert refusal is not None  # noqa: S101 - there is at least one rung
        raise refusal

    async def _corrected(self, columns: "Columns", error: ServiceNowError) -> "Columns | None":
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
            name: value
            for name, value in columns.items()
            if name in _ESSENTIAL or name not in wrong
        }
        if self.action["step"] == "create" and "caller_id" in wrong - columns.keys():
            right["caller_id"] = await self.client.current_user_id()
        return None if right == columns else right

    def _with_report(self, columns: "Columns", differences: list[str]) -> "Columns":
        """Return columns whose note says what has been refused so far."""
        report = _report([*self.warnings, *differences])
        if not report or "work_notes" not in columns:
            return columns
        return {**columns, "work_notes": f"{columns['work_notes']}\n\n{report}"}

    def _warn(self, error: ServiceNowError) -> None:
        text = str(error)
        if text not in self.warnings:
            self.warnings.append(text)

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

    def _filled(self, columns: "Columns") -> "Columns":
        return drafts.filled(columns, self.event.texts, self.event.labels)

    async def _update(self, columns: "Columns") -> "Record":
        return await self._tickets.update(self.correlation.sys_id, **columns)

    async def _note(self, columns: "Columns") -> "Record":
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


class RowWork(Work):
    """One step where the target takes rows: all have the same key, and nothing is read back.

    Event Management and a transform that coalesces make one thing of all rows of a key, so that
    what may have been sent is sent again.
    """

    async def _create(self) -> StepResult:
        severity = self._severity()
        texts = {**self._texts(), "previous": self.correlation.previous}
        draft = drafts.ticket(
            replace(self.event, severity=severity), self.rule, texts, self.correlation_id
        )
        made = await self._send(draft.columns)
        self.wrote = True
        synced = {**self._opened(self.table, made, severity), "last_written": {}}
        if not made.sys_id:  # a row that was ignored has no record: it is known by its key
            synced |= {"sys_id": self.correlation.key, "url": ""}
        return StepResult("created", synced, draft.columns)

    async def _recur(self) -> StepResult:
        if not isinstance(self.rule, IncidentRule):
            return StepResult("skipped", self._synced())
        is_event = self.table == drafts.EVENT
        if self.correlation.synced_phase == "resolve" and not is_event:
            return self._give_up()  # what a transform would make of an ended ticket is unknown
        if is_event:
            event = replace(self.event, severity=self._severity())
            sent = drafts.ticket(event, self.rule, self._texts(), self.correlation_id).columns
        else:
            sent = self._row({"work_notes": self.action["text"]})
        await self._send(sent)
        return StepResult("noted", self._recurred(), sent)

    async def _resolve(self) -> StepResult:
        synced = {**self._synced(), "synced_phase": "resolve"}
        rule = self.rule
        if not isinstance(rule, IncidentRule) or rule.end.do == "nothing":
            return StepResult("skipped", synced)
        text = self.action["text"]
        if self.table == drafts.EVENT:
            draft = drafts.ticket(self.event, rule, self._texts(), self.correlation_id)
            sent = {**draft.columns, "severity": _CLEAR, "description": text}
            await self._send(sent)
            return StepResult("resolved", synced, sent)
        if rule.end.do != "resolve":  # whether a person works on it cannot be seen
            sent = self._row({"work_notes": text})
            await self._send(sent)
            return StepResult("noted", synced, sent)
        ending = {
            "state": IncidentState.RESOLVED,
            "close_notes": text,
            **({"close_code": rule.close_code} if rule.close_code else {}),
            **self._filled(rule.closing_fields),
        }
        sent = self._row(ending)
        await self._send(sent)
        return StepResult("resolved", synced, sent, state=IncidentState.RESOLVED)

    async def _annotate(self) -> StepResult:
        posted = self.action["notes"]
        if self.table == drafts.EVENT:  # an alert has no notes
            return StepResult("skipped", {}, notes=posted)
        sent = self._row({"work_notes": self.action["text"]})
        await self._send(sent)
        return StepResult("noted", {}, sent, notes=posted)

    def _row(self, columns: "Columns") -> "Columns":
        return drafts.staged(self.table, {"correlation_id": self.correlation_id, **columns})

    async def _send(self, columns: "Columns") -> "Record":
        if self.table == drafts.EVENT:
            return await self.client.events.send(**columns)
        staging = self.table.removeprefix(drafts.IMPORT)
        imported = await self.client.import_sets.insert(staging, columns)
        made = next((one for one in imported if one.sys_id), imported[0])
        return self.client.table(made.table or staging).to_record(
            {"sys_id": made.sys_id, "number": made.number}
        )


def table_of(kind: Kind, rule: "AnyRule") -> str:
    """Return the table in which an event of a kind gets its ticket."""
    if kind == "change" or isinstance(rule, DeploymentRule):
        return "change_request"
    return rule.ticket


def work_of(*, rule: "AnyRule", correlation: "Correlation", group: Group, **others: Any) -> Work:
    """Return a step's work: on a ticket, or by rows where the target shows no ticket."""
    table = correlation.table or table_of(group.event.kind, rule)
    kind = RowWork if drafts.is_row(table) else Work
    return kind(rule=rule, correlation=correlation, group=group, **others)


def correlation_id(correlation: "Correlation") -> str:
    """Return what a key's present ticket is recognised by."""
    generation = correlation.generation
    return f"actionsync-{correlation.key}" + (f"-{generation}" if generation > 1 else "")


def is_refusal(error: ServiceNowError) -> bool:
    """Return whether ServiceNow itself, or its client, refuses what was asked for.

    Only ServiceNow's own error document counts: the same status with an HTML page is a gateway's.
    """
    if isinstance(error, InvalidRequestError):
        return True
    if isinstance(error, _NO_REFUSALS):
        return False
    return (
        isinstance(error, ResponseError)
        and error.message is not None
        and _FIRST_ERROR <= error.status <= _LAST_REFUSAL
    )


def shortened(warnings: list[str]) -> list[str]:
    """Return warnings as people are shown them: not too many, none too long."""
    return [text[:_LONGEST_WARNING] for text in warnings[:_MOST_WARNINGS]]


def _report(warnings: list[str]) -> str:
    """Return the text that says what could not be done as it was meant; empty for nothing."""
    if not warnings:
        return ""
    said = "ServiceNow did not take everything as it was sent:"
    return "\n".join([said, *shortened(warnings)])


def _differences(wanted: "Columns", sent: "Columns") -> list[str]:
    left_out = [f"{name} was left out: {wanted[name]}" for name in wanted if name not in sent]
    added = [
        f"{name} was filled in: {sent[name]}" for name in sent if wanted and name not in wanted
    ]
    return left_out + added


def _ignored(ignored: "IgnoredField") -> str:
    stored = "dropped it" if ignored.stored is None else f"stored {ignored.stored or 'nothing'}"
    return f"{ignored.field}: {ignored.sent} was sent, ServiceNow {stored}"


def _is_closed(state: str) -> bool:
    return state == ChangeState.CLOSED


def _waits_for_approval(refusal: ServiceNowError) -> bool:
    """Return whether a change stays where it is as normal changes do."""
    is_asked_for = {ChangeState.ASSESS, ChangeState.AUTHORIZE}
    return isinstance(refusal, StateError) and refusal.state in is_asked_for


def _place(code: str, order: list[str]) -> tuple[int, str]:
    """Return a level's position, the most urgent first."""
    return (order.index(code) if code in order else len(order), code)


def _written(record: "Record", names: "tuple[str, ...] | list[str]") -> dict[str, str]:
    """Return columns as they are now, but for those that are hidden."""
    return {name: str(record[name] or "") for name in names if name in record}


def _is_recent(record: "Record", hours: int) -> bool:
    resolved_at = clock.parsed(record.get("resolved_at"))
    return resolved_at is not None and clock.now() - resolved_at <= timedelta(hours=hours)


def _of_microseconds(value: int) -> datetime:
    return datetime.fromtimestamp(value // 1_000_000, UTC) + timedelta(
        microseconds=value % 1_000_000
    )
