"""Rows: the open tickets of ours, as they were last known, and what comes out of them.

`pk = TICKET#<connection id>`, `sk = <table>#<sys_id>`. A row has the columns as known and the
`sys_mod_count` that they were known at, what is about to be written, and the events that are not
sent yet. Whatever a look finds is stored by one update, conditional on the row's revision, which
every update raises: so an event comes out of a change once, whoever looks beside.

Rows carry a version. Updates name the attributes that they set.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from actionsync import clock
from actionsync.stores import versions
from actionsync.stores.attributes import attribute
from actionsync.stores.conditions import refusing_item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

VERSION = 1
MOST_NOTES = 50
# A longer value is known by its beginning and a hash: rows stay small.
_LONGEST_VALUE = 200
# Where it is said that most are missing: before all rows, whose places begin with a letter.
_MISSING = "!"


def known_as(value: object) -> str:
    """Return a column's value as a row has it."""
    text = "" if value is None else str(value)
    if len(text) <= _LONGEST_VALUE:
        return text
    return f"{text[:_LONGEST_VALUE]}…{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def note_hash(text: str) -> str:
    """Return what a row knows a note by."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Row:
    """An open ticket of ours.

    Attributes:
        connection_id: the connection by which it was opened.
        table: its table.
        sys_id: its key there.
        owner: whose it is.
        connection: the connection's name.
        dedup_key: the dedup key whose ticket it is; empty for one that a call has opened.
        kind: what it is: incident, change, action_item; empty for one that a call has opened.
        own_user: the integration account, as in `sys_updated_by`; empty where it is unknown.
        number: its number.
        url: where a person finds it.
        origin: what its event said of itself: source, key, account, Region, labels that identify.
        columns: its columns as known.
        mod_count: the `sys_mod_count` that they were known at.
        looked_count: that of the newest look, or of the opening.
        own_writes: how many writes of ours there were since.
        older_count: the lower one that the last look met; -1 for none.
        pending: what we are about to write, by write.
        notes: hashes of our notes, the newest last.
        noted_until: when the newest note that is known was made, as ServiceNow says it.
        noted: hashes of the sys_ids of the newest notes.
        opened_at: epoch seconds at which it was opened.
        changed_at: epoch seconds at which a look last found a change.
        missing_since: epoch seconds at which a look first missed it; 0 where it is there.
        pushed_at: epoch seconds at which ServiceNow said that it changed; 0 once it was read.
        is_taken_over: whether a person has taken it over.
        gates: the timers of the gates that wait for it.
        sends_comments: whether comments and work notes come out.
        written_back: the status that its source was last given.
        sequence: the number of its newest event.
        unsent: the events that are not known to be sent.
        revision: counts the updates.
    """

    connection_id: int
    table: str
    sys_id: str
    owner: str
    connection: str = "default"
    dedup_key: str = ""
    kind: str = ""
    own_user: str = ""
    number: str = ""
    url: str = ""
    origin: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    mod_count: int = 0
    looked_count: int = 0
    own_writes: int = 0
    older_count: int = -1
    pending: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    noted_until: str = ""
    noted: tuple[str, ...] = ()
    opened_at: int = 0
    changed_at: int = 0
    missing_since: int = 0
    pushed_at: int = 0
    is_taken_over: bool = False
    gates: tuple[str, ...] = ()
    sends_comments: bool = False
    written_back: str = ""
    sequence: int = 0
    unsent: tuple[dict[str, Any], ...] = ()
    revision: int = 0

    @property
    def place(self) -> str:
        """Its place among its connection's rows."""
        return f"{self.table}#{self.sys_id}"

    @property
    def values_pending(self) -> dict[str, set[str]]:
        """The values that we are about to write, by column."""
        values: dict[str, set[str]] = {}
        for write in self.pending.values():
            for name, value in write.items():
                values.setdefault(name, set()).add(value)
        return values


