"""The engine: brings each dedup key's ticket to where its events say it should be.

What a batch says of a key is recorded first, in one update of its correlation. From what is known
then, and nothing else, `next_step` says what the ticket needs. Most often that is nothing: the
events are deduplicated. Otherwise whoever gets the correlation's lease does the step, and looks
again. An engine that dies at any point is followed by the redelivered event, which does the same
again; what the dead one may have written is looked for before anything is written.
"""

import uuid
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from actionsync import clock
from actionsync.connections.clients import DEADLINE_SECONDS
from actionsync.events import changes, drafts, groups, holds
from actionsync.events.decision import due_at, next_step
from actionsync.events.failures import PermanentError, RetryLaterError, classify_failure
from actionsync.events.folding import rank
from actionsync.events.intake import Intake
from actionsync.events.membership import Groups
from actionsync.events.models import digest
from actionsync.events.steps import work_of
from actionsync.events.steps.refusals import shortened
from actionsync.events.steps.work import correlation_id, table_of
from actionsync.rules.matching import SEVERITIES
from actionsync.rules.models import DeploymentRule, IncidentRule
from actionsync.stores.caps import seconds_left
from actionsync.stores.connections import DEFAULT
from actionsync.stores.correlations import UNCERTAIN_SECONDS, Correlation, News
from actionsync.stores.tickets import Row
from servicenow_tools.errors import ServiceNowError

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionsync.audit.trail import ActivityStore
    from actionsync.connections.clients import ClientCache
    from actionsync.events.decision import Step
    from actionsync.events.folding import Group
    from actionsync.events.models import IncomingEvent
    from actionsync.events.notices import Cause, Notices
    from actionsync.events.openings import Openings
    from actionsync.events.steps.work import Result, StepResult, Work
    from actionsync.events.windows import ChangeWindows
    from actionsync.rules.models import AnyRule, MatchedRule, Rules
    from actionsync.stores.caps import CapStore
    from actionsync.stores.correlations import CorrelationStore, GroupNews
    from actionsync.stores.deployed import DeployedStore
    from actionsync.stores.members import MemberStore
    from actionsync.stores.pauses import PauseStore, Target
    from actionsync.stores.windows import Window

# What a step's calls may take, and what is recorded after them.
STEP_SECONDS = DEADLINE_SECONDS + 5
_NEXT_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Ticket:
    """A key's ticket."""

    number: str
    sys_id: str
    url: str


@dataclass(slots=True)
class Handled:
    """What became of a key's events.

    Attributes:
        results: each thing that was done, in order.
        ticket: its key's ticket.
        due_at: the epoch second at which it is to be looked at again; 0 for none.
        is_finished: whether the ticket needs nothing more; else another is at it, or will be.
        had_item: whether an event of the key waited, or had failed.
        warnings: how many columns or steps ServiceNow refused, dropped or changed.
        connection: the name of the connection that its ticket goes to.
    """

    results: "list[Result]" = field(default_factory=list)
    ticket: Ticket | None = None
    due_at: int = 0
    is_finished: bool = True
    had_item: bool = False
    warnings: int = 0
    connection: str = DEFAULT

    @property
    def outcome(self) -> str:
        """What was done, in words."""
        return ", ".join(self.results)


