"""Owners' rules as they were saved: JSON that was valid then, with a version."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionsync.errors import RulesChangedError
from actionsync.stores.conditions import refusing_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


@dataclass(frozen=True, slots=True)
class StoredRules:
    """Rules, as JSON, and their version, from 1; version 0 means the defaults."""

    text: str = "{}"
    version: int = 0


class RuleStore:
    """The rules, in the events table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def get(self, owner: str) -> StoredRules:
        """Return an owner's rules."""
        item = self._dynamodb.get_item(
            TableName=self._table, Key=_key(owner), ConsistentRead=True
        ).get("Item")
        return StoredRules() if item is None else _stored(item)

    def save(self, owner: str, text: str, expected_version: int | None) -> StoredRules:
        """Replace an owner's rules.

        Raises:
            RulesChangedError: they are not at the expected version.
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
                Key=_key(owner),
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


def _key(owner: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"RULES#{owner}"}, "sk": {"S": "RULES"}}


def _stored(item: "dict[str, AttributeValueTypeDef]") -> StoredRules:
    return StoredRules(item["rules_text"]["S"], int(item["version"]["N"]))
