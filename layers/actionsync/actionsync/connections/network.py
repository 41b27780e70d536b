"""The way out to ServiceNow: the second wall between a caller and the network.

A host name on the allowed list may still resolve to an address inside the account's own network,
or to another address each time it is asked. So the name is resolved once, the addresses are
checked, and the connection goes to a checked address; the TLS certificate is still matched
against the name.

Where the environment names a proxy, the proxy resolves names and checks addresses; this side then
checks names alone.
"""

import asyncio
import ipaddress
import socket
import ssl
import time
from typing import TYPE_CHECKING

import httpcore

from servicenow_tools import Transport, environment_proxy

if TYPE_CHECKING:
    from collections.abc import Iterable

# Where IPv6 carries an IPv4 address that a gateway of the network goes on to (RFC 6052).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# All that is routed in the internet (IANA: Internet Protocol Version 6 Address Space).
_UNICAST = ipaddress.IPv6Network("2000::/3")
# What IANA's registries of special-purpose addresses have beyond Python's `is_global`.
_SPECIAL = (
    ipaddress.ip_network("192.0.0.0/24"),
    ipaddress.ip_network("192.88.99.0/24"),
    ipaddress.ip_network("2001::/23"),
    ipaddress.ip_network("3fff::/20"),
)


class PublicAddressBackend(httpcore.AsyncNetworkBackend):
    """Connects to public addresses alone, and to any address of a host that is trusted.

    Args:
        trusted_hosts: hosts, without port, that may have private addresses.
    """

    def __init__(self, trusted_hosts: frozenset[str]) -> None:
        self._trusted_hosts = trusted_hosts
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: "Iterable[httpcore.SOCKET_OPTION] | None" = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that answers; each gets its share of the time.

        Raises:
            httpcore.ConnectError: the name does not resolve, or only to addresses that are not
                public, or nothing answers there.
            httpcore.ConnectTimeout: it took too long.
        """
        started = time.monotonic()
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from None
        for number, address in enumerate(addresses, 1):
            share = None
            if timeout is not None:
                left = timeout - (time.monotonic() - started)
                share = max(left, 0.0) / (len(addresses) - number + 1)
            try:
                return await self._backend.connect_tcp(
                    address, port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses):
                    raise
        raise httpcore.ConnectError(f"{host} has no address")

    async def _resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host that may be connected to, in the system's order."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} does not resolve: {error}") from error
        addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
        if host in self._trusted_hosts:
            return addresses
        public = [text for text in addresses if _is_public(ipaddress.ip_address(text))]
        if addresses and not public:
            raise httpcore.ConnectError(f"{host} resolves to an address that is not public")
        return public


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Return whether an address lies in the public internet, and so does one that it carries."""
    if any(address in network for network in _SPECIAL):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    carried = address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if carried is not None:
        return _is_public(carried)
    return address in _UNICAST and address.is_global


def guarded_transport(
    tls: ssl.SSLContext, instance_url: str, allowed_hosts: tuple[str, ...]
) -> Transport:
    """Return the way to an instance, for the stack's list of allowed hosts.

    It leads through the environment's proxy, if that names one, or to checked addresses alone.
    """
    proxy = environment_proxy(instance_url)
    if proxy is not None:
        return Transport(tls, proxy=proxy, keepalive_seconds=50.0)
    trusted = frozenset(
        host.partition(":")[0] for host in allowed_hosts if not host.startswith("*.")
    )
    backend = PublicAddressBackend(trusted)
    return Transport(tls, keepalive_seconds=50.0, network_backend=backend)
