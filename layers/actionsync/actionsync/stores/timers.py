"""Timers: what has to be done at a moment and is no event, in the table of what waits.

`pk = TIMER#<id>`. A timer waits under a key whose table is `#` and its kind: the tick sends a
prompt with that kind when it is due, and whoever handles it moves the timer on, or ends it. A
timer has neither tries nor an age, and no owner sees it among the unfinished events.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from actionsync import clock
from actionsync.stores import versions
from actionsync.stores.conditions import refusing_item
from actionsync.stores.waiting import VERSION, WaitKey, due_key_of, wait_key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, UniversalAttributeValueTypeDef

    from actionsync.stores.waiting import WaitingStore

    Item = dict[str, AttributeValueTypeDef]
    Values = dict[str, UniversalAttributeValueTypeDef]

Kind = Literal["looks", "gates", "notices", "windows"]
# The one key of a prompt's body: no event has it.
PROMPT = "actionsync_prompt"
# A prompt that is asked for is sent so much later, and the next one so much later than that.
PROMPT_DELAY_SECONDS = 2
PROMPT_SECONDS = 5

# The moment of what somebody has asked for.
ASKED_FOR = 0


def prompt(item_id: str, timer: str = "", others: "Sequence[str]" = ()) -> str:
    """Return the message that asks for a look at an item of what waits, or at timers.

    Args:
        item_id: the item, or the timer.
        timer: the kind of timer, empty for an item.
        others: further timers of the kind.
    """
    asked: dict[str, Any] = {"version": VERSION, "item": item_id}
    if timer:
        asked["timer"] = timer
    if others:
        asked["others"] = list(others)
    return json.dumps({PROMPT: asked})


def looks_of(connection_id: int) -> str:
    """Return the id of the timer of a connection's looks."""
    return hashlib.sha256(f"looks {connection_id}".encode()).hexdigest()[:32]


def key_of(kind: Kind, owner: str, connection: str = "") -> WaitKey:
    """Return the key under which timers of a kind wait."""
    return WaitKey(owner, connection, f"#{kind}")


@dataclass(frozen=True, slots=True)
class Timer:
    """When something is to be done.

    Attributes:
        id: hexadecimal digits, at least eight.
        wait_key: what it waits under.
        next_at: epoch seconds at which it is due.
        memo: what is remembered until then, as JSON can say it.
        is_marked: whether `mark` was called.
    """

    id: str
    wait_key: WaitKey
    next_at: int
    memo: dict[str, Any] = field(default_factory=dict)
    is_marked: bool = False


class TimerStore:
    """The timers, in the table of what waits.

    Whatever reads or moves one raises UnknownVersionError where newer code has written it.
    """

    def __init__(self, dynamodb: "DynamoDBClient", table: str, waiting: "WaitingStore") -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._waiting = waiting

    def start(self, timer: Timer) -> bool:
        """Start a timer, unless it runs; return whether it was started."""
        self._waiting.touch(timer.wait_key)
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item={
                    **_key(timer.id),
                    "version": {"N": str(VERSION)},
                    "owner": {"S": timer.wait_key.owner},
                    "connection": {"S": timer.wait_key.connection},
                    "table": {"S": timer.wait_key.table},
                    "due_key": {"S": due_key_of(timer.wait_key, timer.id)},
                    "next_at": {"N": str(timer.next_at)},
                    "created_at": {"N": str(clock.now_epoch())},
                    "memo": {"S": json.dumps(timer.memo)},
                },
                ConditionExpression="attribute_not_exists(pk)",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def get(self, timer_id: str) -> Timer | None:
        """Return a timer, or None where it has ended."""
        item = self._dynamodb.get_item(
            TableName=self._table, Key=_key(timer_id), ConsistentRead=True
        ).get("Item")
        if item is None:
            return None
        versions.check(item, VERSION)
        return Timer(
            timer_id,
            wait_key_of(item),
            int(item["next_at"]["N"]),
            json.loads(item["memo"]["S"]),
            is_marked="is_marked" in item,
        )

    def move(self, timer: Timer, next_at: int, memo: dict[str, Any]) -> bool:
        """Move a timer on; return whether it was still as it was read, which is the condition."""
        self._waiting.touch(timer.wait_key)
        return self._update(
            timer.id,
            "SET next_at = :next, memo = :memo",
            "next_at = :read AND memo = :old",
            {
                ":next": {"N": str(next_at)},
                ":memo": {"S": json.dumps(memo)},
                ":read": {"N": str(timer.next_at)},
                ":old": {"S": json.dumps(timer.memo)},
            },
        )

    def make_due(self, timer_id: str) -> bool:
        """Make a timer due now, before what waits beside it; return whether it was not due yet."""
        values: Values = {":asked": {"N": str(ASKED_FOR)}, ":now": _now()}
        return self._update(timer_id, "SET next_at = :asked", "next_at > :now", values)

    def mark(self, timer_id: str) -> bool:
        """Make a timer due now, and mark it for its handler; return whether it was not marked."""
        values: Values = {":now": _now(), ":marked": {"BOOL": True}}
        return self._update(
            timer_id,
            "SET next_at = :now, is_marked = :marked",
            "attribute_not_exists(is_marked)",
            values,
        )

    def claim_prompt(self, timer_id: str) -> int | None:
        """Return after how many seconds a prompt is to be sent; None where one is under way.

        One that is sent later than what it is asked for covers that; between two of them are
        PROMPT_SECONDS at least.
        """
        now = clock.now_epoch()
        last = self._claim_prompt(timer_id, now, "#at <= :old", now - PROMPT_SECONDS)
        if last is None:
            return PROMPT_DELAY_SECONDS
        if not last or now < last + PROMPT_DELAY_SECONDS:
            return None
        following = last + PROMPT_SECONDS
        if self._claim_prompt(timer_id, following, "#at = :old", last) is None:
            return following - now + PROMPT_DELAY_SECONDS
        return None

    def _claim_prompt(self, timer_id: str, at: int, condition: str, old: int) -> int | None:
        """Claim a moment; return None where it is claimed, else the one before, 0 for no timer."""
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(timer_id),
                UpdateExpression="SET #at = :at",
                ConditionExpression="attribute_exists(pk) "
                f"AND (attribute_not_exists(#at) OR {condition})",
                ExpressionAttributeNames={"#at": "prompted_at"},
                ExpressionAttributeValues={":at": {"N": str(at)}, ":old": {"N": str(old)}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            item = refusing_item(error) or {}
            return int(item["prompted_at"]["N"]) if "prompted_at" in item else 0
        return None

    def end(self, timer_id: str) -> None:
        """End a timer."""
        self._dynamodb.delete_item(TableName=self._table, Key=_key(timer_id))

    def _update(self, timer_id: str, expression: str, condition: str, values: "Values") -> bool:
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(timer_id),
                UpdateExpression=expression,
                ConditionExpression=f"attribute_exists(pk) AND version <= :version AND {condition}",
                ExpressionAttributeValues={":version": {"N": str(VERSION)}, **values},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _now() -> "UniversalAttributeValueTypeDef":
    return {"N": str(clock.now_epoch())}


def _key(timer_id: str) -> "Item":
    return {"pk": {"S": f"TIMER#{timer_id}"}, "sk": {"S": "TIMER"}}
