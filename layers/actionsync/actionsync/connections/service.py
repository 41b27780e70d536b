"""Storing, changing and removing a user's connection, in an order that survives a crash.

Two stores, no common transaction: `actionsync.stores.connections` tells how the item in DynamoDB
governs the secret. Each step below may be the last one that runs; what is left is then the state
before the call, or one that nobody sees and that the next call mends.
"""

import uuid
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
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
from actionsync.stores.credentials import METHODS, NAMES, SECRETS
from actionsync.stores.secrets import Secret, SecretStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionsync.connections.models import ConnectionChange, NewConnection
    from actionsync.stores.credentials import Identity


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
        secret_version = secrets.create(operation, Secret(user_id, new.identity, new.secrets()))
        now = clock.iso(clock.now())
        connection = Connection(
            id=connections.next_id(),
            **asdict(new.identity),
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

    Secrets belong to one host and one identity there: whoever changes either must send them
    again, so that no stored password can be pointed at another host.

    Args:
        connections: where connections are kept.
        secrets: where secrets are kept.
        user_id: whose connection.
        change: what to change.
        expected_version: the version that the caller knew, or None for whichever is stored.

    Raises:
        ConnectionNotFoundError: there is none.
        ConnectionChangedError: it is not at the expected version.
        ConnectionBusyError: another request is working on it.
        InvalidInputError: a field is missing, or is none of the method's.
    """
    old = find_connection(connections, user_id)
    if expected_version not in {None, old.version}:
        raise ConnectionChangedError(old.version)
    identity, sent = change.changed(old.identity), change.secrets()
    if wrong := _wrong_fields(change, identity, is_changed=bool(sent) or identity != old.identity):
        raise InvalidInputError(*wrong)
    if not sent:
        return old
    operation = uuid.uuid4().hex
    connections.lock_version(user_id, operation, old.version)
    with _unlocked_on_failure(connections, user_id, operation):
        connection = replace(
            old,
            **asdict(identity),
            secret_version=secrets.add_version(operation, Secret(user_id, identity, sent)),
            updated_at=clock.iso(clock.now()),
            version=old.version + 1,
        )
        connections.save(user_id, operation, connection)
    return connection


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
