"""`make verify-audit`: check that nobody has changed a user's audit trail, or anybody's.

It also names the writes of which nobody recorded the outcome, because their function died.

A chain shows any change but one: its newest records taken away. Keep what this command prints, and
give it back as an anchor later: the chain must still hold it. Each record's hash is in the
functions' logs, too ("audited").
"""

import argparse
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from actionsync import clock
from actionsync.audit.chain import Anchor, Break, first_break
from operate.forget_user import stack_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb.client import DynamoDBClient

# Longer than any function runs (template.yaml: Timeout).
_LONGEST_CALL = 60


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of a user's chain.

    Attributes:
        user_id: whose chain.
        count: how many records there are.
        end: the newest link, or None without any.
        broken: the first place at which it is broken, or None.
        unfinished: the announced writes without an outcome, in words.
    """

    user_id: str
    count: int
    end: Anchor | None
    broken: Break | None
    unfinished: tuple[str, ...] = ()


def verify(
    dynamodb: "DynamoDBClient", table: str, user_id: str, anchors: tuple[Anchor, ...] = ()
) -> Verdict:
    """Check a user's chain.

    Args:
        dynamodb: where it is.
        table: the audit table's name.
        user_id: whose chain.
        anchors: links that were known earlier.
    """
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": user_id}},
        ConsistentRead=True,
    )
    return _verdict(user_id, [item for page in pages for item in page["Items"]], anchors)


def verify_all(dynamodb: "DynamoDBClient", table: str) -> "Iterator[Verdict]":
    """Check every chain; DynamoDB scans a chain's records together, from the oldest."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    items = (item for page in pages for item in page["Items"])
    for user_id, chain in groupby(items, key=lambda item: str(item["pk"]["S"])):
        yield _verdict(user_id, list(chain), ())


def unfinished_claims(
    dynamodb: "DynamoDBClient", table: str, user_id: str | None = None
) -> "Iterator[str]":
    """Yield, in words, the claimed writes whose function died and whose caller did not come back.

    Args:
        dynamodb: where the claims are.
        table: the claims table's name.
        user_id: whose; None for everybody's.
    """
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="leased_until <= :now",
        ExpressionAttributeValues={":now": {"N": str(clock.epoch(clock.now()))}},
        ConsistentRead=True,
    )
    for item in (item for page in pages for item in page["Items"]):
        # A webhook's delivery is nobody's: GitHub sends it again.
        owner = item["user_id"]["S"]
        if owner and user_id in {None, owner}:
            at = clock.iso(datetime.fromtimestamp(int(item["started_at"]["N"]), UTC))
            look_for = f"actionsync-{item['pk']['S'][:32]}"
            yield f"{owner}: {item['write']['S']}, {at}, correlation id {look_for}"


def _verdict(user_id: str, items: list[dict[str, Any]], anchors: tuple[Anchor, ...]) -> Verdict:
    now = clock.epoch(clock.now())
    broken = first_break(items, now, anchors)
    if not items or broken is not None:
        return Verdict(user_id, len(items), None, broken)
    end = Anchor(int(items[-1]["sk"]["N"]), items[-1]["hash"]["S"])
    records = [json.loads(item["record"]["S"]) for item in items]
    ended = {record["id"] for record in records if record["outcome"] != "started"}
    before = clock.iso(datetime.fromtimestamp(now - _LONGEST_CALL, UTC))
    unfinished = tuple(
        f"{user_id}: {record['cause'] or record['action']}, {record['at']}"
        for record in records
        if record["id"] not in ended and record["at"] < before
    )
    return Verdict(user_id, len(items), end, broken, unfinished)


def main() -> None:
    """Check chains of a stack's; exit with 1 where one is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument("--user", help="whose chain; default: everybody's")
    parser.add_argument("--anchor", type=_anchor, action="append", default=[], help="SEQ:HASH")
    arguments = parser.parse_args()
    if arguments.anchor and not arguments.user:
        parser.error("an anchor is of one user: name it with --user")
    stack = stack_of(arguments.stack)
    dynamodb, table = stack.dynamodb, stack.names["AuditTable"]
    verdicts = (
        [verify(dynamodb, table, arguments.user, tuple(arguments.anchor))]
        if arguments.user
        else list(verify_all(dynamodb, table))
    )
    for verdict in verdicts:
        print(_told(verdict))
    unfinished = [text for verdict in verdicts for text in verdict.unfinished]
    unfinished += unfinished_claims(dynamodb, stack.names["ClaimsTable"], arguments.user)
    for text in unfinished:
        print(f"without an outcome: {text}")
    sys.exit(any(verdict.broken for verdict in verdicts))


def _anchor(text: str) -> Anchor:
    seq, _, known = text.partition(":")
    return Anchor(int(seq), known)


def _told(verdict: Verdict) -> str:
    if verdict.broken:
        return f"{verdict.user_id}: BROKEN at {verdict.broken.seq}: {verdict.broken.reason}"
    end = f", ends with {verdict.end.seq}:{verdict.end.hash}" if verdict.end else ""
    return f"{verdict.user_id}: {verdict.count} records, unbroken{end}"


if __name__ == "__main__":
    main()
