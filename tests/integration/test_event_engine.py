"""The engine by itself: two workers, answers that are lost, leases that are lost, other hosts."""

import asyncio
from copy import copy
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionsync import clock
from actionsync.connections import clients
from actionsync.events.failures import RetryLaterError
from actionsync.events.folding import Received, fold
from actionsync.events.models import Action, IncomingEvent
from actionsync.runtime import run
from actionsync.stores.correlations import LEASE_SECONDS, CorrelationStore
from actionsync.wiring.events import services
from local.servicenow import faults
from tests.integration.events import USER
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    notes,
    queues,
)

if TYPE_CHECKING:
    from actionsync.events.engine import Handled
    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock


def event(action: Action, second: float = 0, **values: Any) -> IncomingEvent:
    """Return an event of one key, received a second later than it was so."""
    moment = clock.now() + timedelta(seconds=second)
    made_ = IncomingEvent(
        id=f"{action} {moment}",
        owner=USER,
        source="application",
        kind="incident",
        key="key",
        action=action,
        moment=moment,
        received_at=moment + timedelta(seconds=1),
        severity="high",
        name="checkout",
        texts={"title": "Checkout fails", "message": "It fails", "occurred_at": str(moment),
               "status": "x"},
    )  # fmt: skip
    return replace(made_, **values)


def handle(*batch: IncomingEvent, was_received: bool = False) -> "Handled":
    """Let the engine handle a batch of one key."""
    group = fold([Received(item, was_received) for item in batch])
    return run(services().engine.handle(group))


