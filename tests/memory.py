"""DynamoDB in memory, for what would take hours with moto: the calls that the stores make.

Conditions and updates are translated to Python once each. An index is sorted; write units are
counted, also those of the indexes (DynamoDB developer guide: Read and write capacity).
`tests/integration/test_outage.py` compares it with moto.
"""

import bisect
import math
import re
from collections import Counter, defaultdict
from decimal import Decimal
from functools import cache
from types import CodeType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from actionsync import clock
from tests.template import template

if TYPE_CHECKING:
    from collections.abc import Iterable

Item = dict[str, Any]
Key = tuple[str, str]

_UNIT = 1024
# What one key takes in a second (DynamoDB developer guide: Designing partition keys).
KEY_UNITS = 1000


class ConditionalCheckFailedException(Exception):  # noqa: N818 - botocore's own name
    """A condition does not hold."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("ConditionalCheckFailedException")
        self.response = {} if item is None else {"Item": item}


class ProvisionedThroughputExceededException(Exception):  # noqa: N818 - botocore's own name
    """One key has more writes in a second than a partition takes."""


class _Missing:
    """An attribute that is not there: no comparison with it holds."""

    def __lt__(self, _: Any) -> bool:
        return False

    __le__ = __gt__ = __ge__ = __lt__
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, _: object) -> bool:
        return False

    def __ne__(self, _: object) -> bool:
        return True


_MISSING = _Missing()


def _plain(attribute: Any) -> Any:
    """Return an attribute's value."""
    if isinstance(attribute, _Missing):
        return attribute
    ((kind, value),) = attribute.items()
    return Decimal(value) if kind == "N" else set(value) if kind.endswith("SS") else value


_TOKEN = re.compile(r"(:\w+)|(#?[A-Za-z_]\w*)|(<>|<=|>=|=|<|>)|(\S)")
_WORDS = {"AND": "and", "OR": "or", "NOT": "not"}
_FUNCTIONS = {
    "attribute_exists": lambda value: value is not _MISSING,
    "attribute_not_exists": lambda value: value is _MISSING,
    "begins_with": lambda value, start: _plain(value).startswith(_plain(start)),
    "size": lambda value: _MISSING if value is _MISSING else len(_plain(value)),
    "if_not_exists": lambda value, other: other if value is _MISSING else value,
    "list_append": lambda first, second: {"L": [*first["L"], *second["L"]]},
    "plus": lambda first, second: {"N": str(int(first["N"]) + int(second["N"]))},
    "plain": lambda value: _plain(value) if isinstance(value, dict) else value,
}


@cache
def _python(expression: str, *, compares: bool) -> CodeType:
    """Return an expression as Python; an attribute is `a["name"]`, a value `v[":name"]`."""
    parts = []
    for value, word, operator, other in _TOKEN.findall(expression):
        if word in _WORDS:
            parts.append(f" {_WORDS[word]} ")
        elif word in _FUNCTIONS:
            parts.append(word)
        elif word or value:
            text = f"a[{word!r}]" if word else f"v[{value!r}]"
            parts.append(text)
        elif operator:
            parts.append({"=": "==", "<>": "!="}.get(operator, operator))
        else:
            parts.append(other)
    text = "".join(parts)
    if not compares and "+" in text:
        text = "plus({},{})".format(*text.split("+"))
    if compares:
        operand = r"((?:size\([^()]*\)|a\['[^']*'\]|v\['[^']*'\]))"
        text = re.sub(rf"{operand}(==|!=|<=|>=|<|>){operand}", r"(plain(\1)\2plain(\3))", text)
    return compile(text, expression, "eval")


@cache
def _clauses(expression: str) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Return an update's clauses: the verb, and the target and the operand of each part."""
    found = []
    for verb, body in re.findall(
        r"\b(SET|ADD|REMOVE)\s+(.*?)(?=\s+(?:SET|ADD|REMOVE)\s|$)", expression, re.DOTALL
    ):
        parts = [part.strip() for part in re.split(r",(?![^()]*(?:\([^()]*\)[^()]*)*\))", body)]
        separator = {"SET": "=", "ADD": " ", "REMOVE": "\0"}[verb]
        split = [part.partition(separator) for part in parts]
        found.append((verb, tuple((target.strip(), value.strip()) for target, _, value in split)))
    return tuple(found)


class _Attributes:
    """An item's attributes, by the names that an expression uses."""

    def __init__(self, item: Item, names: dict[str, str]) -> None:
        self._item = item
        self._names = names

    def __getitem__(self, name: str) -> Any:
        return self._item.get(self._names.get(name, name), _MISSING)


