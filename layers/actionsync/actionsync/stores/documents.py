"""Documents as they were saved: JSON that was valid then, with a version, by owner and name."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionsync.errors import DocumentChangedError
from actionsync.stores.conditions import refusing_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


@dataclass(frozen=True, slots=True)
class Document:
    """A document: its JSON, and its version, from 1; version 0 means that there is none."""

    text: str = "{}"
    version: int = 0


class DocumentStore:
    """The documents of one kind, in the events table.

    Args:
        dynamodb: the DynamoDB client.
        table: the table's name.
        kind: the kind: what the partition key begins with.
    """

    def __init__(self, dynamodb: "DynamoDBClient", table: str, kind: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._kind = kind

    def get(self, owner: str, name: str) -> Document:
        """Return a document of an owner's."""
        item = self._dynamodb.get_item(
            TableName=self._table, Key=self._key(owner, name), ConsistentRead=True
        ).get("Item")
        return _document(item)

    def all(self, owner: str) -> dict[str, Document]:
        """Return an owner's documents, by name."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"{self._kind}#{owner}"}},
            ConsistentRead=True,
        )
        return {item["sk"]["S"]: _document(item) for page in pages for item in page["Items"]}

    def save(
        self, owner: str, name: str, text: str, expected_version: int | None = None
    ) -> Document:
        """Add or replace a document.

        Raises:
            DocumentChangedError: it is not at the expected version.
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
                Key=self._key(owner, name),
                UpdateExpression="SET document = :text ADD version :one",
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition,  # type: ignore[arg-type] # the stubs want each option by name
            )["Attributes"]
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            raise DocumentChangedError(_document(refusing_item(error)).version) from None
        return _document(item)

    def delete(self, owner: str, name: str) -> bool:
        """Remove a document, and return whether there was one."""
        removed = self._dynamodb.delete_item(
            TableName=self._table, Key=self._key(owner, name), ReturnValues="ALL_OLD"
        )
        return bool(removed.get("Attributes"))

    def _key(self, owner: str, name: str) -> "dict[str, AttributeValueTypeDef]":
        return {"pk": {"S": f"{self._kind}#{owner}"}, "sk": {"S": name}}


def _document(item: "dict[str, AttributeValueTypeDef] | None") -> Document:
    if item is None:
        return Document()
    return Document(item["document"]["S"], int(item["version"]["N"]))
