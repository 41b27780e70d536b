"""Correlations in DynamoDB: what is known of each dedup key, and what its ticket was brought up to.

A correlation is one item, `pk = CORRELATION#<dedup key>`. What a batch says of the key changes what
is known by one update, or by a second where something newer was known; no lease is needed for
that. Moments only move forward, so that order, repeats and splits of batches do not matter.

Whoever finds that the ticket needs something takes the correlation's lease, writes to ServiceNow,
and records that in the update that ends the lease, which also returns what has become known
meanwhile. A holder that dies leaves, in `pending_action`, what it was about to write: the next one
finds out first whether it did.

Correlations carry a version, which each update sets. What a later one has written is neither read
nor changed.
"""

import json
import re
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from actionsync import clock
from actionsync.stores import versions
from actionsync.stores.attributes import attribute
from actionsync.stores.conditions import refusing_item

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, UniversalAttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]
    Values = dict[str, UniversalAttributeValueTypeDef]

VERSION = 1
# Ten seconds longer than the functions of events run (template.yaml: Timeout).
LEASE_SECONDS = 70
# ServiceNow ends a request after 60 seconds: until so long after a send whose answer is missing,
# that no record is found proves nothing.
UNCERTAIN_SECONDS = 90
# A correlation is forgotten when nothing has come for so long; SQS keeps a message for 14 days.
CORRELATION_DAYS = 120
# Notes that wait to be posted; more than so many in one outage are counted only.
MOST_NOTES = 10
# What is remembered of notes, so that copies of them are not posted again.
MOST_MARKS = 40
_DAY = 24 * 3600
_NEWER_END = "(attribute_not_exists(#ended_at) OR #ended_at < :ended_at)"
# Of two outcomes at one moment (EventBridge has whole seconds) the one received later counts.
_OTHER_OUTCOME = (
    "(attribute_not_exists(#ended_at) OR #ended_at < :ended_at OR (#ended_at = :ended_at AND"
    " #outcome <> :outcome AND #end_received_at < :end_received_at))"
)
_FIRING = "(attribute_not_exists(#ended_at) OR #ended_at < #triggered_at)"
_OVER = "(attribute_not_exists(#triggered_at) OR #ended_at >= #triggered_at)"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Phase = Literal["", "trigger", "resolve"]


class Note(NamedTuple):
    """A note to make: its text, and which annotation it comes from, of which moment.

    Attributes:
        text: what to post.
        id: the annotation's id.
        moment: its moment, in microseconds.
        was_received: whether SQS says that it was received before.
        marks: what it is recognised by: a note with a mark that is known says nothing new.
        is_news: whether it comes from a trigger that says something new.
        opens: whether that is the first trigger of its episode, whose ticket says so itself.
    """

    text: str
    id: str
    moment: int
    was_received: bool
    marks: tuple[str, ...] = ()
    is_news: bool = False
    opens: bool = False


class Held(NamedTuple):
    """A hold that has begun.

    Attributes:
        since: the moment of the trigger that it began with, in microseconds; 0 for no hold.
        until: the epoch second at which it ends; 0 where a count ends it, and 1 once it has.
        at: when that trigger was received, in epoch seconds.
        before: how many occurrences there were before.
        severity: the rank of the severity that it began with.
        change: the sys_id of the change whose end it waits for; empty for none.
    """

    since: int = 0
    until: int = 0
    at: int = 0
    before: int = 0
    severity: int = 0
    change: str = ""


@dataclass(frozen=True, slots=True)
class GroupNews:
    """What a batch makes of a group.

    Attributes:
        key: the group's key.
        opens: whether a member begins, or occurs again.
        ends: whether one ends.
        is_new: how many members are new to the group.
        received_at: when the newest of them was received, in microseconds.
        severity: the rank of the highest severity among those that go on.
        texts: what the newest of them says.
        rule: the name of the rule that groups.
    """

    key: str
    opens: bool = False
    ends: bool = False
    is_new: int = 0
    received_at: int = 0
    severity: int = 0
    texts: dict[str, str] | None = None
    rule: str = ""

    @property
    def is_news(self) -> bool:
        """Whether the group's version rises."""
        return self.opens or self.ends or self.is_new > 0

    def merged(self, other: "GroupNews") -> "GroupNews":
        """Return what both make of the group."""
        newest = max(self, other, key=lambda one: one.received_at)
        return GroupNews(
            self.key,
            self.opens or other.opens,
            self.ends or other.ends,
            self.is_new + other.is_new,
            newest.received_at,
            max(self.severity, other.severity),
            newest.texts or self.texts or other.texts,
            self.rule,
        )


