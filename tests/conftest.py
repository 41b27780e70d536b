"""What all tests share: a function's environment, AWS in process, and a way to invoke."""

import gc
import importlib
import json
import os
import pkgutil
import socket
import sys
import time
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
from botocore.loaders import create_loader
from hypothesis import settings
from moto import mock_aws
from xdist.scheduler import LoadScopeScheduling

import servicenow_tools
from local.cloud import STATE, LocalCloud
from local.servicenow import Simulator
from tests import fast_dynamodb, moto_speed
from tests.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from functools import _lru_cache_wrapper

    from mypy_boto3_secretsmanager.client import SecretsManagerClient

# Without bytecode each Python that a test starts compiles the same libraries again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes depends on the machine, and proves nothing.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "CONNECTIONS_TABLE": "ConnectionsTable",
    "IDEMPOTENCY_TABLE": "IdempotencyTable",
    "EVENTS_TABLE": "EventsTable",
    "AUDIT_TABLE": "AuditTable",
    "AUDIT_DAYS": "365",
    "WRITES_PER_MINUTE": "300",
    "READS_PER_MINUTE": "600",
    "DELIVERIES_PER_MINUTE": "600",
    "JWT_SCOPES": "",
    "GROUPS_CLAIM": "cognito:groups",
    "MAX_RESPONSE_MIB": "4",
    "ALLOWED_COLUMNS": "",
    "EVENT_BUS": "events",
    "NOTICE_TOPIC": "arn:aws:sns:us-east-1:123456789012:notices",
    "AUTOMATION_USER_ID": "automation",
    "WAITING_TABLE": "WaitingTable",
    "EVENT_QUEUE_URL": "",
    "AWS_REGION": "us-east-1",
    "OWN_LOG_GROUPS": "FunctionLogs,/aws/vendedlogs/stack/api",
    "RELEASE_PER_MINUTE": "200",
    "SECRET_PREFIX": "actionsync/test/",
    "KMS_KEY_ARN": "",
    "ALLOWED_INSTANCE_HOSTS": "*.service-now.com,*.servicenowservices.com",
    "INSTANCE_CA_FILE": "",
    "SIGN_IN_AUTHORIZE_URL": "https://sign-in.example.com/oauth2/authorize",
    "SIGN_IN_TOKEN_URL": "https://sign-in.example.com/oauth2/token",
    "SIGN_IN_LOGOUT_URL": "https://sign-in.example.com/logout",
    "SIGN_IN_CLIENT_ID": "client",
    "ASSISTANT_WRITE_SCOPE": "",
    "JWT_ISSUER": "https://issuer.example.com",
    "POWERTOOLS_SERVICE_NAME": "actionsync",
}

# What a process may remember from test to test: AWS's clients, which hold nothing of what was sent
# through them, and what is read of the code's own files.
_KEPT = ("actionsync.aws", "actionsync.events.recipes", "actionsync.events.senders")

# The folders of the tests that need a local cloud.
_ON_A_CLOUD = frozenset({"e2e", "browser"})
# Niceness: at 5 a process gets a third of the CPU of one at 0.
_POLITE = 5


class LambdaContext:
    """What Lambda tells a function about an invocation."""

    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id = "00000000-0000-4000-8000-000000000000"
    seconds_left = 60.0

    def get_remaining_time_in_millis(self) -> int:
        """Return how much time is left."""
        return int(self.seconds_left * 1000)


_getaddrinfo = socket.getaddrinfo


def _without_name_server(  # noqa: PLR0917 - getaddrinfo's own
    host: Any,
    port: Any,
    family: int = 0,
    type: int = 0,  # noqa: A002
    proto: int = 0,
    flags: int = 0,
) -> Any:
    """Resolve `localhost` and addresses; no other name exists.

    What a name server says, and when, depends on where tests run.
    """
    if host not in {None, "localhost", b"localhost"}:
        flags |= socket.AI_NUMERICHOST
    return _getaddrinfo(host, port, family, type, proto, flags)


socket.getaddrinfo = _without_name_server


