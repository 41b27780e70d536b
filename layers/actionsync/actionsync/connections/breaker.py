"""The circuit breaker: an instance that is away is left alone, by every function of the stack.

What is known of an instance lies in `actionsync.stores.cooldowns`, for all to see. Those who work
off events begin a pause at the first failure, because events can wait. A call of the HTTP API
cannot: it takes TOLERATED failures in a row until the instance counts as away. During a pause calls
fail at once, with the seconds that are left. After it one call at a time finds out.
"""

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from servicenow_tools import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionsync.stores.cooldowns import CooldownStore

# The instance as a whole is away, whoever asks.
AWAY = (
    errors.UnavailableError,
    errors.HibernatingError,
    errors.ConnectionFailedError,
    errors.RequestTimeoutError,
    errors.ConnectionLostError,
    errors.UnexpectedContentError,
)
TOLERATED = 2
# For so long after a success a process looks no further: a healthy instance costs no call to AWS.
_CALM_SECONDS = 30.0


class PausedError(errors.ServiceNowError):
    """An instance is left alone for a while; nothing was sent.

    Attributes:
        retry_after: for how many seconds.
    """

    said = "has failed again and again"

    def __init__(self, instance: str, reason: str, seconds: int) -> None:
        super().__init__(
            f"{instance} {self.said} ({reason}) and is left alone for {seconds} seconds."
        )
        self.retry_after = seconds


class CircuitOpenError(PausedError):
    """It is away."""


class LimitedError(PausedError):
    """It limits how many requests it takes."""

    said = "limits how many requests it takes"


class Breaker:
    """What stands between the functions of the HTTP API and the instances.

    Args:
        cooldowns: what the whole stack knows of the instances.
    """

    def __init__(self, cooldowns: "CooldownStore") -> None:
        self._cooldowns = cooldowns
        self._calm_until: dict[str, float] = {}

    @contextmanager
    def around(self, instance: str) -> "Iterator[None]":
        """Make the block's calls of an instance, unless it is to be left alone.

        Args:
            instance: the instance's host, with its port.

        Raises:
            LimitedError: it is left alone because it limits requests.
            CircuitOpenError: it is left alone because it is away.
        """
        if self._calm_until.get(instance, 0.0) < time.monotonic():
            self._check(instance)
        try:
            yield
        except errors.ServiceNowError as error:
            reason = type(error).__name__.removesuffix("Error")
            if isinstance(error, errors.RateLimitedError):
                self._calm_until.pop(instance, None)
                self._cooldowns.start(instance, reason, error.retry_after)
            elif isinstance(error, AWAY):
                self._calm_until.pop(instance, None)
                self._cooldowns.start(instance, reason, tolerated=TOLERATED)
            elif isinstance(error, errors.ResponseError):
                self._answered(instance)
            raise
        else:
            self._answered(instance)

    def back(self, instance: str) -> None:
        """Note that an instance was seen to work, pause or not: the pause ends for everybody."""
        self._answered(instance, is_news=True)

    def _answered(self, instance: str, *, is_news: bool = False) -> None:
        self._cooldowns.end(instance, is_news=is_news)
        self._calm_until[instance] = time.monotonic() + _CALM_SECONDS

    def _check(self, instance: str) -> None:
        seconds = self._cooldowns.admit(instance)
        if not seconds:
            return
        reason = self._cooldowns.get(instance).reason
        kind = LimitedError if reason == "RateLimited" else CircuitOpenError
        raise kind(instance, reason, seconds)
