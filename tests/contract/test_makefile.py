"""Which Python the Makefile takes, and where its environments go."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.template import ROOT, template

MAKE = shutil.which("make")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh checkout, with nothing installed yet."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "bin").mkdir()
    return tmp_path


def put_python(file: Path, version: str = "") -> None:
    """Put a Python there, or a name that fails, as pyenv has them for versions not chosen."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\ncase $2 in *version*) echo {version};; esac\n")
    if not version:
        file.write_text("#!/bin/sh\necho command not found >&2\nexit 127\n")
    file.chmod(0o755)


def install(checkout: Path, *arguments: str) -> str:
    """Return what `make install` would run, or why it would not."""
    assert MAKE
    for name in ("bash", "sh", "awk"):
        if not (checkout / "bin" / name).exists():
            (checkout / "bin" / name).symlink_to(shutil.which(name) or "")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
        environment.pop(name, None)
    done = subprocess.run(  # noqa: S603 - make, which runs nothing
        [MAKE, "--dry-run", "install", *arguments],
        cwd=checkout,
        env=environment | {"PATH": str(checkout / "bin")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout + done.stderr


def test_the_newest_python_that_works_is_taken(checkout: Path) -> None:
    """A name on PATH that fails is passed over."""
    put_python(checkout / "bin/python3.13")
    put_python(checkout / "bin/python3.12", "python3.12")
    put_python(checkout / "bin/python3.11", "python3.11")
    assert "python3.12 -m venv --clear .venv\n" in install(checkout)
    put_python(checkout / "bin/python3.13", "python3.13")
    assert "python3.13 -m venv --clear .venv\n" in install(checkout)


def test_python_can_be_named(checkout: Path) -> None:
    """PYTHON= is taken as it is."""
    put_python(checkout / "bin/python3.13", "python3.13")
    put_python(checkout / "elsewhere/python", "python3.11")
    python = checkout / "elsewhere/python"
    assert f"{python} -m venv --clear .venv\n" in install(checkout, f"PYTHON={python}")


def test_an_environment_is_kept_and_another_python_gets_its_own(checkout: Path) -> None:
    """What is in .venv stays, whichever Python is newer or named."""
    put_python(checkout / "bin/python3.13", "python3.13")
    put_python(checkout / "bin/python3.11", "python3.11")
    put_python(checkout / ".venv/bin/python", "python3.12")
    assert ".tools/python3.12/sam" in install(checkout)
    commands = install(checkout, "PYTHON=python3.11")
    assert "python3.11 -m venv --clear .tools/python3.11/venv\n" in commands
    assert ".tools/python3.11/sam" in commands
    assert not re.search(r"(?<!\S)\.venv", commands)


@pytest.mark.parametrize("named", ["", "PYTHON=python3.10", "PYTHON=python3.14"])
def test_without_a_python_that_serves_one_sentence_says_so(checkout: Path, named: str) -> None:
    """A Python that is missing, broken, too old or too new is refused by name."""
    put_python(checkout / "bin/python3.13")
    put_python(checkout / "bin/python3.10", "python3.10")
    said = install(checkout, *filter(None, [named]))
    reason = f"{named.partition('=')[2]} is none of them or does not run" if named else "none is on"
    assert f"ActionSync needs Python 3.11, 3.12 or 3.13, and {reason}" in said
    assert "make PYTHON=/path/to/python3.13" in said


def test_the_same_pythons_are_named_everywhere() -> None:
    """Makefile, template and workflow serve the same ones, the newest by default."""
    found = re.search(r"^PYTHONS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found
    names = found[1].split()
    runtime = template()["Parameters"]["Runtime"]
    assert runtime["AllowedValues"] == names
    assert runtime["Default"] == names[0]
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    versions = workflow["jobs"]["check-and-test"]["strategy"]["matrix"]["python"]
    assert {f"python{version}" for version in versions} == set(names)