@cache
def _secrets_manager() -> "SecretsManagerClient":
    """Return the client that tests look through: made once, as those of actionsync.aws are."""
    return boto3.client("secretsmanager")


class Aws:
    """AWS in process, with the template's own tables."""

    def __init__(self, *, in_moto: bool) -> None:
        """Have the tables that template.yaml defines, named by their logical ids.

        Args:
            in_moto: whether they are moto's own, instead of those in memory.
        """
        self.dynamodb, self.secrets_manager = fast_dynamodb.client(), _secrets_manager()
        fast_dynamodb.FAST.begin(in_moto=in_moto)

    def items(self, table: str) -> list[dict[str, Any]]:
        """Return all items of a table."""
        return list(self.dynamodb.scan(TableName=table)["Items"])

    def secrets(self) -> dict[str, str]:
        """Return the current version of every secret, by name."""
        return {
            secret["Name"]: self.secrets_manager.get_secret_value(
                SecretId=secret["Name"], VersionStage="AWSCURRENT"
            )["SecretString"]
            for secret in self.secrets_manager.list_secrets()["SecretList"]
        }


def _kind(nodeid: str) -> tuple[str, str]:
    """Return the folder below tests/ that a test is in, and the rest of its name."""
    kind, _, rest = nodeid.removeprefix("tests/").partition("/")
    return kind, rest


class _Scheduling(LoadScopeScheduling):  # type: ignore[misc] # it has no types
    """Deals out single tests, but together what shares a fixture that takes long to make.

    One process has a local cloud for the tests end to end, one has another for those in a browser,
    and one runs each file that builds packages, translates the template or fills an instance.
    """

    def _split_scope(self, nodeid: str) -> str:
        kind, rest = _kind(nodeid)
        if kind in _ON_A_CLOUD:
            return kind
        if kind in {"contract", "conformance"}:
            return f"{kind}/{rest.partition('::')[0]}"
        return nodeid


def pytest_configure(config: pytest.Config) -> None:
    """Say what the mark is for that this file looks at."""
    config.addinivalue_line("markers", "moto: DynamoDB is moto's own (tests/fast_dynamodb.py)")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Return how the tests are dealt out to processes."""
    return _Scheduling(config, log)


def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes run the tests: two wait for a local cloud much of the time."""
    return (os.cpu_count() or 1) + 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Measure the coverage of the client's own tests alone: it costs others half as much again."""
    for item in items:
        if not item.nodeid.startswith("tests/unit/servicenow_tools/"):
            item.add_marker("no_cover")
    if config.pluginmanager.hasplugin("_cov"):
        # What another test loads first would not be measured.
        for module in pkgutil.walk_packages(servicenow_tools.__path__, "servicenow_tools."):
            if ".sync" not in module.name:
                importlib.import_module(module.name)


def pytest_runtest_logstart(nodeid: str) -> None:
    """Let the local clouds go first: otherwise their tests would run alone at the end."""
    if "PYTEST_XDIST_WORKER" in os.environ and _kind(nodeid)[0] not in _ON_A_CLOUD:
        os.setpriority(os.PRIO_PROCESS, 0, _POLITE)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what was loaded: it took a tenth of the time."""
    gc.collect()
    gc.freeze()


# A session reads each service's model from a large file: all sessions of a process share them.
botocore.session.create_loader = cache(create_loader)
moto_speed.apply()
fast_dynamodb.apply()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> "Iterator[None]":
    """Give each test a function's environment and a process that remembers nothing."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    _forget()
    yield
    _forget()


def _forget() -> None:
    """Empty what a warm process remembers from one invocation to the next."""
    runtime = sys.modules.get("actionsync.runtime")
    if runtime is not None and runtime._runner.cache_info().currsize:
        wiring = sys.modules.get("actionsync.wiring.servicenow")
        if wiring is not None and wiring.client_cache.cache_info().currsize:
            for entry in wiring.client_cache()._cached.values():
                runtime.run(entry.client.aclose())
        runtime._runner().close()
    for cached in _caches(len(sys.modules)):
        cached.cache_clear()


