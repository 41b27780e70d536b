"""Recent events through rules that are not saved: what would have become of them, by the engine.

It starts without tickets and writes nothing: the engine runs over stores in memory, each event's
receipt is the clock, and a step's outcome stands for what ServiceNow would be sent. Tickets are
never taken over by a person, and there are no change windows.
"""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field

from actionsync import clock
from actionsync.events import sources
from actionsync.events.engine import Engine
from actionsync.events.folding import Received, fold
from actionsync.events.models import UnreadableEventError
from actionsync.events.sources import envelopes
from actionsync.events.sources.protocol import Context
from actionsync.rules.models import IncidentRule, Rules, Section
from actionsync.stores.correlations import MemoryCorrelations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from actionsync.events.decision import Step
    from actionsync.events.engine import Handled
    from actionsync.events.intake import Intake
    from actionsync.events.models import IncomingEvent
    from actionsync.events.recipes.models import Recipe
    from actionsync.stores.correlations import Correlation
    from actionsync.stores.members import Member

_MOST_OUTCOMES = 20
_SHOWN = {"created": "opened"}


class RulesReplay(Section):
    """Rules to try on recent events; the stored ones where left out."""

    rules: Rules | None = Field(default=None)


async def replay(
    owner: str,
    entries: "Iterable[dict[str, Any]]",
    rules: Rules,
    recipes_of: "Callable[[str], Mapping[str, Recipe]]",
) -> dict[str, Any]:
    """Return `{events, unread, keys, totals}`: what rules would have made of recent events.

    Each of `keys` is `{key, source, kind, name, title, rule, group, outcomes}`; `outcomes` are
    `[{at, outcome}]`, the newest twenty: opened, noted, reopened, resolved, closed, held, healed,
    grouped, ignored. `group` is the key of the ticket for many that it belongs to.

    Args:
        owner: whose events.
        entries: the newest events, as they are stored.
        rules: the rules to try.
        recipes_of: returns an owner's own recipes.
    """
    events, unread = _read(owner, entries, rules, recipes_of)
    run = _Run(rules)
    for event in events:
        await run.look_until(event.received_at)
        await run.take(event)
    await run.look_until(clock.now())
    return {"events": len(events), "unread": unread, **run.result()}


def _read(
    owner: str,
    entries: "Iterable[dict[str, Any]]",
    rules: Rules,
    recipes_of: "Callable[[str], Mapping[str, Recipe]]",
) -> "tuple[list[IncomingEvent], int]":
    """Return an owner's events in the order of their receipt, and how many could not be read."""
    received: dict[str, datetime] = {}
    for entry in entries:  # one that waited has two entries: the first says when it came
        if body := entry.get("event"):
            at = datetime.fromisoformat(entry["at"])
            received[body] = min(at, received.get(body, at))
    events: list[IncomingEvent] = []
    unread = 0
    for body, at in received.items():
        context = Context(at, owner, lambda _: rules, recipes_of=recipes_of)
        try:
            found = sources.read(envelopes.read(body, at), context).events
        except UnreadableEventError:
            unread += 1
            continue
        events += [event for event in found if event.owner == owner]
    return sorted(events, key=lambda event: (event.received_at, event.id)), unread


@dataclass(slots=True)
class _Shown:
    """What is shown of a key."""

    event: "IncomingEvent"
    rule: str = ""
    group: str | None = None
    outcomes: list[dict[str, str]] = field(default_factory=list)


