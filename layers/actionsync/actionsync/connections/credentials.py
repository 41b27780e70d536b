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
    from actionsync.connections.assertions import KmsSigner
    from actionsync.stores.connections import Connection, ConnectionStore
    from actionsync.stores.leases import LeaseStore
    from actionsync.stores.secrets import Secret, SecretStore


@dataclasses.dataclass(frozen=True, slots=True)
class Sources:
    """Where what connections sign in with comes from.

    Attributes:
        connections: the connections.
        secrets: their secrets.
        leases: who alone uses a refresh token.
        signer: signs for those whose key AWS KMS has.
    """

    connections: "ConnectionStore"
    secrets: "SecretStore"
    leases: "LeaseStore"
    signer: "KmsSigner"


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

    def __init__(self, sources: Sources, owner: str, name: str) -> None:
        self._sources = sources
        self._owner = owner
        self._name = name
        self._holder = uuid.uuid4().hex
        self.connection, self.secret = self._read()
        self.auth = RotatingAuth(self._signing(self.secret), self._renewed)

    def take(self) -> SharedToken | None:
        """Return the refresh token as it is stored now, or None while another process uses it."""
        if not self._sources.leases.take(self.connection.id, self._holder):
            return None
        newest = self._sources.secrets.newest(self.connection.id, self.connection.secret_version)
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
            self._sources.secrets.add_version(self.connection.id, uuid.uuid4().hex, self.secret)
        except (BotoCoreError, ClientError):
            # The access token is good for a while; without the refresh token a person signs in.
            logger.exception("refresh token not stored", connection=self.connection.id)

    def give_back(self) -> None:
        """End the lease."""
        self._sources.leases.give_back(self.connection.id, self._holder)

    def _renewed(self) -> httpx.Auth | None:
        """Take over a secret that replaced ours, and return what signs with it."""
        try:
            connection, secret = self._read()
        except (ConnectionNotFoundError, ConnectionIncompleteError, SignInNeededError):
            return None
        candidates = [secret]
        if not METHODS[secret.identity.auth_method].learned:
            # A rotation that is not finished; of sign-ins the connection says which is meant.
            candidates.append(self._sources.secrets.get_current(connection.id) or secret)
        for candidate in candidates:
            # A certificate goes with the client, which is made again once its time is up.
            is_other = candidate != self.secret and "certificate" not in candidate.values
            key_id = connection.key_id
            expected = dataclasses.replace(self.connection.identity, key_id=key_id)
            is_same = (candidate.owner, candidate.identity) == (self._owner, expected)
            if is_other and is_same:
                self.connection, self.secret = connection, candidate
                return self._signing(candidate)
        return None

    def _signing(self, secret: "Secret") -> httpx.Auth:
        if secret.identity.auth_method == "oauth_jwt_bearer":
            return signed_by_key(self._sources.signer, self.connection.id, secret)
        return auth_of(secret, self)

    def _read(self) -> "tuple[Connection, Secret]":
        connection = find_connection(self._sources.connections, self._owner, self._name)
        secret = self._sources.secrets.of(connection)
        if secret is None or not self._fits(secret, connection):
            raise ConnectionIncompleteError
        learned = METHODS[secret.identity.auth_method].learned
        if learned and learned not in secret.values:
            raise SignInNeededError(self._name)
        return connection, secret

    def _fits(self, secret: "Secret", connection: "Connection") -> bool:
        return (secret.owner, secret.identity) == (self._owner, connection.identity)


def signed_by_key(signer: "KmsSigner", connection_id: int, secret: "Secret") -> httpx.Auth:
    """Return what signs requests with tokens that AWS KMS signs for a connection.

    Raises:
        SigningKeyError: there is no such key, or it may not be used.
    """
    identity = secret.identity
    ready = [signer.assertion(connection_id, identity)]
    return auth.JwtBearer(
        identity.client_id,
        secret.values["client_secret"],
        # The first one was signed to find out whether that works.
        lambda: ready.pop() if ready else signer.assertion(connection_id, identity),
    )


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
        case "oauth_jwt_bearer":
            raise TypeError("It signs by the key of a stored connection: signed_by_key")
        case "api_key":
            return auth.ApiKey(values["api_key"])
        case "client_certificate":
            return httpx.Auth()  # it goes with the connection
