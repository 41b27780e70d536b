"""The newest events: stored once an invocation, bounded, apart by owner, in nobody's way."""

import hashlib
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionsync import clock, telemetry
from actionsync.stores import recent
from actionsync.stores.recent import RecentEvents
from tests.conftest import set_monotonic

if TYPE_CHECKING:
    from tests.conftest import Aws


def entry(name: str, **values: Any) -> dict[str, Any]:
    """Return an entry, of now."""
    return {
        "at": clock.now().isoformat(timespec="microseconds"), "source": "application",
        "kind": "incident", "name": name, "outcome": "created", "ticket": None, "detail": "",
        "event": "{}", "webhook_id": "", "delivery": "", **values,
    }  # fmt: skip


def names(entries: list[dict[str, Any]]) -> list[str]:
    """Return what entries are about."""
    return [found["name"] for found in entries]


@pytest.fixture
def store(aws: "Aws") -> RecentEvents:
    """One process's."""
    return process(aws)


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that is a little later each time that it is asked for, within one minute."""
    start = datetime.now(UTC).replace(second=0, microsecond=0)
    moments = (start + timedelta(milliseconds=number) for number in range(60_000))
    monkeypatch.setattr(clock, "now", lambda: next(moments))


def process(aws: "Aws") -> RecentEvents:
    """Return what another process has."""
    return RecentEvents(aws.dynamodb, "EventsTable")


def test_the_newest_come_first_from_all_processes(aws: "Aws", store: RecentEvents) -> None:
    """An owner's own only, and a webhook's own only; all that an entry says is kept."""
    other = process(aws)
    ticket = {"number": "INC1", "url": "https://x"}
    store.note("ada", entry("1", ticket=ticket, event='{"a": "\u00e9"}'))
    other.note("ada", entry("2", webhook_id="w", delivery="d"), "w")
    store.note("bob", entry("3"))
    store.note("WEBHOOK#w", entry("4"))
    store.put()
    other.put()
    store.note("ada", entry("5"))
    store.put()
    assert names(store.read("ada")) == ["5", "2", "1"]
    assert store.read("ada")[2] == entry(
        "1", at=store.read("ada")[2]["at"], ticket=ticket, event='{"a": "\u00e9"}'
    )
    assert names(store.read("ada", limit=1)) == ["5"]
    assert names(store.read_webhook("w")) == ["2"]
    assert names(store.read("bob")) == ["3"]
    assert names(store.read("WEBHOOK#w")) == ["4"]
    assert store.read("nobody") == store.read_webhook("ada") == []
    # One item for each process, minute, and owner or webhook.
    assert len(aws.items("EventsTable")) == 5


def test_a_minute_is_an_item_and_seven_days_are_all(
    aws: "Aws", store: RecentEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier minute left is put with the next; what is old is not shown, and expires."""
    start = clock.now()
    for minutes in (0, 1, 2):
        moment = start + timedelta(minutes=minutes)
        monkeypatch.setattr(clock, "now", lambda moment=moment: moment)
        store.note("ada", entry(str(minutes)))
    store.put()
    items = aws.items("EventsTable")
    assert len(items) == 3
    assert all(
        0 < int(item["expires_at"]["N"]) - clock.epoch(start) <= 7 * 24 * 3600 + 120
        for item in items
    )
    assert names(store.read("ada")) == ["2", "1", "0"]
    monkeypatch.setattr(clock, "now", lambda: start + timedelta(days=7, minutes=2))
    assert names(store.read("ada")) == ["2"]


def test_a_storm_is_bounded(
    aws: "Aws", store: RecentEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred of an owner, twenty of a webhook; a full item is not put all the time."""
    set_monotonic(monkeypatch, "actionsync.stores.recent", lambda: 1000.0)
    for number in range(150):
        store.note("ada", entry(str(number)), "w")
    store.put()
    assert names(store.read("ada")) == [str(number) for number in range(149, 49, -1)]
    assert names(store.read_webhook("w")) == [str(number) for number in range(149, 129, -1)]
    store.note("ada", entry("150"))
    store.put()
    assert names(store.read("ada"))[0] == "149"
    set_monotonic(monkeypatch, "actionsync.stores.recent", lambda: 1010.0)
    store.put()
    assert names(store.read("ada"))[0] == "150"


def test_an_item_stays_small(aws: "Aws", store: RecentEvents) -> None:
    """The oldest make room; what does not get small is left out of its entry."""
    noise = [hashlib.shake_256(b"%d" % number).hexdigest(10_000) for number in range(30)]
    for number, text in enumerate(noise):
        store.note("ada", entry(str(number), event=text))
    store.note("ada", entry("long", event="x" * (recent.LONGEST_EVENT + 1), detail="y" * 5000))
    store.note("ada", entry("dense", event="".join(noise[:6])))
    store.put()
    (item,) = aws.items("EventsTable")
    size = sum(len(bytes(packed["B"])) for packed in item["entries"]["L"])
    assert 80_000 < size <= recent.MOST_ITEM_BYTES
    found = store.read("ada")
    assert 8 < len(found) < 12
    assert names(found)[:3] == ["dense", "long", "29"]
    assert "event" not in found[0]
    assert "event" not in found[1]
    assert len(found[1]["detail"]) == 1000
    assert found[2]["event"] == noise[29]


def test_many_owners_are_put_in_few_calls(aws: "Aws", store: RecentEvents) -> None:
    """Twenty-five items a call, which is what DynamoDB takes."""
    for number in range(60):
        store.note(f"owner {number}", entry("x"))
    store.put()
    assert len(aws.items("EventsTable")) == 60


def test_what_cannot_be_stored_is_lost_and_logged(
    aws: "Aws",
    store: RecentEvents,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A table that throttles, or takes a part: the next entries come all the same."""
    monkeypatch.setattr(telemetry.logger, "warning", logging.getLogger("test").warning)
    store.note("ada", entry("1"))
    write = store._dynamodb.batch_write_item

    def throttled(**_: Any) -> Any:
        raise aws.dynamodb.exceptions.ProvisionedThroughputExceededException({}, "BatchWriteItem")

    def partly(**arguments: Any) -> Any:
        return {"UnprocessedItems": arguments["RequestItems"]}

    for fault in (throttled, partly):
        monkeypatch.setattr(store._dynamodb, "batch_write_item", fault)
        store.put()
        store.note("ada", entry("2"))
    assert aws.items("EventsTable") == []
    assert [record.message for record in caplog.records] == ["recent events not stored"] * 2
    monkeypatch.setattr(store._dynamodb, "batch_write_item", write)
    store.put()
    assert names(store.read("ada")) == ["2", "2", "1"]


def test_what_newer_code_wrote_is_left_out(aws: "Aws", store: RecentEvents) -> None:
    """An item of a later version is none of ours."""
    store.note("ada", entry("1"))
    store.put()
    (item,) = aws.items("EventsTable")
    newer = {**item, "sk": {"S": "9999999999#x"}, "version": {"N": "2"}, "entries": {"S": "new"}}
    aws.dynamodb.put_item(TableName="EventsTable", Item=newer)
    assert names(store.read("ada")) == ["1"]
