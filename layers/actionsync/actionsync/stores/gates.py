"""Gates in DynamoDB: what waits for which change, and what was decided.

A gate is one item, `pk = GATE#<owner>`, `sk = <id>`; the ids of a deployment's gates have a common
beginning.
It becomes go or no by one conditional write. An index has an owner's gates by state and age.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from actionsync import clock
from actionsync.stores import versions
from actionsync.stores.attributes import attribute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

State = Literal["waiting", "go", "no"]
# What became of the answer to the platform: none is due, it waits for one, it has it, another has
# decided before, or it could not be given.
Answer = Literal["none", "due", "given", "decided elsewhere", "failed"]

VERSION = 1
DECIDED_DAYS = 90
_DAY = 24 * 3600
_INDEX = "gates"
_LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class Gate:
    """A deployment that waits for its change, or did.

    Attributes:
        id: names it; made from its owner, deployment and place in the pipeline.
        owner: whose it is.
        deployment: the dedup key of the deployment's events.
        key: the key of the change's events: the deployment's, or the place's in a pipeline.
        application: what is deployed.
        environment: where.
        deployment_id: the deployment's id at its sender.
        attempt: which attempt it is.
        platform: which platform gets the decision; empty where the caller polls for it.
        state: what was decided.
        reason: why, for people.
        answer: what became of the answer to the platform.
        answers: how often it was about to be given.
        created_at: epoch seconds at which it was asked for.
        ends_at: epoch seconds at which it ends.
        decided_at: epoch seconds at which it was decided; 0 while it waits.
        connection: the name of the connection that its change is reached by.
        host: the host that its change is on.
        sys_id: its change; empty before that is opened.
        number: the change's number.
        url: where a person finds the change.
        is_ours: whether the change was opened for the deployment.
        has_advanced: whether the change was seen in a later state than New.
        trouble: why the change could not be submitted or moved.
        cancels: why the change is to be canceled; empty where it is not.
        note: what is to be noted on the change; empty for nothing.
    """

    id: str
    owner: str
    deployment: str
    key: str
    application: str
    environment: str
    deployment_id: str
    attempt: str
    platform: str = ""
    state: State = "waiting"
    reason: str = ""
    answer: Answer = "none"
    answers: int = 0
    created_at: int = 0
    ends_at: int = 0
    decided_at: int = 0
    connection: str = "default"
    host: str = ""
    sys_id: str = ""
    number: str = ""
    url: str = ""
    is_ours: bool = True
    has_advanced: bool = False
    trouble: str = ""
    cancels: str = ""
    note: str = ""

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do for it."""
        is_said = not self.cancels and not self.note
        return self.state != "waiting" and self.answer != "due" and is_said


