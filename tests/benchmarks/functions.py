"""Every function beside a floor and, for two of them, beside what tutorials write.

Each sample is a new process of Lambda's runtime on the built artefacts: the first invocation is the
cold start, the next ones are warm. The handlers take turns, so that whatever else the machine does
strikes all of them alike. CPU is what the handler's process takes, whoever else runs meanwhile.
"""

import compileall
import contextlib
import json
import os
import platform
import statistics
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from actionsync.wiring.stores import connection_store
from local.cloud import PYTHON, ROOT, STATE, TOOLS, build
from local.servicenow import Simulator, seed
from tests.benchmarks import charts, memory
from tests.benchmarks.aws_stub import AwsStub
from tests.benchmarks.runtime import Runtime, Sample, Subject, loading
from tests.conftest import ENVIRONMENT, _forget, aws_in_process
from tests.contract.test_imports import WITHOUT_AWS as PAGES
from tests.contract.test_imports import WITHOUT_SERVICENOW
from tests.integration.conftest import connect
from tests.integration.examples import CALLER, put_example_tickets, put_examples
from tests.memory import Item
from tests.template import functions

BUILT = ROOT / ".aws-sam/build"
LAYERS = [
    BUILT / name / "python"
    for name in ("DependenciesLayer", "ServiceNowToolsLayer", "ActionSyncLayer")
]
HANDLERS = ROOT / "tests/benchmarks/handlers"
LIBRARIES = TOOLS / "bench/lib" / PYTHON / "site-packages"
CHART = ROOT / "docs/images/cold-starts.svg"
CONNECTION = {"pk": {"S": f"CONNECTION#{CALLER}"}, "sk": {"S": "default"}}

INTRODUCTION = """\
## Functions

Each function in Lambda's own runtime interface (`aws-lambda-rie` with `awslambdaric`, and an
interpreter without further packages) on the artefacts of `make build`. AWS is a stub and ServiceNow
the simulator, on the same machine. Cold: the start of the process, its init and the first call.
CPU: what the handler's process takes, which a busy machine does not change much; its ratios count.
Absolute times belong to the machine.

A floor is the least code that does the same with boto3 and httpx as pip installs them, bytecode
compiled: one DynamoDB client (AWS), or two AWS clients from one session and one POST through a kept
httpx client (ServiceNow), and a mark before it for events; `bare` only answers. Naive is what
tutorials write: a resource, all of Powertools with validation and Tracer, a client for each call.
"""


@dataclass
class World:
    """What the handlers meet."""

    aws: AwsStub
    simulator: Simulator

    def renew(self, event: str) -> None:
        """Let the next call, with an event of events/, meet what the first one met."""
        self.aws.reset()
        if event == "create_config":
            self.aws.dynamodb.delete_item(TableName="ConnectionsTable", Key=CONNECTION)
        self.simulator.reset()
        put_example_tickets(self.simulator)


def subjects() -> list[Subject]:
    """Return the handlers: the runtime itself, floors, naive ones, and every function."""

    def written(name: str, handler: str, event: str, floor: str | None = None) -> Subject:
        return Subject(name, [HANDLERS, LIBRARIES], f"{handler}.lambda_handler", event, floor)

    found = [
        written("bare", "bare", "get_config"),
        written("floor: AWS", "floor_get_config", "get_config"),
        written("floor: ServiceNow", "floor_create_incident", "create_incident"),
        written("floor: ServiceNow, recorded", "floor_recorded_create_incident", "create_incident"),
        written("floor: event", "floor_event", "on_error"),
        written("naive get_config", "naive_get_config", "get_config", "floor: AWS"),
        written("naive create_incident", "naive_create_incident", "create_incident",
                "floor: ServiceNow"),
    ]  # fmt: skip
    for folder in sorted(functions()):
        logical_id = "".join(word.capitalize() for word in folder.split("_")) + "Function"
        path = [BUILT / logical_id, *LAYERS]
        found.append(Subject(folder, path, "app.lambda_handler", folder, _floor(folder)))
    return found


