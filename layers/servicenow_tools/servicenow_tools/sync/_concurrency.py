"""What differs between asyncio and threads, for threads; all else of this package is generated."""

import math
import threading
import time
from collections.abc import AsyncGenerator, Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

import httpcore
import httpx

Taken = ParamSpec("Taken")
Given = TypeVar("Given")

Lock = threading.Lock
Backend = httpcore.SyncBackend
sleep = time.sleep


class Auth(httpx.Auth):
    """Signs requests of the synchronous client alone."""

    def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Refuse: the request would go out unsigned."""
        raise RuntimeError(f"{type(self).__name__} cannot sign {request.url} for an async client")


class Timer:
    """Does nothing: httpcore closes connections that were idle too long at the next request."""

    def __init__(self, seconds: float, function: Callable[[], None]) -> None:
        """Take what the asynchronous one takes."""

    def cancel(self) -> None:
        """Do nothing."""


@contextmanager
def timeout(seconds: float) -> Iterator[None]:
    """Do nothing: each step of a request has the time that is left (see `_http`)."""
    yield


def scope() -> Hashable:
    """Return what connections and locks belong to: the process."""
    return None


def is_closed(scope: Any) -> bool:
    """Return whether a scope is over."""
    return False


def run_in_thread(
    function: Callable[Taken, Given], *args: Taken.args, **kwargs: Taken.kwargs
) -> Given:
    """Return what a function returns that may block."""
    return function(*args, **kwargs)


def run_all(functions: Iterable[Callable[[], None]], at_once: int) -> None:
    """Call functions, so many at a time, each with the caller's deadline."""
    with ThreadPoolExecutor(at_once) as pool:
        for done in [pool.submit(copy_context().run, function) for function in functions]:
            done.result()


def steps(timeouts: dict[str, float | None], left: float) -> dict[str, float | None]:
    """Return the timeouts of a request's steps, none of them longer than the time that is left."""
    if math.isinf(left):
        return timeouts
    return {
        name: left if seconds is None else min(seconds, left) for name, seconds in timeouts.items()
    }


def has_unread(tls: Any) -> bool:
    """Return whether the TLS layer has data that nobody has read."""
    return bool(tls.pending())