class Engine:
    """What the functions of events share.

    Args:
        clients: ServiceNow clients by owner.
        correlations: what is known of dedup keys.
        pauses: to whom nothing is sent now.
        activity: the audit trail.
        rules_of: returns an owner's rules.
        openings: where openings are recorded.
        members: the members of tickets that stand for many.
        caps: how many tickets rules have opened in this hour.
        deployed: the deployments of the last hours.
        windows: when changes are planned; None where nobody asks.
        notices: where trouble is noticed; None where nobody is to learn of it.
    """

    def __init__(
        self,
        clients: "ClientCache",
        correlations: "CorrelationStore",
        pauses: "PauseStore",
        activity: "ActivityStore",
        rules_of: "Callable[[str], Rules]",
        *,
        openings: "Openings",
        members: "MemberStore",
        caps: "CapStore",
        deployed: "DeployedStore",
        windows: "ChangeWindows | None" = None,
        notices: "Notices | None" = None,
    ) -> None:
        self._clients = clients
        self._openings = openings
        self._groups = Groups(correlations, members)
        self._caps = caps
        self._deployed = deployed
        self._windows = windows
        self._notices = notices
        self._correlations = correlations
        self._pauses = pauses
        self._activity = activity
        self._rules_of = rules_of

    async def handle(
        self,
        group: "Group",
        matched: "MatchedRule | None" = None,
        **how: Any,
    ) -> Handled:
        """Record what a batch says of a key, and bring its ticket up to date.

        Args:
            group: the key's events, folded.
            matched: the rule they fall under; by default the one in the owner's rules.
            how: as `bring_up` takes it.

        Raises:
            RetryLaterError: the events have to come back later.
            PermanentError: they cannot become a ticket.
            ActionSyncError: the owner has no connection to ServiceNow.
        """
        return await self.bring_up(self.take_in(group, matched), **how)

    def take_in(self, group: "Group", matched: "MatchedRule | None" = None) -> Intake:
        """Record what a batch says of a key, unless the rules ignore it; return what is known then.

        Args:
            group: the key's events, folded.
            matched: the rule they fall under; by default the one in the owner's rules.
        """
        rules = self._rules_of(group.event.owner)
        if group.event.group_key:
            matched = rules.rule_for(group.severest or group.event)
            known = self._correlations.get(group.event.group_key)
            return self._intake(group, matched if group.trigger else None, known)
        falls = (group, matched) if matched is not None else self._falls_under(group)
        if falls is None:
            return Intake(group, None, Correlation(group.event.dedup_key), is_ignored=True)
        group, matched = falls
        wanted = ""
        if matched is not None and group.trigger is not None:
            wanted = groups.key_of(group.trigger, matched.then, matched.name)
        news = replace(group.news, group_key=wanted)
        correlation = self._correlations.record(group.event.dedup_key, news)
        if (
            correlation.group_key != wanted
            and correlation.joined_at <= correlation.ended_at
            and correlation.is_firing
            and group.trigger is not None
        ):  # what begins anew belongs to the group of today's rules
            correlation = self._correlations.join(correlation, wanted)
        if correlation.is_member:
            return self._groups.join(self._intake(group, matched, correlation))
        correlation = self._ended_by_silence(group.event.owner, correlation)
        return self._intake(group, matched, correlation)

    def _intake(
        self, group: "Group", matched: "MatchedRule | None", correlation: "Correlation"
    ) -> Intake:
        """Return what is known of a key, with the rule that its ticket goes by."""
        rules = self._rules_of(group.event.owner)
        if matched is not None and not correlation.sys_id:
            matched = _matched_at(correlation, group, matched, rules)
        intake = Intake(group, matched, correlation)
        if matched is not None and matched.then is not None:
            intake.rule, intake.rule_name = matched.then, matched.name
        if correlation.sys_id or intake.rule is None:
            intake.rule_name = correlation.rule
            intake.rule = rules.named(correlation.rule, group.event)
        intake.connection = _connection_of(correlation, intake.rule, group.event)
        return intake

    def _raise_version(self, intake: Intake, news: "GroupNews") -> None:
        """Raise a group's version, and add what is known of it then."""
        known = self._groups.rise(intake, news)
        new = self._intake(intake.group, intake.matched, known)
        intake.correlation, intake.rule, intake.rule_name, intake.connection, intake.news = (
            known, new.rule, new.rule_name, new.connection, None,
        )  # fmt: skip

    async def bring_up(
        self,
        intake: Intake,
        *,
        has_waited: bool = False,
        is_again: bool = False,
        ends_at: float | None = None,
    ) -> Handled:
        """Bring a key's ticket up to date.

        Args:
            intake: what is known of the key.
            has_waited: whether the event that waited for its key is among its events.
            is_again: whether that one has failed for its own sake before.
            ends_at: when the function is ended, on time.monotonic()'s clock: no step is begun
                with less time left than its calls may take.

        Raises:
            RetryLaterError: the events have to come back later.
            PermanentError: they cannot become a ticket.
            ActionSyncError: the owner has no such connection to ServiceNow.
        """
        if intake.is_ignored:
            return Handled(["ignored"])
        if intake.news is not None:
            self._raise_version(intake, intake.news)
        group, correlation = intake.group, intake.correlation
        was_received = all(item.was_received for item in group.received)
        if correlation.waits_until > clock.now_epoch() and not (has_waited or was_received):
            # The one that waits will say all.
            return Handled(["deduplicated"], _ticket_of(correlation), is_finished=False)
        handled = Handled(had_item=correlation.waits_until > 0, connection=intake.connection)
        kind = group.event.kind
        correlation = self._groups.look_if_due(intake, correlation)
        while (step := next_step(correlation, kind, clock.now_epoch())) is not None:
            verdict, correlation = await self._judge(intake, correlation, step)
            if verdict == "wait":
                handled.results.append("held")
                break
            if verdict == "open" and ends_at is not None and ends_at - monotonic() < STEP_SECONDS:
                raise RetryLaterError("NoTimeLeft", seconds=_NEXT_MINUTE, scope="worker")
            following = await self._take(
                intake, correlation, step, handled, verdict, is_again=is_again
            )
            if following is None:
                handled.is_finished = False
                break  # another is at it, and looks again when it is done
            correlation = following
        handled.due_at = due_at(correlation, kind, clock.now_epoch())
        if not handled.results:
            handled.results.append("deduplicated")
        handled.ticket = _ticket_of(correlation)
        return handled

    async def _judge(
        self, intake: Intake, correlation: "Correlation", step: "Step"
    ) -> "tuple[holds.Verdict, Correlation]":
        """Return what a step has to wait for, and what is known then."""
        if correlation.is_group:
            verdict, correlation = self._groups.judge(intake, correlation, step)
        else:
            verdict = _verdict(intake, correlation, step)
        opens = verdict == "open" and correlation.is_firing and holds.is_opening(correlation, step)
        if not opens or self._windows is None or intake.during_change is None:
            return verdict, correlation
        await self._windows.ensure(intake.group.event.owner, intake.connection)
        verdict, held = self._windows.judge(intake, correlation)
        if held is not None:
            correlation = self._correlations.hold(correlation, held)
        return verdict, correlation

    async def _take(
        self,
        intake: Intake,
        correlation: "Correlation",
        step: "Step",
        handled: Handled,
        verdict: "holds.Verdict",
        *,
        is_again: bool,
    ) -> "Correlation | None":
        """Do what a verdict says of a step; return what is known then, None for another's work."""
        if verdict == "open":
            return await self._do(intake, correlation, step, handled, is_again=is_again)
        if verdict == "leave":
            return None
        if verdict == "again":
            return correlation
        if verdict == "begin" and intake.hold is not None:
            held = holds.begin(correlation, intake.hold, intake.group.news.occurrences)
            return self._correlations.hold(correlation, held)
        return self._heal(intake, correlation, handled)

    def _counted(self, intake: Intake, known: "Correlation", step: "Step") -> "Correlation":
        """Return what is known once a step is counted, if it is an opening; the lease stores it.

        What a pause turns away opens nothing, and is not counted: an outage fills no cap.
        """
        if step != "create" or not _is_to_be_counted(intake, known):
            return known
        return self._count(intake, known)

    def _count(self, intake: Intake, known: "Correlation") -> "Correlation":
        """Count an opening, and return what is known; over the cap, of the group that it joins.

        Raises:
            RetryLaterError: a group over the cap: it waits for the next hour.
        """
        event, name = intake.group.event, intake.rule_name
        most = intake.rule.cap if isinstance(intake.rule, IncidentRule) else 0
        key = groups.more_key(event.owner, name)
        is_known = self._caps.is_met(key)
        if self._caps.take(key, event.owner, most):
            return replace(known, counted=known.generation)
        said = f"The rule {name} has opened {most} tickets in this hour."
        if not is_known:
            self._say_capped(event, key, name, said)
        if known.is_group:
            seconds = seconds_left()
            raise RetryLaterError("OpeningCap", said, seconds=seconds, scope="worker")
        intake.correlation = self._correlations.join(known, key)
        self._groups.join(intake)
        if intake.news is not None:
            self._raise_version(intake, intake.news)
        return intake.correlation

    def _say_capped(self, event: "IncomingEvent", key: str, name: str, said: str) -> None:
        """Say where people look that a rule has met its cap."""
        self._activity.add(
            event.owner,
            {
                "id": digest(key, "capped", f"{clock.now():%Y-%m-%dT%H}"),
                "action": "capped",
                "kind": event.kind,
                "cause": name,
                "rule": name,
                "reason": said,
            },
        )
        self._notify(event.owner, "cap", name, said)

    def _uncount(self, intake: Intake, *, was_counted: bool) -> None:
        """Count an opening no more that another worker has made."""
        if was_counted:
            self._caps.give_back(groups.more_key(intake.group.event.owner, intake.rule_name))

    def _notify(self, owner: str, cause: "Cause", about: str, text: str) -> None:
        if self._notices is not None:
            self._notices.notify(owner, cause, about, text)

    def _heal(self, intake: Intake, correlation: "Correlation", handled: Handled) -> "Correlation":
        """Count what ended within its hold as done, where people look; return what is known."""
        event = intake.group.event
        self._activity.add(
            event.owner,
            {
                "id": digest(correlation.key, "healed", str(correlation.triggered_at)),
                "action": "healed",
                "kind": event.kind,
                "correlation_id": correlation_id(correlation),
                "cause": event.name,
                "rule": intake.rule_name,
            },
        )
        handled.results.append("healed")
        return self._correlations.heal(correlation)

    def _ended_by_silence(self, owner: str, correlation: "Correlation") -> "Correlation":
        """Return what is known, with an end where its quiet time is over."""
        if not correlation.is_firing or not 0 < correlation.silent_at <= clock.now_epoch():
            return correlation
        hours = correlation.silent_seconds // 3600
        said = {
            "message": f"Nothing was heard of it for {hours} hours.",
            "occurred_at": clock.iso(clock.now()),
            "status": "silent",
        }
        ended = News(
            owner,
            ended_at=correlation.triggered_at,
            end_received_at=clock.now_epoch() * 1_000_000,
            end_texts=said,
        )
        return self._correlations.record(correlation.key, ended)

    def _falls_under(self, group: "Group") -> "tuple[Group, MatchedRule | None] | None":
        """Return what of a group counts, and the rule that would open it; None for nothing.

        Only what would open a ticket is filtered: ends and notes go by what was begun.
        """
        rules = self._rules_of(group.event.owner)
        if group.trigger is None and group.event.kind != "change":
            return group, None
        if group.event.is_of_former_owner and not self._has_ticket(group):
            return None
        matched = rules.rule_for(group.severest or group.event)
        if matched.then is not None or self._has_ticket(group):
            return group, matched
        rest = None if group.event.kind == "change" else group.without_triggers()
        return None if rest is None else (rest, None)

    def _has_ticket(self, group: "Group") -> bool:
        """Return whether a key has a ticket, which its events go to whatever the rules say now."""
        known = self._correlations.get(group.event.dedup_key)
        return bool(known.sys_id) or known.pending_action is not None or bool(known.group_key)

    async def _do(
        self,
        intake: Intake,
        correlation: "Correlation",
        step: "Step",
        handled: Handled,
        *,
        is_again: bool,
    ) -> "Correlation | None":
        """Take the lease and do one step; return what is known then, or None without the lease."""
        group, matched = intake.group, intake.matched
        event = group.event
        if step == "create" and matched is not None and matched.then is not None:
            name, rule = matched.name, matched.then
        else:
            name = correlation.rule
            rule = self._rules_of(event.owner).named(name, event)
        found = self._groups.look(intake, correlation) if correlation.is_group else None
        table = correlation.table or table_of(event.kind, rule)
        connection = _connection_of(correlation, rule, event)
        intake.connection = handled.connection = connection
        client, target, pause = await self._clients.admit(event.owner, table, connection)
        if pause is not None and not (pause.is_of_items and is_again):
            raise RetryLaterError.during(pause)
        self._check_certainty(correlation)
        counted = self._counted(intake, correlation, step)
        if counted.key != correlation.key:
            return counted
        was_counted, correlation = counted.counted != correlation.counted, counted
        holder = uuid.uuid4().hex
        again = _asked_again(matched, correlation, step)
        planned = _plan(intake, rule, correlation, step, holder)
        if again is not None:
            planned["text"] = f"{planned['text']}\nAt this severity by the rule {again.name}."
        uncertain_until = clock.now_epoch() + round(STEP_SECONDS) + UNCERTAIN_SECONDS
        leased = self._correlations.lease(correlation, planned, uncertain_until)
        if leased is None or leased.pending_action is None:
            self._uncount(intake, was_counted=was_counted)
            return None
        action = leased.pending_action
        is_ours = action["holder"] == holder
        if (
            is_ours
            and next_step(replace(leased, pending_action=None), event.kind, clock.now_epoch())
            != step
        ):
            self._uncount(intake, was_counted=was_counted)
            return self._correlations.finish(leased, {})  # somebody was quicker
        windows = self._causes(intake, step)
        work = work_of(
            client=client,
            connection=connection,
            group=group,
            rule=rule,
            rule_name=name,
            correlation=leased,
            action=action,
            may_be_done=not is_ours,
            may_open=matched is None or matched.then is not None,
            asked_again=again,
            found=found,
            changed=self._changed(event, windows) if step == "create" else [],
            caused_by=windows[0].sys_id if windows else correlation.held.change,
            fallback_group=self._rules_of(event.owner).fallback_of(event)[1].assignment_group,
            row=lambda: self._openings.row(target.connection_id, table, leased.sys_id),
            are_missing=lambda: self._openings.are_missing(target.connection_id),
        )
        done = await self._done(work, target, is_ours=is_ours, is_again=is_again)
        handled.results.append(done.result)
        handled.warnings += len(done.warnings)
        self._audit(work, done, is_ours=is_ours)
        if done.result == "created" and done.warnings:
            self._notify(event.owner, "rule", name, "\n".join(shortened(done.warnings)))
        self._watch(work, done, target)
        if step == "close" or (step == "create" and event.kind == "change"):
            number = done.synced.get("number") or leased.number
            changes.note(self._deployed, event, leased, number)
        self._pauses.record_success(target)
        if done.is_given_up:
            given_up = _given_up(group, leased, work.ended_at or clock.now_epoch() * 1_000_000)
            return self._correlations.finish(leased, given_up, report=work.report)
        report = "" if done.notes else work.report
        return self._correlations.finish(leased, done.synced, notes=done.notes, report=report)

    def _causes(self, intake: Intake, step: "Step") -> "list[Window]":
        """Return the changes that are under way of what a new incident is about."""
        event = intake.group.event
        is_new = step == "create" and event.kind == "incident"
        if self._windows is None or not (is_new and self._rules_of(event.owner).ask_for_changes):
            return []
        return self._windows.open_for(intake)

    def _changed(self, event: "IncomingEvent", windows: "list[Window]") -> list[str]:
        """Return what a new incident names as what has changed; its cause is there already."""
        if event.kind != "incident" or "caused_by" in event.columns:
            return []
        return [*changes.planned(windows), *changes.recent(self._deployed, event)]

    async def _done(
        self, work: "Work", target: "Target", *, is_ours: bool, is_again: bool
    ) -> "StepResult":
        """Do a step's work; where it fails, give the lease back and say what follows."""
        known = work.correlation
        try:
            done = await work.do()
            if work.follow_up is not None:
                await self.handle(*work.follow_up)
        except ServiceNowError as error:
            is_uncertain = error.maybe_applied or not is_ours or work.wrote
            self._correlations.release(
                known,
                uncertain_until=clock.now_epoch() + UNCERTAIN_SECONDS * error.maybe_applied
                if is_uncertain
                else None,
            )
            raise classify_failure(
                error, target, self._pauses, known.key, is_again=is_again
            ) from error
        except (RetryLaterError, PermanentError):  # of a failed deployment's incident
            self._correlations.release(known, uncertain_until=clock.now_epoch())
            raise
        return done

    def _watch(self, work: "Work", done: "StepResult", target: "Target") -> None:
        """Have a ticket looked at from its opening on, and say that it was opened."""
        event, record = work.event, done.record
        if record is None:
            return
        row = Row(
            target.connection_id,
            work.table,
            record.sys_id,
            event.owner,
            connection=work.connection,
            dedup_key=event.dedup_key,
            kind=event.kind,
            sends_comments=work.rule.send_comments,
        )
        if done.result == "created":
            self._openings.record(event, row, record, done.sent)
        else:  # its row may have gone with its resolution
            self._openings.watch(row, record, done.sent)

    def _audit(self, work: "Work", done: "StepResult", *, is_ours: bool) -> None:
        if done.result == "skipped" and not done.warnings:
            return
        known, states = work.correlation, {"before": work.state_before, "after": done.state}
        self._activity.add(
            work.event.owner,
            {
                "id": digest(known.key, work.action["holder"]),
                "action": done.result,
                "kind": work.event.kind,
                "table": work.table,
                "number": done.synced.get("number", known.number),
                "sys_id": done.synced.get("sys_id", known.sys_id),
                "url": done.synced.get("url", known.url),
                "correlation_id": work.correlation_id,
                "cause": work.event.name,
                "fields": sorted(done.sent),
                **{name: {"state": state} for name, state in states.items() if state},
                **({} if is_ours else {"recovered": True}),
                "rule": work.rule_name,
                **({"assumptions": list(work.event.assumptions)} if work.event.assumptions else {}),
                **({"warnings": shortened(done.warnings)} if done.warnings else {}),
            },
        )

    def _check_certainty(self, correlation: "Correlation") -> None:
        """Let a key wait while what a dead holder sent may still take effect."""
        seconds = correlation.uncertain_until - clock.now_epoch()
        is_held = correlation.leased_until > clock.now_epoch()
        if correlation.pending_action is not None and not is_held and seconds > 0:
            raise RetryLaterError("Uncertain", seconds=seconds, scope="worker")


