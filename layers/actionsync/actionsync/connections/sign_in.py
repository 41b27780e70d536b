"""A person's sign-in to ServiceNow, by which a connection goes from then on."""

import secrets as randomness
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from actionsync import clock
from actionsync.connections.service import find_connection, locked
from actionsync.errors import (
    ConnectionIncompleteError,
    FieldError,
    InvalidInputError,
    SignInRefusedError,
)
from actionsync.stores.credentials import METHODS
from actionsync.stores.sign_ins import SIGN_IN_SECONDS, SignIn
from servicenow_tools.auth import AuthorizationCode, authorization_url

if TYPE_CHECKING:
    from actionsync.connections.clients import ClientCache
    from actionsync.stores.connections import Connection, ConnectionStore
    from actionsync.stores.secrets import Secret, SecretStore
    from actionsync.stores.sign_ins import SignInStore


class FinishedSignIn(BaseModel):
    """What ServiceNow has sent along with the person who signed in."""

    model_config = ConfigDict(extra="forbid", strict=True)

    code: Annotated[SecretStr, Field(min_length=1, max_length=4096)]
    state: Annotated[str, Field(min_length=1, max_length=1000)]
    replace_user: Annotated[
        bool, Field(description="Whether it may be another ServiceNow user than before.")
    ] = False


@dataclass(frozen=True, slots=True)
class SignIns:
    """What sign-ins work with."""

    connections: "ConnectionStore"
    secrets: "SecretStore"
    clients: "ClientCache"
    begun: "SignInStore"

    def begin(self, user_id: str, owner: str, name: str, page: str, place: str) -> dict[str, Any]:
        """Return where the person signs in: `{url, redirect_uri, expires_in}`.

        Args:
            user_id: who begins it.
            owner: whose connection it is for.
            name: that connection's name.
            page: the address that ServiceNow sends the person back to.
            place: what the page calls the connection by.

        Raises:
            ConnectionNotFoundError: there is no such connection.
            InvalidInputError: it signs in without a person.
        """
        connection = self._found(owner, name)
        state = f"{randomness.token_urlsafe(32)}.{quote(place, safe='')}"
        verifier = randomness.token_urlsafe(64)
        self.begun.begin(state, SignIn(user_id, owner, name, verifier, page))
        url = authorization_url(
            connection.instance_url,
            connection.client_id,
            redirect_uri=page,
            state=state,
            code_verifier=verifier,
        )
        return {"url": url, "redirect_uri": page, "expires_in": SIGN_IN_SECONDS}

    async def finish(
        self, user_id: str, owner: str, name: str, finished: FinishedSignIn
    ) -> "Connection":
        """Let a connection go by a sign-in, and return it with who has signed in.

        Raises:
            ConnectionNotFoundError: there is no such connection.
            SignInRefusedError: it was not begun by this user for it, or is another user's than
                before.
            ServiceNowError: ServiceNow does not take the code, or does not answer.
        """
        connection = self._found(owner, name)
        sign_in = self.begun.take(finished.state, user_id, owner, name)
        if sign_in is None:
            raise SignInRefusedError
        secret = self.secrets.of(connection)
        if secret is None or secret.identity != connection.identity:
            raise ConnectionIncompleteError
        grant = AuthorizationCode(
            connection.client_id,
            secret.values["client_secret"],
            code=finished.code.get_secret_value(),
            redirect_uri=sign_in.redirect_uri,
            code_verifier=sign_in.verifier,
        )
        async with self.clients.open(secret, grant) as client:
            person = await client.signed_in_as()
        if person is None or not grant.refresh_token:
            raise SignInRefusedError(
                "ServiceNow took the sign-in, and gave no refresh token, or does not say whose it "
                "is: allow refresh tokens in the OAuth application, and the user to read "
                "its own record in sys_user."
            )
        if connection.signed_in_as not in {"", person} and not finished.replace_user:
            raise SignInRefusedError(
                f"Signed in as {person}, where it was {connection.signed_in_as}: begin again, and "
                "send replace_user if that is meant."
            )
        return self._stored(user_id, owner, connection, secret, (person, grant.refresh_token))

    def _found(self, owner: str, name: str) -> "Connection":
        connection = find_connection(self.connections, owner, name)
        if not METHODS[connection.auth_method].learned:
            raise InvalidInputError(
                FieldError("name", f"{connection.auth_method} signs in without a person")
            )
        return connection

    def _stored(
        self,
        user_id: str,
        owner: str,
        old: "Connection",
        secret: "Secret",
        learned: tuple[str, str],
    ) -> "Connection":
        person, refresh_token = learned
        values = {name: secret.values[name] for name in METHODS[old.auth_method].secrets}
        new = replace(secret, values={**values, "refresh_token": refresh_token}, renews="")
        with locked(self.connections, owner, old) as operation:
            now = clock.iso(clock.now())
            connection = replace(
                old,
                secret_version=self.secrets.add_version(old.id, operation, new),
                updated_at=now,
                version=old.version + 1,
                signed_in_as=person,
                signed_in_at=now,
                signed_in_by=user_id,
            )
            self.connections.save(owner, operation, connection)
        return connection
