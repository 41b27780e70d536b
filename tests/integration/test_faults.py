"""Faults at every point, through the functions: never two tickets, none lost, always an answer.

ServiceNow fails in every way it has, before and after it did the work; each call to AWS fails in
turn, before and after its effect, or the process dies there. The caller repeats the request with
the same Idempotency-Key, and SQS the event, until it is done.
"""

import itertools
import os
import random
from copy import copy
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from actionsync import aws as aws_clients
from actionsync.stores.correlations import CorrelationStore
from local.servicenow import Fault, faults, seed
from tests.conftest import _forget, call
from tests.integration.conftest import connect
from tests.integration.events import USER, Queues, error, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.servicenow import Simulator
    from tests.conftest import HttpAnswer
    from tests.integration.conftest import Clock

NEW = {"short_description": "Checkout answers 500"}
KEY = {"idempotency-key": "one cause"}
NOTE = {"work_note": "Failing over."}
TICKET = seed.sys_id("incident 1")
ROUNDS = int(os.environ.get("ROUNDS", "40"))
CAUSES = 7
RETRY_AFTERS = ("1", "0", "-1", "", "soon", "9" * 30, "1e3", "Wed, 21 Oct 2015 07:28:00 GMT",
                "Fri, 31 Dec 9999 23:59:59 GMT", "Wed, 99 Foo 2015 07:28:00 GMT")  # fmt: skip
STATUSES = (301, 302, 400, 401, 403, 404, 406, 409, 415, 418, 500, 501, 502, 503, 504, 520, 599)
TROUBLES = {
    **{f"status {status}": faults.error(status, "No", "Not now") for status in STATUSES},
    **{f"page {status}": faults.unavailable(status) for status in (200, 403, 500, 502, 503, 504)},
    **{f"text {status}": Fault(status=status, body="?", content_type="text/plain")
       for status in (200, 201, 500)},
    **{f"wait {text}": Fault(status=429, body={}, headers={"Retry-After": text})
       for text in RETRY_AFTERS},
    "hibernating": faults.hibernating(),
    "login page": faults.login_page(),
    "cancelled": faults.cancelled(),
    "dropped": faults.dropped(),
    "no json": Fault(status=201, body='{"result": {"sys_id": '),
    "another shape": Fault(status=201, body={"result": ["x"]}),
    "empty": Fault(status=201, body=""),
    "huge": Fault(status=201, body={"result": {"sys_id": "x" * 9 * 1024 * 1024}}),
    "reset": Fault(reset=True),
    "half": Fault(half=True),
    "slow": Fault(delay=2, reset=True),
}  # fmt: skip


# What ServiceNow itself refuses, in its own words, it has not done.
REFUSALS = ("status 3", "status 4", "wait", "hibernating")


def create() -> "HttpAnswer":
    """Open an incident, with a key."""
    return call("create_incident", NEW, headers=KEY)


def note() -> "HttpAnswer":
    """Leave a note, with a key."""
    path = {"id": TICKET}
    return call("note_record", NOTE, headers=KEY, path=path)


def made(simulator: "Simulator") -> int:
    """Return how many tickets there are of the one cause."""
    rows = simulator.instance.records("incident")
    return sum(row["short_description"] == NEW["short_description"] for row in rows)


def noted(simulator: "Simulator") -> int:
    """Return how many notes of the one write there are."""
    rows = simulator.instance.records("sys_journal_field")
    return sum(row["value"] == NOTE["work_note"] for row in rows)


WRITES = pytest.mark.parametrize(
    ("write", "count"), [(create, made), (note, noted)], ids=["create", "note"]
)


def is_clear(answer: "HttpAnswer") -> bool:
    """Return whether a failure is reported as one, in words; 500 is for AWS's own."""
    document = answer.json
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["detail"]
    return answer.status >= 400 and int(document["status"]) == answer.status


@WRITES
@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
def test_servicenow_fails(
    connected: "Simulator",
    time: "Clock",
    monkeypatch: pytest.MonkeyPatch,
    write: "Callable[[], HttpAnswer]",
    count: "Callable[[Simulator], int]",
    *,
    after_commit: bool,
) -> None:
    """Once, at the write itself: reported at once, and right when it is repeated."""
    monkeypatch.setattr("actionsync.connections.clients.DEADLINE_SECONDS", 1.0)
    for name, trouble in TROUBLES.items():
        if after_commit and name.startswith(REFUSALS):
            continue
        connected.reset()
        KEY["idempotency-key"] = f"{name} {after_commit}"
        fault = copy(trouble)
        fault.method = "POST" if write is create else "PATCH"
        fault.after_commit = after_commit and not fault.half
        connected.faults.add(fault)
        answer = write()
        assert answer.status != 500, (name, answer.text)
        assert answer.status < 300 or is_clear(answer), name
        assert count(connected) <= 1, name
        for _ in range(3):
            if answer.status < 300:
                break
            time.advance(minutes=20)
            answer = write()
        assert answer.status < 300, (name, answer.text)
        assert count(connected) == 1, name
        time.advance(minutes=20)


def test_a_huge_answer_is_given_up(connected: "Simulator") -> None:
    """Before it fills the function's memory."""
    rows = [{"sys_id": "x" * 9 * 1024 * 1024}]
    connected.faults.add(Fault(status=200, body={"result": rows}))
    answer = call("search_incidents")
    assert (answer.status, "larger than 4 MiB" in answer.json["detail"]) == (502, True)


class KilledError(BaseException):
    """The process is gone."""


