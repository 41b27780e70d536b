"""Changes of connections, each recorded in its owner's activity."""

from typing import TYPE_CHECKING

from actionsync.connections import service
from actionsync.stores.connections import DEFAULT
from actionsync.wiring.callers import limit_sign_ins
from actionsync.wiring.stores import connection_store, secret_store

if TYPE_CHECKING:
    from actionsync.connections.models import ConnectionChange, NewConnection
    from actionsync.stores.connections import Connection
    from actionsync.wiring.callers import Acting


def create(caller: "Acting", new: "NewConnection", name: str = DEFAULT) -> "Connection":
    """Store a connection (`connections.service.create_connection`)."""
    limit_sign_ins(caller.user_id)
    with caller.recorded("connection_created", new.model_fields_set) as record:
        connection = service.create_connection(
            connection_store(), secret_store(), caller.owner, new, name
        )
        record["after"] = connection.audited()
    _announce_ending(caller.owner, connection)
    return connection


def change(
    caller: "Acting",
    change: "ConnectionChange",
    expected_version: int | None,
    name: str = DEFAULT,
) -> "Connection":
    """Change a connection (`connections.service.change_connection`), or drop what is pending."""
    if change.drops_pending:
        return _drop_pending(caller, expected_version, name)
    limit_sign_ins(caller.user_id)
    with caller.recorded("connection_changed", change.model_fields_set) as record:
        connection = service.change_connection(
            connection_store(), secret_store(), caller.owner, change, expected_version, name=name
        )
        record["after"] = connection.audited()
    _announce_ending(caller.owner, connection)
    return connection


def store_pending(
    caller: "Acting", change: "ConnectionChange", expected_version: int | None, name: str
) -> "Connection":
    """Store a key or certificate beside the one in use (`connections.service.store_pending`)."""
    limit_sign_ins(caller.user_id)
    with caller.recorded("pending_stored", change.model_fields_set) as record:
        connection = service.store_pending(
            connection_store(), secret_store(), caller.owner, change, expected_version, name=name
        )
        record["after"] = connection.audited()
    return connection


def _drop_pending(caller: "Acting", expected_version: int | None, name: str) -> "Connection":
    with caller.recorded("pending_dropped") as record:
        connection = service.drop_pending(
            connection_store(), secret_store(), caller.owner, expected_version, name=name
        )
        record["after"] = connection.audited()
    return connection


def delete(caller: "Acting", name: str = DEFAULT) -> None:
    """Remove a connection (`connections.service.delete_connection`)."""
    with caller.recorded("connection_deleted") as record:
        if name != DEFAULT:
            record["before"] = {"connection": name[:50]}
        service.delete_connection(connection_store(), secret_store(), caller.owner, name)


def _announce_ending(owner: str, connection: "Connection") -> None:
    if connection.ending() is not None:
        # Of the few whose sign-in ends: it loads what notices are made of.
        from actionsync.wiring.notices import announce_ending  # noqa: PLC0415

        announce_ending(owner, connection)
