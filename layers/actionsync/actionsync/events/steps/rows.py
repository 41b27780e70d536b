"""The steps where the target takes rows: events of Event Management, and import sets."""

from dataclasses import replace
from typing import TYPE_CHECKING

from actionsync.events import drafts
from actionsync.events.steps.refusals import Columns
from actionsync.events.steps.work import StepResult, Work
from actionsync.rules.models import IncidentRule
from servicenow_tools.states import IncidentState

if TYPE_CHECKING:
    from servicenow_tools import Record

# The severity of an event that ends its alert.
_CLEAR = "0"


class RowWork(Work):
    """One step where the target takes rows: all have the same key, and nothing is read back.

    Event Management and a transform that coalesces make one thing of all rows of a key, so that
    what may have been sent is sent again.
    """

    async def _create(self) -> StepResult:
        severity, draft = self._draft()
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

    def _row(self, columns: Columns) -> Columns:
        return drafts.staged(self.table, {"correlation_id": self.correlation_id, **columns})

    async def _send(self, columns: Columns) -> "Record":
        if self.table == drafts.EVENT:
            return await self.client.events.send(**columns)
        staging = self.table.removeprefix(drafts.IMPORT)
        imported = await self.client.import_sets.insert(staging, columns)
        made = next((one for one in imported if one.sys_id), imported[0])
        return self.client.table(made.table or staging).to_record(
            {"sys_id": made.sys_id, "number": made.number}
        )
