"""The audit trail: what was done in an owner's name. Functions add to it and never change it.

`pk = <owner>`, `sk = <moment>#<place in the process>#<random>`, so that a query returns an owner's
records in their order. The functions may put and query items of this table and nothing else
(template.yaml), and a put has the condition that its key is free. Each record is also a line of the
function's log ("audited").

A record has these keys: `id`, the write's own, so that a write that is recorded twice is seen as
one; `at`; `kind` (what asked for it: `api`, `settings`, an event's kind, or `servicenow` for what
people did there, whose `cause` is the one who did it); `action`;
`outcome` (`started`, `done`, `failed`, or `unknown`: it may have taken effect); `table`, `number`,
`sys_id`, `url`, `correlation_id` and `cause`, empty where there is none; `fields`, the names of
what was sent, never the values; and where they apply `by` (who acted for a team), `before` and
`after` (states), `reason_type` and `reason`, `recovered` (recorded by the successor of a process
that died), `rule`, and what people should look at: `assumptions`, and `warnings`: what ServiceNow
refused, dropped or changed.
"""

import json
import uuid
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from actionsync import clock
from actionsync.telemetry import audit_logger, logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Record = dict[str, Any]
    Item = dict[str, AttributeValueTypeDef]

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
# Orders the records that a process makes within the same microsecond.
_places = count(1)


def settings_change(action: str, fields: "Iterable[str]" = (), by: str = "") -> "Record":
    """Return the record of a change of settings before it is made.

    Args:
        action: what is done.
        fields: the names of what was sent.
        by: who does it, where that is not the owner.
    """
    return {"kind": "settings", "action": action, "fields": sorted(fields), **acted(by)}


def acted(by: str) -> "Record":
    """Return what a record says of who acted, where that is not the owner."""
    return {"by": by} if by else {}


class ActivityStore:
    """The owners' audit trails."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, retention_days: int) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._retention_seconds = retention_days * _DAY

    def add(self, owner: str, record: "Record") -> None:
        """Add a record to an owner's trail, in one write; it must hold no secret.

        Raises:
            ClientError: DynamoDB refused it.
        """
        now = clock.now()
        moment = clock.precise(now)
        entry = {"id": uuid.uuid4().hex, "at": f"{moment[:-4]}Z", **_BLANK, **record}
        # boto3 repeats a put whose answer was lost: nothing but that put has this key.
        with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
            self._dynamodb.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": owner},
                    "sk": {"S": f"{moment}#{next(_places):08}#{uuid.uuid4().hex[:8]}"},
                    "record": {"S": json.dumps(entry)},
                    "expires_at": {"N": str(clock.epoch(now) + self._retention_seconds)},
                },
                ConditionExpression="attribute_not_exists(pk)",
            )
        audit_logger.info("audited", owner=owner, record=entry)

    @contextmanager
    def around(
        self, owner: str, record: "Record", *, is_announced: bool = False
    ) -> "Iterator[Record]":
        """Record a write that the block makes; what it finds out goes into the yielded record.

        The write is announced before it is made, by a record with the outcome `started`, so that
        a death in between leaves a trace.

        Args:
            owner: in whose name.
            record: what is known before.
            is_announced: whether an idempotency record announces the write: then the outcome is
                the only record of it here, and a failure to add it is raised.
        """
        facts = {"id": uuid.uuid4().hex, **record}
        if not is_announced:
            self.add(owner, {**facts, "outcome": "started"})
        try:
            yield facts
        except Exception as error:
            facts["outcome"] = "unknown" if getattr(error, "maybe_applied", False) else "failed"
            facts["reason_type"] = type(error).__name__.removesuffix("Error")
            facts["reason"] = str(error)[:_LONGEST_REASON]
            self._add_quietly(owner, facts)
            raise
        if is_announced:
            self.add(owner, facts)
        else:
            self._add_quietly(owner, facts)

    def _add_quietly(self, owner: str, record: "Record") -> None:
        """Record what must not change the answer any more: the write is made, or has failed."""
        try:
            self.add(owner, record)
        except (BotoCoreError, ClientError):
            logger.exception("not audited", record=record)

    def page(
        self,
        owner: str,
        limit: int,
        before: str | None,
        wanted: "Callable[[Record], bool] | None" = None,
        *,
        since: str = "",
    ) -> "tuple[list[Record], str | None]":
        """Return records, the newest first, and the place before which the next page begins.

        Args:
            owner: whose trail.
            limit: how many records at most.
            before: the place where an earlier page ended, or None for the newest records.
            wanted: which records count; all where it is None. Where few do, a page may hold less
                than `limit`, or nothing, and have a next one all the same: one call looks at
                READ_AT_ONCE.
            since: the place from which on records count.
        """
        items: list[Record] = []
        end = ""
        at_once = min(limit, READ_AT_ONCE - 1) if wanted is None else _PAGE
        for number, (place, record) in enumerate(self._newest_first(owner, before, at_once)):
            if place < since:
                break
            if len(items) == limit or number == READ_AT_ONCE:
                return items, end
            end = place
            if wanted is None or wanted(record):
                items.append(record)
        return items, None

    def newest(self, owner: str) -> "Iterator[Record]":
        """Yield an owner's records, the newest first, read a page at a time as they are needed."""
        return (record for _, record in self._newest_first(owner, None, _PAGE))

    def _newest_first(
        self, owner: str, start: str | None, at_once: int
    ) -> "Iterator[tuple[str, Record]]":
        """Yield the records with their places; of those with one id only the newest."""
        before = start
        seen: set[str] = set()
        # The outcome of an announcement on this page may be on the page before.
        is_complete = before is None
        while True:
            items = self._query(owner, "<", before, at_once + 1)
            for item in items:
                record = _record(item)
                if record["outcome"] == "started" and not is_complete:
                    newer = self._query(owner, ">=", start, _REACH)
                    seen |= {_record(each)["id"] for each in newer}
                    is_complete = True
                if record["id"] not in seen:
                    seen.add(record["id"])
                    yield item["sk"]["S"], record
            if len(items) <= at_once:
                return
            before = items[-1]["sk"]["S"]

    def _query(self, owner: str, than: str, place: str | None, limit: int) -> "list[Item]":
        """Return records at places `<` (the newest first) or `>=` (the oldest first) this one."""
        condition, values = "pk = :pk", {":pk": {"S": owner}}
        if place is not None:
            condition += f" AND sk {than} :sk"
            values[":sk"] = {"S": place}
        return self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=than == ">=",
            ConsistentRead=True,
            Limit=limit,
        )["Items"]


def _record(item: "Item") -> "Record":
    record: Record = json.loads(item["record"]["S"])
    return record
