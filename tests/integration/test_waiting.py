"""What waits: tries, ends, crashes, the tick, and what a person does about it."""

import itertools
import json
import random
import string
from typing import TYPE_CHECKING, Any

import pytest

from actionsync.stores.timers import PROMPT
from actionsync.wiring.stores import correlation_store, waiting_store
from local.servicenow import faults
from operate.redrive import redrive
from tests.conftest import LambdaContext, call
from tests.integration.events import USER, Queues, deployment, error, record, send
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    meeting,
    queues,
)

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws, HttpAnswer
    from tests.integration.conftest import Clock

MINUTES = [1, 5, 15, 60]
# A prompt for which nothing is to be done counts nothing.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


def listed(state: str | None = None, **query: str) -> list[dict[str, Any]]:
    """Return what the API lists of the user's unfinished events."""
    asked = {**({} if state is None else {"state": state}), **query}
    answer = call("list_unfinished_events", user_id=USER, query=asked)
    assert answer.status == 200, answer.text
    items: list[dict[str, Any]] = answer.json["items"]
    return items


def act(action: str, item_id: str, user_id: str = USER) -> "HttpAnswer":
    """Retry or discard an event."""
    return call(f"{action}_unfinished_event", user_id=user_id, path={"id": item_id})


def pass_minutes(queues: Queues, time: "Clock", minutes: int) -> list[int]:  # noqa: F811
    """Let minutes pass, each with its tick, and return how many prompts each sent."""
    sent = []
    for _ in range(minutes):
        time.advance(minutes=1)
        prompts = queues.tick()
        for start in range(0, len(prompts), 10):
            assert send("error", *prompts[start : start + 10]) == []
        sent.append(len(prompts))
    return sent


