"""Sign-ins that have begun: `pk = SIGN-IN#<digest of the state>`, in the idempotency table.

Each is taken once, by who began it, for the connection that it was begun for.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionsync import clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

SIGN_IN_SECONDS = 600


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in that has begun.

    Attributes:
        user_id: who began it.
        owner: whose connection it is for.
        connection: that connection's name.
        verifier: what its challenge was made of (RFC 7636).
        redirect_uri: where the person comes back to.
    """

    user_id: str
    owner: str
    connection: str
    verifier: str
    redirect_uri: str


class SignInStore:
    """The sign-ins that have begun."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def begin(self, state: str, sign_in: SignIn) -> None:
        """Store a sign-in for ten minutes."""
        self._dynamodb.put_item(
            TableName=self._table,
            Item={
                "pk": {"S": _key(state)},
                "owner": {"S": sign_in.owner},
                "user_id": {"S": sign_in.user_id},
                "connection": {"S": sign_in.connection},
                "verifier": {"S": sign_in.verifier},
                "redirect_uri": {"S": sign_in.redirect_uri},
                "expires_at": {"N": str(clock.now_epoch() + SIGN_IN_SECONDS)},
            },
        )

    def take(self, state: str, user_id: str, owner: str, connection: str) -> SignIn | None:
        """Take a sign-in of this user's for this connection, once; None where there is none."""
        try:
            item = self._dynamodb.delete_item(
                TableName=self._table,
                Key={"pk": {"S": _key(state)}},
                ConditionExpression=(
                    "user_id = :user AND #owner = :owner AND #connection = :connection "
                    "AND expires_at > :now"
                ),
                ExpressionAttributeNames={"#owner": "owner", "#connection": "connection"},
                ExpressionAttributeValues={
                    ":user": {"S": user_id},
                    ":owner": {"S": owner},
                    ":connection": {"S": connection},
                    ":now": {"N": str(clock.now_epoch())},
                },
                ReturnValues="ALL_OLD",
            )["Attributes"]
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return None
        return SignIn(user_id, owner, connection, item["verifier"]["S"], item["redirect_uri"]["S"])


def _key(state: str) -> str:
    return f"SIGN-IN#{hashlib.sha256(state.encode()).hexdigest()}"
