"""ServiceNow clients for users' stored connections, kept from one invocation to the next."""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from actionsync.connections.network import guarded_pool
from actionsync.connections.service import find_connection
from actionsync.errors import ConnectionIncompleteError, ConnectionNotFoundError
from servicenow_tools import ServiceNowClient, tls_context

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from actionsync.settings import Settings
    from actionsync.stores.connections import Connection, ConnectionStore
    from actionsync.stores.secrets import Secret, SecretStore

# For so long a warm function may use a connection that was changed or deleted meanwhile.
KEPT_SECONDS = 120.0
KEPT_SESSIONS = 64

# Below API Gateway's 30 s and the functions' 29 s, with room for the calls to AWS.
DEADLINE_SECONDS = 22.0


class StoredCredentials(httpx.Auth):
    """Basic authentication with a stored password that may be rotated at any moment.

    ServiceNow's 401 sends the same request once more, if a newer password is found: a rotation
    costs no failed call.
    """

    def __init__(
        self, connections: "ConnectionStore", secrets: "SecretStore", user_id: str
    ) -> None:
        """Take where connections and secrets are kept, and whose they are."""
        self._connections = connections
        self._secrets = secrets
        self._user_id = user_id
        self.connection, self._secret = self._read()

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> "AsyncGenerator[httpx.Request, httpx.Response]":
        """Sign the request, and after a 401 once more with a newer password, if there is one."""
        response = yield self._signed(request)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._rotated():
            yield self._signed(request)

    def _signed(self, request: httpx.Request) -> httpx.Request:
        basic = httpx.BasicAuth(self._secret.username, self._secret.password)
        return next(basic.sync_auth_flow(request))

    def _rotated(self) -> bool:
        """Take over a password that replaced ours, and tell whether there was one."""
        try:
            connection, secret = self._read()
        except (ConnectionNotFoundError, ConnectionIncompleteError):
            return False
        current = self._secrets.get_current(self._user_id)
        for candidate in (secret, current):
            if (
                candidate is not None
                and _belongs(candidate, self.connection)
                and candidate.password != self._secret.password
            ):
                self.connection, self._secret = connection, candidate
                return True
        return False

    def _read(self) -> "tuple[Connection, Secret]":
        connection = find_connection(self._connections, self._user_id)
        secret = self._secrets.get(self._user_id, connection.secret_version)
        if secret is None or not _belongs(secret, connection):
            raise ConnectionIncompleteError
        return connection, secret


@dataclass(slots=True)
class _Session:
    client: ServiceNowClient
    credentials: StoredCredentials
    fresh_until: float


class Sessions:
    """One client for each user of this process, the least recently used dropped first."""

    def __init__(
        self, connections: "ConnectionStore", secrets: "SecretStore", settings: "Settings"
    ) -> None:
        """Take where connections and secrets are kept, and the function's settings."""
        self._connections = connections
        self._secrets = secrets
        self._settings = settings
        self._kept: OrderedDict[str, _Session] = OrderedDict()

    async def client(self, user_id: str) -> ServiceNowClient:
        """Return a client for the user's stored connection.

        Raises:
            ConnectionNotFoundError: the user has none.
            ConnectionIncompleteError: its secret is missing.
        """
        session = self._kept.pop(user_id, None)
        if session is not None and session.fresh_until <= time.monotonic():
            if self._connections.get(user_id) == session.credentials.connection:
                session.fresh_until = time.monotonic() + KEPT_SECONDS
            else:
                await session.client.aclose()
                session = None
        if session is None:
            session = self._stored(user_id)
        self._kept[user_id] = session
        if len(self._kept) > KEPT_SESSIONS:
            _, oldest = self._kept.popitem(last=False)
            await oldest.client.aclose()
        return session.client

    def is_stored(self, user_id: str, instance_url: str, username: str) -> bool:
        """Tell whether the user's stored connection has this host and this user name."""
        stored = self._connections.get(user_id)
        return stored is not None and (stored.instance_url, stored.username) == (
            instance_url,
            username,
        )

    def open(self, instance_url: str, username: str, auth: httpx.Auth) -> ServiceNowClient:
        """Return a client of its own that reaches only what the stack allows."""
        return ServiceNowClient(
            instance_url,
            username=username,
            auth=auth,
            transport=guarded_pool(
                tls_context(self._settings.instance_ca_file), self._settings.allowed_instance_hosts
            ),
            deadline=DEADLINE_SECONDS,
        )

    def _stored(self, user_id: str) -> _Session:
        credentials = StoredCredentials(self._connections, self._secrets, user_id)
        connection = credentials.connection
        client = self.open(connection.instance_url, connection.username, credentials)
        return _Session(client, credentials, time.monotonic() + KEPT_SECONDS)


def _belongs(secret: "Secret", connection: "Connection") -> bool:
    return (secret.instance_url, secret.username) == (
        connection.instance_url,
        connection.username,
    )
