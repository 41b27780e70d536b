"""How a command ends, and what it says meanwhile."""

import sys
import time
from collections.abc import Callable

DONE, FAILED, DIFFERENT, REFUSED = 0, 1, 2, 3

Say = Callable[[str], object]


class FailedError(Exception):
    """The command did not do what it was asked; the text says why."""


class RefusedError(Exception):
    """The command has changed nothing; the text says what has to be so first."""


class Progress:
    """Says how far long work is, on standard error, every few seconds.

    Args:
        every: so many seconds at least lie between two lines.
    """

    def __init__(self, every: float = 5) -> None:
        self._every = every
        self._next = 0.0

    def __call__(self, text: str) -> None:
        """Say it, unless something was said just before."""
        if time.monotonic() >= self._next:
            print(text, file=sys.stderr, flush=True)
            self._next = time.monotonic() + self._every
