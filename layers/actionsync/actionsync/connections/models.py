"""What a caller may send about a connection."""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from actionsync.connections import hosts
from actionsync.settings import settings
from actionsync.stores.connections import checked_name
from actionsync.stores.credentials import METHODS, NAMES, SECRETS, AuthMethod, Identity

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")


def _instance_url(text: str) -> str:
    return hosts.instance_url(text, settings().allowed_instance_hosts)


def _username(text: str) -> str:
    # RFC 7617: a colon would end the user name, and control characters are not allowed.
    if ":" in text or not text.isprintable():
        raise ValueError("must not contain a colon or control characters")
    return text


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not contain control characters")
    return text


def _secret(secret: SecretStr) -> SecretStr:
    if _CONTROL_CHARACTERS.search(secret.get_secret_value()):
        raise ValueError("must not contain control characters")
    return secret


def _header(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text.isascii() or not text.isprintable():
        raise ValueError("must be printable ASCII")
    return secret


ConnectionName = Annotated[str, AfterValidator(checked_name)]
InstanceUrl = Annotated[
    str,
    Field(min_length=1, max_length=255, examples=["https://example.service-now.com"]),
    AfterValidator(_instance_url),
]
Username = Annotated[
    str,
    Field(min_length=1, max_length=255, examples=["actionsync.integration"]),
    AfterValidator(_username),
]
ClientId = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_printable)]
# It stands in the name of an alias of AWS KMS.
KeyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", examples=["actionsync-2026"])]
SecretText = Annotated[SecretStr, Field(min_length=1, max_length=4096), AfterValidator(_secret)]
Password = Annotated[SecretStr, Field(min_length=1, max_length=1024), AfterValidator(_secret)]
Pem = Annotated[
    SecretStr, Field(min_length=1, max_length=20_000, description="PEM, of more lines than one.")
]
ApiKey = Annotated[SecretStr, Field(min_length=1, max_length=1024), AfterValidator(_header)]


class PendingQuery(BaseModel):
    """What a change is for."""

    model_config = ConfigDict(extra="forbid")

    pending: Annotated[
        bool,
        Field(
            description="Store a new key or certificate beside the one in use, which goes on "
            "until the new one is promoted."
        ),
    ] = False


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    def secrets(self) -> dict[str, str]:
        """Return the secret fields that were sent, by name."""
        return {
            name: value.get_secret_value()
            for name in SECRETS
            if (value := getattr(self, name)) is not None
        }


class _Typed(_Input):
    """A connection as a person types it; which fields there are follows from the method."""

    needs_secrets: ClassVar[bool]

    instance_url: InstanceUrl
    auth_method: AuthMethod = "basic"
    username: Username | None = Field(None, validate_default=True)
    password: Password | None = Field(None, validate_default=True)
    client_id: ClientId | None = Field(None, validate_default=True)
    key_id: KeyId | None = Field(None, validate_default=True)
    client_secret: SecretText | None = Field(None, validate_default=True)
    refresh_token: SecretText | None = Field(None, validate_default=True)
    api_key: ApiKey | None = Field(None, validate_default=True)
    certificate: Pem | None = Field(None, validate_default=True)
    private_key: Pem | None = Field(None, validate_default=True)

    @field_validator(*NAMES, *SECRETS)
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Any:
        """Want what the method consists of, and nothing else."""
        auth_method = info.data.get("auth_method")
        if auth_method is None or info.field_name is None:  # which is wrong itself
            return value
        method = METHODS[auth_method]
        if value is not None and info.field_name not in method.fields:
            raise ValueError(f"is not used by {auth_method}")
        needed = method.fields if cls.needs_secrets else method.names
        if value is None and info.field_name in needed:
            raise ValueError(f"is needed for {auth_method}")
        return value

    @property
    def identity(self) -> Identity:
        """Who calls where."""
        names = {name: getattr(self, name) or "" for name in NAMES}
        return Identity(self.instance_url, self.auth_method, **names)


class NewConnection(_Typed):
    """A connection to store.

    Besides `instance_url` each method takes its own fields: `basic` username and password;
    `oauth_client_credentials` client_id and client_secret; `oauth_password` all four of these;
    `oauth_refresh_token` client_id, client_secret and refresh_token; `oauth_authorization_code`
    client_id and client_secret, and then a person's sign-in; `oauth_jwt_bearer` username,
    client_id, client_secret and key_id, and then a key in AWS KMS; `api_key` api_key;
    `client_certificate` certificate and private_key.
    """

    needs_secrets = True


class NamedConnection(NewConnection):
    """A connection to store, by the name that rules, webhooks and calls say."""

    name: ConnectionName


class HowToTest(BaseModel):
    """Which version a test of a stored connection is of, and what it does beside."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[
        Literal["current", "pending"], Field(description="`pending`: what is not promoted yet.")
    ] = "current"
    missing: Annotated[
        Literal["discard"] | None,
        Field(
            description="`discard`: where most open tickets can no longer be read, take those that "
            "are still missing for deleted, if the connection works."
        ),
    ] = None


class ConnectionToTest(_Typed):
    """A connection to test before it is stored.

    The secrets may be left out for what is stored: then the stored ones are used.
    """

    needs_secrets = False

    def audited(self) -> dict[str, str]:
        """Return what the audit trail keeps of it."""
        return {"instance_url": self.instance_url, "username": self.username or ""}


class ConnectionChange(_Input):
    """What to change in a stored connection; a field left out stays as it is.

    Secrets belong to one host and one identity there. Whoever changes instance_url, auth_method,
    username, client_id or key_id, or one of the secrets, sends all secrets of the method.
    `{"pending": null}` drops a pending key or certificate, and changes nothing else.
    """

    instance_url: InstanceUrl | None = None
    auth_method: AuthMethod | None = None
    username: Username | None = None
    password: Password | None = None
    client_id: ClientId | None = None
    key_id: KeyId | None = None
    client_secret: SecretText | None = None
    refresh_token: SecretText | None = None
    api_key: ApiKey | None = None
    certificate: Pem | None = None
    private_key: Pem | None = None
    pending: Annotated[
        None, Field(description="null drops the pending key or certificate; sent alone.")
    ] = None

    @model_validator(mode="after")
    def _changes_something(self) -> "ConnectionChange":
        if not self.model_fields_set:
            raise ValueError("must change at least one field")
        return self

    @field_validator("pending")
    @classmethod
    def _alone(cls, value: None, info: ValidationInfo) -> None:
        if any(other is not None for other in info.data.values()):
            raise ValueError("is dropped by itself: send nothing else")
        return value

    @property
    def drops_pending(self) -> bool:
        """Whether it drops what is pending, which it does alone."""
        return "pending" in self.model_fields_set

    def changed(self, old: Identity) -> Identity:
        """Return who calls where after the change."""
        auth_method = self.auth_method or old.auth_method
        names = {
            name: getattr(self, name) or getattr(old, name) for name in METHODS[auth_method].names
        }
        return Identity(self.instance_url or old.instance_url, auth_method, **names)
