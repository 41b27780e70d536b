"""Limits: an instance that is away is paused for all, and a user writes only so much."""

from typing import TYPE_CHECKING

import pytest

from actionsync import clock
from actionsync.stores.pauses import PauseStore, Target
from actionsync.wiring.stores import connection_store, pause_store
from local.servicenow import Fault, faults, seed
from tests.conftest import _forget, call, event
from tests.integration.conftest import connect
from tests.integration.events import USER, Queues, error, send

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws, HttpAnswer
    from tests.integration.conftest import Clock

NEW = {"short_description": "Checkout answers 500"}
READ = {"id": seed.sys_id("incident 1")}
OTHER = "another-user"
# What pauses the connection, after ten in a row.
FAILING = {
    "hanging": (Fault(delay=3, times=None), 504),
    "login page": (faults.login_page(times=None), 502),
    "gateway": (faults.unavailable(times=None), 503),
    "error": (faults.server_error(times=None), 502),
}


def read(user_id: str | None = None) -> "HttpAnswer":
    """Read an incident."""
    return call("get_incident", path=READ, user_id=user_id)


def fails(simulator: "Simulator", times: int) -> None:
    """Let calls fail."""
    simulator.faults.add(faults.hibernating(times=None))
    for _ in range(times):
        assert read().status == 503
    simulator.faults.clear()


def store(aws: "Aws") -> PauseStore:
    """Return what another process knows."""
    return PauseStore(aws.dynamodb, "EventsTable")


