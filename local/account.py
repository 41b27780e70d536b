"""`python -m local.account`: what an AWS account would refuse, or do otherwise, without an account.

The template is translated by AWS's own SAM translator, as CloudFormation does it, once as it is and
once as `make gradual` changes it. What comes out is looked at: circular dependencies, the quotas of
a new account, the traps below, parliament over every policy, and cfn-lint, which for the plain
template is a part of `sam validate --lint`. Run by `make check`.
"""

import copy
import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from graphlib import CycleError, TopologicalSorter
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from boto3.session import Session
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from local.cloud import REGION, ROOT, TOOLS
from operate.gradual import gradual

# Of a template (CloudFormation user guide: Quotas), in bytes where it is a size.
MOST = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
TEMPLATE_BYTES = 1_000_000
# Of a function, a role, an HTTP API (Lambda, IAM and API Gateway: Quotas).
LAYERS, VARIABLES_BYTES = 5, 4096
MANAGED, MANAGED_POLICIES, INLINE = 6144, 10, 10_240
ROUTES = 300
# How many functions a new account runs at once (Lambda: Quotas).
AT_ONCE = 10

_Resources = dict[str, dict[str, Any]]


class _Loader(yaml.CSafeLoader):
    """Reads CloudFormation's short forms (`!Ref x`) as their long ones (`{"Ref": "x"}`)."""


def _long_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _long_form)


def read(file: Path) -> dict[str, Any]:
    """Return a template with its short forms made long."""
    template: dict[str, Any] = yaml.load(file.read_text(), _Loader)  # noqa: S506 - a SafeLoader
    return template


