"""The whole product on this machine: local AWS, ServiceNow simulator, the deployed stack."""

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import boto3
import httpx
import yaml

from local.front import Front
from local.routes import Route, make_routes
from local.servicenow import Simulator
from local.servicenow.server import CONTAINERS_HOST

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

ROOT = Path(__file__).parent.parent
STATE = ROOT / ".local"
STACK = "actionsync-local"
REGION = "us-east-1"
ACCOUNT = "000000000000"
# The Python that this runs with is the one that functions are built for and run with.
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
TOOLS = ROOT / ".tools" / PYTHON
# The local AWS's root user; it exists nowhere else.
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
_BUILT_FROM = (
    "template.yaml", "functions", "layers", "Makefile", "local/trim.py", "local/pin_runtime.py",
    "requirements/sam.txt",
)  # fmt: skip


class LocalCloudError(RuntimeError):
    """The local cloud did not come up; the text says why, with the end of the log."""


class LocalCloud:
    """The product, deployed here, while the `with` block lasts.

    Args:
        say: is called with each step as it begins.
        for_containers: let `sam local invoke`'s containers in: listen on every interface of this
            machine instead of the loopback only.
        state: the folder of its certificates and logs; two that run at once have one each.
    """

    def __init__(
        self,
        say: "Callable[[str], object]" = lambda _: None,
        *,
        for_containers: bool = False,
        state: Path = STATE,
    ) -> None:
        self._say = say
        self._state = state
        self._bind = "0.0.0.0" if for_containers else "127.0.0.1"  # noqa: S104 - asked for
        self._cleanup = contextlib.ExitStack()
        self.api_url = ""
        self.outputs: dict[str, str] = {}
        self.routes: list[Route] = []
        self.endpoint = ""
        self.simulator: Simulator
        self.front: Front

    def __enter__(self) -> Self:
        """Bring everything up; stop what was started if that fails."""
        self._state.mkdir(parents=True, exist_ok=True)
        try:
            self._say("Starting the ServiceNow simulator")
            self.simulator = self._cleanup.enter_context(
                Simulator(certificates=self._state / "certificates", bind=self._bind)
            )
            self._say("Starting the local AWS, with IAM enforced")
            self._start_ministack()
            self.front = self._cleanup.enter_context(Front(_listener()))
            self._say("Building functions and layers")
            build()
            self._say("Deploying template.yaml")
            self._deploy()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        """Stop everything that was started."""
        self._cleanup.close()

    def client(self, service: str, **options: Any) -> Any:
        """Return a boto3 client of the local AWS, its administrator's by default."""
        defaults = {
            "aws_access_key_id": _CREDENTIALS["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": _CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        }
        return boto3.client(
            service,  # type: ignore[call-overload] # the service is known at run time only
            region_name=REGION,
            endpoint_url=self.endpoint,
            **{**defaults, **options},
        )

    def resource(self, logical_id: str) -> str:
        """Return the name (physical id) of a resource of the stack."""
        found = self.client("cloudformation").describe_stack_resource(
            StackName=STACK, LogicalResourceId=logical_id
        )
        name: str = found["StackResourceDetail"]["PhysicalResourceId"]
        return name

    def make_user(self, email: str) -> str:
        """Return a new password of a user of the stack's pool, who is made if need be."""
        cognito = self.client("cognito-idp")
        pool = self.outputs["UserPoolId"]
        password = f"Aa1-{secrets.token_urlsafe(16)}"
        with contextlib.suppress(cognito.exceptions.UsernameExistsException):
            cognito.admin_create_user(
                UserPoolId=pool,
                Username=email,
                MessageAction="SUPPRESS",
                UserAttributes=[
                    {"Name": "email", "Value": email},
                    {"Name": "email_verified", "Value": "true"},
                ],
            )
        cognito.admin_set_user_password(
            UserPoolId=pool, Username=email, Password=password, Permanent=True
        )
        return password

    def sign_in(self, email: str, password: str | None = None) -> str:
        """Return an access token of a user of the stack's pool, made if there is no password."""
        password = password or self.make_user(email)
        answer = self.client("cognito-idp").admin_initiate_auth(
            UserPoolId=self.outputs["UserPoolId"],
            ClientId=self.outputs["UserPoolClientId"],
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )
        token: str = answer["AuthenticationResult"]["AccessToken"]
        return token

    def automate(self, token: str) -> None:
        """Make the token's user the one for events of AWS's own, as AutomationUserId does."""
        claims, lambdas = token_claims(token), self.client("lambda")
        for logical_id in (
            "OnErrorFunction", "OnAlarmFunction", "OnDeploymentFunction", "OnEventFunction"
        ):  # fmt: skip
            name = self.resource(logical_id)
            variables = lambdas.get_function_configuration(FunctionName=name)["Environment"][
                "Variables"
            ]
            variables["AUTOMATION_USER_ID"] = claims["sub"]
            lambdas.update_function_configuration(
                FunctionName=name, Environment={"Variables": variables}
            )

    def http(self, token: str | None = None) -> httpx.Client:
        """Return an HTTP client of the stack's API, signed in with a token if one is given."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.api_url, headers=headers, timeout=60, trust_env=False)

    def write_sam_local_template(self) -> Path:
        """Write a template with which `sam local invoke` works on this stack, and return its file.

        SAM CLI passes a function only variables that its template names, and a container sees
        nothing of this machine but the build. So the variables are put into a copy of the built
        template, and the simulator's authority into a built layer.
        """
        function = self.client("lambda").get_function_configuration(
            FunctionName=self.resource("GetConfigFunction")
        )
        variables = function["Environment"]["Variables"]
        built = ROOT / ".aws-sam/build"
        shutil.copy(self.simulator.ca_file, built / "DependenciesLayer/python/simulator-ca.pem")
        template = yaml.safe_load((built / "template.yaml").read_text())
        template["Globals"]["Function"]["Environment"]["Variables"] = variables | {
            "INSTANCE_CA_FILE": "/opt/python/simulator-ca.pem",
            "AWS_ENDPOINT_URL": self.endpoint.replace("localhost", CONTAINERS_HOST),
        }
        file = built / "local.yaml"
        file.write_text(yaml.safe_dump(template, sort_keys=False))
        return file

    def _start_ministack(self) -> None:
        port = _free_port()
        self.endpoint = f"http://localhost:{port}"
        log = self._state / "ministack.log"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            **_CREDENTIALS,
            "GATEWAY_PORT": str(port),
            "AUTH": "true",
            "BIND_HOST": self._bind,
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "STATE_DIR": str(self._state / "ministack"),
            "S3_DATA_DIR": str(self._state / "ministack" / "s3"),
        }
        environment.pop("PYTHONPATH", None)
        # MiniStack leaves behind what it unpacks.
        unpacked = TemporaryDirectory(ignore_cleanup_errors=True)
        environment["TMPDIR"] = self._cleanup.enter_context(unpacked)
        process = subprocess.Popen(  # noqa: S603 - our own tool
            # Without -P its modules would be looked for among ours.
            [TOOLS / "ministack/bin/python", "-P", ROOT / "local/shared_layers.py"],
            env=environment,
            cwd=self._state,
            stdout=self._cleanup.enter_context(log.open("wb")),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._cleanup.callback(_stop, process)
        ends_at = time.monotonic() + 60
        while True:
            if process.poll() is not None or time.monotonic() > ends_at:
                raise LocalCloudError(f"The local AWS did not start.\n{_tail(log)}")
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.endpoint}/_ministack/health", trust_env=False).is_success:
                    return
            time.sleep(0.1)

    def _set_concurrency(self) -> None:
        """Say again, as a number, how many batches run at once: MiniStack keeps it as text."""
        lambdas = self.client("lambda")
        for source in lambdas.list_event_source_mappings()["EventSourceMappings"]:
            count = int(source["ScalingConfig"]["MaximumConcurrency"])
            lambdas.update_event_source_mapping(
                UUID=source["UUID"], ScalingConfig={"MaximumConcurrency": count}
            )

    def _deploy(self) -> None:
        built = ROOT / ".aws-sam/build/template.yaml"
        port = self.simulator.port
        file = built.with_name(f"deployed-beside-{port}.json")
        self._cleanup.callback(file.unlink, missing_ok=True)
        document = deployable(yaml.load(built.read_text(), yaml.CSafeLoader))
        file.write_text(json.dumps(document))
        parameters = {
            "AllowedInstanceHosts": f"localhost:{port},{CONTAINERS_HOST}:{port}",
            "InstanceCaFile": self.simulator.ca_file,
            "PageUrls": f"{self.front.url}/settings",
            "AuthorizeUrl": f"{self.front.url}/oauth2/authorize",
            "TokenUrl": f"{self.front.url}/oauth2/token",
            "LogoutUrl": f"{self.front.url}/logout",
            # Whom `automate` names later: users get their ids when they first sign in.
            "AutomationUserId": "nobody-yet",
            "AwsEvents": "lambda",
            "MachineClient": "true",
            "GateStateMachines": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:*",
        }
        _sam(
            "deploy",
            "--template-file",
            str(file),
            "--config-file",
            str(ROOT / "samconfig.toml"),
            "--config-env",
            "local",
            "--parameter-overrides",
            *(f"{name}={value}" for name, value in parameters.items()),
            environment={**_CREDENTIALS, "AWS_ENDPOINT_URL": self.endpoint},
            log=self._state / "sam.log",
        )
        cloudformation = self.client("cloudformation")
        (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        self.outputs = {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}
        self._set_concurrency()
        self.routes = make_routes(cloudformation, self.client("apigatewayv2"), STACK)
        api_id = self.outputs["ApiUrl"].removeprefix("https://").partition(".")[0]
        self.api_url = f"{self.endpoint}/_aws/execute-api/{api_id}/$default"
        self.front.api_url, self.front.endpoint = self.api_url, self.endpoint


def token_claims(token: str) -> dict[str, Any]:
    """Return what a token says, without checking it."""
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


def deployable(template: dict[str, Any]) -> dict[str, Any]:
    """Take out of a built template what MiniStack refuses, and return it.

    It has no CodeDeploy, and no alarm over several metrics. tests/contract checks both.
    """
    resources = template["Resources"]
    for name, resource in list(resources.items()):
        resource.get("Properties", {}).pop("DeploymentPreference", None)
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]:
            del resources[name]
    template["Globals"]["Function"].pop("DeploymentPreference", None)
    return template


def build() -> None:
    """Build functions and layers, unless nothing they are built from has changed."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _build()


def _build() -> None:
    fingerprint = hashlib.sha256(PYTHON.encode())
    for name in _BUILT_FROM:
        path = ROOT / name
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                fingerprint.update(f"{file.relative_to(ROOT)}\0".encode())
                fingerprint.update(file.read_bytes())
    stamp = ROOT / ".aws-sam" / "built-from"
    if stamp.exists() and stamp.read_text() == fingerprint.hexdigest():
        return
    log = STATE / "build.log"
    with log.open("wb") as output:
        done = subprocess.run(  # noqa: S603 - our own Makefile
            ["make", "build", f"PYTHON={sys.executable}"],  # noqa: S607
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise LocalCloudError(f"The build failed.\n{_tail(log)}")
    stamp.write_text(fingerprint.hexdigest())


def stop_on_signals() -> None:
    """Turn SIGTERM into the interrupt that `with` blocks clean up after."""

    def interrupt(*_: object) -> None:
        sys.exit(143)

    signal.signal(signal.SIGTERM, interrupt)


def _sam(*arguments: str, environment: dict[str, str], log: Path) -> None:
    """Run SAM CLI; its own environment has the Python and pip that it looks for on PATH."""
    tools = TOOLS / "sam/bin"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with log.open("wb") as output:
        done = subprocess.run(  # noqa: S603 - our own tool
            [tools / "sam", *arguments],
            cwd=ROOT,
            env={
                **inherited,
                **environment,
                "PATH": f"{tools}:{os.environ['PATH']}",
                "SAM_CLI_TELEMETRY": "0",
                "AWS_DEFAULT_REGION": REGION,
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise LocalCloudError(f"sam {arguments[0]} failed.\n{_tail(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listener() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-25:])
