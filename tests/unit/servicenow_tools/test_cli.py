"""The command servicenow-tools, run against the simulator."""

import json
import re
import shlex
import socket
import sys
import threading
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import keyring
import keyring.backend
import keyring.errors
import pytest
import typer
from typer.testing import CliRunner, Result

from local.servicenow import Fault, Simulator, faults, seed
from local.servicenow.access import Application
from servicenow_tools import cli, errors, tls_context
from servicenow_tools.cli import browser, commands, output, profiles
from servicenow_tools.sync.auth import AuthorizationCode
from tests.documents import blocks

ROOT = Path(__file__).parents[3]
PASSWORD = seed.USERS[seed.INTEGRATION_USER][0]


class Keyring(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1.0

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        """Return a secret."""
        return self.secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store a secret."""
        self.secrets[service, username] = password


class NoKeyring(Keyring):
    """What a machine without a keyring has."""

    def get_password(self, *_: str) -> str | None:
        """Fail."""
        raise keyring.errors.NoKeyringError("no backend")

    def set_password(self, *_: str) -> None:
        """Fail."""
        raise keyring.errors.NoKeyringError("no backend")


@pytest.fixture(autouse=True)
def _environment(simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keyring.set_keyring(Keyring())
    settings = {
        "TOOLS_PROFILES": str(tmp_path / "of" / "profiles.toml"),
        "URL": simulator.url,
        "USERNAME": seed.INTEGRATION_USER,
        "PASSWORD": PASSWORD,
        "CA_FILE": simulator.ca_file,
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"SERVICENOW_{name}", value)


def run(*arguments: str, code: int = 0, **options: Any) -> Result:
    """Run the command, and see how it ends."""
    done = CliRunner().invoke(commands.app, arguments, **options)
    assert done.exit_code == code, done.output + done.stderr
    return done


def lines(*arguments: str) -> list[dict[str, Any]]:
    """Return the JSON objects that the command prints."""
    return [json.loads(line) for line in run("--json", *arguments).stdout.splitlines()]


def test_an_incident_from_beginning_to_end(simulator: Simulator) -> None:
    """Created, shown, noted, found, changed and resolved."""
    made = run("incident", "create", "Checkout answers 500", "-s", "urgency=high", "-s", "x_no=1")
    assert "x_no: 1 was sent, ServiceNow dropped it" in made.stderr
    (row,) = [r for r in simulator.records("incident") if r["short_description"].startswith("Che")]
    number = row["number"]
    assert number in made.stdout
    (shown,) = lines("incident", "show", number)
    assert (shown["urgency"], shown["url"].startswith(simulator.url)) == ("1", True)
    run("incident", "note", number, "seen [twice]")
    run("incident", "update", number, "-s", "assigned_to=beth.anglin", "-s", "state=in progress")
    found = run("incident", "search", "-w", "state=open", "-w", "assigned_to=beth.anglin")
    assert re.search(rf"{number} +In Progress", found.stdout)
    resolved = run("incident", "resolve", number, "Failed over.")
    assert "Resolved" in resolved.stdout
    assert simulator.one("incident", number=number)["close_notes"] == "Failed over."


def test_changes_and_problems_have_their_own_ends(simulator: Simulator) -> None:
    """Through the states of their models."""
    arguments = ("-s", "type=standard", "-s", "template=Deploy a service")
    (made,) = lines("change", "create", "Deploy 2.0", *arguments)
    run("change", "move", made["number"], "implement")
    run("change", "close", made["number"], "All zones run it.")
    assert simulator.one("change_request", number=made["number"])["state"] == "3"
    (made,) = lines("problem", "create", "Slow failover", "-s", "assigned_to=beth.anglin")
    run("problem", "close", made["number"], "Rare enough.", "--code", "risk_accepted")
    assert simulator.one("problem", number=made["number"])["resolution_code"] == "risk_accepted"


def test_a_dry_run_shows_the_request_and_writes_nothing(simulator: Simulator) -> None:
    """Labels and references are resolved; what is wrong has its exit code."""
    columns = ("-s", "urgency=high", "-s", "assignment_group=IT Support")
    (shown,) = lines("incident", "create", "Disk full", *columns, "--dry-run")
    assert shown == {
        "method": "POST",
        "path": "/api/now/table/incident",
        "body": {
            "short_description": "Disk full",
            "urgency": "1",
            "assignment_group": seed.sys_id("IT Support"),
        },
    }
    (shown,) = lines("incident", "resolve", "INC0000001", "Done.", "--dry-run")
    assert shown["path"].endswith(seed.sys_id("incident 1"))
    assert shown["body"]["state"] == "6"
    nobody = ("-s", "assignment_group=Nobody", "--dry-run")
    assert "assignment_group" in run("incident", "create", "x", *nobody, code=3).stderr
    assert {request.method for request in simulator.requests} == {"GET"}


def test_tables_and_files(simulator: Simulator, tmp_path: Path) -> None:
    """Records of any table, and files for them."""
    file = tmp_path / "trace.txt"
    file.write_text("a trace")
    (attached,) = lines("attach", "incident", "INC0000001", str(file))
    assert (attached["file_name"], attached["size_bytes"]) == ("trace.txt", "7")
    columns = ("--columns", "name,ip_address", "--query", "nameSTARTSWITHlnux^ORDERBYname")
    found = run("table", "query", "cmdb_ci_server", *columns)
    assert found.stdout.split() == [
        "name", "ip_address", "lnux100", "10.0.0.1", "lnux101", "10.0.0.2", "lnux102", "10.0.0.3",
    ]  # fmt: skip
    assert "lnux100" in run("table", "get", "cmdb_ci", seed.sys_id("lnux100")).stdout
    assert len(lines("table", "query", "syslog", "--limit", "3")) <= 3


def test_a_long_search_comes_page_by_page(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as are asked for, or as there are."""
    monkeypatch.setattr(commands, "_PAGE", 3)
    assert len(lines("incident", "search", "--limit", "5")) == 5
    count = len(simulator.records("incident"))
    assert len(lines("incident", "search", "--limit", "100")) == count


def test_mine_and_open(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the profile's user has to do, and where a person sees it."""
    run("incident", "update", "INC0000001", "-s", f"assigned_to={seed.INTEGRATION_USER}")
    (mine,) = lines("incident", "mine")
    assert mine["number"] == "INC0000001"
    launched: list[str] = []
    monkeypatch.setattr(typer, "launch", launched.append)
    run("incident", "open", "INC0000001")
    assert launched == [mine["url"]]
    monkeypatch.delenv("SERVICENOW_USERNAME")
    assert "username" in run("incident", "mine", code=3).stderr


def test_watch(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """State and notes as they change, until it is over or the person has seen enough."""
    steps = iter([("note", "INC0000001", "first"), ("resolve", "INC0000001", "Done.")])
    monkeypatch.setattr("time.sleep", lambda _: run("incident", *next(steps)))
    said = lines("incident", "watch", "INC0000001")
    assert [(line["what"], line["text"]) for line in said] == [
        ("state", "In Progress"), ("work_notes", "first"), ("state", "Resolved"),
    ]  # fmt: skip

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    done = run("change", "watch", "CHG0000001", code=output.INTERRUPTED)
    assert "state: New" in done.stdout


@pytest.mark.parametrize(
    ("fault", "arguments", "code"),
    [
        (None, ("incident", "show", "INC9999999"), 6),
        (None, ("incident", "show", "no number"), 3),
        (None, ("incident", "search", "-w", "state"), 3),
        (None, ("incident", "create", "x", "-s", "urgency"), 3),
        (None, ("incident", "show"), 2),
        (faults.error(401, "User Not Authenticated", None, times=None), ("test",), 1),
        (faults.error(401, "User Not Authenticated", None), ("incident", "show", "INC0000001"), 4),
        (faults.error(403, "Insufficient rights", None), ("incident", "show", "INC0000001"), 5),
        (faults.error(400, "Invalid table", None), ("table", "query", "nothing"), 7),
        (faults.rate_limited(600, times=None), ("incident", "show", "INC0000001"), 8),
        (Fault(method="POST", reset=True, times=None), ("incident", "create", "x"), 0),
        (Fault(reset=True, times=None), ("incident", "note", "a" * 32, "x"), 9),
    ],
)
def test_exit_codes(
    simulator: Simulator, fault: Fault | None, arguments: tuple[str, ...], code: int
) -> None:
    """Each failure has the documented one; stderr names it, and holds no secret."""
    if fault is not None:
        simulator.faults.add(fault)
    if code == 0:
        code = 9
    done = run(*arguments, code=code)
    assert PASSWORD not in done.output


def test_the_guide_has_every_exit_code() -> None:
    """And none that does not exist."""
    guide = (ROOT / "docs/terminal.md").read_text()
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", guide, re.MULTILINE)}
    known = {*output.EXIT_CODES.values(), output.MAYBE_WRITTEN, output.INTERRUPTED}
    assert listed == {0, 1, 2, *known}
    assert errors.ServiceNowError in output.EXIT_CODES


def typed(document: str) -> list[str]:
    """Return what follows the command's name in the lines that a guide has typed."""
    (text,) = blocks(document, "console")
    return re.findall(r"^\$ servicenow-tools (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("document", ["docs/assistants.md", "docs/terminal.md"])
def test_the_guides_examples_are_commands(document: str) -> None:
    """Each subcommand and option that the guide names exists, and each extra that it installs."""
    (text,) = blocks(document, "console")
    (extras,) = re.findall(r"^\$ pip install 'servicenow-tools\[(.*)\]'$", text, re.MULTILINE)
    packaged = tomllib.loads((ROOT / "packaging/pyproject.toml").read_text())["project"]
    assert set(extras.split(",")) <= packaged["optional-dependencies"].keys()
    for line in typed(document):
        words = [word for word in line.split() if not word.startswith("--json")]
        depth = 2 if words[0] in {"incident", "change", "problem", "table"} else 1
        shown = run(*words[:depth], "--help").stdout
        for option in re.findall(r" (--?[a-z-]+)", " " + " ".join(words[depth:])):
            assert option in shown, line


def test_the_guide_works_as_written(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From signing in to files, with the records that it names."""
    login, *commands = typed("docs/terminal.md")
    made = simulator.instance.put
    made("incident", number="INC0010001", short_description="Checkout answers 500", state="1")
    change = {"type": "standard", "state": "-2", "short_description": "Deploy"}
    made("change_request", number="CHG0030001", **change)
    for name in ("URL", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"SERVICENOW_{name}")
    monkeypatch.chdir(tmp_path)
    for name in ("trace.txt", "heap.png"):
        (tmp_path / name).write_text(name)
    simulator.instance.add_user("jane.doe", "a-password", "itil")
    words = shlex.split(login.replace("https://acme.service-now.com", simulator.url))
    run(*words, input="a-password\n")
    for command in commands:
        run(*shlex.split(command.partition("|")[0]))
    incident = simulator.one("incident", number="INC0010001")
    assert (incident["state"], incident["close_notes"]) == (
        "6", "Failed over to the second provider.",
    )  # fmt: skip
    assert simulator.one("change_request", number="CHG0030001")["state"] == "-1"
    attached = simulator.records("sys_attachment")
    assert {"trace.txt", "heap.png"} <= {row["file_name"] for row in attached}


def test_test_says_what_the_connection_is_good_for() -> None:
    """For people and as JSON."""
    assert re.search(r"passed +signed_in", run("test").stdout)
    assert {line["check"] for line in lines("test")} >= {"reachable", "signed_in"}


def test_doctor_says_what_the_instance_allows() -> None:
    """With what follows and what can be changed, for people and as JSON."""
    said = run("doctor").stdout
    assert re.search(r"yes +roles: .*itil", said)
    assert "Let the user read sys_dictionary" in said
    by_name = {line["name"]: line for line in lines("doctor")}
    assert "itil" in by_name["roles"]["values"]
    assert by_name["journals"]["remedy"]


@pytest.mark.parametrize(
    ("options", "asked", "kinds"),
    [
        (("--username", seed.INTEGRATION_USER), PASSWORD, {"password"}),
        (
            ("--client-id", seed.APPLICATION.client_id),
            seed.APPLICATION.client_secret,
            {"client_secret"},
        ),
        (
            ("--client-id", seed.APPLICATION.client_id, "--username", seed.INTEGRATION_USER),
            f"{seed.APPLICATION.client_secret}\n{PASSWORD}",
            {"client_secret", "password"},
        ),
        ((), "a-key", {"api_key"}),
    ],
)
def test_login_stores_secrets_in_the_keyring_alone(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, options: Any, asked: str, kinds: set[str]
) -> None:
    """And every way to sign in works from there."""
    for name in ("URL", "USERNAME", "PASSWORD", "CA_FILE"):
        monkeypatch.delenv(f"SERVICENOW_{name}")
    simulator.instance.access.api_keys["a-key"] = seed.INTEGRATION_USER
    where = ("--url", simulator.url, "--ca-file", simulator.ca_file, "--read-only")
    run("--profile", "acme", "login", *where, *options, input=f"{asked}\n")
    text = profiles.file().read_text()
    assert not any(secret in text for secret in asked.split())
    backend = keyring.get_keyring()
    assert isinstance(backend, Keyring)
    assert {key.split()[0] for _, key in backend.secrets} == kinds
    run("--profile", "acme", "incident", "show", "INC0000001")
    refused = run("--profile", "acme", "incident", "note", "INC0000001", "x", code=3)
    assert "read-only" in refused.stderr
    run("--profile", "acme", "incident", "note", "INC0000001", "x", "--dry-run")
    assert "not known" in run("incident", "show", "INC0000001", code=3).stderr


def test_without_a_keyring_the_environment_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a pipeline; `login` says so."""
    keyring.set_keyring(NoKeyring())
    run("incident", "show", "INC0000001")
    done = run("login", "--url", "https://x.example", "--username", "x", input="y\n", code=3)
    assert "SERVICENOW_PASSWORD" in done.stderr
    monkeypatch.delenv("SERVICENOW_PASSWORD")
    assert "SERVICENOW_PASSWORD" in run("incident", "show", "INC0000001", code=3).stderr


def test_a_broken_file_of_profiles_is_named() -> None:
    """In one sentence."""
    profiles.file().parent.mkdir()
    profiles.file().write_text("[")
    assert "is no TOML" in run("incident", "show", "INC0000001", code=3).stderr


def test_the_version_and_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says its version, and what it needs where the extra is missing."""
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run("--version").stdout)
    monkeypatch.setattr(sys, "argv", ["servicenow-tools", "--version"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    monkeypatch.setitem(sys.modules, "servicenow_tools.cli.commands", None)
    with pytest.raises(SystemExit, match="servicenow-tools\\[cli\\]"):
        cli.main()


class Browser:
    """What a person does in the browser: sign in at the page, and follow where it leads."""

    def __init__(self, simulator: Simulator, *detours: str) -> None:
        self.simulator = simulator
        self.detours = detours
        self.answers: list[int] = []
        self.threads: list[threading.Thread] = []

    def open(self, url: str) -> None:
        """Go there, in a thread of its own."""
        self.threads.append(threading.Thread(target=self._visit, args=(url,)))
        self.threads[-1].start()

    def _visit(self, url: str) -> None:
        verify = tls_context(self.simulator.ca_file)
        with httpx.Client(verify=verify, trust_env=False) as browser:
            form = {"user_name": seed.INTEGRATION_USER, "user_password": PASSWORD}
            browser.post(f"{self.simulator.url}/login.do", data=form)
            target = browser.get(url).headers["location"]
            for detour in self.detours:
                self.answers.append(browser.get(target.partition("?")[0] + detour).status_code)
            self.answers.append(browser.get(target).status_code)


@pytest.fixture
def application(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> int:
    """An OAuth application, which names the port that is returned."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    urls = (f"http://127.0.0.1:{port}/",)
    simulator.instance.add_application(Application("an-id", "s3cret", redirect_urls=urls))
    for name in ("URL", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"SERVICENOW_{name}")
    return port


def login(simulator: Simulator, port: int, *more: str, code: int = 0) -> Result:
    """Sign in in the browser."""
    where = ("--url", simulator.url, "--ca-file", simulator.ca_file, "--port", str(port))
    return run("login", *where, "--browser", *more, code=code, input="s3cret\n")


def test_a_person_signs_in_in_the_browser(
    simulator: Simulator, application: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strangers' requests meanwhile are no sign-in; later commands go by the refresh token."""
    browsing = Browser(simulator, "?code=x&state=wrong", "favicon.ico", "?code=x")
    monkeypatch.setattr("typer.launch", browsing.open)
    done = login(simulator, application, "--client-id", "an-id")
    browsing.threads[0].join()
    assert browsing.answers == [404, 404, 404, 200]
    assert f"Signed in as {seed.INTEGRATION_USER}." in done.stdout
    assert len(lines("incident", "search", "--limit", "1")) == 1
    assert profiles.load("default").in_browser
    stored = profiles.file().read_text()
    assert "s3cret" not in stored + done.output
    assert "refresh" not in stored


def test_a_sign_in_that_fails(
    simulator: Simulator, application: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with what to do: an application, another port, somebody who signs in, refresh tokens."""
    assert "--client-id" in login(simulator, application, code=3).stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert "--port" in login(simulator, port, "--client-id", "an-id", code=3).stderr

    def refuse(url: str) -> None:
        state = dict(parse_qsl(urlsplit(url).query))["state"]
        target = f"http://127.0.0.1:{application}/?error=access_denied&state={state}"
        thread = threading.Thread(target=lambda: httpx.get(target, trust_env=False))
        thread.start()

    monkeypatch.setattr("typer.launch", refuse)
    refused = login(simulator, application, "--client-id", "an-id", code=3)
    assert "access_denied" in refused.stderr
    monkeypatch.setattr(browser, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr("typer.launch", lambda _: None)
    late = login(simulator, application, "--client-id", "an-id", code=3)
    assert "did not come back" in late.stderr
    monkeypatch.undo()
    monkeypatch.setattr(browser._Server, "wait", lambda _: "a-code")
    monkeypatch.setattr("typer.launch", lambda _: None)
    monkeypatch.setattr(AuthorizationCode, "grant", lambda _: {"grant_type": "client_credentials"})
    access = simulator.instance.access
    known = access.applications["an-id"]
    access.applications["an-id"] = replace(known, user_name=seed.INTEGRATION_USER)
    none = login(simulator, application, "--client-id", "an-id", code=3)
    assert "refresh tokens" in none.stderr
