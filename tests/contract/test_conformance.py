"""`make conformance` as somebody uses it who has an instance: over its port, on bad days, too."""

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from local.servicenow import Simulator, faults, seed
from tests.conformance.instance import MARK
from tests.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WRITES = "tests/conformance/test_writes.py"
_ALONE = ("--confcutdir", "tests/conformance")
READS = "tests/conformance/test_values.py"


@pytest.fixture
def instance() -> "Iterator[Simulator]":
    """Somebody's instance."""
    with Simulator(profile="older") as simulator:
        yield simulator


def _start(
    instance: Simulator, folder: "Path", *arguments: str, **environment: str
) -> "subprocess.Popen[str]":
    password, _, _ = seed.USERS[seed.INTEGRATION_USER]
    variables = {
        "INSTANCE": instance.url,
        "WRITE": f"localhost:{instance.port}",
        "SERVICENOW_USERNAME": seed.INTEGRATION_USER,
        "SERVICENOW_PASSWORD": password,
        "SERVICENOW_ADMIN_USERNAME": "admin",
        "SERVICENOW_ADMIN_PASSWORD": seed.USERS["admin"][0],
        "SSL_CERT_FILE": instance.ca_file,
        "RATE": "0",
        "OUT": str(folder),
        # What this suite does not use takes longer to load than the suite does.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        **environment,
    }
    return subprocess.Popen(  # noqa: S603 - pytest
        [sys.executable, "-m", "pytest", "-p", "pytest_timeout", *_ALONE, *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _left(instance: Simulator) -> list[str]:
    tables = ("incident", "change_request", "problem")
    return [
        row["number"]
        for table in tables
        for row in instance.records(table)
        if row["correlation_display"] == MARK
    ]


def _report(folder: "Path") -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "conformance.json").read_text())
    return document


def test_an_instance_on_a_bad_day(instance: Simulator, tmp_path: "Path") -> None:
    """Limits, cut connections and gateway pages are waited out; nothing stays behind."""
    for after in (5, 9):
        instance.faults.add(faults.rate_limited(0, after=after))
        instance.faults.add(faults.Fault(method="GET", after=after, reset=True))
        instance.faults.add(
            faults.Fault(method="GET", after=after, status=503, body="<html>busy</html>",
                         content_type="text/html")
        )  # fmt: skip
    files = (READS, WRITES, "tests/conformance/test_incidents.py::test_close_codes")
    run = _start(instance, tmp_path, *files, RECORD=str(tmp_path / "a-release"))
    said, _ = run.communicate(timeout=120)
    assert run.returncode == 0, said
    checks = _report(tmp_path)["checks"]
    assert len(checks) > 50
    different = [check["check"] for check in checks if check["same"] is False]
    assert different == ["incidents/close_codes"]
    page = (tmp_path / "conformance.md").read_text()
    assert "POST answers 201 with the record" in page
    assert "**different**" in page
    assert _left(instance) == []
    recorded = "".join(path.read_text() for path in (tmp_path / "a-release").iterdir())
    assert '"values/a_reference"' in recorded
    for secret in (f"localhost:{instance.port}", seed.INTEGRATION_USER, "IT Support"):
        assert secret not in recorded
    for password in (seed.USERS[seed.INTEGRATION_USER][0], f"{seed.USERS['admin'][0]}:"):
        assert password not in said + page + recorded


def test_no_developer_instance_is_written_to(instance: Simulator, tmp_path: "Path") -> None:
    """What is no developer instance is only read."""
    run = _start(instance, tmp_path, WRITES, READS, WRITE="")
    said, _ = run.communicate(timeout=120)
    assert run.returncode == 0, said
    writes = {request.method for request in instance.requests} - {"GET", "HEAD"}
    assert writes == set()
    name = f"localhost:{instance.port}"
    reasons = {check[name]["detail"] for check in _report(tmp_path)["checks"]}
    assert any("is no developer instance" in reason for reason in reasons)


def test_what_was_stopped_leaves_nothing(instance: Simulator, tmp_path: "Path") -> None:
    """Ctrl-C removes what the run made; what a crash leaves is removed by the next run."""
    for stop in (signal.SIGKILL, signal.SIGINT):
        begun = len(instance.requests)
        # It cannot come to its end before it is stopped.
        instance.faults.add(faults.Fault(after=25, delay=2))
        run = _start(instance, tmp_path, WRITES)
        while len(instance.requests) < begun + 25 and run.poll() is None:
            time.sleep(0.05)
        assert _left(instance), "it had made something"
        run.send_signal(stop)
        said, _ = run.communicate(timeout=60)
        assert run.returncode not in {0, 1}, said
    assert _left(instance) == []
    assert "Could not be removed" not in said


def test_what_cannot_be_removed_is_named(instance: Simulator, tmp_path: "Path") -> None:
    """Without an administrator, what the user may not delete is listed."""
    arguments = (WRITES, "-k", "test_clearing")
    run = _start(instance, tmp_path, *arguments, SERVICENOW_ADMIN_USERNAME="")
    said, _ = run.communicate(timeout=120)
    assert run.returncode == 0, said
    assert "Could not be removed: incident" in said
    assert len(_left(instance)) == 1
