"""One instance over HTTP: connections, deadline, retries."""

import logging
import math
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from servicenow_tools import _batch, _concurrency
from servicenow_tools._responses import Answer, AttemptError, content_of, read
from servicenow_tools._transport import ENDS_AT, IS_SENT, NotHttpError
from servicenow_tools.errors import (
    ConnectionFailedError,
    ConnectionLostError,
    InvalidRequestError,
    MalformedResponseError,
    RequestTimeoutError,
    ServiceNowError,
)
from servicenow_tools.retries import Outcome, next_step

_log = logging.getLogger("servicenow_tools")

_NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_HOST = re.compile(r"[a-z0-9]([a-z0-9_.-]*[a-z0-9])?|[0-9a-f:]+", re.IGNORECASE)
_LARGEST_PORT = 65535
_METHOD = re.compile(r"[A-Z]{3,10}")
_PATH = re.compile(r"/(?!/)[!\"$->@-~]*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS = frozenset(
    {"authorization", "connection", "content-length", "cookie", "host", "transfer-encoding",
     "x-sn-apikey"}
)  # fmt: skip
# Instances refuse URLs with 414 from about 10,000 characters on.
_LONGEST_TARGET = 8000
# No cookies: one would put all requests into one session, which runs them one by one and drops
# some with 202.
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "Content-Type": "application/json",
    "User-Agent": "servicenow_tools",
}

# When the whole call that is under way has to be over, on time.monotonic()'s clock.
_ends_at: ContextVar[float | None] = ContextVar("servicenow_tools_ends_at", default=None)


@dataclass(frozen=True, slots=True)
class RequestEvent:
    """One request to the instance and what became of it, for metrics; it holds no data.

    Attributes:
        method: the HTTP method.
        path: the URL's path, without its query.
        attempt: the number of the attempt at this request, from 1.
        seconds: how long it took.
        status: the HTTP status, or None where there was no answer.
        error: the kind of failure, or None where there was none.
    """

    method: str
    path: str
    attempt: int
    seconds: float
    status: int | None
    error: type[ServiceNowError] | None


@dataclass(frozen=True, slots=True)
class Upload:
    """A body that is sent in pieces, and may be sent again from its beginning.

    Attributes:
        pieces: returns the body from its beginning.
        size: how many bytes it has.
        content_type: its media type.
    """

    pieces: Callable[[], AsyncIterator[bytes]]
    size: int
    content_type: str

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.pieces()


@dataclass(frozen=True, slots=True)
class Request:
    """A request below the instance's URL.

    Attributes:
        method: the HTTP method.
        path: below the instance's URL.
        params: the query string.
        body: what to send as JSON.
        upload: what to send in pieces.
        key: where the answer's document has the result; None for the whole document.
        receive: reads a successful answer in pieces instead of a JSON document, and returns the
            result.
        headers: further headers.
    """

    method: str
    path: str
    params: dict[str, str] | None = None
    body: Any = None
    upload: Upload | None = None
    key: str | None = "result"
    receive: Callable[[httpx.Response], Awaitable[Any]] | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_write(self) -> bool:
        """Whether it may change anything."""
        return self.method not in {"GET", "HEAD"}

    @property
    def target(self) -> str:
        """The path with the query."""
        query = f"?{urlencode(self.params, quote_via=quote)}" if self.params else ""
        return f"{self.path}{query}"


def validate_url(instance_url: str) -> str:
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


def validate_path(method: str, path: str) -> str:
    """Return a path below the instance's URL.

    Raises:
        InvalidRequestError: the path or the method is not valid.
    """
    if not _METHOD.fullmatch(method):
        raise InvalidRequestError("must be an HTTP method", "method")
    if not _PATH.fullmatch(path):
        raise InvalidRequestError("must begin with / and have no query", "path")
    return path