@dataclass(frozen=True, slots=True)
class News:
    """What a batch says of a dedup key, folded.

    Attributes:
        owner: whose it is.
        triggered_at: the moment of its newest trigger, 0 without one, in microseconds.
        trigger_id: that trigger's id.
        received_at: the receipt that it is known by, in microseconds.
        is_heartbeat: whether it says only "still so".
        begins_episode: whether an end in the same batch is older than it.
        severity: the rank of the highest severity among the triggers.
        texts: what the newest trigger says.
        silenced_until: until when its triggers are silenced, in epoch seconds; 0 if one is not.
        ended_at: the moment of its newest end, 0 without one, in microseconds.
        end_received_at: when that was received, in microseconds.
        end_texts: what the newest end says.
        outcome: how a change ended.
        final_at: the moment of its newest final end, 0 without one, in microseconds.
        taken_back_at: the moment at which a final end was last taken back, in microseconds.
        end_is_heartbeat: whether the end counts only where nothing has ended it before.
        occurrences: how many occurrences were received for the first time.
        doubtful: how many were received before, and may be counted already.
        trigger_was_received: whether the newest trigger is one of those.
        notes: notes to make.
        seen_at: when the newest sign of life was received, in epoch seconds.
        group_key: the group whose ticket it belongs to by the rules of now; empty for none.
    """

    owner: str
    triggered_at: int = 0
    trigger_id: str = ""
    received_at: int = 0
    is_heartbeat: bool = False
    begins_episode: bool = False
    severity: int = 0
    texts: dict[str, str] = field(default_factory=dict)
    silenced_until: int = 0
    ended_at: int = 0
    end_received_at: int = 0
    end_texts: dict[str, str] = field(default_factory=dict)
    outcome: str = ""
    final_at: int = 0
    taken_back_at: int = 0
    end_is_heartbeat: bool = False
    occurrences: int = 0
    doubtful: int = 0
    trigger_was_received: bool = False
    notes: tuple[Note, ...] = ()
    seen_at: int = 0
    group_key: str = ""


