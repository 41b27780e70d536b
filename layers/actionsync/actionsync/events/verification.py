"""How a webhook's sender proves itself: a closed set of ways, over the raw bytes.

Comparisons take a time that says nothing. A signature that is there has to hold: a request never
falls back from it to a weaker way. Standard Webhooks: standardwebhooks.com, "Verifying signatures".
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Name = Literal["hmac", "hmac_base64", "standard_webhooks", "bearer", "basic", "header", "url"]

# How far a signed time may be from ours, both ways (Standard Webhooks' libraries).
TOLERANCE_SECONDS = 300
_LONGEST_HEADER = 8192


@dataclass(frozen=True, slots=True)
class Way:
    """A way in which a sender proves itself.

    `hmac` is HMAC-SHA-256 of the body in hexadecimal digits; `hmac_base64` that of time, a dot and
    body in base64, whatever the time; `standard_webhooks` that of id, time and body; `bearer`,
    `basic` and `header` are the secret itself; with `url` it is the id in the webhook's own
    address.

    Attributes:
        way: which one.
        header: the header with the signature or the secret, in lower case.
        prefix: what stands before each signature of the list that the header is.
        time_header: the header with the seconds that are signed before the body.
        is_asked_for: whether it counts only where the webhook was made for this way.
    """

    way: Name
    header: str = ""
    prefix: str = ""
    time_header: str = ""
    is_asked_for: bool = False

    @property
    def name(self) -> str:
        """What the API calls it."""
        return "hmac_with_time" if self.time_header and self.way == "hmac" else self.way

    def applies(self, headers: "Mapping[str, str]") -> bool:
        """Return whether a request claims to be verified in this way."""
        if self.way == "standard_webhooks":
            return "webhook-signature" in headers
        if self.way in {"bearer", "basic"}:
            return _credentials(headers, self.way) is not None
        if self.time_header and self.time_header not in headers:
            return False
        return self.way == "url" or self.header in headers


@dataclass(frozen=True, slots=True)
class Proof:
    """What a verified request proves.

    Attributes:
        is_body_signed: whether nobody can have changed the body.
        unique: what the sender signed that is another in each request that says something new;
            empty where there is nothing of the kind.
    """

    is_body_signed: bool = False
    unique: str = ""


def verify(
    ways: "Iterable[Way]", headers: "Mapping[str, str]", body: bytes, secret: str, now: float
) -> Proof | None:
    """Return what a request proves, or None where it is not the sender's.

    Args:
        ways: those that the sender may use; the first that the request claims decides.
        headers: the request's headers, by their names in lower case.
        body: its body, byte for byte.
        secret: the webhook's.
        now: epoch seconds.
    """
    way = next((way for way in ways if way.applies(headers)), None)
    if way is None:
        return None
    if way.way == "standard_webhooks":
        return _standard(headers, body, secret, now)
    if way.way == "hmac":
        return _hmac(way, headers, body, secret, now)
    if way.way == "hmac_base64":
        return _hmac_base64(way, headers, body, secret)
    if way.way == "url":
        return Proof()
    given = headers[way.header] if way.way == "header" else _credentials(headers, way.way) or ""
    return Proof() if _is_same(given, secret) else None


def _hmac(
    way: Way, headers: "Mapping[str, str]", body: bytes, secret: str, now: float
) -> Proof | None:
    signed = body
    if way.time_header:
        seconds = headers[way.time_header]
        if not _is_recent(seconds, now):
            return None
        signed = f"{seconds}:".encode() + body
    right = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    given = [part.strip() for part in headers[way.header][:_LONGEST_HEADER].split(",")]
    signatures = [part[len(way.prefix) :] for part in given if part.startswith(way.prefix)]
    # All are compared, so that the time does not say which was right.
    if not sum(_is_same(signature.lower(), right) for signature in signatures):
        return None
    return Proof(is_body_signed=True, unique=right if way.time_header else "")


def _hmac_base64(way: Way, headers: "Mapping[str, str]", body: bytes, secret: str) -> Proof | None:
    signed = f"{headers[way.time_header]}.".encode(errors="surrogatepass") + body
    right = base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()
    if not _is_same(headers[way.header][:_LONGEST_HEADER].strip(), right):
        return None
    return Proof(is_body_signed=True)


def _standard(headers: "Mapping[str, str]", body: bytes, secret: str, now: float) -> Proof | None:
    message_id = headers.get("webhook-id", "")
    seconds = headers.get("webhook-timestamp", "")
    if not message_id or not _is_recent(seconds, now):
        return None
    signed = f"{message_id}.{seconds}.".encode() + body
    right = base64.b64encode(hmac.digest(_key_of(secret), signed, "sha256")).decode()
    given = headers["webhook-signature"][:_LONGEST_HEADER].split()
    if not sum(_is_same(part, f"v1,{right}") for part in given):
        return None
    return Proof(is_body_signed=True, unique=message_id)


def _key_of(secret: str) -> bytes:
    """Return the key that a secret is: `whsec_` and base64, whose padding may be missing."""
    text = secret.removeprefix("whsec_")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return secret.encode()


def _credentials(headers: "Mapping[str, str]", scheme: str) -> str | None:
    """Return the secret in the Authorization header, or None where it is of another scheme.

    Basic authentication is also what a client makes of the user and password in a URL. Any user
    name will do.
    """
    given, _, value = headers.get("authorization", "").strip().partition(" ")
    if given.lower() != scheme:
        return None
    if scheme == "bearer":
        return value.strip()
    try:
        pair = base64.b64decode(value.strip(), validate=True).decode()
    except ValueError:
        return ""
    return pair.partition(":")[2]


def _is_recent(seconds: str, now: float) -> bool:
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= len(str(int(now)))):
        return False
    return abs(now - int(seconds)) <= TOLERANCE_SECONDS


def _is_same(given: str, right: str) -> bool:
    return hmac.compare_digest(
        given.encode(errors="surrogatepass"), right.encode(errors="surrogatepass")
    )
