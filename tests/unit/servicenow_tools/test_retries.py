"""When a request is sent again."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicenow_tools.retries import ATTEMPTS, Outcome, Retry, next_step


@given(
    outcome=st.sampled_from(Outcome),
    attempt=st.integers(1, 10),
    seconds_left=st.floats(-5, 100),
    retry_after=st.none() | st.floats(0, 1000),
    jitter=st.floats(0, 1),
)
def test_a_write_is_repeated_only_if_it_did_nothing(
    outcome: Outcome, attempt: int, seconds_left: float, retry_after: float | None, jitter: float
) -> None:
    """An ambiguous write is never repeated, and no pause outlasts the time left."""
    step = next_step(
        outcome,
        repeatable=False,
        attempt=attempt,
        seconds_left=seconds_left,
        retry_after=retry_after,
        jitter=jitter,
    )
    if step is not None:
        assert outcome in {Outcome.NOT_SENT, Outcome.REFUSED}
        assert attempt < ATTEMPTS
        assert 0 < step.seconds < seconds_left
        assert step.seconds >= (retry_after or 0)


@pytest.mark.parametrize(
    ("outcome", "attempt", "seconds_left", "retry_after", "step"),
    [
        (Outcome.UNANSWERED, 1, 60, None, Retry(0.125)),
        (Outcome.UNAVAILABLE, 2, 60, None, Retry(0.25)),
        (Outcome.REFUSED, 1, 60, 30, Retry(30)),
        (Outcome.REFUSED, 1, 20, 30, None),
        (Outcome.REFUSED, 1, math.inf, 3600, None),
        (Outcome.REFUSED, 1, math.inf, 59, Retry(59)),
        (Outcome.UNAVAILABLE, 3, 60, None, None),
        (Outcome.FAILED, 1, 60, None, None),
    ],
)
def test_a_read_is_repeated_in_time(
    outcome: Outcome, attempt: int, seconds_left: float, retry_after: float | None, step: object
) -> None:
    """Reads are repeated a few times, later each time, and as ServiceNow asks where that fits."""
    assert (
        next_step(
            outcome,
            repeatable=True,
            attempt=attempt,
            seconds_left=seconds_left,
            retry_after=retry_after,
        )
        == step
    )