@dataclass(frozen=True, slots=True)
class Correlation:
    """What is known of a dedup key. Moments are microseconds since 1970, 0 for none.

    Attributes:
        key: the dedup key.
        triggered_at: the moment of the newest trigger.
        trigger_id: that trigger's id.
        received_at: when it was received; of a heartbeat, when its episode's first one was.
        silenced_until: epoch seconds until which the newest trigger is silenced; 0 if it is not.
        ended_at: the moment of the newest end.
        end_received_at: when that was received.
        count: how many occurrences there were.
        is_about: whether the count is uncertain since the last note.
        severity: the rank of the highest severity since its ticket was opened.
        outcome: how a change ended, or empty.
        texts: what the newest trigger said, in short.
        end_texts: what the newest end said, in short.
        notes: notes to make.
        final_at: the moment of the newest final end.
        taken_back_at: the moment at which a final end was last taken back, or something worse came.
        marks: what its notes are recognised by.
        annotated_at: the moment of the newest annotation.
        annotation_id: that annotation's id.
        synced_phase: what its ticket says; empty without one.
        synced_trigger: the newest trigger that its ticket was brought up to.
        synced_end: the newest end that it was brought up to.
        synced_count: how many of the occurrences its ticket mentions.
        synced_severity: the rank of the severity that its ticket was brought up to.
        synced_outcome: the outcome that its ticket mentions.
        generation: counts its tickets, from 1.
        table: its ticket's table.
        connection: the name of the connection that its ticket was opened with.
        connection_id: that connection's id.
        host: the host that its ticket is on.
        rule: the name of the rule that opened it.
        sys_id: its ticket, or empty.
        number: its ticket's number, or empty.
        url: where a person finds it.
        previous: the number of the ticket before, or empty.
        is_existing: whether its ticket is a change that was there before: it is left to its people.
        last_written: the columns that say whether a person has touched the ticket, as we left them.
        note_after: epoch seconds before which a recurrence is only counted.
        settle_seconds: for how long an end has to last before it counts; 0 unless the key flaps.
        pending_action: what the lease's holder is about to write, or None.
        lease_holder: who holds the lease.
        leased_until: epoch seconds, 0 for no lease.
        uncertain_until: epoch seconds until which the pending action may still take effect.
        silent_seconds: how long it may be silent until it counts as over; 0 for ever.
        seen_at: when the newest sign of life was received, in epoch seconds.
        waits_until: epoch seconds until which an event that waits will come back and go on.
        held: the hold that began last.
        group_key: of a member, the group whose ticket it belongs to.
        joined_at: of a member, the moment of the trigger with which it joined.
        is_group: whether it is a group's: its moments are versions, its count the newest of them.
        members: of a group, how many it has had, but for what was counted as a worker died.
        counted: the generation whose opening was counted against its rule's cap.
        members_since: of a group, microseconds: an episode that was received before is a ticket's
            before its present one.
        look_at: of a group, the epoch second at which its members are looked at; 0 for none.
    """

    key: str
    triggered_at: int = 0
    trigger_id: str = ""
    received_at: int = 0
    silenced_until: int = 0
    ended_at: int = 0
    end_received_at: int = 0
    count: int = 0
    is_about: bool = False
    severity: int = 0
    outcome: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    end_texts: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    final_at: int = 0
    taken_back_at: int = 0
    marks: tuple[str, ...] = ()
    annotated_at: int = 0
    annotation_id: str = ""
    synced_phase: Phase = ""
    synced_trigger: int = 0
    synced_end: int = 0
    synced_count: int = 0
    synced_severity: int = 0
    synced_outcome: str = ""
    generation: int = 1
    table: str = ""
    connection: str = ""
    connection_id: str = ""
    host: str = ""
    rule: str = ""
    sys_id: str = ""
    number: str = ""
    url: str = ""
    previous: str = ""
    is_existing: bool = False
    last_written: dict[str, str] = field(default_factory=dict)
    note_after: int = 0
    settle_seconds: int = 0
    pending_action: dict[str, Any] | None = None
    lease_holder: str = ""
    leased_until: int = 0
    uncertain_until: int = 0
    waits_until: int = 0
    silent_seconds: int = 0
    seen_at: int = 0
    held: Held = field(default_factory=Held)
    group_key: str = ""
    joined_at: int = 0
    is_group: bool = False
    members: int = 0
    counted: int = 0
    members_since: int = 0
    look_at: int = 0

    @property
    def is_member(self) -> bool:
        """Whether its group has the ticket."""
        return bool(self.group_key) and not self.sys_id and self.pending_action is None

    @property
    def silent_at(self) -> int:
        """The epoch second at which it is over for want of a sign of life; 0 for never."""
        return self.seen_at + self.silent_seconds if self.silent_seconds else 0

    @property
    def is_known(self) -> bool:
        """Whether anything was recorded of the key."""
        return bool(self.triggered_at or self.ended_at)

    @property
    def is_held(self) -> bool:
        """Whether the hold that began last is of what goes on now."""
        return self.held.since > self.ended_at

    @property
    def is_firing(self) -> bool:
        """Whether the newest trigger is newer than the newest end; where they tie, it ended."""
        return self.triggered_at > self.ended_at

    @property
    def is_final(self) -> bool:
        """Whether a person has put the thing aside: further triggers open nothing."""
        return self.final_at > self.taken_back_at

    @property
    def settles_at(self) -> int:
        """The epoch second from which the newest end counts; 0 where it counts at once."""
        if not self.settle_seconds:
            return 0
        return self.end_received_at // 1_000_000 + self.settle_seconds


