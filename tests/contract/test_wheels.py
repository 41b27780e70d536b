"""The packages as their users get them: checked, and installed where nothing else is."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.contract.wheels import build
from tests.needs import python
from tests.template import ROOT

BIN = Path(sys.executable).parent
PROJECTS = {
    "servicenow_tools": ROOT / "packaging",
    "servicenow_simulator": ROOT / "packaging/simulator",
}
BARE = """\
import asyncio, importlib.metadata, os, sys
from servicenow_simulator import Simulator
from servicenow_tools import __version__
from servicenow_tools.sync import ServiceNowClient

assert __version__ == importlib.metadata.version("servicenow-tools")

async def examples(url, username, password):
{examples}

with Simulator(rich=False) as simulator:
    with ServiceNowClient(simulator.url, "admin", "admin", ca_file=simulator.ca_file) as client:
        made = client.create_incident("Checkout answers 500", urgency="high", impact="medium")
    assert simulator.one("incident", number=made.number)["priority"] == "2"
    os.environ["SSL_CERT_FILE"] = simulator.ca_file
    asyncio.run(examples(simulator.url, "admin", "admin"))
print(sys.version_info[:2])
"""


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a command to its good end, and return what it printed."""
    done = subprocess.run(  # noqa: S603 - our own commands
        command, cwd=cwd, timeout=300, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheels, by the name of their package."""
    folder = tmp_path_factory.mktemp("dist")
    built = [build(project, folder / name) for name, project in PROJECTS.items()]
    return {path.name.split("-")[0]: path for path in built}


def test_an_index_would_take_them(wheels: dict[str, Path]) -> None:
    """Metadata and description are well formed (twine, as before an upload)."""
    assert set(wheels) == set(PROJECTS)
    out = run(BIN / "twine", "check", "--strict", *wheels.values())
    assert out.count("PASSED") == len(wheels)


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(version, marks=pytest.mark.needs(f"python{version}"))
        for version in ("3.11", "3.13")
    ],
)
def test_they_work_in_a_bare_environment(
    wheels: dict[str, Path], tmp_path: Path, version: str
) -> None:
    """Installed with what they say they need; the examples of their READMEs do what they say."""
    blocks = [
        textwrap.indent(block.split("```")[0], "    ")
        for project in PROJECTS.values()
        for block in (project / "README.md").read_text().split("```python\n")[1:]
    ]
    assert len(blocks) >= len(PROJECTS)
    program = BARE.replace("{examples}", "\n".join(blocks))
    interpreter = python(version)
    assert interpreter is not None
    bare = tmp_path / "bare"
    run(BIN / "uv", "venv", "--quiet", "--python", interpreter, bare)
    executable = bare / "bin/python"
    run(BIN / "uv", "pip", "install", "--quiet", "--python", executable, *wheels.values())
    printed = run(executable, "-I", "-c", program, cwd=tmp_path)
    assert printed.splitlines()[-1] == f"({version.replace('.', ', ')})"
    missing = subprocess.run(  # noqa: S603 - our own command
        [bare / "bin/servicenow-tools"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (missing.returncode, "servicenow-tools[cli]" in missing.stderr) == (1, True)
    (packages,) = bare.glob("lib/python*/site-packages")
    for name in PROJECTS:
        assert (packages / name / "py.typed").exists()
        (info,) = packages.glob(f"{name}-*.dist-info")
        assert (info / "licenses/LICENSE").read_text() == (ROOT / "LICENSE").read_text()
        metadata = (info / "METADATA").read_text()
        for line in ("License-Expression: Apache-2.0", "Project-URL: Source, https://",
                     f"Classifier: Programming Language :: Python :: {version}"):  # fmt: skip
            assert line in metadata, line
