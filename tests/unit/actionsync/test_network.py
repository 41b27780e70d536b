"""The way out: names that lead to addresses nobody should reach."""

import asyncio
import socket
from typing import Any

import httpcore
import pytest

from actionsync.connections.network import GuardedBackend
from actionsync.settings import MissingSettingError, settings


def connect(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], trusted: frozenset[str] = frozenset()
) -> list[str]:
    """Connect to a name that resolves to these addresses; return those that were tried."""
    tried: list[str] = []

    class Loop(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, 443)) for text in addresses]

    async def refuse(_: object, host: str, *__: Any) -> httpcore.AsyncNetworkStream:
        tried.append(host)
        raise httpcore.ConnectError("refused")

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", refuse)
    with asyncio.Runner(loop_factory=Loop) as runner, pytest.raises(httpcore.ConnectError):
        runner.run(GuardedBackend(trusted).connect_tcp("x.service-now.com", 443))
    return tried


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
    ],
)
def test_private_addresses_are_not_connected_to(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """An allowed name that resolves into a private network reaches nothing."""
    assert connect(monkeypatch, [address]) == []


def test_the_checked_address_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several addresses the public ones are tried, as addresses, so that nobody asks again."""
    found = ["10.0.0.1", "149.96.6.117", "149.96.6.118", "149.96.6.117"]
    assert connect(monkeypatch, found) == ["149.96.6.117", "149.96.6.118"]


def test_a_host_named_exactly_may_be_private(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names a host in the stack's list means that host."""
    trusted = frozenset({"x.service-now.com"})
    assert connect(monkeypatch, ["10.0.0.1"], trusted) == ["10.0.0.1"]


def test_a_name_without_addresses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to try, and no endless wait."""
    assert connect(monkeypatch, []) == []


def test_a_name_that_does_not_resolve() -> None:
    """The resolver's error is the connection's."""
    with (
        asyncio.Runner() as runner,
        pytest.raises(httpcore.ConnectError, match="does not resolve"),
    ):
        runner.run(GuardedBackend(frozenset()).connect_tcp("no-such-host.invalid", 443))


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that lacks a variable says which."""
    monkeypatch.delenv("CLAIMS_TABLE")
    with pytest.raises(MissingSettingError, match="CLAIMS_TABLE"):
        settings()