class CorrelationStore:
    """The correlations of all owners; a dedup key holds its owner.

    Whatever reads or updates one raises UnknownVersionError where newer code has written it.
    """

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def get(self, key: str) -> Correlation:
        """Return a correlation; one that nothing is known of is empty."""
        item = self._dynamodb.get_item(
            TableName=self._table, Key=_key(key), ConsistentRead=True
        ).get("Item")
        return _correlation(key, item)

    def record(self, key: str, news: News) -> Correlation:
        """Record what a batch says of a key, and return what is known then.

        One update where it is the newest, as it is nearly always; else a second one that leaves
        alone what is newer.
        """
        return self._update_until_known(key, lambda known: _recording(news, known))

    def lease(
        self, correlation: Correlation, action: dict[str, Any], uncertain_until: int
    ) -> Correlation | None:
        """Take a lease and say what is about to be written, or None if another holds it.

        The pending action of a holder that died stays, and the new one has to deal with it first;
        nobody gets the lease while that action may still take effect.

        Args:
            correlation: whose lease.
            action: what is about to be written; its `holder` holds the lease.
            uncertain_until: epoch seconds until which it may take effect, should the holder die.
        """
        now = clock.now_epoch()
        change = _Change()
        change.set("leased_until", now + LEASE_SECONDS)
        change.set("lease_holder", action["holder"])
        change.set("uncertain_until", uncertain_until)
        change.set("counted", correlation.counted)
        change.sets.append("#pending_action = if_not_exists(#pending_action, :action)")
        change.removes.append("#waits_until")
        change.values |= {":action": attribute(action), ":now": attribute(now)}
        for name in ("leased_until", "uncertain_until"):
            change.conditions.append(f"(attribute_not_exists(#{name}) OR #{name} <= :now)")
        try:
            return self._update(correlation.key, change)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return None

    def finish(
        self,
        correlation: Correlation,
        synced: dict[str, Any],
        *,
        notes: int = 0,
        report: str = "",
    ) -> Correlation | None:
        """Record what the ticket was brought up to, end the lease, return what is known by now.

        Args:
            correlation: the correlation, as leased.
            synced: the attributes of Correlation that changed.
            notes: how many of its notes were posted.
            report: a further note to make; empty for none.

        Returns:
            None where another has taken the lease meanwhile, who finds out what was written.
        """
        change = _Change()
        for name, value in synced.items():
            change.set(name, value)
        change.removes += [
            "#leased_until", "#lease_holder", "#uncertain_until", "#pending_action", "#waits_until",
        ]  # fmt: skip
        if synced.get("synced_phase") == "trigger":
            change.removes.append("#held")
        if report:
            change.sets.append("#notes = list_append(if_not_exists(#notes, :none), :report)")
            change.values |= {":none": {"L": []}, ":report": {"L": [{"S": report}]}}
        else:
            change.removes += [f"#notes[{place}]" for place in range(notes)]
        return self._end(correlation, change)

    def release(self, correlation: Correlation, *, uncertain_until: int | None) -> None:
        """Give the lease back without success.

        Args:
            correlation: the correlation, as leased.
            uncertain_until: epoch seconds until which what was sent may take effect; None where
                nothing was written.
        """
        change = _Change()
        change.removes += ["#leased_until", "#lease_holder"]
        if uncertain_until is None:
            change.removes += ["#uncertain_until", "#pending_action"]
        else:
            change.set("uncertain_until", uncertain_until)
        self._end(correlation, change)

    def wait(self, key: str, until: int) -> None:
        """Record that an item of a key waits, and will go on with it before this moment.

        A moment that has passed says that the item is due, or has failed; 0 that there is none.
        """
        change = _Change()
        change.set("waits_until", until)
        self._update(key, change)

    def give_up(self, key: str) -> int:
        """Count what is known of a key as synced, so that only news is worth a ticket.

        The pending action of a holder that died stays, for the next holder to check.

        Returns:
            The seconds for which somebody still holds the lease, 0 where it is done.
        """
        now = clock.now_epoch()
        known = self.get(key)
        change = _Change()
        change.set("synced_trigger", known.triggered_at)
        change.set("synced_end", known.ended_at)
        change.set("synced_count", known.count)
        change.set("synced_severity", known.severity)
        change.set("synced_outcome", known.outcome)
        if known.sys_id:
            change.set("synced_phase", "trigger" if known.is_firing else "resolve")
        change.removes += ["#waits_until", "#notes"]
        change.conditions.append("(attribute_not_exists(#leased_until) OR #leased_until <= :now)")
        change.values[":now"] = attribute(now)
        if not known.is_known:
            return 0
        try:
            self._update(key, change)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return max(1, self.get(key).leased_until - now)
        return 0

    def hold(self, known: Correlation, held: Held) -> Correlation:
        """Record that a hold begins, unless another has begun, and return what is known then."""
        change = _Change()
        change.set("held", held)
        if not known.sys_id:
            change.set("severity", held.severity)
        return self._if_held(known, change)

    def heal(self, known: Correlation) -> Correlation:
        """Count what ended within its hold as synced, and return what is known then."""
        change = _Change()
        change.set("synced_trigger", known.triggered_at)
        change.set("synced_end", known.ended_at)
        change.set("synced_count", known.count)
        change.removes.append("#held")
        if not known.sys_id:
            change.removes.append("#severity")
        now = clock.now_epoch()
        change.values |= {":now": attribute(now), ":trigger": attribute(known.triggered_at)}
        if known.ended_at:
            change.values[":end"] = attribute(known.ended_at)
        change.conditions += [
            "#triggered_at = :trigger",
            "#ended_at = :end" if known.ended_at else "attribute_not_exists(#ended_at)",
            "(attribute_not_exists(#leased_until) OR #leased_until <= :now)",
        ]  # fmt: skip
        return self._if_held(known, change)

    def join(self, known: Correlation, group_key: str) -> Correlation:
        """Record that a new episode belongs to another group, or to none; return what is known.

        Args:
            known: what is known of the member.
            group_key: the group; empty for none.
        """
        change = _Change()
        change.set("group_key", group_key)
        change.set("joined_at", known.triggered_at)
        change.conditions.append("(attribute_not_exists(#joined_at) OR #joined_at <= :joined_at)")
        return self._or_known(known, change)

    def rise(self, key: str, owner: str, news: GroupNews, look_at: int) -> Correlation:
        """Raise a group's version, for what a batch makes of it, and return what is known then.

        Args:
            key: the group's key.
            owner: whose it is.
            news: what the batch makes of it.
            look_at: when its members are to be looked at; 0 for no look.
        """
        return self._update_until_known(key, lambda known: _rising(owner, news, look_at, known))

    def end_group(self, known: Correlation, end_texts: dict[str, str]) -> Correlation:
        """Record that no member went on at the version that is known; return what is known then."""
        change = _Change()
        change.set("ended_at", known.count)
        change.set("end_received_at", clock.now_epoch() * 1_000_000)
        change.set("end_texts", end_texts)
        change.removes.append("#look_at")
        return self._at_version(known, change)

    def look_again(self, known: Correlation, look_at: int) -> Correlation:
        """Record when a group is to be looked at next, 0 for not; return what is known then."""
        change = _Change()
        if look_at:
            change.set("look_at", look_at)
        else:
            change.removes.append("#look_at")
        return self._at_version(known, change)

    def _update_until_known(
        self, key: str, change_of: "Callable[[Correlation | None], _Change]"
    ) -> Correlation:
        """Make a change without a read, or else with what the refusal says is known.

        Args:
            key: the dedup key.
            change_of: returns the change, given what is known: None for nothing that was read.
        """
        known: Correlation | None = None
        while True:
            change = change_of(known)
            if change.is_empty and known is not None:
                return known
            try:
                return self._update(key, change)
            except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
                known = _correlation(key, refusing_item(error))

    def _at_version(self, known: Correlation, change: "_Change") -> Correlation:
        change.conditions.append("#count = :count")
        change.values[":count"] = attribute(known.count)
        return self._or_known(known, change)

    def _or_known(self, known: Correlation, change: "_Change") -> Correlation:
        """Make a change, and return what is known, whether it was made or not."""
        try:
            return self._update(known.key, change)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return self.get(known.key)

    def _if_held(self, known: Correlation, change: "_Change") -> Correlation:
        """Make a change unless the hold is another by now; return what is known then."""
        if known.held.since:
            change.conditions.append("#held = :old")
            change.values[":old"] = attribute(known.held)
        else:
            change.conditions.append("attribute_not_exists(#held)")
        return self._or_known(known, change)

    def _end(self, correlation: Correlation, change: "_Change") -> Correlation | None:
        """Make the change that ends a lease, unless it is another's by now."""
        change.conditions.append("#lease_holder = :holder")
        change.values[":holder"] = attribute(correlation.lease_holder)
        try:
            return self._update(correlation.key, change)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return None

    def _update(self, key: str, change: "_Change") -> Correlation:
        change.set("expires_at", clock.now_epoch() + CORRELATION_DAYS * _DAY)
        change.set("version", VERSION)
        change.conditions.append("(attribute_not_exists(#version) OR #version <= :version)")
        conditions = " AND ".join(change.conditions)
        names = re.findall(r"#(\w+)", change.expression + conditions)
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(key),
                UpdateExpression=change.expression,
                ConditionExpression=conditions,
                ExpressionAttributeNames={f"#{name}": name for name in names},
                ExpressionAttributeValues=change.values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            versions.check(refusing_item(error) or {}, VERSION)
            raise
        return _correlation(key, answer["Attributes"])


