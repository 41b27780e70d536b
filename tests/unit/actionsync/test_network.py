"""The way out: names that lead to addresses nobody should reach."""

import asyncio
import socket
import ssl
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from actionsync.connections.hosts import instance_url
from actionsync.connections.network import guarded_transport
from actionsync.settings import MissingSettingError, settings
from servicenow_tools import ServiceNowClient, Transport
from servicenow_tools.errors import UnexpectedContentError

TLS = ssl.create_default_context()
URL = "https://x.service-now.com"
ANY_HOST = ("*.service-now.com",)


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose name server answers what a test gives, and that refuses to connect."""

    def __init__(self, *answers: list[str]) -> None:
        super().__init__()
        self.answers = iter(answers)
        self.tried: list[str] = []

    async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
        """Answer with the next addresses."""
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, 443)) for text in next(self.answers)
        ]

    async def sock_connect(self, _: socket.socket, address: Any) -> None:
        """Note where to, and refuse."""
        self.tried.append(address[0])
        raise ConnectionRefusedError("refused")


def connect(addresses: list[str], allowed: tuple[str, ...] = ANY_HOST) -> list[str]:
    """Connect to a name that resolves to these addresses; return those that were tried."""
    with asyncio.Runner(loop_factory=lambda: Loop(addresses)) as runner:
        with pytest.raises(httpx.ConnectError):
            runner.run(ask(guarded_transport(TLS, URL, allowed)))
        loop = runner.get_loop()
        assert isinstance(loop, Loop)
        return loop.tried


async def ask(transport: Transport, host: str = "x.service-now.com") -> None:
    """Ask a host for something."""
    await transport.handle_async_request(httpx.Request("GET", f"https://{host}/"))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address to refuse
        "::1",
        "fd00:ec2::254",
        "fe80::1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "224.0.0.1",
        "ff0e::1",
        "fec0::1",
        "fe80::1%2",
        "192.0.0.8",
        "192.88.99.1",
        "3fff::1",
    ],
)
def test_private_addresses_are_not_connected_to(address: str) -> None:
    """An allowed name that resolves into a private network reaches nothing."""
    assert connect([address]) == []


# IANA's registries of special-purpose addresses: what is not globally reachable, and multicast.
NOT_PUBLIC = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "192.0.0.0/24", "192.88.99.0/24",
    )
]  # fmt: skip
NOT_PUBLIC_6 = [
    IPv6Network(text)
    for text in (
        "::/96",
        "100::/64",
        "2001:db8::/32",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
        "2001::/23",
        "3fff::/20",
        "5f00::/16",
    )
]


@st.composite
def not_public(draw: st.DrawFn) -> str:
    """Return an address that nobody should reach, as it is or carried by an IPv6 address."""
    if draw(st.booleans()):
        network = draw(st.sampled_from(NOT_PUBLIC_6))
        return str(draw(st.ip_addresses(network=network)))
    address = int(draw(st.ip_addresses(network=draw(st.sampled_from(NOT_PUBLIC)))))
    carriers = [
        IPv4Address(address),
        IPv6Address((0xFFFF << 32) | address),
        IPv6Address((0x64FF9B << 96) | address),
        IPv6Address((0x2002 << 112) | (address << 80) | draw(st.integers(0, 2**80 - 1))),
    ]
    return str(draw(st.sampled_from(carriers)))


@given(addresses=st.lists(not_public(), min_size=1, max_size=4))
def test_no_form_of_a_private_address_is_connected_to(addresses: list[str]) -> None:
    """Whatever a name resolves to, and in whatever clothes."""
    assert connect(addresses) == []


@given(public=st.ip_addresses(v=4), private=not_public())
def test_a_public_address_is(public: IPv4Address, private: str) -> None:
    """And it alone, beside private ones; also where the network translates for IPv6."""
    assume(not any(public in network for network in NOT_PUBLIC))
    translated = str(IPv6Address((0x64FF9B << 96) | int(public)))
    found = connect([private, str(public), translated])
    assert found == [str(public), translated]


def test_a_name_is_resolved_once() -> None:
    """A name that leads elsewhere when it is asked again is not asked again."""
    loop = Loop(["149.96.6.117"], ["169.254.169.254"])
    transport = guarded_transport(TLS, URL, ANY_HOST)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        for expected in ("refused", "not public"):
            with pytest.raises(httpx.ConnectError, match=expected):
                runner.run(ask(transport))
    assert loop.tried == ["149.96.6.117"]


def test_the_checked_address_is_the_one_connected_to() -> None:
    """Of several addresses the public ones are tried, as addresses, so that nobody asks again."""
    found = ["10.0.0.1", "149.96.6.117", "149.96.6.118", "149.96.6.117"]
    assert connect(found) == ["149.96.6.117", "149.96.6.118"]


def test_a_host_named_exactly_may_be_private() -> None:
    """Whoever names a host in the stack's list means that host."""
    assert connect(["10.0.0.1"], ("x.service-now.com",)) == ["10.0.0.1"]


