"""Whether to send a request again: a pure function of what happened.

A read may be repeated. A write may be repeated only when it provably did nothing: it was not
sent, or ServiceNow refused it before working on it (429). After anything else a write's caller has
to look what became of it.
"""

from dataclasses import dataclass
from enum import Enum, auto

ATTEMPTS = 3
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0
# What ServiceNow asks to wait can be an hour: a caller without a deadline gets the error instead.
_LONGEST_WAIT = 60.0


class Outcome(Enum):
    """How an attempt ended."""

    NOT_SENT = auto()
    REFUSED = auto()
    UNANSWERED = auto()
    UNAVAILABLE = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class Retry:
    """Send it again after so many seconds."""

    seconds: float


def next_step(
    outcome: Outcome,
    *,
    repeatable: bool,
    attempt: int,
    seconds_left: float,
    retry_after: float | None = None,
    jitter: float = 0.0,
) -> Retry | None:
    """Decide what follows a failed attempt.

    Args:
        outcome: how it ended.
        repeatable: whether sending it twice does no more than sending it once.
        attempt: how many attempts were made, from 1.
        seconds_left: the time left for the whole call.
        retry_after: the seconds that ServiceNow asked to wait.
        jitter: a random number from 0 to 1, which spreads the callers that failed together.

    Returns:
        When to try again, or None to give up.
    """
    if attempt >= ATTEMPTS or outcome is Outcome.FAILED:
        return None
    if outcome in {Outcome.UNANSWERED, Outcome.UNAVAILABLE} and not repeatable:
        return None
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1)) * (0.5 + jitter / 2)
    if retry_after is not None:
        pause = max(pause, retry_after)
    return Retry(pause) if pause < min(seconds_left, _LONGEST_WAIT) else None