@dataclass(slots=True)
class _Change:
    """An update that is being put together."""

    sets: list[str] = field(default_factory=list)
    adds: list[str] = field(default_factory=list)
    removes: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    values: "Values" = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not (self.sets or self.adds or self.removes)

    @property
    def expression(self) -> str:
        """The update, in DynamoDB's language."""
        clauses = {"SET": self.sets, "ADD": self.adds, "REMOVE": self.removes}
        return " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts)

    def set(self, name: str, value: Any) -> None:
        """Set an attribute."""
        self.sets.append(f"#{name} = :{name}")
        self.values[f":{name}"] = attribute(value)


def _recording(news: News, known: Correlation | None) -> _Change:
    """Return the change that records news, given what is known: None for nothing that was read.

    Where nothing was read the news is taken for the newest, under the condition that it is. What
    is newer once stays newer, so the change after a refusal has fewer conditions.
    """
    change = _Change()
    if news.triggered_at:
        _record_trigger(change, news, known)
    if news.ended_at and (known is None or _ends(news, known)):
        change.set("ended_at", news.ended_at)
        change.set("end_received_at", news.end_received_at)
        change.set("end_texts", news.end_texts)
        change.set("outcome", news.outcome)
        change.conditions.append(_OTHER_OUTCOME if news.outcome else _NEWER_END)
        if news.end_is_heartbeat and not news.triggered_at:
            change.conditions.append(_FIRING)
    _record_finality(change, news, known)
    if news.notes:
        _record_notes(change, news, known)
    if not change.is_empty:
        change.set("owner", news.owner)
    return change


