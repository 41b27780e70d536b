"""Masses: a gate behind a hundred thousand events, and ten thousand open tickets."""

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from actionsync import clock
from actionsync.events.looks import AT_ONCE, Looks
from actionsync.events.openings import Openings
from actionsync.events.watch import Watch
from actionsync.queues.release import GATES_AT_ONCE, Release
from actionsync.stores.connections import Connection
from actionsync.stores.pauses import PauseStore
from actionsync.stores.tickets import TicketStore
from actionsync.stores.timers import Timer, TimerStore, key_of, looks_of
from actionsync.stores.waiting import WaitingStore, WaitKey, due_key_of
from servicenow_tools.records import Record
from tests.memory import MemoryDynamoDB

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

OWNER = "ada"
EVENTS, TICKETS, GATES = 100_000, 10_000, 120
START = datetime(2026, 1, 10, 10, 0, tzinfo=UTC)
CONNECTION = Connection(
    7, "https://acme.service-now.com", "basic", "integration", "", "v1", "", "", 1
)
CHANGED = 100
TABLES = ("change_request", "incident")


class World:
    """A stack over memory, whose time the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = START
        monkeypatch.setattr(clock, "now", lambda: self.now)
        self.memory = MemoryDynamoDB()
        dynamodb: Any = self.memory
        self.dynamodb = dynamodb
        self.waiting = WaitingStore(dynamodb, "WaitingTable")
        self.timers = TimerStore(dynamodb, "WaitingTable", self.waiting)
        self.connections: Any = SimpleNamespace(get=lambda *_: CONNECTION)
        self.hidden = False
        self.asked: list[tuple[str, int]] = []
        self.out: Counter[str] = Counter()
        self.said: list[str] = []

    # ---- the tick

    def tick(self, keys: int) -> list[dict[str, Any]]:
        """Run the tick with time for some wait keys; return its prompts, in their order."""
        sent: list[dict[str, Any]] = []
        left = iter(range(keys))
        sqs: Any = SimpleNamespace(
            send_message=lambda MessageBody, MessageGroupId, **_: sent.append(  # noqa: N803
                {**json.loads(MessageBody)["actionsync_prompt"], "group": MessageGroupId}
            )
        )
        release = Release(
            self.waiting,
            PauseStore(self.dynamodb, "EventsTable"),
            self.connections,
            sqs=sqs,
            queue_url="",
            per_minute=200,
        )
        release.run(lambda: next(left, None) is not None)
        return sent

    # ---- looks

    def looks(self) -> Looks:
        """Return what looks at tickets."""
        rows = TicketStore(self.dynamodb, "EventsTable")
        outgoing: Any = SimpleNamespace(send=lambda kind, _: self.out.update([kind]))
        activity: Any = SimpleNamespace(add=lambda _, facts: self.said.append(facts["action"]))
        correlations: Any = SimpleNamespace(get=lambda _: SimpleNamespace(sys_id=""))
        clients: Any = SimpleNamespace(client_for=self._lend)
        return Looks(
            clients, self.connections, rows, self.timers,
            openings=Openings(rows, Watch(rows, self.timers), outgoing),
            activity=activity, correlations=correlations,
        )  # fmt: skip

    @asynccontextmanager
    async def _lend(self, *_: str) -> "AsyncIterator[Any]":
        yield SimpleNamespace(
            table=lambda table: SimpleNamespace(
                get_many=lambda ids, **_: self._read(table, ids),
            )
        )

    async def _read(self, table: str, ids: "Sequence[str]") -> list[Record]:
        self.asked.append((table, len(ids)))
        self.now += timedelta(seconds=1)
        if self.hidden:
            return []
        host = CONNECTION.instance_url
        known = {"sys_mod_count": "1", "active": "true"}
        return [
            Record(
                {"sys_id": each, "short_description": text, **known}, table=table, instance_url=host
            )
            for each in ids
            for text in ["new" if int(each, 16) < CHANGED else "old"]
        ]

    def look(self, minutes: int = 20) -> None:
        """Look at all tickets, so much later."""
        self.now += timedelta(minutes=minutes)
        self.asked.clear()
        asyncio.run(self.looks().look(looks_of(CONNECTION.id), monotonic() + 600))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A stack over memory."""
    return World(monkeypatch)


def test_a_gate_is_not_behind_a_hundred_thousand_events(world: World) -> None:
    """The tick sends gates first, whoever waits beside, and many of them in few prompts."""
    for owner in [OWNER, *(f"owner-{number}" for number in range(300))]:
        world.waiting.touch(WaitKey(owner, "default", "incident"))
    key = WaitKey(OWNER, "default", "incident")
    ids = [f"{number:032x}" for number in range(EVENTS)]
    world.memory.fill(
        "WaitingTable",
        (
            {
                "pk": {"S": f"EVENT#{each}"}, "sk": {"S": "EVENT"}, "next_at": {"N": "1"},
                "due_key": {"S": due_key_of(key, each)}, "created_at": {"N": str(_seconds(START))},
            }
            for each in ids
        ),
    )  # fmt: skip
    expected = {f"{number:032x}" for number in range(10**9, 10**9 + GATES)}
    for each in expected:
        assert world.timers.start(Timer(each, key_of("gates", OWNER), _seconds(START)))
    prompts = world.tick(keys=8)
    gates = [prompt for prompt in prompts if prompt.get("timer") == "gates"]
    assert len(gates) == -(-GATES // GATES_AT_ONCE)
    named = [each for prompt in gates for each in (prompt["item"], *prompt.get("others", ()))]
    assert len(named) == GATES
    assert set(named) == expected
    world.now += timedelta(minutes=1)
    (of_events,) = {prompt["group"] for prompt in world.tick(keys=1000)}
    (of_gates,) = {prompt["group"] for prompt in gates}
    assert of_gates != of_events, "SQS's fair queues keep them apart"


def test_ten_thousand_tickets_are_a_request_for_each_two_hundred(world: World) -> None:
    """Of a table; what has changed comes out once."""
    _open(world)
    world.look()
    assert Counter(table for table, _ in world.asked) == dict.fromkeys(
        TABLES, TICKETS // 2 // AT_ONCE
    )
    assert world.out == {"Ticket Updated": CHANGED}
    world.look()
    assert world.out.total() == CHANGED
    assert len(world.asked) == TICKETS // AT_ONCE


def test_a_role_that_is_gone_deletes_none_of_ten_thousand(world: World) -> None:
    """Its owner learns of it, once."""
    _open(world)
    world.hidden = True
    world.look()
    world.look(minutes=90)
    assert (world.out.total(), world.said) == (0, ["missing"])


def _open(world: World) -> None:
    """Open tickets of two tables."""
    world.memory.fill(
        "EventsTable",
        (
            {
                "pk": {"S": f"TICKET#{CONNECTION.id}"},
                "sk": {"S": f"{TABLES[number % 2]}#{number:032x}"},
                "version": {"N": "1"}, "revision": {"N": "0"}, "owner": {"S": OWNER},
                "columns": {"M": {"short_description": {"S": "old"}, "active": {"S": "true"}}},
                "mod_count": {"N": "1"}, "looked_count": {"N": "1"},
                "pending": {"M": {}}, "url": {"S": f"{CONNECTION.instance_url}/x"},
                "opened_at": {"N": str(_seconds(START))},
            }
            for number in range(TICKETS)
        ),
    )  # fmt: skip
    memo = {"connection_id": CONNECTION.id, "full_at": _seconds(START)}
    key = key_of("looks", OWNER, "default")
    assert world.timers.start(Timer(looks_of(CONNECTION.id), key, _seconds(START), memo))


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
