"""Signing in: passwords, OAuth tokens, API keys and client certificates.

Documentation: OAuth 2.0 API request parameters; Configure API key; Certificate-based
authentication. Every refusal of a token looks the same: the cause is in the instance's log alone.
"""

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import jwt
from starlette.responses import JSONResponse

from .accounts import Account, roles_of
from .errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from .store import Row, Store

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Of people who signed in on the page; the APIs know nothing of it.
SESSION_COOKIE = "glide_user_session"
_CODE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Application:
    """An OAuth application.

    Attributes:
        client_id: who asks.
        client_secret: how it proves that.
        user_name: the user that client credentials stand for; without one the grant is refused.
        public_key: PEM of the key that signs assertions.
        grants: the grants that are switched on.
        redirect_urls: where a person who signed in may be sent to.
    """

    client_id: str
    client_secret: str = field(repr=False)
    user_name: str = ""
    public_key: str = ""
    grants: frozenset[str] = frozenset(
        {"password", "client_credentials", "refresh_token", "authorization_code", JWT_BEARER}
    )
    redirect_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """What a person who signed in has allowed an application, until `end`."""

    client_id: str
    user_name: str
    redirect_uri: str
    challenge: str
    end: float


@dataclass(slots=True)
class Access:
    """What lets one in.

    Attributes:
        passwords: passwords by user name.
        without_basic_auth: names of users who are refused basic authentication.
        restricts_basic_auth: whether everybody is, as on new instances (basic-authentication.md).
        applications: OAuth applications by client id.
        api_keys: user names by key.
        certificates: user names by the common name of a client certificate.
        token_seconds: how long an access token lives.
        tokens: user name and end, in seconds of the instance's clock, by access token.
        refresh_tokens: user names by refresh token.
        replaces_refresh_tokens: whether each use of one ends it, and gives another.
        codes: what people have allowed applications, by code.
        sessions: user names by the session cookie of people who signed in on the page.
    """

    passwords: dict[str, str] = field(default_factory=dict)
    without_basic_auth: set[str] = field(default_factory=set)
    restricts_basic_auth: bool = False
    applications: dict[str, Application] = field(default_factory=dict)
    api_keys: dict[str, str] = field(default_factory=dict)
    certificates: dict[str, str] = field(default_factory=dict)
    token_seconds: float = 1799
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    replaces_refresh_tokens: bool = False
    codes: dict[str, Code] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)

    def copy(self) -> "Access":
        """Return a copy that shares nothing that changes."""
        return replace(
            self,
            passwords=dict(self.passwords),
            without_basic_auth=set(self.without_basic_auth),
            applications=dict(self.applications),
            api_keys=dict(self.api_keys),
            certificates=dict(self.certificates),
            tokens=dict(self.tokens),
            refresh_tokens=dict(self.refresh_tokens),
            codes=dict(self.codes),
            sessions=dict(self.sessions),
        )


def account_of_row(store: "Store", access: Access, row: "Row") -> Account:
    """Return the account of a row of sys_user."""
    name = row["user_name"]
    return Account(
        row["sys_id"],
        name,
        access.passwords.get(name, ""),
        roles_of(store, row["sys_id"]),
        name not in access.without_basic_auth,
    )


def account_of(store: "Store", access: Access, request: "Request") -> Account | None:
    """Return who signed a request, or None.

    A client certificate wins over a header (documentation: Certificate-based authentication).
    """
    by_certificate = access.certificates.get(_common_name(request))
    if by_certificate is not None:
        return _active(store, access, by_certificate)
    key = request.headers.get("x-sn-apikey") or request.query_params.get("x-sn-apikey")
    if key is not None:
        return _active(store, access, access.api_keys.get(key, ""))
    kind, _, credentials = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        return _by_basic_auth(store, access, credentials)
    if kind.lower() == "bearer":
        user_name, end = access.tokens.get(credentials, ("", 0.0))
        return _active(store, access, user_name) if end > store.seconds() else None
    return None


def account_of_session(store: "Store", access: Access, request: "Request") -> Account | None:
    """Return who signed in on the page, or None."""
    cookie = request.cookies.get(SESSION_COOKIE, "")
    return _active(store, access, access.sessions.get(cookie, ""))


def asks_second_factor(store: "Store", request: "Request") -> bool:
    """Return whether a refused request names a user who needs a second factor."""
    kind, _, credentials = request.headers.get("authorization", "").partition(" ")
    row = store.first("sys_user", user_name=_pair(credentials)[0])
    return kind.lower() == "basic" and row is not None and _has_second_factor(row)


def sign_in(store: "Store", access: Access, user_name: str, password: str) -> str:
    """Return a new session's cookie for a user with this password, or an empty text."""
    account = _by_password(store, access, user_name, password)
    if account is None:
        return ""
    cookie = secrets.token_hex(16).upper()
    access.sessions[cookie] = account.user_name
    return cookie


