"""Ways to sign in to ServiceNow, and what each of them consists of."""

from dataclasses import dataclass
from typing import Literal, get_args

AuthMethod = Literal[
    "basic",
    "oauth_client_credentials",
    "oauth_password",
    "oauth_refresh_token",
    "oauth_authorization_code",
    "oauth_jwt_bearer",
    "api_key",
    "client_certificate",
]


@dataclass(frozen=True, slots=True)
class Method:
    """What a method consists of.

    Attributes:
        names: the fields that say who calls; anybody may see them.
        secrets: the fields that prove it; they are in Secrets Manager alone.
        learned: the secret that a person's sign-in adds, without which nothing can be called.
        is_registered: whether an administrator registers what it signs in with in ServiceNow: the
            next one is stored as pending, beside the one in use.
        is_tested_as_stored: whether it cannot be tested before: a person signs in to what is
            stored, and a key signs for that.
    """

    names: tuple[str, ...]
    secrets: tuple[str, ...]
    learned: str = ""
    is_registered: bool = False
    is_tested_as_stored: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields that a person fills in."""
        return self.names + self.secrets

    @property
    def stored(self) -> tuple[str, ...]:
        """All that its secret in Secrets Manager may have."""
        found = (*self.secrets, self.learned) if self.learned else self.secrets
        return (*found, *_RENEWED) if "refresh_token" in found else found


# What comes with a refresh token that has replaced another one.
_RENEWED = ("access_token", "good_until")

METHODS: dict[AuthMethod, Method] = {
    "basic": Method(("username",), ("password",)),
    "oauth_client_credentials": Method(("client_id",), ("client_secret",)),
    "oauth_password": Method(("username", "client_id"), ("password", "client_secret")),
    "oauth_refresh_token": Method(("client_id",), ("client_secret", "refresh_token")),
    "oauth_authorization_code": Method(
        ("client_id",), ("client_secret",), "refresh_token", is_tested_as_stored=True
    ),
    "oauth_jwt_bearer": Method(
        ("username", "client_id", "key_id"),
        ("client_secret",),
        is_registered=True,
        is_tested_as_stored=True,
    ),
    "api_key": Method((), ("api_key",)),
    "client_certificate": Method((), ("certificate", "private_key"), is_registered=True),
}
NAMES = ("username", "client_id", "key_id")
SECRETS = (
    "password", "client_secret", "refresh_token", "api_key", "certificate", "private_key",
)  # fmt: skip
assert set(METHODS) == set(get_args(AuthMethod))  # noqa: S101 - of the code itself


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls where. Secrets belong to exactly one of these, and serve no other.

    Attributes:
        instance_url: `https://<host>`, the only host that may see the secrets.
        auth_method: how the connection signs in.
        username: the ServiceNow user, empty where the method names none.
        client_id: the OAuth application, empty where the method names none.
        key_id: what ServiceNow knows the signing key by, empty where the method names none.
    """

    instance_url: str
    auth_method: AuthMethod = "basic"
    username: str = ""
    client_id: str = ""
    key_id: str = ""
