"""Limits: an instance that is away is left alone by all, and a user writes only so much."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from actionsync.stores.cooldowns import CooldownStore
from actionsync.wiring.stores import cooldown_store
from local.servicenow import Fault, faults, seed
from tests.conftest import _forget, call
from tests.integration.conftest import connect
from tests.integration.events import USER, Queues, error, send

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Answer, Aws
    from tests.integration.conftest import Clock

NEW = {"short_description": "Checkout answers 500"}
READ = {"id": seed.sys_id("incident 1")}
STATUSES = {"hibernating": 503, "hanging": 504, "login page": 502, "dropped": 503}
FAULTS = {
    "hibernating": faults.hibernating(times=None),
    "hanging": Fault(delay=3, times=None),
    "login page": faults.login_page(times=None),
    "dropped": faults.dropped(times=None),
}


def read() -> "Answer":
    """Read an incident."""
    return call("get_incident", path=READ)


def fails(simulator: "Simulator", times: int) -> None:
    """Let calls fail."""
    simulator.faults.add(faults.hibernating(times=None))
    for _ in range(times):
        assert read().status == 503
    simulator.faults.clear()


@pytest.mark.parametrize("name", FAULTS)
def test_an_instance_that_is_away_is_left_alone(
    connected: "Simulator", time: "Clock", monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The third failure in a row ends the calls, for every process, until a pause is over."""
    monkeypatch.setattr("actionsync.connections.sessions.DEADLINE_SECONDS", 0.3)
    connected.faults.add(FAULTS[name])
    for _ in range(3):
        assert read().status == STATUSES[name]
    sent = len(connected.requests)
    connected.faults.clear()
    for _ in range(2):
        refused = call("create_incident", NEW)
        assert refused.status == 503
        assert refused.headers["retry-after"] == "15"
        assert "left alone for 15 seconds" in refused.json["detail"]
        _forget()  # another process knows it, too
    assert len(connected.requests) == sent
    assert read().status == 503
    time.advance(seconds=15)
    assert read().status == 200
    assert call("create_incident", NEW).status == 201


def test_what_answers_is_not_away(connected: "Simulator") -> None:
    """Refusals are answers: they begin the count anew."""
    for _ in range(3):
        fails(connected, 2)
        assert call("get_incident", path={"id": "0" * 32}).status == 404
    fails(connected, 2)
    connected.faults.add(faults.error(403, "Not allowed", None))
    assert read().status == 424
    fails(connected, 2)
    assert read().status == 200


def test_a_rate_limit_counts_at_once(connected: "Simulator", time: "Clock") -> None:
    """For as long as the instance has said, for all who call it."""
    connected.faults.add(faults.rate_limited(60))
    assert read().status == 429
    sent = len(connected.requests)
    time.advance(seconds=20)
    _forget()
    answer = call("create_incident", NEW)
    assert (answer.status, answer.headers["retry-after"]) == (429, "40")
    assert len(connected.requests) == sent
    time.advance(seconds=40)
    assert call("create_incident", NEW).status == 201


def test_one_at_a_time_finds_out(connected: "Simulator", aws: "Aws", time: "Clock") -> None:
    """After a pause one is admitted; its failure makes a longer pause, its success ends it."""
    one, other = (CooldownStore(aws.dynamodb, "EventsTable") for _ in range(2))

    def advance(seconds: int) -> None:
        time.advance(seconds=seconds)
        one._known.clear()
        other._known.clear()

    assert one.start("host", "Unavailable") == 15
    advance(14)
    assert (one.admit("host"), other.admit("host")) == (1, 1)
    advance(1)
    assert (one.admit("host"), other.admit("host")) == (0, 5)
    assert one.start("host", "Unavailable") == 30
    advance(30)
    assert (other.admit("host"), one.admit("host")) == (0, 5)
    advance(30)  # the one who was to find out has died
    assert (one.admit("host"), other.admit("host")) == (0, 5)
    one.end("host")
    advance(1)
    assert (other.admit("host"), one.admit("host"), other.admit("host")) == (0, 0, 0)


