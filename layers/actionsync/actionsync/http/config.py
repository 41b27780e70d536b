"""What the config functions share: the two stores, and a connection as callers see it."""

from dataclasses import asdict
from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.depends import Depends

from actionsync import aws
from actionsync.settings import settings
from actionsync.stores.connections import Connection, ConnectionStore
from actionsync.stores.secrets import SecretStore


@cache
def connection_store() -> ConnectionStore:
    """Return this process's way to the connections table."""
    return ConnectionStore(aws.dynamodb(), settings().connections_table)


@cache
def secret_store() -> SecretStore:
    """Return this process's way to the users' secrets."""
    return SecretStore(aws.secrets_manager(), settings().secret_prefix, settings().kms_key)


Connections = Annotated[ConnectionStore, Depends(connection_store)]
Secrets = Annotated[SecretStore, Depends(secret_store)]


def view(connection: Connection) -> dict[str, Any]:
    """Return a connection as callers see it."""
    document = asdict(connection)
    del document["secret_version"]
    return document
