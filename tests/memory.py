"""DynamoDB in memory, for what would take too long with moto: the calls that the stores make.

Conditions and updates are translated to Python once each. An index is sorted; write units are
counted, also those of the indexes (DynamoDB developer guide: Read and write capacity).
`tests/fast_dynamodb.py` compares it with moto.
"""

import bisect
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache
from itertools import dropwhile, takewhile
from types import CodeType, SimpleNamespace
from typing import Any

from actionsync import clock
from tests.template import template

Item = dict[str, Any]

_UNIT = 1024
# What one key takes in a second (DynamoDB developer guide: Designing partition keys).
KEY_UNITS = 1000
# What an item may be large (DynamoDB developer guide: Quotas), and what one page holds.
_ITEM_BYTES = 400 * 1024
_PAGE_BYTES = 1_000_000


class AnswerError(Exception):
    """What DynamoDB answers with a status of 400."""

    def __init__(self, message: str = "", item: Item | None = None) -> None:
        super().__init__(message)
        self.response = {} if item is None else {"Item": item}


class ConditionalCheckFailedException(AnswerError):  # noqa: N818 - AWS's own name
    """A condition does not hold."""


class ProvisionedThroughputExceededException(AnswerError):  # noqa: N818 - AWS's own name
    """One key has more writes in a second than a partition takes."""


class ValidationException(AnswerError):  # noqa: N818 - AWS's own name
    """A request that DynamoDB does not take."""


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
    if not isinstance(attribute, dict):
        return attribute
    ((kind, value),) = attribute.items()
    return Decimal(value) if kind == "N" else set(value) if kind.endswith("SS") else value


def _contains(value: Any, part: Item) -> bool:
    if value is _MISSING:
        return False
    return part in value["L"] if "L" in value else _plain(part) in _plain(value)


def _sum(first: Item, second: Item) -> Item:
    return {"N": str(Decimal(first["N"]) + Decimal(second["N"]))}


_TOKEN = re.compile(r"(:\w+)|(#?[A-Za-z_][\w.#]*)|(<>|<=|>=|=|<|>)|(\S)")
_BETWEEN = re.compile(r"(\S+) BETWEEN (\S+) AND (\S+)")
_WORDS = {"AND": "and", "OR": "or", "NOT": "not"}
_FUNCTIONS = {
    "attribute_exists": lambda value: value is not _MISSING,
    "attribute_not_exists": lambda value: value is _MISSING,
    "begins_with": lambda value, start: (
        value is not _MISSING and _plain(value).startswith(_plain(start))
    ),
    "contains": _contains,
    "size": lambda value: _MISSING if value is _MISSING else len(_plain(value)),
    "if_not_exists": lambda value, other: other if value is _MISSING else value,
    "list_append": lambda first, second: {"L": [*first["L"], *second["L"]]},
    "plus": _sum,
    "plain": _plain,
}


@cache
def _python(expression: str, *, compares: bool) -> CodeType:
    """Return an expression as Python; an attribute is `a["name"]`, a value `v[":name"]`."""
    parts = []
    for value, word, operator, other in _TOKEN.findall(
        _BETWEEN.sub(r"(\1 >= \2 AND \1 <= \3)", expression)
    ):
        if word in _WORDS:
            parts.append(f" {_WORDS[word]} ")
        elif word in _FUNCTIONS:
            parts.append(word)
        elif word or value:
            parts.append(f"a[{word!r}]" if word else f"v[{value!r}]")
        elif operator:
            parts.append({"=": "==", "<>": "!="}.get(operator, operator))
        else:
            parts.append(other)
    text = "".join(parts).strip()
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
        r"\b(SET|ADD|REMOVE|DELETE)\s+(.*?)(?=\s+(?:SET|ADD|REMOVE|DELETE)\s|$)",
        expression,
        re.DOTALL,
    ):
        parts = [part.strip() for part in re.split(r",(?![^()]*(?:\([^()]*\)[^()]*)*\))", body)]
        separator = {"SET": "=", "REMOVE": "\0"}.get(verb, " ")
        split = [part.partition(separator) for part in parts]
        found.append((verb, tuple((target.strip(), value.strip()) for target, _, value in split)))
    return tuple(found)