def _rising(owner: str, news: GroupNews, look_at: int, known: Correlation | None) -> _Change:
    """Return the change that raises a group's version; see `_recording`."""
    change = _Change(values={":zero": attribute(0), ":one": attribute(1)})
    version = "if_not_exists(#count, :zero) + :one"
    if news.opens:
        change.sets += [f"#triggered_at = {version}", "#rule = if_not_exists(#rule, :rule)"]
        change.values[":rule"] = attribute(news.rule)
        change.set("texts", news.texts or {})
        for name in ("received_at", "severity"):
            value = getattr(news, name)
            if known is None:
                change.conditions.append(f"(attribute_not_exists(#{name}) OR #{name} <= :{name})")
            if known is None or value > getattr(known, name):
                change.set(name, value)
    change.sets.append(f"#count = {version}")
    if look_at:
        change.sets.append("#look_at = if_not_exists(#look_at, :look)")
        change.values[":look"] = attribute(look_at)
    change.set("is_group", value=True)
    change.adds.append("#members :members")
    change.values[":members"] = attribute(news.is_new)
    change.set("owner", owner)
    return change


def _ends(news: News, known: Correlation) -> bool:
    is_over = known.ended_at > 0 and not known.is_firing and not news.triggered_at
    is_newer = news.ended_at > known.ended_at or (
        news.ended_at == known.ended_at
        and bool(news.outcome)
        and news.outcome != known.outcome
        and news.end_received_at > known.end_received_at
    )
    return is_newer and not (news.end_is_heartbeat and is_over)


