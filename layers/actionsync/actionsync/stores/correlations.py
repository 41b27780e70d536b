"""Causes in DynamoDB: what is known of each, and what its ticket has been told.

A cause is one item, `pk = CAUSE#<id>`. Every event changes what is known with one update; nobody
has to hold anything for that. Whoever finds that the ticket has to be told something takes the
cause's lease, writes to ServiceNow, and records that in the update that ends the lease, which also
returns what has become known meanwhile. A holder that dies leaves, in `doing`, what it was about
to write: the next one finds out first whether it did.

A delivery is marked before it is counted: a repetition is not counted again, but it may go on with
work that a dead one left.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from actionsync import clock
from actionsync.stores.conditions import refusing_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, UniversalAttributeValueTypeDef

    Values = dict[str, UniversalAttributeValueTypeDef]

# Longer than the functions of events run (template.yaml: Timeout).
LEASE_SECONDS = 70
# A cause is forgotten when it has not been seen for so long; SQS keeps a message for 14 days.
CAUSE_DAYS = 120
DELIVERY_DAYS = 30
_DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class Correlation:
    """What is known of a cause.

    Attributes:
        id: the cause's id.
        phase: on or off, by its newest event.
        count: how many events there were.
        told_phase: what its ticket says; empty without one.
        told_count: how many of the events its ticket knows of.
        generation: counts its tickets, from 1.
        sys_id: its ticket, or empty.
        number: its ticket's number, or empty.
        url: where a person finds it.
        previous: the number of the ticket before, or empty.
        left: the columns that tell whether a person has touched the ticket, as we left them.
        note_after: epoch seconds before which a recurrence is only counted.
        outcome: how a deployment ended, or empty.
        remark: a note to make, or empty.
        texts: what the newest event said of it.
        end_texts: what the newest event said of its end.
        doing: what the lease's holder is about to write, or None.
        leased_until: epoch seconds, 0 for no lease.
        waits_until: epoch seconds until which a waiting message will come back and go on.
    """

    id: str
    phase: str = ""
    count: int = 0
    told_phase: str = ""
    told_count: int = 0
    generation: int = 1
    sys_id: str = ""
    number: str = ""
    url: str = ""
    previous: str = ""
    left: dict[str, str] = field(default_factory=dict)
    note_after: int = 0
    outcome: str = ""
    remark: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    end_texts: dict[str, str] = field(default_factory=dict)
    doing: dict[str, Any] | None = None
    leased_until: int = 0
    waits_until: int = 0


class CorrelationStore:
    """The causes of all users; their ids hold the user."""

    def __init__(self, dynamodb: "DynamoDBClient", causes: str, claims: str) -> None:
        """Take the DynamoDB client and the names of the events table and the claims table."""
        self._dynamodb = dynamodb
        self._causes = causes
        self._claims = claims

    def mark(self, delivery: str) -> bool:
        """Mark a delivery; tell whether it is the first time."""
        expires_at = clock.epoch(clock.now()) + DELIVERY_DAYS * _DAY
        try:
            self._dynamodb.put_item(
                TableName=self._claims,
                Item={"pk": {"S": f"DELIVERY#{delivery}"}, "expires_at": {"N": str(expires_at)}},
                ConditionExpression="attribute_not_exists(pk)",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def get(self, cause_id: str) -> Correlation:
        """Return a cause; one that nothing is known of is empty."""
        item = self._dynamodb.get_item(
            TableName=self._causes, Key=_key(cause_id), ConsistentRead=True
        ).get("Item")
        return Correlation(cause_id) if item is None else _cause(cause_id, item)

    def begin(
        self, cause_id: str, user_id: str, at: datetime, texts: dict[str, str], *, counts: bool
    ) -> Correlation:
        """Record that a cause goes on.

        One that is not younger than the end that is known changes the count only: EventBridge's
        times have no fractions of a second, and a beginning and its end may share one.

        Args:
            cause_id: the cause.
            user_id: whose it is.
            at: when it was so.
            texts: what the event says.
            counts: whether the event was not counted before.
        """
        # One that died between its mark and this update was not counted: it is, if it is the first.
        count = (
            "ADD event_count :one" if counts else ", event_count = if_not_exists(event_count, :one)"
        )
        values: Values = {":one": {"N": "1"}, ":user": {"S": user_id}, **_texts(texts)}
        try:
            return self._update(
                cause_id,
                "SET phase = :on, on_at = :at, texts = :texts, user_id = :user, "
                f"expires_at = :expires {count}",
                "attribute_not_exists(off_at) OR off_at < :at",
                {":on": {"S": "on"}, ":at": {"N": _milliseconds(at)}, **values},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return self._update(
                cause_id,
                "SET expires_at = :expires, user_id = :user, "
                f"texts = if_not_exists(texts, :texts) {count}",
                None,
                values,
            )

    def end(
        self, cause_id: str, user_id: str, at: datetime, outcome: str, texts: dict[str, str]
    ) -> Correlation:
        """Record that a cause is over; one that is older than its beginning changes nothing."""
        try:
            return self._update(
                cause_id,
                "SET phase = :off, off_at = :at, end_texts = :texts, outcome = :outcome, "
                "user_id = :user, expires_at = :expires",
                "attribute_not_exists(on_at) OR on_at <= :at",
                {
                    ":off": {"S": "off"},
                    ":user": {"S": user_id},
                    ":at": {"N": _milliseconds(at)},
                    ":outcome": {"S": outcome},
                    **_texts(texts),
                },
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            item = refusing_item(error)
            return Correlation(cause_id) if item is None else _cause(cause_id, item)

    def remark(self, cause_id: str, text: str) -> Correlation:
        """Record a note to make on the ticket, if there is one."""
        try:
            return self._update(
                cause_id,
                "SET remark = :remark, expires_at = :expires",
                "attribute_exists(pk)",
                {":remark": {"S": text}},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return Correlation(cause_id)

    def lease(self, cause: Correlation, doing: dict[str, Any]) -> Correlation | None:
        """Take a cause's lease and say what is about to be written, or None if another holds it.

        What a dead holder was about to write stays, and is what the new one has to see to first.
        """
        now = clock.epoch(clock.now())
        try:
            return self._update(
                cause.id,
                "SET leased_until = :until, doing = if_not_exists(doing, :doing), "
                "expires_at = :expires REMOVE waits_until",
                "attribute_not_exists(leased_until) OR leased_until <= :now",
                {
                    ":until": {"N": str(now + LEASE_SECONDS)},
                    ":now": {"N": str(now)},
                    ":doing": {"S": json.dumps(doing)},
                },
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return None

    def finish(self, cause: Correlation, told: dict[str, Any]) -> Correlation:
        """Record what the ticket was told, end the lease, and return what is known by now.

        Args:
            cause: the cause, as leased.
            told: of `told_phase`, `told_count`, `sys_id`, `number`, `url`, `left`, `note_after`
                and `remark` those that changed.
        """
        sets = "".join(f", #{name} = :{name}" for name in told)
        return self._update(
            cause.id,
            f"SET expires_at = :expires{sets} REMOVE leased_until, doing, waits_until",
            None,
            {f":{name}": _attribute(value) for name, value in told.items()},
            {f"#{name}": name for name in told},
        )

    def renew(self, cause: Correlation) -> Correlation:
        """Give up the cause's ticket, under its lease: the next one is to be made."""
        return self._update(
            cause.id,
            "SET generation = :generation, previous = :previous, told_phase = :none, "
            "expires_at = :expires REMOVE sys_id, ticket_number, leased_until, doing",
            None,
            {
                ":generation": {"N": str(cause.generation + 1)},
                ":previous": {"S": cause.number},
                ":none": {"S": ""},
            },
        )

    def release(self, cause: Correlation, *, maybe_written: bool) -> None:
        """Give the lease back without success.

        Args:
            cause: the cause, as leased.
            maybe_written: whether the next holder has to find out what was written.
        """
        removed = "leased_until" if maybe_written else "leased_until, doing"
        self._update(cause.id, f"SET expires_at = :expires REMOVE {removed}", None, {})

    def wait(self, cause_id: str, until: int) -> None:
        """Record that a message waits, and will go on with the cause before this moment."""
        self._update(
            cause_id,
            "SET waits_until = :until, expires_at = :expires",
            None,
            {":until": {"N": str(until)}},
        )

    def _update(
        self,
        cause_id: str,
        expression: str,
        condition: str | None,
        values: "Values",
        names: dict[str, str] | None = None,
    ) -> Correlation:
        now = clock.epoch(clock.now())
        options: dict[str, Any] = {}
        if condition is not None:
            options["ConditionExpression"] = condition
            options["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        if names:
            options["ExpressionAttributeNames"] = {
                alias: _NAMES.get(name, name) for alias, name in names.items()
            }
        answer = self._dynamodb.update_item(
            TableName=self._causes,
            Key=_key(cause_id),
            UpdateExpression=expression,
            ExpressionAttributeValues={":expires": {"N": str(now + CAUSE_DAYS * _DAY)}, **values},
            ReturnValues="ALL_NEW",
            **options,
        )
        return _cause(cause_id, answer["Attributes"])


# `number` and `url` are words that DynamoDB keeps for itself, or might.
_NAMES = {"number": "ticket_number", "url": "ticket_url"}


def _key(cause_id: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"CAUSE#{cause_id}"}, "sk": {"S": "CAUSE"}}


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.astimezone(UTC).timestamp() * 1000))


