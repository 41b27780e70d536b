"""Settings as files: YAML whose values know where they stand, checked by a JSON schema.

Of YAML 1.1 the surprises are left out: only true and false are truth values, and neither moments
nor times of day are anything but texts.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import yaml
from jsonschema.exceptions import best_match

SCHEMA = Path(__file__).with_name("settings.schema.json")
# Aliases may make much of little.
_MOST_NODES = 200_000
_SUFFIXES = {".yaml", ".yml"}
_SECRETS = {"password", "client_secret", "refresh_token", "api_key", "secret"}
# Lists and maps whose members may lie in several files.
_SHARED = ("connections", "webhooks", "recipes")

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What is wrong, and where."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class _Loader(yaml.SafeLoader):
    """Reads what YAML 1.2's core schema has."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag.rpartition(":")[2] not in {"bool", "int", "timestamp"}
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+$"), list("-+0123456789")
)


@dataclass(slots=True)
class Settings:
    """What files say.

    Attributes:
        data: all of them, as one document.
        places: where each value stands, by its path in the document.
        findings: what is wrong with them.
    """

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[Path_, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def place_of(self, path: Path_) -> str:
        """Return where a value stands, or what it would stand in."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, "settings")

    def find(self, path: Path_, text: str) -> None:
        """Note what is wrong with a value."""
        self.findings.append(Finding(self.place_of(path), text))

    def value_of(self, path: Path_) -> Any:
        """Return a value by its path."""
        value: Any = self.data
        for part in path:
            value = value[part]
        return value

    def path_of(self, name: str, below: Path_ = ()) -> Path_:
        """Return the path of a field that an answer names, as `rules.0.then`, or of what has it.

        Keys may have dots.
        """
        value, rest, path = self.value_of(below), name, below
        while rest:
            keys = _keys(value)
            fitting = [key for key in keys if rest == key or rest.startswith(f"{key}.")]
            if not fitting:
                return path
            key = max(fitting, key=len)
            part = int(key) if isinstance(value, list) else key
            value, path, rest = value[part], (*path, part), rest[len(key) + 1 :]
        return path


def _keys(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(number) for number in range(len(value))]
    return [str(key) for key in value] if isinstance(value, dict) else []


def read(paths: Sequence[Path]) -> Settings:
    """Return what files, and the YAML files of folders, say; with all that is wrong with them."""
    settings = Settings()
    for path in paths:
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES)
            if not files:
                settings.findings.append(Finding(str(path), "there is no YAML file in it"))
        else:
            files = [path]
        for file in files:
            _add(settings, file)
    if not settings.findings:
        _check(settings)
    return settings


def _add(settings: Settings, file: Path) -> None:
    """Add what a file says."""
    try:
        loader = _Loader(file.read_text(encoding="utf-8"))
        node = loader.get_single_node()
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file}:{mark.line + 1}" if mark else str(file)
        text = getattr(error, "problem", None) or getattr(error, "strerror", None) or "is no text"
        settings.findings.append(Finding(place, str(text)))
        return
    if node is None:
        return
    reader = _Reader(loader, file, settings.findings)
    found = dict(reader.walk(node, ()))
    value = found.pop((), None)
    if not isinstance(value, dict):
        settings.findings.append(Finding(f"{file}:1", "must be a map"))
        return
    _merge(settings, value, reader.places)


class _Reader:
    """Makes values of a file's nodes, and notes where they stand."""

    def __init__(self, loader: _Loader, file: Path, findings: list[Finding]) -> None:
        self.places: dict[Path_, str] = {}
        self._loader = loader
        self._file = file
        self._findings = findings
        self._nodes = 0

    def walk(self, node: yaml.Node, path: Path_) -> Iterator[tuple[Path_, Any]]:
        """Yield the value of a node."""
        yield path, self.value(node, path)

    def value(self, node: yaml.Node, path: Path_) -> Any:
        """Return the value of a node."""
        self._nodes += 1
        place = f"{self._file}:{node.start_mark.line + 1}"
        self.places.setdefault(path, place)
        if self._nodes == _MOST_NODES:
            self._findings.append(Finding(place, "the document is too large"))
        if self._nodes >= _MOST_NODES:
            return None
        if isinstance(node, yaml.MappingNode):
            self._loader.flatten_mapping(node)
            found: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key = str(getattr(key_node, "value", ""))
                where = f"{self._file}:{key_node.start_mark.line + 1}"
                if key in found:
                    self._findings.append(Finding(where, f"{key} is there twice"))
                self.places[*path, key] = where
                found[key] = self.value(value_node, (*path, key))
            return found
        if isinstance(node, yaml.SequenceNode):
            return [self.value(each, (*path, place)) for place, each in enumerate(node.value)]
        try:
            return self._loader.construct_object(node)
        except yaml.YAMLError:
            self._findings.append(Finding(place, "is no value of YAML's core schema"))
            return None


def _merge(settings: Settings, value: dict[str, Any], places: dict[Path_, str]) -> None:
    """Put a file's part into the document."""
    moved: dict[Path_, Path_] = {}
    for name, part in value.items():
        there = settings.data.get(name)
        if there is None:
            settings.data[name] = part
        elif name in _SHARED and isinstance(part, dict) and isinstance(there, dict):
            for key in part.keys() & there.keys():
                settings.findings.append(Finding(places[name, key], f"{key} is there twice"))
            there |= part
        elif name in _SHARED and isinstance(part, list) and isinstance(there, list):
            moved[name,] = (name, len(there))
            there += part
        else:
            settings.findings.append(Finding(places[name,], f"{name} is there twice"))
    for path, place in places.items():
        offset = moved.get(path[:1])
        if offset is not None and len(path) > 1 and isinstance(path[1], int):
            settings.places[(path[0], path[1] + int(offset[1]), *path[2:])] = place
        else:
            settings.places.setdefault(path, place)


@cache
def schema() -> dict[str, Any]:
    """Return the JSON schema of the document."""
    document: dict[str, Any] = json.loads(SCHEMA.read_text())
    return document


def _check(settings: Settings) -> None:
    """Note where the document does not follow its schema; no value of a secret is repeated."""
    validator = jsonschema.Draft202012Validator(schema())
    for error in validator.iter_errors(settings.data):
        worst = best_match([error]) or error
        path = tuple(worst.absolute_path)
        if _SECRETS & set(path) and path[0] in _SHARED[:2]:
            text = "must be a reference: {env: NAME} or {secret: NAME}, never the secret itself"
        else:
            text = worst.message if len(worst.message) < 300 else f"{worst.message[:300]}..."  # noqa: PLR2004 - as said
        settings.find(path, f"{'.'.join(map(str, path))}: {text}" if path else text)


def resolve(settings: Settings, path: Path_) -> str | None:
    """Return a secret by its reference; None where it is not there, which is noted."""
    reference = settings.value_of(path)
    if "env" in reference:
        value = os.environ.get(reference["env"], "")
        if not value:
            settings.find(path, f"the variable {reference['env']} is not set")
        return value or None
    try:
        answer = boto3.client("secretsmanager").get_secret_value(SecretId=reference["secret"])
        text = answer["SecretString"]
        if "key" in reference:
            text = yaml.safe_load(text)[reference["key"]]
    except Exception as error:  # noqa: BLE001 - whatever it is, the secret is not there
        settings.find(path, f"{reference['secret']} cannot be read: {type(error).__name__}")
        return None
    return str(text)