class _Attributes:
    """An item's attributes, by the names that an expression uses."""

    def __init__(self, item: Item, names: dict[str, str]) -> None:
        self._item = item
        self._names = names

    def __getitem__(self, path: str) -> Any:
        found: Any = {"M": self._item}
        for name in path.split("."):
            found = found.get("M", {}).get(self._names.get(name, name), _MISSING)
            if found is _MISSING:
                break
        return found


def _holds(expression: str, item: Item | None, options: Item) -> bool:
    """Return whether a condition holds for an item."""
    scope = {
        "a": _Attributes(item or {}, options.get("ExpressionAttributeNames", {})),
        "v": options.get("ExpressionAttributeValues"),
        **_FUNCTIONS,
    }
    return bool(eval(_python(expression, compares=True), scope))  # noqa: S307 - our own


class _Index:
    """An index: which attributes make its key, which it has, and its items, sorted."""

    def __init__(self, described: dict[str, Any]) -> None:
        hash_key, range_key = described["KeySchema"]
        self.keys = (hash_key["AttributeName"], range_key["AttributeName"])
        projected = described["Projection"]
        self.has_all = projected["ProjectionType"] == "ALL"
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
        self.keys = [key["AttributeName"] for key in described["KeySchema"]]


class MemoryDynamoDB:
    """The client of DynamoDB, as the stores use it.

    Attributes:
        names: the tables' names.
        units: write units, by table.
        calls: calls, by name.
        of_key: write units of a second, by second, table and partition key.
    """

    exceptions = SimpleNamespace(ConditionalCheckFailedException=ConditionalCheckFailedException)

    def __init__(self, *, counts: bool = True) -> None:
        """Have the template's tables.

        Args:
            counts: whether write units are counted, and limited.
        """
        self._tables = {
            name: _Table(resource["Properties"])
            for name, resource in template()["Resources"].items()
            if resource["Type"] == "AWS::DynamoDB::Table"
        }
        self.names = self._tables.keys()
        self._counts = counts
        self.units: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.of_key: Counter[tuple[int, str, str]] = Counter()

    def all(self, table: str) -> list[Item]:
        """Return all items of a table."""
        return [item for part in self._tables[table].items.values() for item in part.values()]

    def fill(self, table: str, items: Iterable[Item]) -> None:
        """Put many items that are not there yet, at once and without a count."""
        found = self._tables[table]
        for item in items:
            pk, sk = _place(item)
            found.items[pk][sk] = item
            for index in found.indexes.values():
                index.append(item)
        for index in found.indexes.values():
            index.sort()

    def found(self, table: str, keys: Iterable[Item]) -> list[Item]:
        """Return those items that there are, of the keys of some."""
        items = self._tables[table].items
        places = map(_place, keys)
        return [items[pk][sk] for pk, sk in places if sk in items[pk]]

    def partition(self, options: Item) -> Iterator[Item]:
        """Yield the items that a query looks through, in their order."""
        table = self._tables[options["TableName"]]
        index = table.indexes.get(options.get("IndexName", ""))
        key = index.keys[0] if index else "pk"
        names = options.get("ExpressionAttributeNames", {})
        (value,) = (
            value
            for name, value in re.findall(r"(#?\w+) = (:\w+)", options["KeyConditionExpression"])
            if names.get(name, name) == key
        )
        pk = _plain(options["ExpressionAttributeValues"][value])
        places: Any
        if index:
            places, items = index.partitions[pk]
        else:
            items = table.items[pk]
            places = sorted(items)
        is_forward = options.get("ScanIndexForward", True)
        if start := options.get("ExclusiveStartKey"):
            place = index.place(start)[1] if index else start["sk"]["S"]  # type: ignore[index]
            places = (
                places[bisect.bisect_right(places, place) :]
                if is_forward
                else places[: bisect.bisect_left(places, place)]
            )
        return (items[place] for place in (places if is_forward else reversed(places)))

    def get_item(self, *, TableName: str, Key: Item, **options: Any) -> Any:  # noqa: N803 - boto3's
        """Return an item, or nothing."""
        self.calls["get_item"] += 1
        found = self._find(TableName, Key)
        return {} if found is None else {"Item": _projected(found, options)}

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> Any:  # noqa: N803
        """Return what there is of several items."""
        self.calls["batch_get_item"] += 1
        found = {table: self.found(table, asked["Keys"]) for table, asked in RequestItems.items()}
        return {"Responses": found, "UnprocessedKeys": {}}

    def put_item(self, *, TableName: str, Item: Item, **options: Any) -> Any:  # noqa: N803
        """Put an item, if its condition holds."""
        self.calls["put_item"] += 1
        old = self._find(TableName, Item)
        self._check(TableName, old, options)
        self._change(TableName, old, dict(Item))
        return _returned(options, old)

    def batch_write_item(self, *, RequestItems: dict[str, Any]) -> Any:  # noqa: N803
        """Put and delete several items."""
        for table, requests in RequestItems.items():
            for request in requests:
                if put := request.get("PutRequest"):
                    self.put_item(TableName=table, Item=put["Item"])
                else:
                    self.delete_item(TableName=table, Key=request["DeleteRequest"]["Key"])
        return {"UnprocessedItems": {}}

    def delete_item(self, *, TableName: str, Key: Item, **options: Any) -> Any:  # noqa: N803
        """Delete an item, if its condition holds."""
        self.calls["delete_item"] += 1
        old = self._find(TableName, Key)
        self._check(TableName, old, options)
        if old is not None:
            self._change(TableName, old, None)
        return _returned(options, old)

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
                _remove(new, [target for target, _ in parts], names)
                continue
            for target, operand in parts:
                part, name = _reach(new, target, names)
                value = eval(_python(operand, compares=False), scope)  # noqa: S307 - our own
                if verb == "DELETE":
                    _take_out(part, name, value)
                else:
                    part[name] = value if verb == "SET" else _added(part.get(name), value)
        self._change(TableName, old, new)
        return _returned(options, old, new)

    def query(self, *, TableName: str, **options: Any) -> Any:  # noqa: N803
        """Return the items of a partition, in their order, up to a limit."""
        self.calls["query"] += 1
        options["TableName"] = TableName
        table = self._tables[TableName]
        index = table.indexes.get(options.get("IndexName", ""))

        def is_asked_for(item: Item) -> bool:
            return _holds(options["KeyConditionExpression"], item, options)

        # What a condition of a key holds for are neighbours.
        asked_for = takewhile(
            is_asked_for,
            dropwhile(lambda item: not is_asked_for(item), self.partition(options)),
        )
        return _page(asked_for, options, [*table.keys, *(index.keys if index else ())], index)

    def scan(self, *, TableName: str, **options: Any) -> Any:  # noqa: N803
        """Return all items, or those that a filter lets through."""
        self.calls["scan"] += 1
        table = self._tables[TableName]
        places = sorted((pk, sk) for pk, part in table.items.items() for sk in part)
        if start := options.get("ExclusiveStartKey"):
            del places[: bisect.bisect_right(places, _place(start))]
        return _page((table.items[pk][sk] for pk, sk in places), options, table.keys)

    def get_paginator(self, name: str) -> Any:
        """Return what returns page after page."""

        def paginate(**options: Any) -> Iterator[Any]:
            while True:
                yield (page := getattr(self, name)(**options))
                if "LastEvaluatedKey" not in page:
                    return
                options["ExclusiveStartKey"] = page["LastEvaluatedKey"]

        return SimpleNamespace(paginate=paginate)

    def _find(self, table: str, key: Item) -> Item | None:
        if {"S": ""} in (key["pk"], key.get("sk")):
            raise ValidationException("An empty string in a key")
        pk, sk = _place(key)
        return self._tables[table].items[pk].get(sk)

    def _check(self, table: str, item: Item | None, options: Item) -> None:
        condition = options.get("ConditionExpression")
        if condition is None or _holds(condition, item, options):
            return
        if item is not None and self._counts:
            self._take(table, item["pk"]["S"], _units(item))  # it costs as much
            self.units[table] += _units(item)
        is_returned = options.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        raise ConditionalCheckFailedException(
            "The conditional request failed", item if is_returned else None
        )

    def _take(self, table: str, pk: str, units: int) -> None:
        """Take write units of a key."""
        second = (clock.epoch(clock.now()), table, pk)
        if self.of_key[second] + units > KEY_UNITS:
            raise ProvisionedThroughputExceededException
        self.of_key[second] += units

    def _change(self, name: str, old: Item | None, new: Item | None) -> None:
        table, item = self._tables[name], new or old or {}
        pk, sk = _place(item)
        if new is not None:
            _validate(table, new)
        size = max(_units(old), _units(new)) if self._counts else 0
        if self._counts:
            self._take(name, pk, size)
        if new is None:
            del table.items[pk][sk]
        else:
            table.items[pk][sk] = new
        writes = 1 + sum(index.change(old, new) for index in table.indexes.values())
        self.units[name] += writes * size


