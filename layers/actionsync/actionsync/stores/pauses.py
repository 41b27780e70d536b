"""Pauses: times in which no function of the stack calls a target that refuses or fails.

A pause belongs to an instance, to a connection at the version of its secret, or to a table of that
connection. Each is one item: when it ends, how many failures there were since the last success,
and why. After a pause one caller at a time finds out whether it was long enough: a success ends it
for all, a failure begins a longer one.
"""

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from actionsync import clock
from actionsync.stores import capabilities

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from actionsync.stores.connections import Connection

    Item = dict[str, AttributeValueTypeDef]

Scope = Literal["instance", "connection", "table"]

FIRST_SECONDS = 15
LONGEST_SECONDS = 900
# A Retry-After beyond it is taken for this much: ServiceNow counts requests by the hour.
LONGEST_RETRY_AFTER_SECONDS = 3600
# An answer that took longer is a slow one; so many in a row make a pause of FIRST_SECONDS.
SLOW_SECONDS = 5.0
SLOW_IN_A_ROW = 10
# Longer than one call takes (`actionsync.connections.clients.DEADLINE_SECONDS`).
PROBE_SECONDS = 30
# For how long those wait who do not find out themselves.
_PROBED_SECONDS = 5
# What a process knows of a pause is at most so old.
_KNOWN_SECONDS = 1.0
_MOST_KNOWN = 3000
_DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class Target:
    """What a call goes to: a pause covers one of these, or a part of them.

    Attributes:
        connection_id: the connection.
        secret_version: the version of its secret: with a new password nothing is known.
        host: the instance, with its port.
        table: what is read or written.
    """

    connection_id: int
    secret_version: str
    host: str
    table: str = ""

    @classmethod
    def of(cls, connection: "Connection", table: str = "") -> "Target":
        """Return the target of a call by a connection."""
        host = connection.instance_url.removeprefix("https://")
        return cls(connection.id, connection.secret_version, host, table)

    def key(self, scope: Scope) -> tuple[str, str]:
        """Return the key of this target's pause in a scope."""
        if scope == "instance":
            return f"PAUSE#INSTANCE#{self.host}", "PAUSE"
        own = (
            self.secret_version if scope == "connection" else f"{self.secret_version}#{self.table}"
        )
        return f"PAUSE#CONNECTION#{self.connection_id}", own

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes of the pauses that concern it."""
        return ("instance", "connection", "table") if self.table else ("instance", "connection")


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause.

    Attributes:
        scope: what it covers.
        until: epoch seconds at which it ends, or has ended; 0 for none.
        failures: how many failures there were since the last success.
        reason: the kind of failure.
        text: what ServiceNow said.
        key: what met the last failure.
        keys: what has failed without a success, before there is a pause.
        slow: how many answers in a row were slow.
        is_of_items: whether it began with failures of single items, which may be due to the item:
            items that have failed so before keep to their own waits.
    """

    scope: Scope
    until: int = 0
    failures: int = 0
    reason: str = ""
    text: str = ""
    key: str = ""
    keys: frozenset[str] = field(default=frozenset())
    slow: int = 0
    is_of_items: bool = False

    def seconds_left(self, now: int) -> int:
        """Return for how many more seconds it lasts."""
        return max(0, self.until - now)


