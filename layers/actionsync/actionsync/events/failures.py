"""What a failure means for an event: wait, or give up with a reason. One table."""

from typing import TYPE_CHECKING, Literal

from actionsync import clock
from actionsync.connections.circuit import reason_of, record_failure, trouble_of
from servicenow_tools import errors

if TYPE_CHECKING:
    from actionsync.stores.pauses import Pause, PauseStore, Scope, Target

# For so long an item waits after its first, second, ... failure of its own; the next is its last.
ITEM_WAITS = (60, 300, 900, 3600)


class RetryLaterError(Exception):
    """The event has to wait.

    Attributes:
        reason: the kind of failure.
        text: what ServiceNow said.
        seconds: for how long, or None for as long as its own tries say (ITEM_WAITS).
        scope: what the failure affects: the item alone, what its pause covers, or the worker that
            had no time left.
        paused_by: what met the pause it waits for, None where it waits for no pause.
    """

    def __init__(
        self,
        reason: str,
        text: str = "",
        *,
        seconds: int | None = None,
        scope: "Scope | Literal['item', 'worker']" = "item",
        paused_by: str | None = None,
    ) -> None:
        super().__init__(text or reason)
        self.reason = reason
        self.text = text or reason
        self.seconds = seconds
        self.scope = scope
        self.paused_by = paused_by

    @classmethod
    def during(cls, pause: "Pause") -> "RetryLaterError":
        """Return what an event meets that meets a pause."""
        seconds = max(1, pause.seconds_left(clock.now_epoch()))
        return cls(
            pause.reason, pause.text, seconds=seconds, scope=pause.scope, paused_by=pause.key
        )


class PermanentError(Exception):
    """ServiceNow, or the user's own settings, will not have the event; waiting does not help.

    Attributes:
        reason: the kind of failure.
        text: what was said, which holds no secret.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
        self.text = text


def classify_failure(
    error: errors.ServiceNowError,
    target: "Target",
    pauses: "PauseStore",
    key: str,
    *,
    is_again: bool,
) -> RetryLaterError | PermanentError:
    """Return what follows from a failure for the event that met it, after recording it for others.

    Args:
        error: the failure.
        target: the connection, instance and table of the call.
        pauses: where it is recorded.
        key: the event's dedup key.
        is_again: whether the event itself has failed before, other than by a pause.
    """
    pause = record_failure(pauses, target, error, key, is_again=is_again)
    trouble = trouble_of(error)
    if trouble is not None and trouble.is_items_own:
        return RetryLaterError(reason_of(error), str(error))
    if pause is not None:
        return RetryLaterError.during(pause)
    return PermanentError(reason_of(error), str(error))
