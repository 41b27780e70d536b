"""What waits, and what has failed: one item for each dedup key, with the event that would act.

An item waits under a key: whose connection it needs, and which table of it. By that key and four
shards an index holds what is due, sorted by time; another lists what an owner has. In the partition
WAITING each key has one entry, by which the tick finds it: put before the key's first item, and
removed when nothing was found for ten minutes.

Items carry a version. Code reads its own and the one before, and updates named attributes only.

What has to be done at a moment and is no event is a timer in the same table (stores.timers).
"""

import gzip
import hashlib
import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from actionsync import clock
from actionsync.stores import versions
from actionsync.stores.conditions import refusing_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, UniversalAttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]
    Values = dict[str, UniversalAttributeValueTypeDef]

State = Literal["waiting", "failed"]

VERSION = 1
SHARDS = 4
# A prompt that is not taken up in this time is sent again.
RELEASED_SECONDS = 600
ENTRY_SECONDS = 600
MOST_TRIES = 5
WAITING_DAYS = 14
FAILED_DAYS = 30
# DynamoDB's items have 400 KB at most; this leaves room for what is said of the event.
MOST_BODY_BYTES = 300_000
_LONGEST_TEXT = 1000
_TOUCH_SECONDS = 60
_DAY = 24 * 3600
_DUE, _OF_OWNER = "due", "of_owner"


@dataclass(frozen=True, slots=True)
class WaitKey:
    """What an item waits for.

    Attributes:
        owner: whose it is.
        connection: the connection's name.
        table: the table that is to be written; empty for a suspect; `#` and their kind for timers.
        is_again: whether it has failed itself, other than by a pause: then it has waits of its
            own, and is not held up by a pause that such failures began.
    """

    owner: str
    connection: str = "default"
    table: str = ""
    is_again: bool = False

    @property
    def digest(self) -> str:
        """What the index knows it by."""
        parts = json.dumps([self.owner, self.connection, self.table, *["again"] * self.is_again])
        return hashlib.sha256(parts.encode()).hexdigest()[:32]

    @property
    def is_of_suspects(self) -> bool:
        """Whether its items may have killed their functions: they go out one at a time."""
        return not self.table

    @property
    def timers(self) -> str:
        """The kind of the timers that wait under it; empty for events."""
        return self.table[1:] if self.table.startswith("#") else ""


@dataclass(frozen=True, slots=True)
class WaitingItem:
    """An event that waits or has failed.

    Attributes:
        id: its dedup key, or an id of the message that it came in.
        wait_key: what it waits for.
        body: the message as it came; empty in lists.
        received_at: when it was received, in epoch milliseconds.
        source: who sent it.
        kind: what it becomes.
        name: what it is about.
        state: whether it waits or has failed.
        next_at: epoch seconds at which it is due.
        tries: how often it failed itself, or was taken up by workers that died.
        takes: how often it was taken up since anybody said what became of it.
        reason: the kind of failure.
        text: what was said, in ServiceNow's own words where it was ServiceNow.
        created_at: epoch seconds at which it began to wait.
        is_cut: whether the body is the event in short, since it was too large.
        member: of a group's, the dedup key of the event in the body.
    """

    id: str
    wait_key: WaitKey
    body: str
    received_at: int
    source: str = ""
    kind: str = ""
    name: str = ""
    state: State = "waiting"
    next_at: int = 0
    tries: int = 0
    takes: int = 0
    reason: str = ""
    text: str = ""
    created_at: int = 0
    is_cut: bool = False
    member: str = ""

    @property
    def owner(self) -> str:
        """Whose it is."""
        return self.wait_key.owner