class Aws:
    """Fails the call with a number, before or after its effect."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.deadly = (0, False)
        self.is_armed = False
        self.error: BaseException = KilledError()
        real = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore's own

        def make(client: Any, operation: str, arguments: Any) -> Any:
            self.calls += 1
            self._strike(is_after=False)
            answer = real(client, operation, arguments)
            self._strike(is_after=True)
            return answer

        monkeypatch.setattr(BaseClient, "_make_api_call", make)

    def _strike(self, *, is_after: bool) -> None:
        if self.is_armed and self.deadly == (self.calls, is_after):
            self.is_armed = False
            raise self.error

    def at_each_call(self) -> "Any":
        """Yield for each call, before and after it, until there are no more calls."""
        for at, is_after in itertools.product(range(1, 100), (False, True)):
            self.calls, self.deadly, self.is_armed = 0, (at, is_after), True
            yield f"{at} {is_after}"
            if self.is_armed and not is_after:
                self.is_armed = False
                return


AWS_ERRORS = {
    "throttled": ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "X"),
    "killed": KilledError(),
}


@WRITES
@pytest.mark.parametrize("name", AWS_ERRORS)
def test_a_call_to_aws_fails(  # noqa: PLR0917 - fixtures and parameters
    connected: "Simulator",
    time: "Clock",
    monkeypatch: pytest.MonkeyPatch,
    write: "Callable[[], HttpAnswer]",
    count: "Callable[[Simulator], int]",
    name: str,
) -> None:
    """Each in turn: what was written is found again, what was not is written."""
    aws = Aws(monkeypatch)
    aws.error = AWS_ERRORS[name]
    tried = 0
    for where in aws.at_each_call():
        tried += 1
        connected.reset()
        _forget()
        KEY["idempotency-key"] = f"{name} {where}"
        for _ in range(6):  # what was sent may take effect for ninety seconds
            try:
                answer = write()
            except KilledError:
                _forget()
                time.advance(seconds=31)
                continue
            if answer.status < 300:
                break
            assert is_clear(answer)
            time.advance(seconds=31)
        assert answer.status < 300, (where, answer.text)
        assert count(connected) == 1, where
    assert tried > 10


@pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")  # it has just died
@pytest.mark.parametrize("name", AWS_ERRORS)
def test_a_call_to_aws_fails_an_event(
    connected: "Simulator", time: "Clock", monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each in turn: SQS brings the event back until its one ticket is there."""
    queues = Queues(monkeypatch)
    aws = Aws(monkeypatch)
    aws.error = AWS_ERRORS[name]
    connect(connected, seed.INTEGRATION_USER, USER)
    tried = 0
    for where in aws.at_each_call():
        tried += 1
        connected.reset()
        _forget()
        record = error(service=f"{name} {where}")
        for _ in range(4):
            try:
                failed = send("error", record)
            except KilledError:
                _forget()
                failed = [record["messageId"]]
            if not failed:
                break
            time.advance(minutes=7)
        assert failed == [], where
        rows = connected.instance.records("incident")
        ours = [row for row in rows if row["correlation_display"] == "ActionSync"]
        assert len(ours) == 1, where
    assert tried > 10
    assert queues.waiting() == []
    assert queues.failed() == []


@pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")  # a prompt too many
def test_a_long_run_of_everything(
    connected: "Simulator", time: "Clock", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days of calls and events, each sent twice and out of order, while ServiceNow fails often.

    Two users on one process: in the end each has one ticket for each key and each cause.
    """
    monkeypatch.setattr("actionsync.connections.clients.DEADLINE_SECONDS", 1.0)
    queues = Queues(monkeypatch)
    connect(connected, seed.INTEGRATION_USER, USER)
    # What ServiceNow refuses has failed, visibly: it is no trouble that passes.
    refused = ("status 3", "status 4", "page 403", "slow")
    troubles = [trouble for name, trouble in TROUBLES.items() if not name.startswith(refused)]
    chance = random.Random(4711)  # noqa: S311 - no secret
    keys = [f"key {number}" for number in range(ROUNDS)]
    open_keys, waiting = list(keys), list[Any]()
    waiting += [error(service=f"service {number % CAUSES}") for number in range(ROUNDS * 4)]
    for message in chance.sample(waiting, ROUNDS):  # delivered twice, as SQS says
        attributes = {**message["attributes"], "ApproximateReceiveCount": "2"}
        waiting.append({**message, "attributes": attributes})
    chance.shuffle(waiting)
    for number in itertools.count():
        connected.faults.clear()
        if number < ROUNDS * 2 and chance.random() < 0.4:
            connected.faults.add(copy(chance.choice(troubles)))
        batch, waiting = waiting[:8], waiting[8:]
        failed = send("error", *batch) if batch else []
        waiting += [record for record in batch if record["messageId"] in failed]
        for key in chance.sample(open_keys, min(3, len(open_keys))):
            headers = {"idempotency-key": key}
            answer = call("create_incident", NEW | {"description": key}, headers=headers)
            assert answer.status != 500, answer.text
            if answer.status < 300:
                open_keys.remove(key)
        time.advance(seconds=chance.choice([1, 20, 300]))
        waiting += queues.waiting()
        if not waiting and not open_keys:
            break
        assert number < ROUNDS * 20
    assert queues.failed() == []
    rows = connected.instance.records("incident")
    assert sorted(row["description"] for row in rows if row["description"] in keys) == sorted(keys)
    ours = [row for row in rows if row["correlation_display"] == "ActionSync"]
    assert len(ours) == CAUSES
    causes = CorrelationStore(aws_clients.dynamodb(), "EventsTable")
    counts = [causes.get(row["correlation_id"].removeprefix("actionsync-")).count for row in ours]
    assert sum(counts) == ROUNDS * 4
