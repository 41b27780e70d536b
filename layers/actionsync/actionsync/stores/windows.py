"""Change windows by connection: the newest read of them, and what was held back for each.

They are stored in the partitions of correlations, since the same functions read and write both.
"""

import json
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from actionsync import clock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

VERSION = 1
# So much of what is held back for a change is listed in its note.
MOST_LISTED = 50
_LONGEST_LINE = 200
# DynamoDB's items have 400 KB at most.
_MOST_BYTES = 350_000
_STORED_SECONDS = 8 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Window:
    """The planned time of a change.

    Attributes:
        sys_id: the change's key.
        number: its number.
        title: its short description.
        start: epoch seconds at which it begins.
        end: epoch seconds at which it ends.
        names: its CIs and its service, by name and key, in lower case.
        environments: those of its CIs, in lower case; none where they are unknown.
    """

    sys_id: str
    number: str
    title: str
    start: int
    end: int
    names: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()

    def covers(self, now: int) -> bool:
        """Return whether it is open at an epoch second."""
        return self.start <= now < self.end


@dataclass(frozen=True, slots=True)
class Windows:
    """What a connection's newest read found.

    Attributes:
        read_at: when, in epoch seconds.
        windows: the windows that were open, or opened within the hour.
    """

    read_at: int
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What was held back for a change.

    Attributes:
        sys_id: the change's key.
        number: its number.
        since: when the first was, in epoch seconds.
        keys: the dedup keys, as far as they are listed.
        lines: what they are, in the same order.
        is_noted: whether the change has its first note.
    """

    sys_id: str
    number: str
    since: int
    keys: tuple[str, ...]
    lines: tuple[str, ...]
    is_noted: bool = False


class WindowStore:
    """The change windows, in the events table; `place` identifies an owner's connection."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        """Take the DynamoDB client and the name of the events table."""
        self._dynamodb = dynamodb
        self._table = table

    def get(self, place: str) -> Windows | None:
        """Return the newest read; None where nobody has read them yet."""
        item = self._dynamodb.get_item(
            TableName=self._table, Key=_key(place, "WINDOWS"), ConsistentRead=True
        ).get("Item")
        if item is None or int(item["version"]["N"]) > VERSION:
            return None
        found = json.loads(zlib.decompress(bytes(item["windows"]["B"])))
        return Windows(int(item["read_at"]["N"]), tuple(_window(one) for one in found))

    def save(self, place: str, owner: str, read: Windows) -> None:
        """Record a read; of too much, what ends last is left out."""
        windows = sorted(read.windows, key=lambda one: one.end)
        while len(packed := zlib.compress(json.dumps([*map(asdict, windows)]).encode())) > (
            _MOST_BYTES
        ):
            windows = windows[: len(windows) // 2]
        self._dynamodb.update_item(
            TableName=self._table,
            Key=_key(place, "WINDOWS"),
            UpdateExpression="SET windows = :windows, read_at = :read, #owner = :owner, "
            "version = :version, expires_at = :expires",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={
                ":windows": {"B": packed},
                ":read": {"N": str(read.read_at)},
                ":owner": {"S": owner},
                ":version": {"N": str(VERSION)},
                ":expires": {"N": str(clock.now_epoch() + _STORED_SECONDS)},
            },
        )

    def hold_back(self, place: str, owner: str, window: Window, key: str, line: str) -> bool:
        """Record that a key is held back for a change, once; return whether it is the first."""
        try:
            old = self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(place, _held(window.sys_id)),
                UpdateExpression="SET #owner = :owner, #number = :number, version = :version, "
                "expires_at = :expires, since = if_not_exists(since, :now), "
                "held_lines = list_append(if_not_exists(held_lines, :none), :line) "
                "ADD held_keys :key",
                ConditionExpression="NOT contains(held_keys, :one) "
                "AND (attribute_not_exists(held_keys) OR size(held_keys) < :most)",
                ExpressionAttributeNames={"#owner": "owner", "#number": "number"},
                ExpressionAttributeValues={
                    ":owner": {"S": owner},
                    ":number": {"S": window.number},
                    ":version": {"N": str(VERSION)},
                    ":expires": {"N": str(clock.now_epoch() + _STORED_SECONDS)},
                    ":now": {"N": str(clock.now_epoch())},
                    ":none": {"L": []},
                    ":line": {"L": [{"S": f"{key} {line[:_LONGEST_LINE]}"}]},
                    ":key": {"SS": [key]},
                    ":one": {"S": key},
                    ":most": {"N": str(MOST_LISTED)},
                },
                ReturnValues="ALL_OLD",
            ).get("Attributes")
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return "held_keys" not in (old or {})

    def held_back(self, place: str) -> "list[HeldBack]":
        """Return what is held back for changes that are not over."""
        items = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :held)",
            ExpressionAttributeValues={":pk": {"S": _pk(place)}, ":held": {"S": _held("")}},
            ConsistentRead=True,
        )["Items"]
        return [_held_back(item) for item in items if "held_lines" in item]

    def mark_noted(self, place: str, held: HeldBack) -> None:
        """Record that a change has its first note."""
        self._change(place, held, "SET is_noted = :yes", {":yes": {"BOOL": True}})

    def forget(self, place: str, held: HeldBack) -> None:
        """Forget what was held back for a change that is over; it may begin once more."""
        self._change(place, held, "REMOVE held_keys, held_lines, is_noted, since", {})

    def _change(
        self, place: str, held: HeldBack, expression: str, values: "dict[str, Any]"
    ) -> None:
        self._dynamodb.update_item(
            TableName=self._table,
            Key=_key(place, _held(held.sys_id)),
            UpdateExpression=expression,
            **({"ExpressionAttributeValues": values} if values else {}),  # type: ignore[arg-type]
        )


def _window(values: dict[str, Any]) -> Window:
    names, environments = tuple(values["names"]), tuple(values["environments"])
    return Window(**{**values, "names": names, "environments": environments})


def _held_back(item: "Item") -> HeldBack:
    listed = [one["S"].partition(" ") for one in item["held_lines"]["L"]]
    return HeldBack(
        item["sk"]["S"].removeprefix(_held("")),
        item["number"]["S"],
        int(item["since"]["N"]),
        tuple(key for key, _, _ in listed),
        tuple(line for _, _, line in listed),
        "is_noted" in item,
    )


def touching(windows: "Iterable[Window]", names: "Iterable[str]", environment: str) -> list[Window]:
    """Return the windows of what has one of these names, but for another environment's.

    Args:
        windows: the windows.
        names: names and keys, in lower case.
        environment: in lower case, or empty where it is unknown.
    """
    wanted = frozenset(names)
    return [
        one
        for one in windows
        if wanted.intersection(one.names)
        and (not environment or not one.environments or environment in one.environments)
    ]


def _pk(place: str) -> str:
    return f"CORRELATION#{place}"


def _key(place: str, sk: str) -> "Item":
    return {"pk": {"S": _pk(place)}, "sk": {"S": sk}}


def _held(sys_id: str) -> str:
    return f"HELD#{sys_id}"
