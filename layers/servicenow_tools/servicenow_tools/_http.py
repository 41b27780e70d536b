"""One instance over HTTP: connections, time budget, retries, and answers turned into errors."""

import asyncio
import json
import logging
import math
import random
import re
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from servicenow_tools.errors import (
    AuthenticationError,
    BusinessRuleError,
    ConflictError,
    ConnectionFailedError,
    ConnectionLostError,
    DataPolicyError,
    HibernatingError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RequestTimeoutError,
    ResponseError,
    ServerError,
    ServiceNowError,
    TransactionCancelledError,
    UnavailableError,
    UnexpectedContentError,
    ValidationError,
)
from servicenow_tools.retries import Outcome, next_step

_log = logging.getLogger("servicenow_tools")

_MAX_ANSWER_BYTES = 64 * 1024 * 1024
_NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_CANCELLED = "Transaction cancelled"
_HOST = re.compile(r"[a-z0-9]([a-z0-9_.-]*[a-z0-9])?|[0-9a-f:]+", re.IGNORECASE)
_LARGEST_PORT = 65535

# When the whole call that is under way has to be over, on time.monotonic()'s clock.
_ends_at: ContextVar[float | None] = ContextVar("servicenow_tools_ends_at", default=None)


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
        """Return the records of a list.

        Raises:
            UnexpectedContentError: it is something else.
        """
        rows = self.result
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise UnexpectedContentError(self.status, "The answer is not a list of records.")
        return rows

    def record(self) -> dict[str, Any]:
        """Return a record's columns, also from the Change Management API's `{value, ...}` fields.

        Raises:
            UnexpectedContentError: it is something else.
        """
        if not isinstance(self.result, dict):
            raise UnexpectedContentError(
                self.status, "The answer is not a record.", maybe_applied=self.is_write
            )
        return {
            name: stored(value["value"]) if isinstance(value, dict) and "value" in value else value
            for name, value in self.result.items()
            if name != "__meta"
        }


def stored(value: Any) -> Any:
    """Return a value as the Table API has it: the Change Management API's are typed.

    The same number comes as -5 from some releases and as -5.0 from others.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | float) else value


@cache
def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Return the TLS context for a certificate authority, made once: it takes 20 to 60 ms.

    Args:
        ca_file: PEM file of the authority, or None for the public ones that httpx trusts.

    Raises:
        InvalidRequestError: the file cannot be read, or holds no certificate.
    """
    if ca_file is None:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError:
        raise InvalidRequestError("must be a readable file of certificates", "ca_file") from None


def checked_url(instance_url: str) -> str:
    """Return an instance's URL without a trailing slash.

    Raises:
        InvalidRequestError: it is no https URL of a host alone.
    """
    try:
        url = httpx.URL(instance_url)
    except httpx.InvalidURL:
        url = httpx.URL()
    if (
        url.scheme != "https"
        or not _HOST.fullmatch(url.raw_host.decode())
        or not 0 < (1 if url.port is None else url.port) <= _LARGEST_PORT
        or url.path != "/"
        or not {"@", "?", "#"}.isdisjoint(instance_url)
    ):
        raise InvalidRequestError(
            "must be an https URL that ends after the host, as https://example.service-now.com",
            "instance_url",
        )
    return instance_url.rstrip("/")


