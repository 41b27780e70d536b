"""What a caller may send about a connection."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from actionsync.connections import hosts
from actionsync.settings import settings

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")


def _instance_url(text: str) -> str:
    return hosts.instance_url(text, settings().allowed_instance_hosts)


def _username(text: str) -> str:
    # RFC 7617: a colon would end the user name, and control characters are not allowed.
    if ":" in text or not text.isprintable():
        raise ValueError("must not contain a colon or control characters")
    return text


def _password(secret: SecretStr) -> SecretStr:
    if _CONTROL_CHARACTERS.search(secret.get_secret_value()):
        raise ValueError("must not contain control characters")
    return secret


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
Password = Annotated[SecretStr, Field(min_length=1, max_length=1024), AfterValidator(_password)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewConnection(_Input):
    """A connection to store."""

    instance_url: InstanceUrl
    username: Username
    password: Password


class ConnectionChange(_Input):
    """What to change in a stored connection; a field left out stays as it is."""

    instance_url: InstanceUrl = ""
    username: Username = ""
    password: Password | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "ConnectionChange":
        if not self.model_fields_set:
            raise ValueError("must change at least one of instance_url, username, password")
        return self


class ConnectionToTest(_Input):
    """A connection to test before it is stored.

    The password may be left out for the host and user that are stored: then the stored one is used.
    """

    instance_url: InstanceUrl
    username: Username
    password: Password | None = None
