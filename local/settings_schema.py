"""The JSON schema of settings as files, made from the API's models: `make openapi`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from actionsync.events import senders
from actionsync.events.own_recipes import RecipeToSave
from actionsync.rules.models import Rules
from actionsync.stores.credentials import METHODS, NAMES, SECRETS

if TYPE_CHECKING:
    from pydantic import BaseModel

FILE = Path(__file__).parent.parent / "operate/settings.schema.json"
_REF = "#/$defs/"
_TEXT = {"type": "string", "minLength": 1}
_REFERENCE: dict[str, Any] = {
    "description": "A secret, by the variable of the environment or the secret of AWS Secrets "
    "Manager that has it; of a JSON document, the value below `key`.",
    "oneOf": [
        {
            "type": "object",
            "properties": {"env": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}},
            "required": ["env"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"secret": _TEXT, "key": _TEXT},
            "required": ["secret"],
            "additionalProperties": False,
        },
    ],
}


def document() -> dict[str, Any]:
    """Return the schema."""
    models: list[tuple[type[BaseModel], Any]] = [
        (Rules, "validation"),
        (RecipeToSave, "validation"),
    ]
    _, defined = models_json_schema(models, ref_template=f"{_REF}{{model}}")
    definitions = defined["$defs"]
    recipe = definitions.pop("RecipeToSave")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of ActionSync for ServiceNow",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "connections": {
                "description": "Connections to ServiceNow, by their names.",
                "type": "object",
                "propertyNames": {"pattern": "^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$"},
                "additionalProperties": _connection(),
            },
            "webhooks": {
                "description": "Webhooks; source and name identify one.",
                "type": "array",
                "items": _webhook(),
            },
            "recipes": {
                "description": "Recipes for events of one's own, by their names.",
                "type": "object",
                "propertyNames": {"pattern": "^[a-z][a-z0-9_-]{0,49}$"},
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["recipe"],
                    "properties": recipe["properties"],
                },
            },
            "rules": {"$ref": f"{_REF}Rules"},
        },
        "$defs": {**definitions, "Secret": _REFERENCE},
    }


def _connection() -> dict[str, Any]:
    """Return the schema of a connection; what a method consists of follows from its name."""
    methods = [
        {
            "if": {"properties": {"auth_method": {"const": name}}, "required": ["auth_method"]},
            "then": {"required": list(method.names)},
        }
        for name, method in METHODS.items()
    ]
    methods.append(
        {
            "if": {"not": {"required": ["auth_method"]}},
            "then": {"required": list(METHODS["basic"].names)},
        }
    )
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["instance_url"],
        "properties": {
            "instance_url": {"type": "string", "pattern": "^https://"},
            "auth_method": {"enum": list(METHODS), "default": "basic"},
            **dict.fromkeys(NAMES, _TEXT),
            **{name: {"$ref": f"{_REF}Secret"} for name in SECRETS},
        },
        "allOf": methods,
    }


def _webhook() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["source"],
        "properties": {
            "source": {"enum": senders.names()},
            "name": {"type": "string", "pattern": r"^\w(?:[\w .:@/-]{0,58}\w)?$"},
            "dry_run": {"type": "boolean"},
            "verification": _TEXT,
            "secret": {"$ref": f"{_REF}Secret"},
        },
    }


def text() -> str:
    """Return the file."""
    return json.dumps(document(), indent=2) + "\n"
