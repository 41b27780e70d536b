"""What differs between asyncio and threads: the synchronous client has its own copy of this module.

All else of that client is generated (local/unasync_client.py).
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Generator, Hashable, Iterable
from typing import Any, ParamSpec, TypeVar

import httpcore
import httpx

Taken = ParamSpec("Taken")
Given = TypeVar("Given")

Lock = asyncio.Lock
Backend = httpcore.AnyIOBackend
sleep = asyncio.sleep
timeout = asyncio.timeout


class Auth(httpx.Auth):
    """Signs requests of the asynchronous client alone."""

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Refuse: the request would go out unsigned."""
        raise RuntimeError(f"{type(self).__name__} cannot sign {request.url} for a sync client")


class Timer:
    """Calls a function once, later, unless it is cancelled."""

    def __init__(self, seconds: float, function: Callable[[], Awaitable[None]]) -> None:
        self._function = function
        self._loop = asyncio.get_running_loop()
        self._handle = self._loop.call_later(seconds, self._start)

    def _start(self) -> None:
        self._task = asyncio.ensure_future(self._function(), loop=self._loop)

    def cancel(self) -> None:
        """Call it no more."""
        self._handle.cancel()


def scope() -> Hashable:
    """Return what connections and locks belong to: the running event loop."""
    return asyncio.get_running_loop()


def is_closed(scope: Any) -> bool:
    """Return whether a scope is over."""
    return bool(scope.is_closed())


async def run_in_thread(
    function: Callable[Taken, Given], *args: Taken.args, **kwargs: Taken.kwargs
) -> Given:
    """Return what a function returns that may block."""
    return await asyncio.to_thread(function, *args, **kwargs)


async def run_all(functions: Iterable[Callable[[], Awaitable[None]]], at_once: int) -> None:
    """Call functions, so many at a time."""
    limit = asyncio.Semaphore(at_once)

    async def run(function: Callable[[], Awaitable[None]]) -> None:
        async with limit:
            await function()

    await asyncio.gather(*(run(function) for function in functions))


def steps(timeouts: dict[str, float | None], left: float) -> dict[str, float | None]:  # noqa: ARG001 - for threads
    """Return the timeouts of a request's steps; `timeout` sees to the time that is left."""
    return timeouts


def has_unread(tls: Any) -> bool:
    """Return whether the TLS layer has data that nobody has read, or is at its end."""
    try:
        tls.read(1)
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:
        pass
    return True
