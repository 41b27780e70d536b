"""The audit trail: what was done in a user's name, in a chain that shows any later change.

`pk = <user id>`, `sk = <place in the user's chain>`; `actionsync.audit.chain` has the rest. The
functions may put and query items of this table and nothing else (template.yaml), and a put has
the condition that its place is free.

A record has these keys: `id`, the write's own, so that a write which is recorded twice can be
told; `at`; `kind` (what asked for it: `api`, `settings`, or the kind of an event); `action`;
`outcome` (`started`, `done`, `failed`, or `unknown`: it may have taken effect); `table`, `number`,
`sys_id`, `url`, `correlation_id` and `cause`, empty where there is none; `fields`, the names of
what was sent, never the values; and where they apply `before` and `after` (states), `reason_type`
and `reason`, and `recovered` (recorded by the successor of one that died).
"""

import json
import random
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from actionsync import clock
from actionsync.audit.chain import Link, link_of
from actionsync.stores.conditions import refusing_item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Record = dict[str, Any]

logger = Logger()

# For so long a process believes that it knows the end of a chain without having added to it.
_KNOWN_SECONDS = 120.0
# Twenty writers of one user need a few tries each; a write that finds no place is no success.
_TRIES = 50
_LONGEST_PAUSE = 0.05
_LONGEST_REASON = 1000
_DAY = 24 * 3600
# How many records one call looks at, to find those that are wanted.
READ_AT_ONCE = 1000
_PAGE = 100
# How far behind its announcement the outcome of a write is looked for.
_REACH = 100
_BLANK: "Record" = {
    "kind": "api", "action": "", "outcome": "done", "table": "", "number": "", "sys_id": "",
    "url": "", "correlation_id": "", "cause": "", "fields": [],
}  # fmt: skip


def settings_change(action: str, fields: "Iterable[str]" = ()) -> "Record":
    """Return the record of a change of settings before it is made."""
    return {"kind": "settings", "action": action, "fields": sorted(fields)}


