"""Ways to sign in, each an object for a client's `auth`.

    ServiceNowClient(url, auth=ClientCredentials("client id", "secret"))

An OAuth token is asked for at the instance itself when it is first needed, shared by all requests
of the object, asked for again a minute before it expires, and after a 401 once more: many
concurrent callers cause one request for it (documentation: OAuth 2.0 API request parameters).
Anything that is an `httpx.Auth` serves as well. No secret is in a repr, a log line or an error.
"""

import base64
import hashlib
import re
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from servicenow_tools import _concurrency
from servicenow_tools._responses import (
    AttemptError,
    content_of,
    parsed,
    redact,
    retry_after,
    whole_number,
)
from servicenow_tools._transport import tls_context
from servicenow_tools.errors import (
    InvalidRequestError,
    RateLimitedError,
    RequestTimeoutError,
    TokenRefusedError,
    UnavailableError,
    UnexpectedContentError,
)
from servicenow_tools.retries import Outcome

__all__ = [
    "ApiKey",
    "AuthorizationCode",
    "BasicAuth",
    "BearerToken",
    "ClientCertificate",
    "ClientCredentials",
    "JwtBearer",
    "PasswordGrant",
    "RefreshToken",
    "RotatingAuth",
    "SharedToken",
    "TokenStore",
    "authorization_url",
]

_TOKEN_PATH = "/oauth_token.do"  # noqa: S105 - a path
_MAX_TOKEN_MIB = 1
_SPARE_SECONDS = 60.0
_SHORTEST_SECONDS = 1.0
_LONGEST_SECONDS = 100 * 365 * 86400
# For a refresh token that another process uses: a request for a token takes less.
_WAITS, _WAIT_SECONDS = 40, 0.25
_TOKEN = re.compile(r"[!-~]+")


class BasicAuth(httpx.Auth):
    """A user name and a password (documentation: Basic authentication).

    Raises:
        InvalidRequestError: one of them cannot be sent.
    """

    def __init__(self, username: str, password: str) -> None:
        _check_text(username=username, password=password)
        self.username = username
        self._signer = httpx.BasicAuth(username, password)

    def __repr__(self) -> str:
        return f"BasicAuth(username={self.username!r})"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign the request."""
        yield from self._signer.auth_flow(request)


class ApiKey(httpx.Auth):
    """An inbound API key (documentation: Configure API key, header x-sn-apikey)."""

    def __init__(self, key: str) -> None:
        _check_header(key=key)
        self._key = key

    def __repr__(self) -> str:
        return "ApiKey()"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign the request."""
        request.headers["x-sn-apikey"] = self._key
        yield request


