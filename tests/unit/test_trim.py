"""What the build takes out of the layers."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from local.trim import UNUSED, leave_out, services, trim
from tests.conftest import ENVIRONMENT
from tests.template import ROOT, functions

MODEL: dict[str, Any] = {
    "documentation": "<p>Much prose.</p>",
    # Of these two the functions call one.
    "operations": {
        "GetItem": {"input": {"shape": "Page"}},
        "CreateGlobalTable": {"output": {"shape": "Unused"}},
    },
    "shapes": {
        "Text": {"type": "string"},
        "Unused": {"members": {"text": {"shape": "Text"}}},
        "Page": {"members": {"documentation": {"shape": "Text", "documentation": "prose"}}},
    },
}


def _layer(folder: Path) -> Path:
    """Make a folder in the shape of the built layer."""
    data = folder / "botocore/data"
    for service in (*services(), "ec2"):
        for version in ("2000-01-01", "2020-01-01"):
            made = data / service / version
            made.mkdir(parents=True)
            (made / "service-2.json.gz").write_bytes(gzip.compress(json.dumps(MODEL).encode()))
            (made / "service-2.sdk-extras.json").write_text('{"merge": {}}')
            (made / "examples-1.json").write_text("{}")
    endpoints = {"partitions": [{"services": {"dynamodb": {"x": 1}, "ec2": {}}, "regions": {}}]}
    (data / "endpoints.json").write_text(json.dumps(endpoints))
    for pattern in UNUSED:
        (folder / pattern).parent.mkdir(parents=True, exist_ok=True)
        (folder / pattern).write_text("")
    return folder


def test_services_are_those_with_a_client() -> None:
    """The list is read where the clients are made."""
    assert {"dynamodb", "secretsmanager", "events", "sqs"} <= services()
    assert "s3" not in services()


def test_only_what_is_loaded_stays(tmp_path: Path) -> None:
    """Other services, older models, prose and unused parts go; a second run changes nothing."""
    layer = _layer(tmp_path)
    trim(layer)
    data = layer / "botocore/data"
    assert {folder.name for folder in data.iterdir() if folder.is_dir()} == services()
    assert [folder.name for folder in (data / "dynamodb").iterdir()] == ["2020-01-01"]
    files = {file.name: file.read_text() for file in (data / "dynamodb/2020-01-01").iterdir()}
    assert set(files) == {"service-2.json", "service-2.sdk-extras.json"}
    # A member may be called `documentation`: it stays.
    members = {"documentation": {"shape": "Text"}}
    assert json.loads(files["service-2.json"]) == {
        "operations": {"GetItem": {"input": {"shape": "Page"}}},
        "shapes": {"Text": {"type": "string"}, "Page": {"members": members}},
    }
    assert json.loads(files["service-2.sdk-extras.json"]) == {"merge": {}}
    endpoints = json.loads((data / "endpoints.json").read_text())
    assert endpoints["partitions"] == [{"services": {"dynamodb": {"x": 1}}, "regions": {}}]
    assert not any(list(layer.glob(pattern)) for pattern in UNUSED)
    before = {file: file.read_bytes() for file in layer.rglob("*") if file.is_file()}
    trim(layer)
    assert before == {file: file.read_bytes() for file in layer.rglob("*") if file.is_file()}


def test_nothing_that_is_loaded_is_taken_out() -> None:
    """Importing every function, and connecting, loads no file that the build takes out."""
    # Workers of queues first: Powertools' batches load its parser where pydantic is there already.
    folders = sorted(functions(), key=lambda folder: not folder.startswith("on_"))
    imports = "; ".join(f"import functions.{folder}.app" for folder in folders)
    program = (
        f"{imports}; import sys, anyio, httpx, pystache; httpx.AsyncHTTPTransport(); "
        "print(*(getattr(m, '__file__', None) or '' for m in sys.modules.values()), sep='\\n')"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    loaded = [
        Path(line.partition("/site-packages/")[2])
        for line in done.stdout.splitlines()
        if "/site-packages/" in line
    ]
    assert Path("httpcore/__init__.py") in loaded
    taken_out = [
        str(path)
        for path in loaded
        if any(part.match(pattern) for part in (path, *path.parents) for pattern in UNUSED)
    ]
    assert not taken_out


def test_a_function_leaves_out_what_its_layer_has(tmp_path: Path) -> None:
    """Packages of its own stay, but for what it does not load."""
    layer, function = tmp_path / "layer", tmp_path / "function"
    for folder, names in (
        (layer, ("pydantic", "botocore")),
        (function, ("pydantic", "mcp", "attr", "attrs-1.dist-info")),
    ):
        for name in names:
            (folder / name).mkdir(parents=True)
    for folder in (layer, function):
        (folder / "typing_extensions.py").touch()
    leave_out(function, layer)
    assert [path.name for path in function.iterdir()] == ["mcp"]


def test_functions_and_layers_have_the_same_versions() -> None:
    """What a function leaves out is what the layer has instead."""
    pin = re.compile(r"^([\w.-]+)==([\w.]+)", re.MULTILINE)
    layer = dict(pin.findall((ROOT / "layers/dependencies/requirements.txt").read_text()))
    for file in (ROOT / "functions").glob("*/requirements.txt"):
        own = dict(pin.findall(file.read_text()))
        assert own.items() & layer.items() == {(name, layer[name]) for name in own.keys() & layer}