def _record_trigger(  # noqa: C901 - what is newer, higher and counted is one table
    change: _Change, news: News, known: Correlation | None
) -> None:
    is_newer = known is None or news.triggered_at > known.triggered_at
    if news.group_key and is_newer:
        change.sets += [
            "#group_key = if_not_exists(#group_key, :group)",
            "#joined_at = if_not_exists(#joined_at, :triggered_at)",
        ]
        change.values[":group"] = attribute(news.group_key)
    is_higher = known is not None and 0 < known.severity < news.severity
    begins = news.begins_episode or known is None or not known.is_firing
    if is_newer:
        change.set("triggered_at", news.triggered_at)
        change.set("trigger_id", news.trigger_id)
        change.set("texts", news.texts)
        change.set("silenced_until", news.silenced_until)
        change.set("seen_at", news.seen_at)
        change.conditions.append(
            "(attribute_not_exists(#triggered_at) OR #triggered_at < :triggered_at)"
        )
        if news.is_heartbeat and not news.begins_episode:
            change.conditions.append(_OVER if begins else _FIRING)
    if (is_newer and (begins or not news.is_heartbeat)) or is_higher:
        change.set("received_at", news.received_at)
    if is_higher:
        change.set("severity", news.severity)
        change.conditions.append("#severity < :severity")
    elif known is None:
        change.sets.append("#severity = if_not_exists(#severity, :severity)")
        change.values[":severity"] = attribute(news.severity)
        change.conditions.append("(attribute_not_exists(#severity) OR #severity >= :severity)")
    elif not known.severity:
        change.set("severity", news.severity)
    count = news.occurrences
    doubtful = news.doubtful
    if is_newer and news.is_heartbeat:
        count += begins
    elif is_newer and news.trigger_was_received:
        count, doubtful = count + 1, doubtful - 1  # else it would be known
    elif known is not None and news.trigger_id == known.trigger_id:
        count -= not news.trigger_was_received  # the newest once more, in a message of its own
    if count > 0:
        change.adds.append("#count :count")
        change.values[":count"] = attribute(count)
    if doubtful > 0:
        change.set("is_about", value=True)


def _record_finality(change: _Change, news: News, known: Correlation | None) -> None:
    taken_back_at = news.taken_back_at
    if known is not None and known.is_final and 0 < known.severity < news.severity:
        taken_back_at = max(taken_back_at, news.triggered_at)
    for name, moment in (("final_at", news.final_at), ("taken_back_at", taken_back_at)):
        if moment and (known is None or moment > getattr(known, name)):
            change.set(name, moment)
            change.conditions.append(f"(attribute_not_exists(#{name}) OR #{name} < :{name})")


