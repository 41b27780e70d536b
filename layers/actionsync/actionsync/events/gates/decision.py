"""Whether a deployment may go on: a pure function of its change, its rule and the moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from actionsync import clock
from servicenow_tools.states import ChangeState

if TYPE_CHECKING:
    from actionsync.rules.models import GateRule

Verdict = Literal["waiting", "go", "no"]
_OVER = {ChangeState.REVIEW, ChangeState.CLOSED, ChangeState.CANCELED}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look saw of a gate's change.

    Attributes:
        number: its number.
        state: its state's code.
        label: its state as people read it.
        at: when it was so, by the instance's clock.
        ends_at: when the gate ends, by the same clock.
        is_ours: whether it was opened for the deployment.
        approval: what its approvals come to.
        is_on_hold: whether it is on hold.
        opens: when its planned window opens, None where it has no beginning.
        closes: when the window closes, None where it has no end.
        has_advanced: whether a later state than New was seen since the gate began.
        has_conflicts: whether the instance found conflicts in its schedule.
        is_approved_by_us: whether the integration account is an approver who approved it.
        trouble: why it could not be submitted or moved, as ServiceNow says.
    """

    number: str
    state: str
    label: str
    at: datetime
    ends_at: datetime
    is_ours: bool = True
    approval: str = ""
    is_on_hold: bool = False
    opens: datetime | None = None
    closes: datetime | None = None
    has_advanced: bool = False
    has_conflicts: bool = False
    is_approved_by_us: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a look.

    Attributes:
        verdict: whether the deployment waits, goes on, or does not.
        reason: why, for people.
        moves: whether the change is to be in Implement before the deployment goes on.
    """

    verdict: Verdict
    reason: str
    moves: bool = False


def decide(seen: Seen, rule: "GateRule") -> Decision:  # noqa: PLR0911 - a table
    """Return what follows from what a look saw."""
    about = f"{seen.number} is in the state {seen.label}"
    if seen.is_approved_by_us:
        said = "was approved by the integration account"
        return Decision("no", f"{seen.number} {said}")
    if _is_named(seen, rule.no_states) or seen.state in _OVER:
        return Decision("no", about)
    if seen.state == ChangeState.NEW and seen.has_advanced:
        return Decision("no", f"{seen.number} went back to {seen.label}")
    if seen.approval == "rejected" and seen.state != ChangeState.NEW:
        return Decision("no", f"{seen.number} was rejected")
    if seen.closes is not None and seen.closes <= seen.at:
        closed = clock.iso(seen.closes)
        return Decision("no", f"{about}, and its planned end has passed: {closed}")
    if seen.is_on_hold:
        return Decision("waiting", f"{seen.number} is on hold")
    if seen.state == ChangeState.IMPLEMENT or _is_named(seen, rule.go_states):
        return Decision("go", about)
    if seen.state == ChangeState.SCHEDULED:
        return _scheduled(seen, rule, about)
    if seen.state == ChangeState.NEW:
        about = f"{about}: it has not been submitted for approval"
    return Decision("waiting", about)


def _scheduled(seen: Seen, rule: "GateRule", about: str) -> Decision:
    if rule.without_dates == "wait" and (seen.opens is None or seen.closes is None):
        return Decision("waiting", f"{about}, and has no planned start and end")
    if seen.opens is not None and seen.opens > seen.at:
        late = "" if seen.opens < seen.ends_at else ", after the gate has ended"
        return Decision("waiting", f"{about}; its window opens at {clock.iso(seen.opens)}{late}")
    if rule.conflicts == "wait" and seen.has_conflicts:
        return Decision("waiting", f"{about}, and has conflicts in its schedule")
    if seen.trouble:
        return Decision("waiting", f"{about}. {seen.trouble}")
    return Decision("go", about, moves=seen.is_ours or rule.existing == "move")


def _is_named(seen: Seen, states: list[str]) -> bool:
    return not {seen.state, seen.label.casefold()}.isdisjoint(map(str.casefold, states))


def gate_ends(begins: datetime, platform_ends: datetime) -> datetime:
    """Return when a gate ends: before its platform does, by a tenth, and five minutes at most."""
    return platform_ends - min((platform_ends - begins) / 10, timedelta(minutes=5))