class _Index:
    """An index: which attributes make its key, which it has, and its items, sorted."""

    def __init__(self, described: dict[str, Any]) -> None:
        hash_key, range_key = described["KeySchema"]
        self.keys = (hash_key["AttributeName"], range_key["AttributeName"])
        projected = described["Projection"]
        self.has = {"pk", "sk", *self.keys, *projected.get("NonKeyAttributes", ())}
        # Of each partition its sort keys, in their order, and its items.
        self.partitions: dict[Any, tuple[list[Any], dict[Any, Item]]] = defaultdict(
            lambda: ([], {})
        )

    def place(self, item: Item | None) -> tuple[Any, Any] | None:
        """Return where an item is in it, or None where it is not."""
        if item is None or not all(key in item for key in self.keys):
            return None
        partition, sort = (_plain(item[key]) for key in self.keys)
        return partition, (sort, item["pk"]["S"], item["sk"]["S"])

    def append(self, item: Item) -> None:
        """Add an item; what is added so is to be sorted."""
        if (place := self.place(item)) is not None:
            places, items = self.partitions[place[0]]
            places.append(place[1])
            items[place[1]] = item

    def sort(self) -> None:
        """Sort what was added."""
        for places, _ in self.partitions.values():
            places.sort()

    def change(self, old: Item | None, new: Item | None) -> int:
        """Follow a change of the table; return how many writes it is."""
        before, after = self.place(old), self.place(new)
        if before is not None and before != after:
            places, items = self.partitions[before[0]]
            del places[bisect.bisect_left(places, before[1])]
            del items[before[1]]
        if after is not None and new is not None:
            places, items = self.partitions[after[0]]
            if before != after:
                bisect.insort(places, after[1])
            items[after[1]] = new
        if before is None or after is None:
            return int(before is not after)
        if before != after:
            return 2
        return int(any((old or {}).get(name) != (new or {}).get(name) for name in self.has))


class _Table:
    """A table of the template."""

    def __init__(self, described: dict[str, Any]) -> None:
        self.items: dict[str, dict[str, Item]] = defaultdict(dict)
        self.indexes = {
            index["IndexName"]: _Index(index)
            for index in described.get("GlobalSecondaryIndexes", ())
        }