def test_pauses_grow_to_a_bound(aws: "Aws", connected: "Simulator", time: "Clock") -> None:
    """Each failure after a pause doubles it, up to a quarter of an hour."""
    store = CooldownStore(aws.dynamodb, "EventsTable")
    pauses = []
    for _ in range(9):
        pauses.append(store.start("host", "Unavailable", tolerated=2))
        time.advance(seconds=pauses[-1])
        store._known.clear()
    assert pauses == [0, 0, 15, 30, 60, 120, 240, 480, 900]


def test_a_test_that_passes_ends_the_pause(connected: "Simulator") -> None:
    """A person may look at any time; what fails meanwhile stays as it is."""
    fails(connected, 3)
    assert read().status == 503
    connected.faults.add(faults.hibernating())
    assert not call("test_connection", None).json["success"]
    assert "left alone" in read().json["detail"]
    assert call("test_connection", None).json["success"]
    _forget()
    assert read().status == 200


def test_events_and_calls_know_the_same(
    connected: "Simulator", monkeypatch: pytest.MonkeyPatch, time: "Clock"
) -> None:
    """Events wait while calls are refused; the first failure of an event pauses calls."""
    queues = Queues(monkeypatch)
    connect(connected, seed.INTEGRATION_USER, USER)
    fails(connected, 3)
    sent = len(connected.requests)
    assert send("error", error()) == []
    assert len(connected.requests) == sent
    (waiting,) = queues.waiting()
    time.advance(seconds=15)
    connected.faults.add(faults.hibernating())
    assert send("error", waiting) == []
    (waiting,) = queues.waiting()
    assert "left alone" in call("create_incident", NEW).json["detail"]
    time.advance(seconds=120)
    assert send("error", waiting) == []
    assert queues.waiting() == []
    assert call("create_incident", NEW).status == 201
    assert cooldown_store().get(urlsplit(connected.url).netloc).failures == 0


# ---- writes of a user


def test_a_user_writes_only_so_much(
    connected: "Simulator", time: "Clock", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit holds across functions and processes; others, reads and the next minute pass."""
    monkeypatch.setenv("WRITES_PER_MINUTE", "4")
    _forget()
    connect(connected, seed.INTEGRATION_USER, USER)
    time.moment = time.moment.replace(second=15)
    time.advance(minutes=1)
    for _ in range(2):
        assert call("create_incident", NEW).status == 201
        _forget()
        assert call("update_rules", {}).status == 200
    for function, body in (("create_incident", NEW), ("delete_config", None)):
        _forget()
        refused = call(function, body)
        assert refused.status == 429
        assert refused.headers["retry-after"] == "45"
        assert "4 writes a minute" in refused.json["detail"]
    assert read().status == 200
    assert call("create_incident", NEW, user_id=USER).status == 201
    time.advance(seconds=45)
    assert call("create_incident", NEW).status == 201


@pytest.mark.parametrize("limit", [1, 19, 20, 50, 130])
def test_the_limit_is_exact_for_one_process(
    aws: "Aws", time: "Clock", monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """However the shares fall; another process gets what is left, and never more."""
    from actionsync.errors import TooManyWritesError  # noqa: PLC0415 - beside what raises it
    from actionsync.stores.rates import WriteRates  # noqa: PLC0415

    def most(rates: WriteRates, user_id: str) -> int:
        for count in range(limit + 2):
            try:
                rates.take(user_id)
            except TooManyWritesError:
                return count
        raise AssertionError("there is no limit")

    one, other = (WriteRates(aws.dynamodb, "ClaimsTable", limit) for _ in range(2))
    assert most(one, "ada") == limit
    assert most(other, "ada") == 0
    other.take("grace")
    assert most(one, "grace") + 1 <= limit
    time.advance(minutes=1)
    assert most(other, "ada") == limit