def _place(item: Item) -> tuple[str, str]:
    """Return where an item is in its table."""
    return item["pk"]["S"], item.get("sk", {"S": ""})["S"]


def _page(
    items: Iterable[Item], options: Item, keys: list[str], index: _Index | None = None
) -> Any:
    """Return a page of items: those that a filter lets through, and where the next one begins."""
    found, read, size = [], 0, 0
    last = previous = None
    condition = options.get("FilterExpression")
    for item in items:
        size += _size(item)
        if read == options.get("Limit") or size > _PAGE_BYTES:
            last = previous
            break
        read += 1
        previous = item
        if condition is None or _holds(condition, item, options):
            found.append(_projected(item, options, index))
    answer: Item = {"Count": len(found), "ScannedCount": read}
    if options.get("Select") != "COUNT":
        answer["Items"] = found
    if last is not None:
        answer["LastEvaluatedKey"] = {key: last[key] for key in keys if key in last}
    return answer


def _projected(item: Item, options: Item, index: _Index | None = None) -> Item:
    """Return of an item what an index has and a request asks for."""
    if index is not None and not index.has_all:
        item = {name: value for name, value in item.items() if name in index.has}
    if (projection := options.get("ProjectionExpression")) is not None:
        names = options.get("ExpressionAttributeNames", {})
        asked_for = [names.get(name, name) for name in projection.split(", ")]
        item = {name: item[name] for name in asked_for if name in item}
    return item


