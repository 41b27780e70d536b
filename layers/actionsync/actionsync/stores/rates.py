"""What an owner may ask for in a minute, counted by all functions of the stack together.

One item of the idempotency table for each owner, minute and kind of request, `pk =
RATE#<kind>#<owner>#<minute>`. A process takes several from it at once and counts those itself, so
that most requests cost no call. What it has taken and does not use is lost to the others: the limit
is never exceeded, and may be reached a little early where many processes run.
"""

from typing import TYPE_CHECKING, Literal

from actionsync import clock
from actionsync.errors import TooManyRequestsError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

Kind = Literal["writes", "reads", "deliveries", "late deliveries", "sign-ins"]

_MINUTE = 60
_SHARE = 20


class Rates:
    """The owners' requests of one kind in this minute."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, kind: Kind, per_minute: int) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._kind = kind
        self._per_minute = per_minute
        self._at_once = max(1, per_minute // _SHARE)
        self._left: dict[tuple[str, str], tuple[int, int]] = {}

    def take(self, owner: str, about: str = "") -> None:
        """Count a request of an owner.

        Args:
            owner: who asks.
            about: what has a limit of its own, or empty for all that the owner asks.

        Raises:
            TooManyRequestsError: this minute has none left.
        """
        now = clock.now_epoch()
        minute = now // _MINUTE
        counted = owner, about
        known, left = self._left.get(counted, (minute, 0))
        if known != minute or not left:
            left = self._take_more(owner, about, minute)
        if not left:
            raise TooManyRequestsError(self._kind, self._per_minute, _MINUTE - now % _MINUTE)
        if len(self._left) > 1000:  # noqa: PLR2004 - users, a bound on memory
            self._left.clear()
        self._left[counted] = (minute, left - 1)

    def _take_more(self, owner: str, about: str, minute: int) -> int:
        suffix = f"#{about}" if about else ""
        try:
            taken = self._dynamodb.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"RATE#{self._kind}#{owner}#{minute}{suffix}"}},
                UpdateExpression="ADD taken :some SET expires_at = :expires, #owner = :owner",
                ConditionExpression="attribute_not_exists(taken) OR taken < :limit",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={
                    ":some": {"N": str(self._at_once)},
                    ":limit": {"N": str(self._per_minute)},
                    ":expires": {"N": str((minute + 2) * _MINUTE)},
                    ":owner": {"S": owner},
                },
                ReturnValues="ALL_NEW",
            )["Attributes"]["taken"]["N"]
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return 0
        return min(self._at_once, self._per_minute - int(taken) + self._at_once)
