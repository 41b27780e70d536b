"""Members and their groups: who joins, what that makes of the group, and when it is over."""

from dataclasses import replace
from typing import TYPE_CHECKING

from actionsync import clock
from actionsync.events import groups, holds
from actionsync.stores.correlations import Correlation
from actionsync.stores.members import MOST_MEMBERS

if TYPE_CHECKING:
    from actionsync.events.decision import Step
    from actionsync.events.intake import Intake
    from actionsync.stores.correlations import CorrelationStore, GroupNews
    from actionsync.stores.members import MemberStore


class Groups:
    """The groups of all owners.

    Args:
        correlations: what is known of keys, those of groups among them.
        members: the members of groups.
    """

    def __init__(self, correlations: "CorrelationStore", members: "MemberStore") -> None:
        self._correlations = correlations
        self._members = members
        # Those that list no further members; what this process does not know it finds out.
        self._full: set[str] = set()

    def join(self, intake: "Intake") -> "Intake":
        """Tell a member's group of it, and return it as the group's; the version rises later."""
        group, known = intake.group, intake.correlation
        event, key = group.event, known.group_key
        member = groups.member_of(group.trigger or event, known, intake.rule)
        was_open = self._members.write(key, event.owner, member, only_known=key in self._full)
        intake.news = groups.joined(
            key,
            member,
            texts=known.texts,
            was_open=was_open,
            is_occurrence=group.news.occurrences > 0 and not group.news.is_heartbeat,
            rule=intake.rule_name,
            is_repeated=any(item.was_received and not item.is_recorded for item in group.received),
        )
        intake.group = replace(group, event=groups.of_group(event, key))
        # What is known of the group itself is read when its version rises.
        intake.correlation = Correlation(key)
        return intake

    def rise(self, intake: "Intake", news: "GroupNews") -> "Correlation":
        """Raise the version of a group, if a batch makes anything of it; return what is known."""
        if not news.is_news:
            return self._correlations.get(news.key)
        settle = intake.end.settle
        settle = groups.SETTLE_MINUTES if settle is None else settle
        look_at = 0
        if news.ends:
            look_at = clock.now_epoch() + 60 * settle
        elif news.opens and intake.silent_seconds:
            look_at = clock.now_epoch() + intake.silent_seconds
        known = self._correlations.rise(news.key, intake.group.event.owner, news, look_at)
        if known.members >= MOST_MEMBERS:
            self._full.add(news.key)
        return known

    def look(self, intake: "Intake", known: "Correlation") -> groups.Look:
        """Look at the members of a group, as they are now."""
        members = list(self._members.all(known.key))
        found = groups.look(members, known.members_since, intake.silent_seconds, clock.now_epoch())
        intake.found = found
        return found

    def look_if_due(self, intake: "Intake", known: "Correlation") -> "Correlation":
        """Look at a group's members where that is due, and return what is known then."""
        if not known.is_group or not 0 < known.look_at <= clock.now_epoch():
            return known
        if not known.is_firing:
            return self._correlations.look_again(known, 0)
        found = self.look(intake, known)
        if found.open:
            return self._correlations.look_again(known, found.next_at)
        return self._end(known, found)

    def judge(
        self, intake: "Intake", known: "Correlation", step: "Step"
    ) -> "tuple[holds.Verdict, Correlation]":
        """Return what a group's opening has to wait for, and what is known then."""
        if not holds.is_opening(known, step) or not known.is_firing:
            return ("heal" if holds.is_opening(known, step) else "open"), known
        is_more = known.key == groups.more_key(intake.group.event.owner, intake.rule_name)
        hold = None if is_more else intake.hold
        is_worse = hold is None and known.severity > known.held.severity
        if known.is_held and known.held.until > clock.now_epoch() and not is_worse:
            return "wait", known
        found = self.look(intake, known)
        if not found.open:
            return "again", self._end(known, found)
        if not known.is_held:
            return ("open" if hold is None else "begin"), known
        until = 0 if is_worse else found.holds_until(hold, clock.now_epoch())
        if until:
            known = self._correlations.hold(known, known.held._replace(until=until))
        return ("open" if until == 0 else "wait"), known

    def _end(self, known: "Correlation", found: groups.Look) -> "Correlation":
        """Record that no member goes on, unless one has begun since they were read."""
        texts = {
            "message": f"None of {len(found.members)} goes on.",
            "occurred_at": clock.iso(clock.now()),
            "status": "ended",
        }
        return self._correlations.end_group(known, texts)
