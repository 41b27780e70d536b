"""Versions of what is stored: during a deployment old and new code share items.

Code reads its own version and the one before, and updates named attributes only. What a later
version has written it leaves as it is, and gives the message back to SQS.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


class UnknownVersionError(Exception):
    """Newer code has written it: it is left to that code."""


def check(item: "Mapping[str, AttributeValueTypeDef]", version: int) -> None:
    """Check that an item has no later version than this code's.

    Raises:
        UnknownVersionError: it has.
    """
    if "version" in item and int(item["version"]["N"]) > version:
        raise UnknownVersionError
