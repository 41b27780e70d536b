"""Which pipelines run, so that a CodeDeploy deployment within one is part of that one's change.

CodeDeploy's events do not name the pipeline that began the deployment. Where CodePipeline's action
events arrive, an action that deploys was under way then, and its end names the deployment; where
they do not, account, region and time have to do. One item for each owner, `pk = PIPELINES#<owner>`,
has attributes for each execution of the last day, `<kind>_<execution>` or, for an action of one,
`<kind>_<execution>_<action>`.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from actionsync import clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Facts = dict[str, Any]

# An execution has begun, has ended, has shown an action; an action that deploys has begun, ended.
Kind = Literal["begun", "ended", "seen", "deploys", "deployed"]
_KINDS = {"begun", "ended", "seen", "deploys", "deployed"}
_DAY = timedelta(days=1)
# How much later than its action a deployment may report its own end.
_LATE = timedelta(minutes=1)


class PipelineStore:
    """The pipelines that run, in the events table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        """Take the DynamoDB client and the table's name."""
        self._dynamodb = dynamodb
        self._table = table

    def begin(self, owner: str, run: str, at: datetime, place: dict[str, str]) -> None:
        """Record that an execution has begun, or goes on: `place` is account, region and name."""
        self._set(owner, "begun", run, at, place, over="ended")

    def end(self, owner: str, run: str, at: datetime) -> None:
        """Record that an execution has ended; one that nobody knows stays unknown."""
        self._set(owner, "ended", run, at, {})

    def see_action(self, owner: str, run: str, at: datetime) -> None:
        """Record that an execution shows its actions."""
        self._set(owner, "seen", run, at, {})

    def begin_deploying(self, owner: str, run: str, action: str, at: datetime) -> None:
        """Record that an action that deploys has begun."""
        self._set(owner, "deploys", f"{run}_{action}", at, {})

    def end_deploying(
        self, owner: str, run: str, action: str, at: datetime, deployment_id: str
    ) -> None:
        """Record that an action that deploys has ended, and its deployment, empty if not known."""
        self._set(owner, "deployed", f"{run}_{action}", at, {"id": deployment_id})

    def around(
        self, owner: str, at: datetime, place: dict[str, str], deployment_id: str
    ) -> str | None:
        """Return the execution that a deployment is a part of, or None.

        Of several that may be, the one of the same name; without such a one, none.
        """
        item = self._dynamodb.get_item(
            TableName=self._table, Key=_key(owner), ConsistentRead=True
        ).get("Item", {})
        found = _Facts(item)
        begun_runs = found.of("begun")
        for name, deployed in found.of("deployed").items():
            run = name.partition("_")[0]
            if deployment_id and deployed["id"] == deployment_id and run in begun_runs:
                return run
        running = {
            run: begun["name"]
            for run, begun in begun_runs.items()
            if all(begun[part] == place[part] for part in ("account", "region"))
            and found.is_around(run, begun, at)
        }
        same = [run for run, known in running.items() if known == place["name"]] or list(running)
        return same[0] if len(same) == 1 else None

    def _set(  # noqa: PLR0917 - what each fact has
        self, owner: str, kind: Kind, name: str, at: datetime, facts: "Facts", over: str = ""
    ) -> None:
        """Record a fact, unless an execution has begun before; forget those that are a day old."""
        value = json.dumps({**facts, "at": at.isoformat()})
        is_first = kind == "begun"
        answer = self._dynamodb.update_item(
            TableName=self._table,
            Key=_key(owner),
            UpdateExpression=f"SET #fact = {'if_not_exists(#fact, :fact)' if is_first else ':fact'}"
            f", expires_at = :expires{' REMOVE #over' if over else ''}",
            ExpressionAttributeNames={"#fact": f"{kind}_{name}"}
            | ({"#over": f"{over}_{name}"} if over else {}),
            ExpressionAttributeValues={
                ":fact": {"S": value},
                ":expires": {"N": str(clock.epoch(clock.now() + 2 * _DAY))},
            },
            ReturnValues="ALL_NEW",
        )
        old = _Facts(answer["Attributes"]).before(at - _DAY)
        if old:
            names = {f"#{place}": attribute for place, attribute in enumerate(old)}
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(owner),
                UpdateExpression=f"REMOVE {', '.join(names)}",
                ExpressionAttributeNames=names,
            )


class _Facts:
    """What is known of an owner's executions."""

    def __init__(self, item: "dict[str, AttributeValueTypeDef]") -> None:
        self._facts: dict[str, Facts] = {
            attribute: json.loads(value["S"])
            for attribute, value in item.items()
            if attribute.partition("_")[0] in _KINDS
        }

    def of(self, kind: Kind, run: str = "") -> "dict[str, Facts]":
        """Return the facts of a kind by what they are about: an execution, or an action of one."""
        prefix = f"{kind}_"
        return {
            attribute.removeprefix(prefix): facts
            for attribute, facts in self._facts.items()
            if attribute.startswith(prefix + run)
        }

    def before(self, moment: datetime) -> list[str]:
        """Return the attributes of facts that are older."""
        return [attribute for attribute, facts in self._facts.items() if _at(facts) < moment]

    def is_around(self, run: str, begun: "Facts", at: datetime) -> bool:
        """Return whether an execution may have made a deployment that was under way then."""
        ended = self._facts.get(f"ended_{run}")
        if not at - _DAY < _at(begun) <= at or (ended is not None and at > _at(ended) + _LATE):
            return False
        actions, over = self.of("deploys", run), self.of("deployed", run)
        if actions or over or f"seen_{run}" in self._facts:
            return any(
                _at(action) <= at and not _has_ended(over.get(name), _at(action), at)
                for name, action in actions.items()
            )
        return ended is None or at <= _at(ended)


def _has_ended(over: "Facts | None", begun_at: datetime, at: datetime) -> bool:
    """Return whether an action was over, or is known to have made another deployment."""
    if over is None or _at(over) < begun_at:
        return False
    return bool(over["id"]) or at > _at(over) + _LATE


def _at(facts: "Facts") -> datetime:
    return datetime.fromisoformat(facts["at"]).astimezone(UTC)


def _key(owner: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"PIPELINES#{owner}"}, "sk": {"S": "PIPELINES"}}
