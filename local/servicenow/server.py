"""The instance behind https, with a certificate authority of its own."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import trustme
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from . import seed
from .app import create_app, refill
from .clock import parsed
from .instance import Instance
from .profiles import Profile, load

if TYPE_CHECKING:
    from types import TracebackType

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .faults import Faults
    from .instance import LoggedRequest
    from .store import Row

# What containers call the machine they run on.
CONTAINERS_HOST = "host.docker.internal"
# A request's head may be so long that the application refuses it, not the server.
_LONGEST_HEAD = 1024 * 1024
_NAMES = ("localhost", "127.0.0.1", CONTAINERS_HOST)


class _Protocol(H11Protocol):
    """uvicorn's HTTP protocol, which also lets the application cut the connection."""

    def handle_events(self) -> None:
        super().handle_events()
        if self.scope is not None:
            self.scope["simulator.transport"] = self.transport  # type: ignore[typeddict-unknown-key]


def _dated(app: "ASGIApp", instance: Instance) -> "ASGIApp":
    """Return the application with the instance's own clock in each answer's Date."""

    async def dated(scope: "Scope", receive: "Receive", send: "Send") -> None:
        async def send_dated(message: "Message") -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(parsed(instance.now()), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await app(scope, receive, send_dated)

    return dated


def make_certificates(folder: Path) -> None:
    """Make a certificate authority and a server certificate in a folder, unless they are there.

    `ca.pem` is what clients trust; `server.pem` is the server's key and chain.
    """
    if (folder / "server.pem").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    certificate = authority.issue_cert(*_NAMES)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    (folder / "server.pem").chmod(0o600)


class Simulator:
    """A ServiceNow instance on this machine, while the `with` block lasts.

    Args:
        port: where to listen; 0 takes a free one.
        certificates: folder for the certificates, for this run and later ones; a temporary one
            if None.
        bind: the address to listen on.
        profile: the habits of a release or company: a `Profile`, the name of a built-in one, or
            a TOML file.
        rich: whether to have as many records as a developer instance, instead of a few.
    """

    def __init__(
        self,
        port: int = 0,
        certificates: Path | None = None,
        bind: str = "127.0.0.1",
        *,
        profile: Profile | str | Path = "default",
        rich: bool = False,
    ) -> None:
        self._temporary = TemporaryDirectory() if certificates is None else None
        self._certificates = certificates or Path(self._temporary.name)  # type: ignore[union-attr]
        make_certificates(self._certificates)
        # asyncio sends without delay only on sockets that are expressly TCP's.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((bind, port))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"https://localhost:{self.port}"
        chosen = profile if isinstance(profile, Profile) else load(profile)
        self._rich = rich
        self.instance = Instance(self.url, chosen)
        seed.fill(self.instance, rich=rich)
        config = uvicorn.Config(
            _dated(create_app(self.instance), self.instance),
            http=_Protocol,
            h11_max_incomplete_event_size=_LONGEST_HEAD,
            lifespan="off",
            log_config=None,
            log_level="critical",
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=1,
        )
        config.load()
        config.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        config.ssl.load_cert_chain(self._certificates / "server.pem")
        # Who shows a certificate is known by it; nobody has to.
        self._people = trustme.CA()
        self._people.configure_trust(config.ssl)
        config.ssl.verify_mode = ssl.CERT_OPTIONAL
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def ca_file(self) -> str:
        """The PEM file of the authority that clients have to trust."""
        return str(self._certificates / "ca.pem")

    def make_certificate(self, common_name: str, path: Path, days: int | None = None) -> None:
        """Make a client's certificate and key, in one PEM file; it is good for so many days."""
        ends_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
        certificate = self._people.issue_cert(common_name=common_name, not_after=ends_at)
        certificate.private_key_and_cert_chain_pem.write_to_path(path)

    @property
    def faults(self) -> "Faults":
        """The faults that are switched on."""
        return self.instance.faults

    @property
    def requests(self) -> "list[LoggedRequest]":
        """The requests so far."""
        return self.instance.requests

    def records(self, table: str) -> "list[Row]":
        """Return copies of a table's records."""
        return self.instance.records(table)

    def one(self, table: str, /, **values: str) -> "Row":
        """Return a copy of the only record with these values.

        Raises:
            LookupError: there is none, or more than one.
        """
        return self.instance.one(table, **values)

    def reset(self) -> None:
        """Bring the demo data back, without faults."""
        refill(self.instance, rich=self._rich)

    def __enter__(self) -> Self:
        """Serve, and return once it answers."""
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("The simulator's server did not start")
            time.sleep(0.01)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        """Stop, and give the port back."""
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._socket.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def _serve(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._quiet())

    async def _quiet(self) -> None:
        # A connection that a fault has cut is no news to the event loop.
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_ignore)
        await self._server.serve(sockets=[self._socket])


def _ignore(_: asyncio.AbstractEventLoop, __: dict[str, Any]) -> None:
    return
