"""What a stored connection signs in with, which others may replace at any moment."""

import dataclasses
import uuid
from typing import TYPE_CHECKING

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from actionsync.connections.service import find_connection
from actionsync.errors import ConnectionIncompleteError, ConnectionNotFoundError, SignInNeededError
from actionsync.stores.credentials import METHODS
from actionsync.telemetry import logger
from servicenow_tools import auth
from servicenow_tools.auth import RotatingAuth, SharedToken, TokenStore

if TYPE_CHECKING:
    from actionsync.stores.connections import Connection, ConnectionStore
    from actionsync.stores.leases import LeaseStore
    from actionsync.stores.secrets import Secret, SecretStore


class StoredCredentials(TokenStore):
    """An owner's stored secret, which may be rotated at any moment.

    A refresh token that its instance replaces with each use is stored at once, as a later version
    of the secret, and with the access token that came along: whoever holds the connection's lease
    uses it, and the others go by what is stored then. The connection's item stays as it is.

    Attributes:
        connection: the connection that the secret belongs to.
        secret: the secret.
        auth: signs requests with it; what ServiceNow refuses, once more with a newer one.
    """

    def __init__(
        self,
        connections: "ConnectionStore",
        secrets: "SecretStore",
        leases: "LeaseStore",
        owner: str,
        name: str,
    ) -> None:
        self._connections = connections
        self._secrets = secrets
        self._leases = leases
        self._owner = owner
        self._name = name
        self._holder = uuid.uuid4().hex
        self.connection, self.secret = self._read()
        self.auth = RotatingAuth(auth_of(self.secret, self), self._renewed)

    def take(self) -> SharedToken | None:
        """Return the refresh token as it is stored now, or None while another process uses it."""
        if not self._leases.take(self.connection.id, self._holder):
            return None
        newest = self._secrets.newest(self.connection.id, self.connection.secret_version)
        if newest is not None and newest.renews and self._fits(newest, self.connection):
            self.secret = newest
        values = self.secret.values
        return SharedToken(
            values["refresh_token"],
            values.get("access_token", ""),
            float(values.get("good_until", 0)),
        )

    def replace(self, token: SharedToken) -> None:
        """Store the refresh token that has replaced the one before."""
        values = {
            **self.secret.values,
            "refresh_token": token.refresh_token,
            "access_token": token.access_token,
            "good_until": f"{token.good_until:.0f}",
        }
        renews = self.connection.secret_version
        self.secret = dataclasses.replace(self.secret, values=values, renews=renews)
        try:
            self._secrets.add_version(self.connection.id, uuid.uuid4().hex, self.secret)
        except (BotoCoreError, ClientError):
            # The access token is good for a while; without the refresh token a person signs in.
            logger.exception("refresh token not stored", connection=self.connection.id)

    def give_back(self) -> None:
        """End the lease."""
        self._leases.give_back(self.connection.id, self._holder)

    def _renewed(self) -> httpx.Auth | None:
        """Take over a secret that replaced ours, and return what signs with it."""
        try:
            connection, secret = self._read()
        except (ConnectionNotFoundError, ConnectionIncompleteError, SignInNeededError):
            return None
        candidates = [secret]
        if not METHODS[secret.identity.auth_method].learned:
            # A rotation that is not finished; of sign-ins the connection says which is meant.
            candidates.append(self._secrets.get_current(connection.id) or secret)
        for candidate in candidates:
            if self._fits(candidate, self.connection) and candidate != self.secret:
                self.connection, self.secret = connection, candidate
                return auth_of(candidate, self)
        return None

    def _read(self) -> "tuple[Connection, Secret]":
        connection = find_connection(self._connections, self._owner, self._name)
        secret = self._secrets.of(connection)
        if secret is None or not self._fits(secret, connection):
            raise ConnectionIncompleteError
        learned = METHODS[secret.identity.auth_method].learned
        if learned and learned not in secret.values:
            raise SignInNeededError(self._name)
        return connection, secret

    def _fits(self, secret: "Secret", connection: "Connection") -> bool:
        return (secret.owner, secret.identity) == (self._owner, connection.identity)


def auth_of(secret: "Secret", tokens: TokenStore | None = None) -> httpx.Auth:
    """Return what signs requests with a secret.

    Args:
        secret: the secret.
        tokens: where a refresh token is shared; by default it is not.
    """
    identity, values = secret.identity, secret.values
    match identity.auth_method:
        case "basic":
            return auth.BasicAuth(identity.username, values["password"])
        case "oauth_client_credentials":
            return auth.ClientCredentials(identity.client_id, values["client_secret"])
        case "oauth_password":
            return auth.PasswordGrant(
                identity.client_id,
                values["client_secret"],
                identity.username,
                values["password"],
            )
        case "oauth_refresh_token" | "oauth_authorization_code":
            return auth.RefreshToken(
                identity.client_id, values["client_secret"], values["refresh_token"], store=tokens
            )
        case "api_key":
            return auth.ApiKey(values["api_key"])
        case "client_certificate":
            return httpx.Auth()  # it goes with the connection
