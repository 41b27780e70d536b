"""What came back: an answer's result, or what its failure means."""

import base64
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx

from servicenow_tools.errors import (
    AuthenticationError,
    BusinessRuleError,
    ConflictError,
    DataPolicyError,
    HibernatingError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ResponseError,
    ServerError,
    ServiceNowError,
    TransactionCancelledError,
    UnavailableError,
    UnexpectedContentError,
    ValidationError,
)
from servicenow_tools.retries import Outcome

# What of a request for a token is secret (RFC 6749, RFC 7523).
_SECRET = ("password", "client_secret", "refresh_token", "assertion")
# A shorter secret is a part of too many words.
_SHORTEST_MASKED = 4
_MIB = 1024 * 1024
_CANCELLED = "Transaction cancelled"


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer.

    Attributes:
        status: the HTTP status.
        headers: its headers.
        result: the JSON below `result`.
        is_write: whether a write was asked for.
    """

    status: int
    headers: httpx.Headers
    result: Any
    is_write: bool = False

    def records(self) -> list[dict[str, Any]]:
        """Return the records of a list: columns are text, or objects of texts.

        Raises:
            UnexpectedContentError: it is something else.
        """
        return [
            row
            if set(map(type, row.values())) <= {str}  # nearly always
            else {name: _column(value) for name, value in row.items()}
            for row in self.documents()
        ]

    def documents(self) -> list[dict[str, Any]]:
        """Return the objects of a list.

        Raises:
            UnexpectedContentError: it is something else.
        """
        rows = self.result
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise UnexpectedContentError(
                self.status, "The answer is not a list of records.", maybe_applied=self.is_write
            )
        return rows

    def record(self) -> dict[str, Any]:
        """Return a record's columns, also from the Change Management API's `{value, ...}` fields.

        Raises:
            UnexpectedContentError: it is something else.
        """
        return columns(self.document())

    def document(self) -> dict[str, Any]:
        """Return an object.

        Raises:
            UnexpectedContentError: it is something else.
        """
        if not isinstance(self.result, dict):
            raise UnexpectedContentError(
                self.status, "The answer is not a record.", maybe_applied=self.is_write
            )
        return self.result


def stored(value: Any) -> Any:
    """Return a value as the Table API has it: the Change Management API's are typed.

    The same number comes as -5 from some releases and as -5.0 from others. A list or an object is
    no value.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, list | dict):
        return ""
    return str(value) if isinstance(value, int | float) else value


def columns(document: dict[str, Any]) -> dict[str, Any]:
    """Return a record's columns as the Table API has them, from a document of either API."""
    return {
        name: stored(value["value"])
        if isinstance(value, dict) and "value" in value
        else _column(value)
        for name, value in document.items()
        if name != "__meta"
    }


def stored_text(value: Any) -> str:
    """Return a column's value as stored, also from a record with display values."""
    if isinstance(value, dict):
        value = value.get("value")
    return value if isinstance(value, str) else ""


def _column(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: stored(part) for name, part in value.items()}
    return stored(value)


def whole_number(text: object) -> int | None:
    """Return the number that a text writes in digits, or None."""
    if isinstance(text, str) and re.fullmatch("[0-9]{1,18}", text):
        return int(text)
    return None


class AttemptError(Exception):
    """One attempt's failure, and what kind of failure it is for the next decision."""

    def __init__(self, error: ServiceNowError, outcome: Outcome) -> None:
        super().__init__(str(error))
        self.error = error
        self.outcome = outcome


async def content_of(response: httpx.Response, max_mib: int, *, is_write: bool = False) -> bytes:
    """Return an answer's decoded body, of so many MiB at most.

    Raises:
        AttemptError: it is larger; what was asked for may have been done.
    """
    pieces, size = [], 0
    async for piece in response.aiter_bytes():
        pieces.append(piece)
        size += len(piece)
        if size > max_mib * _MIB:
            error = UnexpectedContentError(
                response.status_code,
                f"The answer is larger than {max_mib} MiB.",
                maybe_applied=is_write,
            )
            raise AttemptError(error, Outcome.FAILED)
    return b"".join(pieces)


def read(
    response: httpx.Response, content: bytes, *, is_write: bool, key: str = "result"
) -> Answer:
    """Return what a successful answer has below a key, or raise what is wrong with it."""
    status = response.status_code
    if status == httpx.codes.NO_CONTENT:
        return Answer(status, response.headers, None, is_write)
    is_json = "json" in response.headers.get("content-type", "")
    document = parsed(content) if is_json else None
    said = document.get("error") if isinstance(document, dict) else None
    if response.is_success and said is None and isinstance(document, dict) and key in document:
        return Answer(status, response.headers, document[key], is_write)
    raise _failure(response, content, said, is_write=is_write)


