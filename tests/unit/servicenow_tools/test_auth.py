"""Ways to sign in: each works, none leaks, and tokens are asked for once."""

import asyncio
import base64
import pickle
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.servicenow import Fault, Simulator, faults, seed
from local.servicenow.access import Application
from servicenow_tools import ServiceNowClient, tls_context
from servicenow_tools.auth import (
    ApiKey,
    AuthorizationCode,
    BasicAuth,
    BearerToken,
    ClientCertificate,
    ClientCredentials,
    JwtBearer,
    PasswordGrant,
    RefreshToken,
    RotatingAuth,
    SharedToken,
    TokenStore,
    authorization_url,
)
from servicenow_tools.errors import (
    AuthenticationError,
    InvalidRequestError,
    RateLimitedError,
    RequestTimeoutError,
    ResponseError,
    ServiceNowError,
    TokenRefusedError,
    UnavailableError,
    UnexpectedContentError,
)
from tests.conftest import set_monotonic

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    Connect = Callable[..., ServiceNowClient]

USER = seed.INTEGRATION_USER
PASSWORD = seed.USERS[USER][0]
SECRET = "a-client-secret"
TOKEN = "/oauth_token.do"


@pytest.fixture
def application(simulator: Simulator) -> Application:
    """An OAuth application of the instance, whose own user is the integration user."""
    made = Application("an-id", SECRET, USER, public_key=PUBLIC_KEY)
    simulator.instance.add_application(made)
    return made


KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_KEY = (
    KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


def assertion() -> str:
    """Return a signed assertion for the integration user."""
    now = int(time.time())
    claims = {"iss": "an-id", "aud": "an-id", "sub": USER, "iat": now, "exp": now + 60}
    return jwt.encode(claims, KEY, algorithm="RS256")


def read(client: ServiceNowClient, times: int = 1) -> list[str]:
    """Read an incident, and return its numbers."""

    async def read_all() -> list[str]:
        async with client:
            return [(await client.get_incident("INC0000001")).number for _ in range(times)]

    return asyncio.run(read_all())


def tokens_asked(simulator: Simulator) -> int:
    """Return how often a token was asked for."""
    return sum(request.path == TOKEN for request in simulator.requests)


def test_an_api_key_signs_in(simulator: Simulator, connect: "Connect") -> None:
    """By its header; a wrong one is a 401."""
    simulator.instance.access.api_keys["the-key"] = USER
    assert read(connect(auth=ApiKey("the-key"))) == ["INC0000001"]
    assert simulator.requests[-1].user == USER
    with pytest.raises(AuthenticationError):
        read(connect(auth=ApiKey("another")))


def test_a_certificate_signs_in(simulator: Simulator, connect: "Connect", tmp_path: "Path") -> None:
    """By mutual TLS alone, without a header."""
    simulator.instance.access.certificates["ada"] = USER
    file = tmp_path / "ada.pem"
    simulator.make_certificate("ada", file)
    assert read(connect(auth=ClientCertificate(str(file)))) == ["INC0000001"]
    assert simulator.requests[-1].user == USER
    simulator.make_certificate("eve", tmp_path / "eve.pem")
    with pytest.raises(AuthenticationError):
        read(connect(auth=ClientCertificate(str(tmp_path / "eve.pem"))))


def test_a_certificate_needs_its_file_and_the_connection(
    connect: "Connect", tmp_path: "Path"
) -> None:
    """A missing or empty file is reported; with a transport of one's own it could not be shown."""
    (tmp_path / "empty.pem").write_text("")
    for file in ("missing.pem", "empty.pem"):
        with pytest.raises(InvalidRequestError) as refused:
            connect(auth=ClientCertificate(str(tmp_path / file)))
        assert refused.value.field == "cert_file"
    with pytest.raises(InvalidRequestError) as refused:
        connect(
            auth=ClientCertificate("any.pem"),
            transport=httpx.MockTransport(lambda _: httpx.Response(200)),
        )
    assert refused.value.field == "transport"


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize(
    "make",
    [
        lambda: ClientCredentials("an-id", SECRET),
        lambda: PasswordGrant("an-id", SECRET, USER, PASSWORD),
        lambda: JwtBearer("an-id", SECRET, assertion),
    ],
)
def test_each_grant_signs_in_with_one_token(
    simulator: Simulator, connect: "Connect", make: "Callable[[], httpx.Auth]"
) -> None:
    """Many calls, one token."""
    assert read(connect(auth=make()), times=3) == ["INC0000001"] * 3
    assert tokens_asked(simulator) == 1
    assert simulator.requests[-1].user == USER


@pytest.mark.usefixtures("application")
def test_a_refresh_token_signs_in(simulator: Simulator, connect: "Connect") -> None:
    """One that a person's sign-in left."""
    simulator.instance.access.refresh_tokens["left"] = USER
    assert read(connect(auth=RefreshToken("an-id", SECRET, "left"))) == ["INC0000001"]
    with pytest.raises(TokenRefusedError):
        read(connect(auth=RefreshToken("an-id", SECRET, "unknown")))


@pytest.mark.usefixtures("application")
def test_a_person_signs_in_by_a_code(simulator: Simulator, connect: "Connect") -> None:
    """It is good once, with the verifier that its page was asked with; then refresh tokens are."""
    access = simulator.instance.access
    page, verifier = "https://example.com/page", "v" * 43
    access.applications["an-id"] = replace(access.applications["an-id"], redirect_urls=(page,))
    url = authorization_url(
        simulator.url, "an-id", redirect_uri=page, state="a state", code_verifier=verifier
    )
    with httpx.Client(verify=tls_context(simulator.ca_file)) as browser:
        form = {"user_name": USER, "user_password": PASSWORD}
        browser.post(f"{simulator.url}/login.do", data=form)
        came = httpx.URL(browser.get(url).headers["location"]).params
    assert came["state"] == "a state"

    def auth(code_verifier: str = verifier) -> AuthorizationCode:
        return AuthorizationCode(
            "an-id", SECRET, code=came["code"], redirect_uri=page, code_verifier=code_verifier
        )

    signed_in = auth()
    assert not signed_in.refresh_token
    assert read(connect(auth=signed_in), times=2) == ["INC0000001"] * 2
    assert signed_in.refresh_token in access.refresh_tokens
    for spent in (auth(), auth("w" * 43)):
        with pytest.raises(TokenRefusedError):
            read(connect(auth=spent))


@pytest.mark.usefixtures("application")
def test_who_is_signed_in_is_said(connect: "Connect") -> None:
    """By what ServiceNow says, where the credentials name nobody."""

    async def ask(auth: httpx.Auth) -> str | None:
        async with connect(auth=auth) as client:
            return await client.signed_in_as()

    assert asyncio.run(ask(ClientCredentials("an-id", SECRET))) == USER


@pytest.mark.usefixtures("application")
def test_many_callers_cause_one_token_request(simulator: Simulator, connect: "Connect") -> None:
    """At the first call, and again when all of them are refused the same token."""
    auth = ClientCredentials("an-id", SECRET)

    async def read_at_once() -> None:
        async with connect(auth=auth) as client:
            for _ in range(2):
                await asyncio.gather(*(client.get_incident("INC0000001") for _ in range(20)))
                simulator.instance.access.tokens.clear()

    asyncio.run(read_at_once())
    assert tokens_asked(simulator) == 2
    assert sum(request.status == 401 for request in simulator.requests) <= 20


@pytest.mark.usefixtures("application")
def test_one_token_serves_several_event_loops(simulator: Simulator, connect: "Connect") -> None:
    """It outlives the loop that asked for it."""
    auth = ClientCredentials("an-id", SECRET)
    for _ in range(3):
        read(connect(auth=auth))
    assert tokens_asked(simulator) == 1


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize("seconds", [0, 0.4])
def test_a_token_is_renewed_before_it_expires(
    simulator: Simulator, connect: "Connect", monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """By the refresh token where there is one, and by the grant where that is refused."""
    simulator.instance.access.token_seconds = seconds
    clock = time.monotonic()
    set_monotonic(monkeypatch, "servicenow_tools.auth", lambda: clock)
    auth = PasswordGrant("an-id", SECRET, USER, PASSWORD)

    async def read_on() -> None:
        nonlocal clock
        async with connect(auth=auth, deadline=None) as client:
            simulator.instance.access.token_seconds = 1799
            await client.get_incident("INC0000001")
            clock += 1740  # 59 s before its end
            await client.get_incident("INC0000001")
            assert tokens_asked(simulator) == 2
            simulator.instance.access.refresh_tokens.clear()
            clock += 1740
            await client.get_incident("INC0000001")

    asyncio.run(read_on())
    assert tokens_asked(simulator) == 4  # the refusal of the refresh token among them


def test_a_short_lived_token_is_used_for_half_its_life(connect: "Connect") -> None:
    """Or not kept at all where the answer does not tell how long it lives."""
    asked = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        if request.url.path == TOKEN:
            asked += 1
            return httpx.Response(200, json={"access_token": f"t{asked}"})
        assert request.headers["authorization"] == f"Bearer t{asked}"
        return httpx.Response(200, json={"result": {"number": "INC0000001"}})

    async def read_twice() -> None:
        auth = ClientCredentials("an-id", SECRET)
        async with connect(auth=auth, transport=httpx.MockTransport(answer)) as client:
            await client.get_incident("a" * 32)
            await client.get_incident("a" * 32)

    asyncio.run(read_twice())
    assert asked == 1  # within the same second


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize(
    "auth",
    [
        ClientCredentials("an-id", "wrong"),
        ClientCredentials("other", SECRET),
        PasswordGrant("an-id", SECRET, USER, "wrong"),
        PasswordGrant("an-id", SECRET, "nobody-known", "x"),
        JwtBearer("an-id", SECRET, lambda: "not a token"),
    ],
)
def test_a_refused_token_says_what_to_do(connect: "Connect", auth: httpx.Auth) -> None:
    """ServiceNow's own words first; none of the secrets."""
    with pytest.raises(TokenRefusedError, match="server_error, access_denied") as refused:
        read(connect(auth=auth))
    text = f"{refused.value!r} {auth!r} {pickle.loads(pickle.dumps(refused.value))}"  # noqa: S301
    for secret in (SECRET, "wrong", PASSWORD):
        assert secret not in text


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.rate_limited(0, path=TOKEN, times=None), RateLimitedError),
        (faults.unavailable(path=TOKEN, times=None), UnavailableError),
        (faults.hibernating(path=TOKEN, times=None), UnexpectedContentError),
        (Fault(status=200, body={}, path=TOKEN, times=None), UnexpectedContentError),
        (Fault(status=200, body=[1], path=TOKEN, times=None), UnexpectedContentError),
        *(
            (
                Fault(status=200, body={"access_token": token}, path=TOKEN, times=None),
                UnexpectedContentError,
            )
            for token in ("", "\u00e9", "a\r\nb", 1)
        ),
        (Fault(delay=2, path=TOKEN, times=None), RequestTimeoutError),
        (Fault(reset=True, path=TOKEN, times=None), ServiceNowError),
    ],
)
def test_a_write_without_a_token_was_not_sent(
    simulator: Simulator, connect: "Connect", fault: Fault, error: type[ServiceNowError]
) -> None:
    """Whatever keeps the token away, the caller knows that nothing was written."""
    simulator.faults.add(fault)

    async def write() -> None:
        auth = ClientCredentials("an-id", SECRET)
        async with connect(auth=auth, timeout=0.3, deadline=3.0) as client:
            with pytest.raises(error) as failed:
                await client.create_incident("x")
            assert not failed.value.maybe_applied

    asyncio.run(write())
    assert {request.path for request in simulator.requests} <= {TOKEN}


