"""Days without ServiceNow, in virtual time: the real worker, engine, stores and tick over memory.

`make outage` waits with a hundred thousand keys (`make test`: a few hundred).
"""

import asyncio
import json
import logging
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from time import monotonic
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from actionsync import clock
from actionsync.audit.trail import ActivityStore
from actionsync.events.engine import Engine
from actionsync.events.notices import Notices
from actionsync.queues.outcome import Outcomes
from actionsync.queues.release import Release
from actionsync.queues.worker import Services, _Batch
from actionsync.rules.models import Rules
from actionsync.stores.caps import CapStore
from actionsync.stores.connections import Connection
from actionsync.stores.correlations import CorrelationStore
from actionsync.stores.members import MemberStore
from actionsync.stores.pauses import PauseStore, Target
from actionsync.stores.recent import RecentEvents
from actionsync.stores.waiting import WaitingStore
from servicenow_tools.errors import RateLimitedError, ServerError, UnavailableError
from servicenow_tools.records import Record
from tests.integration.events import USER, record
from tests.memory import MemoryDynamoDB
from tests.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Aws

KEYS = int(os.environ.get("KEYS", "60"))
# So many come at once, so many meet the limit.
AT_ONCE = max(10, KEYS // 1000)
LIMITED = min(600, 5 * KEYS) if KEYS < 5000 else 5000
WORDS = "Business rule failed"
# Missed minutes are made good by the next: a few keys need no tick each minute of seven days.
EVERY = 1 if KEYS >= 5000 else 16
PER_MINUTE = 200
START = datetime(2026, 1, 10, 10, 0, tzinfo=UTC)
CONNECTION = Connection(
    1, "https://acme.service-now.com", "basic", "integration", "", "v1", "", "", 1
)


class Instance:
    """ServiceNow: what it refuses now, and what was asked of it."""

    instance_url = CONNECTION.instance_url

    def __init__(self) -> None:
        self.refuses: Callable[[str], Exception | None] = lambda _: None
        self.made: Counter[str] = Counter()
        self.requests = 0
        self.incidents = self
        self.attachments = self
        self.files: list[str] = []
        self.notes: list[str] = []

    async def create(self, **columns: Any) -> Record:
        """Make an incident, or refuse it."""
        self.requests += 1
        correlation_id = columns["correlation_id"]
        if (refusal := self.refuses(correlation_id)) is not None:
            raise refusal
        self.made[correlation_id] += 1
        number = f"INC{len(self.made):07}"
        columns = {"sys_id": correlation_id[-32:], "number": number, "state": "1"}
        return Record(columns, table="incident", instance_url=self.instance_url)

    def table(self, _: str) -> "Instance":
        """Return one of its tables."""
        return self

    async def get(self, sys_id: str, **_: Any) -> Record:
        """Return a ticket, which is open."""
        return Record(
            {"sys_id": sys_id, "number": "INC0000001", "state": "1"},
            table="incident",
            instance_url=self.instance_url,
        )

    async def update(self, sys_id: str, **columns: Any) -> Record:
        """Take a note."""
        self.requests += 1
        self.notes.append(columns["work_notes"])
        return await self.get(sys_id)

    async def list(self, *_: str) -> list[Any]:
        """Return a ticket's files: none."""
        return []

    async def upload(self, _: str, __: str, content: bytes, ___: str) -> None:
        """Take a file."""
        self.files.append(content.decode())

    async def find_by_correlation_id(self, correlation_id: str) -> None:
        """Look for what a refused request has made: nothing."""
        self.requests += 1
        assert not self.made[correlation_id]


class World:
    """A stack with one owner, whose time the test moves."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, moto: Any = None, rules: Rules | None = None
    ) -> None:
        self.now = START
        self.dynamodb = MemoryDynamoDB()
        self._moto = moto
        self.instance = Instance()
        self.prompts: list[str] = []
        monkeypatch.setattr(clock, "now", lambda: self.now)
        time = SimpleNamespace(monotonic=lambda: (clock.now() - START).total_seconds() + 1000)
        for store in ("pauses", "waiting", "recent"):
            monkeypatch.setattr(f"actionsync.stores.{store}.time", time)
        silent = SimpleNamespace(add_metric=lambda **_: None)
        for module in ("worker", "outcome"):
            monkeypatch.setattr(f"actionsync.queues.{module}.metrics", silent)
        dynamodb: Any = self.dynamodb if moto is None else moto
        unlimited: Any = SimpleNamespace(take=lambda *_: True, is_met=lambda _: False)
        caps = unlimited if rules is None else CapStore(dynamodb, "EventsTable")
        rules = rules or Rules()
        pauses = PauseStore(dynamodb, "EventsTable")
        correlations = CorrelationStore(dynamodb, "EventsTable")
        activity = ActivityStore(dynamodb, "AuditTable", 365)
        waiting = WaitingStore(dynamodb, "WaitingTable")
        recent = RecentEvents(dynamodb, "EventsTable")
        target = Target.of(CONNECTION, "incident")

        async def admit(*_: str) -> Any:
            return self.instance, target, pauses.check(target)

        sessions: Any = SimpleNamespace(admit=admit)
        unnoticed: Any = SimpleNamespace(start=lambda _: True, mark=lambda _: True)
        outcomes = Outcomes(
            waiting,
            correlations,
            activity,
            recent,
            lambda _: rules,
            is_user=lambda _: True,
            notices=Notices(unnoticed),
        )
        unused: Any = None
        undeployed: Any = SimpleNamespace(recent=lambda _: [], note=lambda *_: None)
        unwatched: Any = SimpleNamespace(
            record=lambda *_: None, watch=lambda *_: None, row=lambda *_: None
        )
        pipelines: Any = SimpleNamespace(join=lambda _, events, __: events)
        gates: Any = SimpleNamespace(join=lambda events: events)
        self.services = Services(
            Engine(
                sessions, correlations, pauses, activity, lambda _: rules,
                openings=unwatched, members=MemberStore(dynamodb, "EventsTable"), caps=caps,
                deployed=undeployed,
            ),
            outcomes, correlations, activity, lambda _: rules, unused, pipelines,
            lambda _: {}, unused, str, gates,
        )  # fmt: skip
        sqs: Any = SimpleNamespace(send_message=self._send)
        connections: Any = SimpleNamespace(get=lambda *_: CONNECTION)
        self._release = Release(
            waiting, pauses, connections, sqs=sqs, queue_url="", per_minute=PER_MINUTE
        )
        self._runner = asyncio.Runner()

    def _send(self, *, MessageBody: str, **_: str) -> None:  # noqa: N803 - boto3's own
        self.prompts.append(MessageBody)

    def process(self, feed: Any, bodies: list[str], size: int = 10) -> None:
        """Give a worker messages, so many at a time."""
        for start in range(0, len(bodies), size):
            records = [record(body) for body in bodies[start : start + size]]
            batch = _Batch(self.services, feed, monotonic() + 60)
            failures = self._runner.run(batch.process_batch(records))
            assert set(failures.values()) == {None}

    def minute(self, minutes: int = 1) -> int:
        """Let minutes pass, with a tick and what it sends; return how much that was."""
        self.now += timedelta(minutes=minutes)
        self._release.run(lambda: True)
        prompts, self.prompts = self.prompts, []
        self.process(None, prompts)
        return len(prompts)

    def errors(self, first: int, last: int, at: datetime | None = None) -> None:
        """Let errors of different keys come."""
        self.process("error", [event(number, at or self.now) for number in range(first, last)])

    def all(self, table: str) -> list[dict[str, Any]]:
        """Return all items of a table."""
        if self._moto is None:
            return self.dynamodb.all(table)
        return list(self._moto.scan(TableName=table)["Items"])

    def items(self, state: str) -> list[dict[str, Any]]:
        """Return the items of what waits in a state."""
        items = self.all("WaitingTable")
        return [item for item in items if item.get("state") == {"S": state}]

    def close(self) -> None:
        """End its event loop."""
        self._runner.close()


def event(number: int, at: datetime, occurrence: int = 0) -> str:
    """Return an error of its own key."""
    detail = {"user_id": USER, "service": "checkout", "severity": "high", "message": "Failed",
              "fingerprint": f"key {number}"}  # fmt: skip
    return json.dumps(
        {"version": "0", "id": f"{number}-{at.timestamp()}-{occurrence}",
         "detail-type": "Application Error",
         "source": "my.application", "account": "123456789012", "region": "us-east-1",
         "resources": [], "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "detail": detail}
    )  # fmt: skip


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> "Iterator[World]":
    """A stack that logs nothing."""
    logging.disable(logging.CRITICAL)
    world = World(monkeypatch)
    yield world
    world.close()
    logging.disable(logging.NOTSET)


def half(correlation_id: str) -> bool:
    """Return whether a key is one of the half that ServiceNow fails for."""
    return int(correlation_id[-1], 16) % 2 == 1


def costs() -> dict[str, int]:
    """Return the writes that docs/costs.md counts, line by line."""
    text = (ROOT / "docs/costs.md").read_text().partition("## What an outage costs")[2]
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {name.partition(":")[0]: int(count) for name, count in lines[1:]}


def away(_: str) -> Exception:
    """Return what an instance answers that sleeps."""
    return UnavailableError(503, "Instance is hibernating")


def fails_for_half(correlation_id: str) -> Exception | None:
    """Return what ServiceNow says of a half of the keys."""
    return ServerError(500, WORDS, maybe_applied=True) if half(correlation_id) else None


def test_seven_days_away_then_half_of_them_fail(world: World) -> None:
    """Nothing is lost, each ticket once; what fails for its own sake fails alone, in its words."""
    world.instance.refuses = away
    for first in range(0, KEYS, AT_ONCE):
        world.errors(first, min(KEYS, first + AT_ONCE))
        world.minute()
    world.errors(0, KEYS, world.now)  # each once more: counted, and no item more
    assert len(world.items("waiting")) == KEYS
    put = world.dynamodb.units["WaitingTable"]
    while world.now < START + timedelta(days=7):
        world.minute(EVERY)
    # Each pause has one that looks; waiting itself costs next to nothing.
    assert world.instance.requests < 7 * 24 * 4 + 50
    assert len(world.items("waiting")) == KEYS
    assert not world.instance.made
    waited = world.dynamodb.units["WaitingTable"]

    world.instance.refuses = fails_for_half
    rate = []
    while world.items("waiting"):
        rate.append(world.minute())
        assert len(rate) < 200 + 1.2 * 3 * KEYS / PER_MINUTE
    # What fails again goes beside the others.
    assert max(rate) <= 2 * PER_MINUTE
    failed = world.items("failed")
    assert all(WORDS in item["said"]["S"] for item in failed)
    assert {item["tries"]["N"] for item in failed} == {"5"}
    keys = {item["pk"]["S"].removeprefix("EVENT#") for item in failed}
    known = [item for item in world.dynamodb.all("EventsTable") if item["sk"]["S"] == "CORRELATION"]
    assert len(known) == KEYS
    assert {item["count"]["N"] for item in known} == {"2"}
    made = {key.removeprefix("actionsync-") for key in world.instance.made}
    assert set(world.instance.made.values()) == {1}
    assert made.isdisjoint(keys)
    assert len(made) + len(keys) == KEYS
    assert all(map(half, keys))
    assert not any(map(half, made))

    # Its cost is what docs/costs.md says, but for the tick's own and for what met a pause.
    of = costs()
    taken_up = of["released"] + of["taken up"]
    expected = len(made) * (taken_up + of["deleted"]) + len(keys) * (
        5 * taken_up + 4 * of["put off"] + of["failed"]
    )
    # A put that is refused, since the key waits already, costs one; so does what the tick claims.
    assert KEYS * of["put"] <= put <= KEYS * (of["put"] + 1) + 10 * KEYS / AT_ONCE
    released = world.dynamodb.units["WaitingTable"] - waited
    assert expected <= released <= 1.1 * expected + 10 * len(rate)


def test_a_limit_that_five_thousand_keys_meet(world: World) -> None:
    """429: one looks when it is over, then ten, then twice as many; each has its ticket once."""
    world.instance.refuses = lambda _: RateLimitedError(429, "Too many", retry_after=1800)
    world.errors(0, LIMITED)
    assert world.instance.requests <= 10  # those that were under way when it was met
    world.instance.refuses = lambda _: None
    rate = []
    while world.items("waiting"):
        rate.append(world.minute())
        assert len(rate) < 60 + LIMITED / PER_MINUTE
    assert [sent for sent in rate if sent][:5] == [1, 10, 20, 40, 80]
    assert not sum(rate[:29])
    assert max(rate) == min(PER_MINUTE, LIMITED - 151)
    assert len(world.instance.made) == LIMITED
    assert set(world.instance.made.values()) == {1}


@pytest.mark.moto
def test_the_memory_does_what_moto_does(
    aws: "Aws", world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day's outage, an item that fails, one that recovers: the same items are left."""
    real = World(monkeypatch, aws.dynamodb)
    left = []
    for one in (world, real):
        monkeypatch.setattr(clock, "now", lambda one=one: one.now)
        one.instance.refuses = away
        one.errors(0, 12)
        one.errors(3, 5, START + timedelta(seconds=1))
        for minutes in (1, 20):
            one.minute(minutes)
        one.instance.refuses = fails_for_half
        for _ in range(6):
            one.minute(4)
        items = [item for table in ("EventsTable", "WaitingTable") for item in one.all(table)]
        left.append(
            sorted(
                json.dumps({**item, "body": 0, "pending_action": 0}, sort_keys=True, default=str)
                for item in items
                if not item["pk"]["S"].startswith("RECENT#")
            )
        )
        assert one.instance.made
        assert one.instance.requests > len(one.instance.made)
    real.close()
    assert left[0] == left[1]
