"""Guides whose commands call the HTTP API, tried as they are written: each command in its order."""

import base64
import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from local.operations import operations
from local.servicenow import seed
from tests.conftest import event, invoke
from tests.documents import blocks
from tests.integration.events import USER, Queues
from tests.integration.test_webhook_receiver import (
    instance,  # noqa: F401 - a fixture
    process_queue,
    queues,  # noqa: F401 - a fixture
    tickets,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.servicenow import Simulator

GUIDES = ("alertmanager", "datadog", "gitlab", "grafana", "pagerduty", "sentry")
# As API Gateway chooses them: those with the fewest variables first.
ROUTES = [
    (item.method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", item.path)), item.folder)
    for item in sorted(operations(), key=lambda item: item.path.count("{"))
]


def guide(name: str) -> list[str]:
    """Return the commands of the guide of a webhook's sender."""
    return blocks(f"docs/connect-{name}.md", "sh")


def run(script: list[str], folder: "Path", **environment: str) -> str:
    """Run commands in one shell, each of which has to succeed, and return what they print."""
    done = subprocess.run(  # noqa: S603 - the guide's own commands
        ["/bin/bash", "-c", "\n".join(["set -eo pipefail", *script])],
        cwd=folder,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", **environment},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def api(instance: "Simulator", queues: Queues) -> "Iterator[str]":  # noqa: F811 - fixtures
    """The routes behind a real HTTP server; whoever looks sees what became of events.

    A token is the caller's id. At /token machines get theirs.
    """
    one_by_one = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0)).decode()
            if self.path == "/token":
                scheme, _, pair = self.headers["authorization"].partition(" ")
                assert (scheme, base64.b64decode(pair)) == ("Basic", b"a-machine:a-secret")
                assert body == "grant_type=client_credentials"
                self._send(200, json.dumps({"access_token": USER}))
                return
            url = urlsplit(self.path)
            folder, found = next(
                (folder, found)
                for method, path, folder in ROUTES
                if method == self.command and (found := path.fullmatch(url.path))
            )
            payload = event(folder)
            payload |= {
                "body": body, "pathParameters": found.groupdict(), "rawPath": url.path,
                "rawQueryString": url.query, "queryStringParameters": dict(parse_qsl(url.query)),
            }  # fmt: skip
            context = payload["requestContext"]
            context["http"] |= {"path": url.path, "method": self.command}
            payload["headers"] = {name.lower(): value for name, value in self.headers.items()}
            if folder != "receive_webhook":
                scheme, _, token = self.headers["authorization"].partition(" ")
                assert scheme == "Bearer"
                context["authorizer"]["jwt"]["claims"]["sub"] = token
            with one_by_one:
                if self.command == "GET":
                    process_queue(queues)
                said = invoke(folder, payload)
            self._send(said.status, said.text, said.headers)

        do_GET = do_POST = do_PATCH = do_PUT = answer  # noqa: N815 - http.server's names

        def _send(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_works_as_written(
    api: str,
    instance: "Simulator",  # noqa: F811 - a fixture
    tmp_path: Path,
    name: str,
) -> None:
    """Its commands open a ticket, and resolve it."""
    printed = run(guide(name), tmp_path, API=api, TOKEN=USER)
    (row,) = tickets(instance)
    assert row["state"] == "6"
    assert row["number"] in printed
    assert '"status": "accepted"' in printed


@pytest.mark.needs("alertmanager")
def test_the_configuration_of_alertmanagers_guide_is_one(tmp_path: Path) -> None:
    """By Alertmanager's own tool."""
    (text,) = blocks("docs/connect-alertmanager.md", "yaml")
    assert yaml.safe_load(text)["route"]["receiver"] == "tickets"
    (tmp_path / "alertmanager.yml").write_text(text)
    subprocess.run(
        ["amtool", "check-config", "alertmanager.yml"],  # noqa: S607
        cwd=tmp_path, check=True, capture_output=True, timeout=60,
    )  # fmt: skip


def test_the_first_ticket_as_written(
    api: str,
    simulator: "Simulator",
    tmp_path: Path,
) -> None:
    """A new user connects, opens a ticket once for a key, and an event's ticket is resolved."""
    connect, open_it, happen, end, look = blocks("docs/first-ticket.md", "sh")
    printed = run(
        [connect, open_it, open_it, happen, look, end, look],
        tmp_path,
        API=api,
        TOKEN="a-new-user",
        INSTANCE=simulator.url,
        ACCOUNT=seed.INTEGRATION_USER,
        PASSWORD=seed.USERS[seed.INTEGRATION_USER][0],
    )
    assert '"success": true' in printed
    (opened,) = titled(simulator, "Checkout answers 500")
    assert opened["number"] in printed
    (happened,) = titled(simulator, "Checkout is down")
    assert happened["state"] == "6"


def titled(simulator: "Simulator", title: str) -> list[dict[str, str]]:
    """Return the incidents of a title."""
    rows = simulator.records("incident")
    return [row for row in rows if row["short_description"].endswith(title)]


def test_an_event_of_ones_own_as_written(api: str, tmp_path: Path) -> None:
    """The recipe of docs/your-own-event.md is saved, and its event previewed."""
    _, recipe = blocks("docs/your-own-event.md", "json")
    save, preview, _ = blocks("docs/your-own-event.md", "sh")
    (tmp_path / "speed-tests.json").write_text(recipe)
    saved = json.loads(run([save], tmp_path, API=api, TOKEN=USER))
    assert len(set(saved["keys"])) == 1
    (ticket,) = json.loads(run([preview], tmp_path, API=api, TOKEN=USER))["tickets"]
    assert ticket["columns"]["short_description"] == "/cart is slow"


def test_rules_are_replaced_as_written(api: str, tmp_path: Path) -> None:
    """By the commands of docs/rules.md: read whole, and saved at the version that was read."""
    (read_and_save,) = blocks("docs/rules.md", "sh")
    assert '"rules"' in run([read_and_save], tmp_path, API=api, TOKEN=USER)


def test_a_connection_is_stored_as_written(api: str, tmp_path: Path) -> None:
    """By the example of docs/connections.md."""
    stored, _ = blocks("docs/connections.md", "sh")
    printed = json.loads(run([stored], tmp_path, API=api, TOKEN=USER))
    assert (printed["name"], printed["auth_method"]) == ("development", "oauth_client_credentials")


@pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")
def test_a_gate_is_asked_for_as_written(api: str, tmp_path: Path) -> None:
    """By the commands of docs/gates.md, with the token that a machine gets there."""
    ask, look, sign_in = blocks("docs/gates.md", "sh")
    of_machine = {
        "CLIENT_ID": "a-machine",
        "CLIENT_SECRET": "a-secret",
        "TOKEN_URL": f"{api}/token",
    }
    token = json.loads(run([sign_in], tmp_path, **of_machine))["access_token"]
    stack = {"ACTIONSYNC_URL": api, "ACTIONSYNC_TOKEN": token}
    gate = json.loads(run([ask], tmp_path, **stack))
    shown = json.loads(run([look], tmp_path, **stack, GATE=gate["id"]))
    assert (shown["id"], shown["state"]) == (gate["id"], "waiting")
