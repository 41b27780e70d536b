"""Where the command connects: profiles in a file without secrets, which lie in the keyring.

Variables of the environment come before both: SERVICENOW_URL, SERVICENOW_USERNAME,
SERVICENOW_PASSWORD, SERVICENOW_API_KEY, SERVICENOW_CLIENT_ID, SERVICENOW_CLIENT_SECRET,
SERVICENOW_CA_FILE.
"""

import json
import os
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import keyring
import keyring.errors
import typer

from servicenow_tools import ServiceNowClient as AsyncClient
from servicenow_tools import auth, sync
from servicenow_tools.errors import InvalidRequestError
from servicenow_tools.sync import ServiceNowClient

_SERVICE = "servicenow-tools"


@dataclass(frozen=True, slots=True)
class Profile:
    """An instance and who signs in there.

    Attributes:
        url: `https://<host>`.
        username: the user; empty for an API key or client credentials.
        client_id: the OAuth application, or empty.
        ca_file: PEM file of the authority behind the instance's certificate, if it is private.
        read_only: whether the command refuses to write.
        in_browser: whether a person has signed in in the browser, which left a refresh token.
    """

    url: str
    username: str = ""
    client_id: str = ""
    ca_file: str = ""
    read_only: bool = False
    in_browser: bool = False


def file() -> Path:
    """Return the file of profiles."""
    named = os.environ.get("SERVICENOW_TOOLS_PROFILES")
    return Path(named or Path(typer.get_app_dir(_SERVICE)) / "profiles.toml")


def load(name: str) -> Profile:
    """Return a profile, with what the environment says before it.

    Raises:
        InvalidRequestError: there is none.
    """
    known = _read().get(name, {})
    for field in ("url", "username", "client_id", "ca_file"):
        if value := os.environ.get(f"SERVICENOW_{field.upper()}"):
            known[field] = value
    if not known.get("url"):
        raise InvalidRequestError(
            "is not known: run servicenow-tools login, or set SERVICENOW_URL", f"profile {name}"
        )
    names = {field.name for field in fields(Profile)}
    return Profile(**{field: value for field, value in known.items() if field in names})


def save(name: str, profile: Profile, secrets: dict[str, str]) -> None:
    """Store a profile, and its secrets in the keyring.

    Raises:
        InvalidRequestError: there is no keyring.
    """
    try:
        for kind, secret in secrets.items():
            keyring.set_password(_SERVICE, _entry(profile, kind), secret)
    except keyring.errors.KeyringError as error:
        raise InvalidRequestError(
            f"cannot store the secret ({error}); set SERVICENOW_PASSWORD instead", "keyring"
        ) from None
    profiles = _read() | {name: asdict(profile)}
    # A JSON text is a TOML text, and so are its truth values.
    lines = [
        "\n".join([f"[{json.dumps(key)}]", *(f"{k} = {json.dumps(v)}" for k, v in values.items())])
        for key, values in sorted(profiles.items())
    ]
    file().parent.mkdir(parents=True, exist_ok=True)
    file().write_text("\n\n".join(lines) + "\n")


def connect(profile: Profile) -> ServiceNowClient:
    """Return a client that signs in as a profile says.

    Raises:
        InvalidRequestError: a secret is missing.
    """
    return ServiceNowClient(**_arguments(profile, sync.auth))


def connect_async(profile: Profile) -> AsyncClient:
    """Return an asynchronous client that signs in as a profile says.

    Raises:
        InvalidRequestError: a secret is missing.
    """
    return AsyncClient(**_arguments(profile, auth))


def known() -> list[str]:
    """Return the names of the profiles."""
    return sorted(_read())


def _arguments(profile: Profile, ways: Any) -> dict[str, Any]:
    """Return a client's arguments; `ways` is the module with its ways of signing in."""
    signer: Any
    if profile.client_id:
        secret = _secret(profile, "client_secret")
        signer = ways.ClientCredentials(profile.client_id, secret)
        if profile.in_browser:
            signer = ways.RefreshToken(profile.client_id, secret, _secret(profile, "refresh_token"))
        elif profile.username:
            password = _secret(profile, "password")
            signer = ways.PasswordGrant(profile.client_id, secret, profile.username, password)
    elif profile.username:
        signer = (profile.username, _secret(profile, "password"))
    else:
        signer = ways.ApiKey(_secret(profile, "api_key"))
    return {
        "instance_url": profile.url,
        "username": profile.username or None,
        "auth": signer,
        "ca_file": profile.ca_file or None,
    }


def _read() -> dict[str, dict[str, Any]]:
    try:
        return tomllib.loads(file().read_text())
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequestError(f"is no TOML: {error}", str(file())) from None


def _secret(profile: Profile, kind: str) -> str:
    variable = f"SERVICENOW_{kind.upper()}"
    if secret := os.environ.get(variable):
        return secret
    try:
        stored = keyring.get_password(_SERVICE, _entry(profile, kind))
    except keyring.errors.KeyringError:
        stored = None
    if not stored:
        raise InvalidRequestError(
            f"is not known: run servicenow-tools login, or set {variable}", kind
        )
    return stored


def _entry(profile: Profile, kind: str) -> str:
    return f"{kind} {profile.client_id or profile.username} {profile.url}"