@pytest.mark.parametrize("lifetime", ["9" * 400, "-1", '"soon"', "NaN", "Infinity", "null"])
def test_a_token_without_a_lifetime_is_used_all_the_same(connect: "Connect", lifetime: str) -> None:
    """For a second."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN:
            text = f'{{"access_token": "x", "expires_in": {lifetime}}}'
            return httpx.Response(200, text=text)
        assert request.headers["authorization"] == "Bearer x"
        return httpx.Response(200, json={"result": [{"number": "INC0000001"}]})

    auth = ClientCredentials("an-id", SECRET)
    assert read(connect(auth=auth, transport=httpx.MockTransport(answer))) == ["INC0000001"]


@pytest.mark.parametrize("lifetime", ['"1799"', '" 1799 "', "1799", "1799.0"])
def test_a_lifetime_may_be_text(connect: "Connect", lifetime: str) -> None:
    """One token serves two calls."""
    asked = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        if request.url.path == TOKEN:
            asked += 1
            text = f'{{"access_token": "x", "expires_in": {lifetime}}}'
            return httpx.Response(200, text=text)
        return httpx.Response(200, json={"result": [{"number": "INC0000001"}]})

    auth = ClientCredentials("an-id", SECRET)
    read(connect(auth=auth, transport=httpx.MockTransport(answer)))
    assert auth._good_until - time.monotonic() > 1700
    assert asked == 1


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize("fault", [faults.unavailable(path=TOKEN), Fault(reset=True, path=TOKEN)])
def test_a_write_outlasts_a_passing_trouble_with_the_token(
    simulator: Simulator, connect: "Connect", fault: Fault
) -> None:
    """It was not sent, so it is sent again."""
    fault.times = 1
    simulator.faults.add(fault)

    async def write() -> str:
        async with connect(auth=ClientCredentials("an-id", SECRET)) as client:
            return (await client.create_incident("once")).number

    assert asyncio.run(write()) == "INC0010001"


def test_a_token_from_elsewhere(simulator: Simulator, connect: "Connect") -> None:
    """As a text, or from a function that is asked again after a 401."""
    simulator.instance.access.tokens["newer"] = (USER, time.time() + 60)
    current = iter(["older", "newer", "newer"])
    assert read(connect(auth=BearerToken(lambda: next(current)))) == ["INC0000001"]
    assert read(connect(auth=BearerToken("newer"))) == ["INC0000001"]
    with pytest.raises(AuthenticationError):
        read(connect(auth=BearerToken("older")))
    assert [request.status for request in simulator.requests].count(401) == 2


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: BasicAuth("", "p"), "username"),
        (lambda: BasicAuth("u", "\ud800"), "password"),
        (lambda: ApiKey("a\nb"), "key"),
        (lambda: ApiKey(""), "key"),
        (lambda: BearerToken("ä"), "token"),
        (lambda: ClientCredentials("", SECRET), "client_id"),
        (lambda: PasswordGrant("i", SECRET, "u", ""), "password"),
        (lambda: RefreshToken("i", SECRET, ""), "refresh_token"),
    ],
)
def test_what_cannot_be_sent_is_refused(make: "Callable[[], object]", field: str) -> None:
    """With the name of the argument, and without its value."""
    with pytest.raises(InvalidRequestError) as refused:
        make()
    assert refused.value.field == field


def test_no_secret_is_in_a_repr() -> None:
    """Of any way to sign in."""
    for auth in (
        BasicAuth("ada", "s3cret"),
        ApiKey("s3cret"),
        BearerToken("s3cret"),
        ClientCertificate("file.pem"),
        ClientCredentials("id", "s3cret"),
        PasswordGrant("id", "s3cret", "ada", "s3cret"),
        RefreshToken("id", "s3cret", "s3cret"),
        JwtBearer("id", "s3cret", lambda: "s3cret"),
        AuthorizationCode("id", "s3cret", code="s3cret", redirect_uri="x", code_verifier="s3cret"),
        RotatingAuth(BasicAuth("ada", "s3cret"), lambda: None),
    ):
        assert "s3cret" not in repr(auth)
        assert type(auth).__name__ in repr(auth)


class Odd(httpx.Auth):
    """Signs with what is no basic authentication."""

    def auth_flow(self, request: httpx.Request) -> "Generator[httpx.Request, httpx.Response, None]":
        """Sign the request."""
        request.headers["authorization"] = "Basic s3cret"
        yield request


@pytest.mark.parametrize(
    "auth",
    [
        BasicAuth("ada", "s3cret"),
        ApiKey("s3cret"),
        BearerToken("s3cret"),
        Odd(),
        ClientCredentials("id", "s3cret"),
        PasswordGrant("id", "public", "ada", "s3cret"),
        RefreshToken("id", "public", "s3cret"),
        JwtBearer("id", "public", lambda: "s3cret"),
    ],
)
@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_repeated_secret_is_masked(connect: "Connect", auth: httpx.Auth, status: int) -> None:
    """An instance, or a proxy that shows what it got, makes no error hold a secret."""

    def answer(request: httpx.Request) -> httpx.Response:
        said = f"no: s3cret, {request.headers.get('authorization')}, pin"
        if request.url.path == "/oauth_token.do":
            return httpx.Response(401, json={"error": "x", "error_description": said})
        return httpx.Response(status, json={"error": {"message": said, "detail": said}})

    async def read() -> None:
        async with connect(auth=auth, transport=httpx.MockTransport(answer)) as client:
            with pytest.raises(ResponseError) as failed:
                await client.get_incident("INC0000001")
        error = failed.value
        for text in (str(error), repr(error), str(error.message), str(error.detail)):
            assert "s3cret" not in text
            assert base64.b64encode(b"ada:s3cret").decode() not in text
        assert "no: ***" in str(error)
        assert "pin" in str(error)

    asyncio.run(read())


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (BasicAuth(USER, "older"), BasicAuth(USER, PASSWORD)),
        (ClientCredentials("an-id", "older"), ClientCredentials("an-id", SECRET)),
        (BasicAuth(USER, "older"), ClientCredentials("an-id", SECRET)),
    ],
)
def test_replaced_credentials_cost_no_failed_call(
    simulator: Simulator, connect: "Connect", older: httpx.Auth, newer: httpx.Auth
) -> None:
    """What is refused is signed once more; many callers ask once for the newer ones."""
    asked: list[httpx.Auth] = []

    def renewed() -> httpx.Auth:
        asked.append(newer)
        return newer

    auth = RotatingAuth(older, renewed)

    async def read_at_once() -> None:
        async with connect(auth=auth) as client:
            await asyncio.gather(*(client.get_incident("INC0000001") for _ in range(5)))
            refused = sum(request.status == 401 for request in simulator.requests)
            await client.get_incident("INC0000001")
            assert sum(request.status == 401 for request in simulator.requests) == refused

    asyncio.run(read_at_once())
    assert len(asked) == 1


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize(
    ("older", "newer", "error"),
    [
        (BasicAuth(USER, "older"), None, AuthenticationError),
        (BasicAuth(USER, "older"), BasicAuth(USER, "wrong"), AuthenticationError),
        (ClientCredentials("an-id", "older"), None, TokenRefusedError),
        (
            ClientCredentials("an-id", "older"),
            ClientCredentials("an-id", "wrong"),
            TokenRefusedError,
        ),
    ],
)
def test_a_refusal_without_newer_credentials_is_reported(
    simulator: Simulator,
    connect: "Connect",
    older: httpx.Auth,
    newer: httpx.Auth | None,
    error: type[ServiceNowError],
) -> None:
    """None are there, or they are refused as well: the caller learns it after one more try."""
    with pytest.raises(error):
        read(connect(auth=RotatingAuth(older, lambda: newer)))
    assert len(simulator.requests) == (1 if newer is None else 2)


@pytest.mark.usefixtures("application")
def test_other_troubles_ask_for_no_newer_credentials(
    simulator: Simulator, connect: "Connect"
) -> None:
    """Only a refusal does."""
    simulator.faults.add(faults.hibernating(path=TOKEN, times=None))
    auth = RotatingAuth(ClientCredentials("an-id", SECRET), lambda: pytest.fail("asked"))
    with pytest.raises(UnexpectedContentError):
        read(connect(auth=auth))


@pytest.mark.parametrize(
    "auth",
    [
        ClientCredentials("id", "secret"),
        RotatingAuth(ClientCredentials("id", "secret"), lambda: None),
    ],
)
def test_oauth_is_for_asyncio(auth: httpx.Auth) -> None:
    """A sync client would send its requests unsigned, so it is refused."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    with (
        httpx.Client(auth=auth, transport=transport) as client,
        pytest.raises(RuntimeError, match="sync client"),
    ):
        client.get("https://x.service-now.com")