@dataclass(frozen=True, slots=True)
class Due:
    """What the index says of an item that waits."""

    pk: str
    next_at: int
    created_at: int

    @property
    def id(self) -> str:
        """What a prompt calls it."""
        return self.pk.partition("#")[2]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the tick knows of a wait key.

    Attributes:
        wait_key: the key.
        touched_at: epoch seconds at which a worker last said that something waits.
        minute: the last minute that a run has claimed.
        ramp: how many items were sent in that minute after a pause, None without one.
        failed_last: the item that met the last pause: it is not the one that finds out.
    """

    wait_key: WaitKey
    touched_at: int
    minute: int = 0
    ramp: int | None = None
    failed_last: str = ""


class WaitingStore:
    """The table of what waits."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._touched: dict[tuple[WaitKey, str | None], float] = {}

    # ---- by workers

    def put(self, item: WaitingItem, *, paused_by: str | None = None) -> bool:
        """Add an event, unless its key waits already; return whether it was put.

        One that has failed waits again, with the newer event.

        Args:
            item: the event.
            paused_by: the item that met the pause it waits for, None where it waits for no pause.
        """
        self.touch(item.wait_key, paused_by=paused_by)
        try:
            self._put(item, "attribute_not_exists(pk) OR #state = :failed")
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def put_failed(self, item: WaitingItem) -> None:
        """Record an event that has failed, instead of whatever waits for its key."""
        self._put(item, None)

    def take_up(self, item_id: str) -> WaitingItem | None:
        """Return an item that waits, after adding a try, or None where nothing waits any more.

        Raises:
            UnknownVersionError: newer code has written it.
        """
        return self._update(
            item_id, "ADD tries :one, takes :one", {":one": {"N": "1"}}, "#state = :waiting"
        )

    def postpone(
        self,
        item: WaitingItem,
        next_at: int,
        reason: str,
        text: str,
        *,
        counts: bool,
        paused_by: str | None = None,
    ) -> None:
        """Put back an item that was taken up; if `counts` is false, without counting a try."""
        wait_key = replace(item.wait_key, is_again=item.wait_key.is_again or counts)
        self.touch(wait_key, paused_by=paused_by)
        self._update(
            item.id,
            "SET next_at = :next, reason = :reason, said = :said, takes = :none, "
            "is_again = :again, due_key = :due" + ("" if counts else " ADD tries :back"),
            {
                ":again": {"BOOL": wait_key.is_again},
                ":due": {"S": due_key_of(wait_key, item.id)},
                ":next": {"N": str(next_at)},
                ":none": {"N": "0"},
                ":reason": {"S": reason},
                ":said": {"S": text[:_LONGEST_TEXT]},
                **({} if counts else {":back": {"N": "-1"}}),
            },
            "#state = :waiting",
        )

    def make_due(self, item_id: str, next_at: int) -> None:
        """Make an item that waits due at a moment, unless it is due before."""
        try:
            self._update(
                item_id,
                "SET next_at = :next",
                {":next": {"N": str(next_at)}},
                "#state = :waiting AND next_at > :next",
            )
        except versions.UnknownVersionError:
            return

    def fail(self, item: WaitingItem, reason: str, text: str) -> None:
        """Record that an item that was taken up has failed."""
        now = clock.now_epoch()
        self._update(
            item.id,
            "SET #state = :failed, reason = :reason, said = :said, listed = :listed, "
            "expires_at = :expires REMOVE due_key",
            {
                ":failed": {"S": "failed"},
                ":reason": {"S": reason},
                ":said": {"S": text[:_LONGEST_TEXT]},
                ":listed": {"S": _listed("failed", now, item.id)},
                ":expires": {"N": str(now + FAILED_DAYS * _DAY)},
            },
            "attribute_exists(pk)",
        )

    def delete(self, item_id: str) -> None:
        """Remove an item whose key needs nothing any more."""
        self._dynamodb.delete_item(TableName=self._table, Key=_key(item_id))

    def touch(self, wait_key: WaitKey, *, paused_by: str | None = None) -> None:
        """Make sure that the tick knows a wait key; costs at most a write a minute and process."""
        known = (wait_key, None if paused_by is None else "paused")
        now = time.monotonic()
        if now - self._touched.get(known, -_TOUCH_SECONDS) < _TOUCH_SECONDS:
            return
        pause = "" if paused_by is None else ", ramp = :none, failed_last = :last"
        self._dynamodb.update_item(
            TableName=self._table,
            Key=_entry_key(wait_key),
            UpdateExpression=(
                "SET #owner = :owner, #connection = :connection, #table = :table, "
                "is_again = :again, "
                # A later version's entry stays one.
                "version = if_not_exists(version, :version), "
                f"touched_at = :now{pause}"
            ),
            ExpressionAttributeNames={
                "#owner": "owner",
                "#connection": "connection",
                "#table": "table",
            },
            ExpressionAttributeValues={
                ":owner": {"S": wait_key.owner},
                ":connection": {"S": wait_key.connection},
                ":table": {"S": wait_key.table},
                ":again": {"BOOL": wait_key.is_again},
                ":version": {"N": str(VERSION)},
                ":now": {"N": str(clock.now_epoch())},
                **({} if paused_by is None else {":none": {"N": "0"}, ":last": {"S": paused_by}}),
            },
        )
        if len(self._touched) > 1000:  # noqa: PLR2004 - keys, a bound on memory
            self._touched.clear()
        self._touched[known] = now

    # ---- by the tick

    def entries(self) -> list[Entry]:
        """Return the wait keys, the one that was served longest ago first."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "WAITING"}},
            ConsistentRead=True,
        )
        entries = [_entry(item) for page in pages for item in page["Items"] if _is_known(item)]
        return sorted(entries, key=lambda entry: entry.minute)

    def claim(self, entry: Entry, minute: int) -> bool:
        """Claim a minute of a wait key; return whether no other run has claimed it."""
        return self._update_entry(
            entry,
            "SET #minute = :minute",
            "touched_at >= :touched AND (attribute_not_exists(#minute) OR #minute < :minute)",
            {":minute": {"N": str(minute)}, ":touched": {"N": str(entry.touched_at)}},
        )

    def set_ramp(self, entry: Entry, ramp: int | None) -> None:
        """Record how many items were sent after a pause, unless there is a newer one."""
        if ramp == entry.ramp:
            return
        old: Values = {} if entry.ramp is None else {":old": {"N": str(entry.ramp)}}
        unchanged = "attribute_not_exists(ramp)" if entry.ramp is None else "ramp = :old"
        if ramp is None:
            self._update_entry(entry, "REMOVE ramp", unchanged, old)
        else:
            new: Values = {":ramp": {"N": str(ramp)}, **old}
            self._update_entry(entry, "SET ramp = :ramp", unchanged, new)

    def remove(self, entry: Entry) -> None:
        """Remove a wait key for which nothing waits, unless it is young or was touched since."""
        before = clock.now_epoch() - ENTRY_SECONDS
        try:
            self._dynamodb.delete_item(
                TableName=self._table,
                Key=_entry_key(entry.wait_key),
                ConditionExpression="touched_at < :before",
                ExpressionAttributeValues={":before": {"N": str(before)}},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return

    def due(self, wait_key: WaitKey, limit: int) -> list[Due]:
        """Return the items of a wait key that are due, the longest due first."""
        found = [
            item
            for shard in range(SHARDS)
            for item in self._of_shard(wait_key, shard, limit, clock.now_epoch())
        ]
        return sorted(found, key=lambda item: item.next_at)[:limit]

    def has_any(self, wait_key: WaitKey) -> bool:
        """Return whether anything waits for a key, whenever it is due."""
        return any(self._of_shard(wait_key, shard, 1, None) for shard in range(SHARDS))

    def release(self, due: Due) -> bool:
        """Move a due item on before its prompt is sent; return whether it was still due."""
        next_at = clock.now_epoch() + RELEASED_SECONDS
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"pk": {"S": due.pk}, "sk": {"S": due.pk.partition("#")[0]}},
                UpdateExpression="SET next_at = :next",
                ConditionExpression="next_at = :read AND attribute_exists(due_key)",
                ExpressionAttributeValues={
                    ":next": {"N": str(next_at)},
                    ":read": {"N": str(due.next_at)},
                },
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    # ---- by owners

    def page(
        self, owner: str, state: State | None, limit: int, after: str | None = None
    ) -> tuple[list[WaitingItem], str | None]:
        """Return an owner's items, newest first, and where the next page begins, None at the end.

        Args:
            owner: whose.
            state: which; None for both.
            limit: how many at most.
            after: where an earlier page said that the next begins.
        """
        options: dict[str, Any] = {}
        if after is not None:
            item_id = after.rpartition("#")[2]
            options["ExclusiveStartKey"] = {
                **_key(item_id),
                "owner": {"S": owner},
                "listed": {"S": after},
            }
        answer = self._dynamodb.query(
            TableName=self._table,
            IndexName=_OF_OWNER,
            KeyConditionExpression="#owner = :owner"
            + ("" if state is None else " AND begins_with(listed, :state)"),
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={
                ":owner": {"S": owner},
                **({} if state is None else {":state": {"S": f"{state}#"}}),
            },
            ScanIndexForward=False,
            Limit=limit,
            **options,
        )
        last = answer.get("LastEvaluatedKey")
        # What newer code has written is not shown for as long as old code still answers.
        items = [_item(item) for item in answer["Items"] if _is_known(item)]
        return items, None if last is None else last["listed"]["S"]

    def count(self, owner: str, state: State, most: int) -> int:
        """Return how many items an owner has in a state, counted up to a bound."""
        return int(
            self._dynamodb.query(
                TableName=self._table,
                IndexName=_OF_OWNER,
                KeyConditionExpression="#owner = :owner AND begins_with(listed, :state)",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": owner}, ":state": {"S": f"{state}#"}},
                Select="COUNT",
                Limit=most,
            )["Count"]
        )

    def retry(self, owner: str, item_id: str) -> WaitingItem | None:
        """Make an owner's item due now, with its tries reset; None where there is none."""
        known = self.get(owner, item_id)
        if known is None:
            return None
        wait_key = replace(known.wait_key, is_again=False)
        self.touch(wait_key)
        now = clock.now_epoch()
        return self._update(
            item_id,
            "SET #state = :waiting, next_at = :now, tries = :none, takes = :none, due_key = :due, "
            "listed = :listed, created_at = :now REMOVE expires_at, is_again",
            {
                ":now": {"N": str(now)},
                ":none": {"N": "0"},
                ":due": {"S": due_key_of(wait_key, item_id)},
                ":listed": {"S": _listed("waiting", now, item_id)},
                ":owner": {"S": owner},
            },
            "#owner = :owner",
            {"#owner": "owner"},
        )

    def get(self, owner: str, item_id: str) -> WaitingItem | None:
        """Return an owner's item without its body, or None where there is none."""
        item = self._dynamodb.get_item(
            TableName=self._table,
            Key=_key(item_id),
            ConsistentRead=True,
            ProjectionExpression=", ".join(f"#{name}" for name in _SHOWN),
            ExpressionAttributeNames={f"#{name}": name for name in _SHOWN},
        ).get("Item")
        found = None if item is None else _item(item)
        return found if found is not None and found.owner == owner else None

    def _of_shard(self, wait_key: WaitKey, shard: int, limit: int, until: int | None) -> list[Due]:
        values: Values = {":key": {"S": f"{wait_key.digest}#{shard}"}}
        condition = "due_key = :key"
        if until is not None:
            condition += " AND next_at <= :until"
            values[":until"] = {"N": str(until)}
        found = self._dynamodb.query(
            TableName=self._table,
            IndexName=_DUE,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            Limit=limit,
        )["Items"]
        return [
            Due(item["pk"]["S"], int(item["next_at"]["N"]), int(item["created_at"]["N"]))
            for item in found
        ]

    def _put(self, item: WaitingItem, condition: str | None) -> None:
        now = clock.now_epoch()
        waits = item.state == "waiting"
        options: dict[str, Any] = (
            {}
            if condition is None
            else {
                "ConditionExpression": condition,
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": {":failed": {"S": "failed"}},
            }
        )
        self._dynamodb.put_item(
            TableName=self._table,
            Item={
                **_key(item.id),
                "version": {"N": str(VERSION)},
                **({"owner": {"S": item.owner}} if item.owner else {}),
                "connection": {"S": item.wait_key.connection},
                "table": {"S": item.wait_key.table},
                "listed": {"S": _listed(item.state, now, item.id)},
                "state": {"S": item.state},
                "kind": {"S": item.kind},
                "source": {"S": item.source},
                "name": {"S": item.name[:200]},
                "body": {"B": gzip.compress(item.body.encode())},
                "received_at": {"N": str(item.received_at)},
                "next_at": {"N": str(item.next_at)},
                "tries": {"N": str(item.tries)},
                "reason": {"S": item.reason},
                "said": {"S": item.text[:_LONGEST_TEXT]},
                "created_at": {"N": str(now)},
                "is_cut": {"BOOL": item.is_cut},
                "is_again": {"BOOL": item.wait_key.is_again},
                **({"member": {"S": item.member}} if item.member else {}),
                **(
                    {"due_key": {"S": due_key_of(item.wait_key, item.id)}}
                    if waits
                    else {"expires_at": {"N": str(now + FAILED_DAYS * _DAY)}}
                ),
            },
            **options,
        )

    def _update(
        self,
        item_id: str,
        expression: str,
        values: "Values",
        condition: str,
        names: dict[str, str] | None = None,
    ) -> WaitingItem | None:
        """Update an item and return it, or None where it is otherwise than the condition says.

        Raises:
            UnknownVersionError: newer code has written it.
        """
        uses_state = "#state" in f"{expression} {condition}"
        try:
            item = self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(item_id),
                UpdateExpression=expression,
                ConditionExpression="attribute_exists(pk) AND version <= :version "
                f"AND ({condition})",
                ExpressionAttributeNames={
                    **({"#state": "state"} if uses_state else {}),
                    **(names or {}),
                },
                ExpressionAttributeValues={
                    ":version": {"N": str(VERSION)},
                    **(
                        {":waiting": {"S": "waiting"}}
                        if ":waiting" in f"{expression} {condition}"
                        else {}
                    ),
                    **values,
                },
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )["Attributes"]
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            versions.check(refusing_item(error) or {}, VERSION)
            return None
        return _item(item)

    def _update_entry(
        self, entry: Entry, expression: str, condition: str, values: "Values"
    ) -> bool:
        names = {"#minute": "minute"} if "#minute" in expression else {}
        options: dict[str, Any] = {
            **({"ExpressionAttributeNames": names} if names else {}),
            **({"ExpressionAttributeValues": values} if values else {}),
        }
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_entry_key(entry.wait_key),
                UpdateExpression=expression,
                ConditionExpression=f"attribute_exists(pk) AND ({condition})",
                **options,
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True


