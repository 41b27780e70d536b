"""Idempotency records in DynamoDB: one write for one key, also when two requests race.

A record is claimed before ServiceNow is called. It is `started` while its request runs, `done` with
the answer once that is known, and expires a day later (the table's time to live). A request that
died leaves it started; after LEASE_SECONDS the next one takes it over, and has to find out first
what the dead one had done. Until then the record announces the write: it stays for as long as
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
# ServiceNow ends a request after 60 seconds: until so long after a send whose answer is missing,
# that no record is found proves nothing.
UNCERTAIN_SECONDS = 90
RETENTION_SECONDS = 24 * 3600
UNFINISHED_RETENTION_SECONDS = 90 * RETENTION_SECONDS


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """The right to make one write.

    Attributes:
        key: names the write.
        holder: the attempt that holds the lease.
        started_at: when the first attempt began.
        taken_over: whether an earlier attempt may have written already.
        sent_until: epoch seconds until which that attempt may have sent its write.
    """

    key: str
    holder: str
    started_at: datetime
    taken_over: bool
    sent_until: int = 0

    def require_certainty(self) -> None:
        """Make sure that what an earlier attempt sent cannot take effect any more.

        Raises:
            WriteInProgressError: it still can.
        """
        seconds = self.sent_until + UNCERTAIN_SECONDS - clock.now_epoch()
        if self.taken_over and seconds > 0:
            raise WriteInProgressError(seconds)


@dataclass(frozen=True, slots=True)
class Done:
    """A write that was made before, with its answer."""

    answer: str


class IdempotencyStore:
    """The idempotency table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def claim(
        self, key: str, fingerprint: str, holder: str, owner: str = "", name: str = ""
    ) -> IdempotencyRecord | Done:
        """Claim a write, or return what it answered before.

        Args:
            key: names the write, and its owner.
            fingerprint: what is written; the same key must always come with the same.
            holder: a new name for this attempt.
            owner: whose write it is, and whose answer will be stored; empty for nobody's.
            name: the operation, for operators who look for unfinished writes.

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
                    "holder": {"S": holder},
                    "owner": {"S": owner},
                    "write": {"S": name},
                    "started_at": {"N": str(moment)},
                    "leased_until": {"N": str(moment + LEASE_SECONDS)},
                    "expires_at": {"N": str(moment + UNFINISHED_RETENTION_SECONDS)},
                },
                # DynamoDB may keep an expired item for days (guide: Time to Live).
                ConditionExpression="attribute_not_exists(pk) OR expires_at <= :now",
                ExpressionAttributeValues={":now": {"N": str(moment)}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            held = refusing_item(error)
        else:
            return IdempotencyRecord(key, holder, now, taken_over=False)
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
                UpdateExpression="SET holder = :holder, leased_until = :until REMOVE sent_until",
                ConditionExpression="holder = :dead AND leased_until = :ended",
                ExpressionAttributeValues={
                    ":holder": {"S": holder},
                    ":until": {"N": str(moment + LEASE_SECONDS)},
                    ":dead": held["holder"],
                    ":ended": held["leased_until"],
                },
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            raise WriteInProgressError(LEASE_SECONDS) from None
        started_at = datetime.fromtimestamp(int(held["started_at"]["N"]), UTC)
        sent_until = int(held.get("sent_until", held["leased_until"])["N"])
        return IdempotencyRecord(key, holder, started_at, taken_over=True, sent_until=sent_until)

    def finish(
        self, record: IdempotencyRecord, answer: str, keep_seconds: int = RETENTION_SECONDS
    ) -> None:
        """Store the answer of the write, for requests that repeat its key."""
        expires_at = clock.now_epoch() + keep_seconds
        self._update_own(
            record,
            "SET answer = :answer, expires_at = :expires REMOVE leased_until",
            {":answer": {"S": answer}, ":expires": {"N": str(expires_at)}},
        )

    def expire_lease(self, record: IdempotencyRecord, *, has_sent: bool) -> None:
        """Allow the next attempt to take over at once: a write may have been made, or not.

        Args:
            record: the claim.
            has_sent: whether this attempt may have sent the write, or only an earlier one.
        """
        sent_until = clock.now_epoch() if has_sent else record.sent_until
        self._update_own(
            record,
            "SET leased_until = :zero, sent_until = :sent",
            {":zero": {"N": "0"}, ":sent": {"N": str(sent_until)}},
        )

    def release(self, record: IdempotencyRecord) -> None:
        """Delete the record: nothing was written, and the key is free again."""
        with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
            self._dynamodb.delete_item(
                TableName=self._table,
                Key={"pk": {"S": record.key}},
                ConditionExpression="holder = :holder",
                ExpressionAttributeValues={":holder": {"S": record.holder}},
            )

    def _update_own(
        self,
        record: IdempotencyRecord,
        expression: str,
        values: "dict[str, UniversalAttributeValueTypeDef]",
    ) -> None:
        """Update the record, unless another attempt has taken it over."""
        with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"pk": {"S": record.key}},
                UpdateExpression=expression,
                ConditionExpression="holder = :holder",
                ExpressionAttributeValues={":holder": {"S": record.holder}, **values},
            )
