"""The suite's instances, its findings, and its clean end.

In `make test` the simulator alone is asked. `make conformance INSTANCE=https://...` asks an
instance beside it, and writes where the two differ.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.servicenow import Simulator, seed
from tests.conformance import report
from tests.conformance.facts import Check, Finding, Found, check_of
from tests.conformance.instance import Instance, User, of_environment, recordings
from tests.conformance.recordings import Recorder, differences

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

SIMULATOR = "simulator"
_other: Instance | None = None
_checks: dict[str, Check] = {}
_release = "unknown"


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", "fact(source, probe): a check of what real instances do")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask the simulator, and the instance that the environment names."""
    if "instance_name" in metafunc.fixturenames:
        global _other  # noqa: PLW0603 - one run, one instance
        _other = _other or of_environment()
        names = [SIMULATOR, _other.name] if _other else [SIMULATOR]
        metafunc.parametrize("instance_name", names, scope="session")


@pytest.fixture(scope="session")
def simulated() -> "Iterator[Instance]":
    """The simulator, over its port."""
    with Simulator() as simulator:
        passwords = {name: User(name, user[0]) for name, user in seed.USERS.items()}
        instance = Instance(
            simulator.url,
            passwords[seed.INTEGRATION_USER],
            passwords["admin"],
            name=SIMULATOR,
            ca_file=simulator.ca_file,
            writable_host=f"localhost:{simulator.port}",
        )
        instance.simulator = simulator  # type: ignore[attr-defined]
        yield instance
        instance.remove_all()


@pytest.fixture(scope="session")
def other() -> "Iterator[Instance | None]":
    """The instance that the environment names."""
    if _other is None:
        yield None
        return
    global _release  # noqa: PLW0603 - one run, one instance
    _release = _release_of(_other)
    try:
        yield _other
    finally:
        _other.remove_all()


@pytest.fixture(scope="session")
def instance(instance_name: str, simulated: Instance, other: Instance | None) -> Instance:
    """The instance that a check asks."""
    return simulated if instance_name == SIMULATOR or other is None else other


@pytest.fixture
def found() -> Found:
    """What a probe reports."""
    return Found()


@pytest.fixture(autouse=True)
def exchanges(request: pytest.FixtureRequest) -> "Iterator[None]":
    """Record what a check asked and was answered; hold the simulator against recordings."""
    if "instance" not in request.fixturenames:
        yield
        return
    asked: Instance = request.getfixturevalue("instance")
    begin = len(asked.exchanges)
    yield
    taken = asked.exchanges[begin:]
    asked.exchanges.clear()
    described = check_of(request.node)
    if described is None:
        return
    key = described[0].key
    folder = os.environ.get("RECORD", "")
    if folder and asked.name != (SIMULATOR if _other else ""):
        Recorder(Path(folder), asked).write(key, taken)
    if asked.name == SIMULATOR and not folder:
        found = differences(recordings(), key, taken)
        assert not found, f"The simulator answers otherwise than what was recorded: {found}"


@pytest.fixture(scope="session")
def incident_of(instance: Instance) -> str:
    """The sys_id of an incident that checks only read."""
    return str(instance.create("incident", urgency="2", impact="2")["sys_id"])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> "Generator[None, pytest.TestReport, pytest.TestReport]":
    """Keep what a check found; a probe does not fail."""
    outcome = yield
    described = check_of(item)
    if described is None:
        return outcome
    check, name = described
    check = _checks.setdefault(check.key, check)
    if call.when == "call" or (call.when == "setup" and not outcome.passed):
        check.findings[name] = _finding(item, check, outcome)
        if check.is_probe and outcome.failed:
            outcome.outcome, outcome.longrepr = "passed", None
    return outcome


def _finding(item: pytest.Item, check: Check, outcome: pytest.TestReport) -> Finding:
    if outcome.skipped:
        reason = outcome.longrepr[2] if isinstance(outcome.longrepr, tuple) else ""
        return Finding("left out", str(reason).removeprefix("Skipped: "))
    if outcome.failed:
        text = getattr(getattr(outcome.longrepr, "reprcrash", None), "message", "")
        return Finding("found" if check.is_probe else "differs", " ".join(text.split())[:300])
    found = getattr(item, "funcargs", {}).get("found")
    if check.is_probe:
        return Finding("found", found.text if isinstance(found, Found) else "")
    return Finding("holds")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> "Generator[None]":
    """Write the result once everything is removed, and say what could not be."""
    yield
    if _other is None or not _checks:
        return
    folder = Path(os.environ.get("OUT", ".local/conformance"))
    report.write(folder, list(_checks.values()), _other.name, _release)
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"\nWhere simulator and instance differ: {folder}/conformance.md")
        for record in _other.left_behind:
            reporter.write_line(f"Could not be removed: {record}")


def _release_of(asked: Instance) -> str:
    answer = asked.get(
        "/api/now/table/sys_properties",
        params={"sysparm_query": "name=glide.buildname", "sysparm_fields": "name,value"},
        by=asked.admin,
    )
    rows = answer.json().get("result", []) if answer.status_code == 200 else []
    return next((row["value"] for row in rows if row.get("name") == "glide.buildname"), "unknown")
