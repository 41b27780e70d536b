# Generated from servicenow_tools/_responses.py by `make sync`: change that one.
"""What an answer means: its result, or an error of the tree."""

import base64
import json
import re
from collections.abc import Mapping
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
    ContentTooLargeError,
    DataPolicyError,
    HibernatingError,
    NotFoundError,
    PermissionDeniedError,
    PluginMissingError,
    RateLimitedError,
    RedirectError,
    ResponseError,
    ServerError,
    ServiceNowError,
    TransactionCancelledError,
    UnavailableError,
    UnexpectedContentError,
    UriTooLongError,
    ValidationError,
)
from servicenow_tools.retries import Outcome

# What of a request for a token is secret (RFC 6749, RFC 7523).
_SECRET = ("password", "client_secret", "refresh_token", "assertion")
# A shorter secret is a part of too many texts.
_SHORTEST_MASKED = 4
_MIB = 1024 * 1024
# More than any table has; what comes with more is no record.
_MAX_COLUMNS = 5000
# An object in an answer takes a hundred times its two bytes in memory. A column with its display
# value has 40 bytes and more.
_MAX_OBJECTS_A_MIB = 40_000
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

    @property
    def sent_at(self) -> datetime | None:
        """When the instance sent it, by its own clock, or None where it does not say."""
        return http_date(self.headers.get("date", ""))

    def records(self) -> list[dict[str, Any]]:
        """Return the records of a list: columns are text, or objects with display values.

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
        """Return a record's columns as stored, also from the Change Management API.

        Raises:
            UnexpectedContentError: it is something else.
        """
        return {name: stored_column(value) for name, value in self.row().items()}

    def row(self) -> dict[str, Any]:
        """Return a record: columns are text, or objects with display values.

        Raises:
            UnexpectedContentError: it is something else.
        """
        document = self.document()
        if len(document) > _MAX_COLUMNS:
            raise UnexpectedContentError(
                self.status,
                f"The record has more than {_MAX_COLUMNS} columns.",
                maybe_applied=self.is_write,
            )
        return {name: _column(value) for name, value in document.items() if name != "__meta"}

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
    """Return a record's columns as stored, from a document of either API."""
    return {
        name: stored_column(_column(value)) for name, value in document.items() if name != "__meta"
    }


def with_labels(row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a row's stored values and what a person sees, from one read with both."""
    values = {name: stored_column(value) for name, value in row.items()}
    labels = {name: label_of(value) for name, value in row.items()}
    return values, labels


def stored_column(value: Any) -> Any:
    """Return a column's value as stored, where it came with or without its display value."""
    return value.get("value", value.get("display_value")) if isinstance(value, dict) else value


def label_of(value: Any) -> str:
    """Return what a person sees of a column; nothing for an empty choice."""
    if isinstance(value, dict):
        value = value.get("display_value")
    return value if isinstance(value, str) else ""


def stored_text(value: Any) -> str:
    """Return a column's value as stored, also from a record with display values."""
    if isinstance(value, dict):
        value = value.get("value")
    return value if isinstance(value, str) else ""


def _column(value: Any) -> Any:
    """Return a column's value in one form, whatever the instance's settings make of references.

    With display values it is an object of both. A reference that comes as a link all the same
    (`{link, value}`) is its sys_id, or its display value where only that was asked for.
    """
    if not isinstance(value, dict):
        return stored(value)
    parts = {name: stored(value[name]) for name in ("value", "display_value") if name in value}
    return parts if len(parts) > 1 else next(iter(parts.values()), "")


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


def content_of(response: httpx.Response, max_mib: int, *, is_write: bool = False) -> bytes:
    """Return an answer's decoded body, of so many MiB at most.

    Raises:
        AttemptError: it is larger, or would be when it is read; what was asked for may have been
            done.
    """
    pieces, size = [], 0
    for piece in response.iter_bytes():
        pieces.append(piece)
        size += len(piece)
        if size > max_mib * _MIB:
            error = UnexpectedContentError(
                response.status_code,
                f"The answer is larger than {max_mib} MiB.",
                maybe_applied=is_write,
            )
            raise AttemptError(error, Outcome.FAILED)
    content = b"".join(pieces)
    if content.count(b"{") + content.count(b"[") > max_mib * _MAX_OBJECTS_A_MIB:
        error = UnexpectedContentError(
            response.status_code,
            "The answer has more objects than records of its size.",
            maybe_applied=is_write,
        )
        raise AttemptError(error, Outcome.FAILED)
    return content


def read(
    response: httpx.Response, content: bytes, *, is_write: bool, key: str | None = "result"
) -> Answer:
    """Return what a successful answer has below a key, or raise what is wrong with it."""
    status = response.status_code
    if status == httpx.codes.NO_CONTENT:
        return Answer(status, response.headers, None, is_write)
    is_json = "json" in response.headers.get("content-type", "")
    document = parsed(content) if is_json else None
    said = document.get("error") if isinstance(document, dict) else None
    if response.is_success and said is None and document is not None:
        if key is None:
            return Answer(status, response.headers, document, is_write)
        if isinstance(document, dict) and key in document:
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
    408: UnavailableError,
    409: ConflictError,
    413: ContentTooLargeError,
    414: UriTooLongError,
    425: UnavailableError,
    429: RateLimitedError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
    # Of Cloudflare: it cannot reach the instance.
    **dict.fromkeys(range(520, 531), UnavailableError),
}
_MESSAGES = {
    408: "The instance waited too long for the request.",
    413: "The request is too large.",
    414: "The request's URL is too long.",
}
# Tables of applications that an instance may lack; a refusal names the table in any language.
_OF_APPLICATIONS = ("sn_si_incident", "em_event")
# What these say was not worked on.
_NOT_BEGUN = frozenset({401, 408, 413, 414, 425, 429})
# Business rules are named in whatever language: 'Name^<sys_id>'.
_BUSINESS_RULE = re.compile(r"\^[0-9a-f]{32}")


