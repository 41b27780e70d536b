"""Timers: what is due is prompted once a minute, and handled by its kind."""

import json
from typing import TYPE_CHECKING

import pytest

from actionsync.stores.pauses import Target
from actionsync.stores.timers import PROMPT, Timer, key_of, prompt
from actionsync.stores.waiting import WaitKey
from actionsync.wiring import events as wiring
from actionsync.wiring import stores
from tests.conftest import call
from tests.integration.events import USER, Queues, error, record, send
from tests.integration.test_event_functions import instance, made, queues  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionsync.stores.timers import Kind, TimerStore
    from local.servicenow import Simulator
    from tests.integration.conftest import Clock

ID = "0123456789abcdef"
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


@pytest.fixture
def timers(instance: "Simulator") -> "TimerStore":  # noqa: F811
    """The store of timers."""
    return stores.timer_store()


def start(timers: "TimerStore", time: "Clock", kind: "Kind" = "looks", minutes: int = 0) -> Timer:
    """Start a timer of the user's."""
    next_at = int(time.moment.timestamp()) + 60 * minutes
    timer = Timer(ID, key_of(kind, USER, "default"), next_at, {"turn": 1})
    assert timers.start(timer)
    return timer


def sent(queues: Queues) -> list[str]:  # noqa: F811
    """Run the tick, and return what it sends."""
    return [prompted["body"] for prompted in queues.tick(timers=True)]


def test_one_that_is_due_is_prompted_with_its_kind(
    timers: "TimerStore",
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """Not before, not twice, not while it is handled; moved on it comes again; ended, never."""
    timer = start(timers, time, minutes=2)
    assert not timers.start(timer)
    assert sent(queues) == []
    time.advance(minutes=2)
    assert sent(queues) == [prompt(ID, "looks")]
    time.advance(minutes=1)
    assert sent(queues) == []
    taken = timers.get(ID)
    assert taken is not None
    later = int(time.moment.timestamp()) + 60
    assert timers.move(taken, later, {"turn": 2})
    assert not timers.move(taken, later + 60, {"turn": 2}), "another has moved it"
    time.advance(minutes=1)
    assert sent(queues) == [prompt(ID, "looks")]
    timers.end(ID)
    time.advance(hours=1)
    assert sent(queues) == []
    assert timers.get(ID) is None
    assert not timers.make_due(ID)


def test_it_can_be_hastened(
    timers: "TimerStore",
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """What is due in an hour is due now."""
    start(timers, time, minutes=60)
    assert timers.make_due(ID)
    assert not timers.make_due(ID), "it is due already"
    assert sent(queues) == [prompt(ID, "looks")]


def test_no_owner_sees_it(timers: "TimerStore", time: "Clock") -> None:
    """It is no unfinished event, and cannot be retried or discarded as one."""
    start(timers, time)
    assert call("list_unfinished_events", user_id=USER, query={}).json["items"] == []
    for action in ("retry", "discard"):
        answer = call(f"{action}_unfinished_event", user_id=USER, path={"id": ID})
        assert answer.status == 404


def test_its_kind_says_who_handles_it(
    timers: "TimerStore",
    instance: "Simulator",  # noqa: F811
    time: "Clock",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beside the events of its batch; who fails gives its own message back, and no other."""
    start(timers, time)
    handled = []

    async def look(timer_ids: "Sequence[str]", ends_at: float) -> None:
        handled.append((*timer_ids, ends_at > 0))

    async def fail(timer_ids: "Sequence[str]", ends_at: float) -> None:
        raise OSError(timer_ids, ends_at)

    monkeypatch.setattr(wiring, "_timers", lambda: {"looks": look, "gates": fail})
    wiring.services.cache_clear()
    prompts = [record(prompt(ID, kind)) for kind in ("looks", "gates", "unheard-of")]
    failed = send("event", *prompts, error())
    assert handled == [(ID, True)]
    assert failed == [prompts[1]["messageId"], prompts[2]["messageId"]]
    assert len(made(instance)) == 1
    # What comes by another queue names no timer, whatever it says.
    send("error", record(prompt(ID, "looks")))
    assert len(handled) == 1


def test_newer_code_has_its_prompts_back(timers: "TimerStore", time: "Clock") -> None:
    """A prompt of a later version is left to the code that knows it."""
    start(timers, time)
    asked = {**json.loads(prompt(ID, "looks"))[PROMPT], "version": 2}
    newer = record(json.dumps({PROMPT: asked}))
    assert send("event", newer) == [newer["messageId"]]


@pytest.mark.usefixtures("timers")
def test_an_event_is_no_prompt_whatever_it_says() -> None:
    """A topic that delivers raw messages brings anything: it is an event, and has its outcome."""
    for version in (1, 2):
        assert send("event", record(json.dumps({"version": version, "item": ID}))) == []


def test_looks_wait_for_a_pause_of_their_connection_and_gates_do_not(
    timers: "TimerStore",
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """An instance that is away is paused; a gate's end comes all the same."""
    connection = stores.connection_store().get(USER)
    assert connection is not None
    pause = stores.pause_store().record_failure(
        Target.of(connection), "instance", "Unavailable", "503", key="x", retry_after=600
    )
    assert pause is not None
    start(timers, time)
    gate = Timer("fedcba9876543210", key_of("gates", USER), 0)
    assert timers.start(gate)
    assert sent(queues) == [prompt(gate.id, "gates")]
    time.advance(minutes=11)
    assert prompt(ID, "looks") in sent(queues)


def test_looks_are_seldom_while_events_of_their_connection_wait(
    timers: "TimerStore",
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """Every fifteen minutes; what waits for another connection does not count."""
    timer = start(timers, time)
    waiting = stores.waiting_store()

    def minutes(count: int) -> int:
        looks = 0
        for _ in range(count):
            time.advance(minutes=1)
            if prompt(ID, "looks") in sent(queues):
                looks += 1
                taken = timers.get(ID)
                assert taken is not None
                timers.move(taken, int(time.moment.timestamp()), taken.memo)
        return looks

    waiting.touch(WaitKey("another", table="incident"))
    waiting.touch(WaitKey(USER))
    waiting.touch(timer.wait_key)
    assert minutes(5) == 5
    waiting.touch(WaitKey(USER, table="incident"))
    assert minutes(9) == 0