def _texts(texts: dict[str, str]) -> "Values":
    return {":texts": {"S": json.dumps(texts)}}


def _attribute(value: Any) -> "UniversalAttributeValueTypeDef":
    if isinstance(value, int):
        return {"N": str(value)}
    return {"S": value if isinstance(value, str) else json.dumps(value)}


def _cause(cause_id: str, item: "dict[str, AttributeValueTypeDef]") -> Correlation:
    def text(name: str) -> str:
        return item[name]["S"] if name in item else ""

    def number(name: str, default: int = 0) -> int:
        return int(item[name]["N"]) if name in item else default

    return Correlation(
        id=cause_id,
        phase=text("phase"),
        count=number("event_count"),
        told_phase=text("told_phase"),
        told_count=number("told_count"),
        generation=number("generation", 1),
        sys_id=text("sys_id"),
        number=text("ticket_number"),
        url=text("ticket_url"),
        previous=text("previous"),
        left=json.loads(text("left") or "{}"),
        note_after=number("note_after"),
        outcome=text("outcome"),
        remark=text("remark"),
        texts=json.loads(text("texts") or "{}"),
        end_texts=json.loads(text("end_texts") or "{}"),
        doing=json.loads(item["doing"]["S"]) if "doing" in item else None,
        leased_until=number("leased_until"),
        waits_until=number("waits_until"),
    )
