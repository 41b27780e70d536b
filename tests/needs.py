"""What tests need beyond Python, and what becomes of them where it is missing.

A test says so with `@pytest.mark.needs("node")`. Where the tool is missing, the test is left out
and the last line of the run says how to bring the tool; with `CI` set, the test fails, unless the
tool is optional. `make test` runs `python -m tests.needs`, which installs what it may.
"""

import os
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)  # fmt: skip
_LEFT_OUT = "left out for want of"


@cache
def chromium() -> tuple[str, str] | None:
    """Return a Chromium or Chrome and its driver, where both are there."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = browser and (shutil.which("chromedriver") or _downloaded_driver(browser))
    return (browser, driver) if browser and driver else None


def _downloaded_driver(browser: str) -> str | None:
    """Return the driver that Selenium downloads for a browser, where it can."""
    from selenium.common.exceptions import WebDriverException  # noqa: PLC0415 - rarely needed
    from selenium.webdriver.common.selenium_manager import SeleniumManager  # noqa: PLC0415

    arguments = ["--browser", "chrome", "--browser-path", browser, "--avoid-stats"]
    try:
        driver: str = SeleniumManager().binary_paths([*arguments, "--timeout", "20"])["driver_path"]
    except WebDriverException:
        return None
    return driver


@cache
def python(version: str) -> str | None:
    """Return a Python of a minor version that runs; names on PATH alone say little with pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    hosted = Path("/opt/hostedtoolcache/Python")  # of GitHub's runners
    found = [
        shutil.which(f"python{version}"),
        *map(str, pyenv.glob(f"{version}.*/bin/python")),
        *map(str, hosted.glob(f"{version}.*/x64/bin/python3")),
    ]
    return next((one for one in found if one and _runs(one, "-c", "")), None)


@dataclass(frozen=True)
class Tool:
    """A tool that tests need.

    Attributes:
        find: returns something true where the tool is there.
        how: how to bring it.
        packages: Debian's packages with it, if `make test` is to install them where it may.
        is_optional: whether the test is left out with `CI` set, too: a service that its package
            starts is nothing to install unasked.
    """

    find: "Callable[[], object]"
    how: str
    packages: tuple[str, ...] = ()
    is_optional: bool = False


TOOLS = {
    "alertmanager": Tool(
        lambda: shutil.which("prometheus-alertmanager"),
        "apt-get install prometheus-alertmanager",
        is_optional=True,
    ),
    "chromium": Tool(
        chromium,
        "apt-get install chromium chromium-driver, or Chrome with chromedriver",
        ("chromium", "chromium-driver"),
    ),
    "node": Tool(lambda: shutil.which("node"), "Node.js 20 or newer, from https://nodejs.org"),
    "npm": Tool(lambda: shutil.which("npm"), "npm, which comes with Node.js"),
    **{
        f"python{version}": Tool(partial(python, version), f"Python {version}, also by pyenv")
        for version in ("3.11", "3.13")
    },
}


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", f"needs(*tools): beyond Python, of {', '.join(TOOLS)}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave a test out whose tool is missing; with `CI` set, fail it, unless it is optional."""
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            if TOOLS[name].find():
                continue
            reason = f"needs {name}: {TOOLS[name].how}"
            if os.environ.get("CI") and not TOOLS[name].is_optional:
                pytest.fail(reason, pytrace=False)
            item.user_properties.append((_LEFT_OUT, name))
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> "Generator[None]":
    """Say in the last line what was left out, and how to bring it."""
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    left_out = Counter(
        name
        for report in reporter.stats.get("skipped", [])
        for what, name in report.user_properties
        if what == _LEFT_OUT
    )
    if left_out:
        counts = "; ".join(
            f"{count} {'test that needs' if count == 1 else 'tests that need'} {name} "
            f"({TOOLS[name].how})"
            for name, count in left_out.items()
        )
        reporter.write_line(f"Left out: {counts}.")


def main() -> None:
    """Install each missing tool that Debian's packages bring, where this user may."""
    for name, tool in TOOLS.items():
        if tool.packages and not tool.find():
            print(f"{name} is missing: {_install(tool.packages)}", flush=True)


def _install(packages: tuple[str, ...]) -> str:
    """Install Debian's packages if that needs no password, and say what came of it."""
    apt = shutil.which("apt-get")
    if apt is None:
        return "there is no apt-get to install it"
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if root and not (shutil.which("sudo") and _runs(*root, "true")):
        return "this user may not install it"
    command = [*root, "env", "DEBIAN_FRONTEND=noninteractive", apt, "-qq", "-y"]
    _runs(*command, "update")
    options = ("-o", "DPkg::Lock::Timeout=300", "--no-install-recommends")
    if _runs(*command, *options, "install", *packages):
        return f"installed {' and '.join(packages)}"
    return f"apt-get could not install {' and '.join(packages)}"


def _runs(*command: str) -> bool:
    """Return whether a command succeeds."""
    done = subprocess.run(  # noqa: S603 - sudo and apt-get
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return done.returncode == 0


if __name__ == "__main__":
    main()
