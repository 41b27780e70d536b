"""What tests of the way back share: people in ServiceNow, looks, and the events that come out."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.client import BaseClient

from local.servicenow import seed
from tests.integration.events import Queues, send

if TYPE_CHECKING:
    import pytest

    from local.servicenow import Simulator
    from tests.integration.conftest import Clock

PERSON = "admin"


@dataclass
class Bus:
    """The stack's bus: what is put on it is collected, or refused.

    Attributes:
        events: what came, each with its detail-type and detail.
        is_away: whether it takes nothing.
    """

    monkeypatch: "pytest.MonkeyPatch"
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    is_away: bool = False

    def __post_init__(self) -> None:
        """Take the place of EventBridge."""
        make = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore's own

        def call(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
            if operation != "PutEvents":
                return make(client, operation, arguments)
            if self.is_away:
                return {"FailedEntryCount": 1, "Entries": []}
            for entry in arguments["Entries"]:
                self.events.append((entry["DetailType"], json.loads(entry["Detail"])))
                assert entry["Source"] == "actionsync.servicenow"
            return {"FailedEntryCount": 0, "Entries": []}

        self.monkeypatch.setattr(BaseClient, "_make_api_call", call)

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what came since it was last asked."""
        taken, self.events = self.events, []
        return taken

    def kinds(self) -> list[str]:
        """Return the detail-types of what came since it was last asked."""
        return [kind for kind, _ in self.take()]


@dataclass
class Office:
    """People who work in ServiceNow, and a stack that looks."""

    instance: "Simulator"
    queues: Queues
    time: "Clock"
    bus: Bus

    def edit(self, sys_id: str, who: str = PERSON, table: str = "incident", **columns: str) -> None:
        """Change a ticket as a person."""
        inside = self.instance.instance
        row = inside.find(table, sys_id)
        assert row is not None
        inside.update(table, row, columns, inside.accounts[who])

    def minutes(self, count: int = 1, step: int = 1) -> int:
        """Let minutes pass, with the ticks and what they send; return how many prompts it was.

        Args:
            count: how many minutes.
            step: each how many minutes there is a tick: those between are missed.
        """
        sent = 0
        for _ in range(0, count, step):
            self.time.advance(minutes=step)
            prompts = self.queues.tick(timers=True)
            if prompts:
                assert send("event", *prompts) == []
            sent += len(prompts)
        return sent

    def look(self) -> list[tuple[str, dict[str, Any]]]:
        """Let the next look be made, whenever it is due, and return what comes out."""
        self.bus.take()
        for _ in range(40):
            if self.minutes():
                break
        return self.bus.take()


def user_of(instance: "Simulator", name: str = seed.INTEGRATION_USER) -> str:
    """Return a user's sys_id."""
    return str(instance.one("sys_user", user_name=name)["sys_id"])
