"""Which addresses a connection may name: the first wall between a caller and the network."""

import re
from urllib.parse import urlsplit

_HTTPS_PORT = 443
# Host names as RFC 1123 has them, with a letter in the last label: no form of an IP address fits,
# decimal, octal or hexadecimal.
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*"
    r"(?=[a-z0-9-]*[a-z])(?!0x)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
_NO_URL_CHARACTERS = re.compile(r"[\x00-\x20\x7f\\]")


def instance_url(text: str, allowed_hosts: tuple[str, ...]) -> str:
    """Return a ServiceNow instance's URL as `https://<host>`, in lower case, without a path.

    Args:
        text: what the caller wrote.
        allowed_hosts: hosts it may name. `*.example.com` allows any subdomain on port 443; an
            entry with a port, as `localhost:8443`, allows just that.

    Raises:
        ValueError: the URL is no https URL of an allowed host; the text says why.
    """
    try:
        parts = urlsplit(text)
        port = parts.port or _HTTPS_PORT
    except ValueError:
        raise ValueError("is not a URL") from None
    if _NO_URL_CHARACTERS.search(text):
        raise ValueError("has a character that no URL has")
    if parts.scheme != "https":
        raise ValueError("must begin with https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password")
    if parts.path not in {"", "/"} or "?" in text or "#" in text:
        raise ValueError("must end after the host, as https://example.service-now.com")
    host = parts.hostname or ""
    if not _HOST_NAME.fullmatch(host):
        raise ValueError("must name a host, not an IP address")
    authority = host if port == _HTTPS_PORT else f"{host}:{port}"
    if not is_allowed(authority, allowed_hosts):
        raise ValueError(f"must name an allowed host: {', '.join(allowed_hosts)}")
    return f"https://{authority}"


def is_allowed(authority: str, allowed_hosts: tuple[str, ...]) -> bool:
    """Return whether a host, or `host:port` for another port than 443, is on the list."""
    return any(
        authority.endswith(allowed[1:]) if allowed.startswith("*.") else authority == allowed
        for allowed in allowed_hosts
    )