class ActivityStore:
    """The users' audit trails."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, kept_days: int) -> None:
        """Take the DynamoDB client, the table's name and for how long a record is kept."""
        self._dynamodb = dynamodb
        self._table = table
        self._kept_seconds = kept_days * _DAY
        self._ends: dict[str, tuple[float, Link | None]] = {}

    def add(self, user_id: str, record: "Record") -> None:
        """Put a record at the end of a user's chain; it must hold no secret.

        One write where this process knows the end of the chain; else one read before.

        Raises:
            ClientError: DynamoDB refused it, or the chain is longer at every try.
        """
        now = clock.now()
        moment = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = json.dumps({"id": uuid.uuid4().hex, "at": moment, **_BLANK, **record})
        expires_at = clock.epoch(now) + self._kept_seconds
        read_at, end = self._ends.pop(user_id, (0.0, None))
        if not read_at or time.monotonic() - read_at > _KNOWN_SECONDS:
            end = self._end(user_id)
        for tries_left in reversed(range(_TRIES)):
            link = (
                Link(user_id, 1, text, expires_at)
                if end is None
                else Link(user_id, end.seq + 1, text, expires_at, end.hash, end.expires_at)
            )
            try:
                self._dynamodb.put_item(
                    TableName=self._table,
                    Item=link.item(),
                    ConditionExpression="attribute_not_exists(pk)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
                held = refusing_item(error)
                # boto3 repeats a put whose answer was lost: it may have met itself.
                if held is not None and held["hash"]["S"] == link.hash:
                    break
                if not tries_left:
                    raise
                time.sleep(random.random() * _LONGEST_PAUSE)  # noqa: S311 - no secret
                end = self._end(user_id)
            else:
                break
        if len(self._ends) > 1000:  # noqa: PLR2004 - users, a bound on memory
            self._ends.clear()
        self._ends[user_id] = (time.monotonic(), link)
        # A second witness, in another place: CloudWatch Logs.
        logger.info("audited", user_id=user_id, seq=link.seq, hash=link.hash)

    @contextmanager
    def around(
        self, user_id: str, record: "Record", *, is_announced: bool = False
    ) -> "Iterator[Record]":
        """Record a write that the block makes; what it finds out goes into the yielded record.

        The write is announced before it is made, by a record with the outcome `started`, so that
        a death in between leaves a trace.

        Args:
            user_id: in whose name.
            record: what is known before.
            is_announced: whether something else tells of the write if this process dies: then
                the outcome is the only record, and a failure to record it is raised.
        """
        facts = {"id": uuid.uuid4().hex, **record}
        if not is_announced:
            self.add(user_id, {**facts, "outcome": "started"})
        try:
            yield facts
        except Exception as error:
            facts["outcome"] = "unknown" if getattr(error, "maybe_applied", False) else "failed"
            facts["reason_type"] = type(error).__name__.removesuffix("Error")
            facts["reason"] = str(error)[:_LONGEST_REASON]
            self._add_quietly(user_id, facts)
            raise
        if is_announced:
            self.add(user_id, facts)
        else:
            self._add_quietly(user_id, facts)

    def _add_quietly(self, user_id: str, record: "Record") -> None:
        """Record what must not change the answer any more: the write is made, or has failed."""
        try:
            self.add(user_id, record)
        except (BotoCoreError, ClientError):
            logger.exception("not audited", record=record)

    def page(
        self,
        user_id: str,
        limit: int,
        before: int | None,
        wanted: "Callable[[Record], bool] | None" = None,
    ) -> "tuple[list[Record], int | None]":
        """Return records, the newest first, and the place before which the next page begins.

        Args:
            user_id: whose trail.
            limit: how many records at most.
            before: the place where an earlier page ended, or None for the newest records.
            wanted: tells which records count; all where it is None. Where few do, a page may hold
                less than `limit`, or nothing, and have a next one all the same: one call looks at
                READ_AT_ONCE.
        """
        items: list[Record] = []
        place = 0
        at_once = limit if wanted is None else _PAGE
        for number, record in enumerate(self._newest_first(user_id, before, at_once)):
            if len(items) == limit or number == READ_AT_ONCE:
                return items, place
            place = record["seq"]
            if wanted is None or wanted(record):
                items.append(record)
        return items, None

    def newest(self, user_id: str) -> "Iterator[Record]":
        """Yield a user's records, the newest first, read a page at a time as they are needed."""
        return self._newest_first(user_id, None, _PAGE)

    def _newest_first(self, user_id: str, start: int | None, at_once: int) -> "Iterator[Record]":
        """Yield the records with their `seq`; of those with one id only the newest."""
        before = start
        seen: set[str] = set()
        # The outcome of an announcement on this page may stand on the page before.
        is_complete = before is None
        while True:
            items = self._query(user_id, "<", before, at_once + 1)
            for item in items:
                record = _record(item)
                if record["outcome"] == "started" and not is_complete:
                    newer = self._query(user_id, ">=", start or 0, _REACH)
                    seen |= {_record(each)["id"] for each in newer}
                    is_complete = True
                if record["id"] not in seen:
                    seen.add(record["id"])
                    yield record
            if len(items) <= at_once:
                return
            before = int(items[-1]["sk"]["N"])

    def _end(self, user_id: str) -> Link | None:
        """Return the newest link of a user's chain."""
        items = self._query(user_id, "<", None, 1)
        return link_of(items[0]) if items else None

    def _query(
        self, user_id: str, than: str, seq: int | None, limit: int
    ) -> "list[dict[str, AttributeValueTypeDef]]":
        """Return records of a place `<` (the newest first) or `>=` (the oldest first) than seq."""
        condition, values = "pk = :pk", {":pk": {"S": user_id}}
        if seq is not None:
            condition += f" AND sk {than} :sk"
            values[":sk"] = {"N": str(seq)}
        return self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=than == ">=",
            ConsistentRead=True,
            Limit=limit,
        )["Items"]


def _record(item: "dict[str, AttributeValueTypeDef]") -> "Record":
    link = link_of(item)
    return {"seq": link.seq, **json.loads(link.text)}
