"""Cooldowns: an instance that refuses or fails is left alone, by every function of the stack.

One item for each, `pk = COOLDOWN#<what>`, what is an instance's host or a user's connection. It
names the end of the pause and counts the failures since the last success; pauses grow with them.
When a pause is over, one caller at a time may find out whether it was long enough.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionsync import clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

# What a process knows of a cooldown is at most so old.
_KNOWN_SECONDS = 1.0
FIRST_SECONDS = 15
LONGEST_SECONDS = 900
_DAY = 24 * 3600
# Longer than one call takes (`actionsync.connections.sessions.DEADLINE_SECONDS`).
PROBE_SECONDS = 30
# For how long those wait who do not find out themselves.
_PROBED_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Cooldown:
    """A pause.

    Attributes:
        until: epoch seconds at which it ends, or has ended; 0 for none.
        failures: how many failures there were since the last success.
        reason: the kind of failure.
    """

    until: int = 0
    failures: int = 0
    reason: str = ""


class CooldownStore:
    """The cooldowns, in the events table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        """Take the DynamoDB client and the table's name."""
        self._dynamodb = dynamodb
        self._table = table
        self._known: dict[str, tuple[float, Cooldown]] = {}

    def get(self, what: str) -> Cooldown:
        """Return a cooldown, at most a second old."""
        read_at, known = self._known.get(what, (0.0, Cooldown()))
        if time.monotonic() - read_at < _KNOWN_SECONDS and read_at:
            return known
        item = self._dynamodb.get_item(TableName=self._table, Key=_key(what)).get("Item")
        return self._keep(what, item)

    def seconds_left(self, what: str) -> int:
        """Return for how many more seconds it has to be left alone; 0 for not at all."""
        return max(0, self.get(what).until - clock.epoch(clock.now()))

    def admit(self, what: str) -> int:
        """Return 0 where it may be called now, else for how many seconds it is left alone.

        Whoever is admitted when a pause has ended is the only one for a while: a success ends the
        cooldown, a failure begins the next pause.
        """
        now = clock.epoch(clock.now())
        known = self.get(what)
        if known.until > now:
            return known.until - now
        if not known.until:
            return 0
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(what),
                UpdateExpression="SET probed_until = :until",
                ConditionExpression=(
                    "paused_until = :ended AND "
                    "(attribute_not_exists(probed_until) OR probed_until <= :now)"
                ),
                ExpressionAttributeValues={
                    ":until": {"N": str(now + PROBE_SECONDS)},
                    ":ended": {"N": str(known.until)},
                    ":now": {"N": str(now)},
                },
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            self._known.pop(what, None)
            known = self.get(what)
            return max(_PROBED_SECONDS, known.until - now) if known.until else 0
        return 0

    def start(
        self, what: str, reason: str, seconds: float | None = None, *, tolerated: int = 0
    ) -> int:
        """Begin a pause, or make it longer, and return its seconds.

        Args:
            what: what is to be left alone.
            reason: the kind of failure.
            seconds: for how long; by default longer with each failure.
            tolerated: how many failures in a row are only counted.
        """
        now = clock.epoch(clock.now())
        failures = self.get(what).failures
        if failures < tolerated:
            pause = until = 0
        else:
            asked = seconds or FIRST_SECONDS * 2 ** min(failures - tolerated, 10)
            pause = max(1, min(LONGEST_SECONDS, round(asked)))
            until = now + pause
        try:
            item = self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(what),
                UpdateExpression=(
                    "SET paused_until = :until, reason = :reason, expires_at = :expires "
                    "REMOVE probed_until ADD failures :one"
                ),
                # Those who failed together count once, and none makes another's pause shorter.
                ConditionExpression="attribute_not_exists(paused_until) OR paused_until <= :now",
                ExpressionAttributeValues={
                    ":until": {"N": str(until)},
                    ":reason": {"S": reason},
                    ":one": {"N": "1"},
                    ":now": {"N": str(now)},
                    ":expires": {"N": str(now + _DAY)},
                },
                ReturnValues="ALL_NEW",
            )["Attributes"]
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            self._known.pop(what, None)
            return max(1, self.seconds_left(what))
        self._keep(what, item)
        return pause

    def end(self, what: str, *, is_news: bool = False) -> None:
        """Forget the failures after a success.

        Args:
            what: what answers again.
            is_news: whether this process may know nothing of the failures; else it costs no call
                where it knows of none.
        """
        if is_news:
            self._known.pop(what, None)
            self.get(what)
        if self._known.get(what, (0.0, Cooldown()))[1].failures:
            self._dynamodb.delete_item(TableName=self._table, Key=_key(what))
            self._keep(what, None)

    def _keep(self, what: str, item: "dict[str, AttributeValueTypeDef] | None") -> Cooldown:
        cooldown = (
            Cooldown()
            if item is None
            else Cooldown(
                int(item["paused_until"]["N"]), int(item["failures"]["N"]), item["reason"]["S"]
            )
        )
        self._known[what] = (time.monotonic(), cooldown)
        return cooldown


def _key(what: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"COOLDOWN#{what}"}, "sk": {"S": "COOLDOWN"}}
