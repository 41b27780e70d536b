"""Storing, changing and removing a user's connection, in an order that survives a crash.

Two stores, no common transaction: `actionsync.stores.connections` tells how the item in DynamoDB
governs the secret. Each step below may be the last one that runs; what is left is then the state
before the call, or one that nobody sees and that the next call mends.
"""

import uuid
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from actionsync import clock
from actionsync.errors import (
    ConnectionBusyError,
    ConnectionChangedError,
    ConnectionNotFoundError,
    FieldError,
    InvalidInputError,
)
from actionsync.stores.connections import Connection, ConnectionStore
from actionsync.stores.secrets import Secret, SecretStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionsync.connections.models import ConnectionChange, NewConnection


def find_connection(connections: ConnectionStore, user_id: str) -> Connection:
    """Return the user's connection.

    Raises:
        ConnectionNotFoundError: there is none.
    """
    connection = connections.get(user_id)
    if connection is None:
        raise ConnectionNotFoundError
    return connection


def create_connection(
    connections: ConnectionStore, secrets: SecretStore, user_id: str, new: "NewConnection"
) -> Connection:
    """Store a user's first connection.

    Raises:
        ConnectionExistsError: the user has one.
        ConnectionBusyError: another request is working on it.
    """
    operation = uuid.uuid4().hex
    connections.lock_absent(user_id, operation)
    with _unlocked_on_failure(connections, user_id, operation):
        secret = Secret(new.instance_url, new.username, new.password.get_secret_value())
        secret_version = secrets.create(user_id, operation, secret)
        now = clock.iso(clock.now())
        connection = Connection(
            id=connections.next_id(),
            instance_url=new.instance_url,
            username=new.username,
            auth_method=secret.auth_method,
            secret_version=secret_version,
            created_at=now,
            updated_at=now,
            version=1,
        )
        connections.save(user_id, operation, connection)
    return connection


def change_connection(
    connections: ConnectionStore,
    secrets: SecretStore,
    user_id: str,
    change: "ConnectionChange",
    expected_version: int | None,
) -> Connection:
    """Change a user's connection.

    A password belongs to one host and one user: whoever changes either must send it again, so
    that no stored password can be pointed at another host.

    Args:
        connections: where connections are kept.
        secrets: where passwords are kept.
        user_id: whose connection.
        change: what to change.
        expected_version: the version that the caller knew, or None for whichever is stored.

    Raises:
        ConnectionNotFoundError: there is none.
        ConnectionChangedError: it is not at the expected version.
        ConnectionBusyError: another request is working on it.
        InvalidInputError: the password is missing.
    """
    old = find_connection(connections, user_id)
    if expected_version not in {None, old.version}:
        raise ConnectionChangedError(old.version)
    instance_url = change.instance_url or old.instance_url
    username = change.username or old.username
    if change.password is None:
        if (instance_url, username) == (old.instance_url, old.username):
            return old
        raise InvalidInputError(
            FieldError("password", "must be sent again when instance_url or username changes")
        )
    operation = uuid.uuid4().hex
    connections.lock_version(user_id, operation, old.version)
    with _unlocked_on_failure(connections, user_id, operation):
        secret = Secret(instance_url, username, change.password.get_secret_value())
        secret_version = secrets.add_version(user_id, operation, secret)
        connection = replace(
            old,
            instance_url=instance_url,
            username=username,
            secret_version=secret_version,
            updated_at=clock.iso(clock.now()),
            version=old.version + 1,
        )
        connections.save(user_id, operation, connection)
    return connection


def delete_connection(connections: ConnectionStore, secrets: SecretStore, user_id: str) -> None:
    """Remove a user's connection and its secret.

    Raises:
        ConnectionNotFoundError: there is none.
        ConnectionBusyError: another request is working on it.
    """
    operation = uuid.uuid4().hex
    connections.lock_for_removal(user_id, operation)
    with _unlocked_on_failure(connections, user_id, operation):
        secrets.delete(user_id)
        connections.remove(user_id, operation)


@contextmanager
def _unlocked_on_failure(
    connections: ConnectionStore, user_id: str, operation: str
) -> "Iterator[None]":
    """Let the next request try at once; where even that fails, the lock ends by itself."""
    try:
        yield
    except Exception:
        with suppress(ConnectionBusyError):
            connections.unlock(user_id, operation)
        raise