def translated(template: dict[str, Any]) -> dict[str, Any]:
    """Return what CloudFormation makes of a SAM template."""
    template = copy.deepcopy(template)
    for resource in template["Resources"].values():
        for name in ("CodeUri", "ContentUri"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = "s3://bucket/key"  # as `sam deploy` leaves it
    values = {name: each.get("Default", "") for name, each in template["Parameters"].items()}
    values |= {"AWS::Region": REGION, "AWS::Partition": "aws"}
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    translator = Translator({}, Parser(), boto_session=Session(region_name=REGION))
    whole: dict[str, Any] = json.loads(json.dumps(translator.translate(template, values)))
    return whole


def names_in(node: Any) -> Iterator[str]:
    """Yield the logical ids and parameters that a part of a template refers to."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"Ref", "Condition", "DependsOn"} and isinstance(value, str):
                yield value
            elif key == "DependsOn" and isinstance(value, list):
                yield from value
            elif key == "Fn::GetAtt":
                yield value.split(".")[0] if isinstance(value, str) else value[0]
            elif key == "Fn::Sub":
                text, given = (value, {}) if isinstance(value, str) else value
                names = re.findall(r"\$\{([^!}.]+)", text)
                yield from (name for name in names if name not in given)
                yield from names_in(given)
            else:
                yield from names_in(value)
    elif isinstance(node, list):
        for item in node:
            yield from names_in(item)


def cycles(resources: _Resources) -> Iterator[str]:
    """Yield a cycle of resources that wait for one another, if there is one."""
    graph = {
        name: set(names_in(resource)) & resources.keys() for name, resource in resources.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"circular dependency: {' -> '.join(reversed(error.args[1]))}"


def over_quota(template: dict[str, Any]) -> Iterator[str]:
    """Yield what is more or larger than an account takes."""
    for section, most in MOST.items():
        yield from _over(section.lower(), len(template.get(section, {})), most)
    yield from _over("bytes of template", len(json.dumps(template)), TEMPLATE_BYTES)
    for name, resource in template["Resources"].items():
        yield from (f"{name}: {what}" for what in _over_its_quota(resource))


def _over_its_quota(resource: dict[str, Any]) -> Iterator[str]:
    properties = resource.get("Properties", {})
    if resource["Type"] == "AWS::Lambda::Function":
        variables = properties.get("Environment", {}).get("Variables", {})
        yield from _over("layers", len(properties.get("Layers", [])), LAYERS)
        yield from _over("bytes of variables", len(_filled(variables)), VARIABLES_BYTES)
    if resource["Type"] == "AWS::IAM::Role":
        managed = properties.get("ManagedPolicyArns", [])
        inline = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        yield from _over("managed policies", len(managed), MANAGED_POLICIES)
        yield from _over("characters of policies", len("".join(map(_filled, inline))), INLINE)
    if resource["Type"] == "AWS::IAM::ManagedPolicy":
        yield from _over("characters", len(_filled(properties["PolicyDocument"])), MANAGED)
    if resource["Type"] == "AWS::ApiGatewayV2::Api":
        yield from _over("routes", sum(map(len, properties["Body"]["paths"].values())), ROUTES)


def _over(what: str, count: int, most: int) -> Iterator[str]:
    if count > most:
        yield f"{count} {what}, at most {most}"


def policies(resources: _Resources) -> dict[str, str]:
    """Return every policy of the template by what it belongs to, as IAM would get it."""
    found = {}
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] in {"AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"}:
            found[name] = _filled(properties["PolicyDocument"], resources)
        for number, policy in enumerate(properties.get("Policies", [])):
            if resource["Type"] == "AWS::IAM::Role" and "PolicyDocument" in policy:
                # SAM writes no version where the template has none; without variables it is one.
                document = {"Version": "2012-10-17"} | policy["PolicyDocument"]
                found[f"{name}-{number}"] = _filled(document, resources)
    return found


_ARNS = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:us-east-1:123456789012:table/{}",
    "AWS::SQS::Queue": "arn:aws:sqs:us-east-1:123456789012:{}",
    "AWS::SNS::Topic": "arn:aws:sns:us-east-1:123456789012:{}",
    "AWS::Events::EventBus": "arn:aws:events:us-east-1:123456789012:event-bus/{}",
    "AWS::Lambda::Function": "arn:aws:lambda:us-east-1:123456789012:function:{}",
    "AWS::Logs::LogGroup": "arn:aws:logs:us-east-1:123456789012:log-group:{}:*",
}
_REFERENCES = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/name",
    # A list, as if it held one.
    "GatePipelines": "arn:aws:codepipeline:us-east-1:123456789012:name",
}


def _arn(logical_id: str, resources: _Resources) -> str:
    kind = resources.get(logical_id, {}).get("Type", "AWS::Lambda::Function")
    return _ARNS.get(kind, "name").format(logical_id)


def _named(name: str, resources: _Resources) -> str:
    """Return what stands for `${name}` in a text: a reference, or an attribute's ARN."""
    logical_id, dot, _ = name.partition(".")
    return _arn(logical_id, resources) if dot else _REFERENCES.get(name, "name")


def _filled(node: Any, resources: _Resources | None = None) -> str:
    """Return a part of a template as JSON, with names made up for what is not known yet."""
    return json.dumps(_fill(node, resources or {}))


def _fill(part: Any, known: _Resources) -> Any:
    match part:
        case {"Ref": name}:
            is_arn = known.get(name, {}).get("Type") == "AWS::SNS::Topic"
            part = _arn(name, known) if is_arn else _REFERENCES.get(name, "name")
        case {"Fn::GetAtt": [logical_id, _]}:
            part = _arn(logical_id, known)
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), _]}:
            values = part["Fn::Sub"][1] if isinstance(part["Fn::Sub"], list) else {}
            own = {name: _fill(value, known) for name, value in values.items()}
            part = re.sub(
                r"\$\{([^}]*)\}", lambda found: own.get(found[1]) or _named(found[1], known), text
            )
        case (
            {"Fn::Split": [_, one]} | {"Fn::Join": [_, {"Ref": _} as one]} | {"Fn::If": [_, one, _]}
        ):
            part = _fill(one, known)
        case {"Fn::Join": _} | {"Fn::Select": _} | {"Fn::ImportValue": _}:
            part = "name"
        case dict():
            part = {key: _fill(value, known) for key, value in part.items()}
        case list():
            part = [_fill(each, known) for each in part]
    return part


# ---- what the local cloud lets pass, and an account does otherwise


