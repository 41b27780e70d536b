"""The way out to ServiceNow: the second wall between a caller and the network.

A host name on the allowed list may still resolve to an address inside the account's own network,
or to another address each time it is asked. So the name is resolved once, the addresses are
checked, and the connection goes to a checked address; the TLS certificate is still matched
against the name.
"""

import asyncio
import ipaddress
import socket
import ssl

import httpx

from servicenow_tools import ConnectionPool

# Where IPv6 carries an IPv4 address that a gateway of the network goes on to (RFC 6052).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# All that is routed in the internet (IANA: Internet Protocol Version 6 Address Space).
_UNICAST = ipaddress.IPv6Network("2000::/3")


class Guard:
    """Resolves names to public addresses, and the hosts named exactly to any."""

    def __init__(self, trusted_hosts: frozenset[str]) -> None:
        """Take the hosts, without port, that may have private addresses."""
        self._trusted_hosts = trusted_hosts

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host that may be connected to.

        Raises:
            httpx.ConnectError: the name does not resolve, or only to addresses that are not
                public.
        """
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(f"{host} does not resolve: {error}") from error
        addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
        if host in self._trusted_hosts:
            return addresses
        public = [text for text in addresses if _is_public(ipaddress.ip_address(text))]
        if addresses and not public:
            raise httpx.ConnectError(f"{host} resolves to an address that is not public")
        return public


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Tell whether an address lies in the public internet, and so does one that it carries."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    carried = address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if carried is not None:
        return _is_public(carried)
    return address in _UNICAST and address.is_global


def guarded_pool(tls: ssl.SSLContext, allowed_hosts: tuple[str, ...]) -> ConnectionPool:
    """Return connections behind a Guard, for the stack's list of allowed hosts."""
    trusted = frozenset(
        host.partition(":")[0] for host in allowed_hosts if not host.startswith("*.")
    )
    return ConnectionPool(tls, keepalive_seconds=50.0, resolve=Guard(trusted).resolve)
