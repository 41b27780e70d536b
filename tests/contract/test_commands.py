"""Every command that the documents show can be typed: targets, operations and options exist."""

import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.model import ListShape, StructureShape
from botocore.validate import ParamValidator

from tests.template import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
# Commands that the AWS CLI adds to AWS's own operations, and options that it has for all.
OF_THE_CLI_ALONE = {("logs", "tail"), ("cloudformation", "deploy")}


def commands(document: Path) -> Iterator[str]:
    """Yield the commands of a document's blocks of shell, and of its lines."""
    text = document.read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = re.findall(
        r"`((?:make|aws|python -m) [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    )
    for block in blocks:
        joined = block.replace("\\\n", " ")
        yield from re.findall(r"^(?:make|aws|python -m) (?:'[^']*'|[^\n'])+", joined, re.MULTILINE)
    yield from (" ".join(line.replace("\\\n", " ").split()) for line in lines)


FOUND = sorted({(file.name, command) for file in DOCUMENTS for command in commands(file)})


def of(program: str) -> list[tuple[str, str]]:
    """Return the commands of a program, with their documents."""
    return [each for each in FOUND if each[1].startswith(f"{program} ")]


def test_documents_have_commands() -> None:
    """What follows would pass on nothing, too."""
    assert len(of("make")) > 15
    assert len(of("aws")) > 4


@pytest.mark.parametrize(("document", "command"), of("make"))
def test_make_has_the_target(document: str, command: str) -> None:
    """Each word is a target, or a variable that the Makefile reads."""
    for word in shlex.split(command, comments=True)[1:]:
        name, is_variable, _ = word.partition("=")
        if is_variable:
            assert re.search(rf"\$\((?:or |if |filter \$\()?{name}\b", MAKEFILE) or name == "TOKEN"
        else:
            assert word in TARGETS


@pytest.mark.parametrize(("document", "command"), of("aws"))
def test_aws_has_the_operation_and_its_options(document: str, command: str) -> None:
    """Each option is a parameter of the operation, what is JSON fits its shape, none is missing."""
    _, service, operation, *words = shlex.split(command, comments=True)
    if (service, operation) in OF_THE_CLI_ALONE:
        return
    client = boto3.client(service)  # type: ignore[call-overload] # known at run time only
    names = {
        xform_name(name).replace("_", "-"): name
        for name in client.meta.method_to_api_mapping.values()
    }
    model = client.meta.service_model.operation_model(names[operation])
    shapes = {xform_name(name).replace("_", "-"): name for name in model.input_shape.members}
    given: list[str] = []
    for word in words:
        if word.startswith("--"):
            given.append(shapes[word.removeprefix("--")])
        elif word.startswith(("[", "{")):
            check_json(model.input_shape.members[given[-1]], word)
    if words:
        assert set(model.input_shape.required_members) <= set(given)


def check_json(shape: Any, text: str) -> None:
    """Hold a value against its shape; what is JSON within it must be JSON, too."""
    value = json.loads(text)
    assert isinstance(shape, ListShape | StructureShape)
    report = ParamValidator().validate(value, shape)
    assert not report.has_errors(), report.generate_report()
    for item in value if isinstance(value, list) else [value]:
        if "Detail" in item:
            json.loads(item["Detail"])


@pytest.mark.parametrize(("document", "command"), of("python"))
def test_python_has_the_module(document: str, command: str) -> None:
    """What is run with -m can be found."""
    assert importlib.util.find_spec(command.split()[2])
