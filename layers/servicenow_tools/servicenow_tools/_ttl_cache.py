"""A cache whose values expire."""

import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class TTLCache(Generic[Key, Value]):
    """A cache whose values expire; the oldest is dropped when there are too many.

    Args:
        seconds: how long a value is good.
        size: how many values it holds.
    """

    def __init__(self, seconds: float, size: int) -> None:
        self._seconds = seconds
        self._size = size
        self._values: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """Return a value that has not expired, or None."""
        good_until, value = self._values.get(key, (0.0, None))
        return value if good_until > time.monotonic() else None

    def put(self, key: Key, value: Value) -> Value:
        """Store a value, and return it."""
        self._values[key] = (time.monotonic() + self._seconds, value)
        self._values.move_to_end(key)
        if len(self._values) > self._size:
            self._values.popitem(last=False)
        return value
