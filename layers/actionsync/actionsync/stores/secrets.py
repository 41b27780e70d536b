"""Users' ServiceNow credentials in Secrets Manager: one secret a user.

A secret repeats whom and which host its credentials belong to, so that a password can never reach
another host, whatever became of the item that names it.
"""

import hashlib
import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from actionsync.stores.credentials import METHODS, NAMES, Identity

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

_ROTATED_FROM = "rotated_from"
_PLAIN_USER_ID = re.compile(r"[A-Za-z0-9_.@-]{1,64}")

# A secret's name is free again moments after its deletion, not at once (API DeleteSecret:
# ForceDeleteWithoutRecovery); these pauses, in seconds, wait for that.
_PAUSES_UNTIL_NAME_IS_FREE = (0.2, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Secret:
    """What ServiceNow asks of a user.

    Attributes:
        user_id: whose it is.
        identity: who calls where with it.
        values: the method's secret fields by name; no repr shows them.
    """

    user_id: str
    identity: Identity
    values: dict[str, str] = field(repr=False)


class SecretStore:
    """The users' secrets."""

    def __init__(self, secrets_manager: "SecretsManagerClient", prefix: str, key: str = "") -> None:
        """Take the Secrets Manager client, the start of every secret's name, and their key.

        The key is a KMS key's ARN, or empty for AWS's own; only `create` uses it.
        """
        self._secrets_manager = secrets_manager
        self._prefix = prefix
        self._encryption = encryption(key)

    def create(self, token: str, secret: Secret) -> str:
        """Write the first version of a user's secret, or a further one where it exists.

        Args:
            token: 32 to 64 characters; two calls with the same one write one version.
            secret: what to keep.

        Returns:
            The version's id.
        """
        name, text = self._name(secret.user_id), text_of(secret)
        pauses = iter(_PAUSES_UNTIL_NAME_IS_FREE)
        while True:
            try:
                return self._secrets_manager.create_secret(
                    Name=name, ClientRequestToken=token, SecretString=text, **self._encryption
                )["VersionId"]
            except self._secrets_manager.exceptions.ResourceExistsException:
                return self.add_version(token, secret)
            except self._secrets_manager.exceptions.InvalidRequestException:
                pause = next(pauses, None)
                if pause is None:
                    raise
                time.sleep(pause)

    def add_version(self, token: str, secret: Secret) -> str:
        """Write a further version of a user's secret, beside the others, and return its id."""
        return self._secrets_manager.put_secret_value(
            SecretId=self._name(secret.user_id),
            ClientRequestToken=token,
            SecretString=text_of(secret),
        )["VersionId"]

    def get(self, user_id: str, version: str) -> Secret | None:
        """Return that version of a user's secret, or None where it does not exist."""
        try:
            answer = self._secrets_manager.get_secret_value(
                SecretId=self._name(user_id), VersionId=version
            )
        except self._secrets_manager.exceptions.ResourceNotFoundException:
            return None
        return secret_of(answer["SecretString"])

    def get_current(self, user_id: str) -> Secret | None:
        """Return the newest version of a user's secret, as a rotation leaves it, or None."""
        try:
            answer = self._secrets_manager.get_secret_value(
                SecretId=self._name(user_id), VersionStage="AWSCURRENT"
            )
        except self._secrets_manager.exceptions.ResourceNotFoundException:
            return None
        return secret_of(answer["SecretString"])

    def current(self, secret_id: str) -> tuple[str, Secret]:
        """Return the version id of a secret that is in force, and the secret, for its rotation."""
        answer = self._secrets_manager.get_secret_value(
            SecretId=secret_id, VersionStage="AWSCURRENT"
        )
        return answer["VersionId"], secret_of(answer["SecretString"])

    def pending(self, secret_id: str, token: str) -> tuple[str, Secret] | None:
        """Return the version that a rotation's new secret replaces and that secret, or None."""
        try:
            answer = self._secrets_manager.get_secret_value(SecretId=secret_id, VersionId=token)
        except self._secrets_manager.exceptions.ResourceNotFoundException:
            return None
        text = answer["SecretString"]
        return json.loads(text)[_ROTATED_FROM], secret_of(text)

    def put_pending(self, secret_id: str, token: str, replaced: str, secret: Secret) -> None:
        """Write a rotation's new secret, which is not in force yet.

        Args:
            secret_id: the secret's name or ARN.
            token: the rotation's token, which becomes the version's id.
            replaced: the version it is to replace, and none else.
            secret: the new secret.
        """
        self._secrets_manager.put_secret_value(
            SecretId=secret_id,
            ClientRequestToken=token,
            SecretString=text_of(secret, **{_ROTATED_FROM: replaced}),
            VersionStages=["AWSPENDING"],
        )

    def promote(self, secret_id: str, token: str, replaced: str) -> bool:
        """Put a rotation's new secret in force; tell whether it is.

        It is not if another version than the replaced one is in force by now: then somebody has
        saved a secret meanwhile, which stays.
        """
        version, _ = self.current(secret_id)
        if version == token:
            return True
        if version != replaced:
            return False
        self._secrets_manager.update_secret_version_stage(
            SecretId=secret_id,
            VersionStage="AWSCURRENT",
            MoveToVersionId=token,
            # Secrets Manager refuses it where the label has moved on.
            RemoveFromVersionId=replaced,
        )
        return True

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


def text_of(secret: Secret, **others: str) -> str:
    """Return a secret as it is written: one JSON object of texts, as rotations expect it."""
    identity = secret.identity
    names = {name: getattr(identity, name) for name in METHODS[identity.auth_method].names}
    return json.dumps(
        {
            "user_id": secret.user_id,
            "auth_method": identity.auth_method,
            "instance_url": identity.instance_url,
            **names,
            **secret.values,
            **others,
        }
    )


def secret_of(text: str) -> Secret:
    """Return a secret from what was written."""
    document: dict[str, Any] = json.loads(text)
    method = document["auth_method"]
    names = {name: document.get(name, "") for name in NAMES}
    return Secret(
        document["user_id"],
        Identity(document["instance_url"], method, **names),
        {name: document[name] for name in METHODS[method].secrets},
    )
