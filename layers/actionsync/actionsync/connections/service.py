"""Storing, changing and removing an owner's connections, in an order that survives a crash.

Two stores, no common transaction: the item in DynamoDB governs the secret
(`actionsync.stores.connections`). Each step below may be the last one that runs; what is left is
then the state before the call, or one that nobody sees and that the next call repairs.
"""

import secrets as randomness
import uuid
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from actionsync import clock
from actionsync.errors import (
    ConnectionBusyError,
    ConnectionChangedError,
    ConnectionIncompleteError,
    ConnectionNotFoundError,
    FieldError,
    InvalidInputError,
    PendingMissingError,
    TooManyConnectionsError,
)
from actionsync.stores.connections import (
    DEFAULT,
    MOST_CONNECTIONS,
    Connection,
    ConnectionStore,
    PendingVersion,
    checked_name,
)
from actionsync.stores.credentials import METHODS, NAMES, SECRETS
from actionsync.stores.secrets import Secret, SecretStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionsync.connections.models import ConnectionChange, NewConnection
    from actionsync.stores.credentials import Identity


def find_connection(connections: ConnectionStore, owner: str, name: str = DEFAULT) -> Connection:
    """Return the owner's connection of this name.

    Raises:
        ConnectionNotFoundError: there is none.
    """
    _check_name(name)
    connection = connections.get(owner, name)
    if connection is None:
        raise ConnectionNotFoundError(name)
    return connection


def check_connected(connections: ConnectionStore, owner: str) -> None:
    """Check that an owner has a connection, whatever its name.

    Raises:
        ConnectionNotFoundError: the owner has none.
    """
    if not connections.names(owner):
        raise ConnectionNotFoundError


def _check_name(name: str) -> None:
    """Find no connection where a name can be none: nor does DynamoDB take every text for a key."""
    try:
        checked_name(name)
    except ValueError:
        raise ConnectionNotFoundError(name[:40]) from None


def create_connection(
    connections: ConnectionStore,
    secrets: SecretStore,
    owner: str,
    new: "NewConnection",
    name: str = DEFAULT,
) -> Connection:
    """Store an owner's connection.

    Raises:
        ConnectionExistsError: the owner has one of this name.
        ConnectionBusyError: another request is working on it.
        TooManyConnectionsError: the owner has as many as one may have.
    """
    ends_at = _end_of(new.secrets())
    operation = uuid.uuid4().hex
    connection_id = connections.lock_absent(owner, operation, _new_id(), name)
    if len(connections.names(owner)) > MOST_CONNECTIONS:
        connections.remove(owner, operation, name)  # it has no secret yet
        raise TooManyConnectionsError(MOST_CONNECTIONS)
    with _unlocked_on_failure(connections, owner, operation, name):
        secret = Secret(owner, new.identity, new.secrets(), name)
        secret_version = secrets.create(connection_id, operation, secret)
        now = clock.iso(clock.now())
        connection = Connection(
            id=connection_id,
            **asdict(new.identity),
            secret_version=secret_version,
            created_at=now,
            updated_at=now,
            version=1,
            name=name,
            ends_at=ends_at,
            signing_key=secrets.key_alias(connection_id, new.identity.key_id),
        )
        connections.save(owner, operation, connection)
    return connection


def _end_of(secrets: dict[str, str]) -> str:
    if "certificate" not in secrets:
        return ""
    # Of the few that sign in with a certificate: it loads ssl.
    from actionsync.connections.certificates import end_of  # noqa: PLC0415

    return end_of(secrets)


def _new_id() -> int:
    """Return a random id that any JSON parser reads exactly: 53 bits."""
    return 1 + randomness.randbelow(2**53 - 1)