def traps(template: dict[str, Any]) -> Iterator[str]:
    """Yield where a translated template walks into a trap of AWS."""
    for trap in TRAPS:
        yield from trap(template)


def _of_type(template: dict[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource.get("Properties", {})


def loops(template: dict[str, Any]) -> Iterator[str]:
    """A function that may send to its own queue: Lambda ends such a loop after 16 rounds."""
    resources = template["Resources"]
    for name, mapping in _of_type(template, "AWS::Lambda::EventSourceMapping"):
        (called, *_) = names_in(mapping["FunctionName"])
        properties = resources[called]["Properties"]
        if resources[called]["Type"] == "AWS::Lambda::Alias":
            (called, *_) = names_in(properties["FunctionName"])
            properties = resources[called]["Properties"]
        (role, *_) = names_in(properties["Role"])
        source = set(names_in(mapping["EventSourceArn"]))
        for policy in resources[role]["Properties"].get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                sends = "sqs:SendMessage" in statement["Action"]
                if sends and source & set(names_in(statement["Resource"])):
                    yield f"{name}: {called} may send to the queue that it is called from"


def body_filters(template: dict[str, Any]) -> Iterator[str]:
    """A filter on the message's body: what is no JSON matches none, and vanishes."""
    for name, subscription in _of_type(template, "AWS::SNS::Subscription"):
        if subscription.get("FilterPolicyScope") == "MessageBody":
            yield f"{name}: text that is no JSON matches no filter on the body, and vanishes"


def silent_levels(template: dict[str, Any]) -> Iterator[str]:
    """A level at which Lambda drops metrics; or none, which Powertools takes for INFO."""
    for name, function in _of_type(template, "AWS::Lambda::Function"):
        logging_config = function.get("LoggingConfig", {})
        if logging_config.get("LogFormat") == "JSON":
            level = logging_config.get("ApplicationLogLevel")
            levels = level["Fn::If"][1:] if isinstance(level, dict) else [level]
            if not set(levels) <= {"TRACE", "DEBUG", "INFO"}:
                yield f"{name}: at {level} Lambda drops metrics, or LogLevel does nothing"


def shared_metrics(template: dict[str, Any]) -> Iterator[str]:
    """A metric of the application's without the stack: another stack trips the alarm."""
    for name, alarm in _of_type(template, "AWS::CloudWatch::Alarm"):
        several = [
            part["MetricStat"]["Metric"]
            for part in alarm.get("Metrics", [])
            if "MetricStat" in part
        ]
        for metric in several or [alarm]:
            dimensions = {each["Name"] for each in metric.get("Dimensions", [])}
            if metric.get("Namespace") == "ActionSync" and "stack" not in dimensions:
                yield f"{name}: its metric is that of every stack in the account"


def unclear_routes(template: dict[str, Any]) -> Iterator[str]:
    """Two routes for one path, or a greedy one: API Gateway does not document which it takes."""
    for name, api in _of_type(template, "AWS::ApiGatewayV2::Api"):
        routes = [
            (method, path)
            for path, methods in api.get("Body", {}).get("paths", {}).items()
            for method in methods
        ]
        yield from (f"{name}: {path} is greedy" for _, path in routes if "+}" in path)
        for (method, one), (other_method, other) in combinations(routes, 2):
            if method == other_method and _may_be_one(one.split("/"), other.split("/")):
                yield f"{name}: {method.upper()} {one} and {other} may be the same path"


def _may_be_one(one: list[str], other: list[str]) -> bool:
    """Return whether a path fits both, and neither is the more exact one in each segment."""
    if len(one) != len(other):
        return False
    pairs = [(a.startswith("{"), b.startswith("{")) for a, b in zip(one, other, strict=True)]
    fits = all(a == b or any(pair) for a, b, pair in zip(one, other, pairs, strict=True))
    return fits and (True, False) in pairs and (False, True) in pairs


def long_log_policies(template: dict[str, Any]) -> Iterator[str]:
    """A log of calls elsewhere than /aws/vendedlogs/: each makes the account's policy longer."""
    for name, stage in _of_type(template, "AWS::ApiGatewayV2::Stage"):
        for group in names_in(stage.get("AccessLogSettings", {}).get("DestinationArn")):
            properties = template["Resources"][group].get("Properties", {})
            if not _filled(properties.get("LogGroupName")).startswith('"/aws/vendedlogs/'):
                yield f"{name}: its log group {group} is not below /aws/vendedlogs/"


def bare_tracing(template: dict[str, Any]) -> Iterator[str]:
    """A trace without subsegments says no more than the log line, and costs."""
    for name, function in _of_type(template, "AWS::Lambda::Function"):
        if function.get("TracingConfig", {}).get("Mode") == "Active":
            yield f"{name}: its traces have no subsegments"


def too_many_at_once(template: dict[str, Any]) -> Iterator[str]:
    """Queues that by default take more than a new account has."""
    total = 0
    for _, mapping in _of_type(template, "AWS::Lambda::EventSourceMapping"):
        most = mapping.get("ScalingConfig", {}).get("MaximumConcurrency", AT_ONCE + 1)
        default = template.get("Parameters", {}).get(most["Ref"], {}) if _is_ref(most) else {}
        total += int(default.get("Default", AT_ONCE + 1) if _is_ref(most) else most)
    if total > AT_ONCE:
        yield f"the queues may take {total} functions at once, and a new account has {AT_ONCE}"


def _is_ref(value: Any) -> bool:
    return isinstance(value, dict) and list(value) == ["Ref"]


def named_roles(template: dict[str, Any]) -> Iterator[str]:
    """A name of one's own for what IAM names: CAPABILITY_IAM is not enough for it."""
    for kind, key in (
        ("AWS::IAM::Role", "RoleName"),
        ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"),
    ):
        for name, properties in _of_type(template, kind):
            if key in properties:
                yield f"{name}: a {key} needs CAPABILITY_NAMED_IAM"


TRAPS: tuple[Callable[[dict[str, Any]], Iterator[str]], ...] = (
    loops,
    body_filters,
    silent_levels,
    shared_metrics,
    unclear_routes,
    long_log_policies,
    bare_tracing,
    too_many_at_once,
    named_roles,
)


def refused_policies(resources: _Resources) -> Iterator[str]:
    """Yield what parliament finds in the policies."""
    with TemporaryDirectory() as folder:
        for name, policy in policies(resources).items():
            (Path(folder) / f"{name}.json").write_text(policy)
        yield from _said(
            TOOLS / "sam/bin/parliament",
            "--directory",
            folder,
            "--include_policy_extension",
            "json",
        )


def refused_by_lint(template: dict[str, Any], *files: Path) -> Iterator[str]:
    """Yield what cfn-lint finds in a translated template, and in files as they are."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "template.json"
        file.write_text(json.dumps(template))
        yield from _said(TOOLS / "sam/bin/cfn-lint", "--format", "parseable", file, *files)


def _said(*command: str | Path) -> list[str]:
    done = subprocess.run(  # noqa: S603 - our own tools
        command, capture_output=True, text=True, check=False, timeout=300
    )
    return (done.stdout or done.stderr).splitlines() if done.returncode else []


def findings(template: dict[str, Any]) -> list[str]:
    """Return what is wrong with a translated template at first sight, one sentence each."""
    return [*cycles(template["Resources"]), *over_quota(template), *traps(template)]


def main() -> int:
    """Check template.yaml, plain and gradual; return how the check ended."""
    template = read(ROOT / "template.yaml")
    plain, gradually = translated(template), translated(gradual(copy.deepcopy(template)))
    deployer = ROOT / "deploy/deployer.yaml"
    with ThreadPoolExecutor() as at_once:
        policies_found = at_once.submit(lambda: list(refused_policies(gradually["Resources"])))
        lint_found = at_once.submit(lambda: list(refused_by_lint(gradually, deployer)))
    found = [
        *(f"plain: {finding}" for finding in findings(plain)),
        *(f"gradual: {finding}" for finding in findings(gradually)),
        *policies_found.result(),
        *lint_found.result(),
    ]
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
