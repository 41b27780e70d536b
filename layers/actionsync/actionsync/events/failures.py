"""What a failure means for an event: wait, or give up with a reason. One table."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionsync.connections.breaker import AWAY
from servicenow_tools import errors

if TYPE_CHECKING:
    from actionsync.stores.cooldowns import CooldownStore

# For how long an event waits for what only its user can mend, before it is put aside.
PATIENCE_SECONDS = 3600


class RetryLaterError(Exception):
    """The event has to wait; it lies in the queue meanwhile.

    Attributes:
        seconds: for how long.
        reason: the kind of failure.
        is_patient: whether it waits for as long as it takes, or for PATIENCE_SECONDS in all.
    """

    def __init__(self, seconds: int, reason: str, *, is_patient: bool = True) -> None:
        super().__init__(f"{reason}: wait for {seconds} seconds")
        self.seconds = seconds
        self.reason = reason
        self.is_patient = is_patient


class PermanentError(Exception):
    """ServiceNow, or the user's own settings, will not have the event; waiting does not help."""

    def __init__(self, reason: str, text: str) -> None:
        """Take the kind of failure and what was said, which holds no secret."""
        super().__init__(f"{reason}: {text}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a failure concerns: the names of an instance's and a user's cooldown."""

    instance: str
    user: str


_RETRIED_SECONDS = 60


def meaning(
    error: errors.ServiceNowError, scope: Scope, cooldowns: "CooldownStore"
) -> RetryLaterError | PermanentError:
    """Return what follows from a failure, after starting the cooldown that it calls for."""
    reason = type(error).__name__.removesuffix("Error")
    if isinstance(error, errors.RateLimitedError):
        return RetryLaterError(cooldowns.start(scope.instance, reason, error.retry_after), reason)
    if isinstance(error, AWAY):
        return RetryLaterError(cooldowns.start(scope.instance, reason), reason)
    if isinstance(error, errors.AuthenticationError):
        # Wrong passwords, sent again and again, lock an account.
        return RetryLaterError(cooldowns.start(scope.user, reason), reason, is_patient=False)
    is_page = isinstance(error, errors.ResponseError) and error.message is None
    if is_page or isinstance(error, errors.ServerError):
        return RetryLaterError(_RETRIED_SECONDS, reason, is_patient=False)
    return PermanentError(reason, str(error))