class MemoryDynamoDB:
    """The client of DynamoDB, as the stores use it.

    Attributes:
        units: write units, by table.
        calls: calls, by name.
        of_key: write units of a second, by second, table and partition key.
    """

    exceptions = SimpleNamespace(ConditionalCheckFailedException=ConditionalCheckFailedException)

    def __init__(self) -> None:
        self._tables = {
            name: _Table(resource["Properties"])
            for name, resource in template()["Resources"].items()
            if resource["Type"] == "AWS::DynamoDB::Table"
        }
        self.units: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.of_key: Counter[tuple[int, str, str]] = Counter()

    def all(self, table: str) -> list[Item]:
        """Return all items of a table."""
        return [item for part in self._tables[table].items.values() for item in part.values()]

    def fill(self, table: str, items: "Iterable[Item]") -> None:
        """Put many items that are not there yet, at once and without a count."""
        found = self._tables[table]
        for item in items:
            found.items[item["pk"]["S"]][item.get("sk", {"S": ""})["S"]] = item
            for index in found.indexes.values():
                index.append(item)
        for index in found.indexes.values():
            index.sort()

    def get_item(self, *, TableName: str, Key: Item, **_: Any) -> Any:  # noqa: N803 - boto3's own
        """Return an item, or nothing."""
        self.calls["get_item"] += 1
        found = self._find(TableName, Key)
        return {} if found is None else {"Item": found}

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> Any:  # noqa: N803
        """Return what there is of several items."""
        self.calls["batch_get_item"] += 1
        responses = {
            table: [item for key in asked["Keys"] if (item := self._find(table, key)) is not None]
            for table, asked in RequestItems.items()
        }
        return {"Responses": responses}

    def put_item(self, *, TableName: str, Item: Item, **options: Any) -> Any:  # noqa: N803
        """Put an item, if its condition holds."""
        self.calls["put_item"] += 1
        old = self._find(TableName, Item)
        self._check(TableName, old, options)
        self._change(TableName, old, dict(Item))
        return {}

    def batch_write_item(self, *, RequestItems: dict[str, Any]) -> Any:  # noqa: N803
        """Put several items."""
        for table, requests in RequestItems.items():
            for request in requests:
                self.put_item(TableName=table, Item=request["PutRequest"]["Item"])
        return {}

    def delete_item(self, *, TableName: str, Key: Item, **options: Any) -> Any:  # noqa: N803
        """Delete an item, if its condition holds."""
        self.calls["delete_item"] += 1
        old = self._find(TableName, Key)
        self._check(TableName, old, options)
        if old is not None:
            self._change(TableName, old, None)
        return {}

    def update_item(self, *, TableName: str, Key: Item, **options: Any) -> Any:  # noqa: N803
        """Update an item, or make it, if its condition holds."""
        self.calls["update_item"] += 1
        old = self._find(TableName, Key)
        self._check(TableName, old, options)
        new = dict(Key) if old is None else dict(old)
        names = options.get("ExpressionAttributeNames", {})
        values = options.get("ExpressionAttributeValues", {})
        scope = {"a": _Attributes(dict(new), names), "v": values, **_FUNCTIONS}
        for verb, parts in _clauses(options["UpdateExpression"]):
            if verb == "REMOVE":
                _remove(new, [names.get(target, target) for target, _ in parts], names)
                continue
            for target, operand in parts:
                name = names.get(target, target)
                value = eval(_python(operand, compares=False), scope)  # noqa: S307 - our own
                new[name] = value if verb == "SET" else _added(new.get(name), value)
        self._change(TableName, old, new)
        returned = old if options.get("ReturnValues") == "ALL_OLD" else new
        return {} if returned is None else {"Attributes": returned}

    def query(self, *, TableName: str, **options: Any) -> Any:  # noqa: N803
        """Return the items of a partition, those of an index sorted, up to a limit."""
        self.calls["query"] += 1
        table, values = self._tables[TableName], options["ExpressionAttributeValues"]
        code = _python(options["KeyConditionExpression"], compares=True)
        if "IndexName" not in options:
            partition = table.items[values[":pk"]["S"]]
            start = values.get(":member", {"S": ""})["S"]
            items = (partition[sk] for sk in sorted(partition) if sk.startswith(start))
        else:
            index = table.indexes[options["IndexName"]]
            places, known = index.partitions[values[":key"]["S"]]
            items = (known[place] for place in places)
        found = []
        for item in items:
            attributes = _Attributes(item, options.get("ExpressionAttributeNames", {}))
            if not eval(code, {"a": attributes, "v": values, **_FUNCTIONS}):  # noqa: S307
                if "IndexName" in options:
                    break
                continue
            found.append(item)
            if len(found) == options.get("Limit"):
                break
        return {"Items": found}

    def get_paginator(self, name: str) -> Any:
        """Return what returns all in one page."""
        return SimpleNamespace(paginate=lambda **options: [getattr(self, name)(**options)])

    def _find(self, table: str, key: Item) -> Item | None:
        return self._tables[table].items[key["pk"]["S"]].get(key.get("sk", {"S": ""})["S"])

    def _check(self, table: str, item: Item | None, options: Item) -> None:
        if (condition := options.get("ConditionExpression")) is None:
            return
        attributes = _Attributes(item or {}, options.get("ExpressionAttributeNames", {}))
        scope = {"a": attributes, "v": options.get("ExpressionAttributeValues"), **_FUNCTIONS}
        if not eval(_python(condition, compares=True), scope):  # noqa: S307 - our own
            if item is not None:
                self._take(table, item["pk"]["S"], _units(item))  # it costs as much
                self.units[table] += _units(item)
            raise ConditionalCheckFailedException(item)

    def _take(self, table: str, pk: str, units: int) -> None:
        """Take write units of a key."""
        second = (clock.epoch(clock.now()), table, pk)
        if self.of_key[second] + units > KEY_UNITS:
            raise ProvisionedThroughputExceededException
        self.of_key[second] += units

    def _change(self, name: str, old: Item | None, new: Item | None) -> None:
        table, item = self._tables[name], new or old or {}
        pk, sk = item["pk"]["S"], item.get("sk", {"S": ""})["S"]
        size = max(_units(old), _units(new))
        self._take(name, pk, size)
        if new is None:
            del table.items[pk][sk]
        else:
            table.items[pk][sk] = new
        writes = 1 + sum(index.change(old, new) for index in table.indexes.values())
        self.units[name] += writes * size


def _remove(item: Item, targets: list[str], names: dict[str, str]) -> None:
    """Remove attributes, and elements of lists, all at once."""
    places = defaultdict(set)
    for target in targets:
        name, bracket, place = target.partition("[")
        if bracket:
            places[names.get(name, name)].add(int(place.rstrip("]")))
        else:
            item.pop(target, None)
    for name, gone in places.items():
        if name in item:
            left = [value for place, value in enumerate(item[name]["L"]) if place not in gone]
            item[name] = {"L": left}


def _added(old: Any, value: Any) -> Any:
    if "SS" in value:
        return {"SS": sorted({*(old or {"SS": []})["SS"], *value["SS"]})}
    return {"N": str(Decimal((old or {"N": "0"})["N"]) + Decimal(value["N"]))}


def _units(item: Item | None) -> int:
    """Return how many write units an item takes."""
    return max(1, math.ceil(_size(item) / _UNIT))


def _size(item: Item | None) -> int:
    """Return about how large an item is."""
    values = ((name, _plain(value)) for name, value in (item or {}).items())
    return sum(
        len(name) + len(value if isinstance(value, bytes) else str(value)) for name, value in values
    )
