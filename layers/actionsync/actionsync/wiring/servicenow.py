"""What calls ServiceNow in this process: clients and the rotation."""

from functools import cache

from actionsync import aws
from actionsync.connections.assertions import KmsSigner
from actionsync.connections.circuit import Circuit
from actionsync.connections.clients import ClientCache
from actionsync.connections.credentials import Sources
from actionsync.connections.rotation import Rotation
from actionsync.settings import settings
from actionsync.wiring import stores


@cache
def client_cache() -> ClientCache:
    """Return the ServiceNow clients."""
    secrets = stores.secret_store()
    return ClientCache(
        Sources(
            stores.connection_store(),
            secrets,
            stores.lease_store(),
            KmsSigner(aws.kms, secrets.key_alias),
        ),
        Circuit(stores.pause_store()),
        stores.ticket_store(),
        settings(),
    )


@cache
def rotation() -> Rotation:
    """Return the rotation of connections' secrets."""
    return Rotation(
        stores.connection_store(), stores.secret_store(), client_cache(), stores.activity_store()
    )
