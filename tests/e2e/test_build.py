"""What is deployed: small enough, and whole."""

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local.trim import UNUSED, UNUSED_OF_ITS_OWN, services
from tests.conftest import ENVIRONMENT, event
from tests.contract.test_template import FOLDERS
from tests.template import ROOT, functions, template

if TYPE_CHECKING:
    from pathlib import Path

    from local.cloud import LocalCloud

BUILT = ROOT / ".aws-sam/build"
LAYERS = ("DependenciesLayer", "ServiceNowToolsLayer", "ActionSyncLayer")
# What a function unpacks at a cold start, in bytes; Lambda's own limit is ten times as much.
LARGEST = 25_000_000
# With packages of its own, which slow no other function's cold start.
LARGEST_OF_ITS_OWN = 50_000_000


def _logical_id(folder: str) -> str:
    return "".join(word.capitalize() for word in folder.split("_")) + "Function"


def _size(folder: "Path") -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_a_function_unpacks_at_most_25_mb(cloud: "LocalCloud") -> None:
    """Its own code and all of its layers, with bytecode."""
    listed = template()["Globals"]["Function"]["Layers"]
    assert [layer["Ref"] for layer in listed] == list(LAYERS)
    shared = sum(_size(BUILT / layer) for layer in LAYERS)
    sizes = {folder: shared + _size(BUILT / _logical_id(folder)) for folder in functions()}
    own = {
        folder for folder in sizes if (ROOT / "functions" / folder / "requirements.txt").exists()
    }
    assert max(size for folder, size in sizes.items() if folder not in own) <= LARGEST
    assert max(sizes[folder] for folder in own) <= LARGEST_OF_ITS_OWN


def test_the_layers_are_trimmed_and_compiled(cloud: "LocalCloud") -> None:
    """Nothing is there that the build takes out, and every module has its bytecode."""
    dependencies = BUILT / "DependenciesLayer/python"
    assert not any(list(dependencies.glob(pattern)) for pattern in UNUSED)
    for requirements in (ROOT / "functions").glob("*/requirements.txt"):
        function = BUILT / _logical_id(requirements.parent.name)
        assert (function / "app.py").exists()
        assert not any(list(function.glob(pattern)) for pattern in UNUSED_OF_ITS_OWN)
    models = dependencies / "botocore/data"
    assert {folder.name for folder in models.iterdir() if folder.is_dir()} == services()
    tag = sys.implementation.cache_tag
    for layer in LAYERS:
        for module in (BUILT / layer).rglob("*.py"):
            assert (module.parent / "__pycache__" / f"{module.stem}.{tag}.pyc").exists()


def _run(folder: str, program: str, given: str = "") -> str:
    """Run a program with nothing but a function, its layers and Python's own library."""
    path = [BUILT / _logical_id(folder), *(BUILT / layer / "python" for layer in LAYERS)]
    environment = {
        **ENVIRONMENT,
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_LAMBDA_FUNCTION_NAME": folder,
    }
    done = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-S", "-c", program],
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_built_function_is_whole(cloud: "LocalCloud", folder: str) -> None:
    """It loads and makes clients."""
    _run(
        folder,
        "import gc, app; from actionsync import aws; "
        "aws.dynamodb(), aws.secrets_manager(), aws.event_bridge(), aws.sqs(); "
        "assert not gc.isenabled()",
    )


def test_assistants_need_nothing_that_is_taken_out(cloud: "LocalCloud") -> None:
    """Greeting, listing and calling load what no import at the top does."""
    client = {"protocolVersion": "2025-06-18", "capabilities": {},
              "clientInfo": {"name": "a", "version": "1"}}  # fmt: skip
    called = {"initialize": client, "tools/list": {},
              "tools/call": {"name": "show_ticket", "arguments": {}}}  # fmt: skip
    events = []
    for number, (method, params) in enumerate(called.items()):
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        events.append(event("answer_assistant") | {"body": json.dumps(message)})
    program = (
        "import json, sys, types, app; "
        "context = types.SimpleNamespace(function_name='a', memory_limit_in_mb=512, "
        "invoked_function_arn='a', aws_request_id='a', "
        "get_remaining_time_in_millis=lambda: 30000); "
        "answers = [app.lambda_handler(event, context) for event in json.load(sys.stdin)]; "
        "print(json.dumps(answers))"
    )
    answers = json.loads(_run("answer_assistant", program, json.dumps(events)).splitlines()[-1])
    greeted, listed, refused = (json.loads(answer["body"])["result"] for answer in answers)
    assert greeted["serverInfo"]["name"] == "actionsync"
    assert "show_ticket" in [tool["name"] for tool in listed["tools"]]
    assert "Field required" in refused["structuredContent"]["error"]
