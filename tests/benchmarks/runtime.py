"""Lambda's runtime on this machine: `aws-lambda-rie` and `awslambdaric`, with nothing else around.

The emulator is the one that SAM CLI carries. The interpreter runs without its own site-packages, as
Lambda's does: else httpx, for one, would also load the terminal libraries that it finds there.
"""

import contextlib
import os
import signal
import socket
import statistics
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from local.cloud import PYTHON, ROOT, TOOLS

_SAM = TOOLS / "sam/lib" / PYTHON / "site-packages"
_RIE = _SAM / "samcli/local/rapid/aws-lambda-rie-x86_64"
_INSTALLED = Path(sysconfig.get_path("purelib"))
# The interpreter without the packages of this environment.
_PYTHON = Path(sys.base_prefix) / "bin" / PYTHON
_RUNTIME = ROOT / ".local/runtime"
# How often the emulator is started before a sample is given up, and how long each start may take.
_STARTS, _START_SECONDS = 3, 20
_PARTS_OF_THE_RUNTIME = ("awslambdaric", "simplejson", "snapshot_restore_py*", "runtime_client*.so")


@dataclass
class Sample:
    """What one process of a handler took: milliseconds, and MB of memory.

    Attributes:
        cold: until its first answer.
        cold_cpu: CPU until its first answer.
        warm: a later answer, the median of all.
        warm_cpu: CPU of a later answer, their mean.
        memory: the most that it held.
        loading: CPU until the modules are loaded, where that is asked for.
    """

    cold: float
    cold_cpu: float
    warm: float
    warm_cpu: float
    memory: float
    loading: float


@dataclass
class Subject:
    """A handler under measurement, with its samples, one a process."""

    name: str
    path: list[Path]
    handler: str
    event: str
    floor: str | None = None
    samples: list[Sample] = field(default_factory=list)

    def median(self, what: str) -> float:
        """Return the median of an attribute of the samples."""
        values: list[float] = [getattr(sample, what) for sample in self.samples]
        return statistics.median(values)


class Runtime:
    """One environment of a handler, as Lambda starts it, while the `with` block lasts."""

    def __init__(self, subject: Subject, environment: dict[str, str]) -> None:
        self._subject = subject
        path = [*subject.path, _runtime_folder()]
        self._environment = environment | {"PYTHONPATH": os.pathsep.join(map(str, path))}
        self._http = httpx.Client(timeout=60, trust_env=False)

    def __enter__(self) -> Self:
        """Wait until it takes invocations: the handler starts with the first.

        Raises:
            RuntimeError: it did not start, however often it was tried.
        """
        for _ in range(_STARTS):
            self._start()
            if self._takes_invocations():
                return self
            self._end()
        self._http.close()
        raise RuntimeError(f"The emulator of {self._subject.name} did not start {_STARTS} times")

    def _start(self) -> None:
        self._port = _free_port()
        self._process = subprocess.Popen(  # noqa: S603 - our own tools
            [
                _RIE,
                "--runtime-interface-emulator-address",
                f"127.0.0.1:{self._port}",
                "--runtime-api-address",
                f"127.0.0.1:{_free_port()}",
                _PYTHON,
                "-S",
                "-m",
                "awslambdaric",
                self._subject.handler,
            ],
            cwd=self._subject.path[0],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _takes_invocations(self) -> bool:
        """Return whether it listens, as soon as it does or has ended."""
        ends_at = time.monotonic() + _START_SECONDS
        while time.monotonic() < ends_at and self._process.poll() is None:
            address = ("127.0.0.1", self._port)
            with contextlib.suppress(OSError), socket.create_connection(address, 0.2):
                return True
            time.sleep(0.01)
        return False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it and all that it started."""
        self._http.close()
        self._end()

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def invoke(self, event: dict[str, Any]) -> tuple[float, Any]:
        """Return the milliseconds of an invocation, and its answer."""
        url = f"http://127.0.0.1:{self._port}/2015-03-31/functions/function/invocations"
        started = time.perf_counter()
        answer = self._http.post(url, json=event).json()
        return (time.perf_counter() - started) * 1000, answer

    @property
    def cpu(self) -> float:
        """Milliseconds of CPU that the handler's process has taken so far, all threads."""
        tasks = Path(f"/proc/{self._handler}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6

    @property
    def peak_memory(self) -> float:
        """The most memory that the handler's process has held, in MB."""
        status = Path(f"/proc/{self._handler}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6

    @property
    def _handler(self) -> int:
        """The process id of the handler: the emulator's child."""
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(stat[1]) == self._process.pid:
                    return int(folder.name)
        raise RuntimeError("The handler's process is gone")


def loading(subject: Subject, environment: dict[str, str]) -> float:
    """Return the milliseconds of CPU until the runtime and a handler's modules are loaded."""
    module = subject.handler.partition(".")[0]
    path = [*subject.path, _runtime_folder()]
    program = (
        f"import time, awslambdaric.bootstrap, {module}; print('\\n', time.process_time() * 1000)"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [_PYTHON, "-S", "-c", program],
        cwd=subject.path[0],
        env=environment | {"PYTHONPATH": os.pathsep.join(map(str, path))},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return float(done.stdout.splitlines()[-1])


def _runtime_folder() -> Path:
    """Return a folder with the runtime interface client and what it needs, and nothing else."""
    _RUNTIME.mkdir(parents=True, exist_ok=True)
    for pattern in _PARTS_OF_THE_RUNTIME:
        for part in _INSTALLED.glob(pattern):
            link = _RUNTIME / part.name
            if not part.name.endswith(".dist-info") and not link.exists():
                link.symlink_to(part)
    return _RUNTIME


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
