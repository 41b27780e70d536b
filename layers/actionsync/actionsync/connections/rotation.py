"""Rotating a user's ServiceNow password, in the four steps of Secrets Manager.

Each step may be called again, after a success too, and may die at any point (AWS Secrets Manager
user guide: Rotation by Lambda function). Until `finishSecret` the old password is the one in force
in AWS. Between `setSecret` and `finishSecret` ServiceNow takes only the new one, which nothing
knows of yet: Secrets Manager goes on at once, and again after a failure.

Only passwords are rotated: ServiceNow has no API by which an OAuth client or an API key could
change its own secret. A new one is saved with `PUT /api/servicenow/config`, and is picked up
without a failed call.
"""

import secrets as randomness
from dataclasses import replace
from typing import TYPE_CHECKING

from actionsync.connections.sessions import auth_of
from servicenow_tools.errors import AuthenticationError

if TYPE_CHECKING:
    from actionsync.connections.sessions import Sessions
    from actionsync.stores.activity import ActivityStore
    from actionsync.stores.connections import ConnectionStore
    from actionsync.stores.secrets import Secret, SecretStore
    from servicenow_tools import ServiceNowClient


class RotationError(Exception):
    """The rotation cannot go on; the text says why, and holds no secret."""


class Rotation:
    """What the steps share.

    Args:
        connections: where connections are kept.
        secrets: where secrets are kept.
        sessions: opens clients for ServiceNow.
        activity: the audit trail.
    """

    def __init__(
        self,
        connections: "ConnectionStore",
        secrets: "SecretStore",
        sessions: "Sessions",
        activity: "ActivityStore",
    ) -> None:
        self._connections = connections
        self._secrets = secrets
        self._sessions = sessions
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
            change = {"action": "password_set", "table": "sys_user", "fields": ["user_password"]}
            with self._activity.around(secret.user_id, {"kind": "settings", **change}):
                await self._set(secret_id, replaced, secret)
        elif step == "testSecret":
            await self._test(secret)
        elif step == "finishSecret":
            change = {"action": "password_rotated", "fields": ["password"]}
            with self._activity.around(secret.user_id, {"kind": "settings", **change}):
                self._finish(secret_id, token, replaced, secret)
        else:
            raise RotationError(f"There is no step {step}.")

    def _create(self, secret_id: str, token: str) -> None:
        version, secret = self._secrets.current(secret_id)
        if version == token or self._secrets.pending(secret_id, token) is not None:
            return
        if "password" not in secret.values:
            method = secret.identity.auth_method
            raise RotationError(
                f"ServiceNow has no API to renew what {method} signs in with. Make a new one in "
                "ServiceNow and save it with PUT /api/servicenow/config."
            )
        # One of each kind of character that password policies ask for, and 192 random bits.
        password = f"Aa1!{randomness.token_urlsafe(24)}"
        new = replace(secret, values={**secret.values, "password": password})
        self._secrets.put_pending(secret_id, token, version, new)

    async def _set(self, secret_id: str, replaced: str, new: "Secret") -> None:
        version, old = self._secrets.current(secret_id)
        if version != replaced:
            raise RotationError("The connection was saved again meanwhile; its secret stays.")
        async with self._client(old) as client:
            try:
                await client.set_password(new.values["password"])
            except AuthenticationError:
                # A step that died may have set it.
                async with self._client(new) as renewed:
                    if not await _signs_in(renewed):
                        raise

    async def _test(self, secret: "Secret") -> None:
        async with self._client(secret) as client:
            if not await _signs_in(client):
                raise RotationError(
                    "ServiceNow does not take the new password: the user may not change its own. "
                    "It needs the right to write sys_user.user_password of its own record."
                )

    def _finish(self, secret_id: str, token: str, replaced: str, secret: "Secret") -> None:
        if not self._secrets.promote(secret_id, token, replaced):
            raise RotationError("The connection was saved again meanwhile; its secret stays.")
        self._connections.follow(secret.user_id, replaced, token)

    def _client(self, secret: "Secret") -> "ServiceNowClient":
        return self._sessions.open(secret.identity, auth_of(secret))


async def _signs_in(client: "ServiceNowClient") -> bool:
    report = await client.test_connection()
    return any(check.name == "signed_in" and check.status == "passed" for check in report.checks)