class TicketStore:
    """The rows, in the events table.

    Whatever reads or updates one raises UnknownVersionError where newer code has written it.
    """

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def open(self, row: Row) -> bool:
        """Add a row, unless there is one; return whether it was added."""
        names = [name for name in _STORED if getattr(row, name) != _DEFAULTS.get(name)]
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item={
                    **_key(row.connection_id, row.place),
                    "version": {"N": str(VERSION)},
                    # What updates reach into, and conditions ask for, has to be there.
                    "revision": {"N": "0"},
                    "columns": {"M": {}},
                    "pending": {"M": {}},
                    **{name: _attribute(getattr(row, name)) for name in names},
                },
                ConditionExpression="attribute_not_exists(pk)",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def get(self, connection_id: int, table: str, sys_id: str) -> Row | None:
        """Return a row, or None where there is none."""
        item = self._dynamodb.get_item(
            TableName=self._table,
            Key=_key(connection_id, f"{table}#{sys_id}"),
            ConsistentRead=True,
        ).get("Item")
        return None if item is None else _row(item)

    def rows(self, connection_id: int, after: str = "") -> "Iterator[Row]":
        """Yield a connection's rows by their places, read as they are needed.

        Args:
            connection_id: the connection.
            after: the place after which they begin.
        """
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk > :after",
            ExpressionAttributeValues={
                ":pk": {"S": f"TICKET#{connection_id}"},
                ":after": {"S": after or _MISSING},
            },
            ConsistentRead=True,
        )
        for page in pages:
            for item in page["Items"]:
                yield _row(item)

    def save(self, row: Row, **changes: Any) -> Row | None:
        """Set attributes of a row, unless it was updated since it was read.

        Returns:
            The row as it is now; None where another was quicker, or it has gone.
        """
        sets = [f"#{name} = :{name}" for name in changes]
        return self._update(
            _key(row.connection_id, row.place),
            f"SET {', '.join([*sets, '#revision = :next'])}",
            "#revision = :read",
            {
                ":next": {"N": str(row.revision + 1)},
                ":read": {"N": str(row.revision)},
                **{f":{name}": _attribute(value) for name, value in changes.items()},
            },
        )

    def remove(self, row: Row) -> bool:
        """Remove a row, unless it was updated since it was read; return whether it was removed."""
        try:
            self._dynamodb.delete_item(
                TableName=self._table,
                Key=_key(row.connection_id, row.place),
                ConditionExpression="revision = :read",
                ExpressionAttributeValues={":read": {"N": str(row.revision)}},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def push(self, connection_id: int, table: str, sys_id: str) -> bool:
        """Mark a row to be read by the next look; return whether there is one."""
        return (
            self._update(
                _key(connection_id, f"{table}#{sys_id}"),
                "SET #pushed_at = :now ADD #revision :one",
                "attribute_exists(pk)",
                {":now": {"N": str(clock.now_epoch())}, ":one": {"N": "1"}},
            )
            is not None
        )

    def gate(self, connection_id: int, table: str, sys_id: str, timer_id: str) -> None:
        """Record that a gate waits for a ticket, if that has a row."""
        timer: AttributeValueTypeDef = {"S": timer_id}
        self._update(
            _key(connection_id, f"{table}#{sys_id}"),
            "SET #gates = list_append(if_not_exists(#gates, :none), :new) ADD #revision :one",
            "attribute_exists(pk) AND NOT contains(#gates, :timer)",
            {
                ":none": {"L": []},
                ":new": {"L": [timer]},
                ":timer": timer,
                ":one": {"N": "1"},
            },
        )

    def mark_missing(self, connection_id: int, owner: str, *, are_missing: bool) -> None:
        """Record whether most tickets of a connection cannot be read any more."""
        key = _key(connection_id, _MISSING)
        if are_missing:
            self._dynamodb.put_item(TableName=self._table, Item={**key, "owner": {"S": owner}})
        else:
            self._dynamodb.delete_item(TableName=self._table, Key=key)

    def discard_missing(self, connection_id: int) -> None:
        """Mark those that cannot be read any more as deleted, where they are the majority."""
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(connection_id, _MISSING),
                UpdateExpression="SET discarded = :yes",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":yes": {"BOOL": True}},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return

    def are_discarded(self, connection_id: int) -> bool:
        """Return whether those that cannot be read any more are to be taken for deleted."""
        item = self._dynamodb.get_item(
            TableName=self._table, Key=_key(connection_id, _MISSING), ConsistentRead=True
        ).get("Item")
        return item is not None and "discarded" in item

    def are_missing(self, connection_id: int) -> bool:
        """Return whether most tickets of a connection cannot be read any more."""
        key = _key(connection_id, _MISSING)
        return "Item" in self._dynamodb.get_item(
            TableName=self._table, Key=key, ConsistentRead=True
        )

    # ---- around our own writes

    def announce(
        self,
        connection_id: int,
        place: str,
        write: str,
        values: "Mapping[str, str]",
        notes: "Sequence[str]",
    ) -> bool:
        """Record what is about to be written to a ticket; return whether it has a row.

        Args:
            connection_id: the connection.
            place: the row's place.
            write: names the write.
            values: the columns.
            notes: notes that are posted with it.
        """
        noted = ", #notes = list_append(if_not_exists(#notes, :none), :new)" if notes else ""
        about = {name: {"S": known_as(value)} for name, value in values.items()}
        return (
            self._update(
                _key(connection_id, place),
                f"SET #pending.#write = :values{noted} ADD #revision :one",
                "attribute_exists(pk)",
                {
                    ":values": {"M": about},
                    ":one": {"N": "1"},
                    **(
                        {
                            ":none": {"L": []},
                            ":new": {"L": [{"S": note_hash(note)} for note in notes]},
                        }
                        if notes
                        else {}
                    ),
                },
                {"#write": write},
            )
            is not None
        )

    def confirm(
        self, connection_id: int, place: str, write: str, values: "Mapping[str, str]", count: int
    ) -> None:
        """Record what a write has made of its columns, unless something newer is known.

        A look that has seen it has counted it.

        Args:
            connection_id: the connection.
            place: the row's place.
            write: names the write.
            values: the columns that were sent, as the answer has them.
            count: the answer's `sys_mod_count`.
        """
        names = {f"#c{number}": name for number, name in enumerate(values)}
        sets = [f"#columns.{name} = :c{number}" for number, name in enumerate(names)]
        known = self._update(
            _key(connection_id, place),
            f"SET {', '.join([*sets, '#mod_count = :count'])} "
            "REMOVE #pending.#write ADD #own_writes :one, #revision :one",
            "attribute_exists(#pending.#write) "
            "AND (attribute_not_exists(#mod_count) OR #mod_count <= :count)",
            {
                ":count": {"N": str(count)},
                ":one": {"N": "1"},
                **{
                    f":c{number}": {"S": known_as(value)}
                    for number, value in enumerate(values.values())
                },
            },
            {"#write": write, **names},
        )
        if known is None:
            self.withdraw(connection_id, place, write, was_made=True)

    def withdraw(
        self, connection_id: int, place: str, write: str, *, was_made: bool = False
    ) -> None:
        """Record that a write was refused, or that its answer is older than what is known."""
        self._update(
            _key(connection_id, place),
            "REMOVE #pending.#write ADD #own_writes :made, #revision :one",
            "attribute_exists(#pending.#write)",
            {":one": {"N": "1"}, ":made": {"N": str(int(was_made))}},
            {"#write": write},
        )

    def _update(
        self,
        key: "Item",
        expression: str,
        condition: str,
        values: "Item",
        names: dict[str, str] | None = None,
    ) -> Row | None:
        """Update a row and return it; None where it is otherwise than the condition says."""
        used = set(re.findall(r"#(\w+)", f"{expression} {condition}"))
        own = {f"#{name}": name for name in used if f"#{name}" not in (names or {})}
        try:
            item = self._dynamodb.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression=expression,
                ConditionExpression=f"{condition} AND version <= :version",
                ExpressionAttributeNames={**own, **(names or {})},
                ExpressionAttributeValues={":version": {"N": str(VERSION)}, **values},
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )["Attributes"]
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            versions.check(refusing_item(error) or {}, VERSION)
            return None
        return _row(item)