def _ticket_of(correlation: "Correlation") -> Ticket | None:
    """Return the ticket that a key has, or None."""
    if not correlation.sys_id:
        return None
    return Ticket(correlation.number, correlation.sys_id, correlation.url)


def _matched_at(
    correlation: "Correlation", group: "Group", matched: "MatchedRule", rules: "Rules"
) -> "MatchedRule":
    """Return the rule for a key without a ticket at the highest severity since it began."""
    event = group.severest or group.event
    if correlation.severity <= rank(event.severity) or group.event.kind != "incident":
        return matched
    worst = SEVERITIES[len(SEVERITIES) - correlation.severity]
    again = rules.rule_for(replace(event, severity=worst))
    return matched if again.then is None else again


def _is_to_be_counted(intake: Intake, known: "Correlation") -> bool:
    """Return whether an opening counts against its rule's cap, and was not counted yet."""
    is_more = known.key == groups.more_key(intake.group.event.owner, intake.rule_name)
    is_new = known.counted != known.generation and known.pending_action is None
    return is_new and not is_more and isinstance(intake.rule, IncidentRule)


def _connection_of(correlation: "Correlation", rule: "AnyRule", event: "IncomingEvent") -> str:
    """Return the name of the connection that a key's ticket goes to: where it is, it stays."""
    return correlation.connection or rule.connection or event.connection or DEFAULT


