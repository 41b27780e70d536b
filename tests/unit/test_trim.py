"""What the build takes out of the layers."""

import gzip
import json
from typing import TYPE_CHECKING, Any

from local.trim import UNUSED, services, trim

if TYPE_CHECKING:
    from pathlib import Path

MODEL: dict[str, Any] = {
    "documentation": "<p>Much prose.</p>",
    "shapes": {"Page": {"members": {"documentation": {"shape": "Text", "documentation": "prose"}}}},
}


def _layer(folder: "Path") -> "Path":
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


def test_only_what_is_loaded_stays(tmp_path: "Path") -> None:
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
    assert json.loads(files["service-2.json"]) == {"shapes": {"Page": {"members": members}}}
    assert json.loads(files["service-2.sdk-extras.json"]) == {"merge": {}}
    endpoints = json.loads((data / "endpoints.json").read_text())
    assert endpoints["partitions"] == [{"services": {"dynamodb": {"x": 1}}, "regions": {}}]
    assert not any(list(layer.glob(pattern)) for pattern in UNUSED)
    before = {file: file.read_bytes() for file in layer.rglob("*") if file.is_file()}
    trim(layer)
    assert before == {file: file.read_bytes() for file in layer.rglob("*") if file.is_file()}
