"""A storm in simulation: how long events wait in the queue, and how fast it empties.

A discrete simulation of one queue and its function, with service times that `make bench` measured
and AWS's documented limits; a few seconds here stand for hours there. The draws are seeded: the
same numbers come out each time.
"""

import random
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from local.cloud import ROOT
from tests.benchmarks import charts

PAGE = ROOT / "docs/scale.md"
CHART = ROOT / "docs/images/storm.svg"

# CPU of the events part of docs/performance.md in batches of ten, at the share that a function's
# memory buys: so much is a whole core (Lambda developer guide: Configure Lambda function memory).
WHOLE_CORE, MEMORY = 1769, 512
CPU_OF_EVENT = 0.0044 * WHOLE_CORE / MEMORY
CPU_OF_TICKET = 0.0176 * WHOLE_CORE / MEMORY
# Single-digit milliseconds, says DynamoDB's guide; ServiceNow's answer is our assumption.
DYNAMODB = 0.005
SERVICENOW = 0.4
# How many of our requests an instance works on at once (its semaphores), assumed to be the least.
INSTANCE_AT_ONCE = 4
# Lambda starts with five batches of a queue and adds up to 300 a minute (Lambda developer guide:
# Scaling behaviour of SQS event source mappings).
FIRST_WORKERS, WORKERS_PER_SECOND = 5, 5.0
# One item takes a thousand writes a second (DynamoDB developer guide: Partitions).
ITEM_SECONDS = 1 / 1000
BATCH = 10
# decisions/0009: pauses of a cooldown.
FIRST_PAUSE, LONGEST_PAUSE = 15.0, 900.0
_TICK = 0.1


@dataclass(frozen=True)
class Storm:
    """What happens.

    Attributes:
        name: what the report calls it.
        rate: events a second.
        seconds: for how long.
        causes: how many different causes they have.
        instances: over how many ServiceNow instances the causes are spread.
        workers: the parameter MaxConcurrency.
        away: for how many seconds from the start ServiceNow is away.
    """

    name: str
    rate: int
    seconds: int
    causes: int
    instances: int
    workers: int
    away: float = 0.0


@dataclass
class Outcome:
    """What became of it; the curves are `(second, value)`."""

    storm: Storm
    waiting: list[tuple[float, float]] = field(default_factory=list)
    age: list[tuple[float, float]] = field(default_factory=list)
    tickets: int = 0
    handled: int = 0
    drained: float = 0.0

    @property
    def most_waiting(self) -> int:
        """The most events that waited at once."""
        return int(max(count for _, count in self.waiting))

    @property
    def oldest(self) -> float:
        """The most seconds that an event had waited."""
        return max(age for _, age in self.age)


