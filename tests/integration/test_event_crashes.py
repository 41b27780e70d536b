"""An event function that dies at any call it makes: the redelivered event repairs it."""

import itertools
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from actionsync import telemetry
from actionsync.runtime import run
from actionsync.wiring.servicenow import client_cache
from actionsync.wiring.stores import pause_store
from servicenow_tools import Transport
from tests.integration.events import Queues, alarm, deployment, error, send
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    meeting,
    notes,
    queues,
    save_rules,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock


class KilledError(BaseException):
    """The process is gone: nothing of it runs any more."""


class Killer:
    """Kills the process after so many calls to AWS or ServiceNow took effect.

    What lasts is then the same as if it had died before the next call.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.at: int | None = None
        self.is_dead = False
        from actionsync import aws  # noqa: PLC0415 - patched where it is looked up

        make = aws.dynamodb()._make_api_call  # type: ignore[attr-defined]
        send_request = Transport.handle_async_request

        def call(name: str, arguments: dict[str, Any]) -> Any:
            return self._around(lambda: make(name, arguments))

        async def request(pool: Transport, sent: httpx.Request) -> httpx.Response:
            self._before()
            answer = await send_request(pool, sent)
            try:
                self._after()
            except KilledError:
                await answer.aclose()  # a dead process leaves no open socket
                raise
            return answer

        monkeypatch.setattr(aws.dynamodb(), "_make_api_call", call)
        monkeypatch.setattr(Transport, "handle_async_request", request)

    def arm(self, at: int | None) -> None:
        """Kill after this call, 0 for before the first; None for never."""
        self.calls, self.at, self.is_dead = 0, at, False

    def _around(self, do: "Callable[[], Any]") -> Any:
        self._before()
        answer = do()
        self._after()
        return answer

    def _before(self) -> None:
        if self.calls == self.at:
            self.is_dead = True
        if self.is_dead:
            raise KilledError
        self.calls += 1

    def _after(self) -> None:
        if self.calls == self.at:
            self.is_dead = True
            raise KilledError


def _new_process() -> None:
    """Forget what the dead process had in memory."""
    for entry in client_cache()._cached.values():
        run(entry.client.aclose())
    client_cache().__dict__["_cached"].clear()
    pause_store()._known.clear()


def _story(name: str) -> list[tuple[str, dict[str, Any]]]:
    return {
        "an error": [("error", error(stack_trace="  at shop.Checkout.pay(Checkout.java)\n" * 200))],
        "an alarm and its end": [("alarm", alarm("ALARM")), ("alarm", alarm("OK", 60))],
        "an alarm that comes back": [
            ("alarm", alarm("ALARM")),
            ("alarm", alarm("OK", 60)),
            ("alarm", alarm("ALARM", 120)),
        ],
        "a deployment": [
            ("deployment", deployment("started")),
            ("deployment", deployment("failed", 60)),
        ],
        "a meeting": [("meeting", meeting())],
    }[name]


@pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")  # it has just died
@pytest.mark.parametrize(
    "story",
    ["an error", "an alarm and its end", "an alarm that comes back", "a deployment", "a meeting"],
)
def test_a_death_at_any_call_is_recovered(  # noqa: C901, PLR0917 - a play in acts
    aws: "Aws",
    instance: "Simulator",  # noqa: F811 - a fixture
    queues: Queues,  # noqa: F811
    time: "Clock",
    monkeypatch: pytest.MonkeyPatch,
    story: str,
) -> None:
    """After each call in turn: the outcome is that of a process that never dies."""
    for user in ("automation", None):
        rule = {"change_type": "standard", "template": "Deploy a service",
                "incident_on_failure": True}  # fmt: skip
        save_rules(aws, **({"user_id": user} if user else {}), deployments=rule)
    killer = Killer(monkeypatch)

    def outcome() -> Any:
        incidents, changes = made(instance), made(instance, "change_request")
        return (
            sorted((row["short_description"], row["state"]) for row in incidents),
            sorted((row["short_description"], row["state"], row["close_code"]) for row in changes),
            sorted(len(notes(instance, row["sys_id"])) for row in incidents + changes),
            sorted(file["file_name"] for file in instance.records("sys_attachment")),
        )

    def play(at: int | None) -> bool:
        """Play the story, killed once; return whether the kill happened."""
        killer.arm(None)
        instance.reset()
        for item in aws.items("EventsTable"):
            if not item["pk"]["S"].startswith("RULES"):
                key = {"pk": item["pk"], "sk": item["sk"]}
                aws.dynamodb.delete_item(TableName="EventsTable", Key=key)
        for item in aws.items("IdempotencyTable"):
            aws.dynamodb.delete_item(TableName="IdempotencyTable", Key={"pk": item["pk"]})
        _new_process()
        was_killed = False
        killer.arm(at)
        for kind, message in _story(story):
            try:
                assert send(kind, message) == []
            except KilledError:
                was_killed = True
                killer.arm(None)
                telemetry.metrics.clear_metrics()
                time.advance(minutes=7)  # SQS's visibility timeout
                _new_process()
                assert send(kind, message) == []
        killer.arm(None)
        return was_killed

    assert not play(None)
    expected = outcome()
    assert expected[0] or expected[1]
    for at in itertools.count():
        was_killed = play(at)
        assert outcome() == expected, at
        if not was_killed:
            break
    assert at > 7
    assert queues.failed() == []
