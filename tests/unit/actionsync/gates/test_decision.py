"""The table by which a gate opens or closes, and when it ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionsync.events.gates.decision import Seen, decide, gate_ends
from actionsync.rules.models import GateRule

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LABELS = {
    "-5": "New", "-4": "Assess", "-3": "Authorize", "-2": "Scheduled", "-1": "Implement",
    "0": "Review", "3": "Closed", "4": "Canceled", "7": "Freigabe",
}  # fmt: skip
NEW, ASSESS, AUTHORIZE, SCHEDULED, IMPLEMENT, REVIEW, CLOSED, CANCELED, OWN = LABELS
BEFORE = {"opens": NOW + HOUR, "closes": NOW + 2 * HOUR}
INSIDE = {"opens": NOW - HOUR, "closes": NOW + HOUR}
AFTER = {"opens": NOW - 2 * HOUR, "closes": NOW - HOUR}
WAIT = GateRule(without_dates="wait", conflicts="wait")


def seen(state: str, **facts: object) -> Seen:
    """Return what a look saw: a change of ours without dates, but for what is said."""
    known = Seen("CHG0030001", state, LABELS[state], NOW, NOW + timedelta(days=7))
    return replace(known, **facts)  # type: ignore[arg-type] # a table of facts


TABLE = {
    "implement": (seen(IMPLEMENT), GateRule(), "go", "in the state Implement"),
    "implement before its window": (seen(IMPLEMENT, **BEFORE), GateRule(), "go", ""),
    "implement of another": (seen(IMPLEMENT, is_ours=False), GateRule(), "go", ""),
    "implement on hold": (seen(IMPLEMENT, is_on_hold=True), GateRule(), "waiting", "on hold"),
    "implement, planned end passed": (seen(IMPLEMENT, **AFTER), GateRule(), "no", "end has passed"),
    "scheduled without dates": (seen(SCHEDULED), GateRule(), "go", "Scheduled"),
    "scheduled without dates, rule waits": (seen(SCHEDULED), WAIT, "waiting", "no planned start"),
    "scheduled with a start alone, rule waits": (
        seen(SCHEDULED, opens=NOW - HOUR), WAIT, "waiting", "no planned start and end"),
    "scheduled with a start alone": (seen(SCHEDULED, opens=NOW - HOUR), GateRule(), "go", ""),
    "scheduled with a start to come": (
        seen(SCHEDULED, opens=NOW + HOUR), GateRule(), "waiting", "opens at 2026-11-26T13:00:00Z"),
    "scheduled with an end alone": (seen(SCHEDULED, closes=NOW + HOUR), GateRule(), "go", ""),
    "scheduled before its window": (seen(SCHEDULED, **BEFORE), GateRule(), "waiting", "opens at"),
    "scheduled, window after the gate": (
        seen(SCHEDULED, opens=NOW + HOUR, ends_at=NOW + HOUR / 2), GateRule(), "waiting",
        "after the gate has ended"),
    "scheduled, window open": (seen(SCHEDULED, **INSIDE), WAIT, "go", ""),
    "scheduled, window begins now": (seen(SCHEDULED, opens=NOW), GateRule(), "go", ""),
    "scheduled, window ends now": (seen(SCHEDULED, closes=NOW), GateRule(), "no", "end has passed"),
    "scheduled, window over": (seen(SCHEDULED, **AFTER), GateRule(), "no", "end has passed"),
    "scheduled on hold": (
        seen(SCHEDULED, is_on_hold=True, **INSIDE), GateRule(), "waiting", "on hold"),
    "scheduled with conflicts": (seen(SCHEDULED, has_conflicts=True), GateRule(), "go", ""),
    "scheduled with conflicts, rule waits": (
        seen(SCHEDULED, has_conflicts=True, **INSIDE), WAIT, "waiting", "conflicts"),
    "scheduled, cannot be moved": (
        seen(SCHEDULED, trouble="Fill in the plan"), GateRule(), "waiting", "Fill in the plan"),
    "scheduled, but rejected": (seen(SCHEDULED, approval="rejected"), GateRule(), "no", "rejected"),
    "assess": (seen(ASSESS), GateRule(), "waiting", "in the state Assess"),
    "authorize, half approved": (seen(AUTHORIZE, approval="approved"), GateRule(), "waiting", ""),
    "assess, rejected": (seen(ASSESS, approval="rejected"), GateRule(), "no", "rejected"),
    "assess, window over": (seen(ASSESS, **AFTER), GateRule(), "no", "end has passed"),
    "new": (seen(NEW), GateRule(), "waiting", "has not been submitted"),
    "new, rejected before the gate": (seen(NEW, approval="rejected"), GateRule(), "waiting", ""),
    "back to new": (seen(NEW, has_advanced=True), GateRule(), "no", "went back to New"),
    "review": (seen(REVIEW), GateRule(), "no", "in the state Review"),
    "closed": (seen(CLOSED), GateRule(), "no", "in the state Closed"),
    "canceled": (seen(CANCELED), GateRule(), "no", "in the state Canceled"),
    "canceled on hold": (seen(CANCELED, is_on_hold=True), GateRule(), "no", "Canceled"),
    "state of its own": (seen(OWN), GateRule(), "waiting", "in the state Freigabe"),
    "state named as go": (seen(OWN), GateRule(go_states=["freigabe"]), "go", "Freigabe"),
    "state named as go by code": (seen(OWN), GateRule(go_states=["7"]), "go", ""),
    "state named as go, on hold": (
        seen(OWN, is_on_hold=True), GateRule(go_states=["7"]), "waiting", "on hold"),
    "state named as no": (seen(OWN), GateRule(no_states=["FREIGABE"]), "no", "Freigabe"),
    "approved by ourselves": (
        seen(IMPLEMENT, is_approved_by_us=True), GateRule(), "no", "the integration account"),
}  # fmt: skip


@pytest.mark.parametrize("row", TABLE)
def test_a_gate_decides_by_the_table(row: str) -> None:
    """Each row of the table, with the reason that a person reads."""
    facts, rule, verdict, reason = TABLE[row]
    decision = decide(facts, rule)
    assert decision.verdict == verdict
    assert reason in decision.reason


@pytest.mark.parametrize(
    ("is_ours", "existing", "moves"),
    [(True, "leave", True), (False, "leave", False), (False, "move", True)],
)
def test_only_what_is_ours_is_moved(*, is_ours: bool, existing: str, moves: bool) -> None:
    """A scheduled change of another's is go as it is, unless the rule says to move it."""
    rule = GateRule.model_validate({"existing": existing})
    decision = decide(seen(SCHEDULED, is_ours=is_ours, **INSIDE), rule)
    assert (decision.verdict, decision.moves) == ("go", moves)
    assert not decide(seen(IMPLEMENT, is_ours=is_ours), rule).moves


