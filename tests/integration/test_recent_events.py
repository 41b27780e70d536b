"""What people see of their newest events: each with what became of it, and never in its way."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from actionsync.events.deliveries import deliveries_of
from actionsync.stores.webhooks import Webhook
from actionsync.wiring import events as events_wiring
from actionsync.wiring.stores import recent_events
from local.servicenow import faults
from tests.conftest import LambdaContext
from tests.integration.events import NOW, USER, Queues, error, on_bus, send
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    queues,
    save_rules,
)

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock


def outcomes(owner: str = USER) -> list[tuple[str, str]]:
    """Return what the owner's newest events are about, and what became of each, oldest first."""
    return [(entry["name"], entry["outcome"]) for entry in reversed(recent_events().read(owner))]


def test_each_event_says_what_became_of_it(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
) -> None:
    """Created, folded, unreadable, ignored by the rules, of no known kind; with the message."""
    first, again = error(), error(1)
    unread = error(service=[])
    assert send("error", first, again, error(service="quiet", severity="low"), unread) == []
    send("error", on_bus("Weather", {"user_id": USER}))
    assert sorted(outcomes()) == sorted([
        ("checkout", "created"), ("checkout", "deduplicated"), ("quiet", "ignored"),
        ("Application Error", "failed"), ("Weather", "dropped"),
    ])  # fmt: skip
    by_outcome = {entry["outcome"]: entry for entry in recent_events().read(USER)}
    created = by_outcome["created"]
    (ticket,) = made(instance)
    assert created["ticket"]["number"] == ticket["number"]
    assert ticket["sys_id"] in created["ticket"]["url"]
    assert (created["source"], created["kind"]) == ("application", "incident")
    assert created["event"] in {first["body"], again["body"]}
    assert by_outcome["deduplicated"]["ticket"] == created["ticket"]
    assert by_outcome["failed"]["detail"].startswith("Unreadable: ")
    assert by_outcome["failed"]["event"] == unread["body"]
    assert "Weather" in by_outcome["dropped"]["detail"]


def test_an_event_that_waited_is_seen_twice(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """That it waits, and why; then its ticket. Tries between are not listed."""
    instance.faults.add(faults.rate_limited(60, method="POST", times=None))
    send("error", error())
    for minutes in (2, 4):
        time.advance(minutes=minutes)
        send("event", *queues.tick())
    assert outcomes() == [("checkout", "waiting")]
    assert "RateLimited" in recent_events().read(USER)[0]["detail"]
    instance.faults.clear()
    time.advance(minutes=30)
    send("event", *queues.tick())
    assert outcomes() == [("checkout", "waiting"), ("checkout", "created")]


def test_a_rule_switches_it_off(aws: "Aws", instance: "Simulator") -> None:  # noqa: F811
    """Nothing of the owner's events is stored then, also of those that cannot be read."""
    save_rules(aws, recent_events=False)
    send("error", error(), error(service=[]))
    assert len(made(instance)) == 1
    assert not [item for item in aws.items("EventsTable") if item["pk"]["S"].startswith("RECENT#")]


def test_a_webhooks_delivery_is_listed_with_its_webhook(
    instance: "Simulator",  # noqa: F811
) -> None:
    """Whatever message names its webhook and delivery is found under both."""
    delivery = on_bus("Application Error", json.loads(error()["body"])["detail"], at=NOW)
    body = json.loads(delivery["body"])
    body |= {"webhook": {"id": "w-1", "name": "x", "owner": USER}, "delivery": "d-1"}
    send("error", delivery | {"body": json.dumps(body)}, error(1))
    (entry,) = recent_events().read_webhook("w-1")
    assert (entry["webhook_id"], entry["delivery"]) == ("w-1", "d-1")
    assert len(recent_events().read(USER)) == 2


def test_an_end_in_the_same_batch_is_no_repeat(
    instance: "Simulator",  # noqa: F811
) -> None:
    """What was done for both is the outcome of both, and their ticket is named."""
    began = error(id="payment-1", status="firing")
    send("error", began, error(2, id="payment-1", status="resolved"))
    assert outcomes() == [("checkout", "created, resolved")] * 2
    (ticket,) = made(instance)
    assert {entry["ticket"]["number"] for entry in recent_events().read(USER)} == {ticket["number"]}


def test_what_is_left_to_another_says_so(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """It names the ticket as soon as a list of deliveries has what made it."""
    instance.faults.add(faults.rate_limited(60, method="POST", times=None))
    named = {"webhook": {"id": "w-1", "name": "x", "owner": USER}}

    def delivered(number: int) -> dict[str, Any]:
        detail = json.loads(error(number)["body"])["detail"]
        message = on_bus("Application Error", detail, at=NOW)
        body = json.loads(message["body"]) | named | {"delivery": f"d-{number}"}
        return message | {"body": json.dumps(body)}

    def shown(number: int) -> dict[str, Any]:
        webhook = Webhook("w-1", USER, "generic", "x")
        deliveries = deliveries_of(webhook, recent_events())["deliveries"]
        (found,) = [one["events"][0] for one in deliveries if one["id"] == f"d-{number}"]
        return dict(found)

    send("error", delivered(1))
    send("error", delivered(2))
    left = shown(2)
    assert (left["outcome"], left["ticket"]) == ("deduplicated", None)
    assert "another event of its key" in left["detail"]
    instance.faults.clear()
    time.advance(minutes=30)
    send("event", *queues.tick())
    (ticket,) = made(instance)
    assert shown(1)["outcome"] == "created"
    assert shown(2)["ticket"]["number"] == ticket["number"]


@pytest.mark.parametrize("fault", ["table", "rules", "time"])
def test_nothing_of_it_is_in_an_events_way(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    """The table throttles, the rules cannot be read, no time is left: the ticket is made."""
    outcomes_ = events_wiring.services().outcomes

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        if fault == "table":
            patch.setattr(outcomes_._recent._dynamodb, "batch_write_item", fails)
        elif fault == "rules":
            patch.setattr(outcomes_, "_rules", fails)
        else:
            patch.setattr("actionsync.queues.worker.PUT_SECONDS", LambdaContext.seconds_left + 1)
        assert send("error", error()) == []
    assert len(made(instance)) == 1
    assert recent_events().read(USER) == []
    assert send("error", error(1)) == []
    stored = outcomes()
    assert stored[-1] == ("checkout", "deduplicated")
    # What there was no time for comes with the next invocation of the process.
    assert (("checkout", "created") in stored) == (fault != "rules")
