"""Gates in tests: asked for in each of the ways, looked at by ticks, decided by people."""

import json
from typing import TYPE_CHECKING, Any

from tests.conftest import HttpAnswer, event, invoke
from tests.integration.events import USER, Queues, send

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.integration.conftest import Clock

NEW: dict[str, Any] = {
    "application": "checkout",
    "deployment_id": "d-1",
    "environment": "production",
    "version": "2.4.0",
}


def ask(user_id: str = USER, **values: Any) -> HttpAnswer:
    """Ask for a gate by HTTP."""
    body = {name: value for name, value in {**NEW, **values}.items() if value is not None}
    return _call("valid", user_id, body)


def gate(gate_id: str, user_id: str = USER) -> HttpAnswer:
    """Read a gate by HTTP."""
    payload = event("gate_deployment", "valid_get_gate")
    payload["pathParameters"] = {"id": gate_id}
    for place, key in ((payload, "rawPath"), (payload["requestContext"]["http"], "path")):
        place[key] = f"/api/servicenow/gates/{gate_id}"
    return _as(payload, user_id)


def listed(user_id: str = USER, **query: str) -> HttpAnswer:
    """List gates by HTTP."""
    payload = event("gate_deployment", "valid_list_gates")
    payload["queryStringParameters"] = query
    return _as(payload, user_id)


def ticks(queues: Queues) -> list[dict[str, Any]]:
    """Run the tick, and return the prompts to look at gates."""
    return [prompt for prompt in queues.tick(timers=True) if '"gates"' in prompt["body"]]


def pass_minutes(queues: Queues, time: "Clock", minutes: int = 1) -> int:
    """Let minutes pass, each with its tick, and return how many prompts were sent."""
    sent = 0
    for _ in range(minutes):
        time.advance(minutes=1)
        prompts = ticks(queues)
        sent += len(prompts)
        assert send("event", *prompts) == []
    return sent


def skip(queues: Queues, time: "Clock", minutes: int) -> None:
    """Let minutes pass of which the last alone has its tick."""
    time.advance(minutes=minutes - 1)
    pass_minutes(queues, time)


def changes(instance: "Simulator") -> list[dict[str, str]]:
    """Return the changes that ActionSync opened."""
    found = instance.records("change_request")
    return [row for row in found if row["correlation_display"] == "ActionSync"]


def decide(instance: "Simulator", change: str, state: str = "approved") -> None:
    """Let a change manager decide about all that is asked of a change, by number."""
    simulated = instance.instance
    manager = simulated.accounts["change.manager"]
    row = next(row for row in simulated.rows("change_request") if row["number"] == change)
    asked = [
        approval
        for approval in simulated.rows("sysapproval_approver")
        if approval["sysapproval"] == row["sys_id"] and approval["state"] == "requested"
    ]
    for approval in asked:
        simulated.update("sysapproval_approver", approval, {"state": state}, manager)


def approve(instance: "Simulator", change: str) -> None:
    """Approve a change on both levels that a normal one has."""
    decide(instance, change)
    decide(instance, change)


def set_change(instance: "Simulator", change: str, **values: str) -> None:
    """Change columns of a change as a person would, by its number, without rules in the way."""
    simulated = instance.instance
    row = next(row for row in simulated.rows("change_request") if row["number"] == change)
    simulated.change("change_request", row["sys_id"], **values)


def _call(scenario: str, user_id: str, body: dict[str, Any]) -> HttpAnswer:
    payload = event("gate_deployment", scenario)
    payload["body"] = json.dumps(body)
    return _as(payload, user_id)


def _as(payload: dict[str, Any], user_id: str) -> HttpAnswer:
    payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = user_id
    return invoke("gate_deployment", payload)
