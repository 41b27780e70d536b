"""Signing in: passwords, OAuth tokens, API keys and client certificates.

Documentation: OAuth 2.0 API request parameters; Configure API key; Certificate-based
authentication. Every refusal of a token looks the same: the cause is in the instance's log alone.
"""

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import jwt
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from local.servicenow.instance import Account, Instance

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Application:
    """An OAuth application.

    Attributes:
        client_id: who asks.
        client_secret: how it proves that.
        user_name: the user that client credentials stand for; without one the grant is refused.
        public_key: PEM of the key that signs assertions.
        grants: the grants that are switched on.
    """

    client_id: str
    client_secret: str = field(repr=False)
    user_name: str = ""
    public_key: str = ""
    grants: frozenset[str] = frozenset(
        {"password", "client_credentials", "refresh_token", JWT_BEARER}
    )


@dataclass(slots=True)
class Access:
    """What lets one in, besides the users' passwords.

    Attributes:
        applications: OAuth applications by client id.
        api_keys: user names by key.
        certificates: user names by the common name of a client certificate.
        token_seconds: how long an access token lives.
        tokens: user name and end, in seconds of the instance's clock, by access token.
        refresh_tokens: user names by refresh token.
    """

    applications: dict[str, Application] = field(default_factory=dict)
    api_keys: dict[str, str] = field(default_factory=dict)
    certificates: dict[str, str] = field(default_factory=dict)
    token_seconds: float = 1799
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)


def account_of(instance: "Instance", request: "Request") -> "Account | None":
    """Return who signed a request, or None."""
    key = request.headers.get("x-sn-apikey")
    if key is not None:
        return _active(instance, instance.access.api_keys.get(key, ""))
    kind, _, credentials = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        return _by_password(instance, credentials)
    if kind.lower() == "bearer":
        user_name, end = instance.access.tokens.get(credentials, ("", 0.0))
        return _active(instance, user_name) if end > instance.seconds() else None
    return _active(instance, instance.access.certificates.get(_common_name(request), ""))


async def give_token(instance: "Instance", request: "Request") -> "Response":
    """POST /oauth_token.do: a token for a grant, form-encoded only."""
    content_type = request.headers.get("content-type", "")
    if not content_type.startswith("application/x-www-form-urlencoded"):
        return _no_token()
    form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
    application = _application(instance, request, form)
    grant = form.get("grant_type", "")
    if application is None or grant not in application.grants:
        return _no_token()
    user_name = _granted(instance, application, grant, form)
    account = _active(instance, user_name)
    if account is None:
        return _no_token()
    access = instance.access
    now = instance.seconds()
    # Asked again within its lifetime, the instance gives the same token.
    token, end = next(
        ((token, end) for token, (name, end) in access.tokens.items()
         if name == account.user_name and end > now),
        (secrets.token_urlsafe(48), now + access.token_seconds),
    )  # fmt: skip
    access.tokens[token] = (account.user_name, end)
    body: dict[str, Any] = {
        "access_token": token,
        "scope": "useraccount",
        "token_type": "Bearer",
        "expires_in": int(end - now),
    }
    if grant in {"password", "refresh_token"}:
        refresh = form.get("refresh_token") or secrets.token_urlsafe(48)
        access.refresh_tokens[refresh] = account.user_name
        body["refresh_token"] = refresh
    return JSONResponse(body)


def _granted(
    instance: "Instance", application: Application, grant: str, form: dict[str, str]
) -> str:
    """Return the user name that a grant stands for, empty where it is refused."""
    if grant == "client_credentials":
        return application.user_name
    if grant == "refresh_token":
        return instance.access.refresh_tokens.get(form.get("refresh_token", ""), "")
    if grant == "password":
        account = instance.accounts.get(form.get("username", ""))
        right = account is not None and account.password == form.get("password")
        return form["username"] if right else ""
    try:
        claims = jwt.decode(
            form.get("assertion", ""),
            application.public_key,
            algorithms=["RS256"],
            audience=application.client_id,
            issuer=application.client_id,
            options={"require": ["exp", "iat", "sub"]},
        )
    except (jwt.InvalidTokenError, ValueError):
        return ""
    return str(claims["sub"])


def _application(
    instance: "Instance", request: "Request", form: dict[str, str]
) -> Application | None:
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        client_id, secret = _pair(encoded)
    application = instance.access.applications.get(client_id)
    if application is None or not secret or application.client_secret != secret:
        return None
    return application


def _no_token() -> "Response":
    return JSONResponse({"error_description": "access_denied", "error": "server_error"}, 401)


def _by_password(instance: "Instance", encoded: str) -> "Account | None":
    user_name, password = _pair(encoded)
    account = _active(instance, user_name)
    if account is None or not account.password or account.password != password:
        return None
    # A new instance refuses basic authentication with the ordinary 401, password right or not.
    return account if account.basic_auth else None


def _active(instance: "Instance", user_name: str) -> "Account | None":
    account = instance.accounts.get(user_name)
    row = instance.find("sys_user", account.sys_id) if account is not None else None
    return account if row is not None and row["active"] == "true" else None


def _pair(encoded: str) -> tuple[str, str]:
    try:
        first, _, second = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return first, second


def _common_name(request: "Request") -> str:
    transport = request.scope.get("simulator.transport")
    tls = transport.get_extra_info("ssl_object") if transport is not None else None
    certificate = (tls.getpeercert() if tls is not None else None) or {}
    names = dict(pair for part in certificate.get("subject", ()) for pair in part)
    return str(names.get("commonName", ""))
