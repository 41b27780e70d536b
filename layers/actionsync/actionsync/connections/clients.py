"""ServiceNow clients for stored connections, cached from one invocation to the next."""

import time
from collections import OrderedDict
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionsync.connections.certificates import files_of
from actionsync.connections.credentials import StoredCredentials, auth_of
from actionsync.connections.network import guarded_transport
from actionsync.connections.writes import recorded_in
from actionsync.stores.connections import DEFAULT
from actionsync.stores.pauses import Target
from servicenow_tools import ServiceNowClient, tls_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    import httpx

    from actionsync.connections.circuit import Circuit
    from actionsync.connections.credentials import Sources
    from actionsync.settings import Settings
    from actionsync.stores.credentials import Identity
    from actionsync.stores.pauses import Pause
    from actionsync.stores.secrets import Secret
    from actionsync.stores.tickets import TicketStore
    from servicenow_tools import RequestEvent
    from servicenow_tools.tables import OnUpdate

# For so long a warm function may use a connection that was changed or deleted meanwhile.
FRESH_SECONDS = 120.0
MAX_CLIENTS = 64

# Below API Gateway's 30 s and the functions' 29 s, with room for the calls to AWS.
DEADLINE_SECONDS = 22.0


def _tls_of(secret: "Secret", ca_file: str | None) -> "ssl.SSLContext":
    """Return the TLS context of a secret: one that shows its certificate, if it has one."""
    if "certificate" not in secret.values:
        return tls_context(ca_file)
    with files_of(secret.values) as (certificate, key):
        return tls_context(ca_file, str(certificate), str(key))


@dataclass(slots=True)
class _Entry:
    client: ServiceNowClient
    credentials: StoredCredentials
    fresh_until: float


class ClientCache:
    """One client for each connection in this process, the least recently used dropped first."""

    def __init__(
        self,
        sources: "Sources",
        circuit: "Circuit",
        rows: "TicketStore",
        settings: "Settings",
    ) -> None:
        self.circuit = circuit
        self._rows = rows
        self.sources = sources
        self._settings = settings
        self._cached: OrderedDict[tuple[str, str], _Entry] = OrderedDict()

    async def client(
        self, owner: str, connection: str = DEFAULT, *, is_stale: bool = False
    ) -> ServiceNowClient:
        """Return a client for a stored connection.

        Args:
            owner: whose connection.
            connection: its name.
            is_stale: look whether the connection has changed, whenever it was last looked at.

        Raises:
            ConnectionNotFoundError: the user has none.
            ConnectionIncompleteError: its secret is missing.
        """
        entry = self._cached.pop((owner, connection), None)
        if entry is not None and (is_stale or entry.fresh_until <= time.monotonic()):
            if self.sources.connections.get(owner, connection) == entry.credentials.connection:
                entry.fresh_until = time.monotonic() + FRESH_SECONDS
            else:
                await entry.client.aclose()
                entry = None
        if entry is None:
            entry = self._stored(owner, connection)
        self._cached[owner, connection] = entry
        if len(self._cached) > MAX_CLIENTS:
            _, oldest = self._cached.popitem(last=False)
            await oldest.client.aclose()
        return entry.client

    def target(self, owner: str, table: str = "", connection: str = DEFAULT) -> Target:
        """Return whom calls of the client concern that `client` returned last for a connection."""
        return Target.of(self._cached[owner, connection].credentials.connection, table)

    def secret(self, owner: str, connection: str = DEFAULT) -> "Secret":
        """Return what the client signs in with that `client` returned last for a connection."""
        return self._cached[owner, connection].credentials.secret

    async def admit(
        self, owner: str, table: str, connection: str = DEFAULT
    ) -> "tuple[ServiceNowClient, Target, Pause | None]":
        """Return a client, whom its calls concern, and the pause that they have to wait for.

        Raises:
            ConnectionNotFoundError: the owner has none.
            ConnectionIncompleteError: its secret is missing.
        """
        client = await self.client(owner, connection)
        target = self.target(owner, table, connection)
        pause = self.circuit.pauses.check(target)
        if pause is not None and pause.scope != "instance":
            client = await self.client(owner, connection, is_stale=True)  # a new password, perhaps
            if self.target(owner, table, connection) != target:
                target = self.target(owner, table, connection)
                pause = self.circuit.pauses.check(target)
        return client, target, pause

    @asynccontextmanager
    async def client_for(
        self, owner: str, table: str = "", connection: str = DEFAULT
    ) -> "AsyncIterator[ServiceNowClient]":
        """Lend a client for a stored connection to a block that calls ServiceNow.

        Args:
            owner: whose connection.
            table: what is read or written.
            connection: the connection's name.

        Raises:
            ConnectionNotFoundError: the user has none.
            ConnectionIncompleteError: its secret is missing.
            CircuitOpenError: the connection or its instance is paused.
        """
        client = await self.client(owner, connection)
        if self.circuit.is_open(self.target(owner, table, connection)):
            client = await self.client(owner, connection, is_stale=True)  # a new password, perhaps
        with self.circuit.around(self.target(owner, table, connection)):
            yield client

    def is_stored(self, owner: str, identity: "Identity", connection: str = DEFAULT) -> bool:
        """Return whether this is the identity of a stored connection."""
        stored = self.sources.connections.get(owner, connection)
        return stored is not None and stored.identity == identity

    def open(
        self,
        secret: "Secret",
        signer: "httpx.Auth | None" = None,
        on_request: "Callable[[RequestEvent], None] | None" = None,
        on_update: "OnUpdate | None" = None,
    ) -> ServiceNowClient:
        """Return a client of its own that reaches only what the stack allows.

        Args:
            secret: what it signs in with, where.
            signer: signs its requests, if not the secret alone does.
            on_request: is called after each request.
            on_update: is called before each change of a record.
        """
        identity = secret.identity
        return ServiceNowClient(
            identity.instance_url,
            username=identity.username or None,
            auth=signer or auth_of(secret),
            transport=guarded_transport(
                _tls_of(secret, self._settings.instance_ca_file),
                identity.instance_url,
                self._settings.allowed_instance_hosts,
            ),
            deadline=DEADLINE_SECONDS,
            max_response_mib=self._settings.max_response_mib,
            on_request=on_request,
            on_update=on_update,
        )

    def _stored(self, owner: str, name: str) -> _Entry:
        credentials = StoredCredentials(self.sources, owner, name)

        def measure(request: "RequestEvent") -> None:
            if request.status is not None:
                target = Target.of(credentials.connection)
                self.circuit.pauses.record_answer(target, request.seconds)

        on_update = recorded_in(self._rows, lambda: credentials.connection.id)
        client = self.open(credentials.secret, credentials.auth, measure, on_update)
        return _Entry(client, credentials, time.monotonic() + FRESH_SECONDS)