_SHOWN = (
    "pk", "version", "owner", "connection", "table", "state", "kind", "source", "name",
    "received_at", "next_at", "tries", "reason", "said", "created_at", "is_cut",
)  # fmt: skip


def _key(item_id: str) -> "Item":
    return {"pk": {"S": f"EVENT#{item_id}"}, "sk": {"S": "EVENT"}}


def _entry_key(wait_key: WaitKey) -> "Item":
    return {"pk": {"S": "WAITING"}, "sk": {"S": wait_key.digest}}


def due_key_of(wait_key: WaitKey, item_id: str) -> str:
    """Return where the index has an item; its id begins with eight hexadecimal digits."""
    return f"{wait_key.digest}#{int(item_id[:8], 16) % SHARDS}"


def wait_key_of(item: "Item") -> WaitKey:
    """Return what an item waits for."""
    return WaitKey(
        item["owner"]["S"] if "owner" in item else "",
        item["connection"]["S"],
        item["table"]["S"],
        "is_again" in item and item["is_again"]["BOOL"],
    )


def _listed(state: State, now: int, item_id: str) -> str:
    return f"{state}#{now:012}#{item_id}"


def _entry(item: "Item") -> Entry:
    return Entry(
        wait_key_of(item),
        int(item["touched_at"]["N"]),
        int(item["minute"]["N"]) if "minute" in item else 0,
        int(item["ramp"]["N"]) if "ramp" in item else None,
        item["failed_last"]["S"] if "failed_last" in item else "",
    )


def _is_known(item: "Item") -> bool:
    return int(item["version"]["N"]) <= VERSION


def _item(item: "Item") -> WaitingItem:
    versions.check(item, VERSION)
    body = item["body"]["B"] if "body" in item else b""
    return WaitingItem(
        id=item["pk"]["S"].removeprefix("EVENT#"),
        wait_key=wait_key_of(item),
        body=gzip.decompress(body).decode() if body else "",
        received_at=int(item["received_at"]["N"]),
        source=item["source"]["S"],
        kind=item["kind"]["S"],
        name=item["name"]["S"],
        state="failed" if item["state"]["S"] == "failed" else "waiting",
        next_at=int(item["next_at"]["N"]),
        tries=int(item["tries"]["N"]),
        takes=int(item["takes"]["N"]) if "takes" in item else 0,
        reason=item["reason"]["S"],
        text=item["said"]["S"],
        created_at=int(item["created_at"]["N"]),
        is_cut=item["is_cut"]["BOOL"],
        member=item["member"]["S"] if "member" in item else "",
    )