_DEFAULTS: dict[str, Any] = {
    each.name: each.default_factory() if callable(each.default_factory) else each.default
    for each in fields(Row)
}
_KEYS = ("connection_id", "table", "sys_id")
_STORED = tuple(name for name in _DEFAULTS if name not in _KEYS)


def _key(connection_id: int, place: str) -> "Item":
    return {"pk": {"S": f"TICKET#{connection_id}"}, "sk": {"S": place}}


def _attribute(value: Any) -> "AttributeValueTypeDef":
    if isinstance(value, dict):
        return {"M": {name: _attribute(each) for name, each in value.items()}}
    if isinstance(value, list | tuple) and not any(isinstance(each, dict) for each in value):
        return {"L": [{"S": each} for each in value]}
    return attribute(value)


def _value(attribute: "AttributeValueTypeDef") -> Any:
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return int(str(value))
        case "M":
            return {name: _value(each) for name, each in attribute["M"].items()}
        case "L":
            return tuple(each["S"] for each in attribute["L"])
    return value


def _row(item: "Item") -> Row:
    versions.check(item, VERSION)
    values = {name: _value(item[name]) for name in _STORED if name in item}
    if isinstance(unsent := values.get("unsent"), str):
        values["unsent"] = tuple(json.loads(unsent))
    table, _, sys_id = item["sk"]["S"].partition("#")
    return Row(int(item["pk"]["S"].partition("#")[2]), table, sys_id, **values)
