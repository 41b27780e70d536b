"""Testing a connection: the stored one, or one that is still being typed."""

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from actionsync.connections.certificates import end_of
from actionsync.connections.credentials import signed_by_key
from actionsync.connections.service import pending_secret
from actionsync.errors import FieldError, InvalidInputError
from actionsync.stores.connections import DEFAULT
from actionsync.stores.credentials import METHODS
from actionsync.stores.secrets import Secret

RESTRICTED = (
    "If the password is right, the instance restricts basic authentication. Three ways out: "
    "oauth_client_credentials, a person's sign-in (oauth_authorization_code), client_certificate."
)

if TYPE_CHECKING:
    from actionsync.connections.clients import ClientCache
    from actionsync.connections.models import ConnectionToTest
    from actionsync.stores.connections import Connection
    from servicenow_tools import ConnectionReport


async def check_stored_connection(
    clients: "ClientCache", owner: str, name: str = DEFAULT
) -> "ConnectionReport":
    """Test an owner's stored connection, stage by stage, also while it is paused.

    One that works ends the pauses of this connection, and of no other. What the instance allows is
    asked again afterwards.

    Raises:
        ConnectionNotFoundError: the owner has none of this name.
        ConnectionIncompleteError: its secret is missing.
    """
    client = await clients.client(owner, name)
    report = _explained(await client.test_connection(), clients.secret(owner, name))
    if report.success:
        clients.circuit.pauses.end(clients.target(owner, connection=name))
    else:
        clients.circuit.pauses.forget_capabilities(clients.target(owner, connection=name))
    return report


async def check_typed_connection(
    clients: "ClientCache", owner: str, typed: "ConnectionToTest", name: str = DEFAULT
) -> "ConnectionReport":
    """Test a connection before it is stored; nothing of it is stored.

    Without secrets it must be what is stored, and the stored secrets are used.

    Raises:
        InvalidInputError: a secret is missing for what is not stored.
        ConnectionIncompleteError: the stored connection's secret is missing.
    """
    identity, secrets = typed.identity, typed.secrets()
    if not secrets and clients.is_stored(owner, identity, name):
        return await check_stored_connection(clients, owner, name)
    if METHODS[identity.auth_method].is_tested_as_stored:
        raise InvalidInputError(
            FieldError("auth_method", "is tested as stored: store the connection first")
        )
    if missing := [name for name in METHODS[identity.auth_method].secrets if name not in secrets]:
        raise InvalidInputError(
            *(FieldError(name, "is needed for what is not stored") for name in missing)
        )
    end_of(secrets)
    secret = Secret(owner, identity, secrets)
    async with clients.open(secret) as client:
        return _explained(await client.test_connection(), secret)


async def check_pending(
    clients: "ClientCache", owner: str, connection: "Connection"
) -> "ConnectionReport":
    """Test the pending version of a connection's secret, while the one in use goes on.

    Raises:
        PendingMissingError: it has no pending version.
        ConnectionIncompleteError: that is missing, or its key does not sign.
    """
    secret = pending_secret(clients.sources.secrets, owner, connection)
    signer = None
    if secret.identity.auth_method == "oauth_jwt_bearer":
        signer = signed_by_key(clients.sources.signer, connection.id, secret)
    async with clients.open(secret, signer) as client:
        return await client.test_connection()


def signs_in(report: "ConnectionReport") -> bool:
    """Return whether a test has signed in, whatever else it has found."""
    return any(check.name == "signed_in" and check.status == "passed" for check in report.checks)


def _explained(report: "ConnectionReport", secret: Secret) -> "ConnectionReport":
    """Return a report that says what a refused password may mean, though it is right."""
    is_refused = any(
        check.name == "signed_in"
        and check.servicenow is not None
        and check.servicenow["status"] == HTTPStatus.UNAUTHORIZED
        for check in report.checks
    )
    if secret.identity.auth_method != "basic" or not is_refused:
        return report
    return replace(report, message=f"{report.message} {RESTRICTED}")
