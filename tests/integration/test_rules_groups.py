"""One ticket for many: who is a member, how the ticket reads, and when it ends."""

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionsync import clock
from actionsync.events import groups
from actionsync.stores.correlations import CorrelationStore, GroupNews
from actionsync.stores.members import Member, MemberStore
from actionsync.wiring.events import services
from tests.integration.events import Queues, error, send
from tests.integration.test_event_engine import event, handle
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    notes,
    queues,
    save_rules,
)
from tests.memory import MemoryDynamoDB

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock


def grouped(*parts: str, **then: Any) -> list[dict[str, Any]]:
    """Return rules with one that groups."""
    return [{"name": "many", "then": {"group_by": list(parts), **then}}]


def alert(key: str, action: Any = "trigger", second: float = 0, **values: Any) -> Any:
    """Return an event of a member: a heartbeat of a control that failed."""
    texts = {"title": f"Bucket {key} is open", "message": "x", "occurred_at": "t", "status": "x"}
    return event(action, second, key=key, texts=texts, is_heartbeat=True,
                 labels={"control": "S3.1"}, **values)  # fmt: skip


def files(instance: "Simulator") -> dict[str, str]:  # noqa: F811 - a fixture's name
    """Return the ticket's files by name."""
    return {row["file_name"]: row["sys_id"] for row in instance.records("sys_attachment")}


def test_three_findings_are_one_ticket(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    time: "Clock",
) -> None:
    """Opened with those at hand; later ones are one note and one file in a note's time."""
    save_rules(aws, rules=grouped("labels.control", hold={"minutes": 2}))
    first = alert("a")
    assert handle(first).results == ["held"]
    assert handle(alert("b", second=1)).results == ["held"]
    assert handle(event("trigger", key="no control")).results == ["held"]
    time.advance(minutes=3)
    assert handle(alert("c")).results == ["created"]
    (row,) = made(instance)
    for key in "abc":
        assert f"- Bucket {key} is open" in row["description"]
    assert "One ticket for 3" in row["description"]
    assert list(files(instance)) == ["members.csv"]
    old = files(instance)["members.csv"]
    assert handle(alert("d")).results == ["deduplicated"]
    handled = handle(alert("a", "resolve"))
    assert handled.due_at > 0
    time.advance(minutes=16)
    assert handle(alert("e")).results == ["noted"]
    (note,) = notes(instance, row["sys_id"])
    assert note.startswith("4 of 5 go on")
    assert "Began:\n- Bucket d is open\n- Bucket e is open" in note
    assert "Ended:\n- Bucket a is open" in note
    assert files(instance)["members.csv"] != old
    assert len(instance.records("sys_attachment")) == 1


def test_a_group_ends_when_no_member_goes_on(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    time: "Clock",
) -> None:
    """Whatever the rules say by then, and only after its ends have lasted."""
    save_rules(aws, rules=grouped("labels.control"))
    assert handle(alert("a")).results == ["created"]
    handle(alert("b"))
    handle(alert("a", "resolve", 1))
    save_rules(aws, rules=[{"name": "renamed", "then": "ignore"}])
    handle(alert("b", "resolve", 1))
    time.advance(minutes=6)
    again = alert("b", "resolve", -600)
    assert handle(again).results == ["resolved"]
    (row,) = made(instance)
    assert row["state"] == "6"
    assert "None of 2 goes on" in row["close_notes"]
    save_rules(aws, rules=grouped("labels.control"))
    assert handle(alert("a")).results == ["reopened"]
    assert handle(alert("c")).results == ["deduplicated"]
    assert len(made(instance)) == 1


def test_a_member_that_has_ended_before_opens_nothing(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
) -> None:
    """It is listed as ended, and holds nothing open."""
    save_rules(aws, rules=grouped("labels.control"))
    late = alert("a")
    handle(alert("a", "resolve", 1))
    assert handle(late).results == ["deduplicated"]
    assert made(instance) == []
    handle(alert("b"))
    (row,) = made(instance)
    assert "One ticket for 1" in row["description"]