@pytest.mark.usefixtures("application")
def test_a_new_token_that_is_refused_too_ends_the_call(
    simulator: Simulator, connect: "Connect"
) -> None:
    """After one retry, not after many."""
    refusal = faults.error(401, "User Not Authenticated", "Required", path="*/table/*", times=None)
    simulator.faults.add(refusal)
    with pytest.raises(AuthenticationError):
        read(connect(auth=ClientCredentials("an-id", SECRET)))
    assert [request.status for request in simulator.requests] == [200, 401, 200, 401]


def test_a_connection_without_a_user_name_is_tested(
    simulator: Simulator, connect: "Connect"
) -> None:
    """The instance says who it takes one for."""
    simulator.instance.access.api_keys["the-key"] = USER

    async def check() -> None:
        async with connect(auth=ApiKey("the-key")) as client:
            report = await client.test_connection()
            assert report.success
            assert report.checks[1].message == f"Signed in as {USER}."

    asyncio.run(check())


class Shelf(TokenStore):
    """Where two clients share a token; `busy` times it is another process's."""

    def __init__(self, token: SharedToken, busy: int = 0) -> None:
        self.token = token
        self.busy = busy
        self.taken = 0

    def take(self) -> SharedToken | None:
        """Return the token, unless another process uses it."""
        self.busy -= 1
        if self.busy >= 0:
            return None
        self.taken += 1
        return self.token

    def replace(self, token: SharedToken) -> None:
        """Store another token."""
        self.token = token

    def give_back(self) -> None:
        """Count who has given it back."""
        self.taken -= 1