def states(instance: "Simulator") -> list[str]:  # noqa: F811 - a fixture's name
    """Return the states of our incidents."""
    return [row["state"] for row in made(instance)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
@pytest.mark.parametrize("batches", [1, 3])
def test_trigger_end_trigger(
    instance: "Simulator",  # noqa: F811
    order: tuple[int, ...],
    batches: int,
) -> None:
    """In one batch or in three, in any order: one open ticket."""
    story = [event("trigger"), event("resolve", 1), event("trigger", 2)]
    ordered = [story[place] for place in order]
    if batches == 1:
        handle(*ordered)
    else:
        for item in ordered:
            handle(item)
    assert states(instance)[0] in {"1", "2"}
    assert len(made(instance)) == 1


def test_what_began_and_ended_meanwhile_is_a_resolved_ticket(instance: "Simulator") -> None:  # noqa: F811
    """Opened and resolved in the same turn, whichever batches brought the two."""
    assert handle(event("trigger"), event("resolve", 1)).results == ["created", "resolved"]
    assert states(instance) == ["6"]


def test_an_end_first_opens_nothing(instance: "Simulator") -> None:  # noqa: F811
    """It is remembered: a trigger that is older comes days later, and is over at once."""
    late = event("trigger")
    assert handle(event("resolve", 1)).results == ["deduplicated"]
    assert made(instance) == []
    assert handle(late).results == ["created", "resolved"]


def test_where_trigger_and_end_share_a_moment_the_end_wins(instance: "Simulator") -> None:  # noqa: F811
    """EventBridge has whole seconds."""
    moment = clock.now()
    for item in (event("trigger", moment=moment), event("resolve", moment=moment)):
        handle(item)
    handle(event("trigger", moment=moment, id="the same once more"))
    assert states(instance) == ["6"]


def test_two_workers_with_a_new_key_make_one_ticket(instance: "Simulator", aws: "Aws") -> None:  # noqa: F811
    """One holds the lease; the other's event is known to it."""
    first = services().engine
    second = copy(first)
    second._correlations = CorrelationStore(aws.dynamodb, "EventsTable")

    async def both() -> "list[Handled]":
        groups = [fold([Received(event("trigger", n))]) for n in range(4)]
        workers = (first, second, first, second)
        return await asyncio.gather(
            *(worker.handle(group) for worker, group in zip(workers, groups, strict=True))
        )

    handled = run(both())
    assert sum("created" in item.results for item in handled) == 1
    assert len(made(instance)) == 1


def test_a_redelivery_after_five_days_changes_nothing(
    instance: "Simulator",  # noqa: F811
    time: "Clock",
) -> None:
    """It is neither newer nor counted, and reopens nothing."""
    first = event("trigger")
    handle(first)
    handle(event("resolve", 1))
    time.advance(days=5)
    assert handle(first, was_received=True).results == ["deduplicated"]
    assert states(instance) == ["6"]


def test_a_write_that_takes_effect_late_is_found(
    instance: "Simulator",  # noqa: F811
    time: "Clock",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A POST commits fifty seconds after it was sent: until ninety seconds the key waits."""
    monkeypatch.setattr(clients, "DEADLINE_SECONDS", 5.0)
    instance.faults.add(faults.Fault(method="POST", reset=True))
    instance.faults.add(faults.Fault(method="GET", reset=True, times=3))
    first = event("trigger")
    with pytest.raises(RetryLaterError):
        handle(first)
    services().engine._correlations.wait(first.dedup_key, 0)
    time.advance(seconds=50)
    with pytest.raises(RetryLaterError) as waits:
        handle(first, was_received=True)
    assert waits.value.reason == "Uncertain"
    instance.instance.put(
        "incident", number="INC0099999", correlation_id=f"actionsync-{first.dedup_key}", state="1",
        correlation_display="ActionSync", short_description="Late",
    )  # fmt: skip
    time.advance(seconds=41)
    handled = handle(first, was_received=True)
    assert handled.results == ["created"]
    assert handled.ticket is not None
    assert handled.ticket.number == "INC0099999"
    assert len(made(instance)) == 1


def test_a_lease_that_was_lost_ends_nothing(instance: "Simulator", time: "Clock") -> None:  # noqa: F811
    """Who comes back after another took over records nothing: its end has a condition."""
    handle(event("trigger"))
    store = services().engine._correlations
    known = store.get(event("trigger").dedup_key)
    old = store.lease(known, {"holder": "old", "step": "recur"}, clock.epoch(clock.now()))
    assert old is not None
    assert store.lease(known, {"holder": "early", "step": "recur"}, 0) is None
    time.advance(seconds=LEASE_SECONDS)
    new = store.lease(known, {"holder": "new", "step": "recur"}, 0)
    assert new is not None
    assert new.pending_action is not None
    assert new.pending_action["holder"] == "old"
    assert store.finish(old, {"synced_count": 99}) is None
    store.release(old, uncertain_until=None)
    assert store.get(known.key).lease_holder == "new"
    assert store.get(known.key).synced_count == 1


def test_no_step_begins_with_too_little_time(instance: "Simulator") -> None:  # noqa: F811
    """What will not fit waits for a minute, and nothing was written."""
    group = fold([Received(event("trigger"))])
    with pytest.raises(RetryLaterError) as waits:
        run(services().engine.handle(group, ends_at=0.0))
    assert (waits.value.reason, waits.value.seconds) == ("NoTimeLeft", 60)
    assert made(instance) == []


def test_a_connection_with_another_host_has_other_tickets(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
) -> None:
    """Ends and notes make nothing there; the next trigger opens a new one that names the old."""
    handle(event("trigger"))
    (old,) = made(instance)
    key = {"pk": {"S": f"CORRELATION#{event('trigger').dedup_key}"}, "sk": {"S": "CORRELATION"}}
    aws.dynamodb.update_item(
        TableName="EventsTable",
        Key=key,
        UpdateExpression="SET #host = :host",
        ExpressionAttributeNames={"#host": "host"},
        ExpressionAttributeValues={":host": {"S": "another.service-now.com"}},
    )
    assert handle(event("annotate", 1)).results == ["skipped"]
    assert handle(event("resolve", 2)).results == ["skipped"]
    assert states(instance) == ["1"]
    assert notes(instance, old["sys_id"]) == []
    assert handle(event("trigger", 3)).results == ["skipped", "created"]
    new = next(row for row in made(instance) if row["sys_id"] != old["sys_id"])
    assert old["number"] in new["description"]