def test_a_name_without_addresses_is_reported() -> None:
    """There is nothing to try, and no endless wait."""
    assert connect([]) == []


@pytest.mark.parametrize("host", ["no-such-host.invalid", f"{'x' * 64}.service-now.com"])
def test_a_name_that_does_not_resolve(host: str) -> None:
    """The resolver's error is the connection's; also for what can be no name."""
    with pytest.raises(httpx.ConnectError, match="does not resolve"):
        asyncio.run(ask(guarded_transport(TLS, URL, ANY_HOST), host))


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that lacks a variable says which."""
    monkeypatch.delenv("IDEMPOTENCY_TABLE")
    with pytest.raises(MissingSettingError, match="IDEMPOTENCY_TABLE"):
        settings()


# ---- the first wall: what a connection may name

ALLOWED = ("*.service-now.com", "itsm.example.com:8443")
ODD = st.sampled_from(
    [
        "127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]", "[::ffff:7f00:1]",
        "169.254.169.254", "localhost", "x.service-now.com.evil.com", "evil.com#.service-now.com",
        "evil.com?.service-now.com", "evil.com\\.service-now.com", "u:p@evil.com",
        "service-now.com", "evilservice-now.com", "x.service-now.com:8443", "itsm.example.com",
        "x.service-now.com.", "x\u3002service-now.com", "x.service-now.com@evil.com",
        "evil.com%00.service-now.com", "x.SERVICE-NOW.com", "x.\u017fervice-now.com",
        "x.service-now.com:443", "x.service-now.com:0443", "-x.service-now.com",
        "x..service-now.com", "x_y.service-now.com", "itsm.example.com:8443",
    ]
)  # fmt: skip
HOSTS = ODD | st.text(max_size=40) | st.builds("{}.service-now.com".format, st.text(max_size=20))


@given(
    scheme=st.sampled_from(["https", "HTTPS", "http", "file", ""]),
    host=HOSTS,
    rest=st.sampled_from(["", "/", "/x", "//evil.com", "?a", "#b"]),
)
@example(scheme="https", host="x.service-now.com", rest="")
def test_a_url_that_passes_names_an_allowed_host(scheme: str, host: str, rest: str) -> None:
    """And nothing else: two other parsers see the same host in it."""
    try:
        url = instance_url(f"{scheme}://{host}{rest}", ALLOWED)
    except ValueError:
        return
    assert url.startswith("https://")
    authority = url.removeprefix("https://")
    assert authority == "itsm.example.com:8443" or (
        authority.endswith(".service-now.com") and authority.isascii()
    )
    assert httpx.URL(url).netloc.decode() == urlsplit(url).netloc == authority
    assert httpx.URL(url).userinfo == b""


def test_a_redirect_is_not_followed() -> None:
    """Wherever it leads, the credentials have been where they belong, and nowhere else."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url.host))
        return httpx.Response(302, headers={"location": "https://evil.com/steal"})

    async def call() -> None:
        client = ServiceNowClient(
            "https://x.service-now.com", "u", "p", transport=httpx.MockTransport(answer)
        )
        async with client:
            with pytest.raises(UnexpectedContentError):
                await client.get_incident("INC0000001")

    asyncio.run(call())
    assert asked == ["x.service-now.com"]
