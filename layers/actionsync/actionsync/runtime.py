"""The bridge between Lambda's plain handlers and the asynchronous ServiceNow client.

One event loop lives as long as the process: TLS connections belong to the loop that opened them,
and a warm call must find them open.
"""

import asyncio
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

Result = TypeVar("Result")


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


def run(work: "Coroutine[Any, Any, Result]") -> Result:
    """Run a coroutine to its end on this process's event loop and return what it returns."""
    return _runner().run(work)