class Simulation:
    """One storm."""

    def __init__(self, storm: Storm) -> None:
        self.storm = storm
        self.outcome = Outcome(storm)
        self._env = simpy.Environment()
        self._random = random.Random(storm.name)  # noqa: S311 - no secret
        self._queue: deque[tuple[float, int]] = deque()
        self._instances = [
            simpy.Resource(self._env, INSTANCE_AT_ONCE) for _ in range(storm.instances)
        ]
        self._item_free = [0.0] * storm.causes
        self._state = ["new"] * storm.causes
        self._pause_until = [0.0] * storm.instances
        self._failures = [0] * storm.instances

    def run(self) -> Outcome:
        """Simulate until every event is handled."""
        self._env.process(self._arrive())
        self._env.process(self._watch())
        for number in range(self.storm.workers):
            self._env.process(self._work(number))
        total = self.storm.rate * self.storm.seconds
        while self.outcome.handled < total:
            self._env.run(until=self._env.now + 1)
        self.outcome.drained = self._env.now - self.storm.seconds
        self.outcome.waiting.append((self._env.now, 0))
        self.outcome.age.append((self._env.now, 0))
        return self.outcome

    def _arrive(self) -> Generator[Any, Any, None]:
        for tick in range(round(self.storm.seconds / _TICK)):
            for number in range(round(self.storm.rate * _TICK)):
                cause = (tick * round(self.storm.rate * _TICK) + number) % self.storm.causes
                self._queue.append((self._env.now, cause))
            yield self._env.timeout(_TICK)

    def _watch(self) -> Generator[Any, Any, None]:
        while True:
            self.outcome.waiting.append((self._env.now, len(self._queue)))
            age = self._env.now - self._queue[0][0] if self._queue else 0.0
            self.outcome.age.append((self._env.now, age))
            yield self._env.timeout(1)

    def _work(self, number: int) -> Generator[Any, Any, None]:
        yield self._env.timeout(max(0.0, (number - FIRST_WORKERS + 1) / WORKERS_PER_SECOND))
        while True:
            if not self._queue:
                yield self._env.timeout(_TICK)
                continue
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            calls = []
            for event in batch:
                # Mark and count: DynamoDB's calls of a batch come one after the other.
                yield self._env.timeout(CPU_OF_EVENT + 2 * DYNAMODB + self._wait_for_item(event[1]))
                if self._state[event[1]] == "new":
                    self._state[event[1]] = "opening"
                    calls.append(self._env.process(self._open(event)))
                else:
                    self.outcome.handled += 1
            yield self._env.all_of(calls)

    def _wait_for_item(self, cause: int) -> float:
        """Return how long a cause's item is still busy with other updates."""
        begins = max(self._env.now, self._item_free[cause])
        self._item_free[cause] = begins + ITEM_SECONDS
        return begins - self._env.now

    def _open(self, event: tuple[float, int]) -> Generator[Any, Any, None]:
        """Make a cause's ticket, or put the event back for the length of a pause."""
        cause = event[1]
        number = cause % self.storm.instances
        if self._env.now >= self._pause_until[number]:
            if self._env.now >= self.storm.away:
                with self._instances[number].request() as turn:
                    yield turn
                    took = self._random.lognormvariate(0, 0.5) * SERVICENOW
                    yield self._env.timeout(CPU_OF_TICKET + 3 * DYNAMODB + took)
                self._failures[number] = 0
                self._state[cause] = "open"
                self.outcome.tickets += 1
                self.outcome.handled += 1
                return
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** self._failures[number])
            self._failures[number] += 1
            self._pause_until[number] = self._env.now + pause
        left = self._pause_until[number] - self._env.now
        self._env.process(self._come_back(event, left * (1 + self._random.random() / 4)))

    def _come_back(self, event: tuple[float, int], delay: float) -> Generator[Any, Any, None]:
        yield self._env.timeout(delay)
        self._state[event[1]] = "new"
        self._queue.append((self._env.now, event[1]))


_SPREAD = "10,000 events a second of 100 causes, a minute long"
STORMS = (
    *(Storm(_SPREAD, 10_000, 60, 100, 20, workers) for workers in (2, 50, 200, 1000)),
    Storm("the same, of 6,000 causes", 10_000, 60, 6_000, 20, 1000),
    Storm("the same, of one cause", 10_000, 60, 1, 1, 1000),
    Storm("50 a second of 1,000 causes for half an hour, ServiceNow away for ten minutes of it",
          50, 1800, 1000, 1, 2, away=600),
)  # fmt: skip


def report() -> str:
    """Simulate, draw, and return the results as Markdown."""
    outcomes = [Simulation(storm).run() for storm in STORMS]
    shown = {f"MaxConcurrency {outcome.storm.workers:,}": outcome for outcome in outcomes[1:4]}
    charts.lines(
        CHART,
        f"A storm: {_SPREAD}",
        [
            ("events waiting in the queue", {name: each.waiting for name, each in shown.items()}),
            ("age of the oldest, seconds", {name: each.age for name, each in shown.items()}),
        ],
    )
    lines = [
        "| storm | MaxConcurrency | tickets | most waiting | oldest, s | empty after its end, s |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {each.storm.name} | {each.storm.workers:,} | {each.tickets:,} | {each.most_waiting:,} "
        f"| {each.oldest:,.0f} | {each.drained:,.0f} |"
        for each in outcomes
    ]
    return "\n".join([*lines, "", "![Events waiting and their age](images/storm.svg)", ""])


if __name__ == "__main__":
    print(report())
