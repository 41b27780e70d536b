"""How many tickets a rule has opened in an hour: one item for each owner, rule and hour."""

from typing import TYPE_CHECKING

from actionsync import clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_HOUR = 3600
_MOST_KNOWN = 1000


class CapStore:
    """The counts of openings, in the events table.

    A process that has met a limit remembers it for the hour, so that a storm costs no more writes.
    """

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        """Take the DynamoDB client and the name of the events table."""
        self._dynamodb = dynamodb
        self._table = table
        self._met: dict[tuple[str, int], None] = {}

    def is_met(self, rule_key: str) -> bool:
        """Return whether this process knows that the hour has no room left."""
        return (rule_key, clock.now_epoch() // _HOUR) in self._met

    def take(self, rule_key: str, owner: str, most: int) -> bool:
        """Count an opening, and return whether the hour had room for it.

        Args:
            rule_key: what identifies the rule.
            owner: whose it is.
            most: how many it may open in an hour.
        """
        now = clock.now_epoch()
        hour = now // _HOUR
        if (rule_key, hour) in self._met:
            return False
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(rule_key, hour),
                UpdateExpression="SET #owner = :owner, expires_at = :expires ADD opened :one",
                ConditionExpression="attribute_not_exists(opened) OR opened < :most",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={
                    ":owner": {"S": owner},
                    ":expires": {"N": str(now + 2 * _HOUR)},
                    ":one": {"N": "1"},
                    ":most": {"N": str(most)},
                },
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            if len(self._met) >= _MOST_KNOWN:
                self._met.clear()
            self._met[rule_key, hour] = None
            return False
        return True

    def give_back(self, rule_key: str) -> None:
        """Count an opening no more: another has opened the ticket."""
        hour = clock.now_epoch() // _HOUR
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(rule_key, hour),
                UpdateExpression="ADD opened :back",
                ConditionExpression="opened > :none",
                ExpressionAttributeValues={":back": {"N": "-1"}, ":none": {"N": "0"}},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return  # it was counted in the hour before


def _key(rule_key: str, hour: int) -> "dict[str, AttributeValueTypeDef]":
    # In the partitions of correlations: the same functions write both.
    return {"pk": {"S": f"CORRELATION#{rule_key}"}, "sk": {"S": f"CAP#{hour}"}}


def seconds_left() -> int:
    """Return the seconds until the next hour begins."""
    return _HOUR - clock.now_epoch() % _HOUR
