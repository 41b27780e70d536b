"""The project's packages, built as for a release."""

import subprocess
import sys
from pathlib import Path


def build(project: Path, folder: Path) -> Path:
    """Build the wheel of a project into a folder of its own, and return it."""
    subprocess.run(  # noqa: S603 - our own command
        [Path(sys.executable).parent / "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=project,
        check=True,
        timeout=120,
        capture_output=True,
    )
    (wheel,) = folder.glob("*-py3-none-any.whl")
    return wheel