class PauseStore:
    """The pauses, in the events table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._known: dict[tuple[str, str], tuple[float, Pause]] = {}

    def look(self, target: Target) -> Pause | None:
        """Return the pause that ends last of those that concern a target, or None without any.

        One that has ended is returned while its failures are remembered: whoever calls finds out.
        """
        pauses = [pause for pause in self._get(target).values() if pause.failures or pause.until]
        return max(pauses, key=lambda pause: pause.until, default=None)

    def check(self, target: Target) -> Pause | None:
        """Return the pause that a target is in, or None where it may be called.

        Whoever may call when a pause has ended is the only one for a while.
        """
        now = clock.now_epoch()
        pause = self.look(target)
        if pause is None or pause.until > now:
            return pause
        for pause in self._get(target).values():
            if pause.failures and pause.until and not self._probe(target, pause, now):
                return self._changed(target, pause, now)
        return None

    def _probe(self, target: Target, pause: Pause, now: int) -> bool:
        """Return whether this caller is the one that finds out whether a pause was long enough."""
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(target, pause.scope),
                UpdateExpression="SET probed_until = :until",
                ConditionExpression=(
                    "paused_until = :ended AND "
                    "(attribute_not_exists(probed_until) OR probed_until <= :now)"
                ),
                ExpressionAttributeValues={
                    ":until": {"N": str(now + PROBE_SECONDS)},
                    ":ended": {"N": str(pause.until)},
                    ":now": {"N": str(now)},
                },
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _changed(self, target: Target, pause: Pause, now: int) -> Pause | None:
        """Return what those wait for who do not find out themselves."""
        self._known.pop(target.key(pause.scope), None)
        current = self._get(target)[pause.scope]
        if not current.until:
            return None  # somebody has found out meanwhile
        until = max(current.until, now + _PROBED_SECONDS)
        return replace(current, until=until)

    def record_failure(
        self,
        target: Target,
        scope: Scope,
        reason: str,
        text: str = "",
        *,
        key: str,
        retry_after: float | None = None,
        threshold: int = 1,
    ) -> Pause | None:
        """Record a failure, and return the pause that it begins or makes longer.

        Args:
            target: what the call went to.
            scope: what the failure affects.
            reason: the kind of failure.
            text: what ServiceNow said.
            key: what met it: a dedup key, or a request's id.
            retry_after: for how many seconds; by default longer with each failure.
            threshold: how many different keys must meet a failure without a success between them
                before there is a pause; from then on each failure makes one, until a success.
        """
        now = clock.now_epoch()
        known = self._get(target)[scope]
        if not known.failures and threshold > 1:
            known = self._update(
                target, scope, "SET paused_until = if_not_exists(paused_until, :none), "
                "expires_at = :expires ADD failed_keys :keys",
                {":none": {"N": "0"}, ":keys": {"SS": [key]}},
            ) or known  # fmt: skip
            if not known.failures and len(known.keys) < threshold:
                return None
        pause = min(LONGEST_RETRY_AFTER_SECONDS, round(retry_after or 0)) or min(
            LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(known.failures, 10)
        )
        started = self._update(
            target,
            scope,
            "SET paused_until = :until, reason = :reason, said = :said, last_key = :key, "
            "is_of_items = :of_items, expires_at = :expires "
            "REMOVE probed_until, failed_keys ADD failures :one",
            {
                ":until": {"N": str(now + max(1, pause))},
                ":reason": {"S": reason},
                ":said": {"S": text[:1000]},
                ":key": {"S": key},
                ":of_items": {"BOOL": scope == "connection" and threshold > 1},
                ":one": {"N": "1"},
                ":now": {"N": str(now)},
            },
            # Those who failed together count once, and none makes another's pause shorter.
            "attribute_not_exists(paused_until) OR paused_until <= :now",
        )
        return started or self._get(target)[scope]

    def record_success(self, target: Target, scopes: tuple[Scope, ...] | None = None) -> None:
        """Forget the failures of a target; costs no call where this process knows of none.

        Args:
            target: what the call went to.
            scopes: what the success covers; by default all scopes of the target.
        """
        for scope in scopes or target.scopes:
            _, known = self._known.get(target.key(scope), (0.0, Pause(scope)))
            if known.failures or known.keys:
                self._forget(target, scope)

    def record_answer(self, target: Target, seconds: float) -> None:
        """Record how long an answer took: slow ones in a row make a short pause."""
        _, known = self._known.get(target.key("connection"), (0.0, Pause("connection")))
        if seconds <= SLOW_SECONDS:
            if known.slow and not known.failures:
                self._forget(target, "connection")
            return
        found = self._update(
            target, "connection",
            "SET paused_until = if_not_exists(paused_until, :none), expires_at = :expires "
            "ADD slow_answers :one",
            {":none": {"N": "0"}, ":one": {"N": "1"}},
        )  # fmt: skip
        if found is not None and found.slow >= SLOW_IN_A_ROW and not found.failures:
            now = clock.now_epoch()
            self._update(
                target, "connection",
                "SET paused_until = :until, reason = :reason, expires_at = :expires "
                "REMOVE slow_answers",
                {":until": {"N": str(now + FIRST_SECONDS)}, ":reason": {"S": "Slow"},
                 ":now": {"N": str(now)}},
                "paused_until <= :now",
            )  # fmt: skip

    def end(self, target: Target) -> None:
        """End the pauses of a target's connection, whatever this process knows of them."""
        pk, _ = target.key("connection")
        found = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
        )["Items"]
        for item in found:
            self._dynamodb.delete_item(
                TableName=self._table, Key={"pk": item["pk"], "sk": item["sk"]}
            )
        for key in [key for key in self._known if key[0] == pk]:
            del self._known[key]

    def forget_capabilities(self, target: Target) -> None:
        """Forget what the instance was found to allow."""
        self._dynamodb.delete_item(TableName=self._table, Key=capabilities.key(target))

    def _get(self, target: Target) -> dict[Scope, Pause]:
        """Return the pauses that concern a target, at most a second old."""
        now = time.monotonic()
        scopes: dict[tuple[str, str], Scope] = {target.key(scope): scope for scope in target.scopes}
        remembered = self._known  # other threads may begin another one
        known = {key: remembered[key] for key in scopes if key in remembered}
        missing = [key for key in scopes if now - known.get(key, (-1.0,))[0] > _KNOWN_SECONDS]
        if missing:
            known |= {key: (now, Pause(scopes[key])) for key in missing}
            for item in self._read(missing):
                key = (item["pk"]["S"], item["sk"]["S"])
                known[key] = (now, _pause(scopes[key], item))
            if len(self._known) > _MOST_KNOWN:
                self._known = {}
            self._known.update(known)
        return {scope: known[key][1] for key, scope in scopes.items()}

    def _read(self, keys: list[tuple[str, str]]) -> "list[Item]":
        asked: Any = {
            self._table: {"Keys": [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in keys]}
        }
        items: list[Item] = []
        while asked:
            answer = self._dynamodb.batch_get_item(RequestItems=asked)
            items += answer["Responses"].get(self._table, [])
            asked = answer.get("UnprocessedKeys")
        return items

    def _update(
        self,
        target: Target,
        scope: Scope,
        expression: str,
        values: dict[str, Any],
        condition: str | None = None,
    ) -> Pause | None:
        """Update a pause and return it, or None where it was otherwise than the condition says."""
        expires_at = clock.now_epoch() + _DAY
        options: dict[str, Any] = {} if condition is None else {"ConditionExpression": condition}
        try:
            item = self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(target, scope),
                UpdateExpression=expression,
                ExpressionAttributeValues={":expires": {"N": str(expires_at)}, **values},
                ReturnValues="ALL_NEW",
                **options,
            )["Attributes"]
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            self._known.pop(target.key(scope), None)
            return None
        pause = _pause(scope, item)
        self._known[target.key(scope)] = (time.monotonic(), pause)
        return pause

    def _forget(self, target: Target, scope: Scope) -> None:
        self._dynamodb.delete_item(TableName=self._table, Key=_key(target, scope))
        self._known[target.key(scope)] = (time.monotonic(), Pause(scope))


def _key(target: Target, scope: Scope) -> "Item":
    pk, sk = target.key(scope)
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _pause(scope: Scope, item: "Item") -> Pause:
    def text(name: str) -> str:
        return item[name]["S"] if name in item else ""

    def number(name: str) -> int:
        return int(item[name]["N"]) if name in item else 0

    return Pause(
        scope,
        number("paused_until"),
        number("failures"),
        text("reason"),
        text("said"),
        text("last_key"),
        frozenset(item["failed_keys"]["SS"]) if "failed_keys" in item else frozenset(),
        number("slow_answers"),
        "is_of_items" in item and item["is_of_items"]["BOOL"],
    )
