"""Old and new code side by side, as during a deployment: nothing is lost or mangled."""

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from local.servicenow import faults
from tests.conftest import call
from tests.integration.events import USER, Queues, alarm, error, send
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    queues,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock

# A batch that is given back whole says nothing else.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


@contextlib.contextmanager
def newer_code() -> "Iterator[None]":
    """Code of the next version."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("stores.correlations", "stores.waiting", "queues.worker"):
            patch.setattr(f"actionsync.{module}.VERSION", 2)
        yield


def correlation(aws: "Aws") -> dict[str, Any]:
    """Return the one correlation that there is."""
    (found,) = [
        item
        for item in aws.items("EventsTable")
        # Beside the correlations of keys are the counts of rules' openings.
        if item["pk"]["S"].startswith("CORRELATION#") and item["sk"]["S"] == "CORRELATION"
    ]
    return found


def with_more(aws: "Aws", table: str, item: dict[str, Any]) -> None:
    """Add an attribute that this code does not know."""
    aws.dynamodb.update_item(
        TableName=table,
        Key={"pk": item["pk"], "sk": item["sk"]},
        UpdateExpression="SET gate = :gate",
        ExpressionAttributeValues={":gate": {"M": {"id": {"S": "g-1"}}}},
    )


def test_what_newer_code_knows_of_a_key_is_left_to_it(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
) -> None:
    """Old code gives the event back, and nothing is changed; new code takes it, and old items."""
    assert send("alarm", alarm("ALARM")) == []
    assert correlation(aws)["version"] == {"N": "1"}
    with newer_code():
        assert send("alarm", alarm("INSUFFICIENT_DATA", 1)) == []
    known = correlation(aws)
    assert known["version"] == {"N": "2"}
    before = len(instance.requests)
    end = alarm("OK", 2)
    neighbour = error()
    assert send("alarm", end) == [end["messageId"]]
    assert send("error", neighbour) == []
    assert len(instance.requests) - before == 1
    (left,) = [item for item in aws.items("EventsTable") if item["pk"] == known["pk"]]
    assert left == known
    assert [row["state"] for row in made(instance)] == ["1", "1"]
    with newer_code():
        assert send("alarm", end) == []
    assert sorted(row["state"] for row in made(instance)) == ["1", "6"]


def test_what_a_lease_finds_newer_is_left_to_it(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Newer code comes between what was recorded and the lease: the event is given back."""
    from actionsync.wiring.events import services  # noqa: PLC0415 - in this test's process

    correlations = services().correlations
    lease = correlations.lease

    def later(*arguments: Any) -> Any:
        with newer_code():
            correlations.wait(arguments[0].key, 0)
        return lease(*arguments)

    monkeypatch.setattr(correlations, "lease", later)
    message = error()
    assert send("error", message) == [message["messageId"]]
    assert made(instance) == []
    with newer_code():
        monkeypatch.undo()
        assert send("error", message) == []
    assert len(made(instance)) == 1


def test_an_item_of_newer_code_is_left_to_it(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """Its prompt is given back and no try is counted; it is not listed; a retry answers 409."""
    instance.faults.add(faults.rate_limited(60, method="POST"))
    with newer_code():
        send("error", error())
    (item,) = queues.items("waiting")
    prompts = queues.waiting()
    assert send("event", *prompts) == [prompts[0]["messageId"]]
    assert queues.items("waiting") == [item]
    assert call("list_unfinished_events", user_id=USER, query={}).json["items"] == []
    path = {"id": item["pk"]["S"].removeprefix("EVENT#")}
    for function in ("retry_unfinished_event", "discard_unfinished_event"):
        answer = call(function, user_id=USER, path=path)
        assert (answer.status, answer.headers["retry-after"]) == (409, "60")
    time.advance(minutes=2)
    assert queues.tick() == []  # the key's entry is newer, too
    with newer_code():
        assert send("event", *queues.tick()) == []
    assert len(made(instance)) == 1
    assert queues.items("waiting") == []


def test_attributes_that_are_not_known_stay(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """Whatever an update says, it says of attributes by their names."""
    instance.faults.add(faults.rate_limited(60, method="POST", times=None))
    send("error", error())
    with_more(aws, "EventsTable", correlation(aws))
    with_more(aws, "WaitingTable", queues.items("waiting")[0])
    send("error", error(1))
    time.advance(minutes=2)
    send("event", *queues.tick())
    (item,) = queues.items("waiting")
    call("retry_unfinished_event", user_id=USER, path={"id": item["pk"]["S"][len("EVENT#") :]})
    assert "gate" in queues.items("waiting")[0]
    instance.faults.clear()
    time.advance(minutes=60)
    send("event", *queues.tick())
    assert len(made(instance)) == 1
    assert "gate" in correlation(aws)
