"""A benchmark's run survives an emulator that does not start."""

import os
import sys
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import clients, events, runtime
from tests.benchmarks.functions import Saved
from tests.benchmarks.runtime import Runtime, Sample, Subject

SAMPLE = Sample(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
# Takes connections on the address it is given, from the second start on.
EMULATOR = f"""#!{sys.executable}
import pathlib, socket, sys, time
with open("started", "a") as file:
    file.write("x")
if len(pathlib.Path("started").read_text()) < {{starts}}:
    sys.exit(1)
host, port = sys.argv[2].split(":")
server = socket.create_server((host, int(port)))
time.sleep(60)
"""


def put_emulator(folder: Path, monkeypatch: pytest.MonkeyPatch, starts: int) -> Subject:
    """Put an emulator there that starts at the given try, and return a handler for it."""
    emulator = folder / "emulator"
    emulator.write_text(EMULATOR.format(starts=starts))
    emulator.chmod(0o755)
    monkeypatch.setattr(runtime, "_RIE", emulator)
    monkeypatch.setattr(runtime, "_runtime_folder", lambda: folder)
    return Subject("handler", [folder], "app.lambda_handler", "valid")


def test_an_emulator_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ends at once is no end of the run."""
    subject = put_emulator(tmp_path, monkeypatch, starts=3)
    with Runtime(subject, {"PATH": os.environ["PATH"]}):
        assert (tmp_path / "started").read_text() == "xxx"


def test_an_emulator_that_never_starts_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three starts the handler is named."""
    subject = put_emulator(tmp_path, monkeypatch, starts=9)
    never = Runtime(subject, {"PATH": os.environ["PATH"]})
    with pytest.raises(RuntimeError, match="The emulator of handler did not start"), never:
        pass
    assert (tmp_path / "started").read_text() == "xxx"


def test_a_run_goes_on_with_the_samples_it_has(tmp_path: Path) -> None:
    """Samples of the same build are taken over; those of another are not."""
    saved = Saved(tmp_path / "bench/samples.json", "this build")
    measured = Subject("handler", [], "app.lambda_handler", "valid", samples=[SAMPLE, SAMPLE])
    saved.save([measured])
    again, other = (Subject("handler", [], "app.lambda_handler", "valid") for _ in range(2))
    Saved(saved.file, "this build").load([again])
    Saved(saved.file, "another build").load([other])
    assert again.samples == [SAMPLE, SAMPLE]
    assert not other.samples
    saved.clear()
    saved.load([other])
    assert not other.samples


def test_a_part_that_fails_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What could be measured stands on the page; what could not is named."""
    page = tmp_path / "performance.md"
    page.write_text("<!-- events: begin -->\n<!-- events: end -->\n")

    def fail() -> str:
        raise RuntimeError("The emulator did not start")

    monkeypatch.setattr(benchmarks, "PAGE", page)
    monkeypatch.setattr(clients, "report", fail)
    monkeypatch.setattr(events, "report", lambda: "measured")
    monkeypatch.setattr(sys, "argv", ["bench", "clients", "events"])
    with pytest.raises(SystemExit, match="Not measured: clients"):
        benchmarks.main()
    assert page.read_text() == "<!-- events: begin -->\nmeasured\n<!-- events: end -->\n"
    assert "The emulator did not start" in capsys.readouterr().err
