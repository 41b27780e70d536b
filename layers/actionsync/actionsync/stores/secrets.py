"""Users' ServiceNow passwords in Secrets Manager: one secret a user.

A secret repeats the host and the user name that its password belongs to, so that a password can
never reach another host, whatever became of the item that names it.
"""

import hashlib
import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypedDict

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

_PLAIN_USER_ID = re.compile(r"[A-Za-z0-9_.@-]{1,64}")

# A secret's name is free again moments after its deletion, not at once (API DeleteSecret:
# ForceDeleteWithoutRecovery); these pauses, in seconds, wait for that.
_PAUSES_UNTIL_NAME_IS_FREE = (0.2, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Secret:
    """What ServiceNow asks of a user: for the method `basic`, a password.

    Attributes:
        instance_url: the only host that may see it.
        username: the user it belongs to.
        password: the password; no repr shows it.
    """

    instance_url: str
    username: str
    password: str = field(repr=False)

    auth_method: ClassVar[str] = "basic"


class SecretStore:
    """The users' secrets."""

    def __init__(self, secrets_manager: "SecretsManagerClient", prefix: str, key: str = "") -> None:
        """Take the Secrets Manager client, the start of every secret's name, and their key.

        The key is a KMS key's ARN, or empty for AWS's own; only `create` uses it.
        """
        self._secrets_manager = secrets_manager
        self._prefix = prefix
        self._encryption = encryption(key)

    def create(self, user_id: str, token: str, secret: Secret) -> str:
        """Write the first version of a user's secret, or a further one where it exists.

        Args:
            user_id: whose secret.
            token: 32 to 64 characters; two calls with the same one write one version.
            secret: what to keep.

        Returns:
            The version's id.
        """
        name, text = self._name(user_id), _text(secret)
        pauses = iter(_PAUSES_UNTIL_NAME_IS_FREE)
        while True:
            try:
                return self._secrets_manager.create_secret(
                    Name=name, ClientRequestToken=token, SecretString=text, **self._encryption
                )["VersionId"]
            except self._secrets_manager.exceptions.ResourceExistsException:
                return self.add_version(user_id, token, secret)
            except self._secrets_manager.exceptions.InvalidRequestException:
                pause = next(pauses, None)
                if pause is None:
                    raise
                time.sleep(pause)

    def add_version(self, user_id: str, token: str, secret: Secret) -> str:
        """Write a further version of a user's secret, beside the others, and return its id."""
        return self._secrets_manager.put_secret_value(
            SecretId=self._name(user_id), ClientRequestToken=token, SecretString=_text(secret)
        )["VersionId"]

    def get(self, user_id: str, version: str) -> Secret | None:
        """Return that version of a user's secret, or None where it does not exist."""
        try:
            answer = self._secrets_manager.get_secret_value(
                SecretId=self._name(user_id), VersionId=version
            )
        except self._secrets_manager.exceptions.ResourceNotFoundException:
            return None
        return _secret(answer["SecretString"])

    def get_current(self, user_id: str) -> Secret | None:
        """Return the newest version of a user's secret, as a rotation leaves it, or None."""
        try:
            answer = self._secrets_manager.get_secret_value(SecretId=self._name(user_id))
        except self._secrets_manager.exceptions.ResourceNotFoundException:
            return None
        return _secret(answer["SecretString"])

    def delete(self, user_id: str) -> None:
        """Delete a user's secret with all its versions, at once; a missing one is no error."""
        try:
            self._secrets_manager.delete_secret(
                SecretId=self._name(user_id), ForceDeleteWithoutRecovery=True
            )
        except self._secrets_manager.exceptions.ResourceNotFoundException:
            return

    def _name(self, user_id: str) -> str:
        """Return the secret's name: no two users share one, whatever an issuer puts in `sub`."""
        if _PLAIN_USER_ID.fullmatch(user_id):
            return self._prefix + user_id
        return f"{self._prefix}sha256={hashlib.sha256(user_id.encode()).hexdigest()}"


class Encryption(TypedDict, total=False):
    """CreateSecret's choice of a key."""

    KmsKeyId: str


def encryption(key: str) -> Encryption:
    """Return CreateSecret's choice of a key; empty for AWS's own."""
    return {"KmsKeyId": key} if key else {}


def _text(secret: Secret) -> str:
    return json.dumps(
        {
            "auth_method": secret.auth_method,
            "instance_url": secret.instance_url,
            "username": secret.username,
            "password": secret.password,
        }
    )


def _secret(text: str) -> Secret:
    values = json.loads(text)
    return Secret(values["instance_url"], values["username"], values["password"])
