"""Gates by HTTP: what is asked for, and what people and pipelines see of them."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from actionsync import clock
from actionsync.errors import GateNotFoundError, QueueRefusedError
from actionsync.events.gates.asked import DEPLOYMENTS, Asked
from actionsync.events.models import SYS_ID
from actionsync.stores.pages import cursor_of, place_of
from actionsync.stores.timers import prompt
from actionsync.telemetry import logger
from actionsync.tickets.models import Moment, Name, Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionsync.stores.gates import Gate, GateStore
    from actionsync.stores.timers import TimerStore

_LONGEST_MINUTES = 60 * 24 * 60
_NUMBER = re.compile(r"[A-Za-z]{2,10}[0-9]{4,20}")
# After so many seconds it is worth to look again at a gate that waits.
RETRY_SECONDS = 15

Word = Annotated[str, Field(max_length=200, pattern=r"\S")]
Line = Annotated[str, Field(max_length=200)]


def _record_id(text: str) -> str:
    if not (SYS_ID.fullmatch(text) or _NUMBER.fullmatch(text)):
        raise ValueError("must be a number as CHG0030001, or a sys_id")
    return text


class NewGate(BaseModel):
    """A deployment that asks whether it may go on.

    It waits for a change of its own, or for the one that `change_number` names.
    """

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    application: Word
    deployment_id: Annotated[
        Word, Field(description="Names the deployment; a repeated request finds its gate.")
    ]
    environment: Line = ""
    attempt: Annotated[int, Field(ge=1, le=1000)] = 1
    version: Line = ""
    deployed_by: Line = ""
    commit: Line = ""
    message: Text = ""
    changelog: Text = ""
    url: Annotated[str, Field(max_length=2000)] = ""
    change_number: Annotated[
        Annotated[str, AfterValidator(_record_id)] | None,
        Field(description="A change that exists already, by number or sys_id."),
    ] = None
    type: Literal["normal", "standard", "emergency"] | None = None
    template: Name | None = None
    planned_start: Moment | None = None
    planned_end: Moment | None = None
    implementation_plan: Text | None = None
    backout_plan: Text | None = None
    test_plan: Text | None = None
    wait_minutes: Annotated[
        int | None,
        Field(ge=5, le=_LONGEST_MINUTES, description="How long it waits; else the rule's."),
    ] = None

    @model_validator(mode="after")
    def _window_is_one(self) -> "NewGate":
        if self.planned_start and self.planned_end and self.planned_start >= self.planned_end:
            raise ValueError("planned_end must be later than planned_start")
        return self


def asked_of(owner: str, new: NewGate) -> Asked:
    """Return what a request asks for."""
    now = clock.now_epoch()
    detail = new.model_dump(mode="json", exclude_none=True, exclude={"wait_minutes"})
    return Asked(
        owner=owner,
        source=DEPLOYMENTS,
        detail={**detail, "user_id": owner, "attempt": str(new.attempt)},
        asked_at=now,
        expires=0 if new.wait_minutes is None else now + new.wait_minutes * 60,
    )


class GateQuery(BaseModel):
    """Which gates to list: those that wait first, then the others, the newest first."""

    model_config = ConfigDict(extra="forbid")

    state: Annotated[
        Literal["waiting"] | None, Field(description="By default all, those that wait first.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[
        str | None,
        Field(max_length=300, description="`next` of the page before, with the same filters."),
    ] = None


def open_gate(
    owner: str,
    new: NewGate,
    gates: "GateStore",
    timers: "TimerStore",
    send: "Callable[[str, str], None]",
) -> "Gate":
    """Return the gate of a deployment, made or found.

    Args:
        owner: whose.
        new: what is asked for.
        gates: where gates are.
        timers: what looks at them.
        send: sends an owner's prompt, so that the first look need not wait for the tick.
    """
    from actionsync.events.gates.models import gate_of, timer_of  # noqa: PLC0415 - only to open one

    asked = asked_of(owner, new)
    gate = gates.add(gate_of(asked))
    timer = timer_of(asked)
    if gate.state == "waiting" and timers.start(timer):
        try:
            send(owner, prompt(timer.id, "gates"))
        except QueueRefusedError:
            logger.warning("gate not prompted: the tick will do it", exc_info=True)
    return gate


def find_gate(owner: str, gate_id: str, gates: "GateStore") -> "Gate":
    """Return an owner's gate.

    Raises:
        GateNotFoundError: there is none.
    """
    gate = gates.get(owner, gate_id)
    if gate is None:
        raise GateNotFoundError
    return gate


def retry_after(gate: "Gate") -> int | None:
    """Return after how many seconds to look again, None where it is decided."""
    return RETRY_SECONDS if gate.state == "waiting" else None


def page(owner: str, asked: GateQuery, gates: "GateStore", host: str) -> dict[str, Any]:
    """Return `{items, next}` of an owner's gates.

    Raises:
        InvalidInputError: the cursor is another owner's, or of another filter.
    """
    search = [owner, asked.state]
    after = None if asked.cursor is None else place_of(asked.cursor, search)
    items, end = gates.page(owner, asked.limit, after, is_waiting=asked.state == "waiting")
    return {
        "items": [document(gate, host) for gate in items],
        "next": None if end is None else cursor_of(end, search),
    }


def document(gate: "Gate", host: str) -> dict[str, Any]:
    """Return what people and pipelines see of a gate."""
    return {
        "id": gate.id,
        "url": f"https://{host}/api/servicenow/gates/{gate.id}",
        "state": gate.state,
        "reason": gate.reason,
        "application": gate.application,
        "environment": gate.environment,
        "deployment_id": gate.deployment_id,
        "attempt": gate.attempt,
        "platform": gate.platform,
        "change_number": gate.number,
        "change_sys_id": gate.sys_id,
        "change_url": gate.url,
        "created_at": _iso(gate.created_at),
        "ends_at": _iso(gate.ends_at),
        "decided_at": _iso(gate.decided_at),
        "answer": gate.answer,
    }


def _iso(seconds: int) -> str | None:
    return clock.iso(datetime.fromtimestamp(seconds, UTC)) if seconds else None