def target(user_id: str | None = None, table: str = "incident") -> Target:
    """Return whom a user's calls concern."""
    caller = event("get_incident")["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    connection = connection_store().get(user_id or caller)
    assert connection is not None
    return Target.of(connection, table)


def test_an_instance_that_is_away_is_left_alone_by_all(
    connected: "Simulator", time: "Clock"
) -> None:
    """The third failure in a row ends everybody's calls, for every process, until a pause ends."""
    connect(connected, seed.INTEGRATION_USER, OTHER)
    fails(connected, 3)
    sent = len(connected.requests)
    for user_id in (None, OTHER):
        refused = call("create_incident", NEW, user_id=user_id)
        assert refused.status == 503
        assert refused.headers["retry-after"] == "15"
        assert "paused for 15 seconds" in refused.json["detail"]
        _forget()  # another process knows it, too
    assert len(connected.requests) == sent
    time.advance(seconds=15)
    assert read().status == 200
    assert call("create_incident", NEW, user_id=OTHER).status == 201


@pytest.mark.parametrize("name", FAILING)
def test_a_connection_whose_calls_fail_is_left_alone(
    connected: "Simulator", time: "Clock", monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """After ten in a row, and then at once, until a success; nobody else's calls are refused."""
    monkeypatch.setattr("actionsync.connections.clients.DEADLINE_SECONDS", 0.5)
    connect(connected, seed.INTEGRATION_USER, OTHER)
    fault, status = FAILING[name]
    connected.faults.add(fault)
    assert {read().status for _ in range(10)} <= {status, 504}
    sent = len(connected.requests)
    assert read().status == 503
    assert len(connected.requests) == sent
    time.advance(seconds=15)
    assert read().status in {status, 504}  # it finds out, and begins the next pause
    connected.faults.clear()
    assert read().headers["retry-after"] == "30"
    assert read(OTHER).status in {200, 404}
    time.advance(seconds=30)
    assert read().status == 200


def test_what_answers_is_not_away(connected: "Simulator") -> None:
    """Refusals are answers: they begin the count again."""
    for _ in range(3):
        fails(connected, 2)
        assert call("get_incident", path={"id": "0" * 32}).status == 404
    fails(connected, 2)
    connected.faults.add(faults.error(403, "Not allowed", None))
    assert read().status == 424
    fails(connected, 2)
    assert read().status == 200


def test_a_rate_limit_is_of_one_connection_and_table(connected: "Simulator", time: "Clock") -> None:
    """For as long as the instance has said; another table, and another user, go on."""
    connect(connected, seed.INTEGRATION_USER, OTHER)
    connected.faults.add(faults.rate_limited(60))
    assert read().status == 429
    sent = len(connected.requests)
    time.advance(seconds=20)
    _forget()
    answer = call("create_incident", NEW)
    assert (answer.status, answer.headers["retry-after"]) == (429, "40")
    assert "Rate limit of 100 requests" in answer.json["detail"]
    assert len(connected.requests) == sent
    assert call("create_incident", NEW, user_id=OTHER).status == 201
    assert call("create_change_request", NEW).status == 201
    time.advance(seconds=40)
    assert call("create_incident", NEW).status == 201


def test_retry_after_has_a_bound(connected: "Simulator", aws: "Aws", time: "Clock") -> None:
    """An hour of it is believed, a year is not."""
    for seconds in (3600, 365 * 24 * 3600):
        connected.faults.add(faults.rate_limited(seconds))
        assert read().status == 429
        pause = store(aws).look(target())
        assert pause is not None
        assert pause.seconds_left(clock.epoch(clock.now())) == 3600
        time.advance(hours=2)


def test_a_wrong_password_is_its_connections_own(connected: "Simulator", time: "Clock") -> None:
    """One 401, and no more is tried; a stranger with the same user name stops only himself."""
    wrong = {"instance_url": connected.url, "username": seed.INTEGRATION_USER, "password": "wrong"}
    assert call("create_config", wrong, user_id=OTHER).status == 201
    assert read(OTHER).status == 424
    sent = len(connected.requests)
    refused = read(OTHER)
    assert (refused.status, refused.headers["retry-after"]) == (424, "15")
    assert "User Not Authenticated" in refused.json["detail"]
    assert len(connected.requests) == sent
    assert read().status == 200
    right = {**wrong, "password": seed.USERS[seed.INTEGRATION_USER][0]}
    assert call("update_config", right, user_id=OTHER).status == 200
    assert read(OTHER).status == 200  # a warm process, too, knows the new one at once


def test_one_at_a_time_finds_out(connected: "Simulator", aws: "Aws", time: "Clock") -> None:
    """After a pause one is admitted; its failure makes a longer pause, its success ends it."""
    whom = target()
    one, other = store(aws), store(aws)

    def advance(seconds: int) -> None:
        time.advance(seconds=seconds)
        one._known.clear()
        other._known.clear()

    def left(pauses: PauseStore) -> int:
        pause = pauses.check(whom)
        return 0 if pause is None else pause.seconds_left(clock.epoch(clock.now()))

    one.record_failure(whom, "instance", "Unavailable", key="a")
    advance(14)
    assert (left(one), left(other)) == (1, 1)
    advance(1)
    assert (left(one), left(other)) == (0, 5)
    one.record_failure(whom, "instance", "Unavailable", key="a")
    advance(30)
    assert (left(other), left(one)) == (0, 5)
    advance(30)  # the one who was to find out has died
    assert (left(one), left(other)) == (0, 5)
    one.record_success(whom)
    advance(1)
    assert (left(other), left(one), left(other)) == (0, 0, 0)


def test_pauses_grow_to_a_bound(aws: "Aws", connected: "Simulator", time: "Clock") -> None:
    """Each failure after a pause doubles it, up to a quarter of an hour."""
    pauses, whom, seconds = store(aws), target(), []
    for _ in range(8):
        pause = pauses.record_failure(whom, "table", "RateLimited", key="a")
        assert pause is not None
        seconds.append(pause.seconds_left(clock.epoch(clock.now())))
        time.advance(seconds=seconds[-1])
        pauses._known.clear()
    assert seconds == [15, 30, 60, 120, 240, 480, 900, 900]


def test_those_who_fail_together_make_one_pause(
    aws: "Aws", connected: "Simulator", time: "Clock"
) -> None:
    """A failure during a pause neither lengthens it nor makes it shorter."""
    one, other, whom = store(aws), store(aws), target()
    first = one.record_failure(whom, "table", "RateLimited", key="a", retry_after=600)
    second = other.record_failure(whom, "table", "RateLimited", key="b")
    assert first is not None
    assert second is not None
    assert (second.until, second.failures) == (first.until, 1)


def test_the_same_key_again_and_again_is_one(aws: "Aws", connected: "Simulator") -> None:
    """Only different keys show that it is the connection's trouble."""
    pauses, whom = store(aws), target()
    for _ in range(20):
        assert pauses.record_failure(
            whom, "connection", "Server", key="a", threshold=10
        ) is None  # fmt: skip


def test_slow_answers_slow_down(aws: "Aws", connected: "Simulator", time: "Clock") -> None:
    """Ten in a row make a short pause, which does not grow; a fast one between them makes none."""
    pauses, whom = store(aws), target()

    def answers(*seconds: float) -> bool:
        for duration in seconds:
            pauses.record_answer(whom, duration)
        return pauses.check(whom) is not None

    assert not answers(*[6.0] * 9, 0.1, *[6.0] * 9)
    assert answers(6.0)
    for _ in range(3):
        pauses._known.clear()
        time.advance(seconds=15)
        assert not answers(*[6.0] * 9)
        assert answers(6.0)


def test_a_test_that_passes_ends_its_own_pause(connected: "Simulator", time: "Clock") -> None:
    """A person may look at any time: theirs ends, the instance's and others' do not."""
    connect(connected, seed.INTEGRATION_USER, OTHER)
    for user_id in (None, OTHER):
        connected.faults.add(faults.rate_limited(600))
        assert read(user_id).status == 429
    connected.faults.add(faults.hibernating())
    assert not call("test_connection", None).json["success"]
    assert read().status == 429
    assert call("test_connection", None).json["success"]
    _forget()
    assert read().status == 200
    assert read(OTHER).status == 429
    fails(connected, 3)
    assert call("test_connection", None).json["success"]
    assert "is paused" in read().json["detail"]


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
    assert "is paused" in call("create_incident", NEW).json["detail"]
    time.advance(seconds=120)
    assert send("error", waiting) == []
    assert queues.waiting() == []
    assert call("create_incident", NEW).status == 201
    assert pause_store().look(target(USER)) is None


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
    from actionsync.errors import TooManyRequestsError  # noqa: PLC0415 - beside what raises it
    from actionsync.stores.rates import Rates  # noqa: PLC0415

    def most(rates: Rates, user_id: str) -> int:
        for count in range(limit + 2):
            try:
                rates.take(user_id)
            except TooManyRequestsError:
                return count
        raise AssertionError("there is no limit")

    one, other = (Rates(aws.dynamodb, "IdempotencyTable", "writes", limit) for _ in range(2))
    assert most(one, "ada") == limit
    assert most(other, "ada") == 0
    other.take("grace")
    assert most(one, "grace") + 1 <= limit
    time.advance(minutes=1)
    assert most(other, "ada") == limit
