"""template.yaml as data."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms (`!Ref x`) as their long ones (`{"Ref": "x"}`)."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)


@cache
def template() -> dict[str, Any]:
    """Return the template."""
    document: dict[str, Any] = yaml.load(
        (ROOT / "template.yaml").read_text(),
        Loader=_Loader,  # noqa: S506 - a SafeLoader
    )
    return document


def functions() -> dict[str, dict[str, Any]]:
    """Return the properties of the functions, by their folders' names."""
    return {
        Path(resource["Properties"]["CodeUri"]).name: resource["Properties"]
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def public() -> set[str]:
    """Return the folders of the functions that need no token."""
    return {
        folder
        for folder, properties in functions().items()
        for http in properties.get("Events", {}).values()
        if http["Properties"].get("Auth") == {"Authorizer": "NONE"}
    }
