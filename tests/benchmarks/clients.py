"""Clients of ServiceNow side by side: ours, raw httpx, and the peers from PyPI.

All of them talk over TLS to the same server, which answers at once. They take turns, so that
whatever else the machine does strikes all of them alike; what counts are the ratios.
"""

import asyncio
import contextlib
import gc
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pysnc
import pysnow
from pysnc.asyncio import AsyncServiceNowClient

from local.cloud import ROOT
from local.servicenow import Simulator, seed
from local.servicenow.server import make_certificates
from servicenow_tools import ServiceNowClient, tls_context
from tests.benchmarks.instance import ROWS

PEERS_NOTE = """\
servicenow_tools speaks HTTP through httpx's types and httpcore's connections
([decision 6](decisions/0006-http-by-httpx.md)). aiosnow stands on aiohttp, whose parser is C;
the others stand on httpx and requests, which parse in Python."""
SYS_ID = "a" * 32
ROUNDS = 9
ALONE = 150
TOGETHER = 1000
AT_ONCE = 50

Reader = Callable[[], Awaitable[object]]


@dataclass
class Client:
    """A client under measurement: CPU milliseconds a call, and calls a second when many run."""

    name: str
    cpu: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)


def report() -> str:
    """Measure, and return the results as Markdown."""
    with TemporaryDirectory() as folder:
        certificates = Path(folder)
        make_certificates(certificates)
        with _served(certificates / "server.pem") as port, _trusting(certificates / "ca.pem"):
            clients = _race(f"https://localhost:{port}", str(certificates / "ca.pem"))
            peak = {rows: _peak(f"https://localhost:{port}", certificates, rows)
                    for rows in (ROWS // 10, ROWS)}  # fmt: skip
    raw = clients[0]
    lines = [
        "## The client and its peers",
        "",
        (
            "One record read over TLS from a server that answers at once.\n"
            f"CPU: calls one after the other, {ALONE} a round; calls a second: {TOGETHER} a\n"
            f"round, {AT_ONCE} at a time. Medians of {ROUNDS} rounds in which all take turns."
        ),
        "",
        "| client | CPU a call, ms | ratio to httpx | calls a second | ratio to httpx |",
        "|---|--:|--:|--:|--:|",
    ]
    for client in clients:
        cpu, rate = statistics.median(client.cpu), statistics.median(client.rate)
        lines.append(
            f"| {client.name} | {cpu:.2f} | {cpu / statistics.median(raw.cpu):.2f} "
            f"| {rate:.0f} | {rate / statistics.median(raw.rate):.2f} |"
        )
    lines += [
        "",
        PEERS_NOTE,
        "",
        f"A thousand incidents made through `bulk.create` take {_round_trips()} round trips.",
        "",
        (
            f"Most of Python's memory while iterating over {ROWS // 10:,} rows: "
            f"{peak[ROWS // 10]:.1f} MB; over {ROWS:,} rows: {peak[ROWS]:.1f} MB."
        ),
    ]
    return "\n".join(lines) + "\n"


def _race(url: str, ca_file: str) -> list[Client]:
    """Let the clients take turns."""
    warnings.simplefilter("ignore")  # the peers' own
    clients = [
        Client(name)
        for name in ("httpx alone", "servicenow_tools", "PySNC asyncio", "aiosnow",
                     "PySNC", "pysnow")
    ]  # fmt: skip
    blocking = list(zip(clients[4:], (_pysnc(url), _pysnow(url)), strict=True))

    async def race() -> None:
        # Both keep as many connections: httpcore looks at each that is idle before each request.
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
        async with (
            httpx.AsyncClient(
                verify=tls_context(ca_file), auth=("user", "password"), limits=limits
            ) as raw,
            ServiceNowClient(
                url, "user", "password", ca_file=ca_file, max_connections=AT_ONCE
            ) as ours,
        ):

            async def read_raw() -> object:
                answer = await raw.get(
                    f"{url}/api/now/table/incident/{SYS_ID}",
                    params={"sysparm_exclude_reference_link": "true"},
                    headers={"Accept": "application/json"},
                )
                return answer.raise_for_status().json()["result"]

            pysnc_client = AsyncServiceNowClient(url, ("user", "password"))

            async def read_pysnc() -> object:
                return await (await pysnc_client.GlideRecord("incident")).get(SYS_ID)

            # aiohttp takes the authorities from the environment when it is imported.
            import aiosnow  # noqa: PLC0415

            class Incidents(aiosnow.TableModel):  # type: ignore[misc]
                sys_id = aiosnow.fields.String(is_primary=True)
                number = aiosnow.fields.String()
                short_description = aiosnow.fields.String()

            snow = aiosnow.Client(url.removeprefix("https://"), basic_auth=("user", "password"))
            async with Incidents(snow, table_name="incident") as incidents:

                async def read_aiosnow() -> object:
                    return await incidents.get_one(Incidents.sys_id == SYS_ID)

                readers: list[Reader] = [
                    read_raw, lambda: ours.table("incident").get(SYS_ID), read_pysnc, read_aiosnow,
                ]  # fmt: skip
                for _ in range(ROUNDS):
                    for client, read in zip(clients[:4], readers, strict=True):
                        await _measure(client, read)
                    for client, read_now in blocking:
                        _measure_blocking(client, read_now)
            await pysnc_client.session.aclose()

    asyncio.run(race())
    return clients


async def _measure(client: Client, read: Reader) -> None:
    await read()
    started = time.process_time()
    for _ in range(ALONE):
        await read()
    client.cpu.append((time.process_time() - started) / ALONE * 1000)

    async def read_on() -> None:
        for _ in range(TOGETHER // AT_ONCE):
            await read()

    await asyncio.gather(*(read() for _ in range(AT_ONCE)))
    began = time.perf_counter()
    await asyncio.gather(*(read_on() for _ in range(AT_ONCE)))
    client.rate.append(TOGETHER / (time.perf_counter() - began))


def _measure_blocking(client: Client, read: Callable[[], object]) -> None:
    read()
    started = time.process_time()
    for _ in range(ALONE):
        read()
    client.cpu.append((time.process_time() - started) / ALONE * 1000)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda _: read(), range(AT_ONCE)))
        began = time.perf_counter()
        list(pool.map(lambda _: read(), range(TOGETHER)))
        client.rate.append(TOGETHER / (time.perf_counter() - began))


def _pysnc(url: str) -> Callable[[], object]:
    client = pysnc.ServiceNowClient(url, ("user", "password"))
    return lambda: client.GlideRecord("incident").get(SYS_ID)


def _pysnow(url: str) -> Callable[[], object]:
    host = url.removeprefix("https://")
    client = pysnow.Client(host=host, user="user", password="password")
    incidents = client.resource(api_path="/table/incident")
    return lambda: incidents.get(query={"sys_id": SYS_ID}, limit=1).one()


def _peak(url: str, certificates: Path, rows: int) -> float:
    """Return the most memory in MB that iterating over rows takes."""

    async def iterate() -> None:
        ca_file = str(certificates / "ca.pem")
        async with ServiceNowClient(url, "user", "password", ca_file=ca_file) as client:
            count = 0
            async for _ in client.table("incident").iterate():
                count += 1
                if count == rows:
                    return

    gc.collect()
    tracemalloc.start()
    asyncio.run(iterate())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1_000_000


def _round_trips() -> int:
    """Return how many requests a thousand creates in bulk are."""
    with Simulator() as simulator:

        async def create() -> None:
            user = seed.INTEGRATION_USER
            async with ServiceNowClient(
                simulator.url, user, seed.USERS[user][0], ca_file=simulator.ca_file, deadline=300.0
            ) as client:
                rows: list[dict[str, Any]] = [{"short_description": str(n)} for n in range(1000)]
                await client.bulk.create("incident", rows)

        asyncio.run(create())
        return sum(not request.is_part for request in simulator.requests)


@contextlib.contextmanager
def _served(certificate: Path) -> Iterator[int]:
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "tests.benchmarks.instance", certificate],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the server has no output")
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _trusting(ca_file: Path) -> Iterator[None]:
    """Let the peers trust the server: they take the authority from the environment."""
    names = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(ca_file)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


if __name__ == "__main__":
    print(report())
