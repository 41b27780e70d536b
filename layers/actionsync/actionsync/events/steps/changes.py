"""The steps of a deployment's change request."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from actionsync.events.folding import Group, Received, fold
from actionsync.events.models import digest
from actionsync.events.steps.refusals import Columns, is_refusal
from actionsync.events.steps.tickets import FINAL, TicketWork
from actionsync.events.steps.work import Rung, StepResult
from actionsync.rules.matching import SEVERITIES
from actionsync.rules.models import DeploymentRule, IncidentRule, MatchedRule
from servicenow_tools.errors import (
    InvalidRequestError,
    PermissionDeniedError,
    ServiceNowError,
    StateError,
)
from servicenow_tools.states import ChangeState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from servicenow_tools import Record

_UNDER_WAY = frozenset({ChangeState.IMPLEMENT, ChangeState.REVIEW})
# Where a new change can go that does not ask for approval.
_NO_REQUEST = _UNDER_WAY | {ChangeState.CANCELED, ChangeState.CLOSED}


class ChangeWork(TicketWork):
    """One step on the change request of a deployment."""

    def _steps(self) -> "dict[str, Callable[[], Awaitable[StepResult]]]":
        return {**super()._steps(), "close": self._close}

    # ---- create

    async def _create(self) -> StepResult:
        if self.event.change.number:
            return await self._use_existing()
        return await super()._create()

    async def _moved_on(self, made: "Record") -> "Record":
        if self.event.change.waits:
            return await self._submitted(made)
        made, refusal = await self._moved_to_implement(made)
        if refusal is not None and not _waits_for_approval(refusal):
            self._warn(refusal)
        return made

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

            async def note(columns: Columns) -> "Record":
                return await self._tickets.update(record.sys_id, **columns)

            await self._climb([Rung("noted", {"work_notes": said}, note)])
        synced = {**self._opened(self.table, record, self._severity()), "is_existing": True}
        state = str(record.get("state"))
        return StepResult("noted", synced, {"work_notes": said}, state=state, record=record)

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
        note = Rung("noted", {"work_notes": text}, self._note)
        if str(record.get("state")) in FINAL[self.table]:
            if record.get("close_notes") == text:
                return StepResult("closed", synced, closing, state=self.state_before)
            rungs = [note]
        elif self._is_anothers:
            rungs = [note]
        else:
            record, refusal = await self._moved_to_implement(record)
            rungs = [Rung("closed", closing, self._close_change, _is_closed), note]
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

    async def _close_change(self, columns: Columns) -> "Record":
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
        if record.get("state") in _UNDER_WAY:
            return record, None
        try:
            return await self.client.changes.move(record.sys_id, "implement"), None
        except ServiceNowError as error:
            if not is_refusal(error):
                raise
            return record, error


def _is_closed(state: str) -> bool:
    return state == ChangeState.CLOSED


def _waits_for_approval(refusal: ServiceNowError) -> bool:
    """Return whether a change stays where it is as normal changes do."""
    is_asked_for = {ChangeState.ASSESS, ChangeState.AUTHORIZE}
    return isinstance(refusal, StateError) and refusal.state in is_asked_for


def _of_microseconds(value: int) -> datetime:
    return datetime.fromtimestamp(value // 1_000_000, UTC) + timedelta(
        microseconds=value % 1_000_000
    )
