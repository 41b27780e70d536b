"""Whom a failure concerns, and the calls that are refused while it lasts.

One table for all who call ServiceNow. Only ServiceNow's own error document speaks for ServiceNow: a
status with another body is a gateway's page, whose trouble may end at the next request.
"""

import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionsync import clock
from servicenow_tools import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionsync.stores.pauses import Pause, PauseStore, Scope, Target

# So many different keys must meet time-outs, gateways' pages or 500s, without a success between
# them, before they are the connection's trouble rather than their own.
CONNECTION_THRESHOLD = 10
# A person's call cannot wait as an event can: it takes more than one to find an instance away.
INSTANCE_THRESHOLD_OF_CALLS = 3
# For so long after a success a process looks no further: a healthy instance costs no call to AWS.
HEALTHY_TTL = 30.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Whom a failure concerns.

    Attributes:
        scope: whose pause it begins.
        threshold: how many different keys must meet it in a row.
        is_items_own: whether it concerns what met it first, and may concern nothing else.
    """

    scope: "Scope"
    threshold: int = 1
    is_items_own: bool = False


def trouble_of(error: errors.ServiceNowError) -> Trouble | None:
    """Return whom a failure concerns, or None where it is an answer like any other."""
    is_own_words = not isinstance(error, errors.ResponseError) or error.message is not None
    if isinstance(error, errors.HibernatingError | errors.ConnectionFailedError):
        return Trouble("instance")
    if isinstance(error, errors.UnavailableError) and is_own_words:
        return Trouble("instance")
    if isinstance(error, errors.AuthenticationError) and is_own_words:
        # Wrong passwords, sent again and again, lock an integration account.
        return Trouble("connection")
    if isinstance(error, errors.RateLimitedError) and is_own_words:
        return Trouble("table")
    if not is_own_words or isinstance(error, _ITEMS_OWN):
        return Trouble("connection", CONNECTION_THRESHOLD, is_items_own=True)
    return None


_ITEMS_OWN = (
    errors.RequestTimeoutError,
    errors.ConnectionLostError,
    errors.ServerError,
    errors.UnexpectedContentError,
)


def reason_of(error: Exception) -> str:
    """Return the kind of a failure, as metrics and people read it."""
    return type(error).__name__.removesuffix("Error")


class CircuitOpenError(errors.ServiceNowError):
    """A call that is refused during a pause; nothing was sent.

    Attributes:
        retry_after: for how many seconds.
    """

    said = "has failed again and again"

    def __init__(self, host: str, pause: "Pause", seconds: int) -> None:
        said = f" ServiceNow said: {pause.text}" if pause.text else ""
        super().__init__(
            f"{host} {self.said} ({pause.reason}) and is paused for {seconds} seconds.{said}"
        )
        self.retry_after = seconds


class RateLimitPauseError(CircuitOpenError):
    """ServiceNow limits how many requests it takes from this connection."""

    said = "limits how many requests it takes from this connection"


class SignInPauseError(CircuitOpenError):
    """ServiceNow does not accept this connection's credentials."""

    said = "does not accept this connection's credentials"


_OF_REASONS = {
    "RateLimited": RateLimitPauseError,
    "Authentication": SignInPauseError,
    "TokenRefused": SignInPauseError,
}


def record_failure(
    pauses: "PauseStore",
    target: "Target",
    error: errors.ServiceNowError,
    key: str,
    *,
    instance_threshold: int = 1,
    is_again: bool = False,
) -> "Pause | None":
    """Record what a failure means for others, and return the pause that it makes, if any.

    What has failed for its own sake before and does so again says nothing new.
    """
    trouble = trouble_of(error)
    if isinstance(error, errors.ServerError) and error.message is not None:
        # It is there, and takes requests.
        pauses.record_success(target, ("instance", "table"))
    if trouble is not None and trouble.is_items_own and is_again:
        return None
    if trouble is None:
        if isinstance(error, errors.PermissionDeniedError):
            pauses.forget_capabilities(target)  # a role may be gone
        if isinstance(error, errors.ResponseError):
            pauses.record_success(target)  # a refusal is an answer
        return None
    threshold = instance_threshold if trouble.scope == "instance" else trouble.threshold
    return pauses.record_failure(
        target,
        trouble.scope,
        reason_of(error),
        str(error),
        key=key,
        retry_after=getattr(error, "retry_after", None),
        threshold=threshold,
    )


class Circuit:
    """What stands between the functions of the HTTP API and the instances.

    Args:
        pauses: what the whole stack knows.
    """

    def __init__(self, pauses: "PauseStore") -> None:
        self.pauses = pauses
        self._healthy_until: dict[Target, float] = {}

    def is_open(self, target: "Target") -> bool:
        """Return whether a target is paused now."""
        if self._healthy_until.get(target, 0.0) >= time.monotonic():
            return False
        pause = self.pauses.look(target)
        return pause is not None and pause.until > clock.now_epoch()

    @contextmanager
    def around(self, target: "Target") -> "Iterator[None]":
        """Make the block's calls, unless the target is paused.

        Raises:
            CircuitOpenError: it is paused.
        """
        if self._healthy_until.get(target, 0.0) < time.monotonic():
            self._check(target)
        try:
            yield
        except errors.ServiceNowError as error:
            if trouble_of(error) is not None:
                self._healthy_until.pop(target, None)
            elif isinstance(error, errors.ResponseError):
                self._answered(target)
            record_failure(
                self.pauses,
                target,
                error,
                uuid.uuid4().hex,
                instance_threshold=INSTANCE_THRESHOLD_OF_CALLS,
            )
            raise
        else:
            self.pauses.record_success(target)
            self._answered(target)

    def _answered(self, target: "Target") -> None:
        if len(self._healthy_until) > 1000:  # noqa: PLR2004 - targets, a bound on memory
            self._healthy_until.clear()
        self._healthy_until[target] = time.monotonic() + HEALTHY_TTL

    def _check(self, target: "Target") -> None:
        pause = self.pauses.check(target)
        if pause is None:
            return
        seconds = max(1, pause.seconds_left(clock.now_epoch()))
        raise _OF_REASONS.get(pause.reason, CircuitOpenError)(target.host, pause, seconds)
