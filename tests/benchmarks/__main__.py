"""`make bench`: functions beside floor handlers in Lambda's runtime, the client beside its peers.

Each sample is a new process of `aws-lambda-rie` with `awslambdaric` on the built artefacts: the
first invocation is the cold start, the next ones are warm. The handlers take turns, so that
whatever else the machine does strikes all of them alike. Prints a table and writes it to
docs/performance.md.
"""

import argparse
import contextlib
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from local.cloud import ROOT, build
from local.servicenow import Simulator, seed
from tests.benchmarks import clients
from tests.benchmarks.aws_stub import aws_stub

RIE = ROOT / ".tools/sam/lib/python3.11/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"
BUILT = ROOT / ".aws-sam/build"
LAYERS = ("DependenciesLayer", "ServiceNowToolsLayer", "ActionSyncLayer")
FLOORS = ROOT / "tests/benchmarks/handlers"

INTRODUCTION = """\
# Performance

`make bench` measures and writes this page: each handler in Lambda's own runtime interface
(`aws-lambda-rie` with `awslambdaric`) on the artefacts of `make build`, AWS a stub and ServiceNow
the simulator, both on the same machine. Absolute times belong to that machine; the ratios to the
floor, measured in the same run, are what counts. A floor is the least code that does the same with
the same libraries (`tests/benchmarks/handlers`).
"""


@dataclass
class Subject:
    """A handler under measurement, with its samples in milliseconds."""

    name: str
    folder: Path
    handler: str
    event: str
    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)


def subjects() -> list[Subject]:
    """Return the handlers: the two functions, their floors, and the runtime itself."""
    found = [Subject("bare handler", FLOORS, "bare.lambda_handler", "get_config")]
    for function in ("get_config", "create_incident"):
        logical_id = "".join(word.capitalize() for word in function.split("_")) + "Function"
        found += [
            Subject(f"floor of {function}", FLOORS, f"floor_{function}.lambda_handler", function),
            Subject(function, BUILT / logical_id, "app.lambda_handler", function),
        ]
    return found


def measure(subject: Subject, environment: dict[str, str], warm_calls: int) -> None:
    """Add one cold and some warm samples to a subject."""
    event: dict[str, Any] = json.loads((ROOT / "events" / subject.event / "valid.json").read_text())
    event["headers"].pop("idempotency-key", None)
    if subject.event == "create_incident":
        event["body"] = json.dumps({"short_description": "benchmark", "urgency": "1"})
    port, runtime_port = _free_port(), _free_port()
    path = [str(BUILT / layer / "python") for layer in LAYERS]
    process = subprocess.Popen(  # noqa: S603 - our own tools
        [
            RIE,
            "--runtime-interface-emulator-address",
            f"127.0.0.1:{port}",
            "--runtime-api-address",
            f"127.0.0.1:{runtime_port}",
            ROOT / ".venv/bin/python",
            "-m",
            "awslambdaric",
            subject.handler,
        ],
        cwd=subject.folder,
        env=environment | {"PYTHONPATH": os.pathsep.join([str(subject.folder), *path])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port)
        url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        with httpx.Client(timeout=60, trust_env=False) as client:
            for call in range(1 + warm_calls):
                started = time.perf_counter()
                answer = client.post(url, json=event).json()
                took = (time.perf_counter() - started) * 1000
                if answer.get("statusCode") not in {200, 201}:
                    raise RuntimeError(f"{subject.name} answered {answer}")
                (subject.cold if call == 0 else subject.warm).append(took)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def report(measured: list[Subject], samples: int) -> str:
    """Return the results as Markdown."""
    lines = [
        *INTRODUCTION.splitlines(),
        "",
        (
            f"Medians of {samples} processes, Python {platform.python_version()}, "
            f"{os.cpu_count()} cores."
        ),
        "",
        "| handler | cold start, ms | ratio to its floor | warm, ms | ratio to its floor |",
        "|---|--:|--:|--:|--:|",
    ]
    by_name = {subject.name: subject for subject in measured}
    for subject in measured:
        floor = by_name.get(f"floor of {subject.name}")
        cold, warm = statistics.median(subject.cold), statistics.median(subject.warm)
        ratios = (
            ("", "")
            if floor is None
            else (
                f"{cold / statistics.median(floor.cold):.2f}",
                f"{warm / statistics.median(floor.warm):.2f}",
            )
        )
        lines.append(f"| {subject.name} | {cold:.0f} | {ratios[0]} | {warm:.1f} | {ratios[1]} |")
    return "\n".join(lines) + "\n"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    ends_at = time.monotonic() + 10
    while time.monotonic() < ends_at:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.01)
    raise RuntimeError("The runtime interface emulator did not start")


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=20, help="processes per handler")
    parser.add_argument("--warm-calls", type=int, default=20, help="warm calls per process")
    arguments = parser.parse_args()
    build()
    username = seed.INTEGRATION_USER
    with Simulator() as simulator:
        secret = {
            "instance_url": simulator.url,
            "username": username,
            "password": seed.USERS[username][0],
        }
        item = {
            "status": {"S": "active"},
            "id": {"N": "1"},
            "instance_url": {"S": simulator.url},
            "username": {"S": username},
            "auth_method": {"S": "basic"},
            "secret_version": {"S": "0" * 32},
            "created_at": {"S": "2024-01-10T10:00:00Z"},
            "updated_at": {"S": "2024-01-10T10:00:00Z"},
            "version": {"N": "1"},
        }
        with aws_stub(item, json.dumps(secret)) as endpoint:
            environment = {
                "PATH": os.environ["PATH"],
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ACCESS_KEY_ID": "benchmark",
                "AWS_SECRET_ACCESS_KEY": "benchmark",
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_LAMBDA_FUNCTION_NAME": "function",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                "CONNECTIONS_TABLE": "connections",
                "CLAIMS_TABLE": "claims",
                "EVENTS_TABLE": "events",
                "AUDIT_TABLE": "audit",
                "AUDIT_DAYS": "365",
                "SECRET_PREFIX": "actionsync/benchmark/",
                "KMS_KEY_ARN": "",
                "ALLOWED_INSTANCE_HOSTS": f"localhost:{simulator.port}",
                "INSTANCE_CA_FILE": simulator.ca_file,
                "POWERTOOLS_SERVICE_NAME": "actionsync",
                "PYTHONDONTWRITEBYTECODE": "1",
            }
            measured = subjects()
            for _ in range(arguments.samples):
                for subject in measured:
                    measure(subject, environment, arguments.warm_calls)
    text = report(measured, arguments.samples) + "\n" + clients.report()
    (ROOT / "docs/performance.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
