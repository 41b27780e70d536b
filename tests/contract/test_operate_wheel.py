"""The command `actionsync` as a package of its own, with nothing but what it says it needs."""

import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from operate.__main__ import COMMANDS
from tests.contract.wheels import build
from tests.documents import blocks
from tests.template import ROOT


def closure(requirements: list[str]) -> dict[str, metadata.Distribution]:
    """Return the distributions that requirements bring, with theirs, by name."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        need = waiting.pop()
        name = re.sub(r"[-_.]+", "-", need.name).lower()
        if name not in found and (need.marker is None or need.marker.evaluate({"extra": ""})):
            found[name] = metadata.distribution(name)
            waiting += map(Requirement, found[name].requires or [])
    return found


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the wheel and what it needs, and nothing else."""
    folder = tmp_path_factory.mktemp("operate")
    subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True, timeout=120
    )
    (site,) = (folder / "venv/lib").glob("python*/site-packages")
    with zipfile.ZipFile(build(ROOT / "packaging/operate", folder)) as archive:
        archive.extractall(site)
        (about,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        lines = archive.read(about).decode().splitlines()
    needs = [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist")]
    assert needs
    for distribution in closure(needs).values():
        for top in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
            (site / top).symlink_to(Path(str(distribution.locate_file(top))))
    return folder / "venv/bin/python"


def run(python: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command, in a folder that has nothing of the repository."""
    return subprocess.run(  # noqa: S603 - our own command
        [python, "-W", "error", "-m", "actionsync_operate", *words],
        cwd=folder,
        env={"AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_command_explains_itself(python: Path, tmp_path: Path) -> None:
    """Without Powertools or the repository; `actionsync` is its name."""
    done = run(python, tmp_path, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: actionsync")
    assert all(f"\n    {name}" in done.stdout for name in COMMANDS)
    (entry,) = metadata.Distribution.at(
        next(python.parents[1].glob("lib/*/site-packages/actionsync_operate-*.dist-info"))
    ).entry_points
    assert (entry.name, entry.value) == ("actionsync", "actionsync_operate.__main__:main")


def test_the_readme_installs_it(python: Path, tmp_path: Path) -> None:
    """By the package's own name, and with a command that it has."""
    (text,) = blocks("packaging/operate/README.md", "sh")
    install, explain = text.splitlines()
    (info,) = python.parents[1].glob("lib/*/site-packages/actionsync_operate-*.dist-info")
    assert install == f"pip install {metadata.Distribution.at(info).name}"
    assert run(python, tmp_path, *explain.split()[1:]).returncode == 0


def test_it_looks_at_a_stack(python: Path, tmp_path: Path) -> None:
    """One that does not answer fails each check, and says why."""
    done = run(python, tmp_path, "smoke", "http://127.0.0.1:9")
    assert done.returncode == 1, done.stderr
    assert len(re.findall("^FAIL  .*refused", done.stdout, re.MULTILINE)) == 4


def test_it_says_what_it_lacks(python: Path, tmp_path: Path) -> None:
    """Outside a checkout there is nothing to deploy, in one sentence."""
    done = run(python, tmp_path, "deploy")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "actionsync: There is no samconfig.toml: run this in a checkout\n"
