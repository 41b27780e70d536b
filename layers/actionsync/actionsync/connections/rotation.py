"""Rotating what a user signs in to ServiceNow with, in the four steps of Secrets Manager.

Each step may be called again, after a success too, and may die at any point (AWS Secrets Manager
user guide: Rotation by Lambda function). Until `finishSecret` the old secret is the one in force
in AWS. Between `setSecret` and `finishSecret` ServiceNow takes only the new one, which nothing
knows of yet: Secrets Manager goes on at once, and again after a failure.

A user's password is rotated, or an OAuth application's client secret where the method has no
password. An API key is not: ServiceNow makes it, and shows it to nobody but a person. A new one is
saved with `PUT /api/servicenow/config`, and is picked up without a failed call.
"""

import secrets as randomness
from dataclasses import replace
from typing import TYPE_CHECKING

from actionsync.connections.check import signs_in
from actionsync.stores.credentials import METHODS
from servicenow_tools.errors import AuthenticationError

if TYPE_CHECKING:
    from actionsync.audit.trail import ActivityStore
    from actionsync.connections.clients import ClientCache
    from actionsync.stores.connections import ConnectionStore
    from actionsync.stores.secrets import Secret, SecretStore
    from servicenow_tools import ServiceNowClient


# The secrets that can be set in ServiceNow, the first of a method's own, and where.
_WRITTEN = {
    "password": ("sys_user", "user_password"),
    "client_secret": ("oauth_entity", "client_secret"),
}


class RotationError(Exception):
    """The rotation cannot go on; the text says why, and holds no secret."""


class Rotation:
    """What the steps share.

    Args:
        connections: the connections.
        secrets: their secrets.
        clients: opens clients for ServiceNow.
        activity: the audit trail.
    """

    def __init__(
        self,
        connections: "ConnectionStore",
        secrets: "SecretStore",
        clients: "ClientCache",
        activity: "ActivityStore",
    ) -> None:
        self._connections = connections
        self._secrets = secrets
        self._clients = clients
        self._activity = activity

    async def run(self, step: str, secret_id: str, token: str) -> None:
        """Carry out a step.

        Args:
            step: `createSecret`, `setSecret`, `testSecret` or `finishSecret`.
            secret_id: the secret's ARN.
            token: the rotation's token, which is the new version's id.

        Raises:
            RotationError: it cannot go on.
            ServiceNowError: ServiceNow refused or failed.
        """
        if step == "createSecret":
            self._create(secret_id, token)
            return
        pending = self._secrets.pending(secret_id, token)
        if pending is None:
            raise RotationError(f"{step} came before createSecret.")
        replaced, secret = pending
        if step == "setSecret":
            table, column = _WRITTEN[_renewed(secret)]
            change = {"action": f"{_renewed(secret)}_set", "table": table, "fields": [column]}
            with self._activity.around(secret.owner, {"kind": "settings", **change}):
                await self._set(secret_id, replaced, secret)
        elif step == "testSecret":
            await self._test(secret)
        elif step == "finishSecret":
            change = {"action": f"{_renewed(secret)}_rotated", "fields": [_renewed(secret)]}
            with self._activity.around(secret.owner, {"kind": "settings", **change}):
                self._finish(secret_id, token, replaced, secret)
        else:
            raise RotationError(f"There is no step {step}.")

    def _create(self, secret_id: str, token: str) -> None:
        version, secret = self._secrets.current(secret_id)
        if version == token or self._secrets.pending(secret_id, token) is not None:
            return
        # One of each kind of character that password policies ask for, and 192 random bits.
        if secret.renews:
            raise RotationError(
                "This instance replaces refresh tokens, and a rotation would use one up. Make a "
                "new client secret in ServiceNow, save it, and sign in again."
            )
        value = f"Aa1!{randomness.token_urlsafe(24)}"
        new = replace(secret, values={**secret.values, _renewed(secret): value})
        self._secrets.put_pending(secret_id, token, version, new)

    async def _set(self, secret_id: str, replaced: str, new: "Secret") -> None:
        version, old = self._secrets.current(secret_id)
        if version != replaced:
            raise RotationError("The connection was saved again meanwhile; its secret stays.")
        async with self._client(old) as client:
            try:
                if _renewed(new) == "password":
                    await client.set_password(new.values["password"])
                else:
                    await client.set_client_secret(
                        new.identity.client_id, new.values["client_secret"]
                    )
            except AuthenticationError:
                # A step that died may have set it.
                async with self._client(new) as renewed:
                    if not await _signs_in(renewed):
                        raise

    async def _test(self, secret: "Secret") -> None:
        async with self._client(secret) as client:
            if not await _signs_in(client):
                table, column = _WRITTEN[_renewed(secret)]
                raise RotationError(
                    f"ServiceNow does not take the new one: it needs the right to write "
                    f"{table}.{column} of its own record."
                )

    def _finish(self, secret_id: str, token: str, replaced: str, secret: "Secret") -> None:
        if not self._secrets.promote(secret_id, token, replaced):
            raise RotationError("The connection was saved again meanwhile; its secret stays.")
        self._connections.follow(secret.owner, replaced, token, secret.connection)

    def _client(self, secret: "Secret") -> "ServiceNowClient":
        return self._clients.open(secret)


def _renewed(secret: "Secret") -> str:
    """Return the name of the secret that is rotated.

    Raises:
        RotationError: ServiceNow lets nothing of it be set.
    """
    if not METHODS[secret.identity.auth_method].is_registered:
        for name in _WRITTEN:
            if name in secret.values:
                return name
    raise RotationError(
        f"ServiceNow has no API to set what {secret.identity.auth_method} signs in with. Make a "
        "new one in ServiceNow and save it with PUT /api/servicenow/config."
    )


async def _signs_in(client: "ServiceNowClient") -> bool:
    return signs_in(await client.test_connection())
