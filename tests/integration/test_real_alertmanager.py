"""Alertmanager itself, two of them, from an alert to its ticket."""

import json
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.conftest import event, invoke
from tests.integration.events import Queues
from tests.integration.test_webhook_receiver import (
    instance,  # noqa: F401 - a fixture
    make,
    process_queue,
    queues,  # noqa: F401 - a fixture
    tickets,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from local.servicenow import Simulator

CONFIGURATION = """
route:
  receiver: tickets
  group_by: [{group_by}]
  group_wait: 100ms
  group_interval: 400ms
  repeat_interval: 2s
receivers:
  - name: tickets
    webhook_configs:
      - url: {url}
        max_alerts: {max_alerts}
        http_config: {{authorization: {{type: Bearer, credentials: "{secret}"}}}}
"""
STARTED = datetime.now(UTC) - timedelta(minutes=5)


@dataclass
class Receiver:
    """The webhook's function behind a real HTTP server."""

    hook: dict[str, Any]
    bodies: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """HttpAnswer a delivery as API Gateway would have it answered."""
        payload = event("receive_webhook", "alertmanager_firing")
        payload["headers"] = {name.lower(): value for name, value in headers.items()}
        payload["pathParameters"] = {"source": "alertmanager", "id": self.hook["id"]}
        payload["rawPath"] = payload["requestContext"]["http"]["path"] = self.hook["path"]
        payload["body"] = body.decode()
        with self.lock:
            self.bodies.append(json.loads(body))
            return invoke("receive_webhook", payload).status


@dataclass
class Alertmanagers:
    """Two replicas with one configuration, which know nothing of each other."""

    receiver: Receiver
    folder: "Path"
    url: str
    ports: list[int] = field(default_factory=list)

    def configure(self, group_by: str = "alertname, cluster", max_alerts: int = 0) -> None:
        """Write the configuration, and let those that run read it."""
        text = CONFIGURATION.format(
            group_by=group_by,
            max_alerts=max_alerts,
            url=self.url,
            secret=self.receiver.hook["secret"],
        )
        (self.folder / "am.yml").write_text(text)
        for port in self.ports:
            httpx.post(f"http://127.0.0.1:{port}/-/reload", trust_env=False).raise_for_status()

    def alert(self, name: str, *, is_over: bool = False) -> None:
        """Post an alert to both, as Prometheus does."""
        alert = {
            "labels": {"alertname": "HighErrorRate", "cluster": "eu", "severity": "critical",
                       "instance": name},
            "annotations": {"summary": f"Shop fails on {name}"},
            "generatorURL": "http://prometheus.example.com/graph",
            "startsAt": STARTED.isoformat(),
            "endsAt": (datetime.now(UTC) + timedelta(hours=0 if is_over else 1)).isoformat(),
        }  # fmt: skip
        self.post("alerts", [alert])

    def silence(self, name: str) -> None:
        """Silence an alert in both."""
        now = datetime.now(UTC)
        matcher = {"name": "instance", "value": name, "isRegex": False, "isEqual": True}
        self.post("silences", {
            "matchers": [matcher], "startsAt": now.isoformat(), "comment": "c", "createdBy": "a",
            "endsAt": (now + timedelta(hours=1)).isoformat(),
        })  # fmt: skip

    def post(self, path: str, document: Any) -> None:
        """Post a document to the API of both."""
        for port in self.ports:
            url = f"http://127.0.0.1:{port}/api/v2/{path}"
            httpx.post(url, json=document, trust_env=False).raise_for_status()

    @contextmanager
    def delivering(
        self, condition: "Callable[[dict[str, Any]], bool]", times: int = 2
    ) -> "Iterator[None]":
        """Wait after a block until both have delivered what a condition holds for, since it began.

        An end is delivered once, perhaps before the block is left.
        """
        with self.receiver.lock:
            self.receiver.bodies.clear()
        yield
        ends_at = time.monotonic() + 120
        while time.monotonic() < ends_at:
            with self.receiver.lock:
                if sum(map(condition, self.receiver.bodies)) >= times:
                    return
            time.sleep(0.05)
        pytest.fail(f"not delivered within 120 s; last: {self.receiver.bodies[-1:]}")


def states(body: dict[str, Any]) -> dict[str, str]:
    """Return the states of a delivery's alerts."""
    return {alert["labels"]["instance"]: alert["status"] for alert in body["alerts"]}


@pytest.fixture
def receiver(instance: "Simulator", queues: Queues) -> Receiver:  # noqa: F811 - fixtures
    """A webhook of Alertmanager's."""
    return Receiver(make(name="eu"))


@pytest.fixture
def alertmanagers(receiver: Receiver, tmp_path: "Path") -> "Iterator[Alertmanagers]":
    """Both of them, running."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(receiver.take(dict(self.headers), body))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}{receiver.hook['path']}"
    found = Alertmanagers(receiver, tmp_path, url)
    found.configure()
    running = []
    for number in range(2):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        running.append(subprocess.Popen(  # noqa: S603 - the tool itself
            [shutil.which("prometheus-alertmanager") or "", f"--config.file={tmp_path}/am.yml",
             f"--storage.path={tmp_path}/{number}", f"--web.listen-address=127.0.0.1:{port}",
             "--cluster.listen-address="],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ))  # fmt: skip
        wait_for(f"http://127.0.0.1:{port}/-/ready")
        found.ports.append(port)
    yield found
    for process in running:
        process.kill()
        process.wait()
    server.shutdown()
    server.server_close()


def wait_for(url: str) -> None:
    """Wait until an address answers."""
    for _ in range(600):
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail(f"{url} does not answer")


@pytest.mark.needs("alertmanager")
def test_two_alertmanagers_make_one_ticket_for_each_alert(
    alertmanagers: Alertmanagers,
    queues: Queues,  # noqa: F811 - a fixture
    instance: "Simulator",  # noqa: F811 - a fixture
) -> None:
    """Firing, repeated, regrouped, truncated, silenced and resolved."""

    def shown() -> dict[str, str]:
        with alertmanagers.receiver.lock:
            process_queue(queues)
        return {row["short_description"].rpartition(" ")[2]: row["state"]
                for row in tickets(instance)}  # fmt: skip

    with alertmanagers.delivering(lambda body: len(body["alerts"]) == 3):
        for name in "abc":
            alertmanagers.alert(name)
    assert shown() == {"a": "1", "b": "1", "c": "1"}

    by_severity = '{}:{severity="critical"}'
    with alertmanagers.delivering(lambda body: body["groupKey"].startswith(by_severity)):
        alertmanagers.configure(group_by="severity")
    assert len(tickets(instance)) == 3
    assert shown() == {"a": "1", "b": "1", "c": "1"}

    with alertmanagers.delivering(
        lambda body: body["status"] == "resolved" and body["truncatedAlerts"] == 2
        and states(body) == {"a": "resolved"}
    ):  # fmt: skip
        alertmanagers.configure(group_by="severity", max_alerts=1)
        alertmanagers.alert("a", is_over=True)
    assert shown() == {"a": "6", "b": "1", "c": "1"}

    with alertmanagers.delivering(lambda body: states(body).get("c") == "resolved"):
        alertmanagers.configure(group_by="severity")
        alertmanagers.silence("b")
        alertmanagers.alert("b", is_over=True)
        alertmanagers.alert("c", is_over=True)
    assert not any(states(body).get("b") == "resolved" for body in alertmanagers.receiver.bodies)
    # No end is sent of what is silenced: its ticket stays, until a quiet time of the rules ends it.
    assert shown() == {"a": "6", "b": "1", "c": "6"}