def change_connection(
    connections: ConnectionStore,
    secrets: SecretStore,
    owner: str,
    change: "ConnectionChange",
    expected_version: int | None,
    *,
    name: str = DEFAULT,
) -> Connection:
    """Change an owner's connection.

    Secrets belong to one host and one identity there: whoever changes either must send them
    again, so that no stored password can be pointed at another host.

    Args:
        connections: the connections.
        secrets: their secrets.
        owner: whose connection.
        change: what to change.
        expected_version: the version that the caller has read, or None for any.
        name: its name.

    Raises:
        ConnectionNotFoundError: there is none.
        ConnectionChangedError: it is not at the expected version.
        ConnectionBusyError: another request is working on it.
        InvalidInputError: a field is missing, or is not one of the method's.
    """
    old = _at_version(connections, owner, name, expected_version)
    identity, sent = change.changed(old.identity), change.secrets()
    if wrong := _wrong_fields(change, identity, is_changed=bool(sent) or identity != old.identity):
        raise InvalidInputError(*wrong)
    if not sent:
        return old
    ends_at = _end_of(sent)
    with locked(connections, owner, old) as operation:
        if old.pending is not None:
            secrets.drop_pending(old.id, old.pending.secret_version)
        secret = Secret(owner, identity, sent, name)
        connection = replace(
            old,
            **asdict(identity),
            secret_version=secrets.add_version(old.id, operation, secret),
            updated_at=clock.iso(clock.now()),
            version=old.version + 1,
            ends_at=ends_at,
            signed_in_at="",
            signed_in_by="",
            signing_key=secrets.key_alias(old.id, identity.key_id),
            pending=None,
        )
        connections.save(owner, operation, connection)
    return connection


def store_pending(
    connections: ConnectionStore,
    secrets: SecretStore,
    owner: str,
    change: "ConnectionChange",
    expected_version: int | None,
    *,
    name: str = DEFAULT,
) -> Connection:
    """Store a new key or certificate beside the one in use, which goes on until it is replaced.

    Raises:
        ConnectionNotFoundError: there is no connection.
        ConnectionChangedError: it is not at the expected version.
        ConnectionBusyError: another request is working on it.
        InvalidInputError: its method has nothing that is registered in ServiceNow, or more is to
            change than that.
    """
    old = _at_version(connections, owner, name, expected_version)
    if not METHODS[old.auth_method].is_registered:
        raise InvalidInputError(FieldError("pending", f"is not for {old.auth_method}"))
    identity, sent = change.changed(old.identity), change.secrets()
    wrong = [
        FieldError(name, "stays as it is until the pending version is promoted")
        for name in ("instance_url", "auth_method", "username", "client_id")
        if getattr(identity, name) != getattr(old.identity, name)
    ]
    if wrong := wrong or _wrong_fields(change, identity, is_changed=True):
        raise InvalidInputError(*wrong)
    ends_at = _end_of(sent)
    with locked(connections, owner, old) as operation:
        now = clock.iso(clock.now())
        pending = PendingVersion(
            secrets.add_pending(old.id, operation, Secret(owner, identity, sent, name)),
            now,
            ends_at,
            identity.key_id,
            secrets.key_alias(old.id, identity.key_id),
        )
        connection = replace(old, pending=pending, version=old.version + 1)
        connections.save(owner, operation, connection)
    return connection


def drop_pending(
    connections: ConnectionStore,
    secrets: SecretStore,
    owner: str,
    expected_version: int | None,
    *,
    name: str = DEFAULT,
) -> Connection:
    """Give up a connection's pending version; the one in use goes on.

    Raises:
        ConnectionNotFoundError: there is no connection.
        ConnectionChangedError: it is not at the expected version.
        ConnectionBusyError: another request is working on it.
        PendingMissingError: it has no pending version.
    """
    old = _at_version(connections, owner, name, expected_version)
    pending = _pending_of(old)
    with locked(connections, owner, old) as operation:
        secrets.drop_pending(old.id, pending.secret_version)
        connection = replace(old, pending=None, version=old.version + 1)
        connections.save(owner, operation, connection)
    return connection


def pending_secret(secrets: SecretStore, owner: str, connection: Connection) -> Secret:
    """Return the pending version of a connection's secret.

    Raises:
        PendingMissingError: it has none.
        ConnectionIncompleteError: that is missing, or is another's.
    """
    pending = _pending_of(connection)
    secret = secrets.get(connection.id, pending.secret_version)
    identity = replace(connection.identity, key_id=pending.key_id)
    if secret is None or (secret.owner, secret.identity) != (owner, identity):
        raise ConnectionIncompleteError
    return secret


