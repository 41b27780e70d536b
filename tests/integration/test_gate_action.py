"""The GitHub action: its script asks the API, waits, and ends as the gate says."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.conftest import event, invoke
from tests.documents import blocks
from tests.integration.events import USER, Queues, send
from tests.integration.gates import approve, changes, decide, ticks
from tests.integration.test_event_functions import instance, queues  # noqa: F401 - fixtures
from tests.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.servicenow import Simulator
    from tests.integration.conftest import Clock

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")
ACTION = ROOT / ".github" / "actions" / "servicenow-gate"


class Front:
    """What API Gateway and Cognito do, over HTTP; each GET of a gate lets a minute pass."""

    def __init__(self, queues: Queues, time: "Clock") -> None:  # noqa: F811
        self.looks: list[Any] = []
        self.tokens = 0
        self.broken = 1
        front = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if self.path == "/token":
                    front.tokens += 1
                    assert self.headers["Authorization"] == "Basic YS1tYWNoaW5lOmEtc2VjcmV0"
                    self._answer(200, {}, json.dumps({"access_token": "a-token"}))
                    return
                payload = event("gate_deployment", "valid")
                payload["body"] = body
                self._invoke(payload)

            def do_GET(self) -> None:
                if front.broken:
                    front.broken -= 1
                    self._answer(503, {"Retry-After": "0"}, "{}")
                    return
                time.advance(minutes=1)
                assert send("event", *ticks(queues)) == []
                if front.looks:
                    front.looks.pop(0)()
                payload = event("gate_deployment", "valid_get_gate")
                payload["pathParameters"] = {"id": self.path.partition("?")[0].rpartition("/")[2]}
                path = self.path.partition("?")[0]
                payload["rawPath"] = payload["requestContext"]["http"]["path"] = path
                self._invoke(payload)

            def _invoke(self, payload: dict[str, Any]) -> None:
                assert self.headers["Authorization"] == "Bearer a-token"
                assert self.path.endswith("?owner=team%2Fshop")
                payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = USER
                answer = invoke("gate_deployment", payload)
                self._answer(answer.status, {"Retry-After": "0"}, answer.text)

            def _answer(self, status: int, headers: dict[str, str], text: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def front(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> "Iterator[Front]":
    """The API over HTTP."""
    found = Front(queues, time)
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def step(front: Front, outputs: "Path", **values: str) -> "subprocess.CompletedProcess[str]":
    """Run the action's script as a runner does."""
    outputs.touch()
    given = {
        "API_URL": front.url, "TOKEN_URL": f"{front.url}/token", "CLIENT_ID": "a-machine",
        "CLIENT_SECRET": "a-secret", "OWNER": "team/shop", "APPLICATION": "checkout",
        "ENVIRONMENT": "production", "DEPLOYMENT_ID": "4711", "ATTEMPT": "1", "CHANGE_NUMBER": "",
        "WAIT_MINUTES": "60", **values,
    }  # fmt: skip
    environment = {f"GATE_{name}": value for name, value in given.items()}
    return subprocess.run(  # noqa: S603 - our own script
        [sys.executable, ACTION / "gate.py"],
        env={"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(outputs), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("decision", "code"), [("approved", 0), ("rejected", 1)])
def test_a_step_ends_as_its_gate_says(
    instance: "Simulator",  # noqa: F811
    front: Front,
    tmp_path: "Path",
    decision: str,
    code: int,
) -> None:
    """It survives an answer that fails, says why it waits, and hands the change on."""

    def decided() -> None:
        number = changes(instance)[0]["number"]
        approve(instance, number) if decision == "approved" else decide(instance, number, decision)

    front.looks.append(decided)
    done = step(front, tmp_path / "outputs")
    assert done.returncode == code, done.stdout + done.stderr
    (change,) = changes(instance)
    assert f"{change['number']} is in the state Assess" in done.stdout
    outputs = dict(line.split("=", 1) for line in (tmp_path / "outputs").read_text().splitlines())
    assert outputs["change-number"] == change["number"]
    assert outputs["change-sys-id"] == change["sys_id"]
    assert "a-secret" not in done.stdout + done.stderr
    assert front.tokens == 1


def test_a_step_that_is_refused_says_why(front: Front, tmp_path: "Path") -> None:
    """A request that is wrong is not repeated."""
    done = step(front, tmp_path / "outputs", CHANGE_NUMBER="none of these")
    assert done.returncode == 1
    assert "change_number" in done.stderr


def test_the_action_gives_the_script_what_it_reads() -> None:
    """Each input is handed over by the environment, never pasted into the script."""
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    (only,) = action["runs"]["steps"]
    assert "${{" not in only["run"]
    handed = " ".join(only["env"].values())
    assert [name for name in action["inputs"] if f"inputs.{name} " not in handed] == []


def test_the_guide_gives_it_what_it_takes() -> None:
    """The step in docs/gates.md has each input that is required, and none that is not there."""
    (text,) = blocks("docs/gates.md", "yaml")
    (only,) = yaml.safe_load(text)
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    required = {name for name, each in action["inputs"].items() if each["required"]}
    assert required <= only["with"].keys() <= action["inputs"].keys()
    assert only["uses"].partition("@")[0].endswith(str(ACTION.relative_to(ROOT)))