class Http:
    """The HTTP side of one instance."""

    def __init__(
        self,
        instance_url: str,
        *,
        auth: httpx.Auth,
        transport: httpx.AsyncBaseTransport | None,
        ca_file: str | None,
        timeout: httpx.Timeout,
        deadline: float | None,
        max_connections: int,
    ) -> None:
        """Take what every request needs; `deadline` bounds a whole call, in seconds."""
        self.instance_url = checked_url(instance_url)
        self._auth = auth
        self._transport = transport
        self._ca_file = ca_file
        self._timeout = timeout
        self._deadline = math.inf if deadline is None else deadline
        self._max_connections = max_connections
        self._clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}

    @contextmanager
    def budget(self) -> Iterator[None]:
        """Let everything inside share one deadline; an outer budget stays in force."""
        if _ends_at.get() is not None:
            yield
            return
        token = _ends_at.set(time.monotonic() + self._deadline)
        try:
            yield
        finally:
            _ends_at.reset(token)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
        repeatable: bool | None = None,
    ) -> Answer:
        """Send a request until it succeeds, may not be repeated, or time is up.

        Args:
            method: the HTTP method.
            path: below the instance's URL.
            params: the query string.
            body: what to send as JSON.
            repeatable: whether it may be sent twice; True for GET, False else, unless told.

        Raises:
            ServiceNowError: it did not succeed; `maybe_applied` tells of a write.
        """
        if repeatable is None:
            repeatable = method == "GET"
        is_write = method != "GET"
        with self.budget():
            attempt = 0
            while True:
                attempt += 1
                try:
                    return await self._attempt(method, path, params, body, is_write=is_write)
                except _AttemptError as failed:
                    error, outcome = failed.error, failed.outcome
                step = next_step(
                    outcome,
                    repeatable=repeatable,
                    attempt=attempt,
                    seconds_left=self._seconds_left(),
                    retry_after=getattr(error, "retry_after", None),
                    jitter=random.random(),  # noqa: S311 - spreads load, guards nothing
                )
                if step is None:
                    raise error
                _log.debug("%s %s again in %.2f s: %s", method, path, step.seconds, type(error))
                await asyncio.sleep(step.seconds)

    async def find(
        self, table: str, query: str, *, limit: int, fields: Iterable[str] | None = None
    ) -> list[dict[str, Any]]:
        """Return the records that an encoded query finds, with these fields or all.

        ServiceNow applies a query without the conditions it does not know (documentation: Table
        API, sysparm_query): who acts on a row must see that it is the one asked for.
        """
        params = {
            "sysparm_query": query,
            "sysparm_limit": str(limit),
            "sysparm_no_count": "true",
            "sysparm_exclude_reference_link": "true",
        }
        if fields is not None:
            params["sysparm_fields"] = ",".join(fields)
        return (await self.request("GET", f"/api/now/table/{table}", params=params)).records()

    async def aclose(self) -> None:
        """Close the running event loop's connections; a later request opens new ones."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    async def _attempt(
        self,
        method: str,
        path: str,
        params: dict[str, str] | None,
        body: dict[str, Any] | None,
        *,
        is_write: bool,
    ) -> Answer:
        if self._seconds_left() <= 0:
            text = f"The time for the whole call was up before {method} could be sent."
            raise _AttemptError(RequestTimeoutError(text, maybe_applied=False), Outcome.FAILED)
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds_left()):
                response = await self._exchange(method, path, params, body)
        except _NO_CONNECTION as error:
            text = f"No connection to {self.instance_url}: {str(error) or 'it did not answer'}"
            raise _AttemptError(ConnectionFailedError(text), Outcome.NOT_SENT) from error
        except (TimeoutError, httpx.TimeoutException) as error:
            text = f"{self.instance_url} did not answer in time."
            raise _AttemptError(
                RequestTimeoutError(text, maybe_applied=is_write), Outcome.UNANSWERED
            ) from error
        except httpx.HTTPError as error:
            text = f"The connection to {self.instance_url} broke before the answer was whole."
            raise _AttemptError(
                ConnectionLostError(text, maybe_applied=is_write), Outcome.UNANSWERED
            ) from error
        finally:
            _log.debug("%s %s took %.0f ms", method, path, (time.monotonic() - started) * 1000)
        return _read(response, is_write=is_write)

    async def _exchange(
        self,
        method: str,
        path: str,
        params: dict[str, str] | None,
        body: dict[str, Any] | None,
    ) -> httpx.Response:
        """Send one request and read its answer, up to a size."""
        client = self._open()
        request = client.build_request(
            method, f"{self.instance_url}{path}", params=params, json=body
        )
        response = await client.send(request, auth=self._auth, stream=True)
        try:
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > _MAX_ANSWER_BYTES:
                    raise _AttemptError(
                        UnexpectedContentError(
                            response.status_code, "The answer is larger than 64 MiB."
                        ),
                        Outcome.FAILED,
                    )
        finally:
            await response.aclose()
        return httpx.Response(
            response.status_code,
            headers={
                name: value
                for name, value in response.headers.items()
                if name not in {"content-encoding", "content-length", "transfer-encoding"}
            },
            content=bytes(content),
        )

    def _open(self) -> httpx.AsyncClient:
        """Return the client of the running event loop: connections can't change loops."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            for old in [old for old in self._clients if old.is_closed()]:
                del self._clients[old]
            self._clients[loop] = httpx.AsyncClient(
                # A cookie would put all requests into one session, which runs them one by one
                # and drops some with 202.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                headers={"Accept": "application/json", "Content-Type": "application/json"},
                timeout=self._timeout,
                follow_redirects=False,
                limits=httpx.Limits(max_connections=self._max_connections),
                **(
                    {"verify": tls_context(self._ca_file)}
                    if self._transport is None
                    else {"transport": self._transport}
                ),
            )
        return self._clients[loop]

    def _seconds_left(self) -> float:
        ends_at = _ends_at.get()
        return self._deadline if ends_at is None else ends_at - time.monotonic()