def _record_notes(change: _Change, news: News, known: Correlation | None) -> None:
    notes = [note for note in news.notes if known is None or _is_new(note, known)]
    if not notes:
        return
    if not news.triggered_at and not news.ended_at:
        if known is not None and not known.is_known:
            return  # an annotation opens nothing
        change.conditions.append("attribute_exists(pk)")
    # An annotation is a sign of life, too.
    if not news.triggered_at and (known is None or news.seen_at > known.seen_at):
        change.set("seen_at", news.seen_at)
    annotations = [note for note in notes if not note.is_news]
    if annotations:
        change.set("annotated_at", max(note.moment for note in annotations))
        change.set("annotation_id", annotations[-1].id)
    if annotations and known is None:
        change.values[":oldest"] = attribute(annotations[0].moment)
        change.conditions.append("(attribute_not_exists(#annotated_at) OR #annotated_at < :oldest)")
    if len(annotations) < len(notes) and known is None:
        change.conditions += [
            _OVER,
            "(attribute_not_exists(#ended_at) OR #ended_at < :triggered_at)",
        ]
    _record_marks(change, notes, known)
    texts = [note.text for note in notes if not _is_said(note, news, known)]
    if not texts:
        return
    change.sets.append("#notes = list_append(if_not_exists(#notes, :none), :notes)")
    change.values |= {
        ":none": {"L": []},
        ":notes": {"L": [{"S": text} for text in texts[-MOST_NOTES:]]},
    }
    if known is None:
        change.values[":most"] = attribute(MOST_NOTES)
        change.conditions.append("(attribute_not_exists(#notes) OR size(#notes) < :most)")


def _record_marks(change: _Change, notes: list[Note], known: Correlation | None) -> None:
    """Record what notes are recognised by; once there is no room, what is old is forgotten."""
    marks = list(dict.fromkeys(mark for note in notes for mark in note.marks))[-MOST_MARKS // 2 :]
    if known is not None and len(known.marks) + len(marks) > MOST_MARKS:
        change.sets.append("#marks = :marks")
    else:
        change.sets.append("#marks = list_append(if_not_exists(#marks, :none), :marks)")
        change.values[":none"] = {"L": []}
    change.values[":marks"] = {"L": [{"S": mark} for mark in marks]}
    for place, mark in enumerate(marks):
        change.values[f":mark{place}"] = {"S": mark}
        change.conditions.append(f"(NOT contains(#marks, :mark{place}))")
    if known is None:
        change.values[":most_marks"] = attribute(MOST_MARKS // 2)
        change.conditions.append("(attribute_not_exists(#marks) OR size(#marks) <= :most_marks)")


def _is_said(note: Note, news: News, known: Correlation | None) -> bool:
    """Return whether the ticket says a trigger's news by itself: it opens, or becomes worse."""
    if not note.is_news or known is None:
        return note.opens
    is_worse = 0 < known.severity < news.severity
    is_newer = news.triggered_at > known.triggered_at
    begins = news.begins_episode or (
        not known.is_firing and news.triggered_at > known.ended_at * bool(known.triggered_at)
    )
    return is_worse or (begins and is_newer and note.opens)


def _is_new(note: Note, known: Correlation) -> bool:
    """Return whether a note was not recorded before; too many that wait are counted only."""
    if set(note.marks) & set(known.marks) or len(known.notes) >= MOST_NOTES:
        return False
    was_recorded = note.was_received and note.moment <= known.annotated_at
    return note.is_news or not (note.id == known.annotation_id or was_recorded)


def _key(key: str) -> "Item":
    return {"pk": {"S": f"CORRELATION#{key}"}, "sk": {"S": "CORRELATION"}}


def microseconds(moment: datetime) -> int:
    """Return a moment as microseconds since 1970."""
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


def _value(attribute: "AttributeValueTypeDef", default: Any) -> Any:
    """Return an attribute's value, of the type that its default has."""
    ((kind, value),) = attribute.items()
    if kind == "N":
        return int(str(value))
    if kind == "L":
        return tuple(note["S"] for note in attribute["L"])
    if isinstance(default, Held):
        return Held(*json.loads(str(value)))
    return json.loads(str(value)) if not isinstance(default, str) and kind == "S" else value


_DEFAULTS = {
    item.name: item.default_factory() if callable(item.default_factory) else item.default
    for item in fields(Correlation)
    if item.name != "key"
}


def _correlation(key: str, item: "Item | None") -> Correlation:
    versions.check(item or {}, VERSION)
    values = {
        name: _value(item[name], default)
        for name, default in _DEFAULTS.items()
        if item is not None and name in item
    }
    return Correlation(key, **values)
