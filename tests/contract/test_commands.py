"""Every command that the documents show can be typed: targets, operations and options exist."""

import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.model import ListShape, StructureShape
from botocore.validate import ParamValidator

from operate.__main__ import COMMANDS, parser
from tests.contract.test_snippets import NOT_RUN
from tests.documents import blocks, documents
from tests.template import ROOT

# What was decided against and the change log name commands that are none.
DOCUMENTS = [
    name
    for name in (str(file.relative_to(ROOT)) for file in documents())
    if name != "CHANGELOG.md" and not name.startswith("docs/decisions/")
]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
PROGRAMS = "(?:make|aws|python -m|actionsync|pip install|sam)"
# Parts of the shell that blocks use which no test runs.
OTHERS = {"export", "read"}
# What reads as a command, and is the name of tickets.
TEXTS = {"actionsync conformance"}
# Commands that the AWS CLI adds to AWS's own operations, and options that it has for all.
OF_THE_CLI_ALONE = {("logs", "tail"), ("cloudformation", "deploy")}
OPTIONS_OF_ALL = {"--query", "--output"}


def commands(document: str) -> Iterator[str]:
    """Yield the commands of a document's blocks of shell, and of its lines."""
    text = (ROOT / document).read_text()
    lines = re.findall(rf"`({PROGRAMS} [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for block in blocks(document, "sh"):
        joined = block.replace("\\\n", " ")
        call = rf"(?:^|\$\()({PROGRAMS} (?:'[^']*'|[^\n'|)])+)"
        yield from re.findall(call, joined, re.MULTILINE)
    yield from (" ".join(line.replace("\\\n", " ").split()) for line in lines)


FOUND = sorted(
    {(document, command) for document in DOCUMENTS for command in set(commands(document)) - TEXTS}
)


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
        if word.startswith("--") and word not in OPTIONS_OF_ALL:
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


@pytest.mark.parametrize(("document", "command"), of("actionsync"))
def test_actionsync_takes_it(document: str, command: str) -> None:
    """Each subcommand, argument and option is one that the command line has."""
    words = shlex.split(command, comments=True)[1:]
    assert words[0] in {"--help", *COMMANDS}
    # A name alone is what a text calls the command.
    if len(words) > 1 and "--help" not in words:
        parser().parse_args(words)


@pytest.mark.parametrize("document", [name for name, language in NOT_RUN if language == "sh"])
def test_no_command_is_left_unchecked(document: str) -> None:
    """Blocks that no test runs call programs that are looked at here."""
    for block in blocks(document, "sh"):
        joined = re.sub(r"\\\n\s*", " ", block)
        for line in filter(None, re.sub(r"'[^']*'", "''", joined, flags=re.DOTALL).splitlines()):
            assert re.match(rf"{PROGRAMS} ", line) or line.split()[0] in OTHERS, line


def test_an_invitation_comes_by_mail() -> None:
    """Cognito sends an SMS unless it is told otherwise, and an address has to be verified."""
    (command,) = {command for _, command in FOUND if "admin-create-user" in command}
    assert "--desired-delivery-mediums EMAIL" in command
    assert "Name=email_verified,Value=true" in command