@cache
def _caches(_: int) -> "tuple[_lru_cache_wrapper[Any], ...]":
    """Return the application's caches, while as many modules are loaded; not those to keep.

    Looked for in each module before and after each test they took a tenth of the time.
    """
    return tuple(
        value
        for name, module in sys.modules.items()
        if name.startswith("actionsync.")
        for value in vars(module).values()
        if hasattr(value, "cache_clear") and not value.__module__.startswith(_KEPT)
    )


@contextmanager
def aws_in_process(*, in_moto: bool = False) -> "Iterator[Aws]":
    """AWS in process, while the `with` block lasts; the arguments are those of Aws."""
    # boto3 keeps its session from test to test, as actionsync.aws keeps its clients.
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        yield Aws(in_moto=in_moto)
    fast_dynamodb.FAST.end()


@pytest.fixture
def aws(request: pytest.FixtureRequest) -> "Iterator[Aws]":
    """AWS in process."""
    in_moto = "MOTO" in os.environ or request.node.get_closest_marker("moto") is not None
    with aws_in_process(in_moto=in_moto) as aws:
        yield aws


@pytest.fixture(scope="session")
def running_simulator() -> "Iterator[Simulator]":
    """One ServiceNow simulator for the whole run."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def cloud() -> "Iterator[LocalCloud]":
    """The product, deployed on the local cloud as `make up` does, once for a process's tests."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        with LocalCloud(state=STATE / worker) as cloud:
            yield cloud


def event(function: str, scenario: str = "valid") -> dict[str, Any]:
    """Return an invocation payload of events/."""
    payload: dict[str, Any] = json.loads(
        (ROOT / "events" / function / f"{scenario}.json").read_text()
    )
    return payload


def set_monotonic(monkeypatch: pytest.MonkeyPatch, module: str, now: "Callable[[], float]") -> None:
    """Have a module read another clock, and no other: event loops of other threads read it, too."""
    clock = SimpleNamespace(**{**vars(time), "monotonic": now})
    monkeypatch.setattr(f"{module}.time", clock)


class HttpAnswer:
    """What a function answered to API Gateway."""

    def __init__(self, raw: dict[str, Any]) -> None:
        """Take the function's return value."""
        self.status: int = raw["statusCode"]
        self.headers: dict[str, str] = {
            name.lower(): value for name, value in raw["headers"].items()
        }
        self.text: str = raw.get("body") or ""

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.text)

    @property
    def fields(self) -> list[str]:
        """The fields that a problem names."""
        return [error["field"] for error in self.json.get("errors", [])]


def invoke(function: str, payload: dict[str, Any]) -> HttpAnswer:
    """Invoke a function as Lambda does."""
    handler = importlib.import_module(f"functions.{function}.app").lambda_handler
    return HttpAnswer(handler(payload, LambdaContext()))


def call(
    function: str,
    body: Any = ...,
    *,
    user_id: str | None = None,
    headers: dict[str, str] | None = None,
    path: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
) -> HttpAnswer:
    """Invoke a function with its valid event, without an idempotency key, changed as asked.

    Args:
        function: the function's folder.
        body: what to send: text as it is, None for no body, else as JSON; the event's own if
            left out.
        user_id: who calls.
        headers: headers to set.
        path: path parameters to set.
        query: the query string's parameters.
    """
    payload = event(function)
    payload["headers"].pop("idempotency-key", None)
    if body is not ...:
        payload["body"] = body if isinstance(body, str | None) else json.dumps(body)
        payload["headers"].setdefault("content-type", "application/json")
    if user_id is not None:
        payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = user_id
    payload["headers"].update(headers or {})
    for name, value in (path or {}).items():
        old = payload["pathParameters"][name]
        payload["pathParameters"][name] = value
        for place in (payload, payload["requestContext"]["http"]):
            key = "rawPath" if place is payload else "path"
            place[key] = place[key].replace(f"/{old}", f"/{value}")
    if query is not None:
        payload["queryStringParameters"] = query
    return invoke(function, payload)
