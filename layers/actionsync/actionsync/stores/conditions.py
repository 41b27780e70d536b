"""What DynamoDB returns of a condition that failed."""

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]


def refusing_item(error: "ClientError") -> "Item | None":
    """Return the item that a condition failed on, as it was then, or None where there was none.

    The call must have asked for it with ReturnValuesOnConditionCheckFailure (API UpdateItem).
    """
    return cast("Item | None", error.response.get("Item"))
