"""The guides of webhook senders, tried as they are written: each command of each, in its order."""

import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import yaml

from local.operations import operations
from tests.conftest import event, invoke
from tests.integration.events import USER, Queues
from tests.integration.test_webhook_receiver import (
    instance,  # noqa: F401 - a fixture
    process_queue,
    queues,  # noqa: F401 - a fixture
    tickets,
)
from tests.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.servicenow import Simulator

GUIDES = ("alertmanager", "datadog", "gitlab", "grafana", "pagerduty", "sentry")
ROUTES = [
    (item.method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", item.path)), item.folder)
    for item in operations()
    if "/webhooks/" in item.path
]
_TOKEN = "a-token"


def blocks(name: str, language: str, prefix: str = "connect-") -> list[str]:
    """Return the blocks of a language in a guide."""
    text = (ROOT / "docs" / f"{prefix}{name}.md").read_text()
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


@pytest.fixture
def api(instance: "Simulator", queues: Queues) -> "Iterator[str]":  # noqa: F811 - fixtures
    """The routes of webhooks behind a real HTTP server; whoever looks sees what became of it."""
    one_by_one = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0)).decode()
            ((folder, found),) = (
                (folder, found)
                for method, path, folder in ROUTES
                if method == self.command and (found := path.fullmatch(self.path))
            )
            payload = event("receive_webhook" if folder == "receive_webhook" else folder)
            payload |= {"body": body, "pathParameters": found.groupdict(), "rawPath": self.path}
            payload["requestContext"]["http"] |= {"path": self.path, "method": self.command}
            payload["headers"] = {name.lower(): value for name, value in self.headers.items()}
            if folder != "receive_webhook":
                assert payload["headers"]["authorization"] == f"Bearer {_TOKEN}"
                payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = USER
            with one_by_one:
                if self.command == "GET":
                    process_queue(queues)
                said = invoke(folder, payload)
            self.send_response(said.status)
            self.end_headers()
            self.wfile.write(said.text.encode())

        do_GET = do_POST = do_PATCH = answer  # noqa: N815 - http.server's names

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
    tmp_path: "Path",
    name: str,
) -> None:
    """Its commands open a ticket, and resolve it."""
    script = "\n".join(["set -e", *blocks(name, "sh")])
    done = subprocess.run(  # noqa: S603 - the guide's own commands
        ["/bin/bash", "-c", script],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "API": api, "TOKEN": _TOKEN},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = tickets(instance)
    assert row["state"] == "6"
    assert row["number"] in done.stdout
    assert '"status": "accepted"' in done.stdout


@pytest.mark.needs("alertmanager")
def test_the_configuration_of_alertmanagers_guide_is_one(tmp_path: "Path") -> None:
    """By Alertmanager's own tool."""
    (text,) = blocks("alertmanager", "yaml")
    assert yaml.safe_load(text)["route"]["receiver"] == "tickets"
    (tmp_path / "alertmanager.yml").write_text(text)
    subprocess.run(
        ["amtool", "check-config", "alertmanager.yml"],  # noqa: S607
        cwd=tmp_path, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
