"""The members of tickets that stand for many: an item each, in the partition of the group's own.

A member's item has the moments that its correlation has, which only move forward; it is written
before the group's version rises, so that who reads the members after the version misses nobody.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actionsync import clock
from actionsync.stores.attributes import attribute
from actionsync.stores.conditions import refusing_item
from actionsync.stores.correlations import CORRELATION_DAYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

MOST_MEMBERS = 10_000
LONGEST_LINE = 200
_DAY = 24 * 3600
_NUMBERS = ("triggered_at", "ended_at", "received_at", "seen_at", "changed_at", "severity")


@dataclass(frozen=True, slots=True)
class Member:
    """What a group knows of one of its members.

    Attributes:
        key: its dedup key.
        line: what it is, in one line.
        triggered_at: the moment of its newest trigger, in microseconds.
        ended_at: the moment of its newest end.
        received_at: when its newest trigger was received; of a heartbeat, its episode's first.
        seen_at: when its newest sign of life was received, in epoch seconds.
        changed_at: when it began or ended, in epoch seconds.
        severity: the rank of its severity.
        names: what changes may touch of it, as `Touched` has it.
        environment: the same.
    """

    key: str
    line: str = ""
    triggered_at: int = 0
    ended_at: int = 0
    received_at: int = 0
    seen_at: int = 0
    changed_at: int = 0
    severity: int = 0
    names: tuple[str, ...] = ()
    environment: str = ""

    def is_open(self, since: int = 0, silent_seconds: int = 0, now: int = 0) -> bool:
        """Return whether it goes on.

        Args:
            since: microseconds: an episode that was received before is another ticket's.
            silent_seconds: after how many seconds without a sign of life it is over; 0 for never.
            now: epoch seconds.
        """
        is_silent = silent_seconds > 0 and self.seen_at + silent_seconds <= now
        return self.triggered_at > self.ended_at and self.received_at > since and not is_silent


class MemberStore:
    """The members of all groups, in the events table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        """Take the DynamoDB client and the name of the events table."""
        self._dynamodb = dynamodb
        self._table = table

    def write(self, group_key: str, owner: str, member: Member, *, only_known: bool) -> bool | None:
        """Write what is known of a member, unless more is; return whether it was open before.

        Args:
            group_key: its group.
            owner: whose it is.
            member: what is known of it.
            only_known: whether a new one is left out, since the group is full.

        Returns:
            None where it is new.
        """
        values: dict[str, Any] = {name: {"N": str(getattr(member, name))} for name in _NUMBERS}
        now = clock.now_epoch()
        values |= {
            "line": {"S": member.line},
            "names": attribute(member.names),
            "environment": {"S": member.environment},
            "owner": {"S": owner},
            "version": {"N": "1"},
            "expires_at": {"N": str(now + CORRELATION_DAYS * _DAY)},
        }
        not_newer = (
            "attribute_not_exists(pk) OR "
            "(#triggered_at <= :triggered_at AND #ended_at <= :ended_at)"
        )
        condition = f"attribute_exists(pk) AND ({not_newer})" if only_known else not_newer
        old: Item | None
        try:
            old = self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(group_key, member.key),
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in values},
                ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            ).get("Attributes")
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            old = refusing_item(error)
        return None if not old else _member(old).is_open()

    def all(self, group_key: str) -> "Iterator[Member]":
        """Return the members that are listed, as they are now."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :member)",
            ExpressionAttributeValues={
                ":pk": {"S": f"CORRELATION#{group_key}"},
                ":member": {"S": "MEMBER#"},
            },
            ConsistentRead=True,
        )
        return (_member(item) for page in pages for item in page["Items"])


def _key(group_key: str, key: str) -> "Item":
    return {"pk": {"S": f"CORRELATION#{group_key}"}, "sk": {"S": f"MEMBER#{key}"}}


def _member(item: "Item") -> Member:
    numbers = {name: int(item[name]["N"]) for name in _NUMBERS}
    return Member(
        item["sk"]["S"].removeprefix("MEMBER#"),
        item["line"]["S"],
        **numbers,
        names=tuple(json.loads(item["names"]["S"])),
        environment=item["environment"]["S"],
    )
