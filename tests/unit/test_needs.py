"""Tests whose tool is missing are left out by name, and fail in continuous integration."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs
from tests.template import ROOT

TEST = """
import pytest

@pytest.mark.needs("node")
def test_with_node():
    pass

def test_without():
    pass
"""


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a test that needs Node.js, and one that does not, where PATH is the folder."""
    (folder / "test_it.py").write_text(TEST)
    inherited = {name: value for name, value in os.environ.items() if name != "CI"}
    environment |= {"PATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    options = ["-c", os.devnull, "-p", "tests.needs", "-p", "no:cacheprovider", "-q"]
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "pytest", *options, "--strict-markers", *arguments, "test_it.py"],
        cwd=folder,
        env=inherited | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_what_was_left_out_is_the_last_line(tmp_path: Path) -> None:
    """The rest runs, in processes of their own, too."""
    done = run(tmp_path, "-p", "xdist", "--numprocesses=1")
    assert done.returncode == 0, done.stdout
    *_, counts, last = done.stdout.splitlines()
    assert "1 passed, 1 skipped" in counts
    how = needs.TOOLS["node"].how
    assert last == f"Left out: 1 test that needs node ({how})."


def test_in_continuous_integration_a_missing_tool_is_a_failure(tmp_path: Path) -> None:
    """It fails by name, and no last line excuses it."""
    done = run(tmp_path, CI="true")
    assert done.returncode == 1
    assert f"needs node: {needs.TOOLS['node'].how}" in done.stdout
    assert "Left out" not in done.stdout


def test_where_the_tool_is_there_the_test_runs(tmp_path: Path) -> None:
    """Nothing is left out, nothing said."""
    (tmp_path / "node").touch(mode=0o755)
    done = run(tmp_path)
    assert done.stdout.splitlines()[-1].startswith("2 passed")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a browser, whose apt-get writes down what it is asked for."""
    monkeypatch.setenv("PATH", f"{tmp_path}")
    (tmp_path / "env").symlink_to("/usr/bin/env")
    needs.chromium.cache_clear()
    return tmp_path


def put_apt(machine: Path, code: int = 0) -> None:
    """Put an apt-get there."""
    program = machine / "apt-get"
    program.write_text(f'#!/bin/sh\necho "$@" >> {machine}/asked\nexit {code}\n')
    program.chmod(0o755)


def test_a_browser_is_installed_where_this_user_may(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Root asks apt-get for Debian's packages, once the lists are new."""
    put_apt(machine)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    needs.main()
    update, install = (machine / "asked").read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith("--no-install-recommends install chromium chromium-driver")
    assert capsys.readouterr().out == (
        "chromium is missing: installed chromium and chromium-driver\n"
    )


def test_a_browser_that_cannot_be_installed_is_said(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No apt-get, no right to use it, or packages that apt-get does not have: the run goes on."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    needs.main()
    put_apt(machine)
    needs.main()
    assert not (machine / "asked").exists()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    put_apt(machine, code=100)
    needs.main()
    assert capsys.readouterr().out.splitlines() == [
        "chromium is missing: there is no apt-get to install it",
        "chromium is missing: this user may not install it",
        "chromium is missing: apt-get could not install chromium and chromium-driver",
    ]


def test_sudo_without_a_password_will_do(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is not root asks sudo, which must not ask back."""
    put_apt(machine)
    sudo = machine / "sudo"
    sudo.write_text('#!/bin/sh\nshift\nexec "$@"\n')
    sudo.chmod(0o755)
    (machine / "true").symlink_to("/bin/true")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    needs.main()
    assert "install chromium chromium-driver" in (machine / "asked").read_text()


def test_a_browser_that_is_there_is_used(machine: Path) -> None:
    """Chrome serves as well as Chromium, with its driver beside it."""
    for name in ("google-chrome", "chromedriver"):
        (machine / name).touch(mode=0o755)
    assert needs.chromium() == (str(machine / "google-chrome"), str(machine / "chromedriver"))
    needs.main()
    assert not (machine / "asked").exists()
