"""The built-in recipes: the TOML files beside the sources; a file's name is its source's."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from actionsync.events.recipes.models import Recipe
from actionsync.rules.patterns import fits
from actionsync.rules.sections import RECIPES

_FOLDER = Path(__file__).parent.parent / "sources"


def of_bus(event_source: str) -> list[str]:
    """Return the sources whose recipes read events of EventBridge's source, or `sns`."""
    return [
        name
        for name in RECIPES
        if any(fits(event_source, pattern) for pattern in _head(name).get("sources", []))
    ]


def of_webhook(source: str) -> list[str]:
    """Return the source itself where it has a recipe for a webhook, else nothing."""
    return [source] if source in RECIPES and "sources" not in _head(source) else []


def overlaps_of(source: str) -> list[str]:
    """Return the sources that report the same things as a source."""
    heads = {name: _head(name) for name in RECIPES}
    named: list[str] = heads[source].get("overlaps", []) if source in heads else []
    return sorted({*named, *(name for name, head in heads.items()
                             if source in head.get("overlaps", []))})  # fmt: skip


def shown() -> list[dict[str, Any]]:
    """Return what there is to know before one is switched on, of each recipe."""
    return [
        {
            "name": name,
            "title": _head(name)["title"],
            "sources": _head(name).get("sources", [f"webhook:{name}"]),
            "ends": _head(name)["ends"],
            "options": _head(name).get("options", {}),
            "overlaps": overlaps_of(name),
        }
        for name in RECIPES
    ]


@cache
def recipe(source: str) -> Recipe:
    """Return a source's recipe."""
    try:
        return Recipe.model_validate(tomllib.loads(_text(source)))
    except ValueError as error:
        raise ValueError(f"{source}.toml: {error}") from error


@cache
def _text(source: str) -> str:
    return (_FOLDER / f"{source}.toml").read_text()


@cache
def _head(source: str) -> dict[str, Any]:
    """Return what a recipe says before its first table: most are never needed whole."""
    return tomllib.loads(_text(source).partition("\n[")[0])
