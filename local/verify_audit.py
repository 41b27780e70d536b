"""`make verify-audit`: check that nobody has changed a user's audit trail, or anybody's.

A chain shows any change but one: its newest records taken away. Keep what this command prints, and
give it back as an anchor later: the chain must still hold it. Each record's hash is in the
functions' logs, too ("audited").
"""

import argparse
import sys
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import boto3

from actionsync import clock
from actionsync.stores.chain import Anchor, Break, first_break

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb.client import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of a user's chain.

    Attributes:
        user_id: whose chain.
        count: how many records there are.
        end: the newest link, or None without any.
        broken: the first place at which it is broken, or None.
    """

    user_id: str
    count: int
    end: Anchor | None
    broken: Break | None


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


def _verdict(user_id: str, items: list[dict[str, Any]], anchors: tuple[Anchor, ...]) -> Verdict:
    broken = first_break(items, clock.epoch(clock.now()), anchors)
    end = None
    if items and broken is None:
        end = Anchor(int(items[-1]["sk"]["N"]), items[-1]["hash"]["S"])
    return Verdict(user_id, len(items), end, broken)


def main() -> None:
    """Check chains of a stack's; exit with 1 where one is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument("--user", help="whose chain; default: everybody's")
    parser.add_argument("--anchor", type=_anchor, action="append", default=[], help="SEQ:HASH")
    arguments = parser.parse_args()
    if arguments.anchor and not arguments.user:
        parser.error("an anchor is of one user: name it with --user")
    stacks = boto3.client("cloudformation").describe_stacks(StackName=arguments.stack)["Stacks"]
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stacks[0].get("Outputs", [])}
    dynamodb, table = boto3.client("dynamodb"), outputs["AuditTableName"]
    verdicts = (
        [verify(dynamodb, table, arguments.user, tuple(arguments.anchor))]
        if arguments.user
        else list(verify_all(dynamodb, table))
    )
    for verdict in verdicts:
        print(_told(verdict))
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
