"""ServiceNow credentials in Secrets Manager: one secret for each connection.

Its name is `<prefix>connection/<connection id>`. A secret repeats whose it is and which host its
credentials are for, so that a password can never reach another host, whatever became of the item
that names it.
"""

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from actionsync.stores.connections import DEFAULT, Connection
from actionsync.stores.credentials import METHODS, NAMES, Identity

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

_ROTATED_FROM = "rotated_from"

# A secret's name is free again moments after its deletion, not at once (API DeleteSecret:
# ForceDeleteWithoutRecovery); these pauses, in seconds, wait for that.
_PAUSES_UNTIL_NAME_IS_FREE = (0.2, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Secret:
    """What a connection signs in to ServiceNow with.

    Attributes:
        owner: whose it is.
        identity: who calls where with it.
        values: the method's secret fields by name; no repr shows them.
        connection: the name of its connection.
        renews: the version that the connection names, where this is a later state of that: its
            refresh token has replaced the one before.
    """

    owner: str
    identity: Identity
    values: dict[str, str] = field(repr=False)
    connection: str = DEFAULT
    renews: str = ""


class SecretStore:
    """The connections' secrets.

    Args:
        secrets_manager: the Secrets Manager client.
        prefix: start of the name of every secret of the stack.
        key: ARN of the KMS key that encrypts them, or empty for AWS's own; only `create` uses it.
    """

    def __init__(self, secrets_manager: "SecretsManagerClient", prefix: str, key: str = "") -> None:
        self._secrets_manager = secrets_manager
        self._prefix = prefix
        self._encryption = encryption(key)

    def create(self, connection_id: int, token: str, secret: Secret) -> str:
        """Write the first version of a connection's secret, or a further one where it exists.

        Args:
            connection_id: the connection.
            token: 32 to 64 characters; two calls with the same one write one version.
            secret: what to store.

        Returns:
            The version's id.
        """
        name, text = self._name(connection_id), text_of(secret)
        pauses = iter(_PAUSES_UNTIL_NAME_IS_FREE)
        while True:
            try:
                return self._secrets_manager.create_secret(
                    Name=name, ClientRequestToken=token, SecretString=text, **self._encryption
                )["VersionId"]
            except self._secrets_manager.exceptions.ResourceExistsException:
                return self.add_version(connection_id, token, secret)
            except self._secrets_manager.exceptions.InvalidRequestException:
                pause = next(pauses, None)
                if pause is None:
                    raise
                time.sleep(pause)

    def add_version(self, connection_id: int, token: str, secret: Secret) -> str:
        """Write a further version of a connection's secret and return the version's id."""
        return self._secrets_manager.put_secret_value(
            SecretId=self._name(connection_id),
            ClientRequestToken=token,
            SecretString=text_of(secret),
        )["VersionId"]

    def add_pending(self, connection_id: int, token: str, secret: Secret) -> str:
        """Write a pending version, which replaces another pending one, and return its id."""
        return self._secrets_manager.put_secret_value(
            SecretId=self._name(connection_id),
            ClientRequestToken=token,
            SecretString=text_of(secret),
            VersionStages=["AWSPENDING"],
        )["VersionId"]

    def promote_pending(self, connection_id: int, version: str, replaced: str) -> bool:
        """Put a pending version in force and return whether it is (`promote`)."""
        return self.promote(self._name(connection_id), version, replaced)

    def drop_pending(self, connection_id: int, version: str) -> None:
        """Take its label from a pending version: Secrets Manager deletes what has none."""
        errors = self._secrets_manager.exceptions
        try:
            self._secrets_manager.update_secret_version_stage(
                SecretId=self._name(connection_id),
                VersionStage="AWSPENDING",
                RemoveFromVersionId=version,
            )
        except (errors.InvalidParameterException, errors.ResourceNotFoundException):
            return  # a request that died has taken it

    def get(self, connection_id: int, version: str) -> Secret | None:
        """Return that version of a connection's secret, or None where it does not exist."""
        try:
            answer = self._secrets_manager.get_secret_value(
                SecretId=self._name(connection_id), VersionId=version
            )
        except self._secrets_manager.exceptions.ResourceNotFoundException:
            return None
        return secret_of(answer["SecretString"])

    def of(self, connection: Connection) -> Secret | None:
        """Return what a connection signs in with, or None where that does not exist."""
        if "refresh_token" in METHODS[connection.auth_method].stored:
            return self.newest(connection.id, connection.secret_version)
        return self.get(connection.id, connection.secret_version)

    def newest(self, connection_id: int, version: str) -> Secret | None:
        """Return the last state of a version of a connection's secret, or None."""
        for stage in ("AWSCURRENT", "AWSPREVIOUS"):
            # What a request that died has left may be the current one.
            found = self._staged(connection_id, stage)
            if found is not None and version in (found[0], found[1].renews):
                return found[1]
        return self.get(connection_id, version)

    def get_current(self, connection_id: int) -> Secret | None:
        """Return the newest version of a connection's secret, as a rotation leaves it, or None."""
        found = self._staged(connection_id, "AWSCURRENT")
        return found[1] if found else None

    def _staged(self, connection_id: int, stage: str) -> tuple[str, Secret] | None:
        """Return the id of the version that has a stage, and the secret, or None."""
        try:
            answer = self._secrets_manager.get_secret_value(
                SecretId=self._name(connection_id), VersionStage=stage
            )
        except self._secrets_manager.exceptions.ResourceNotFoundException:
            return None
        return answer["VersionId"], secret_of(answer["SecretString"])

    def current(self, secret_id: str) -> tuple[str, Secret]:
        """Return the version id of a secret that is in force, and the secret, for its rotation."""
        answer = self._secrets_manager.get_secret_value(
            SecretId=secret_id, VersionStage="AWSCURRENT"
        )
        return answer["VersionId"], secret_of(answer["SecretString"])

    def pending(self, secret_id: str, token: str) -> tuple[str, Secret] | None:
        """Return the version that a rotation's new secret replaces and that secret, or None.

        The version is empty where Secrets Manager only tries a rotation out, on a copy of what is
        in force (Secrets Manager API reference: RotateSecret, RotateImmediately).
        """
        try:
            answer = self._secrets_manager.get_secret_value(SecretId=secret_id, VersionId=token)
        except self._secrets_manager.exceptions.ResourceNotFoundException:
            return None
        text = answer["SecretString"]
        return json.loads(text).get(_ROTATED_FROM, ""), secret_of(text)

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
        """Put a rotation's new secret in force and return whether it is.

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

    def key_alias(self, connection_id: int, key_id: str) -> str:
        """Return the alias in AWS KMS of the key that signs for a connection; empty for no key."""
        return f"alias/{self._prefix}{connection_id}/{key_id}" if key_id else ""

    def delete(self, connection_id: int) -> None:
        """Delete a connection's secret with all its versions, at once, if it exists."""
        try:
            self._secrets_manager.delete_secret(
                SecretId=self._name(connection_id), ForceDeleteWithoutRecovery=True
            )
        except self._secrets_manager.exceptions.ResourceNotFoundException:
            return

    def _name(self, connection_id: int) -> str:
        return f"{self._prefix}connection/{connection_id}"


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
            "owner": secret.owner,
            "connection": secret.connection,
            "auth_method": identity.auth_method,
            "instance_url": identity.instance_url,
            **names,
            **secret.values,
            **({"renews": secret.renews} if secret.renews else {}),
            **others,
        }
    )


def secret_of(text: str) -> Secret:
    """Return a secret from what was written."""
    document: dict[str, Any] = json.loads(text)
    method = METHODS[document["auth_method"]]
    names = {name: document.get(name, "") for name in NAMES}
    return Secret(
        document["owner"],
        Identity(document["instance_url"], document["auth_method"], **names),
        {name: document[name] for name in method.stored if name in document},
        document["connection"],
        document.get("renews", ""),
    )
