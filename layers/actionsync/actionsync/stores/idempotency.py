"""Claims in DynamoDB: one write for one idempotency key, also when two requests race.

A claim is made before ServiceNow is called. It is `started` while its request runs, `done` with
the answer once that is known, and expires a day later (the table's time to live). A request that
died leaves it started; after LEASE_SECONDS the next one takes it over, and has to find out first
what the dead one had done. Until then the claim is what tells of the write: it stays for as long as
anybody may ask.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from actionsync import clock
from actionsync.errors import IdempotencyKeyReusedError, WriteInProgressError
from actionsync.stores.conditions import refusing_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

# Longer than any function runs (template.yaml: Timeout), so that the holder has surely ended.
LEASE_SECONDS = 30
KEPT_SECONDS = 24 * 3600
UNFINISHED_KEPT_SECONDS = 90 * KEPT_SECONDS


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """The right to make one write.

    Attributes:
        key: what is claimed.
        owner: who holds it: one attempt.
        started_at: when the first attempt began.
        taken_over: whether an earlier attempt may have written already.
    """

    key: str
    owner: str
    started_at: datetime
    taken_over: bool


@dataclass(frozen=True, slots=True)
class Done:
    """A write that was made before, with its answer."""

    answer: str


class IdempotencyStore:
    """The claims table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        """Take the DynamoDB client and the table's name."""
        self._dynamodb = dynamodb
        self._table = table

    def claim(
        self, key: str, fingerprint: str, owner: str, user_id: str = "", name: str = ""
    ) -> IdempotencyRecord | Done:
        """IdempotencyRecord a write, or return what it answered before.

        Args:
            key: names the write, and its user.
            fingerprint: what is written; the same key must always come with the same.
            owner: a fresh name for this attempt.
            user_id: whose write it is, and whose answer will be kept; empty for nobody's.
            name: the operation, for who looks for unfinished writes.

        Raises:
            IdempotencyKeyReusedError: the key came with another fingerprint before.
            WriteInProgressError: another attempt is under way.
        """
        now = clock.now()
        moment = clock.epoch(now)
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": key},
                    "fingerprint": {"S": fingerprint},
                    "owner": {"S": owner},
                    "user_id": {"S": user_id},
                    "write": {"S": name},
                    "started_at": {"N": str(moment)},
                    "leased_until": {"N": str(moment + LEASE_SECONDS)},
                    "expires_at": {"N": str(moment + UNFINISHED_KEPT_SECONDS)},
                },
                # DynamoDB may keep an expired item for days (guide: Time to Live).
                ConditionExpression="attribute_not_exists(pk) OR expires_at <= :now",
                ExpressionAttributeValues={":now": {"N": str(moment)}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            held = refusing_item(error)
        else:
            return IdempotencyRecord(key, owner, now, taken_over=False)
        if held is None:
            raise WriteInProgressError(1)
        if held["fingerprint"]["S"] != fingerprint:
            raise IdempotencyKeyReusedError
        if "answer" in held:
            return Done(held["answer"]["S"])
        leased_until = int(held["leased_until"]["N"])
        if leased_until > moment:
            raise WriteInProgressError(leased_until - moment)
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"pk": {"S": key}},
                UpdateExpression="SET #owner = :owner, leased_until = :until",
                ConditionExpression="#owner = :dead AND leased_until = :ended",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={
                    ":owner": {"S": owner},
                    ":until": {"N": str(moment + LEASE_SECONDS)},
                    ":dead": held["owner"],
                    ":ended": held["leased_until"],
                },
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            raise WriteInProgressError(LEASE_SECONDS) from None
        started_at = datetime.fromtimestamp(int(held["started_at"]["N"]), UTC)
        return IdempotencyRecord(key, owner, started_at, taken_over=True)

    def finish(
        self, claim: IdempotencyRecord, answer: str, keep_seconds: int = KEPT_SECONDS
    ) -> None:
        """Keep the answer of the write, for whoever asks with the same key again."""
        expires_at = clock.epoch(clock.now()) + keep_seconds
        self._update_own(
            claim,
            "SET answer = :answer, expires_at = :expires REMOVE leased_until",
            {":answer": {"S": answer}, ":expires": {"N": str(expires_at)}},
        )

    def suspend(self, claim: IdempotencyRecord) -> None:
        """Let the next attempt take over at once: this one may have written, or not."""
        self._update_own(claim, "SET leased_until = :zero", {":zero": {"N": "0"}})

    def release(self, claim: IdempotencyRecord) -> None:
        """Give the claim back: nothing was written, and the key is free again."""
        with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
            self._dynamodb.delete_item(
                TableName=self._table,
                Key={"pk": {"S": claim.key}},
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": claim.owner}},
            )

    def _update_own(
        self,
        claim: IdempotencyRecord,
        expression: str,
        values: "dict[str, UniversalAttributeValueTypeDef]",
    ) -> None:
        """Update the claim, unless another attempt has taken it over and speaks for it now."""
        with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"pk": {"S": claim.key}},
                UpdateExpression=expression,
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": claim.owner}, **values},
            )