def test_a_next_ticket_has_only_what_began_later(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    time: "Clock",
) -> None:
    """A person closes it with members open: they hold nothing open there."""
    save_rules(aws, rules=grouped("labels.control"))
    for key in "abc":
        handle(alert(key))
    (row,) = made(instance)
    stored = instance.instance.find("incident", row["sys_id"])
    assert stored is not None
    time.advance(minutes=1)
    stored |= {"state": "7", "incident_state": "7", "closed_at": f"{time.moment:%Y-%m-%d %H:%M:%S}"}
    time.advance(minutes=16)
    assert handle(alert("a")).results == ["skipped"]
    assert handle(alert("d")).results == ["skipped", "created"]
    new = next(one for one in made(instance) if one["sys_id"] != row["sys_id"])
    assert "One ticket for 1" in new["description"]
    assert row["number"] in new["description"]
    handle(alert("d", "resolve"))
    time.advance(minutes=6)
    assert handle(alert("d", "resolve")).results == ["resolved"]


def test_count_is_of_open_members(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    time: "Clock",
) -> None:
    """Three at once, of any source."""
    save_rules(aws, rules=grouped(hold={"count": 3, "within_minutes": 10}))
    handle(alert("a"))
    handle(alert("b"))
    handle(alert("a", "resolve", 1))
    assert handle(alert("c")).results == ["held"]
    assert handle(alert("d")).results == ["created"]


def test_a_hold_moves_on_to_the_oldest_that_is_open(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    time: "Clock",
) -> None:
    """One member must have gone on for its minutes; where none is open nothing is made."""
    save_rules(aws, rules=grouped(hold={"minutes": 10}))
    first = alert("a")
    handle(first)
    time.advance(minutes=8)
    second = alert("b")
    handle(second)
    handle(alert("a", "resolve"))
    time.advance(minutes=3)
    handled = handle(second, was_received=True)
    assert handled.results == ["held"]
    assert handled.due_at == int(second.received_at.timestamp()) + 600
    handle(alert("b", "resolve"))
    time.advance(minutes=8)
    assert handle(second, was_received=True).results == ["healed"]
    assert made(instance) == []


def test_another_day_is_another_group(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    time: "Clock",
) -> None:
    """By the local date of the receipt; what goes on stays where it is."""
    time.moment = time.moment.replace(hour=10)
    save_rules(aws, rules=grouped("day"))
    handle(alert("a"))
    handle(alert("b"))
    time.advance(days=1)
    assert handle(alert("a")).results == ["noted"]
    handle(alert("b", "resolve"))
    assert handle(alert("b", second=1)).results == ["created"]
    assert len(made(instance)) == 2


@pytest.mark.parametrize("source", ["application"])
def test_a_key_with_a_ticket_of_its_own_keeps_it(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    source: str,
) -> None:
    """Until that has ended and it begins anew."""
    handle(event("trigger", source=source))
    save_rules(aws, rules=grouped())
    assert handle(event("trigger", 1, source=source)).results == ["deduplicated"]
    assert handle(event("resolve", 2, source=source)).results == ["resolved"]
    assert len(made(instance)) == 1


# ---- faults


class Model:
    """A group's members, plainly: who goes on."""

    def __init__(self) -> None:
        self.moments: dict[str, list[int]] = {}

    def record(self, key: str, triggered_at: int, ended_at: int) -> Member:
        """Record moments of a member in any order, and return what is known of it."""
        known = self.moments.setdefault(key, [0, 0])
        known[:] = max(known[0], triggered_at), max(known[1], ended_at)
        return Member(key, key, known[0], known[1], known[0] or 1, 0, 0, 4)

    @property
    def open(self) -> set[str]:
        """Those that go on."""
        return {key for key, (began, ended) in self.moments.items() if began > ended}