class _AttemptError(Exception):
    """One attempt's failure, and what kind of failure it is for the next decision."""

    def __init__(self, error: ServiceNowError, outcome: Outcome) -> None:
        super().__init__(str(error))
        self.error = error
        self.outcome = outcome


def _read(response: httpx.Response, *, is_write: bool) -> Answer:
    """Return an answer's result, or raise what is wrong with it."""
    status = response.status_code
    if status == httpx.codes.NO_CONTENT:
        return Answer(status, response.headers, None, is_write)
    document = _json(response)
    said = document.get("error") if isinstance(document, dict) else None
    answers = response.is_success and status != httpx.codes.ACCEPTED and said is None
    if answers and isinstance(document, dict) and "result" in document:
        return Answer(status, response.headers, document["result"], is_write)
    raise _failure(response, said, is_write=is_write)


def _json(response: httpx.Response) -> Any:
    if "json" not in response.headers.get("content-type", ""):
        return None
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


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


def _failure(response: httpx.Response, said: Any, *, is_write: bool) -> _AttemptError:
    """Say what a failed answer means, and what may follow it."""
    status = response.status_code
    message, detail = _words(said)
    text = response.text
    kind = _BY_STATUS.get(status)
    if _CANCELLED in (message or "") or _CANCELLED in text[-4000:]:
        kind = TransactionCancelledError
        message = message or f"{_CANCELLED}: maximum execution time exceeded"
    elif _hibernates(response):
        kind = HibernatingError
        message = "The instance is hibernating."
    elif status == httpx.codes.FORBIDDEN and "Data Policy Exception" in (detail or ""):
        kind = DataPolicyError
    elif "aborted by Business Rule" in f"{message} {detail}":
        kind = BusinessRuleError
    elif kind is None and said is None and status < httpx.codes.INTERNAL_SERVER_ERROR:
        kind = UnexpectedContentError
        message = f"The answer is {_described(response)}, not the API's JSON."
    elif kind is None:
        kind = ServerError if status >= httpx.codes.INTERNAL_SERVER_ERROR else ValidationError
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
        retry_after=_retry_after(response),
    )
    return _AttemptError(error, outcome)


def _hibernates(response: httpx.Response) -> bool:
    """Tell a sleeping developer instance: its own page, or the way to the developer site."""
    if response.is_redirect:
        return "//developer.servicenow.com" in response.headers.get("location", "")
    is_page = "html" in response.headers.get("content-type", "")
    return is_page and "hibernat" in response.text[:4000].lower()


def _words(said: Any) -> tuple[str | None, str | None]:
    """Return ServiceNow's message and detail, wherever it put them."""
    if isinstance(said, dict):
        message, detail = said.get("message"), said.get("detail")
        return (str(message) if message else None, str(detail) if detail else None)
    return (str(said) if said else None, None)


def _described(response: httpx.Response) -> str:
    title = re.search(r"<title>\s*([^<]{1,100})", response.text[:4000], re.IGNORECASE)
    if title is not None:
        return f"a page, “{title[1].strip()}”"
    if response.is_redirect:
        return "a redirect"
    return response.headers.get("content-type", "").partition(";")[0] or "empty"


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of a Retry-After header in either of its forms (RFC 9110)."""
    value = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