def _verdict(intake: Intake, correlation: "Correlation", step: "Step") -> "holds.Verdict":
    """Return what a step has to wait for.

    A trigger without a ticket, and without a hold, is another worker's, or comes again: it alone
    says by which rule the ticket is opened.
    """
    is_anothers = (
        step == "create"
        and intake.matched is None
        and intake.group.event.kind == "incident"
        and not correlation.rule
        and correlation.pending_action is None
    )
    if is_anothers and correlation.is_held and correlation.is_firing:
        return "wait"
    if is_anothers and not correlation.held.since:
        return "leave"
    return holds.judge(correlation, step, intake.hold, clock.now_epoch())


def _asked_again(
    matched: "MatchedRule | None", correlation: "Correlation", step: "Step"
) -> "MatchedRule | None":
    """Return the rule that fires at a severity higher than any before, where it is another one."""
    is_worse = step == "recur" and correlation.severity > correlation.synced_severity
    if not is_worse or matched is None or matched.then is None or matched.name == correlation.rule:
        return None
    return matched


def _plan(
    intake: Intake, rule: "AnyRule", correlation: "Correlation", step: "Step", holder: str
) -> dict[str, Any]:
    """Return what is about to be written, so that whoever follows can look for it."""
    text = ""
    texts = correlation.texts
    end = None if correlation.is_group else intake.group.end
    end_texts = correlation.end_texts if end is None else end.texts
    if step == "recur" and intake.found is not None:
        text = groups.news(intake.found, _noted_at(correlation, rule))
    elif step == "recur" and isinstance(rule, IncidentRule):
        about = "about " if correlation.is_about else ""
        count = max(1, correlation.count - correlation.synced_count)
        text = drafts.note(rule.recurrence_note, texts, f"{about}{count}")
    elif step == "resolve" and isinstance(rule, IncidentRule):
        text = drafts.note(rule.recovery_note, end_texts)
    elif step == "close" and isinstance(rule, DeploymentRule):
        text = drafts.note(rule.outcome_note, end_texts)
    elif step == "annotate":
        text = drafts.note("{{message}}", {"message": "\n".join(correlation.notes)})
    return {
        "holder": holder,
        "step": step,
        "at": clock.now().isoformat(),
        "trigger": correlation.triggered_at,
        "received": correlation.received_at,
        "end": correlation.ended_at,
        "outcome": correlation.outcome,
        "count": correlation.count,
        "severity": correlation.severity,
        "notes": len(correlation.notes) if step == "annotate" else 0,
        "text": text,
    }


def _noted_at(correlation: "Correlation", rule: "AnyRule") -> int:
    """Return when a ticket was last brought up to date, in epoch seconds."""
    minutes = rule.recurrence.note_every_minutes if isinstance(rule, IncidentRule) else 0
    return correlation.note_after - 60 * minutes


def _given_up(group: "Group", correlation: "Correlation", ended_at: int) -> dict[str, Any]:
    """Return what is remembered of a key whose ticket is given up for a next one.

    Args:
        group: its events.
        correlation: what is known.
        ended_at: when the ticket ended, in microseconds.
    """
    severest = group.severest
    return {
        "generation": correlation.generation + 1,
        "previous": correlation.number,
        "connection": "",
        **({"members_since": ended_at} if correlation.is_group else {}),
        "synced_phase": "",
        "sys_id": "",
        "number": "",
        "url": "",
        "host": "",
        "last_written": {},
        "settle_seconds": 0,
        "severity": correlation.severity if severest is None else rank(severest.severity),
    }
