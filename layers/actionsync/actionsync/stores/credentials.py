"""Ways to sign in to ServiceNow, and what each of them consists of."""

from dataclasses import dataclass
from typing import Literal, get_args

AuthMethod = Literal[
    "basic",
    "oauth_client_credentials",
    "oauth_password",
    "oauth_refresh_token",
    "oauth_authorization_code",
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
    """

    names: tuple[str, ...]
    secrets: tuple[str, ...]
    learned: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        """All that a person types."""
        return self.names + self.secrets

    @property
    def kept(self) -> tuple[str, ...]:
        """All that a secret may have."""
        found = (*self.secrets, self.learned) if self.learned else self.secrets
        return (*found, *_RENEWED) if "refresh_token" in found else found


# What comes with a refresh token that has replaced another one.
_RENEWED = ("access_token", "good_until")

METHODS: dict[AuthMethod, Method] = {
    "basic": Method(("username",), ("password",)),
    "oauth_client_credentials": Method(("client_id",), ("client_secret",)),
    "oauth_password": Method(("username", "client_id"), ("password", "client_secret")),
    "oauth_refresh_token": Method(("client_id",), ("client_secret", "refresh_token")),
    "oauth_authorization_code": Method(("client_id",), ("client_secret",), "refresh_token"),
    "api_key": Method((), ("api_key",)),
    "client_certificate": Method((), ("certificate", "private_key")),
}
NAMES = ("username", "client_id")
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
    """

    instance_url: str
    auth_method: AuthMethod = "basic"
    username: str = ""
    client_id: str = ""