def validate_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers that a caller adds to a request.

    Raises:
        InvalidRequestError: one of them signs or frames a request, or is not valid.
    """
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or not value.isascii() or not value.isprintable():
            raise InvalidRequestError("must have names and values of printable ASCII", "headers")
        if name.lower() in _OWN_HEADERS:
            raise InvalidRequestError(f"must leave {name} to the client", "headers")
    return dict(headers)


class Http:
    """The HTTP side of one instance."""

    def __init__(
        self,
        instance_url: str,
        *,
        auth: httpx.Auth,
        timeout: httpx.Timeout,
        deadline: float | None,
        max_response_mib: int,
        on_request: Callable[[RequestEvent], None] | None,
        open_transport: Callable[[], httpx.AsyncBaseTransport],
    ) -> None:
        """Set what every request needs.

        Args:
            instance_url: `https://<host>`.
            auth: how requests are signed.
            timeout: for each of a request's steps.
            deadline: seconds for a whole call, None for no end.
            max_response_mib: how many MiB an answer may have.
            on_request: is called after every request.
            open_transport: opens the way to the network, once for each event loop.
        """
        self.instance_url = validate_url(instance_url)
        self._auth = auth
        self._seconds = math.inf if deadline is None else deadline
        self._max_response_mib = max_response_mib
        self._on_request = on_request
        self._timeout = timeout
        self._open_transport = open_transport
        self._transports: dict[Any, httpx.AsyncBaseTransport] = {}

    @contextmanager
    def deadline(self) -> Iterator[None]:
        """Let everything inside share one deadline; an outer one stays in force."""
        if _ends_at.get() is not None:
            yield
            return
        token = _ends_at.set(time.monotonic() + self._seconds)
        try:
            yield
        finally:
            _ends_at.reset(token)

    async def get(self, path: str, **params: str) -> Answer:
        """Read what a path answers; see `send`."""
        return await self.send(Request("GET", path, params))

    async def send(self, request: Request, *, repeatable: bool | None = None) -> Answer:
        """Send a request until it succeeds, may not be repeated, or time is up.

        A read whose URL is longer than instances accept goes by the Batch API.

        Args:
            request: what to send.
            repeatable: whether it may be sent twice; if None, a read may and a write may not.

        Raises:
            ServiceNowError: it did not succeed; `maybe_applied` says whether a write may have
                been done.
        """
        if repeatable is None:
            repeatable = not request.is_write
        is_long = request.method == "GET" and len(request.target) > _LONGEST_TARGET
        attempt_it = self._attempt_in_batch if is_long else self._attempt
        with self.deadline():
            attempt = 0
            while True:
                attempt += 1
                started = time.monotonic()
                try:
                    answer = await attempt_it(request)
                except AttemptError as failed:
                    error, outcome, cause = failed.error, failed.outcome, failed.__cause__
                else:
                    self._report(request, attempt, started, answer.status, None)
                    return answer
                self._report(request, attempt, started, getattr(error, "status", None), error)
                if not await self.wait_after(error, outcome, attempt, repeatable=repeatable):
                    raise error from cause

    async def wait_after(
        self, error: ServiceNowError, outcome: Outcome, attempt: int, *, repeatable: bool
    ) -> bool:
        """Wait until what failed may be sent again, or return False where it may not."""
        step = next_step(
            outcome,
            repeatable=repeatable,
            attempt=attempt,
            seconds_left=self._seconds_left(),
            retry_after=getattr(error, "retry_after", None),
            jitter=random.random(),  # noqa: S311 - spreads load, guards nothing
        )
        if step is None:
            return False
        await _concurrency.sleep(step.seconds)
        return True

    async def find(
        self, table: str, query: str, *, limit: int, fields: Iterable[str] | None = None
    ) -> list[dict[str, Any]]:
        """Return the records that an encoded query finds, with these fields or all."""
        return (await self.ask(table, query, limit=limit, fields=fields)).records()

    async def ask(
        self,
        table: str,
        query: str,
        *,
        limit: int,
        fields: Iterable[str] | None = None,
        display: str = "false",
    ) -> Answer:
        """Return the answer with the records that an encoded query finds.

        ServiceNow applies a query without the conditions it does not know (documentation: Table
        API, sysparm_query): who acts on a row must see that it is the one asked for.
        """
        params = {
            "sysparm_query": query,
            "sysparm_limit": str(limit),
            "sysparm_no_count": "true",
            "sysparm_exclude_reference_link": "true",
            # It would repeat a long query four times.
            "sysparm_suppress_pagination_header": "true",
        }
        if fields is not None:
            params["sysparm_fields"] = ",".join(fields)
        if display != "false":
            params["sysparm_display_value"] = display
        return await self.get(f"/api/now/table/{table}", **params)

    async def _attempt_in_batch(self, request: Request) -> Answer:
        """Read once through the Batch API."""
        item = _batch.Item(request.method, request.target, headers=request.headers)
        batch = Request("POST", _batch.PATH, body=_batch.document([item]), key="serviced_requests")
        try:
            served = (await self._attempt(batch)).documents()
        except AttemptError as failed:
            failed.error.maybe_applied = False  # all that it does is read
            raise
        if not served:
            text = "The instance did not work on the long query within its time."
            raise AttemptError(RequestTimeoutError(text, maybe_applied=False), Outcome.FAILED)
        return read(*_batch.response(served[0]), is_write=False, key=request.key)

    async def aclose(self) -> None:
        """Close the running event loop's connections; a later request opens new ones."""
        transport = self._transports.pop(_concurrency.scope(), None)
        if transport is not None:
            await transport.aclose()

    async def _attempt(self, request: Request) -> Answer:
        if self._seconds_left() <= 0:
            text = f"The time for the whole call was up before {request.method} could be sent."
            raise AttemptError(RequestTimeoutError(text, maybe_applied=False), Outcome.FAILED)
        sent = self._built(request)
        try:
            async with _concurrency.timeout(self._seconds_left()):
                return await self._exchange(request, sent)
        except _NO_CONNECTION as error:
            text = f"No connection to {self.instance_url}: {str(error) or 'it did not answer'}"
            raise AttemptError(ConnectionFailedError(text), Outcome.NOT_SENT) from error
        except (TimeoutError, httpx.TimeoutException) as error:
            if sent.extensions.get(IS_SENT) is False:
                text = f"No connection to {self.instance_url}: it did not answer in time"
                raise AttemptError(ConnectionFailedError(text), Outcome.NOT_SENT) from error
            failure: type[RequestTimeoutError | ConnectionLostError] = RequestTimeoutError
            text = f"{self.instance_url} did not answer in time."
            cause: Exception = error
        except (NotHttpError, httpx.DecodingError) as error:
            failure = MalformedResponseError
            text = f"The answer of {self.instance_url} is not valid HTTP: {error}."
            cause = error
        except httpx.HTTPError as error:
            failure = ConnectionLostError
            text = f"The connection to {self.instance_url} broke before the answer was whole."
            cause = error
        # What signs the request may have failed before the request itself was sent.
        is_sent = sent.extensions.get(IS_SENT, False)
        maybe_applied = request.is_write and is_sent
        outcome = Outcome.UNANSWERED if is_sent else Outcome.NOT_SENT
        if failure is MalformedResponseError:  # and would be again
            outcome = Outcome.FAILED
        raise AttemptError(failure(text, maybe_applied=maybe_applied), outcome) from cause

    def _built(self, request: Request) -> httpx.Request:
        headers = httpx.Headers(_HEADERS)
        headers.update(request.headers)
        if request.upload is not None:
            headers["Content-Type"] = request.upload.content_type
            headers["Content-Length"] = str(request.upload.size)
        if request.receive is not None:
            headers["Accept"] = "*/*"
        try:
            url = httpx.URL(f"{self.instance_url}{request.target}")
        except httpx.InvalidURL:
            raise InvalidRequestError("holds what no URL may hold", "path") from None
        return httpx.Request(
            request.method,
            url,
            headers=headers,
            json=request.body,
            content=request.upload,
            extensions={"timeout": self._timeouts(), ENDS_AT: _ends_at.get() or math.inf},
        )

    async def _exchange(self, request: Request, sent: httpx.Request) -> Answer:
        """Send one request and read its answer, up to a size."""
        response = await self._signed_and_sent(sent)
        try:
            if request.receive is not None and response.status_code == httpx.codes.OK:
                result = await request.receive(response)
                if result is not None:
                    return Answer(response.status_code, response.headers, result)
            content = await content_of(response, self._max_response_mib, is_write=request.is_write)
        finally:
            await response.aclose()
        return read(response, content, is_write=request.is_write, key=request.key)

    async def _signed_and_sent(self, sent: httpx.Request) -> httpx.Response:
        """Send what the auth object makes of a request; return the last answer, unread.

        This is httpx.AsyncClient's part: with its redirects, cookies and hooks, none of which
        are wanted here, a call takes half as long again.
        """
        transport = self._open()
        async with aclosing(self._auth.async_auth_flow(sent)) as flow:
            request = await anext(flow)
            while True:
                request.extensions[IS_SENT] = True
                response = await transport.handle_async_request(request)
                response.request = request
                try:
                    request = await flow.asend(response)
                    if not response.is_closed:
                        await content_of(response, self._max_response_mib)
                except StopAsyncIteration:
                    return response
                except BaseException:
                    await response.aclose()
                    raise

    def _report(
        self,
        request: Request,
        attempt: int,
        started: float,
        status: int | None,
        error: ServiceNowError | None,
    ) -> None:
        seconds = time.monotonic() - started
        kind = None if error is None else type(error)
        _log.debug(
            "%s %s, attempt %d: %s in %.0f ms",
            request.method, request.path, attempt,
            status if kind is None else kind.__name__, seconds * 1000,
        )  # fmt: skip
        if self._on_request is not None:
            event = RequestEvent(request.method, request.path, attempt, seconds, status, kind)
            self._on_request(event)

    def _open(self) -> httpx.AsyncBaseTransport:
        """Return the transport of the running event loop: connections can't change loops."""
        scope = _concurrency.scope()
        if scope not in self._transports:
            for old in [old for old in self._transports if _concurrency.is_closed(old)]:
                del self._transports[old]
            self._transports[scope] = self._open_transport()
        return self._transports[scope]

    def _timeouts(self) -> dict[str, float | None]:
        """Return the timeouts of a request's steps."""
        return _concurrency.steps(self._timeout.as_dict(), self._seconds_left())

    def _seconds_left(self) -> float:
        ends_at = _ends_at.get()
        return self._seconds if ends_at is None else ends_at - time.monotonic()
