"""Addresses: where an owner's notices go besides the stack's bus, once SNS has it confirmed.

One topic of the stack has a subscription for each address, whose filter lets through what is sent
to that address alone. An address belongs to the user who named it first, for themselves or for
teams; for others it is taken. So nobody has a stranger's address written to.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionsync.errors import AddressTakenError, FieldError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

# The attribute of a message that the subscriptions' filters look at.
TO = "address"
_SK = "ADDRESS"
# Plain ASCII, as SNS takes it.
EMAIL = r"^[A-Za-z0-9.!#$%*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$"


@dataclass(frozen=True, slots=True)
class Address:
    """An owner's address.

    Attributes:
        email: the address; empty for none.
        subscription: its subscription's ARN.
    """

    email: str = ""
    subscription: str = ""


class AddressStore:
    """The addresses of owners, in the events table and the subscriptions of the stack's topic.

    Args:
        dynamodb: the DynamoDB client.
        table: the events table.
        sns: returns the SNS client.
        topic: the topic's ARN.
    """

    def __init__(
        self, dynamodb: "DynamoDBClient", table: str, sns: "Callable[[], Any]", topic: str
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._sns = sns
        self._topic = topic

    def get(self, owner: str) -> Address:
        """Return an owner's address."""
        item = self._dynamodb.get_item(
            TableName=self._table, Key=_key(owner), ConsistentRead=True
        ).get("Item")
        return Address() if item is None else Address(item["email"]["S"], item["subscription"]["S"])

    def is_confirmed(self, address: Address) -> bool:
        """Return whether who reads an address has confirmed it; SNS forgets who never does."""
        sns = self._sns()
        try:
            found = sns.get_subscription_attributes(SubscriptionArn=address.subscription)
        except sns.exceptions.NotFoundException:
            return False
        return bool(found["Attributes"].get("PendingConfirmation") == "false")

    def save(self, owner: str, user_id: str, email: str) -> Address:
        """Set an owner's address; SNS asks who reads it to confirm that.

        Args:
            owner: whose notices go there.
            user_id: who says so.
            email: the address.

        Raises:
            AddressTakenError: another user has named it.
            InvalidInputError: SNS does not take it.
        """
        before = self.get(owner)
        self._claim(owner, user_id, email)
        sns = self._sns()
        try:
            arn = sns.subscribe(
                TopicArn=self._topic,
                Protocol="email",
                Endpoint=email,
                Attributes={"FilterPolicy": json.dumps({TO: [_digest(email)]})},
                ReturnSubscriptionArn=True,
            )["SubscriptionArn"]
        except sns.exceptions.InvalidParameterException:
            if email != before.email:
                self._release(owner, email)
            raise InvalidInputError(FieldError("email", "is refused by SNS")) from None
        self._dynamodb.put_item(
            TableName=self._table,
            Item={
                **_key(owner),
                "owner": {"S": owner},
                "user_id": {"S": user_id},
                "email": {"S": email},
                "subscription": {"S": arn},
            },
        )
        if before.email and before.email != email:
            self._leave(owner, before)
        return Address(email, arn)

    def delete(self, owner: str) -> bool:
        """Remove an owner's address, and return whether there was one."""
        address = self.get(owner)
        if not address.email:
            return False
        self._dynamodb.delete_item(TableName=self._table, Key=_key(owner))
        self._leave(owner, address)
        return True

    def send(self, owner: str, subject: str, text: str) -> None:
        """Send a message to an owner's address; SNS drops it until that is confirmed."""
        address = self.get(owner)
        if address.email:
            attribute = {"DataType": "String", "StringValue": _digest(address.email)}
            self._sns().publish(
                TopicArn=self._topic,
                Subject=subject,
                Message=text,
                MessageAttributes={TO: attribute},
            )

    def _leave(self, owner: str, address: Address) -> None:
        """End a subscription that no owner needs any more."""
        if not self._release(owner, address.email):
            return
        sns = self._sns()
        try:
            sns.unsubscribe(SubscriptionArn=address.subscription)
        except (sns.exceptions.InvalidParameterException, sns.exceptions.NotFoundException):
            return  # it was never confirmed: SNS forgets it by itself

    def _claim(self, owner: str, user_id: str, email: str) -> None:
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(_digest(email)),
                UpdateExpression="SET user_id = :user ADD owners :owner",
                ConditionExpression="attribute_not_exists(user_id) OR user_id = :user",
                ExpressionAttributeValues={":user": {"S": user_id}, ":owner": {"SS": [owner]}},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            raise AddressTakenError from None

    def _release(self, owner: str, email: str) -> bool:
        """Record that an owner needs an address no more; return whether nobody does."""
        key = _key(_digest(email))
        left = self._dynamodb.update_item(
            TableName=self._table,
            Key=key,
            UpdateExpression="DELETE owners :owner",
            ExpressionAttributeValues={":owner": {"SS": [owner]}},
            ReturnValues="ALL_NEW",
        )["Attributes"]
        if "owners" in left:
            return False
        try:
            self._dynamodb.delete_item(
                TableName=self._table,
                Key=key,
                ConditionExpression="attribute_not_exists(owners)",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False  # somebody has named it again
        return True


def _digest(email: str) -> str:
    return hashlib.sha256(email.encode()).hexdigest()[:32]


def _key(owner: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"NOTICES#{owner}"}, "sk": {"S": _SK}}
