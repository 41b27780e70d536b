"""Which pipelines run, so that a CodeDeploy deployment within one is part of that one's change.

CodeDeploy's events do not name the pipeline that began the deployment: account, region and time
tell. One item for each owner, `pk = PIPELINES#<owner>`, has two attributes for each execution of
the last day: what began, and when it ended.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from actionsync import clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_DAY = timedelta(days=1)
_BEGUN, _ENDED = "begun_", "ended_"


class PipelineStore:
    """The pipelines that run, in the events table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        """Take the DynamoDB client and the table's name."""
        self._dynamodb = dynamodb
        self._table = table

    def begin(self, owner: str, run: str, at: datetime, facts: dict[str, str]) -> None:
        """Record that an execution has begun, or goes on."""
        answer = self._dynamodb.update_item(
            TableName=self._table,
            Key=_key(owner),
            UpdateExpression="SET #begun = if_not_exists(#begun, :begun), expires_at = :expires "
            "REMOVE #ended",
            ExpressionAttributeNames={"#begun": _BEGUN + run, "#ended": _ENDED + run},
            ExpressionAttributeValues={
                ":begun": {"S": json.dumps({**facts, "at": at.isoformat()})},
                ":expires": _expiry(),
            },
            ReturnValues="ALL_NEW",
        )
        old = [name for name, begun in _begun(answer["Attributes"]) if _at(begun) < at - _DAY]
        if old:
            names = {f"#{place}": name for place, name in enumerate(_both(old))}
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(owner),
                UpdateExpression=f"REMOVE {', '.join(names)}",
                ExpressionAttributeNames=names,
            )

    def end(self, owner: str, run: str, at: datetime) -> None:
        """Record that an execution has ended; one that nobody knows stays unknown."""
        self._dynamodb.update_item(
            TableName=self._table,
            Key=_key(owner),
            UpdateExpression="SET #ended = :at, expires_at = :expires",
            ExpressionAttributeNames={"#ended": _ENDED + run},
            ExpressionAttributeValues={":at": {"S": at.isoformat()}, ":expires": _expiry()},
        )

    def around(self, owner: str, at: datetime, account: str, region: str, name: str) -> str | None:
        """Return the execution within which something of this name was at a moment, or None.

        Of several that ran there, the one of the same name; without such a one, none.
        """
        item = self._dynamodb.get_item(
            TableName=self._table, Key=_key(owner), ConsistentRead=True
        ).get("Item", {})
        running = {
            run: begun["name"]
            for run, begun in _begun(item)
            if (begun["account"], begun["region"]) == (account, region)
            and at - _DAY < _at(begun) <= at
            and (_ENDED + run not in item or at <= datetime.fromisoformat(item[_ENDED + run]["S"]))
        }
        same = [run for run, known in running.items() if known == name] or list(running)
        return same[0] if len(same) == 1 else None


def _begun(item: "dict[str, AttributeValueTypeDef]") -> list[tuple[str, dict[str, Any]]]:
    return [
        (name.removeprefix(_BEGUN), json.loads(value["S"]))
        for name, value in item.items()
        if name.startswith(_BEGUN)
    ]


def _both(runs: list[str]) -> list[str]:
    return [prefix + run for run in runs for prefix in (_BEGUN, _ENDED)]


def _at(begun: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(begun["at"]).astimezone(UTC)


def _key(owner: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"PIPELINES#{owner}"}, "sk": {"S": "PIPELINES"}}


def _expiry() -> "AttributeValueTypeDef":
    return {"N": str(clock.epoch(clock.now() + 2 * _DAY))}
