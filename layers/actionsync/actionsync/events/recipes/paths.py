"""Paths into an event: JMESPath, of which as much as a recipe may say.

Nothing in a path can run code, reach beyond its event, or grow: pipes, `&`, objects and lists
outside `join` are refused by the syntax tree, and each function returns a text that is bounded.
What cannot be worked out is null, never an error: another part of the path may still hold.
"""

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature
from pydantic import AfterValidator

from actionsync import clock
from actionsync.events.models import digest
from actionsync.events.sources import fields
from actionsync.events.sources.arns import Arn, parse
from actionsync.events.sources.fingerprints import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jmespath.parser import ParsedResult

Method = TypeVar("Method", bound="Callable[..., Any]")

LONGEST_PATH = 300
_LONGEST_TEXT = 20_000
_REFUSED = {
    "pipe": "pipes", "expref": "&", "multi_select_dict": "objects", "multi_select_list": "lists",
}  # fmt: skip
_PROJECTIONS = {"projection", "filter_projection", "value_projection", "flatten"}
# What looks beyond an element: within a projection each element would look at the whole again.
_WIDE = {"whole"}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a path's functions see beside the value that it is applied to.

    Attributes:
        whole: the whole event.
        headers: the headers of a webhook's delivery, by their names in lower case.
        webhook: the webhook's name.
        options: the options that the owner's rules switch on for the source.
    """

    whole: Any
    headers: "Mapping[str, str]" = field(default_factory=dict)
    webhook: str = ""
    options: frozenset[str] = frozenset()


def search(path: str, value: Any, scope: Scope) -> Any:
    """Return what a path leads to, or None."""
    try:
        found = _compiled(path).search(value, jmespath.Options(custom_functions=_Functions(scope)))
    except (JMESPathError, TypeError, ValueError, OverflowError, RecursionError):
        return None
    return list(found) if isinstance(found, list) else found


def holds(path: str | None, value: Any, scope: Scope) -> bool:
    """Return whether a condition holds: false, null and whatever is empty do not."""
    return path is not None and search(path, value, scope) not in (None, False, "", [], {})


def checked(path: str) -> str:
    """Return a path that may be applied to an event.

    Raises:
        ValueError: it is none, or says more than a recipe may.
    """
    if len(path) > LONGEST_PATH:
        raise ValueError(f"must have at most {LONGEST_PATH} characters")
    try:
        tree = _compiled(path).parsed
    except Exception as error:  # noqa: BLE001 - the parser meets nonsense with many a type
        raise ValueError(f"is no JMESPath: {' '.join(str(error).split())[:200]}") from None
    for node, parent, is_projected in _nodes(tree, {}):
        kind = node["type"]
        is_joined = kind == "multi_select_list" and _function(parent) == "join"
        if kind in _REFUSED and not is_joined:
            raise ValueError(f"must have no {_REFUSED[kind]} (a list only within join)")
        if parent.get("type") == "subexpression" and kind == "not_expression":
            raise ValueError("! holds for the first name alone: write !(a.b)")
        name = _function(node)
        if name and name not in _Functions.FUNCTION_TABLE:
            known = ", ".join(sorted(_Functions.FUNCTION_TABLE))
            raise ValueError(f"names the function {name}; there are {known}")
        if name in _WIDE and is_projected:
            raise ValueError(f"must not use {name}() for each element of a list")
    return path


def names_a_field(path: str) -> bool:
    """Return whether a path leads into the event, or only says the same of each."""
    nodes = [node for node, _, _ in _nodes(_compiled(path).parsed, {})]
    return any(node["type"] in {"field", "current"} or _function(node) in _WIDE for node in nodes)


# A path as recipes hold it.
Path = AfterValidator(checked)


def as_part(value: Any) -> str | None:
    """Return a value as a part of a key; None where it is none: null, empty, an object or a list.

    What is very long is hashed.
    """
    if value is None or isinstance(value, dict | list):
        return None
    text = fields.as_text(value).strip()
    return (text if len(text.encode()) <= _LONGEST_PART else digest(text)) or None


_LONGEST_PART = 4096


@lru_cache(maxsize=4096)
def _compiled(path: str) -> "ParsedResult":
    return jmespath.compile(path)


def _function(node: dict[str, Any]) -> str:
    return str(node["value"]) if node.get("type") == "function_expression" else ""


def _nodes(
    node: dict[str, Any], parent: dict[str, Any], *, is_projected: bool = False
) -> "Iterator[tuple[dict[str, Any], dict[str, Any], bool]]":
    """Yield each node of a syntax tree with its parent, and whether it is worked out repeatedly."""
    yield node, parent, is_projected
    children = [
        child for child in node["children"] if isinstance(child, dict)
    ]  # of a slice: numbers
    for place, child in enumerate(children):
        # A projection's first child is what it goes through, the rest is for each element of it.
        repeats = node["type"] in _PROJECTIONS and place > 0
        yield from _nodes(child, node, is_projected=is_projected or repeats)


def _bounded(text: str) -> str:
    return text[:_LONGEST_TEXT]


def _text(value: Any) -> str | None:
    """Return a plain value as text, or None."""
    return None if value is None or isinstance(value, dict | list) else fields.as_text(value)


def _takes(count: int, *, or_more: bool = False) -> "Callable[[Method], Method]":
    """Return a decorator that says how many values a function takes, of whatever type."""
    arguments: list[dict[str, Any]] = [{"types": []} for _ in range(count)]
    if or_more:
        arguments[-1]["variadic"] = True
    mark: Callable[[Method], Method] = signature(*arguments)
    return mark


class _Functions(Functions):  # type: ignore[misc] # without types
    """The functions that a path may call; each takes any value and returns null for nonsense."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    @_takes(0)
    def _func_whole(self) -> Any:
        return self._scope.whole

    @_takes(0)
    def _func_webhook(self) -> str:
        return self._scope.webhook

    @_takes(1)
    def _func_header(self, name: Any) -> str | None:
        return self._scope.headers.get(str(name).lower())

    @_takes(1)
    def _func_option(self, name: Any) -> bool:
        return name in self._scope.options

    @_takes(2, or_more=True)
    def _func_one_of(self, value: Any, *words: Any) -> bool:
        text = _text(value)
        return text is not None and text.strip().lower() in {str(word).lower() for word in words}

    @_takes(2)
    def _func_contains(self, value: Any, part: Any) -> bool:
        if isinstance(value, str):
            return isinstance(part, str) and part in value
        return isinstance(value, list) and part in value

    @_takes(2)
    def _func_starts_with(self, value: Any, beginning: Any) -> bool:
        return str(_text(value) or "").startswith(str(beginning))

    @_takes(2)
    def _func_ends_with(self, value: Any, end: Any) -> bool:
        return str(_text(value) or "").endswith(str(end))

    @_takes(1)
    def _func_length(self, value: Any) -> int | None:
        return len(value) if isinstance(value, str | list | dict) else None

    @_takes(1)
    def _func_to_string(self, value: Any) -> str | None:
        return None if value is None else _bounded(fields.as_text(value))

    @_takes(1)
    def _func_lines(self, value: Any) -> str | None:
        """An object's members as `name: value`, one a line; a list's, each in a line."""
        if isinstance(value, dict):
            return _bounded("\n".join(f"{key}: {fields.as_text(of)}" for key, of in value.items()))
        if isinstance(value, list):
            return _bounded("\n".join(map(fields.as_text, value)))
        return _text(value)

    @_takes(2)
    def _func_join(self, glue: Any, parts: Any) -> str | None:
        """Texts in a row; nothing where one of them is missing."""
        texts = [_text(part) for part in parts] if isinstance(parts, list) else []
        whole = [text for text in texts if text]
        return _bounded(str(glue).join(whole)) if texts and len(whole) == len(texts) else None

    @_takes(3)
    def _func_replace(self, value: Any, old: Any, new: Any) -> str | None:
        text = _text(value)
        return None if text is None or not old else _bounded(text.replace(str(old), str(new)))

    @_takes(2)
    def _func_before_last(self, value: Any, mark: Any) -> str | None:
        text = _text(value)
        return text.rpartition(str(mark))[0] or text if text and mark else None

    @_takes(2)
    def _func_after_last(self, value: Any, mark: Any) -> str | None:
        text = _text(value)
        return text.rpartition(str(mark))[2] if text and mark else None

    @_takes(3)
    def _func_first(self, value: Any, mark: Any, count: Any) -> str | None:
        """As many of a text's parts as are counted, from its beginning."""
        text = _text(value)
        if not text or not mark or not isinstance(count, int):
            return None
        return str(mark).join(text.split(str(mark), max(0, count))[: max(0, count)])

    @_takes(2)
    def _func_line(self, value: Any, label: Any) -> str | None:
        """What follows a label, to the end of its line."""
        text, label = _text(value), str(label)
        _, found, rest = (text or "").partition(label)
        return rest.split("\n", 1)[0].strip() if found and label else None

    @_takes(2)
    def _func_arn(self, value: Any, part: Any) -> str | None:
        return getattr(parse(_text(value) or ""), part) if part in Arn._fields else None

    @_takes(1, or_more=True)
    def _func_hash(self, *values: Any) -> str | None:
        texts = [_text(value) for value in values]
        whole = [text for text in texts if text]
        return digest(*whole) if len(whole) == len(texts) else None

    @_takes(1)
    def _func_fingerprint(self, value: Any) -> str | None:
        text = _text(value)
        return fingerprint(text, "", "") if text else None

    @_takes(1)
    def _func_number(self, value: Any) -> float | None:
        """The first number in a text."""
        found = _NUMBER.search((_text(value) or "").replace(",", "")[:_LONGEST_NUMBER])
        return float(found[0]) if found and not isinstance(value, bool) else None

    @_takes(1)
    def _func_moment(self, value: Any) -> str | None:
        found = fields.moment(value)
        return clock.iso(found) if found else None

    @_takes(1)
    def _func_json(self, value: Any) -> Any:
        """What a text that is JSON says."""
        try:
            return json.loads(value) if isinstance(value, str) else value
        except (ValueError, RecursionError):
            return None


_LONGEST_NUMBER = 100
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
# The library's own functions are not for recipes: some grow, some raise at another JSON type.
_Functions.FUNCTION_TABLE = {
    name: function
    for name, function in _Functions.FUNCTION_TABLE.items()
    if f"_func_{name}" in vars(_Functions)
}
