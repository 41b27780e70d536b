"""The steps of tickets: create, recur, resolve and annotate."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from actionsync import clock
from actionsync.events import changes, drafts, groups
from actionsync.events.comparison import compare, is_taken_over
from actionsync.events.failures import RetryLaterError
from actionsync.events.steps.refusals import Columns, is_refusal
from actionsync.events.steps.work import ESSENTIAL, Rung, StepResult, Work, as_written
from actionsync.events.support_groups import with_support_group
from actionsync.rules.ends import End
from actionsync.rules.matching import SEVERITIES
from actionsync.rules.models import IncidentRule
from servicenow_tools.errors import InvalidRequestError, ServiceNowError
from servicenow_tools.states import FINAL_STATES, IncidentState, SecurityIncidentState

if TYPE_CHECKING:
    from actionsync.events.groups import Look
    from servicenow_tools import Record

# A resolved incident can be opened again.
FINAL = {
    "incident": FINAL_STATES["incident"] - {IncidentState.RESOLVED},
    "change_request": FINAL_STATES["change_request"],
    "sn_si_incident": FINAL_STATES["sn_si_incident"],
}
# Until most tickets of a connection can be read again, or their owner discards what waits.
_MISSING = "Most open tickets of this connection cannot be read any more, this one among them."
_MISSING_SECONDS = 900


class TicketWork(Work):
    """One step on a ticket that can be read."""

    # ---- create

    async def _create(self) -> StepResult:
        severity, draft = self._draft()
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
        made = await self._moved_on(made)
        await self._attach(draft.table, made.sys_id, draft.attachments)
        synced = self._opened(draft.table, made, severity)
        state = str(made.get("state") or "")
        return StepResult("created", synced, columns, state=state, record=made)

    async def _moved_on(self, made: "Record") -> "Record":
        """Return a new ticket once it is in the state that it is to have."""
        return made

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

    async def _with_support_group(self, columns: Columns) -> Columns:
        columns, reason = await with_support_group(self.client, columns, self.fallback_group)
        if reason:
            self.warnings.append(reason)
        return columns

    def _ways_to_create(self, draft: drafts.Draft) -> list[Rung]:
        async def create(columns: Columns) -> "Record":
            if draft.table == "incident":
                return await self.client.incidents.create(**columns, claimed=True)
            if draft.table == "sn_si_incident":
                return await self.client.security_incidents.create(**columns, claimed=True)
            return await self.client.changes.create(**columns, **draft.options, claimed=True)

        async def create_normal(columns: Columns) -> "Record":
            return await self.client.changes.create(**columns, claimed=True)

        async def create_with_caller(columns: Columns) -> "Record":
            made = await create({**columns, "caller_id": await self.client.current_user_id()})
            self.warnings.append("caller_id was filled in: the integration account")
            return made

        essential = {name: draft.columns[name] for name in ESSENTIAL}
        rungs = [Rung("created", draft.columns, create), Rung("created", essential, create)]
        if "template" in draft.options:
            rungs.append(Rung("created", essential, create_normal))
        if draft.table == "incident" and "caller_id" not in draft.columns:
            # Companies demand one, and may not show that they do.
            rungs += [
                Rung("created", columns, create_with_caller)
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

    async def _note_recurrence(self, record: "Record", *, is_worse: bool) -> StepResult:
        raised = await self._raised(record) if is_worse else {}
        note = {"work_notes": self.action["text"]}
        rungs = [Rung("noted", note, self._note)]
        if raised:
            rungs.insert(0, Rung("noted", {**raised, **note}, self._update))
        rung, updated = await self._climb(rungs)
        written = as_written(updated, [name for name in raised if name in rung.columns])
        synced = {
            **self._recurred(),
            "last_written": {**self.correlation.last_written, **written},
        }
        return StepResult("noted", synced, rung.columns, state=self.state_before)

    async def _reopen(self) -> StepResult:
        async def reopen(columns: Columns) -> "Record":
            return await self.client.incidents.reopen(self.correlation.sys_id, **columns)

        note = {"reason": self.action["text"], **self._filled(self.rule.reopening_fields)}
        try:
            rung = Rung("reopened", note, reopen, lambda state: not self._is_over(state))
            _, opened = await self._climb([rung])
        except ServiceNowError as error:
            if not is_refusal(error):
                raise
            return self._give_up()
        synced = self._recurred() | {
            "last_written": {**self.correlation.last_written, **as_written(opened, ("state",))}
        }
        sent = {"state": opened.get("state"), "work_notes": self.action["text"]}
        state = str(opened.get("state") or "")
        return StepResult("reopened", synced, sent, state=state, record=opened)

    async def _raised(self, record: "Record") -> Columns:
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

        async def resolve(columns: Columns) -> "Record":
            if self.table == "sn_si_incident":
                return await self.client.security_incidents.close(
                    self.correlation.sys_id, **columns
                )
            return await self.client.incidents.close(self.correlation.sys_id, **columns)

        rungs = [Rung("noted", {"work_notes": text}, self._note)]
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
            rungs.insert(0, Rung("resolved", columns, resolve, self._is_over))
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
        return state == IncidentState.RESOLVED or state in FINAL[self.table]

    def _resolved(self, record: "Record") -> dict[str, str]:
        return {
            **self.correlation.last_written,
            **as_written(record, ("state", "resolved_at")),
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
        if record is None or str(record.get("state")) in FINAL[self.table]:
            return StepResult("skipped", {}, notes=posted)
        note = {"work_notes": self.action["text"]}
        await self._climb([Rung("noted", note, self._note)])
        return StepResult("noted", {}, note, state=self.state_before, notes=posted)


def _place(code: str, order: list[str]) -> tuple[int, str]:
    """Return a level's position, the most urgent first."""
    return (order.index(code) if code in order else len(order), code)


def _is_recent(record: "Record", hours: int) -> bool:
    resolved_at = clock.parsed(record.get("resolved_at"))
    return resolved_at is not None and clock.now() - resolved_at <= timedelta(hours=hours)