@given(
    st.builds(
        seen,
        st.sampled_from(list(LABELS)),
        is_ours=st.booleans(),
        approval=st.sampled_from(["", "requested", "approved", "rejected"]),
        is_on_hold=st.booleans(),
        opens=st.sampled_from([None, NOW - HOUR, NOW + HOUR]),
        closes=st.sampled_from([None, NOW - HOUR, NOW + HOUR]),
        has_advanced=st.booleans(),
        has_conflicts=st.booleans(),
        is_approved_by_us=st.booleans(),
        trouble=st.sampled_from(["", "x"]),
    ),
    st.sampled_from([GateRule(), WAIT, GateRule(go_states=["7"], no_states=["Assess"])]),
)
def test_go_is_never_said_against_the_change(facts: Seen, rule: GateRule) -> None:
    """Whatever else is so, no deployment goes on on hold, after the end, or before the window."""
    decision = decide(facts, rule)
    assert decision.reason
    if decision.verdict != "go":
        assert not decision.moves
        return
    assert facts.state in {SCHEDULED, IMPLEMENT, OWN}
    assert not facts.is_on_hold
    assert not facts.is_approved_by_us
    assert facts.closes is None or facts.closes > NOW
    assert facts.state != SCHEDULED or facts.opens is None or facts.opens <= NOW
    assert facts.approval != "rejected"


@pytest.mark.parametrize(
    ("waits", "before"),
    [
        (timedelta(minutes=5), timedelta(seconds=30)),
        (timedelta(minutes=50), timedelta(minutes=5)),
        (timedelta(days=60), timedelta(minutes=5)),
    ],
)
def test_a_gate_ends_before_its_platform(waits: timedelta, before: timedelta) -> None:
    """By a tenth of the wait, and five minutes at most."""
    assert gate_ends(NOW, NOW + waits) == NOW + waits - before
