"""Connections, events and the end of a call."""

import asyncio
import base64
import contextlib
import json
import ssl
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.servicenow import Fault, Simulator, faults, seed
from servicenow_tools import ServiceNowClient, tls_context
from servicenow_tools._transport import NotHttpError
from servicenow_tools.auth import BasicAuth, ClientCredentials
from servicenow_tools.errors import (
    AuthenticationError,
    ConnectionFailedError,
    ConnectionLostError,
    ContentTooLargeError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    RedirectError,
    RequestTimeoutError,
    ServerError,
    ServiceNowError,
    UnavailableError,
    UnexpectedContentError,
    UriTooLongError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from servicenow_tools import RequestEvent

    Connect = Callable[..., ServiceNowClient]


def test_each_request_is_reported(simulator: Simulator, connect: "Connect") -> None:
    """Method, path without values, attempt, time and outcome, for metrics."""
    simulator.faults.add(faults.unavailable())
    simulator.faults.add(Fault(reset=True))
    events: list[RequestEvent] = []

    async def read() -> None:
        async with connect(on_request=events.append) as client:
            await client.get_incident("INC0000001")
            with pytest.raises(NotFoundError):
                await client.get_incident("a" * 32)

    asyncio.run(read())
    path = "/api/now/table/incident"
    assert [(e.method, e.path, e.attempt, e.status, e.error) for e in events] == [
        ("GET", path, 1, 503, UnavailableError),
        ("GET", path, 2, None, ConnectionLostError),
        ("GET", path, 3, 200, None),
        ("GET", f"{path}/{'a' * 32}", 1, 404, NotFoundError),
    ]
    assert all(event.seconds > 0 for event in events)


def test_a_call_is_cancelled_cleanly(simulator: Simulator, connect: "Connect") -> None:
    """Its connection is given back, and the client goes on."""
    simulator.faults.add(Fault(delay=1.0, method="POST"))

    async def cancel() -> str:
        async with connect(max_connections=1) as client:
            task = asyncio.create_task(client.create_incident("x"))
            await asyncio.sleep(0.2)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert task.cancelled()
            return (await client.get_incident("INC0000001")).number

    assert asyncio.run(cancel()) == "INC0000001"


def test_nothing_is_sent_when_time_is_up(simulator: Simulator, connect: "Connect") -> None:
    """And the caller knows that nothing was."""

    async def create() -> None:
        async with connect(deadline=0.0) as client:
            with pytest.raises(RequestTimeoutError, match="before POST could be sent") as late:
                await client.create_incident("x")
            assert not late.value.maybe_applied

    asyncio.run(create())
    assert simulator.requests == []


def test_a_client_outlives_its_event_loops(connect: "Connect") -> None:
    """Connections of closed loops are forgotten, also where nobody closed them."""
    answer = httpx.Response(200, json={"result": {"number": "INC0000001"}})
    client = connect(transport=httpx.MockTransport(lambda _: answer))

    async def read() -> str:
        return (await client.get_incident("a" * 32)).number

    for _ in range(3):
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(read()) == "INC0000001"
        loop.close()
    assert len(client._http._transports) == 1


def test_a_proxy_is_used(simulator: Simulator, connect: "Connect") -> None:
    """Its refusal is no connection: nothing was sent."""

    async def read() -> None:
        async with connect(proxy="http://127.0.0.1:1") as client:
            with pytest.raises(ConnectionFailedError):
                await client.create_incident("x")

    asyncio.run(read())
    assert simulator.requests == []


@pytest.mark.parametrize("option", [{"proxy": "http://p:1"}, {"ca_file": "ca.pem"}])
def test_options_that_a_transport_takes_the_place_of(option: dict[str, str]) -> None:
    """Would have no effect, so they are refused."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    with pytest.raises(InvalidRequestError) as refused:
        ServiceNowClient("https://x.y", "u", "p", transport=transport, **option)  # type: ignore[arg-type]
    assert refused.value.field == "transport"


def test_certificates_that_cannot_be_read(tmp_path: "Path") -> None:
    """A wrong file is named by its argument."""
    with pytest.raises(InvalidRequestError) as refused:
        tls_context(str(tmp_path / "missing.pem"))
    assert refused.value.field == "ca_file"
    assert tls_context().verify_mode is ssl.CERT_REQUIRED
    assert tls_context() is tls_context()


class Endless(httpx.AsyncByteStream):
    """A body that does not end; it counts the MiB that were read of it."""

    read = 0

    async def __aiter__(self) -> "AsyncIterator[bytes]":
        while True:
            self.read += 1
            yield bytes(1024 * 1024)


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({"auth": BasicAuth("user", "password")}, 64),
        ({"auth": BasicAuth("user", "password"), "max_response_mib": 2}, 2),
        ({"auth": ClientCredentials("id", "secret")}, 1),
    ],
)
def test_an_answer_is_not_read_without_end(options: dict[str, Any], most: int) -> None:
    """Larger ones than any instance sends are given up, a token's sooner than a record's."""
    body = Endless()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=body))

    async def read() -> None:
        async with ServiceNowClient("https://x.y", transport=transport, **options) as client:
            with pytest.raises(UnexpectedContentError, match=f"larger than {most} MiB"):
                await client.get_incident("a" * 32)

    asyncio.run(read())
    assert body.read == most + 1


@pytest.mark.parametrize("part", ["{}", "[]", '{"":{"":0}}'])
def test_an_answer_of_objects_alone_is_given_up(part: str) -> None:
    """It would take a hundred times its size; as many columns with display values are taken."""
    body = {"text": f'{{"result": [{",".join([part] * 50_000)}]}}'}
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, headers={"content-type": "application/json"}, **body)  # type: ignore[arg-type]
    )

    async def read() -> None:
        url = "https://x.y"
        async with ServiceNowClient(
            url, auth=BasicAuth("u", "p"), transport=transport, max_response_mib=1
        ) as client:
            with pytest.raises(UnexpectedContentError, match="more objects than records"):
                await client.table("incident").get("a" * 32)
            columns = ('{"display_value": "1 - High", "value": "1"}',) * 20_000
            body["text"] = '{"result": {"x": ' + ', "y": '.join(columns) + "}}"
            assert (await client.table("incident").get("a" * 32))["y"] == "1"

    asyncio.run(read())


@pytest.mark.parametrize(
    ("response", "error", "text"),
    [
        (httpx.Response(200, text="<title> Sign in </title>"), UnexpectedContentError, "Sign in"),
        (httpx.Response(200, content=b""), UnexpectedContentError, "empty"),
        *((httpx.Response(500, content=b"\xff", headers={"content-type": f"x/y; charset={name}"}),
           ServerError, "HTTP status 500") for name in ("hex", "idna", "punycode", "undefined")),
        (httpx.Response(200, json={"result": "x"}), UnexpectedContentError, "not a record"),
        (httpx.Response(200, json=[1]), UnexpectedContentError, "application/json"),
        (httpx.Response(200, json={"result": {}, "error": "odd"}), ServiceNowError, "odd"),
        (httpx.Response(301, headers={"location": "https://x.y/login.do?token=secret"}),
         RedirectError, "a redirect to https://x.y/login.do\\."),
        (httpx.Response(307, headers={"location": "/a"}), RedirectError, "localhost:[0-9]+/a"),
        (httpx.Response(302), RedirectError, "an address that is not valid"),
        (httpx.Response(408), UnavailableError, "waited too long"),
        (httpx.Response(413), ContentTooLargeError, "too large"),
        (httpx.Response(414, text="<title>414</title>"), UriTooLongError, "URL is too long"),
        (httpx.Response(200, json={"result": {f"u_{n}": "" for n in range(5001)}}),
         UnexpectedContentError, "more than 5000 columns"),
        (httpx.Response(302, headers={"location": "https://developer.servicenow.com/dev.do"}),
         UnexpectedContentError, "hibernating"),
        (httpx.Response(500), ServerError, "HTTP status 500"),
        (httpx.Response(418, json={"error": {"message": " ", "detail": "short and stout"}}),
         ServiceNowError, "short and stout"),
        (httpx.Response(500, json={"error": {"message": "Transaction cancelled: maximum"}}),
         ServiceNowError, "Ask for less"),
    ],
)  # fmt: skip
def test_an_odd_answer_says_what_it_is(
    connect: "Connect", response: httpx.Response, error: type[ServiceNowError], text: str
) -> None:
    """In words for a person."""

    async def read() -> None:
        async with connect(transport=httpx.MockTransport(lambda _: response)) as client:
            with pytest.raises(error, match=text):
                await client.get_incident("a" * 32)

    asyncio.run(read())


def test_typed_values_become_text(connect: "Connect") -> None:
    """The Change Management API's numbers and truth values, as the Table API has them."""
    fields = {"state": -5.0, "active": True, "risk": 3, "x": 1.5, "y": "t", "z": None}
    document = {name: {"value": value, "display_value": "?"} for name, value in fields.items()}
    answer = httpx.Response(200, json={"result": document | {"__meta": {}, "plain": "p"}})

    async def read() -> None:
        async with connect(transport=httpx.MockTransport(lambda _: answer)) as client:
            assert await client.get_change_request("a" * 32) == {
                "state": "-5", "active": "true", "risk": "3", "x": "1.5", "y": "t", "z": None,
                "plain": "p",
            }  # fmt: skip

    asyncio.run(read())


def test_own_headers_replace_the_client_s(connect: "Connect") -> None:
    """In any spelling, and also where a long query goes by the Batch API."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        item = {"id": "0", "status_code": 200, "body": base64.b64encode(b'{"result": []}').decode()}
        return httpx.Response(200, json={"serviced_requests": [item]})

    async def ask() -> None:
        async with connect(transport=httpx.MockTransport(answer)) as client:
            for query in ("x", "x" * 9000):
                await client.request(
                    "GET",
                    "/api/x",
                    params={"q": query},
                    headers={"accept": "text/json", "X-A": "1"},
                )

    asyncio.run(ask())
    alone, batch = sent
    assert alone.headers.get_list("accept") == ["text/json"]
    (item,) = json.loads(batch.content)["rest_requests"]
    assert {one["name"]: one["value"] for one in item["headers"]} == {
        "content-type": "application/json", "accept": "text/json", "x-a": "1",
    }  # fmt: skip


@pytest.mark.parametrize(
    "refusals",
    [
        [httpx.Response(200, json={"serviced_requests": [
            {"id": "0", "status_code": status, "headers": [{"name": "Retry-After", "value": "0"}]}
        ]})]
        for status in (429, 503)
    ] + [[httpx.Response(503), httpx.Response(429, headers={"Retry-After": "0"})]],
)  # fmt: skip
def test_a_long_read_is_repeated_as_any_other(
    connect: "Connect", refusals: list[httpx.Response]
) -> None:
    """Whether the batch is refused or the part in it; what it may not have written is nothing."""
    body = base64.b64encode(b'{"result": [{"number": "INC1"}]}').decode()
    item = {"id": "0", "status_code": 200, "body": body}
    answers = [*refusals, httpx.Response(200, json={"serviced_requests": [item]})]
    answers += [httpx.Response(500)]
    events: list[RequestEvent] = []

    async def read() -> None:
        transport = httpx.MockTransport(lambda _: answers.pop(0))
        async with connect(transport=transport, on_request=events.append) as client:
            params = {"q": "x" * 9000}
            answer = await client.request("GET", "/api/x", params=params)
            assert answer.result == [{"number": "INC1"}]
            with pytest.raises(ServerError) as failed:
                await client.request("GET", "/api/x", params=params)
            assert not failed.value.maybe_applied

    asyncio.run(read())
    assert not answers
    assert [(e.path, e.attempt) for e in events][:2] == [("/api/x", 1), ("/api/x", 2)]


def test_who_is_not_let_in_has_written_nothing(connect: "Connect") -> None:
    """Also where the 401 is that of a gateway, without ServiceNow's document: one request."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(401, text="Unauthorized")

    async def create() -> None:
        async with connect(transport=httpx.MockTransport(answer)) as client:
            with pytest.raises(AuthenticationError) as refused:
                await client.create_incident("x")
            assert not refused.value.maybe_applied

    asyncio.run(create())
    assert len(sent) == 1


@pytest.mark.parametrize("status", [408, 425, 520, 522, 530, 502])
def test_passing_troubles_are_repeated(connect: "Connect", status: int) -> None:
    """Of a front end, or a connection that was kept too long."""
    answers = [httpx.Response(status), httpx.Response(200, json={"result": {"number": "INC1"}})]

    async def read() -> None:
        transport = httpx.MockTransport(lambda _: answers.pop(0))
        async with connect(transport=transport) as client:
            assert (await client.get_incident("a" * 32)).number == "INC1"

    asyncio.run(read())


@pytest.mark.parametrize("status", [408, 425])
def test_a_write_that_was_not_begun_is_repeated(connect: "Connect", status: int) -> None:
    """The server says that it did not work on it."""
    answers = [httpx.Response(status), httpx.Response(201, json={"result": {"number": "INC1"}})]

    async def create() -> None:
        transport = httpx.MockTransport(lambda _: answers.pop(0))
        async with connect(transport=transport) as client:
            assert (await client.create_incident("x")).number == "INC1"

    asyncio.run(create())


def test_what_is_no_http_is_asked_for_once(connect: "Connect") -> None:
    """The error says so, and has its cause."""
    asked = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        raise NotHttpError("it begins with b'SSH-2.0'")

    async def read() -> None:
        async with connect(transport=httpx.MockTransport(answer)) as client:
            with pytest.raises(MalformedResponseError, match="not valid HTTP: it begins") as odd:
                await client.get_incident("a" * 32)
            assert isinstance(odd.value.__cause__, NotHttpError)
            with pytest.raises(MalformedResponseError) as odd:
                await client.incidents.delete("a" * 32)
            assert odd.value.maybe_applied

    asyncio.run(read())
    assert asked == 3


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "127.0.0.1:1"])
def test_a_proxy_of_the_environment(
    simulator: Simulator, connect: "Connect", monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Is used, and its refusal is a check of the connection that failed."""
    monkeypatch.setenv("HTTPS_PROXY", url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    async def check() -> None:
        async with connect() as client:
            report = await client.test_connection()
            assert [one.status for one in report.checks[:2]] == ["failed", "skipped"]

    asyncio.run(check())
    assert simulator.requests == []


def test_an_odd_proxy_of_the_environment(
    connect: "Connect", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is an error of the client's tree, and a check that failed."""
    monkeypatch.setenv("HTTPS_PROXY", "ftp://proxy")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    async def check() -> None:
        async with connect() as client:
            assert not (await client.test_connection()).success
            with pytest.raises(InvalidRequestError, match="proxy"):
                await client.get_incident("INC0000001")

    asyncio.run(check())


def test_a_pair_signs_in(simulator: Simulator, connect: "Connect") -> None:
    """As everywhere in httpx; anything else is refused by its name."""
    user = seed.INTEGRATION_USER

    async def read() -> None:
        async with connect(auth=(user, seed.USERS[user][0])) as client:
            assert (await client.test_connection()).success
            assert client.username == user

    asyncio.run(read())
    for odd in (("u",), ("u", "p", "x"), "u:p", ("u", 7)):
        with pytest.raises(InvalidRequestError) as refused:
            connect(auth=odd)
        assert refused.value.field == "auth"
