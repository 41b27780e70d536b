"""Which pipelines run, so that a CodeDeploy deployment within one is part of that one's change.

CodeDeploy's events do not name the pipeline that began the deployment. Where CodePipeline's action
events arrive, an action that deploys was under way then, and its end names the deployment; where
they do not, account, region and time have to do. One item for each owner, `pk = PIPELINES#<owner>`,
has attributes for each execution of the last day, `<kind>_<execution>` or, for an action of one,
`<kind>_<execution>_<action>`.

Events may come in any order: a deployment whose pipeline is not known yet has a change of its own
(`alone_<deployment>`), which becomes the pipeline's when its beginning arrives
(`shares_<execution>`).
"""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

from actionsync import clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Facts = dict[str, Any]

# An execution has begun, has ended, has shown an action; an action that deploys has begun, ended;
# a deployment has a change of its own; an execution shares that of a deployment.
Kind = Literal["begun", "ended", "seen", "deploys", "deployed", "alone", "shares"]
_KINDS = frozenset(get_args(Kind))
_DAY = timedelta(days=1)
# How much later than its deployment's a pipeline's beginning may arrive.
_HOUR = timedelta(hours=1)
# How much later than its action a deployment may report its own end.
_LATE = timedelta(minutes=1)


class PipelineStore:
    """The pipelines that run, in the events table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def begin(self, owner: str, run: str, at: datetime, place: dict[str, str]) -> str | None:
        """Record that an execution has begun, or goes on: `place` is account, region and name.

        Returns:
            The deployment whose change it shares, or None.
        """
        facts = self._set(owner, "begun", run, at, place, over="ended")
        shared = facts.shared_by(run)
        if shared is None and (shared := facts.alone_within(run, at)) is not None:
            self._set(owner, "shares", run, at, {"deployment": shared})
        return shared

    def end(self, owner: str, run: str, at: datetime) -> str | None:
        """Record that an execution has ended, and return the deployment whose change it shares.

        One that nobody knows stays unknown.
        """
        return self._set(owner, "ended", run, at, {}).shared_by(run)

    def stand_alone(self, owner: str, deployment: str, at: datetime, place: dict[str, str]) -> None:
        """Record that a deployment has a change of its own."""
        self._set(owner, "alone", deployment, at, place)

    def is_shared(self, owner: str, deployment: str) -> bool:
        """Return whether an execution shares a deployment's change."""
        shared = self._facts(owner).of("shares").values()
        return any(facts["deployment"] == deployment for facts in shared)

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
        found = self._facts(owner)
        begun_runs = found.of("begun")
        for name, deployed in found.of("deployed").items():
            run = name.partition("_")[0]
            if deployment_id and deployed["id"] == deployment_id and run in begun_runs:
                return run
        return _only(
            {run: begun for run, begun in begun_runs.items() if found.is_around(run, begun, at)},
            place,
        )

    def _facts(self, owner: str) -> "_Facts":
        item = self._dynamodb.get_item(
            TableName=self._table, Key=_key(owner), ConsistentRead=True
        ).get("Item", {})
        return _Facts(item)

    def _set(  # noqa: PLR0917 - what each fact has
        self, owner: str, kind: Kind, name: str, at: datetime, facts: "Facts", over: str = ""
    ) -> "_Facts":
        """Record a fact, unless an execution has begun before; forget those that are a day old.

        Returns:
            All that is known then.
        """
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
        known = _Facts(answer["Attributes"])
        old = known.outdated(at)
        if old:
            names = {f"#{place}": attribute for place, attribute in enumerate(old)}
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(owner),
                UpdateExpression=f"REMOVE {', '.join(names)}",
                ExpressionAttributeNames=names,
            )
        return known


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

    def outdated(self, now: datetime) -> list[str]:
        """Return the attributes of facts that say nothing any more."""
        return [
            attribute
            for attribute, facts in self._facts.items()
            if _at(facts) < now - (_HOUR if attribute.startswith("alone_") else _DAY)
        ]

    def shared_by(self, run: str) -> str | None:
        """Return the deployment whose change an execution shares, or None."""
        facts = self._facts.get(f"shares_{run}")
        return None if facts is None else str(facts["deployment"])

    def alone_within(self, run: str, at: datetime) -> str | None:
        """Return a deployment on its own that an execution has made which began at this moment."""
        begun = self._facts[f"begun_{run}"]
        if _at(begun) != at:
            return None  # it only goes on
        return _only(
            {
                deployment: alone
                for deployment, alone in self.of("alone").items()
                if self.is_around(run, begun, _at(alone))
            },
            begun,
        )

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


def _only(found: "dict[str, Facts]", place: dict[str, str]) -> str | None:
    """Return the only one in an account and region, or the only one there of the same name."""
    near = {
        key: facts["name"]
        for key, facts in found.items()
        if all(facts[part] == place[part] for part in ("account", "region"))
    }
    same = [key for key, name in near.items() if name == place["name"]] or list(near)
    return same[0] if len(same) == 1 else None


def _has_ended(over: "Facts | None", begun_at: datetime, at: datetime) -> bool:
    """Return whether an action was over, or is known to have made another deployment."""
    if over is None or _at(over) < begun_at:
        return False
    return bool(over["id"]) or at > _at(over) + _LATE


def _at(facts: "Facts") -> datetime:
    return datetime.fromisoformat(facts["at"]).astimezone(UTC)


def _key(owner: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"PIPELINES#{owner}"}, "sk": {"S": "PIPELINES"}}