def test_its_own_trouble_is_tried_five_times(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """A 500 waits 1, 5, 15 and 60 minutes; the fifth makes it failed, in ServiceNow's words."""
    instance.faults.add(faults.server_error(times=None))
    send("error", error())
    sent = pass_minutes(queues, time, 90)
    at = [minute for minute, count in enumerate(sent, 1) if count]
    # The second only finds out that what was sent first may still take effect.
    assert [later - sooner for sooner, later in zip([0, *at], at, strict=False)] == [1, *MINUTES]
    (item,) = listed()
    assert (item["state"], item["reason_type"]) == ("failed", "Server")
    assert "NullPointerException" in item["reason"]
    assert (item["source"], item["name"], item["kind"]) == ("application", "checkout", "incident")
    assert item["next_at"] is None


def test_a_retry_goes_on_with_it_also_when_pressed_twice(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """202 both times; due at once, without tries; one ticket; nobody else may."""
    instance.faults.add(faults.error(403, "Operation Failed", "ACL", method="POST", times=None))
    send("error", error())
    instance.faults.clear()
    (item,) = listed("failed")
    assert act("retry", item["id"], "another-user").status == 404
    assert act("discard", item["id"], "another-user").status == 404
    for _ in range(2):
        answer = act("retry", item["id"])
        assert (answer.status, answer.json["state"], answer.json["tries"]) == (202, "waiting", 0)
    assert listed("failed") == []
    assert sum(pass_minutes(queues, time, 12)) == 1
    assert len(made(instance)) == 1
    assert listed() == []


def test_a_discarded_event_is_not_made_and_its_next_is(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """The item goes, Activity remembers it, a redelivery makes nothing; a newer event does."""
    instance.faults.add(faults.error(403, "Operation Failed", "ACL", method="POST", times=None))
    message = error()
    send("error", message)
    instance.faults.clear()
    (item,) = listed("failed")
    assert act("discard", item["id"]).status == 204
    assert act("discard", item["id"]).status == 404
    assert listed() == []
    (newest, *_) = call("get_activity", user_id=USER, query={}).json["items"]
    assert (newest["action"], newest["cause"]) == ("discarded", "checkout")
    send("error", message)
    assert made(instance) == []
    time.advance(minutes=1)
    send("error", error(seconds=60))
    assert len(made(instance)) == 1


def test_a_discard_under_a_lease_says_for_how_long(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """409 with the seconds; nothing is changed."""
    instance.faults.add(faults.rate_limited(60, method="POST"))
    send("error", error())
    (item,) = listed("waiting")
    known = correlation_store().get(item["id"])
    action = {"holder": "another", "step": "create"}
    assert correlation_store().lease(known, action, 0) is not None
    answer = act("discard", item["id"])
    assert answer.status == 409
    assert 0 < int(answer.headers["retry-after"]) <= 120
    assert len(listed("waiting")) == 1


def test_pages_have_cursors_of_their_own_search(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
) -> None:
    """Newest first, each once; a cursor of another search is refused."""
    instance.faults.add(faults.error(403, "Operation Failed", "ACL", method="POST", times=None))
    send("error", *(error(service=f"s{number}") for number in range(5)))
    first = call("list_unfinished_events", user_id=USER, query={"state": "failed", "limit": "3"})
    rest = {"state": "failed", "limit": "3", "cursor": first.json["next"]}
    second = call("list_unfinished_events", user_id=USER, query=rest)
    names = [item["name"] for item in first.json["items"] + second.json["items"]]
    assert sorted(names) == [f"s{number}" for number in range(5)]
    assert second.json["next"] is None
    strange = {**rest, "state": "waiting"}
    assert call("list_unfinished_events", user_id=USER, query=strange).fields == ["cursor"]


def test_one_that_kills_its_function_ends_alone_and_visibly(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Received a third time each of a batch waits by itself; the others have their tickets."""
    from actionsync.events import sources  # noqa: PLC0415 - patched where it is looked up

    class KilledError(BaseException):
        """The function has died."""

    read = sources.read

    def die(message: Any, context: Any) -> Any:
        if message.detail.get("service") == "killer":
            raise KilledError
        return read(message, context)

    monkeypatch.setattr(sources, "read", die)
    batch = [error(service=name) for name in ("one", "killer", "two")]
    for receives in (1, 2, 3):
        for message in batch:
            message["attributes"]["ApproximateReceiveCount"] = str(receives)
        if receives < 3:
            with pytest.raises(KilledError):
                send("error", *batch)
        else:
            assert send("error", *batch) == []
    assert made(instance) == []
    for _ in range(80):
        time.advance(minutes=1)
        for prompt in queues.tick():
            try:
                assert send("error", prompt) == []
            except KilledError:
                continue
    assert len(made(instance)) == 2
    (item,) = listed()
    assert (item["state"], item["reason_type"], item["name"]) == ("failed", "Crashed", "killer")


def test_what_will_not_fit_waits_for_a_minute(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With little time left nothing is begun; it is recorded, and no try is counted."""
    monkeypatch.setattr(LambdaContext, "seconds_left", 20.0)
    assert send("meeting", meeting()) == []
    assert made(instance) == []
    assert {item["reason"]["S"] for item in queues.items("waiting")} == {"NoTimeLeft"}
    assert {item["tries"]["N"] for item in queues.items("waiting")} == {"0"}
    monkeypatch.setattr(LambdaContext, "seconds_left", 60.0)
    time.advance(minutes=1)
    send("meeting", *queues.tick())
    assert len(made(instance)) == 2
    assert queues.items("waiting") == []


def test_an_outage_keeps_one_item_for_a_key(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """Fifty events of a key are one item, which is left alone; its ticket tells of all."""
    instance.faults.add(faults.rate_limited(600, method="POST"))
    for _ in range(5):
        send("error", *(error() for _ in range(10)))
    (before,) = queues.items("waiting")
    time.advance(minutes=11)
    send("error", *queues.tick())
    assert len(made(instance)) == 1
    assert correlation_store().get(before["pk"]["S"].removeprefix("EVENT#")).count == 50


def test_after_a_pause_one_looks_then_ten_then_twice_as_many(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """The one that met the pause is not the one that finds out."""
    instance.faults.add(faults.rate_limited(600, method="POST"))
    send("error", error(service="first"))
    for start in range(0, 60, 10):
        send("error", *(error(service=f"s{number}") for number in range(start, start + 10)))
    time.advance(minutes=10)
    prompts = queues.tick()
    assert len(prompts) == 1
    met = queues.items("waiting")[0]["pk"]["S"]
    assert json.loads(prompts[0]["body"])[PROMPT]["item"] not in met
    send("error", *prompts)
    assert pass_minutes(queues, time, 4) == [10, 20, 30, 0]
    assert len(made(instance)) == 61


def test_half_of_them_answered_by_500_holds_up_no_other(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An item's own trouble is no pause: the others go on at once, and it comes after them."""
    posts = itertools.count()
    refusal = faults.server_error(times=None)

    def every_second(method: str, path: str) -> Any:
        return refusal if method == "POST" and next(posts) % 2 else None

    monkeypatch.setattr(instance.faults, "next", every_second)
    for start in (0, 10):
        send("error", *(error(service=f"s{number}") for number in range(start, start + 10)))
    at_once = len(made(instance))
    assert 8 <= at_once < 20
    assert {item["reason"]["S"] for item in queues.items("waiting")} == {"Server"}
    assert sum(pass_minutes(queues, time, 1)) == 20 - at_once
    pass_minutes(queues, time, 90)
    assert len(made(instance)) + len(listed("failed")) == 20
    assert queues.items("waiting") == []


def test_overlapping_late_and_missed_ticks_do_no_harm(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """Two in a minute send once; an hour without one is made good by the next."""
    instance.faults.add(faults.rate_limited(60, method="POST"))
    send("error", error())
    time.advance(hours=1)
    first, second = queues.tick(), queues.tick()
    assert (len(first), len(second)) == (1, 0)
    assert send("error", *first, *first) == []
    assert send("error", *first) == []
    assert len(made(instance)) == 1
    assert listed() == []


def test_a_lost_prompt_is_sent_again(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """What nobody took up is due again ten minutes later."""
    instance.faults.add(faults.rate_limited(60, method="POST"))
    send("error", error())
    time.advance(minutes=2)
    assert len(queues.tick()) == 1
    assert sum(pass_minutes(queues, time, 9)) == 0
    assert sum(pass_minutes(queues, time, 2)) == 1
    assert len(made(instance)) == 1


def test_after_fourteen_days_it_has_failed(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """Also where its connection is never repaired; its owner sees what it waited for."""
    send("error", error(user_id="nobody"))
    time.advance(days=13)
    assert queues.tick() == []
    time.advance(days=1, minutes=2)
    prompts = queues.tick()
    assert send("error", *prompts) == []
    ((reason, text),) = queues.failed()
    assert reason == "ConnectionNotFound"
    assert "14 days" in text


def test_an_event_that_is_too_large_waits_in_short(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """Over 300 KB, also when packed, it is cut to what identifies and decorates, and says so."""
    noise = random.Random(1)  # noqa: S311 - no secret
    large = "".join(noise.choices(string.printable, k=600_000))
    instance.faults.add(faults.rate_limited(60, method="POST"))
    send("error", error(message="Payment failed", noise=large, stack_trace=large))
    (item,) = listed("waiting")
    assert item["is_cut"]
    time.advance(minutes=2)
    send("error", *queues.tick())
    (row,) = made(instance)
    assert "Payment failed" in row["short_description"]
    assert "too large to wait as it came: it was cut" in row["description"]
    (activity,) = call("get_activity", user_id=USER, query={"action": "created"}).json["items"]
    assert "it was cut" in activity["assumptions"][-1]
    assert listed() == []


def test_a_key_for_which_nothing_waits_is_forgotten(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """Its entry goes ten minutes after the last that waited, and comes again with the next."""

    def items() -> list[str]:  # without the timer that looks at the ticket
        found = aws.items("WaitingTable")
        return [item["pk"]["S"] for item in found if item["table"]["S"] != "#looks"]

    instance.faults.add(faults.rate_limited(60, method="POST"))
    send("error", error())
    pass_minutes(queues, time, 5)
    assert items() == ["WAITING"]
    pass_minutes(queues, time, 10)
    assert items() == []


def test_what_newer_code_wrote_is_left_to_it(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """An item of a later version is given back, and stays as it is."""
    instance.faults.add(faults.rate_limited(60, method="POST"))
    send("error", error())
    (item,) = queues.items("waiting")
    aws.dynamodb.update_item(
        TableName="WaitingTable",
        Key={"pk": item["pk"], "sk": item["sk"]},
        UpdateExpression="SET version = :newer",
        ExpressionAttributeValues={":newer": {"N": "9"}},
    )
    time.advance(minutes=2)
    prompts = queues.tick()
    assert send("error", *prompts) == [message["messageId"] for message in prompts]
    assert len(queues.items("waiting")) == 1


def test_a_wait_of_one_table_is_not_the_others(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
) -> None:
    """Incidents are limited; a deployment's change is made."""
    instance.faults.add(faults.rate_limited(600, method="POST"))
    send("error", error())
    send("deployment", deployment("started"))
    assert made(instance) == []
    assert len(made(instance, "change_request")) == 1


def test_a_table_that_cannot_be_written_gives_the_batch_back(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Throttled, nothing is lost: the message comes again, and then it waits."""
    instance.faults.add(faults.rate_limited(600, method="POST"))
    store = waiting_store()

    def throttled(*_: Any, **__: Any) -> None:
        raise store._dynamodb.exceptions.ProvisionedThroughputExceededException(
            {"Error": {"Code": "ProvisionedThroughputExceededException"}}, "PutItem"
        )

    message = error()
    with monkeypatch.context() as patch:
        patch.setattr(store._dynamodb, "put_item", throttled)
        assert send("error", message) == [message["messageId"]]
    assert send("error", message) == []
    assert len(listed("waiting")) == 1


def test_the_receipt_is_carried_along(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """What was redriven, be it twice, keeps the moment at which it was first received."""
    sqs = queues.sqs
    names = ("ErrorQueue", "ErrorDeadLetters")
    urls = {f"{name}Url": sqs.create_queue(QueueName=name)["QueueUrl"] for name in names}
    letters, queue = urls["ErrorDeadLettersUrl"], urls["ErrorQueueUrl"]
    sqs.send_message(QueueUrl=letters, MessageBody=error()["body"])
    moments = []
    for _ in range(2):
        assert redrive(sqs, urls, ("Error",)) == 1
        asked: Any = {"QueueUrl": queue, "MessageAttributeNames": ["All"]}
        (message,) = sqs.receive_message(**asked, MessageSystemAttributeNames=["All"])["Messages"]
        moments.append(message["MessageAttributes"]["received_at"]["StringValue"])
        sqs.send_message(
            QueueUrl=letters,
            MessageBody=message["Body"],
            MessageAttributes=message["MessageAttributes"],
        )
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert moments[0] == moments[1]
    instance.faults.add(faults.rate_limited(600, method="POST"))
    carried = {"received_at": {"stringValue": moments[0], "dataType": "Number"}}
    send("error", record(error()["body"], carried))
    (item,) = queues.items("waiting")
    assert item["received_at"]["N"] == moments[0]
