"""The client as a package of its own: complete, typed, and working."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.contract.wheels import build
from tests.template import ROOT


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(build(ROOT / "packaging", folder)) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_the_wheel_is_whole(unpacked: Path) -> None:
    """The very modules that all tests run, the mark of its types, and few needs."""
    source = ROOT / "layers/servicenow_tools/servicenow_tools"
    modules = {
        path.relative_to(source): path.read_bytes()
        for path in source.rglob("*")
        if path.suffix in {".py", ".typed"}
    }
    package = unpacked / "servicenow_tools"
    assert modules == {
        path.relative_to(package): path.read_bytes()
        for path in package.rglob("*")
        if path.is_file()
    }
    metadata = next(unpacked.glob("*.dist-info/METADATA")).read_text()
    needs = [line for line in metadata.splitlines() if line.startswith("Requires-Dist")]
    assert {re.split("[^a-z]", line.removeprefix("Requires-Dist: "))[0] for line in needs} == {
        "httpx", "httpcore", "h", "socksio", "keyring", "rich", "typer", "mcp", "pydantic",
    }  # fmt: skip


def test_it_works_from_the_wheel(unpacked: Path) -> None:
    """The guide's examples and each call of the client, with nothing from the repository's copy."""
    environment = os.environ | {"PYTHONPATH": str(unpacked), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment,
            timeout=600,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    where = run("-c", "import servicenow_tools; print(servicenow_tools.__file__)")
    assert Path(where.strip()).is_relative_to(unpacked)
    folder = "tests/unit/servicenow_tools"
    run(
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        f"{folder}/test_guide.py",
        f"{folder}/test_typing.py",
    )