class BearerToken(httpx.Auth):
    """A token that somebody else takes care of.

    Args:
        token: the token, or a function that returns the current one and is asked again after
            a 401.
    """

    def __init__(self, token: str | Callable[[], str]) -> None:
        if isinstance(token, str):
            _check_header(token=token)
        self._token = token

    def __repr__(self) -> str:
        return "BearerToken()"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign the request, and after a 401 once more with a newer token, if there is one."""
        token = self._current()
        response = yield _bearing(request, token)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            newer = self._current()
            if newer != token:
                yield _bearing(request, newer)

    def _current(self) -> str:
        token = self._token if isinstance(self._token, str) else self._token()
        _check_header(token=token)
        return token


class ClientCertificate(httpx.Auth):
    """Mutual TLS: the certificate stands for its user.

    It goes with the connection, so it needs a client without a `transport` (documentation:
    Certificate-based authentication).

    Args:
        cert_file: PEM file of the certificate.
        key_file: PEM file of its unencrypted key, if it is not in the same file.
    """

    def __init__(self, cert_file: str, key_file: str | None = None) -> None:
        self.cert_file = cert_file
        self.key_file = key_file

    def __repr__(self) -> str:
        return f"ClientCertificate({self.cert_file!r})"

    def tls_context(self, ca_file: str | None) -> ssl.SSLContext:
        """Return the TLS context that shows the certificate."""
        return tls_context(ca_file, self.cert_file, self.key_file)


class _OAuth(_concurrency.Auth, ABC):
    """A grant: what is sent for a token, and the token as long as it is good."""

    def __init__(self, client_id: str, client_secret: str, **others: str) -> None:
        _check_text(client_id=client_id, client_secret=client_secret, **others)
        self.client_id = client_id
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._token = ""
        self._good_until = 0.0
        self._refresh_token = ""
        # A lock belongs to its event loop.
        self._locks: dict[Any, _concurrency.Lock] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(client_id={self.client_id!r})"

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign the request with a token, and after a 401 once more with a new one."""
        refused = ""
        while True:
            lock = self._lock()
            async with lock:
                has_asked = False
                # Another caller may have replaced the refused token meanwhile.
                if not self._is_good(refused):
                    await self._begin()
                    try:
                        has_asked = not self._is_good(refused)
                        if has_asked:
                            for parameters in self._ways():
                                answer = yield self._asking(request, parameters)
                                document = _document(await content_of(answer, _MAX_TOKEN_MIB))
                                if answer.is_success:
                                    break
                            self._keep(answer, document)
                    finally:
                        self._end()
                token = self._token
            response = yield _bearing(request, token)
            is_refused = response.status_code == httpx.codes.UNAUTHORIZED
            # One that was asked for after a refusal is refused for another reason than its age.
            if not is_refused or (has_asked and refused):
                return
            refused = token

    def _is_good(self, refused: str) -> bool:
        return self._token != refused and self._good_until > time.monotonic()

    async def _begin(self) -> None:
        """Wait until a token may be asked for."""

    def _end(self) -> None:
        """Let others ask for one."""

    def _lock(self) -> _concurrency.Lock:
        """Return the lock of the running event loop; those of closed ones are forgotten."""
        scope = _concurrency.scope()
        if scope not in self._locks:
            for old in [old for old in self._locks if _concurrency.is_closed(old)]:
                del self._locks[old]
            self._locks[scope] = _concurrency.Lock()
        return self._locks[scope]

    @abstractmethod
    def grant(self) -> dict[str, str]:
        """Return the grant's own parameters of the token request."""

    def _ways(self) -> Iterator[dict[str, str]]:
        """Yield the ways to a token: the refresh token, if there is one, then the grant itself."""
        refresh_token, self._refresh_token = self._refresh_token, ""
        if refresh_token:
            yield {"grant_type": "refresh_token", "refresh_token": refresh_token}
        yield self.grant()

    def _asking(self, signed: httpx.Request, parameters: dict[str, str]) -> httpx.Request:
        return httpx.Request(
            "POST",
            signed.url.copy_with(path=_TOKEN_PATH, query=None),
            data={**parameters, **self._client},
            headers={"Accept": "application/json"},
            extensions={"timeout": signed.extensions["timeout"]},
        )

    def _keep(self, answer: httpx.Response, document: dict[str, Any]) -> None:
        """Take the token out of an answer, or raise what the answer means."""
        token = document.get("access_token")
        if not answer.is_success or not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise _refused(answer, document)
        seconds = document.get("expires_in")
        if isinstance(seconds, str):
            seconds = whole_number(seconds.strip())
        if not isinstance(seconds, int | float) or not 0 <= seconds <= _LONGEST_SECONDS:
            seconds = 0.0
        # A token that lives for less than two minutes is used for half of its life.
        seconds = max(_SHORTEST_SECONDS, seconds - min(_SPARE_SECONDS, seconds / 2))
        self._token, self._good_until = token, time.monotonic() + seconds
        refresh = document.get("refresh_token")
        if isinstance(refresh, str):
            self._refresh_token = refresh


class ClientCredentials(_OAuth):
    """The client credentials grant: a token for the application's own user.

    The instance's property glide.oauth.inbound.client.credential.grant_type.enabled has to be
    true and the OAuth application to have a user (documentation: Client credentials grant).
    """

    def grant(self) -> dict[str, str]:
        """Return the grant's own parameters of the token request."""
        return {"grant_type": "client_credentials"}


