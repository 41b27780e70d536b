"""What folding saves: the same events, in batches of one, ten and a hundred, by one process.

The real worker, engine and stores over DynamoDB in memory (tests/memory.py), so that what is
measured is the product's own work; calls and write units are counted exactly.
"""

import logging
import random
import time
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ENVIRONMENT
from tests.integration.test_outage import World, event

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (1, 10, 100)
EVENTS = 3000
LOADS = (("of one cause", 1), ("of ten causes, at random", 10), ("each opens a ticket", EVENTS))


def report() -> str:
    """Measure, and return the results as Markdown."""
    lines = [
        (
            "| load: of its events | in a batch | events a second, one process "
            "| write calls an event | write units an event | ServiceNow calls an event |"
        ),
        "|---|--:|--:|--:|--:|--:|",
    ]
    logging.disable(logging.CRITICAL)
    for name, causes in LOADS:
        lines += [_line(name, causes, size) for size in SIZES]
    logging.disable(logging.NOTSET)
    return "\n".join(lines) + "\n"


def _line(name: str, causes: int, size: int) -> str:
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in ENVIRONMENT.items():
            patch.setenv(variable, value)
        # DynamoDB in memory, without the limit of a key: that is arithmetic.
        patch.setattr("tests.memory.KEY_UNITS", 10**9)
        world = World(patch)
        bodies = [event(number % causes, world.now, number) for number in range(EVENTS)]
        random.Random(4).shuffle(bodies)  # noqa: S311 - an order, not a secret
        world.process("error", bodies[:10])  # what the first batch alone does
        calls, units = world.dynamodb.calls.copy(), world.dynamodb.units.total()
        requests = world.instance.requests
        started = time.perf_counter()
        world.process("error", bodies[10:], size)
        seconds = time.perf_counter() - started
        done = world.dynamodb.calls - calls
        world.close()
    events = EVENTS - 10
    writes = sum(done[call] for call in ("put_item", "update_item", "delete_item"))
    each: Callable[[float], str] = lambda count: f"{count / events:.2f}"  # noqa: E731
    return (
        f"| {name} | {size} | {events / seconds:,.0f} | {each(writes)} "
        f"| {each(world.dynamodb.units.total() - units)} "
        f"| {each(world.instance.requests - requests)} |"
    )


if __name__ == "__main__":
    print(report())