class Worker:
    """A worker with stores of its own."""

    def __init__(self, dynamodb: Any, model: Model) -> None:
        self.members = MemberStore(dynamodb, "EventsTable")
        self.correlations = CorrelationStore(dynamodb, "EventsTable")
        self.model = model

    def batch(self, *events: tuple[str, int, int]) -> None:
        """Record moments of members, then raise the group's version once."""
        news: GroupNews | None = None
        for key, triggered_at, ended_at in events:
            known = self.model.record(key, triggered_at, ended_at)
            was_open = self.members.write("g", "ada", known, only_known=False)
            made = groups.joined("g", known, texts={}, was_open=was_open, rule="many",
                                 is_occurrence=False, is_repeated=False)  # fmt: skip
            news = made if news is None else news.merged(made)
        assert news is not None
        if news.is_news:
            self.correlations.rise("g", "ada", news, 1)

    def look(self, meanwhile: "Callable[[], object]" = lambda: None) -> bool:
        """Look at the members, and end the group if none goes on; return whether it has ended."""
        known = self.correlations.get("g")
        found = groups.look(list(self.members.all("g")), 0, 0, 1)
        meanwhile()
        if not found.open:
            self.correlations.end_group(known, {})
        return not self.correlations.get("g").is_firing


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_two_workers_agree_with_a_plain_model(data: st.DataObject) -> None:
    """However they take turns, and whatever happens in the middle of a look."""
    dynamodb, model = MemoryDynamoDB(), Model()
    workers = [Worker(dynamodb, model), Worker(dynamodb, model)]
    step = st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.integers(0, 9))
    for _ in range(data.draw(st.integers(1, 6))):
        one, other = data.draw(st.permutations(workers))
        one.batch(*data.draw(st.lists(step, min_size=1, max_size=3)))
        late = data.draw(st.lists(step, max_size=1))

        def meanwhile(late: Any = late, other: Worker = other) -> None:
            if late:
                other.batch(*late)

        has_ended = one.look(meanwhile)
        assert has_ended <= (not model.open)
    assert workers[0].look() == (not model.open)


def test_three_thousand_members_of_which_two_hundred_end_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are counted and listed; the group ends with the last of the others, in one look."""
    model = Model()
    worker = Worker(MemoryDynamoDB(), model)
    seconds = itertools.count()
    begun = clock.now()
    # A partition takes a thousand writes in a second.
    monkeypatch.setattr(clock, "now", lambda: begun + timedelta(milliseconds=10 * next(seconds)))
    keys = [f"{number:04}" for number in range(3000)]
    for start in range(0, 200, 50):
        worker.batch(*((key, 5, 9) for key in keys[start : start + 50]))
    assert not worker.correlations.get("g").is_firing
    for start in range(200, 3000, 50):
        worker.batch(*((key, 7, 0) for key in keys[start : start + 50]))
    known = worker.correlations.get("g")
    assert (known.members, known.count, known.triggered_at) == (3000, 60, 60)
    found = groups.look(list(worker.members.all("g")), 0, 0, 1)
    assert (len(found.members), len(found.open)) == (3000, 2800)
    assert len(groups.listing(found).splitlines()) == 3001
    assert not worker.look()
    model.moments = {key: [7, 9] for key in keys}
    for key in keys[200:]:
        model.moments[key][0] = 7
    table = worker.members
    for key in keys[200:2999]:
        table.write("g", "ada", model.record(key, 7, 9), only_known=False)
    assert not worker.look()
    worker.batch((keys[2999], 7, 9))
    assert worker.look()


def test_a_full_group_counts_what_it_does_not_list(aws: "Aws") -> None:
    """And what is not listed holds nothing open."""
    worker = Worker(aws.dynamodb, Model())
    worker.batch(("a", 5, 0))
    known = worker.model.record("b", 5, 0)
    assert worker.members.write("g", "ada", known, only_known=True) is None
    assert [one.key for one in worker.members.all("g")] == ["a"]
    known = worker.model.record("a", 5, 6)
    assert worker.members.write("g", "ada", known, only_known=True) is True


def test_a_storm_is_one_ticket_and_what_a_dead_worker_left_is_done(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    aws: "Aws",
    time: "Clock",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Many new keys at once, by queue; a crash between the members and the group's version."""
    save_rules(aws, rules=grouped("service", hold={"minutes": 1}))
    records = [error(fingerprint=f"cause {number}", message=f"Fails {number}")
               for number in range(30)]  # fmt: skip
    with monkeypatch.context() as dying:
        dying.setattr(services().engine._groups._correlations, "rise", lambda *_: 1 / 0)
        with pytest.warns(UserWarning, match="No application metrics"):
            failed = send("error", *records[:10])
    assert len(failed) == 10
    again = [{**one, "attributes": {**one["attributes"], "ApproximateReceiveCount": "2"}}
             for one in records[:10]]  # fmt: skip
    assert send("error", *again) == []
    for start in range(10, 30, 10):
        assert send("error", *records[start : start + 10]) == []
    assert len(queues.items("waiting")) == 1
    group = next(item for item in aws.items("EventsTable") if "members" in item)
    assert (group["members"]["N"], group["count"]["N"]) == ("20", "3")
    assert made(instance) == []
    time.advance(minutes=2)
    send("event", *queues.tick())
    (row,) = made(instance)
    assert "One ticket for 30" in row["description"]
    assert len(queues.items("waiting")) == 0