class PasswordGrant(_OAuth):
    """The resource owner password grant: a token for a user, then renewed by refresh tokens."""

    def __init__(self, client_id: str, client_secret: str, username: str, password: str) -> None:
        super().__init__(client_id, client_secret, username=username, password=password)
        self.username = username
        self._password = password

    def grant(self) -> dict[str, str]:
        """Return the grant's own parameters of the token request."""
        return {"grant_type": "password", "username": self.username, "password": self._password}


@dataclass(frozen=True, slots=True)
class SharedToken:
    """A refresh token, with the access token that came along.

    Attributes:
        refresh_token: the refresh token.
        access_token: an access token, or an empty text.
        good_until: until when that is used, in seconds since 1970.
    """

    refresh_token: str = field(repr=False)
    access_token: str = field(default="", repr=False)
    good_until: float = 0.0


class TokenStore(ABC):
    """Where processes share a refresh token that each use of it may replace."""

    @abstractmethod
    def take(self) -> SharedToken | None:
        """Return the token once nobody else may use it, or None while another process does."""

    @abstractmethod
    def replace(self, token: SharedToken) -> None:
        """Store the token that has replaced the one that was taken."""

    @abstractmethod
    def give_back(self) -> None:
        """Let others take the token."""


class RefreshToken(_OAuth):
    """A refresh token that a person's sign-in left, good for 100 days by default.

    Args:
        client_id: the OAuth application's client id.
        client_secret: its secret.
        refresh_token: the token; the one that a use replaces it with is used from then on.
        store: where other processes find that, if they use it, too.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        *,
        store: TokenStore | None = None,
    ) -> None:
        super().__init__(client_id, client_secret, refresh_token=refresh_token)
        self._given = refresh_token
        self._store = store

    @property
    def refresh_token(self) -> str:
        """What is used next: another one than before where the instance has replaced it."""
        return self._refresh_token or self._given

    def grant(self) -> dict[str, str]:
        """Return the grant's own parameters of the token request."""
        return {"grant_type": "refresh_token", "refresh_token": self._given}

    async def _begin(self) -> None:
        if self._store is None:
            return
        for _ in range(_WAITS):
            shared = self._store.take()
            if shared is not None:
                break
            await _concurrency.sleep(_WAIT_SECONDS)
        else:
            text = "Another process is using the refresh token."
            raise AttemptError(RequestTimeoutError(text, maybe_applied=False), Outcome.NOT_SENT)
        self._given, self._refresh_token = shared.refresh_token, ""
        seconds = shared.good_until - time.time()
        if shared.access_token and seconds > 0:
            self._token, self._good_until = shared.access_token, time.monotonic() + seconds

    def _end(self) -> None:
        if self._store is not None:
            self._store.give_back()

    def _keep(self, answer: httpx.Response, document: dict[str, Any]) -> None:
        super()._keep(answer, document)
        if self._store is not None and self.refresh_token != self._given:
            good_until = time.time() + self._good_until - time.monotonic()
            self._store.replace(SharedToken(self.refresh_token, self._token, good_until))


class AuthorizationCode(_OAuth):
    """The authorization code grant with PKCE: a person has signed in at the instance's own page.

    A code is good once; what it gave goes on by refresh tokens. `authorization_url` returns where
    the person is sent (documentation: Authorization code grant).

    Args:
        client_id: the OAuth application's client id.
        client_secret: its secret.
        code: what the instance has sent along to `redirect_uri`.
        redirect_uri: where it has sent the person to.
        code_verifier: what `authorization_url` made its challenge of.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        code: str,
        redirect_uri: str,
        code_verifier: str,
    ) -> None:
        super().__init__(client_id, client_secret, code=code, code_verifier=code_verifier)
        self._grant = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier,
        }

    @property
    def refresh_token(self) -> str:
        """What signs in later, by `RefreshToken`; empty before the first request."""
        return self._refresh_token

    def grant(self) -> dict[str, str]:
        """Return the grant's own parameters of the token request."""
        return self._grant


