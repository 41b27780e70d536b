"""Users' rules as they were saved: JSON that was valid then, with a version."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionsync.errors import RulesChangedError
from actionsync.stores.conditions import refusing_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


@dataclass(frozen=True, slots=True)
class StoredRules:
    """Rules, as JSON, and their version, from 1; version 0 stands for the defaults."""

    text: str = "{}"
    version: int = 0


class RuleStore:
    """The rules, in the events table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        """Take the DynamoDB client and the table's name."""
        self._dynamodb = dynamodb
        self._table = table

    def get(self, user_id: str) -> StoredRules:
        """Return a user's rules."""
        item = self._dynamodb.get_item(
            TableName=self._table, Key=_key(user_id), ConsistentRead=True
        ).get("Item")
        return StoredRules() if item is None else _stored(item)

    def save(self, user_id: str, text: str, expected_version: int | None) -> StoredRules:
        """Replace a user's rules.

        Raises:
            RulesChangedError: they are not at the version that the caller knew.
        """
        condition = {}
        values: dict[str, AttributeValueTypeDef] = {":text": {"S": text}, ":one": {"N": "1"}}
        if expected_version == 0:
            condition = {"ConditionExpression": "attribute_not_exists(version)"}
        elif expected_version is not None:
            condition = {"ConditionExpression": "version = :version"}
            values[":version"] = {"N": str(expected_version)}
        try:
            item = self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(user_id),
                UpdateExpression="SET rules_text = :text ADD version :one",
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition,  # type: ignore[arg-type] # the stubs want each option by name
            )["Attributes"]
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            held = refusing_item(error)
            raise RulesChangedError(0 if held is None else _stored(held).version) from None
        return _stored(item)


def _key(user_id: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"RULES#{user_id}"}, "sk": {"S": "RULES"}}


def _stored(item: "dict[str, AttributeValueTypeDef]") -> StoredRules:
    return StoredRules(item["rules_text"]["S"], int(item["version"]["N"]))