def _floor(folder: str) -> str:
    if folder in PAGES:
        return "bare"
    if folder.startswith("on_"):
        return "floor: event"
    return "floor: AWS" if folder in WITHOUT_SERVICENOW else "floor: ServiceNow"


def report(samples: int, warm_calls: int) -> str:
    """Measure, and return the results as Markdown.

    Each sample is saved as soon as it is taken: a run that was cut short goes on where it ended.
    """
    build()
    compileall.compile_dir(LIBRARIES, quiet=2)
    measured = subjects()
    built_from = BUILT.with_name("built-from").read_text()
    saved = Saved(STATE / "benchmarks/functions.json", f"{built_from} {warm_calls}")
    saved.load(measured)
    with Simulator() as simulator, AwsStub(*_stored(simulator)) as aws:
        world, environment = World(aws, simulator), _environment(aws, simulator)
        for number in range(samples):
            for subject in measured:
                if len(subject.samples) <= number:
                    subject.samples.append(_measure(subject, world, environment, warm_calls))
                    saved.save(measured)
    by_name = {subject.name: subject for subject in measured}
    _draw(by_name)
    text = f"{_table(by_name, samples, warm_calls)}\n{memory.table(by_name)}"
    saved.clear()
    return text


@dataclass
class Saved:
    """The samples of a run, in a file, until the run is whole.

    Attributes:
        file: where they are.
        key: what they hold for: samples of another build or way to measure are dropped.
    """

    file: Path
    key: str

    def load(self, measured: list[Subject]) -> None:
        """Give subjects the samples that a run before this one took of them."""
        with contextlib.suppress(FileNotFoundError):
            saved = json.loads(self.file.read_text())
            if saved["key"] == self.key:
                for subject in measured:
                    subject.samples = [Sample(**each) for each in saved.get(subject.name, [])]

    def save(self, measured: list[Subject]) -> None:
        """Save the samples of all subjects."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        samples = {subject.name: [asdict(each) for each in subject.samples] for subject in measured}
        self.file.write_text(json.dumps({"key": self.key, **samples}))

    def clear(self) -> None:
        """Forget them: the next run begins at nothing."""
        self.file.unlink(missing_ok=True)


def _measure(
    subject: Subject, world: World, environment: dict[str, str], warm_calls: int
) -> Sample:
    """Return the sample of one process."""
    warm: list[float] = []
    with Runtime(subject, environment) as runtime:
        for call in range(1 + warm_calls):
            world.renew(subject.event)
            took, answer = runtime.invoke(_event(subject))
            if not _is_good(answer):
                raise RuntimeError(f"{subject.name} answered {answer}")
            if call:
                warm.append(took)
                continue
            cold, cold_cpu = took, runtime.cpu
        return Sample(
            cold=cold,
            cold_cpu=cold_cpu,
            warm=statistics.median(warm),
            warm_cpu=(runtime.cpu - cold_cpu) / warm_calls,
            memory=runtime.peak_memory,
            loading=loading(subject, environment) if subject.name in memory.WAITS else 0.0,
        )


def _event(subject: Subject) -> dict[str, Any]:
    """Return a valid event: a call without an idempotency key, or an event not seen before."""
    event: dict[str, Any] = json.loads((ROOT / "events" / subject.event / "valid.json").read_text())
    if "Records" in event:
        for record in event["Records"]:
            record["messageId"] = uuid.uuid4().hex
            body = json.loads(record["body"])
            body.update({name: uuid.uuid4().hex for name in ("id", "MessageId") if name in body})
            record["body"] = json.dumps(body)
    event.get("headers", {}).pop("idempotency-key", None)
    if subject.event == "create_incident":
        event["body"] = json.dumps({"short_description": "benchmark", "urgency": "1"})
    return event


def _is_good(answer: Any) -> bool:
    if answer is None:
        return True  # a step of a rotation
    if "batchItemFailures" in answer:
        return not answer["batchItemFailures"]
    return answer.get("statusCode") in {200, 201, 202, 204, 302}


def _stored(simulator: Simulator) -> tuple[dict[str, list[Item]], dict[str, dict[str, Any]]]:
    """Return what DynamoDB holds before each call, by table, and Secrets Manager, by name."""
    environment = ENVIRONMENT | _instance(simulator)
    named = [environment[name] for name in environment if name.endswith("_TABLE")]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with aws_in_process() as aws:
            connect(simulator, seed.INTEGRATION_USER)
            put_examples(aws, simulator)
            connection = connection_store().get(CALLER)
            assert connection is not None
            tables = {table: aws.items(table) for table in named}
            secrets: dict[str, dict[str, Any]] = {
                name: {**aws.secrets_manager.get_secret_value(SecretId=name)}
                for name in aws.secrets()
            }
            _forget()
    rotated = json.loads((ROOT / "events/rotate_secret/valid.json").read_text())["SecretId"]
    secrets[rotated] = secrets[f"{ENVIRONMENT['SECRET_PREFIX']}connection/{connection.id}"]
    return tables, secrets


def _environment(aws: AwsStub, simulator: Simulator) -> dict[str, str]:
    return {
        **ENVIRONMENT,
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "QUEUE_URL": f"{aws.url}/queue",
        "DEAD_LETTER_URL": f"{aws.url}/dead-letters",
        "AUTOMATION_USER_ID": CALLER,
        **_instance(simulator),
        "POWERTOOLS_METRICS_NAMESPACE": "Benchmark",
        # What the naive handlers' Tracer talks to: nobody.
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _instance(simulator: Simulator) -> dict[str, str]:
    return {
        "ALLOWED_INSTANCE_HOSTS": f"*.service-now.com,localhost:{simulator.port}",
        "INSTANCE_CA_FILE": simulator.ca_file,
    }


def _table(measured: dict[str, Subject], samples: int, warm_calls: int) -> str:
    lines = [
        *INTRODUCTION.splitlines(),
        "",
        (
            f"Medians of {samples} processes with {warm_calls} warm calls each, Python "
            f"{platform.python_version()}, {os.cpu_count()} cores. Ratios are of CPU."
        ),
        "",
        "![CPU of a cold start](images/cold-starts.svg)",
        "",
        (
            "| handler | cold, ms | cold CPU, ms | ratio to its floor | warm, ms | warm CPU, ms "
            "| ratio to its floor | memory, MB |"
        ),
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for subject in measured.values():
        cold, warm = subject.median("cold_cpu"), subject.median("warm_cpu")
        ratios = ["", ""]
        if subject.floor is not None:
            floor = measured[subject.floor]
            ratios = [f"{cold / floor.median('cold_cpu'):.2f}",
                      f"{warm / floor.median('warm_cpu'):.2f}"]  # fmt: skip
        lines.append(
            f"| {subject.name} | {subject.median('cold'):.0f} | {cold:.0f} | {ratios[0]} "
            f"| {subject.median('warm'):.1f} | {warm:.1f} | {ratios[1]} "
            f"| {subject.median('memory'):.0f} |"
        )
    size = sum(file.stat().st_size for layer in LAYERS for file in layer.rglob("*")
               if file.is_file())  # fmt: skip
    lines += ["", f"The layers unpack to {size / 1e6:.1f} MB, bytecode included.", ""]
    return "\n".join(lines)


def _draw(measured: dict[str, Subject]) -> None:
    shown = {"bare": 2, "floor: AWS": 2, "get_config": 0, "naive get_config": 1,
             "floor: ServiceNow": 2, "create_incident": 0, "naive create_incident": 1,
             "floor: event": 2, "on_error": 0}  # fmt: skip
    rows = [(name, measured[name].median("cold_cpu"), colour) for name, colour in shown.items()]
    charts.bars(CHART, "CPU of a cold start and its first call", rows, "ms")
