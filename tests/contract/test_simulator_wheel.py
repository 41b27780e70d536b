"""The simulator as a package of its own: complete, and working without the repository."""

import os
import re
import ssl
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.contract.wheels import build
from tests.documents import blocks
from tests.template import ROOT


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(build(ROOT / "packaging/simulator", folder)) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_the_wheel_has_all_files(unpacked: Path) -> None:
    """Modules, profiles, languages, templates, the mark of its types, and its license."""
    source = ROOT / "local/servicenow"
    wanted = {
        path.relative_to(source): path.read_bytes()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    package = unpacked / "servicenow_simulator"
    assert wanted == {
        path.relative_to(package): path.read_bytes()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert list(unpacked.glob("*.dist-info/licenses/LICENSE"))


def test_it_serves_from_the_wheel(unpacked: Path, tmp_path: Path) -> None:
    """`python -m servicenow_simulator`, from a folder that has nothing of the repository."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("COV_")},
        "PYTHONPATH": str(unpacked),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "servicenow_simulator", "--port", "0", "--profile", "older"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.match(r"ServiceNow simulator at (\S+), trusted through (\S+)", line)
        assert found is not None, line
        (shown,) = blocks("packaging/simulator/README.md", "console")
        port = found[1].rpartition(":")[2]
        assert line.strip().replace(port, "8443") in shown.splitlines()
        trusted = ssl.create_default_context(cafile=str(tmp_path / found[2]))
        with httpx.Client(base_url=found[1], verify=trusted, auth=("admin", "admin")) as http:
            query = {"sysparm_query": "name=incident^element=close_code^value=Solved (Permanently)"}
            assert len(http.get("/api/now/table/sys_choice", params=query).json()["result"]) == 1
            headers = http.get("/api/now/table/incident", params={"sysparm_limit": 1}).headers
            assert headers["x-total-count"] == "67"
            assert http.get("/_simulator/page.css").status_code == 200
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_a_wrong_profile_is_said(unpacked: Path, tmp_path: Path) -> None:
    """In one sentence, without a trace."""
    (tmp_path / "acme.toml").write_text('name = "ACME"\nnombers = 1')
    done = subprocess.run(
        [sys.executable, "-m", "servicenow_simulator", "--profile", "acme.toml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(unpacked), "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("The profile acme.toml cannot be used:")
    assert "nombers" in done.stderr
    assert "Traceback" not in done.stderr