def promote_pending(
    connections: ConnectionStore, secrets: SecretStore, owner: str, old: Connection
) -> Connection:
    """Let a connection go by its pending version from now on; the one before stays readable.

    Raises:
        PendingMissingError: it has none.
        ConnectionChangedError: it is not at this version any more.
        ConnectionBusyError: another request is working on it.
    """
    pending = _pending_of(old)
    with locked(connections, owner, old) as operation:
        if not secrets.promote_pending(old.id, pending.secret_version, old.secret_version):
            raise ConnectionIncompleteError
        connection = replace(
            old,
            secret_version=pending.secret_version,
            ends_at=pending.ends_at,
            key_id=pending.key_id,
            signing_key=pending.signing_key,
            pending=None,
            updated_at=clock.iso(clock.now()),
            version=old.version + 1,
        )
        connections.save(owner, operation, connection)
    return connection


@contextmanager
def locked(connections: ConnectionStore, owner: str, old: Connection) -> "Iterator[str]":
    """Lock a connection at its version for the block that changes it; yield the lock's name.

    Raises:
        ConnectionChangedError: it is not at that version any more.
        ConnectionBusyError: another request is working on it.
    """
    operation = uuid.uuid4().hex
    connections.lock_version(owner, operation, old.version, old.name)
    with _unlocked_on_failure(connections, owner, operation, old.name):
        yield operation


def _at_version(
    connections: ConnectionStore, owner: str, name: str, expected: int | None
) -> Connection:
    found = find_connection(connections, owner, name)
    if expected not in {None, found.version}:
        raise ConnectionChangedError(found.version)
    return found


def _pending_of(connection: Connection) -> PendingVersion:
    if connection.pending is None:
        raise PendingMissingError(connection.name)
    return connection.pending


def _wrong_fields(
    change: "ConnectionChange", identity: "Identity", *, is_changed: bool
) -> list[FieldError]:
    auth_method = identity.auth_method
    method = METHODS[auth_method]
    wrong = [
        FieldError(name, f"is not used by {auth_method}")
        for name in NAMES + SECRETS
        if getattr(change, name) is not None and name not in method.fields
    ]
    wrong += [
        FieldError(name, f"is needed for {auth_method}")
        for name in method.names
        if not getattr(identity, name)
    ]
    if is_changed:
        wrong += [
            FieldError(name, "must be sent again when the host, the user or another secret changes")
            for name in method.secrets
            if getattr(change, name) is None
        ]
    return wrong


def end_sign_in(
    connections: ConnectionStore, secrets: SecretStore, owner: str, old: Connection
) -> Connection:
    """Take a person's sign-in out of a connection, which wants another one then.

    Raises:
        ConnectionChangedError: it is not at that version any more.
        ConnectionBusyError: another request is working on it.
        ConnectionIncompleteError: its secret is missing.
    """
    with locked(connections, owner, old) as operation:
        secret = secrets.of(old)
        if secret is None:
            raise ConnectionIncompleteError
        values = {name: secret.values[name] for name in METHODS[old.auth_method].secrets}
        # The version before the last stays readable: the second one has no sign-in either.
        for token in (uuid.uuid4().hex, operation):
            version = secrets.add_version(old.id, token, replace(secret, values=values, renews=""))
        connection = replace(
            old,
            secret_version=version,
            updated_at=clock.iso(clock.now()),
            version=old.version + 1,
            signed_in_as="",
            signed_in_at="",
            signed_in_by="",
        )
        connections.save(owner, operation, connection)
    return connection


def delete_connection(
    connections: ConnectionStore, secrets: SecretStore, owner: str, name: str = DEFAULT
) -> None:
    """Remove an owner's connection and its secret.

    Raises:
        ConnectionNotFoundError: there is none.
        ConnectionBusyError: another request is working on it.
    """
    _check_name(name)
    operation = uuid.uuid4().hex
    connection_id = connections.lock_for_removal(owner, operation, name)
    with _unlocked_on_failure(connections, owner, operation, name):
        secrets.delete(connection_id)
        connections.remove(owner, operation, name)


@contextmanager
def _unlocked_on_failure(
    connections: ConnectionStore, owner: str, operation: str, name: str
) -> "Iterator[None]":
    """Let the next request try at once; where even that fails, the lock ends by itself."""
    try:
        yield
    except Exception:
        with suppress(ConnectionBusyError):
            connections.unlock(owner, operation, name)
        raise
