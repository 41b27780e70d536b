"""The time before a ticket is opened: when it begins, ends and heals, as a table."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from actionsync.events import holds
from actionsync.rules.holds import Hold
from actionsync.stores.correlations import Correlation, Held

NOW = 10_000
_S = 1_000_000
FIVE = Hold(minutes=5)
THREE = Hold(count=3, within_minutes=10)
BEGAN: dict[str, Any] = {"triggered_at": 1 * _S, "severity": 4, "count": 1, "received_at": NOW * _S}


def held(until: int = 0, **values: Any) -> Held:
    """Return a hold that began at the first second."""
    return Held(**{"since": _S, "until": until, "at": NOW, "severity": 4, **values})


@pytest.mark.parametrize(
    ("what", "values", "hold", "verdict"),
    [
        ("no hold", BEGAN, None, "open"),
        ("it begins", BEGAN, FIVE, "begin"),
        ("it goes on", {**BEGAN, "held": held(NOW + 1)}, FIVE, "wait"),
        ("it is over", {**BEGAN, "held": held(NOW)}, FIVE, "open"),
        ("the rule has none by now", {**BEGAN, "held": held(NOW + 1)}, None, "wait"),
        ("worse, by a rule without a hold",
         {**BEGAN, "severity": 5, "held": held(NOW + 1)}, None, "open"),
        ("worse, by a rule with one",
         {**BEGAN, "severity": 5, "held": held(NOW + 1)}, FIVE, "wait"),
        ("it has ended inside",
         {**BEGAN, "ended_at": 2 * _S, "end_received_at": NOW * _S, "held": held(NOW + 1)},
         FIVE, "heal"),
        ("it has ended after the hold, before its ticket was made",
         {**BEGAN, "ended_at": 2 * _S, "end_received_at": (NOW + 2) * _S, "held": held(NOW + 1)},
         FIVE, "open"),
        ("it had ended before it came", {**BEGAN, "ended_at": 2 * _S}, FIVE, "heal"),
        ("the same without a hold", {**BEGAN, "ended_at": 2 * _S}, None, "open"),
        ("back after an end inside",
         {**BEGAN, "triggered_at": 3 * _S, "ended_at": 2 * _S, "held": held(NOW + 1)},
         FIVE, "begin"),
        ("a late end from before it",
         {**BEGAN, "triggered_at": 3 * _S, "ended_at": 2 * _S, "held": held(NOW + 1, since=3 * _S)},
         FIVE, "wait"),
        ("the first of three", BEGAN, THREE, "begin"),
        ("the second of three", {**BEGAN, "count": 2, "held": held()}, THREE, "wait"),
        ("the third of three", {**BEGAN, "count": 3, "held": held()}, THREE, "begin"),
        ("it was counted", {**BEGAN, "count": 3, "held": held(1)}, THREE, "open"),
        ("the third after the window",
         {**BEGAN, "count": 3, "received_at": (NOW + 600) * _S, "held": held()}, THREE, "begin"),
        ("counted, and ended", {**BEGAN, "count": 2, "ended_at": 2 * _S, "held": held()}, THREE,
         "heal"),
        ("counted, and the rule has no hold by now", {**BEGAN, "held": held()}, None, "open"),
        ("counted, and the rule's hold is by time now", {**BEGAN, "held": held()}, FIVE, "begin"),
        ("a dead worker was opening it", {**BEGAN, "pending_action": {"step": "create"}}, FIVE,
         "open"),
    ],
)  # fmt: skip
def test_the_table(what: str, values: dict[str, Any], hold: Hold | None, verdict: str) -> None:
    """From what is known, and the rule's hold of today."""
    assert holds.judge(Correlation("key", **values), "create", hold, NOW) == verdict, what


def test_a_hold_precedes_reopening_and_no_other_step() -> None:
    """An open ticket is brought up to date at once."""
    is_back = Correlation("key", **{**BEGAN, "sys_id": "1" * 32, "synced_phase": "resolve"})
    assert holds.judge(is_back, "recur", FIVE, NOW) == "begin"
    is_open = Correlation("key", **{**BEGAN, "sys_id": "1" * 32, "synced_phase": "trigger"})
    for step in ("recur", "resolve", "annotate"):
        assert holds.judge(is_open, step, FIVE, NOW) == "open"


def test_what_begins_is_known_by_its_receipt() -> None:
    """So that a message received again begins the same hold."""
    known = Correlation("key", **{**BEGAN, "count": 7})
    assert holds.begin(known, FIVE, 2) == Held(_S, NOW + 300, NOW, 5, 4)
    assert holds.begin(known, THREE, 2) == Held(_S, 0, NOW, 5, 4)
    counted = Correlation("key", **{**BEGAN, "count": 8, "held": held(before=5)})
    assert holds.begin(counted, THREE, 1) == held(1, before=5)
    late = {**BEGAN, "count": 8, "received_at": (NOW + 600) * _S, "held": held(before=5)}
    assert holds.begin(Correlation("key", **late), THREE, 1) == Held(_S, 0, NOW + 600, 7, 4)


@pytest.mark.parametrize(
    ("until", "zone", "received", "expected"),
    [
        ("07:00", "UTC", "2026-01-12T06:59:59", "2026-01-12T07:00:00"),
        ("07:00", "UTC", "2026-01-12T07:00:00", "2026-01-13T07:00:00"),
        ("07:00", "Europe/Berlin", "2026-01-12T03:00:00", "2026-01-12T06:00:00"),
        ("24:00", "UTC", "2026-01-12T03:00:00", "2026-01-13T00:00:00"),
        ("02:30", "Europe/Berlin", "2026-03-29T00:00:00", "2026-03-29T01:30:00"),
    ],
)
def test_until_a_time_of_the_day(until: str, zone: str, received: str, expected: str) -> None:
    """By the zone's clock; the hour that summer time leaves out is the next."""
    hold = Hold(until=until, time_zone=zone)
    moment = datetime.fromisoformat(received).replace(tzinfo=UTC)
    assert hold.ends_at(moment) == datetime.fromisoformat(f"{expected}+00:00").timestamp()


@pytest.mark.parametrize(
    "values", [{}, {"minutes": 5, "until": "07:00"}, {"count": 3}, {"minutes": 5,
               "within_minutes": 3}, {"minutes": 0}, {"count": 1, "within_minutes": 5}]
)  # fmt: skip
def test_a_hold_is_one_of_three(values: dict[str, Any]) -> None:
    """By minutes, by count or until a time of the day."""
    with pytest.raises(ValidationError):
        Hold.model_validate(values)
