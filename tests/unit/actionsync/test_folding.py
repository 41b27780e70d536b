"""What is recorded of a dedup key: the same, however its events come, are repeated or are split."""

import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionsync import clock
from actionsync.events.folding import Received, fold, grouped
from actionsync.events.models import Action, IncomingEvent
from actionsync.stores.correlations import (
    Correlation,
    CorrelationStore,
    GroupNews,
    Held,
    MemoryCorrelations,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionsync.rules.matching import Severity
    from tests.conftest import Aws

START = datetime(2026, 1, 10, 10, 0, tzinfo=UTC)


def event(action: Action, second: float, **values: Any) -> IncomingEvent:
    """Return an event of one key."""
    moment = START + timedelta(seconds=second)
    made = IncomingEvent(
        id=f"{action} {second}",
        owner="owner",
        source="application",
        kind="incident",
        key="key",
        action=action,
        moment=moment,
        received_at=moment + timedelta(seconds=1),
        severity="high",
        texts={"status": "x", "occurred_at": "y", "message": f"{action} {second}"},
    )
    return replace(made, **values)


def known_of(correlation: Correlation) -> tuple[Any, ...]:
    """Return what decides about a ticket."""
    return (
        correlation.triggered_at, correlation.ended_at, correlation.is_firing, correlation.count,
        correlation.severity, correlation.texts["message"], correlation.end_texts["message"],
    )  # fmt: skip


@pytest.fixture
def store(aws: "Aws") -> CorrelationStore:
    """The correlations."""
    return CorrelationStore(aws.dynamodb, "EventsTable")


def recorded(
    store: CorrelationStore, key: str, *batches: "Sequence[IncomingEvent | Received]"
) -> Correlation:
    """Record batches, one after the other."""
    for batch in batches:
        received = [item if isinstance(item, Received) else Received(item) for item in batch]
        correlation = store.record(key, fold(received).news)
    return correlation


def test_order_and_splits_do_not_matter(store: CorrelationStore) -> None:
    """Trigger, end, trigger: in one batch, in three reversed ones, and in all others."""
    story = [event("trigger", 0), event("resolve", 1), event("trigger", 2, severity="critical")]
    expected = known_of(recorded(store, "one batch", story))
    assert expected[2:5] == (True, 2, 5)
    for number, order in enumerate(itertools.permutations(story)):
        single = [[item] for item in order]
        for name, batches in {
            "three": single,
            "two": [list(order[:2]), [order[2]]],
            "two others": [[order[0]], list(order[1:])],
        }.items():
            assert known_of(recorded(store, f"{number} {name}", *batches)) == expected


@pytest.mark.parametrize("seed", range(8))
def test_redelivered_batches_change_nothing(store: CorrelationStore, seed: int) -> None:
    """Whatever is received again, in other batches, is neither newer nor counted twice."""
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    story = [event("trigger" if chance.random() < 0.7 else "resolve", n) for n in range(12)]
    story += [event("trigger", -2), event("resolve", -1)]
    expected = known_of(recorded(store, "once", story))
    chance.shuffle(story)
    again = [Received(item, was_received=True) for item in chance.sample(story, 9)]
    batches: list[Any] = [story[:5], again[:4], story[5:], again[4:]]
    correlation = recorded(store, "again", *batches)
    assert known_of(correlation) == expected


def random_event(chance: random.Random) -> IncomingEvent:
    """Return any event of the key."""
    actions: list[Action] = ["trigger", "trigger", "resolve", "annotate"]
    severities: list[Severity] = ["low", "high", "critical"]
    return event(
        chance.choice(actions),
        chance.randrange(20),
        severity=chance.choice(severities),
        is_heartbeat=chance.random() < 0.3,
        is_final=chance.random() < 0.1,
        takes_back=chance.random() < 0.1,
        news=chance.choice(["", "", "a", "b"]),
        outcome=chance.choice(["", "", "failed"]),
    )


@pytest.mark.parametrize("seed", range(8))
def test_memory_makes_the_same_of_it(store: CorrelationStore, seed: int) -> None:
    """Of events and their repeats, and of what becomes of holds, groups and tickets."""
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    memory = MemoryCorrelations()

    def both(method: str, *arguments: Any, **named: Any) -> Correlation:
        with clock.at(START):
            stored, known = (getattr(each, method)(*arguments, **named) for each in (store, memory))
        assert isinstance(known, Correlation)
        assert stored == known
        return known

    for _ in range(60):
        received = Received(random_event(chance), was_received=chance.random() < 0.3)
        news = replace(fold([received]).news, group_key=chance.choice(["", "g"]))
        known = both("record", "k", news)
        held = Held(known.triggered_at, before=known.count, severity=chance.randrange(1, 5))
        match chance.randrange(6):
            case 0 if known.is_firing:
                both("hold", known, held)
            case 1 if known.triggered_at:
                both("heal", known)
            case 2:
                both("join", known, "")
            case 3:
                leased = both("lease", known, {"holder": "h"}, 0)
                both("finish", leased, {"synced_phase": "trigger"}, notes=len(leased.notes))
            case 4:
                leased = both("lease", known, {"holder": "h"}, 0)
                both("finish", leased, {"sys_id": "1"}, report="Something")
        rise = GroupNews("g", opens=chance.random() < 0.5, ends=True, is_new=1, severity=2)
        group = both("rise", "g", "owner", rise, chance.choice([0, 7]))
        group = both("look_again", group, chance.choice([0, 9]))
        if chance.random() < 0.3:
            both("end_group", group, {"status": "x"})


def test_a_count_that_may_be_short_is_about(store: CorrelationStore) -> None:
    """SQS says that a message was received before: it may be counted, and the count says so."""
    correlation = recorded(store, "k", [event("trigger", 1)], [event("trigger", 0)])
    assert (correlation.count, correlation.is_about) == (2, False)
    doubtful = Received(event("trigger", 0.5), was_received=True)
    correlation = recorded(store, "k", [doubtful])
    assert (correlation.count, correlation.is_about) == (2, True)
    # One that is newer than all that is known cannot have been counted.
    correlation = recorded(store, "new", [Received(event("trigger", 5), was_received=True)])
    assert (correlation.count, correlation.is_about) == (1, False)


def test_the_newest_event_in_a_message_of_its_own_counts_once(store: CorrelationStore) -> None:
    """EventBridge delivers at least once, and both forms of one change are one event."""
    correlation = recorded(store, "k", [event("trigger", 1), event("trigger", 1)])
    assert correlation.count == 1
    assert recorded(store, "k", [event("trigger", 1)]).count == 1


def test_heartbeats_are_not_counted_and_keep_their_episodes_receipt(
    store: CorrelationStore,
) -> None:
    """Each says only "still so"; what begins after an end is a new episode."""

    def beat(second: float) -> IncomingEvent:
        return event("trigger", second, is_heartbeat=True)

    first = recorded(store, "k", [beat(0)])
    later = recorded(store, "k", [beat(10)], [beat(20)])
    assert (later.count, later.received_at) == (1, first.received_at)
    assert later.triggered_at > first.triggered_at
    again = recorded(store, "k", [event("resolve", 30)], [beat(40)], [beat(50)])
    assert again.count == 2
    assert again.received_at == fold([Received(beat(40))]).news.received_at
    folded = recorded(store, "f", [beat(0), event("resolve", 30), beat(40), beat(50)])
    assert folded.received_at == again.received_at


def test_an_end_that_is_a_heartbeat_ends_once(store: CorrelationStore) -> None:
    """Of a change it counts only where nothing has ended it before; of an incident each counts."""
    late = event("resolve", 20, is_heartbeat=True, outcome="stopped", kind="change")
    ended = recorded(store, "k", [event("trigger", 0), event("resolve", 10, outcome="succeeded")])
    assert recorded(store, "k", [late]).outcome == "succeeded"
    assert recorded(store, "k", [late]).ended_at == ended.ended_at
    assert recorded(store, "k", [event("trigger", 15)], [late]).outcome == "stopped"
    both = [event("trigger", 0), event("resolve", 10, outcome="succeeded"), late]
    assert recorded(store, "both", both).outcome == "succeeded"


def test_each_end_of_an_incident_counts(store: CorrelationStore) -> None:
    """An alarm's second OK may come before the ALARM between the two."""
    ok = [event("resolve", second, is_heartbeat=True) for second in (10, 30)]
    alarm = event("trigger", 20, is_heartbeat=True)
    assert not recorded(store, "k", [event("trigger", 0)], [ok[0]], [ok[1]], [alarm]).is_firing


def test_annotations_are_noted_once_and_open_nothing(store: CorrelationStore) -> None:
    """A note of a key that nothing is known of is dropped; one that comes again is known."""
    note = event("annotate", 5)
    assert not recorded(store, "nothing", [note]).is_known
    assert store.get("nothing").notes == ()
    assert len(recorded(store, "k", [event("trigger", 0)], [note]).notes) == 1
    again = Received(note, was_received=True)
    assert len(recorded(store, "k", [note], [again]).notes) == 1
    earlier = Received(event("annotate", 3), was_received=True)
    assert len(recorded(store, "k", [earlier]).notes) == 1
    assert len(recorded(store, "k", [event("annotate", 6), event("trigger", 7)]).notes) == 2


def test_a_correlation_stays_small(store: CorrelationStore, aws: "Aws") -> None:
    """A hot one is written often: whatever its events say, it has less than 2 KB."""
    names = "title message details link service severity environment occurred_at status source"
    texts = dict.fromkeys(names.split(), "x" * 5000)
    recorded(store, "k", [event("trigger", n, texts=texts) for n in range(20)])
    (item,) = aws.items("EventsTable")
    assert len(str(item)) < 2048


def test_most_batches_are_one_write(store: CorrelationStore, monkeypatch: Any) -> None:
    """One update where it is the newest, at most two where it is not, three with both actions."""
    calls: list[str] = []
    update = store._dynamodb.update_item

    def counted(**arguments: Any) -> Any:
        calls.append("update")
        return update(**arguments)

    monkeypatch.setattr(store._dynamodb, "update_item", counted)

    def writes(*batch: IncomingEvent) -> int:
        calls.clear()
        recorded(store, "k", list(batch))
        return len(calls)

    assert writes(*(event("trigger", n) for n in range(100))) == 1
    assert writes(*(event("trigger", n) for n in range(100, 200)), event("resolve", 150)) == 1
    assert writes(event("resolve", 300)) == 1
    assert writes(event("trigger", 5, id="late")) == 2
    assert writes(event("trigger", 400, severity="critical")) == 2
    assert writes(event("trigger", 350, id="both"), event("resolve", 500)) <= 3


def test_a_batch_is_grouped_by_dedup_key() -> None:
    """Each key's events are folded by themselves."""
    batch = [Received(event("trigger", n, key=f"key {n % 3}")) for n in range(9)]
    groups = grouped(batch)
    assert [len(group) for group in groups.values()] == [3, 3, 3]
    assert {fold(group).event.dedup_key for group in groups.values()} == set(groups)


def test_what_would_act_is_what_opened() -> None:
    """The first trigger of the newest episode says the most; the highest severity counts."""
    group = fold([
        Received(event("trigger", 0)), Received(event("resolve", 1)),
        Received(event("trigger", 2, severity="critical")), Received(event("trigger", 3)),
    ])  # fmt: skip
    assert group.event.id == "trigger 2"
    assert group.trigger is not None
    assert group.trigger.id == "trigger 3"
    assert group.severest is not None
    assert group.severest.severity == "critical"
    rest = group.without_triggers()
    assert rest is not None
    assert rest.event.id == "resolve 1"
    assert fold([Received(event("trigger", 0))]).without_triggers() is None


def test_a_final_end_holds_until_it_is_taken_back(store: CorrelationStore) -> None:
    """In whatever order the events come; something worse takes it back, too, an end does not."""
    story = [event("trigger", 0), event("resolve", 1, is_final=True), event("trigger", 2),
             event("annotate", 3, takes_back=True)]  # fmt: skip
    for length, expected in ((2, True), (3, True), (4, False)):
        for number, order in enumerate(itertools.permutations(story[:length])):
            found = recorded(store, f"{length} {number}", *([item] for item in order))
            assert found.is_final is expected
            assert recorded(store, f"{length} {number} at once", order).is_final is expected
    worse = event("trigger", 4, severity="critical", is_heartbeat=True)
    assert recorded(store, "3 0", [event("resolve", 3)]).is_final
    assert recorded(store, "3 0", [event("trigger", 4, is_heartbeat=True)]).is_final
    assert not recorded(store, "3 0", [replace(worse, moment=worse.moment, id="w")]).is_final


def notes_of(correlation: Correlation) -> list[str]:
    """Return the notes that wait, each by the last word of its message."""
    return [note.rpartition(" ")[2] for note in correlation.notes]


def says(news: str, second: int = 0, **values: Any) -> IncomingEvent:
    """Return a heartbeat with news."""
    texts = {"status": "open", "occurred_at": str(second), "message": f"It is {news}"}
    made = event("trigger", second, is_heartbeat=True, news=news, texts=texts)
    return replace(made, id=f"{news} {second} {len(values)}", **values)


def test_news_is_noted_once_whatever_its_moment(store: CorrelationStore) -> None:
    """Not where it opens the ticket; copies of it, and of its text, add nothing."""
    assert notes_of(recorded(store, "k", [says("page-1"), says("page-2")])) == ["page-2"]
    assert notes_of(recorded(store, "k", [says("page-1", 5)], [says("page-2", 6)])) == ["page-2"]
    late = says("page-3", -60)
    copy = replace(late, id="copy", news="page-3 of another account")
    known = recorded(store, "k", [late], [late], [copy], [copy, late])
    assert notes_of(known) == ["page-2", "page-3"]
    worse = says("worse", 9, severity="critical")
    assert notes_of(recorded(store, "k", [worse])) == ["page-2", "page-3"]  # the severity says it


def test_an_end_and_news_in_any_split(store: CorrelationStore) -> None:
    """What begins again is no note, in one batch or two; a late page of what is over is one."""
    end = event("resolve", 5)
    for name, batches in {
        "three": [[says("a")], [end], [says("b", 6)]],
        "one": [[says("a"), end, says("b", 6)]],
        "two": [[says("a")], [end, says("b", 6)]],
    }.items():
        assert notes_of(recorded(store, name, *batches)) == []
    assert notes_of(recorded(store, "late", [says("a")], [end], [says("b", 1)])) == ["b"]


def test_copies_of_an_annotation_are_one_note(store: CorrelationStore) -> None:
    """The same text at the same moment, from another Region or account under another id."""
    note = event("annotate", 1)
    found = recorded(store, "k", [event("trigger", 0)], [note], [replace(note, id="copy")])
    assert len(found.notes) == 1
    assert len(recorded(store, "k", [event("annotate", 2)]).notes) == 2


def test_marks_are_bounded(store: CorrelationStore) -> None:
    """What is long ago is forgotten; nothing is refused for it."""
    for number in range(60):
        known = recorded(store, "k", [says(f"n{number}", number)])
        assert len(known.marks) <= 40
        assert len(known.notes) <= 10
    many = [says(f"m{number}", 100 + number) for number in range(100)]
    assert len(recorded(store, "k2", many).marks) == 20