class _Run:
    """One replay."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._engine = _DryEngine(rules)
        self._shown: dict[str, _Shown] = {}
        self._due: list[tuple[int, str]] = []

    async def take(self, event: "IncomingEvent") -> None:
        """Let the engine take an event, at the moment of its receipt."""
        shown = self._shown.setdefault(event.own_key, _Shown(event))
        with clock.at(event.received_at):
            intake = self._engine.take_in(fold([Received(event)]))
            handled = await self._engine.bring_up(intake)
            if intake.is_ignored:
                shown.rule = self._rules.rule_for(event).name
            elif intake.key != event.own_key:
                shown.group, shown.rule = intake.key, intake.rule_name
                self._add(shown, ["grouped"])
                shown = self._shown.setdefault(intake.key, _Shown(intake.group.event))
            self._note(shown, intake, handled)

    async def look_until(self, until: datetime) -> None:
        """Look at the keys that are due by a moment."""
        while self._due and self._due[0][0] <= clock.epoch(until):
            due_at, key = heapq.heappop(self._due)
            shown = self._shown[key]
            with clock.at(datetime.fromtimestamp(due_at, UTC)):
                group = fold([Received(shown.event, was_received=True, is_recorded=True)])
                intake = self._engine.take_in(group)
                handled = await self._engine.bring_up(intake, has_waited=True)
                self._note(shown, intake, handled)

    def result(self) -> dict[str, Any]:
        """Return what became of each key, and how often what happened."""
        totals = Counter(
            outcome["outcome"] for one in self._shown.values() for outcome in one.outcomes
        )
        keys = [
            {
                "key": key,
                "source": one.event.source,
                "kind": one.event.kind,
                "name": one.event.name,
                "title": one.event.texts.get("title", ""),
                "rule": one.rule,
                "group": one.group,
                "outcomes": one.outcomes[-_MOST_OUTCOMES:],
            }
            for key, one in self._shown.items()
        ]
        return {"keys": keys, "totals": dict(totals)}

    def _note(self, shown: _Shown, intake: "Intake", handled: "Handled") -> None:
        if not intake.is_ignored:
            shown.rule = intake.rule_name or shown.rule
        self._add(shown, [_SHOWN.get(result, result) for result in handled.results])
        if handled.due_at:
            heapq.heappush(self._due, (handled.due_at, intake.key))

    @staticmethod
    def _add(shown: _Shown, outcomes: list[str]) -> None:
        at = clock.iso(clock.now())
        new = [{"at": at, "outcome": one} for one in outcomes if one not in {"deduplicated", ""}]
        if new and not (new[-1]["outcome"] == "held" and _is_held(shown)):
            shown.outcomes += new


def _is_held(shown: _Shown) -> bool:
    return bool(shown.outcomes) and shown.outcomes[-1]["outcome"] == "held"


class _DryEngine(Engine):
    """The engine over stores in memory; a step sends nothing."""

    def __init__(self, rules: Rules) -> None:
        self._memory = _Memory()
        nothing: Any = None
        stores: Any = self._memory
        super().__init__(
            nothing, MemoryCorrelations(), nothing, stores, lambda _: rules,
            openings=nothing, members=stores, caps=stores,
            deployed=nothing,
        )  # fmt: skip

    async def _do(
        self,
        intake: "Intake",
        correlation: "Correlation",
        step: "Step",
        handled: "Handled",
        *,
        is_again: bool,  # noqa: ARG002 - as the engine's
    ) -> "Correlation | None":
        """Take a step's outcome for what ServiceNow would say."""
        counted = self._counted(intake, correlation, step)
        if counted.key != correlation.key:
            return counted
        correlation = counted
        rule = intake.rule if isinstance(intake.rule, IncidentRule) else IncidentRule()
        now = clock.now_epoch()
        synced: dict[str, Any] = {
            "counted": correlation.counted,
            "synced_trigger": correlation.triggered_at,
            "synced_count": correlation.count,
            "synced_severity": max(correlation.severity, correlation.synced_severity),
            "note_after": now + 60 * rule.recurrence.note_every_minutes,
        }
        result = "noted"
        if step == "create":
            result = "created"
            synced |= {
                "rule": intake.rule_name,
                "sys_id": "0" * 32,
                "silent_seconds": 0 if correlation.is_group else intake.silent_seconds,
                "settle_seconds": 0 if correlation.is_group else rule.end.settle_seconds,
            }
        elif step == "recur" and correlation.synced_phase == "resolve":
            result = self._reopened(correlation, rule, now)
        elif step == "annotate":
            synced = {}
        if step in {"resolve", "close"}:
            left = {"note": "noted", "nothing": ""}
            result = "closed" if step == "close" else left.get(rule.end.do, "resolved")
            synced |= {"synced_phase": "resolve", "synced_end": correlation.ended_at}
            if result in {"resolved", "closed"}:
                self._memory.ended[correlation.key] = now
        elif step != "annotate":
            synced |= {"synced_phase": "trigger"}
        handled.results.append(result)  # type: ignore[arg-type] # one of the words of Result
        notes = len(correlation.notes) if step == "annotate" else 0
        return self._correlations.finish(correlation, synced, notes=notes)

    def _reopened(self, known: "Correlation", rule: IncidentRule, now: int) -> str:
        ended_at = self._memory.ended.pop(known.key, 0)
        if not ended_at:
            return "noted"  # its end has left the ticket open
        since = now - ended_at
        return "reopened" if since <= 3600 * rule.recurrence.reopen_within_hours else "created"


class _Memory:
    """What the engine knows in a replay beside correlations: members and caps."""

    def __init__(self) -> None:
        self._members: dict[str, dict[str, Member]] = {}
        self._opened: Counter[tuple[str, int]] = Counter()
        # When tickets were resolved, in epoch seconds.
        self.ended: dict[str, int] = {}

    def write(self, group_key: str, _: str, member: "Member", *, only_known: bool) -> bool | None:
        """Write a member, and return whether it was open before, None where it is new."""
        del only_known  # so many events are never stored
        members = self._members.setdefault(group_key, {})
        old = members.get(member.key)
        members[member.key] = member
        return None if old is None else old.is_open()

    def all(self, group_key: str) -> "Iterable[Member]":
        """Return a group's members."""
        return self._members.get(group_key, {}).values()

    def is_met(self, _: str) -> bool:
        """Return that no cap is worth a word."""
        return True

    def take(self, rule_key: str, _: str, most: int) -> bool:
        """Count an opening, and return whether the hour had room for it."""
        hour = rule_key, clock.now_epoch() // 3600
        self._opened[hour] += 1
        return self._opened[hour] <= most

    def add(self, *_: Any) -> None:
        """Leave Activity alone."""
