"""Recent deployments by application: what a ticket names as what has changed."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from actionsync import clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

# For so long a deployment is named.
NAMED = timedelta(hours=2)
MOST_NAMED = 5
_KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment that became a change.

    Attributes:
        number: the change's number.
        title: what was deployed.
        environment: where to, or empty.
        outcome: how it ended, or empty.
        at: when it began, as `2024-01-10T10:00:00Z`.
    """

    number: str
    title: str
    environment: str
    outcome: str
    at: str


class DeployedStore:
    """The deployments of the last hours, in the events table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        """Take the DynamoDB client and the name of the events table."""
        self._dynamodb = dynamodb
        self._table = table

    def note(self, key: str, owner: str, began: datetime, deployed: Deployed) -> None:
        """Record a deployment; how it ended is recorded by the same call once more.

        Args:
            key: what identifies the owner's application.
            owner: whose it is.
            began: when it began.
            deployed: the deployment.
        """
        values = {name: {"S": value} for name, value in asdict(deployed).items()}
        expires = clock.epoch(began) + _KEPT_SECONDS
        self._dynamodb.update_item(
            TableName=self._table,
            # In the partitions of correlations: the same functions write both.
            Key={
                "pk": {"S": f"CORRELATION#{key}"},
                "sk": {"S": f"DEPLOYED#{clock.epoch(began):012}#{deployed.number}"},
            },
            UpdateExpression="SET #owner = :owner, expires_at = :expires, "
            + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={"#owner": "owner", **{f"#{name}": name for name in values}},
            ExpressionAttributeValues={
                ":owner": {"S": owner},
                ":expires": {"N": str(expires)},
                **{f":{name}": value for name, value in values.items()},
            },
        )

    def recent(self, key: str) -> list[Deployed]:
        """Return what was deployed of an application in the last two hours, the newest first."""
        since = clock.epoch(clock.now() - NAMED)
        items = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :since AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": f"CORRELATION#{key}"},
                ":since": {"S": f"DEPLOYED#{since:012}"},
                ":last": {"S": "DEPLOYED#~"},
            },
            ScanIndexForward=False,
            Limit=4 * MOST_NAMED,
        )["Items"]
        names = Deployed.__dataclass_fields__
        return [Deployed(**{name: item[name]["S"] for name in names}) for item in items]
