"""Fuzz every target with atheris, each in a process of its own: `python -m tests.fuzz [inputs]`.

The first inputs are the bodies of all example events; from there libFuzzer follows the branches
that new inputs reach. It prints how many inputs each target took, and fails where one broke.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import ENVIRONMENT

INPUTS = 100_000
_LONGEST = 4096


def fuzz(name: str, inputs: int, corpus: str) -> None:
    """Fuzz one target; libFuzzer ends the process."""
    import atheris  # noqa: PLC0415 - before what it instruments

    with atheris.instrument_imports(include=["actionsync", "servicenow_tools"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415
    os.environ |= ENVIRONMENT
    atheris.Setup(
        [sys.argv[0], f"-runs={inputs}", f"-max_len={_LONGEST}", "-verbosity=0",
         "-print_final_stats=1", "-timeout=20", f"-artifact_prefix={corpus}/", corpus],
        TARGETS[name],
    )  # fmt: skip
    atheris.Fuzz()


def main() -> None:
    """Fuzz all targets, one after the other."""
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - a child imports it instrumented
    from tests.unit.actionsync.test_parsers import PAYLOADS  # noqa: PLC0415

    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else INPUTS
    broken = []
    for name in TARGETS:
        with tempfile.TemporaryDirectory() as corpus:
            for number, payload in enumerate(PAYLOADS):
                (Path(corpus) / f"{number}").write_text(payload)
            done = subprocess.run(  # noqa: S603 - ourselves
                [sys.executable, "-m", "tests.fuzz", f"{inputs}", name, corpus],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        ran = re.search(r"number_of_executed_units:\s*(\d+)", done.stderr)
        print(f"{name:14} {int(ran[1]) if ran else 0:>9,} inputs", flush=True)
        if done.returncode or ran is None:
            broken.append(name)
            print(done.stdout[-4000:], done.stderr[-4000:], sep="\n", flush=True)
    if broken:
        sys.exit(f"broken: {', '.join(broken)}")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        fuzz(sys.argv[2], int(sys.argv[1]), sys.argv[3])
    else:
        main()
