"""An owner's unfinished events: what waits and what has failed, and what a person does about it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from actionsync import clock
from actionsync.audit.trail import acted
from actionsync.errors import EventInProgressError, UnfinishedEventNotFoundError
from actionsync.stores.pages import cursor_of, place_of
from actionsync.stores.versions import UnknownVersionError

if TYPE_CHECKING:
    from actionsync.audit.trail import ActivityStore
    from actionsync.stores.correlations import CorrelationStore
    from actionsync.stores.waiting import WaitingItem, WaitingStore

# What newer code has written is left to it: old code answers for as long as a deployment takes.
_DEPLOYMENT_SECONDS = 60


class UnfinishedQuery(BaseModel):
    """Which unfinished events to list, those that began to wait or failed last first."""

    model_config = ConfigDict(extra="forbid")

    state: Annotated[
        Literal["waiting", "failed"] | None, Field(description="By default both, waiting first.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[
        str | None,
        Field(max_length=200, description="`next` of the page before, with the same filters."),
    ] = None


def page(owner: str, asked: UnfinishedQuery, waiting: "WaitingStore") -> dict[str, Any]:
    """Return `{items, next}` of an owner's unfinished events.

    Raises:
        InvalidInputError: the cursor is another owner's, or of another filter.
    """
    search = [owner, asked.state]
    after = None if asked.cursor is None else place_of(asked.cursor, search)
    items, end = waiting.page(owner, asked.state, asked.limit, after)
    return {
        "items": [_view(item) for item in items],
        "next": None if end is None else cursor_of(end, search),
    }


def retry(owner: str, item_id: str, waiting: "WaitingStore") -> dict[str, Any]:
    """Make an event due now, with its tries reset; repeating that changes nothing.

    Raises:
        UnfinishedEventNotFoundError: the owner has no such event.
        EventInProgressError: newer code is at it.
    """
    try:
        item = waiting.retry(owner, item_id)
    except UnknownVersionError:
        raise EventInProgressError(_DEPLOYMENT_SECONDS) from None
    if item is None:
        raise UnfinishedEventNotFoundError
    return _view(item)


def discard(
    owner: str,
    item_id: str,
    *,
    waiting: "WaitingStore",
    correlations: "CorrelationStore",
    activity: "ActivityStore",
    by: str = "",
) -> None:
    """Discard an event: its key counts as synced, and the item goes last.

    Raises:
        UnfinishedEventNotFoundError: the owner has no such event.
        EventInProgressError: somebody is at it right now.
    """
    try:
        item = waiting.get(owner, item_id)
        if item is None:
            raise UnfinishedEventNotFoundError
        seconds = correlations.give_up(item_id)
    except UnknownVersionError:
        raise EventInProgressError(_DEPLOYMENT_SECONDS) from None
    if seconds:
        raise EventInProgressError(seconds)
    facts = {
        "kind": item.kind or "incident",
        "action": "discarded",
        "cause": item.name,
        **acted(by),
    }
    activity.add(owner, {**facts, "id": item_id, "reason_type": item.reason, "reason": item.text})
    waiting.delete(item_id)


def _view(item: "WaitingItem") -> dict[str, Any]:
    return {
        "id": item.id,
        "state": item.state,
        "kind": item.kind,
        "source": item.source,
        "name": item.name,
        "table": item.wait_key.table,
        "reason_type": item.reason,
        "reason": item.text,
        "tries": item.tries,
        "received_at": _iso(item.received_at // 1000),
        "since": _iso(item.created_at),
        "next_at": _iso(item.next_at) if item.state == "waiting" else None,
        "is_cut": item.is_cut,
    }


def _iso(seconds: int) -> str:
    return clock.iso(datetime.fromtimestamp(seconds, UTC))