@pytest.mark.usefixtures("application")
def test_a_replaced_refresh_token_is_shared(
    simulator: Simulator, connect: "Connect", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is used once, by one of all that share it; an access token serves the others, too."""
    monkeypatch.setattr("servicenow_tools.auth._WAIT_SECONDS", 0.0)
    access = simulator.instance.access
    access.refresh_tokens["first"] = USER
    access.replaces_refresh_tokens = True
    shelf = Shelf(SharedToken("first"), busy=2)
    one, other = (RefreshToken("an-id", SECRET, "first", store=shelf) for _ in range(2))
    read(connect(auth=one))
    replaced = shelf.token.refresh_token
    assert (shelf.busy, shelf.taken, replaced == "first") == (-1, 0, False)
    asked = len(simulator.requests)
    read(connect(auth=other))
    assert len(simulator.requests) == asked + 1
    access.tokens.clear()
    # One in memory is refused, then the shared one; then it asks for another.
    read(connect(auth=one))
    access.tokens.clear()
    read(connect(auth=other))
    assert list(access.refresh_tokens) == [shelf.token.refresh_token]
    assert "first" not in repr(shelf.token)
    assert shelf.taken == 0


@pytest.mark.usefixtures("application")
def test_a_refresh_token_that_stays_in_use_is_waited_for_so_long(
    simulator: Simulator, connect: "Connect", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the call ends, and nothing was sent."""
    monkeypatch.setattr("servicenow_tools.auth._WAIT_SECONDS", 0.0)
    shelf = Shelf(SharedToken("first"), busy=10_000)
    with pytest.raises(RequestTimeoutError, match="Another process"):
        read(connect(auth=RefreshToken("an-id", SECRET, "first", store=shelf), deadline=0.1))
    assert simulator.requests == []


def test_a_replaced_refresh_token_is_used_next(simulator: Simulator, connect: "Connect") -> None:
    """Also where nobody else shares it."""
    access = simulator.instance.access
    simulator.instance.add_application(Application("an-id", SECRET))
    access.refresh_tokens["first"] = USER
    access.replaces_refresh_tokens = True
    auth = RefreshToken("an-id", SECRET, "first")
    assert auth.refresh_token == "first"
    for _ in range(2):
        access.tokens.clear()
        read(connect(auth=auth))
    assert list(access.refresh_tokens) == [auth.refresh_token]
