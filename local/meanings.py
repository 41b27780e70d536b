"""What the API's fields mean, wherever a schema does not say it itself."""

import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

TABLES: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n {8,}.+)*)", re.MULTILINE)


def describe(name: str, schema: dict[str, Any]) -> None:
    """Add the meanings that the properties of a schema, and of those within it, lack.

    A docstring's "Attributes:" become those of the properties, and leave the schema's text.
    """
    text, _, attributes = inspect.cleandoc(schema.get("description", "")).partition("\nAttributes:")
    said = {field: " ".join(words.split()) for field, words in _ATTRIBUTE.findall(attributes)}
    if attributes:
        schema["description"] = text.strip()
    tables = (said, TABLES.get(name, {}), TABLES["fields"])
    for path, part in properties(schema):
        known = (table.get(end) for end in ends(path) for table in tables)
        meaning = next(filter(None, known), None)
        if meaning and "description" not in part:
            part["description"] = meaning[0].upper() + meaning[1:]


def describe_parameter(parameter: dict[str, Any]) -> None:
    """Add the meaning that a parameter lacks."""
    if meaning := TABLES["parameters"].get(parameter["name"]):
        parameter.setdefault("description", meaning)


def properties(schema: dict[str, Any], above: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return the properties of a schema and of those in it, with their paths: `rule.name`."""
    found = [(above + name, part) for name, part in schema.get("properties", {}).items()]
    inner = [(f"{path}.", part) for path, part in found]
    inner += [(above, schema["items"])] if "items" in schema else []
    return found + [pair for path, part in inner for pair in properties(part, path)]


def ends(path: str) -> list[str]:
    """Return the keys to look a path up by, the longest first: `a.b.c`, `b.c`, `c`."""
    names = path.split(".")
    return [".".join(names[start:]) for start in range(len(names))]
