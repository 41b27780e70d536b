"""Owners' rules as they were saved: one document for each owner."""

from typing import TYPE_CHECKING

from actionsync.stores.documents import Document, DocumentStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_NAME = "RULES"


class RuleStore:
    """The rules, in the events table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._documents = DocumentStore(dynamodb, table, "RULES")

    def get(self, owner: str) -> Document:
        """Return an owner's rules; `{}` are the defaults."""
        return self._documents.get(owner, _NAME)

    def save(self, owner: str, text: str, expected_version: int | None) -> Document:
        """Replace an owner's rules.

        Raises:
            DocumentChangedError: they are not at the expected version.
        """
        return self._documents.save(owner, _NAME, text, expected_version)