class GateStore:
    """The gates of all owners, in the events table.

    Whatever reads or updates one raises UnknownVersionError where newer code has written it.
    """

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        """Take the DynamoDB client and the name of the events table."""
        self._dynamodb = dynamodb
        self._table = table

    def add(self, gate: Gate) -> Gate:
        """Add a gate, and return it, or the one that there is."""
        item = {**_attributes(gate), **_key(gate.owner, gate.id)}
        item |= {
            "version": {"N": str(VERSION)},
            "gate_owner": {"S": gate.owner},
            "listed": {"S": _listed(gate)},
        }
        try:
            self._dynamodb.put_item(
                TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)"
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return self.get(gate.owner, gate.id) or gate
        return gate

    def get(self, owner: str, gate_id: str) -> Gate | None:
        """Return an owner's gate, or None where there is none."""
        item = self._dynamodb.get_item(
            TableName=self._table, Key=_key(owner, gate_id), ConsistentRead=True
        ).get("Item")
        return None if item is None else _gate(item)

    def all(self, owner: str) -> "Iterator[Gate]":
        """Yield an owner's gates."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"GATE#{owner}"}},
            ConsistentRead=True,
        )
        return (_gate(item) for page in pages for item in page["Items"])

    def of_deployment(self, owner: str, prefix: str) -> list[Gate]:
        """Return an owner's gates whose ids begin so: those of a deployment."""
        found = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={
                ":pk": {"S": f"GATE#{owner}"},
                ":prefix": {"S": prefix},
            },
            ConsistentRead=True,
        )
        return [_gate(item) for item in found["Items"]]

    def page(
        self, owner: str, limit: int, after: str | None = None, *, is_waiting: bool = False
    ) -> tuple[list[Gate], str | None]:
        """Return an owner's gates, and where the next page begins, None at the end.

        Those that wait come first, then the others, the newest first.

        Args:
            owner: whose.
            limit: how many at most.
            after: where an earlier page said that the next begins.
            is_waiting: whether only those that wait are wanted.
        """
        options: dict[str, Any] = {}
        if after is not None:
            gate_id = after.rpartition("#")[2]
            options["ExclusiveStartKey"] = {
                **_key(owner, gate_id),
                "gate_owner": {"S": owner},
                "listed": {"S": after},
            }
        answer = self._dynamodb.query(
            TableName=self._table,
            IndexName=_INDEX,
            KeyConditionExpression="gate_owner = :owner"
            + (" AND begins_with(listed, :waiting)" if is_waiting else ""),
            ExpressionAttributeValues={
                ":owner": {"S": owner},
                **({":waiting": {"S": "waiting#"}} if is_waiting else {}),
            },
            ScanIndexForward=False,
            Limit=limit,
            **options,
        )
        last = answer.get("LastEvaluatedKey")
        # What newer code has written is not shown for as long as old code still answers.
        gates = [_gate(item) for item in answer["Items"] if int(item["version"]["N"]) <= VERSION]
        return gates, None if last is None else last["listed"]["S"]

    def update(self, gate: Gate, **changes: Any) -> Gate | None:
        """Change what is known of a gate that still waits; return it, or None if it is decided."""
        return self._update(gate, changes, "#state = :waiting")

    def decide(self, gate: Gate, state: State, reason: str, **changes: Any) -> Gate | None:
        """Decide a gate; return it as decided, or None where that was done before."""
        now = clock.now_epoch()
        decided = {
            "state": state,
            "reason": reason[:_LONGEST_REASON],
            "answer": "due" if gate.platform else "none",
            "decided_at": now,
            "listed": f"decided#{gate.created_at:012}#{gate.id}",
            "expires_at": now + DECIDED_DAYS * _DAY,
            **changes,
        }
        return self._update(gate, decided, "#state = :waiting")

    def revoke(self, gate: Gate, reason: str) -> Gate | None:
        """Turn a go that its platform has not heard of into a no; None where it was answered."""
        change = {"state": "no", "reason": reason[:_LONGEST_REASON]}
        return self._update(gate, change, "#state = :go AND answer = :due")

    def settle(self, gate: Gate, **changes: Any) -> Gate | None:
        """Record what became of a decided gate's answer or change."""
        return self._update(gate, changes, "attribute_exists(pk)")

    def _update(self, gate: Gate, changes: dict[str, Any], condition: str) -> Gate | None:
        names = {f"#{name}": name for name in changes} | {"#state": "state"}
        known: Item = {":waiting": {"S": "waiting"}, ":go": {"S": "go"}, ":due": {"S": "due"}}
        values = {name: value for name, value in known.items() if name in condition}
        sets = ", ".join(f"#{name} = :new_{name}" for name in changes)
        try:
            item = self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(gate.owner, gate.id),
                UpdateExpression=f"SET {sets}",
                ConditionExpression=f"attribute_exists(pk) AND version <= :version AND {condition}",
                ExpressionAttributeNames={
                    name: value
                    for name, value in names.items()
                    if value in changes or name in condition
                },
                ExpressionAttributeValues={
                    **{f":new_{name}": attribute(value) for name, value in changes.items()},
                    ":version": {"N": str(VERSION)},
                    **values,
                },
                ReturnValues="ALL_NEW",
            )["Attributes"]
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return None
        return _gate(item)


_DEFAULTS = {item.name: item.default for item in fields(Gate)}


def _key(owner: str, gate_id: str) -> "Item":
    return {"pk": {"S": f"GATE#{owner}"}, "sk": {"S": gate_id}}


def _listed(gate: Gate) -> str:
    return f"waiting#{gate.created_at:012}#{gate.id}"


def _attributes(gate: Gate) -> "Item":
    return {name: attribute(getattr(gate, name)) for name in _DEFAULTS if name != "id"}


def _gate(item: "Item") -> Gate:
    versions.check(item, VERSION)
    values: dict[str, Any] = {"id": item["sk"]["S"]}
    for name in _DEFAULTS:
        if name in item:
            ((kind, value),) = item[name].items()
            values[name] = int(str(value)) if kind == "N" else value
    return Gate(**values)
