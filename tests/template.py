"""template.yaml as data."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
LEADING_KEYS = "dynamodb:LeadingKeys"
KEY_USE = {"Fn::If": ["OwnKey", {"Ref": "KeyUse"}, {"Ref": "AWS::NoValue"}]}


class _Loader(yaml.CSafeLoader):
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


@cache
def functions() -> dict[str, dict[str, Any]]:
    """Return the properties of the functions, by their folders' names."""
    return {
        Path(resource["Properties"]["CodeUri"]).name: resource["Properties"]
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def optional() -> set[str]:
    """Return the folders of functions that are off unless a parameter says otherwise."""
    return {
        Path(resource["Properties"]["CodeUri"]).name
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function" and "Condition" in resource
    }


def statements(folder: str) -> list[dict[str, Any]]:
    """Return what a function may do: the statements of its own role, or of the one it shares."""
    properties, resources = functions()[folder], template()["Resources"]
    if "Role" in properties:
        role = resources[properties["Role"]["Fn::GetAtt"].removesuffix(".Arn")]["Properties"]
        shared = [resources[name]["Properties"] for name in managed(folder)]
        documents = [policy["PolicyDocument"] for policy in (*role.get("Policies", []), *shared)]
    else:
        documents = [policy for policy in properties.get("Policies", []) if "Statement" in policy]
    return [statement for document in documents for statement in document["Statement"]]


def managed(folder: str) -> list[str]:
    """Return the template's policies that a function's role shares with others."""
    properties, resources = functions()[folder], template()["Resources"]
    if "Role" not in properties:
        return []
    role = resources[properties["Role"]["Fn::GetAtt"].removesuffix(".Arn")]["Properties"]
    return [arn["Ref"] for arn in role["ManagedPolicyArns"] if arn.get("Ref") in resources]


def leading_keys(statement: dict[str, Any]) -> list[str] | None:
    """Return how the keys of the items begin that a statement is about; None for any."""
    if "Condition" not in statement or statement["Action"] == ["kms:Sign"]:
        return None
    (operator, keys), *others = statement["Condition"].items()
    assert (operator, list(keys), others) == ("ForAllValues:StringLike", [LEADING_KEYS], [])
    found: list[str] = keys[LEADING_KEYS]
    return found


def metrics(alarm: str) -> list[dict[str, Any]]:
    """Return the metrics that an alarm looks at: its own, or those that its expression is over."""
    properties = template()["Resources"][alarm]["Properties"]
    parts = properties.get("Metrics", [])
    return [part["MetricStat"]["Metric"] for part in parts if "MetricStat" in part] or [properties]


def uses_own_key(folder: str) -> bool:
    """Return whether a function may use the key that `KmsKeyArn` names."""
    properties = functions()[folder]
    if "Role" not in properties:
        return KEY_USE in properties.get("Policies", [])
    role = template()["Resources"][properties["Role"]["Fn::GetAtt"].removesuffix(".Arn")]
    return KEY_USE in role["Properties"]["ManagedPolicyArns"]


def public() -> set[str]:
    """Return the folders of the functions that need no token."""
    return {
        folder
        for folder, properties in functions().items()
        for http in properties.get("Events", {}).values()
        if http["Properties"].get("Auth") == {"Authorizer": "NONE"}
    }
