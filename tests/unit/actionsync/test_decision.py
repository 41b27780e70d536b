"""What a ticket needs next, as a table."""

from dataclasses import replace
from typing import Any

import pytest

from actionsync.events.decision import due_at, next_step
from actionsync.stores.correlations import Correlation

NOW = 10_000
# A moment is microseconds; the table writes seconds.
_S = 1_000_000
_MOMENTS = ("triggered_at", "ended_at", "synced_trigger", "synced_end", "end_received_at",
            "final_at", "taken_back_at")  # fmt: skip
OPEN = {"sys_id": "1" * 32, "synced_phase": "trigger", "synced_trigger": 1, "synced_count": 1,
        "triggered_at": 1, "count": 1, "severity": 4, "synced_severity": 4}  # fmt: skip
OVER = {**OPEN, "ended_at": 2, "synced_end": 2, "synced_phase": "resolve"}
PENDING = {"pending_action": {"step": "recur"}}


def known(**values: Any) -> Correlation:
    """Return what is known, with moments in seconds."""
    return Correlation(
        "key", **{name: value * _S if name in _MOMENTS else value for name, value in values.items()}
    )


@pytest.mark.parametrize(
    ("what", "kind", "values", "step"),
    [
        ("nothing is known", "incident", {}, None),
        ("it began", "incident", {"triggered_at": 1}, "create"),
        ("it began, late: it has ended since", "incident", {"triggered_at": 1, "ended_at": 2},
         "create"),
        ("an end without a beginning", "incident", {"ended_at": 2}, None),
        ("a change that only its end tells of", "change", {"ended_at": 2}, "create"),
        ("an action item", "action_item", {"triggered_at": 1}, "create"),
        ("a ticket that says all", "incident", OPEN, None),
        ("an end", "incident", {**OPEN, "ended_at": 2}, "resolve"),
        ("a tie: the end wins", "incident", {**OPEN, "ended_at": 1}, "resolve"),
        ("an end that is older than the trigger", "incident",
         {**OPEN, "triggered_at": 3, "ended_at": 2}, None),
        ("an end in a ticket that says so", "incident", OVER, None),
        ("it is back", "incident", {**OVER, "triggered_at": 3}, "recur"),
        ("it was back, and has ended again", "incident",
         {**OVER, "triggered_at": 3, "ended_at": 4}, "recur"),
        ("a late trigger, older than the end", "incident",
         {**OVER, "triggered_at": 2, "count": 9}, None),
        ("it is back with a note to make", "incident",
         {**OVER, "triggered_at": 3, "notes": ("x",)}, "recur"),
        ("more of it within the time of a note", "incident",
         {**OPEN, "triggered_at": 2, "count": 9, "note_after": NOW + 1}, None),
        ("more of it", "incident", {**OPEN, "triggered_at": 2, "count": 9, "note_after": NOW},
         "recur"),
        ("worse, within the time of a note", "incident",
         {**OPEN, "severity": 5, "note_after": NOW + 1}, "recur"),
        ("silenced", "incident", {"triggered_at": 1, "silenced_until": NOW + 1}, None),
        ("the silence is over", "incident", {"triggered_at": 1, "silenced_until": NOW}, "create"),
        ("it has ended within the silence", "incident",
         {"triggered_at": 1, "ended_at": 2, "silenced_until": NOW}, None),
        ("it is back, silenced", "incident",
         {**OVER, "triggered_at": 3, "silenced_until": NOW + 1}, None),
        ("it is back, and the silence is over", "incident",
         {**OVER, "triggered_at": 3, "silenced_until": NOW}, "recur"),
        ("an end while it is silenced", "incident",
         {**OPEN, "triggered_at": 2, "ended_at": 3, "silenced_until": NOW + 9}, "resolve"),
        ("an annotation", "incident", {**OPEN, "notes": ("x",)}, "annotate"),
        ("an annotation of a change", "change", {**OPEN, "notes": ("x",)}, "annotate"),
        ("an end that has to last", "incident",
         {**OPEN, "ended_at": 2, "end_received_at": NOW - 5, "settle_seconds": 6}, None),
        ("an end that has lasted", "incident",
         {**OPEN, "ended_at": 2, "end_received_at": NOW - 6, "settle_seconds": 6}, "resolve"),
        ("a change that ended", "change", {**OPEN, "ended_at": 2}, "close"),
        ("a change that ended otherwise, later", "change", {**OVER, "ended_at": 3}, "close"),
        ("a change that goes on", "change", {**OVER, "triggered_at": 3}, None),
        ("an action item once more", "action_item", {**OPEN, "triggered_at": 2, "count": 2}, None),
        ("put aside by a person, and it goes on", "incident",
         {**OVER, "triggered_at": 3, "final_at": 2, "count": 9, "severity": 5}, None),
        ("put aside and gone on in one batch", "incident",
         {**OPEN, "triggered_at": 3, "ended_at": 2, "final_at": 2}, "resolve"),
        ("put aside before there was a ticket", "incident",
         {"triggered_at": 3, "ended_at": 2, "final_at": 2}, None),
        ("put aside after it began", "incident",
         {"triggered_at": 1, "ended_at": 2, "final_at": 2}, "create"),
        ("put aside, and taken back", "incident",
         {**OVER, "triggered_at": 3, "final_at": 2, "taken_back_at": 3}, "recur"),
        ("a note on what is put aside", "incident",
         {**OVER, "triggered_at": 3, "final_at": 2, "notes": ("x",)}, "annotate"),
        ("what a dead holder left", "incident", {**OPEN, **PENDING}, "recur"),
        ("what a dead holder left, held again", "incident",
         {**OPEN, **PENDING, "leased_until": NOW + 1}, None),
    ],
)  # fmt: skip
def test_the_table(what: str, kind: Any, values: dict[str, Any], step: str | None) -> None:
    """From what is known, and nothing else, follows what a ticket needs."""
    assert next_step(known(**values), kind, NOW) == step, what


def test_an_end_that_has_to_last_is_due() -> None:
    """The moment at which it counts is known; without a ticket or another end there is none."""
    waits = known(**OPEN, ended_at=2, end_received_at=NOW, settle_seconds=60)
    assert due_at(waits, "incident", NOW) == NOW + 60
    assert due_at(waits, "incident", NOW + 60) == 0
    assert due_at(waits, "change", NOW) == 0
    assert due_at(replace(waits, sys_id=""), "incident", NOW) == 0
    assert due_at(replace(waits, triggered_at=3 * _S), "incident", NOW) == 0
