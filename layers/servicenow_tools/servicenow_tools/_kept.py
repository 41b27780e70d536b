"""What the instance said a while ago and need not be asked again."""

import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """Values kept for a time, the oldest dropped first when there are too many.

    Args:
        seconds: how long a value is good.
        size: how many are kept.
    """

    def __init__(self, seconds: float, size: int) -> None:
        self._seconds = seconds
        self._size = size
        self._values: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """Return the value kept, or None."""
        good_until, value = self._values.get(key, (0.0, None))
        return value if good_until > time.monotonic() else None

    def put(self, key: Key, value: Value) -> Value:
        """Keep a value, and return it."""
        self._values[key] = (time.monotonic() + self._seconds, value)
        self._values.move_to_end(key)
        if len(self._values) > self._size:
            self._values.popitem(last=False)
        return value
