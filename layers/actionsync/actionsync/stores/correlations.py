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
from actionsync.stores.conditions import refusing_item
from actionsync.stores.updates import Update, recording, rising

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

VERSION = 1
# Ten seconds longer than the functions of events run (template.yaml: Timeout).
LEASE_SECONDS = 70
# ServiceNow ends a request after 60 seconds: until so long after a send whose answer is missing,
# that no record is found proves nothing.
UNCERTAIN_SECONDS = 90
# A correlation is forgotten when nothing has come for so long; SQS keeps a message for 14 days.
CORRELATION_DAYS = 120
_DAY = 24 * 3600
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
        return self._update_until_known(key, lambda known: recording(news, known))

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
        update = Update()
        update.set("leased_until", now + LEASE_SECONDS)
        update.set("lease_holder", action["holder"])
        update.set("uncertain_until", uncertain_until)
        update.set("counted", correlation.counted)
        update.default("pending_action", action)
        update.remove("waits_until")
        update.values["now"] = now
        for name in ("leased_until", "uncertain_until"):
            update.conditions.append(f"(attribute_not_exists(#{name}) OR #{name} <= :now)")
        try:
            return self._update(correlation.key, update)
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
        update = Update()
        for name, value in synced.items():
            update.set(name, value)
        update.remove(
            "leased_until", "lease_holder", "uncertain_until", "pending_action", "waits_until"
        )
        if synced.get("synced_phase") == "trigger":
            update.remove("held")
        if report:
            update.append("notes", [report])
        else:
            update.drop("notes", notes)
        return self._end(correlation, update)

    def release(self, correlation: Correlation, *, uncertain_until: int | None) -> None:
        """Give the lease back without success.

        Args:
            correlation: the correlation, as leased.
            uncertain_until: epoch seconds until which what was sent may take effect; None where
                nothing was written.
        """
        update = Update()
        update.remove("leased_until", "lease_holder")
        if uncertain_until is None:
            update.remove("uncertain_until", "pending_action")
        else:
            update.set("uncertain_until", uncertain_until)
        self._end(correlation, update)

    def wait(self, key: str, until: int) -> None:
        """Record that an item of a key waits, and will go on with it before this moment.

        A moment that has passed says that the item is due, or has failed; 0 that there is none.
        """
        update = Update()
        update.set("waits_until", until)
        self._update(key, update)

    def give_up(self, key: str) -> int:
        """Count what is known of a key as synced, so that only news is worth a ticket.

        The pending action of a holder that died stays, for the next holder to check.

        Returns:
            The seconds for which somebody still holds the lease, 0 where it is done.
        """
        now = clock.now_epoch()
        known = self.get(key)
        update = Update()
        update.set("synced_trigger", known.triggered_at)
        update.set("synced_end", known.ended_at)
        update.set("synced_count", known.count)
        update.set("synced_severity", known.severity)
        update.set("synced_outcome", known.outcome)
        if known.sys_id:
            update.set("synced_phase", "trigger" if known.is_firing else "resolve")
        update.remove("waits_until", "notes")
        update.conditions.append("(attribute_not_exists(#leased_until) OR #leased_until <= :now)")
        update.values["now"] = now
        if not known.is_known:
            return 0
        try:
            self._update(key, update)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return max(1, self.get(key).leased_until - now)
        return 0

    def hold(self, known: Correlation, held: Held) -> Correlation:
        """Record that a hold begins, unless another has begun, and return what is known then."""
        update = Update()
        update.set("held", held)
        if not known.sys_id:
            update.set("severity", held.severity)
        return self._if_held(known, update)

    def heal(self, known: Correlation) -> Correlation:
        """Count what ended within its hold as synced, and return what is known then."""
        update = Update()
        update.set("synced_trigger", known.triggered_at)
        update.set("synced_end", known.ended_at)
        update.set("synced_count", known.count)
        update.remove("held")
        if not known.sys_id:
            update.remove("severity")
        update.values |= {"now": clock.now_epoch(), "trigger": known.triggered_at}
        if known.ended_at:
            update.values["end"] = known.ended_at
        update.conditions += [
            "#triggered_at = :trigger",
            "#ended_at = :end" if known.ended_at else "attribute_not_exists(#ended_at)",
            "(attribute_not_exists(#leased_until) OR #leased_until <= :now)",
        ]  # fmt: skip
        return self._if_held(known, update)

    def join(self, known: Correlation, group_key: str) -> Correlation:
        """Record that a new episode belongs to another group, or to none; return what is known.

        Args:
            known: what is known of the member.
            group_key: the group; empty for none.
        """
        update = Update()
        update.set("group_key", group_key)
        update.set("joined_at", known.triggered_at)
        update.conditions.append("(attribute_not_exists(#joined_at) OR #joined_at <= :joined_at)")
        return self._or_known(known, update)

    def rise(self, key: str, owner: str, news: GroupNews, look_at: int) -> Correlation:
        """Raise a group's version, for what a batch makes of it, and return what is known then.

        Args:
            key: the group's key.
            owner: whose it is.
            news: what the batch makes of it.
            look_at: when its members are to be looked at; 0 for no look.
        """
        return self._update_until_known(key, lambda known: rising(owner, news, look_at, known))

    def end_group(self, known: Correlation, end_texts: dict[str, str]) -> Correlation:
        """Record that no member went on at the version that is known; return what is known then."""
        update = Update()
        update.set("ended_at", known.count)
        update.set("end_received_at", clock.now_epoch() * 1_000_000)
        update.set("end_texts", end_texts)
        update.remove("look_at")
        return self._at_version(known, update)

    def look_again(self, known: Correlation, look_at: int) -> Correlation:
        """Record when a group is to be looked at next, 0 for not; return what is known then."""
        update = Update()
        if look_at:
            update.set("look_at", look_at)
        else:
            update.remove("look_at")
        return self._at_version(known, update)

    def _update_until_known(
        self, key: str, update_of: "Callable[[Correlation | None], Update]"
    ) -> Correlation:
        """Update without a read, or else with what the refusal says is known.

        Args:
            key: the dedup key.
            update_of: returns the update, given what is known: None for nothing that was read.
        """
        known: Correlation | None = None
        while True:
            update = update_of(known)
            if update.is_empty and known is not None:
                return known
            try:
                return self._update(key, update)
            except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
                known = _correlation(key, refusing_item(error))

    def _at_version(self, known: Correlation, update: Update) -> Correlation:
        update.conditions.append("#count = :count")
        update.values["count"] = known.count
        return self._or_known(known, update)

    def _or_known(self, known: Correlation, update: Update) -> Correlation:
        """Update, and return what is known, whether the conditions held or not."""
        try:
            return self._update(known.key, update)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return self.get(known.key)

    def _if_held(self, known: Correlation, update: Update) -> Correlation:
        """Update unless the hold is another by now; return what is known then."""
        if known.held.since:
            update.conditions.append("#held = :old")
            update.values["old"] = known.held
        else:
            update.conditions.append("attribute_not_exists(#held)")
        return self._or_known(known, update)

    def _end(self, correlation: Correlation, update: Update) -> Correlation | None:
        """Make the update that ends a lease, unless it is another's by now."""
        update.conditions.append("#lease_holder = :holder")
        update.values["holder"] = correlation.lease_holder
        try:
            return self._update(correlation.key, update)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return None

    def _update(self, key: str, update: Update) -> Correlation:
        update.set("expires_at", clock.now_epoch() + CORRELATION_DAYS * _DAY)
        update.set("version", VERSION)
        update.conditions.append("(attribute_not_exists(#version) OR #version <= :version)")
        conditions = " AND ".join(update.conditions)
        names = re.findall(r"#(\w+)", update.expression + conditions)
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(key),
                UpdateExpression=update.expression,
                ConditionExpression=conditions,
                ExpressionAttributeNames={f"#{name}": name for name in names},
                ExpressionAttributeValues=update.arguments,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            versions.check(refusing_item(error) or {}, VERSION)
            raise
        return _correlation(key, answer["Attributes"])


class MemoryCorrelations(CorrelationStore):
    """Correlations that are stored nowhere, of one caller: what it knows is always the newest."""

    def __init__(self) -> None:
        self._items: dict[str, dict[str, Any]] = {}

    def get(self, key: str) -> Correlation:
        """Return a correlation; one that nothing is known of is empty."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self._items.get(key, {}).items()
            if name in _DEFAULTS
        }
        return Correlation(key, **values)

    def _update_until_known(
        self, key: str, update_of: "Callable[[Correlation | None], Update]"
    ) -> Correlation:
        known = self.get(key)
        update = update_of(known)
        return known if update.is_empty else self._update(key, update)

    def _update(self, key: str, update: Update) -> Correlation:
        self._items[key] = update.applied(self._items.get(key, {}))
        return self.get(key)


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
