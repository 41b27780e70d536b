"""Faults that a test switches on: what real instances do on bad days.

The bodies are those that ServiceNow's documentation (Inbound REST API rate limiting; REST API
HTTP response codes) and public reports of real instances show.
"""

import fnmatch
import json
import threading
from dataclasses import dataclass, field
from typing import Any

HIBERNATING = (
    "<html><head><title>Instance Hibernating page</title></head><body>"
    "<h1>Your instance is hibernating</h1><p>Want to find out why instances hibernate?</p>"
    "</body></html>"
)
LOGIN_PAGE = "<html><head><title>Log in | ServiceNow</title></head><body>Log in</body></html>"
PROXY_ERROR = "<html><body><h1>503 Service Unavailable</h1></body></html>"
CANCELLED = "Transaction cancelled: maximum execution time exceeded"


@dataclass
class Fault:
    """One kind of trouble.

    Attributes:
        method: the HTTP method it concerns, `*` for any.
        path: the paths it concerns, as a glob.
        times: how often it strikes; None for always.
        after: how many of the requests it concerns pass before it strikes.
        status: the status to answer instead of the real one.
        body: the body to answer, text, or anything JSON.
        content_type: the body's type.
        headers: further headers.
        after_commit: whether the request is carried out before it fails.
        reset: cut the connection instead of answering.
        half: send only half of the body, then cut the connection.
        delay: seconds to wait before answering.
    """

    method: str = "*"
    path: str = "*"
    times: int | None = 1
    after: int = 0
    status: int | None = None
    body: Any = None
    content_type: str = "application/json;charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)
    after_commit: bool = False
    reset: bool = False
    half: bool = False
    delay: float = 0.0

    def concerns(self, method: str, path: str) -> bool:
        """Return whether the fault strikes this request."""
        return self.method in {"*", method} and fnmatch.fnmatch(path, self.path)

    @property
    def answers(self) -> bool:
        """Whether it answers instead of the instance."""
        return self.status is not None

    @property
    def text(self) -> str:
        """The body as it is sent."""
        return self.body if isinstance(self.body, str) else json.dumps(self.body)


class Faults:
    """The faults that are switched on, in the order in which they strike."""

    def __init__(self) -> None:
        """Begin without any."""
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Switch a fault on."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._faults.clear()

    def next(self, method: str, path: str) -> Fault | None:
        """Return the fault that strikes this request, and count it."""
        with self._lock:
            for fault in self._faults:
                if fault.concerns(method, path):
                    if fault.after:
                        fault.after -= 1
                        continue
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times == 0:
                            self._faults.remove(fault)
                    return fault
        return None


def error(status: int, message: str, detail: str | None, **options: Any) -> Fault:
    """Return a fault that answers with ServiceNow's error body."""
    body = {"error": {"message": message, "detail": detail}, "status": "failure"}
    return Fault(status=status, body=body, **options)


def rate_limited(retry_after: int, **options: Any) -> Fault:
    """Return a 429 as a rate limit rule answers it; `retry_after` in seconds."""
    fault = error(
        429,
        "Rate limit exceeded",
        "Rate limit of 100 requests per hour for Table API exceeded",
        **options,
    )
    fault.headers = {
        "Retry-After": str(retry_after),
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Reset": "1704884400",
        "X-RateLimit-Rule": "a1b2c3d4e5f60718293a4b5c6d7e8f90",
    }
    return fault


def hibernating(**options: Any) -> Fault:
    """Return the page of a hibernating developer instance: HTML with status 200."""
    return Fault(status=200, body=HIBERNATING, content_type="text/html;charset=UTF-8", **options)


def login_page(**options: Any) -> Fault:
    """Return a single sign-on's login page: HTML with status 200."""
    return Fault(status=200, body=LOGIN_PAGE, content_type="text/html;charset=UTF-8", **options)


def unavailable(status: int = 503, **options: Any) -> Fault:
    """Return a gateway's HTML error page."""
    return Fault(status=status, body=PROXY_ERROR, content_type="text/html", **options)


def server_error(**options: Any) -> Fault:
    """Return a 500 with a Java message."""
    return error(500, "java.lang.NullPointerException", "See the log for the trace", **options)


def cancelled(**options: Any) -> Fault:
    """Return a transaction that was cancelled while its rows were being sent: broken JSON, 200."""
    body = (
        '{"result":[ {"sys_id":"1", }"" ], "error":{"message":"' + CANCELLED + '",'
        '"detail":"' + CANCELLED + '. Check logs for error trace."},"status":"failure"}'
    )
    return Fault(status=200, body=body, **options)


def dropped(**options: Any) -> Fault:
    """Return the 202 that drops a request because its session's queue is full."""
    return Fault(status=202, body="", **options)