def authorization_url(
    instance_url: str, client_id: str, *, redirect_uri: str, state: str, code_verifier: str
) -> str:
    """Return the page of an instance where a person signs in for an OAuth application.

    Args:
        instance_url: the instance.
        client_id: the application.
        redirect_uri: where the person comes back to: one of the application's redirect URLs.
        state: comes back with the person, who began it.
        code_verifier: 43 to 128 letters, digits, `-`, `.`, `_` or `~`, to keep (RFC 7636).
    """
    digest = hashlib.sha256(code_verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    return str(httpx.URL(instance_url).join("/oauth_auth.do").copy_with(params=query))


class JwtBearer(_OAuth):
    """The JWT bearer grant: a signed assertion stands for its user.

    Args:
        client_id: the OAuth application's client id.
        client_secret: its secret.
        assertion: returns a newly signed JWT whose `iss` and `aud` are the client id and whose
            `sub` is the user (documentation: Create a JWT endpoint). `jwt.encode` of PyJWT makes
            one.
    """

    def __init__(self, client_id: str, client_secret: str, assertion: Callable[[], str]) -> None:
        super().__init__(client_id, client_secret)
        self._assertion = assertion

    def grant(self) -> dict[str, str]:
        """Return the grant's own parameters of the token request."""
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": self._assertion(),
        }


class RotatingAuth(_concurrency.Auth):
    """Credentials that somebody may replace at any moment, as a rotation does.

    What ServiceNow refuses is signed once more, if there are newer ones: a rotation costs no
    failed call.

    Args:
        auth: the credentials.
        renewed: returns those that have replaced the refused ones, or None if there are none.
    """

    def __init__(self, auth: httpx.Auth, renewed: Callable[[], httpx.Auth | None]) -> None:
        self._auth = auth
        self._renewed = renewed

    def __repr__(self) -> str:
        return f"RotatingAuth({self._auth!r})"

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign the request, and after a refusal once more with newer credentials."""
        auth, refusal, is_last = self._auth, None, False
        while True:
            flow = auth.async_auth_flow(request)
            try:
                response = yield await anext(flow)
                while True:
                    response = yield await flow.asend(response)
            except StopAsyncIteration:
                refusal = None
                if response.status_code != httpx.codes.UNAUTHORIZED:
                    return
            except AttemptError as error:
                if not isinstance(error.error, TokenRefusedError):
                    raise
                refusal = error
            finally:
                await flow.aclose()
            newer = None if is_last else self._newer_than(auth)
            if newer is None:
                break
            auth, is_last = newer, True
        if refusal is not None:
            raise refusal

    def _newer_than(self, auth: httpx.Auth) -> httpx.Auth | None:
        # Another caller may have replaced them meanwhile.
        if self._auth is auth:
            self._auth = self._renewed() or auth
        return None if self._auth is auth else self._auth


def _bearing(request: httpx.Request, token: str) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _document(content: bytes) -> dict[str, Any]:
    document = parsed(content)
    return document if isinstance(document, dict) else {}


def _refused(answer: httpx.Response, document: dict[str, Any]) -> AttemptError:
    """Say why there is no token. What was to be signed has not been sent."""
    status = answer.status_code
    wait = retry_after(answer)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return AttemptError(RateLimitedError(status, retry_after=wait), Outcome.REFUSED)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return AttemptError(UnavailableError(status, retry_after=wait), Outcome.NOT_SENT)
    values = [document.get(name) for name in ("error", "error_description")]
    said = [value for value in values if value and isinstance(value, str)]
    if answer.is_success or not said:
        text = "The answer to the token request holds no token."
        return AttemptError(UnexpectedContentError(status, text), Outcome.FAILED)
    message = "OAuth: " + ", ".join(said)
    return AttemptError(TokenRefusedError(status, redact(message, answer)), Outcome.FAILED)


def _check_text(**values: str) -> None:
    for name, value in values.items():
        if not value:
            raise InvalidRequestError("must not be empty", name)
        try:
            value.encode()
        except UnicodeEncodeError:  # it holds the secret
            raise InvalidRequestError("must be valid text", name) from None


def _check_header(**values: str) -> None:
    for name, value in values.items():
        if not value or not value.isascii() or not value.isprintable():
            raise InvalidRequestError("must be printable ASCII", name)
