"""The limit of a user's writes in a minute, counted by all functions of the stack together.

One item of the idempotency table for each owner and minute, `pk = WRITES#<owner>#<minute>`. A
process takes several writes from it at once and counts those itself, so that most writes cost no
call. What it has taken and does not use is lost to the others: the limit is never exceeded, and may
be reached a little early where many processes run.
"""

from typing import TYPE_CHECKING

from actionsync import clock
from actionsync.errors import TooManyWritesError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_MINUTE = 60
_SHARE = 20


class WriteRates:
    """The owners' writes of this minute."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, per_minute: int) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._per_minute = per_minute
        self._at_once = max(1, per_minute // _SHARE)
        self._left: dict[str, tuple[int, int]] = {}

    def take(self, owner: str) -> None:
        """Count a write of an owner.

        Raises:
            TooManyWritesError: this minute has none left.
        """
        now = clock.epoch(clock.now())
        minute = now // _MINUTE
        known, left = self._left.get(owner, (minute, 0))
        if known != minute or not left:
            left = self._take_more(owner, minute)
        if not left:
            raise TooManyWritesError(self._per_minute, _MINUTE - now % _MINUTE)
        if len(self._left) > 1000:  # noqa: PLR2004 - users, a bound on memory
            self._left.clear()
        self._left[owner] = (minute, left - 1)

    def _take_more(self, owner: str, minute: int) -> int:
        try:
            taken = self._dynamodb.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"WRITES#{owner}#{minute}"}},
                UpdateExpression="ADD taken :some SET expires_at = :expires, #owner = :owner",
                ConditionExpression="attribute_not_exists(taken) OR taken < :limit",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={
                    ":some": {"N": str(self._at_once)},
                    ":limit": {"N": str(self._per_minute)},
                    ":expires": {"N": str((minute + 2) * _MINUTE)},
                    ":owner": {"S": owner},
                },
                ReturnValues="UPDATED_NEW",
            )["Attributes"]["taken"]["N"]
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return 0
        return min(self._at_once, self._per_minute - int(taken) + self._at_once)