def _returned(options: Item, old: Item | None, new: Item | None = None) -> Item:
    """Return an answer to a write, with the attributes that it asks for."""
    match options.get("ReturnValues"):
        case "ALL_OLD":
            attributes = old
        case "ALL_NEW":
            attributes = new
        case _:
            attributes = None
    return {} if attributes is None else {"Attributes": attributes}


def _validate(table: _Table, item: Item) -> None:
    """Refuse what DynamoDB refuses."""
    if _size(item) > _ITEM_BYTES:
        raise ValidationException("Item size has exceeded the maximum allowed size")
    for key in table.keys:
        if item.get(key, {"S": ""}) == {"S": ""}:
            raise ValidationException(f"Nothing for key {key}")
    for index in table.indexes.values():
        for key in index.keys:
            if item.get(key) == {"S": ""}:
                raise ValidationException(f"An empty string for key {key}")


def _reach(item: Item, path: str, names: dict[str, str]) -> tuple[Item, str]:
    """Return the map that a path ends in, a copy of what it was, and the name in it."""
    *way, last = (names.get(name, name) for name in path.split("."))
    for name in way:
        if "M" not in item.get(name, {}):
            raise ValidationException("The document path is invalid for update")
        item[name] = {"M": dict(item[name]["M"])}
        item = item[name]["M"]
    return item, last


def _remove(item: Item, targets: list[str], names: dict[str, str]) -> None:
    """Remove attributes, and elements of lists, all at once."""
    places = defaultdict(set)
    for target in targets:
        name, bracket, place = target.partition("[")
        if bracket:
            places[names.get(name, name)].add(int(place.rstrip("]")))
        else:
            part, name = _reach(item, target, names)
            part.pop(name, None)
    for name, gone in places.items():
        if name in item:
            left = [value for place, value in enumerate(item[name]["L"]) if place not in gone]
            item[name] = {"L": left}


def _take_out(item: Item, name: str, value: Item) -> None:
    """Take elements out of a set; none is ever empty."""
    left = [each for each in item.get(name, {"SS": []})["SS"] if each not in value["SS"]]
    if left:
        item[name] = {"SS": left}
    else:
        item.pop(name, None)


def _added(old: Any, value: Any) -> Any:
    if "SS" in value:
        return {"SS": sorted({*(old or {"SS": []})["SS"], *value["SS"]})}
    return _sum(old or {"N": "0"}, value)


def _units(item: Item | None) -> int:
    """Return how many write units an item takes."""
    return max(1, math.ceil(_size(item) / _UNIT))


def _size(item: Item | None) -> int:
    """Return about how large an item is."""
    return sum(
        len(name) + len(value if isinstance(value, str | bytes) else str(value))
        for name, attribute in (item or {}).items()
        for value in attribute.values()
    )