def parsed(content: bytes) -> Any:
    """Return the JSON document that a body is, or None."""
    try:
        document = json.loads(content)
        # Half a character that JSON can write, and nothing else can.
        if re.search(rb"\\u[dD][89a-fA-F]", content):
            whole = json.dumps(document, ensure_ascii=False).encode(errors="replace")
            document = json.loads(whole)
    except (ValueError, RecursionError):
        return None
    return document


_BY_STATUS: dict[int, type[ResponseError]] = {
    202: UnavailableError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitedError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


def _failure(
    response: httpx.Response, content: bytes, said: Any, *, is_write: bool
) -> AttemptError:
    """Say what a failed answer means, and what may follow it."""
    status = response.status_code
    message, detail = _words(said)
    # Whatever charset it names: there are some that are none, and what is looked for is ASCII.
    text = content.decode(errors="replace")
    kind = _BY_STATUS.get(status)
    if _CANCELLED in (message or "") or _CANCELLED in text[-4000:]:
        kind = TransactionCancelledError
        message = message or f"{_CANCELLED}: maximum execution time exceeded"
    elif _hibernates(response, text):
        kind = HibernatingError
        message = "The instance is hibernating."
    elif status == httpx.codes.FORBIDDEN and "Data Policy Exception" in (detail or ""):
        kind = DataPolicyError
    elif "aborted by Business Rule" in f"{message} {detail}":
        kind = BusinessRuleError
    elif kind is None and said is None and status < httpx.codes.INTERNAL_SERVER_ERROR:
        kind = UnexpectedContentError
        message = f"The answer is {_described(response, text)}, not the API's JSON."
    elif kind is None:
        kind = ServerError if status >= httpx.codes.INTERNAL_SERVER_ERROR else ValidationError
    message, detail = (masked(words, response) for words in (message, detail))
    outcome = Outcome.FAILED
    if kind is RateLimitedError:
        outcome = Outcome.REFUSED
    elif kind is UnavailableError:
        outcome = Outcome.UNAVAILABLE
    # What ServiceNow itself refuses, it has not done; a sleeping instance does nothing. After
    # anything else one cannot know.
    refused = kind in {RateLimitedError, HibernatingError} or (
        status < httpx.codes.INTERNAL_SERVER_ERROR
        and said is not None
        and kind is not TransactionCancelledError
    )
    error = kind(
        status,
        message,
        detail,
        transaction_id=response.headers.get("x-transaction-id"),
        maybe_applied=is_write and not refused,
        retry_after=retry_after(response),
    )
    return AttemptError(error, outcome)


def masked(text: str | None, response: httpx.Response) -> str | None:
    """Return text without what signed the request, should the answer repeat it."""
    for secret in _secrets(response) if text else ():
        text = text.replace(secret, "***") if text else text
    return text


def _secrets(response: httpx.Response) -> list[str]:
    try:
        request = response.request
    except RuntimeError:  # a part of a batch: nothing signed it
        return []
    kind, _, credentials = request.headers.get("authorization", "").partition(" ")
    found = [credentials, request.headers.get("x-sn-apikey", "")]
    if kind == "Basic":
        with suppress(ValueError):
            found.append(base64.b64decode(credentials).decode().partition(":")[2])
    if request.url.path == "/oauth_token.do":
        found += [value for name, value in parse_qsl(request.content.decode()) if name in _SECRET]
    return [secret for secret in found if len(secret) >= _SHORTEST_MASKED]


def _hibernates(response: httpx.Response, text: str) -> bool:
    """Tell a sleeping developer instance: its own page, or the way to the developer site."""
    if response.is_redirect:
        return "//developer.servicenow.com" in response.headers.get("location", "")
    is_page = "html" in response.headers.get("content-type", "")
    return is_page and "hibernat" in text[:4000].lower()


def _words(said: Any) -> tuple[str | None, str | None]:
    """Return ServiceNow's message and detail, wherever it put them."""
    if isinstance(said, dict):
        message, detail = said.get("message"), said.get("detail")
        return (str(message) if message else None, str(detail) if detail else None)
    return (str(said) if said else None, None)


def _described(response: httpx.Response, text: str) -> str:
    title = re.search(r"<title>\s*([^<]{1,100})", text[:4000], re.IGNORECASE)
    if title is not None:
        return f"a page, “{title[1].strip()}”"
    if response.is_redirect:
        return "a redirect"
    return response.headers.get("content-type", "").partition(";")[0] or "empty"


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of a Retry-After header in either of its forms (RFC 9110)."""
    value = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