async def give_token(store: "Store", access: Access, request: "Request") -> "Response":
    """POST /oauth_token.do: a token for a grant, form-encoded only."""
    content_type = request.headers.get("content-type", "")
    if not content_type.startswith("application/x-www-form-urlencoded"):
        return _no_token()
    form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
    application = _application(access, request, form)
    grant = form.get("grant_type", "")
    if application is None or grant not in application.grants:
        return _no_token()
    account = _active(store, access, _granted(store, access, application, form))
    if account is None:
        return _no_token()
    now = store.seconds()
    # Asked again within its lifetime, the instance gives the same token.
    token, end = next(
        (
            (token, end)
            for token, (name, end) in access.tokens.items()
            if name == account.user_name and end > now
        ),
        (secrets.token_urlsafe(48), now + access.token_seconds),
    )
    access.tokens[token] = (account.user_name, end)
    body: dict[str, Any] = {
        "access_token": token,
        "scope": "useraccount",
        "token_type": "Bearer",
        "expires_in": int(end - now),
    }
    if grant in {"password", "refresh_token", "authorization_code"}:
        refresh = form.get("refresh_token", "")
        if access.replaces_refresh_tokens:
            access.refresh_tokens.pop(refresh, None)
            refresh = ""
        refresh = refresh or secrets.token_urlsafe(48)
        access.refresh_tokens[refresh] = account.user_name
        body["refresh_token"] = refresh
    return JSONResponse(body)


def _granted(store: "Store", access: Access, application: Application, form: dict[str, str]) -> str:
    """Return the user name that a grant stands for, empty where it is refused."""
    grant = form["grant_type"]
    if grant == "client_credentials":
        return application.user_name
    if grant == "refresh_token":
        return access.refresh_tokens.get(form.get("refresh_token", ""), "")
    if grant == "authorization_code":
        return _redeemed(access, application, form, store.seconds())
    if grant == "password":
        user_name, password = form.get("username", ""), form.get("password", "")
        account = _by_password(store, access, user_name, password)
        return "" if account is None else account.user_name
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


def authorize(store: "Store", access: Access, account: Account, query: "Mapping[str, str]") -> str:
    """Return where a person who signed in is sent to, with a code for the application.

    Raises:
        ApiError: the request is not of an application, or is not for one of its redirect URLs.
    """
    application = access.applications.get(query.get("client_id", ""))
    target = query.get("redirect_uri", "")
    if application is None or target not in application.redirect_urls:
        raise ApiError(400, "Invalid client_id or redirect_uri", "")
    answer = {"state": query["state"]} if "state" in query else {}
    is_pkce = query.get("code_challenge_method") == "S256" and query.get("code_challenge")
    if query.get("response_type") != "code" or not is_pkce:
        return f"{target}?{urlencode({'error': 'invalid_request', **answer})}"
    code = secrets.token_urlsafe(32)
    access.codes[code] = Code(
        application.client_id,
        account.user_name,
        target,
        query["code_challenge"],
        store.seconds() + _CODE_SECONDS,
    )
    return f"{target}?{urlencode({'code': code, **answer})}"


def _redeemed(access: Access, application: Application, form: dict[str, str], now: float) -> str:
    """Return who allowed the application what a code stands for; a code is good once."""
    code = access.codes.pop(form.get("code", ""), None)
    if code is None or code.end < now:
        return ""
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    sent = (application.client_id, form.get("redirect_uri"), challenge)
    return code.user_name if sent == (code.client_id, code.redirect_uri, code.challenge) else ""


def _application(access: Access, request: "Request", form: dict[str, str]) -> Application | None:
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        client_id, secret = _pair(encoded)
    application = access.applications.get(client_id)
    if application is None or not secret or application.client_secret != secret:
        return None
    return application


def _no_token() -> "Response":
    return JSONResponse({"error_description": "access_denied", "error": "server_error"}, 401)


def _by_basic_auth(store: "Store", access: Access, encoded: str) -> Account | None:
    account = _by_password(store, access, *_pair(encoded))
    # A new instance refuses basic authentication with the ordinary 401, password right or not.
    if account is None or not account.basic_auth or access.restricts_basic_auth:
        return None
    row = store.find("sys_user", account.sys_id)
    return None if row is None or _has_second_factor(row) else account


def _by_password(store: "Store", access: Access, user_name: str, password: str) -> Account | None:
    account = _active(store, access, user_name)
    right = account is not None and account.password and account.password == password
    return account if right else None


def _active(store: "Store", access: Access, user_name: str) -> Account | None:
    row = store.first("sys_user", user_name=user_name) if user_name else None
    if row is None or row["active"] != "true" or row["locked_out"] == "true":
        return None
    return account_of_row(store, access, row)


def _has_second_factor(row: "Row") -> bool:
    return row["enable_multifactor_authn"] == "true"


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