def _failure(
    response: httpx.Response, content: bytes, said: Any, *, is_write: bool
) -> AttemptError:
    """Say what a failed answer means, and what may follow it."""
    status = response.status_code
    message, detail = _message_of(said)
    # Whatever charset it names: some do not exist, and what is looked for is ASCII.
    text = content.decode(errors="replace")
    kind = _BY_STATUS.get(status)
    message = _MESSAGES.get(status) if message is None else message
    if _CANCELLED in (message or "") or _CANCELLED in text[-4000:]:
        kind = TransactionCancelledError
        message = message or f"{_CANCELLED}: maximum execution time exceeded"
    elif _hibernates(response, text):
        kind = HibernatingError
        message = "The instance is hibernating."
    elif response.is_redirect:
        kind = RedirectError
        message = f"The answer is a redirect to {_target(response)}."
    elif status == httpx.codes.FORBIDDEN and said is not None:
        kind = _refusal(f"{message}\n{detail}")
    elif kind is None and said is None and status < httpx.codes.INTERNAL_SERVER_ERROR:
        kind = UnexpectedContentError
        message = f"The answer is {_described(response, text)}, not the API's JSON."
    elif kind is None:
        kind = ServerError if status >= httpx.codes.INTERNAL_SERVER_ERROR else ValidationError
        if kind is ValidationError and any(name in (message or "") for name in _OF_APPLICATIONS):
            kind = PluginMissingError
    message, detail = (redact(part, response) for part in (message, detail))
    outcome = Outcome.FAILED
    if status in _NOT_BEGUN and kind in {RateLimitedError, UnavailableError}:
        outcome = Outcome.REFUSED
    elif kind is UnavailableError:
        outcome = Outcome.UNAVAILABLE
    # What ServiceNow itself refuses, it has not done; a sleeping instance does nothing. After
    # anything else one cannot know.
    refused = (
        kind is HibernatingError
        or status in _NOT_BEGUN
        or (
            status < httpx.codes.INTERNAL_SERVER_ERROR
            and said is not None
            and kind is not TransactionCancelledError
        )
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


def _refusal(text: str) -> type[PermissionDeniedError]:
    """Return the kind of a 403, by marks that are the same in every language.

    A data policy lists the fields in a line of its own after a tab; a business rule is named with
    its sys_id. Where an instance shows neither, the kind stays general.
    """
    if "\n\t" in text or "Data Policy Exception" in text:
        return DataPolicyError
    if _BUSINESS_RULE.search(text) or "aborted by Business Rule" in text:
        return BusinessRuleError
    return PermissionDeniedError


def _target(response: httpx.Response) -> str:
    """Return where a redirect leads, without the query: it may hold a token."""
    try:
        url = response.request.url.join(response.headers["location"])
    except (RuntimeError, KeyError, httpx.InvalidURL):
        return "an address that is not valid"
    return f"{url.scheme}://{url.netloc.decode()}{url.path}"[:200]


def redact(text: str | None, response: httpx.Response) -> str | None:
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
    """Return whether it is a sleeping developer instance: its page, or a way to its site."""
    if response.is_redirect:
        return "//developer.servicenow.com" in response.headers.get("location", "")
    is_page = "html" in response.headers.get("content-type", "")
    return is_page and "hibernat" in text[:4000].lower()


def _message_of(said: Any) -> tuple[str | None, str | None]:
    """Return ServiceNow's message and detail, wherever it put them."""
    if isinstance(said, dict):
        message, detail = said.get("message"), said.get("detail")
        # An empty message stays one: no other text is put in its place.
        return (str(message or ""), str(detail) if detail else None)
    return (str(said) if said else None, None)


def _described(response: httpx.Response, text: str) -> str:
    title = re.search(r"<title>\s*([^<]{1,100})", text[:4000], re.IGNORECASE)
    if title is not None:
        return f"a page, “{title[1].strip()}”"
    return response.headers.get("content-type", "").partition(";")[0] or "empty"


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of a Retry-After header in either of its forms (RFC 9110)."""
    value = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    moment = http_date(value)
    return None if moment is None else max(0.0, (moment - datetime.now(UTC)).total_seconds())


def http_date(text: str) -> datetime | None:
    """Return the moment that a header writes as RFC 9110 has it, or None."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
