"""What released versions read and stored, this one reads and goes on with (tests/releases.py)."""

import json
import os
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from pydantic import create_model

from actionsync.events.sources import cloudwatch
from actionsync.rules.models import Rules
from local.servicenow import faults
from tests import releases
from tests.conftest import _forget, call, event, invoke
from tests.integration.events import USER, Queues, alarm, error, send
from tests.integration.gates import ask, gate
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    queues,
    save_rules,
)
from tests.template import ROOT

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws, HttpAnswer
    from tests.integration.conftest import Clock

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")
KEY = {"idempotency-key": "a cause"}
BY_HAND = {"short_description": "By hand"}


def rules_of() -> dict[str, Any]:
    """Return the user's rules."""
    answer = call("get_rules", user_id=USER)
    assert answer.status == 200, answer.text
    return dict(answer.json)


def delivered(webhook: dict[str, Any]) -> "HttpAnswer":
    """Return the answer to a delivery."""
    payload = event("receive_webhook", "alertmanager_firing")
    payload["headers"]["authorization"] = f"Bearer {webhook['secret']}"
    payload["pathParameters"] = {"source": webhook["source"], "id": webhook["id"]}
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = webhook["path"]
    return invoke("receive_webhook", payload)


def at_work(aws: "Aws", instance: "Simulator") -> dict[str, Any]:  # noqa: F811
    """Fill a stack with one of each: settings, tickets of events, what waits and what failed."""
    boto3.client("events").create_event_bus(Name="events")
    save_rules(aws, rules=[{"name": "Shop", "match": {"service": "shop"}, "then": "ignore"}])
    recipe = json.loads(event("update_recipe", "valid")["body"])
    assert call("update_recipe", recipe, user_id=USER).status == 200
    webhook = call("create_webhook", {"name": "eu"}, user_id=USER, path={"source": "alertmanager"})
    assert webhook.status == 201, webhook.text
    asked = ask()
    assert asked.status == 201, asked.text
    by_hand = call("create_incident", BY_HAND, user_id=USER, headers=KEY)
    assert by_hand.status == 201, by_hand.text
    assert send("error", error()) == []
    assert send("alarm", alarm("ALARM")) == []
    refusal = faults.error(403, "Operation Failed", "ACL", times=None, method="POST")
    instance.faults.add(refusal)
    assert send("error", error(service="refused")) == []
    instance.faults.clear()
    instance.faults.add(faults.server_error(method="POST"))
    assert send("error", error(service="waiting")) == []
    return {
        "webhook": webhook.json, "gate": asked.json["id"], "number": by_hand.json["number"],
        "rules": rules_of(),
    }  # fmt: skip


def hold(aws: "Aws", instance: "Simulator", queues: Queues, time: "Clock", of: Any) -> None:  # noqa: F811
    """Go on with a stack that was recorded, as if nothing had happened."""
    time.moment = datetime.fromisoformat(of["at"])
    releases.restore(of, aws, instance)
    _forget()
    memo = of["memo"]
    assert call("test_connection", None, user_id=USER).json["success"] is True
    for difference in releases._differences(memo["rules"], rules_of()):
        raise AssertionError(difference)
    listed = call("list_recipes", user_id=USER).text
    assert "speed-tests" in listed
    assert delivered(memo["webhook"]).json["status"] == "accepted"
    assert gate(memo["gate"]).json["state"] == "waiting"
    before = len(instance.records("incident"))
    again = call("create_incident", BY_HAND, user_id=USER, headers=KEY)
    assert again.json["number"] == memo["number"]
    assert send("error", error(1)) == []
    assert len(instance.records("incident")) == before
    assert send("alarm", alarm("OK", 60)) == []
    assert states(instance, "checkout-5xx") == ["6"]
    for _ in range(5):
        time.advance(minutes=5)
        assert send("event", *queues.tick()) == []
    assert states(instance, "waiting") == ["1"]
    (failed,) = call("list_unfinished_events", user_id=USER, query={"state": "failed"}).json[
        "items"
    ]
    answer = call("retry_unfinished_event", user_id=USER, path={"id": failed["id"]})
    assert answer.status == 202, answer.text
    assert send("event", *queues.tick()) == []
    assert states(instance, "refused") == ["1"]


def states(instance: "Simulator", text: str) -> list[str]:  # noqa: F811
    """Return the states of the events' incidents with a text in their titles."""
    return [row["state"] for row in made(instance) if text in row["short_description"]]


def test_released_versions_are_held(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """Their messages, documents and stacks; with this version's own, which `RECORD` stores."""
    own = {
        "events": releases.events(),
        "rules": releases.rules(),
        "stack": releases.stack(aws, instance, at_work(aws, instance)),
    }
    assert len(own["events"]) > 200
    if "RECORD" in os.environ:
        releases.save((ROOT / "VERSION").read_text().strip(), own)
    for recorded in (own, *releases.saved()):
        assert releases.changed_events(recorded["events"]) == []
        assert releases.changed_rules(recorded["rules"]) == []
        hold(aws, instance, queues, time, recorded["stack"])


def test_another_key_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that identifies a thing by another key would open a second ticket for it."""
    recorded = releases.events()
    read = cloudwatch.read

    def in_capitals(message: Any, context: Any) -> Any:
        reading = read(message, context)
        events = [replace(event, key=event.key.upper()) for event in reading.events]
        return replace(reading, events=tuple(events))

    monkeypatch.setattr(cloudwatch, "read", in_capitals)
    changed = releases.changed_events(recorded)
    assert changed
    assert all("['cloudwatch', " in each for each in changed)


def test_other_rules_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A default that changes, changes what a saved document means."""
    recorded = releases.rules()
    alarms = Rules.model_fields["alarms"].annotation
    assert alarms is not None
    other = create_model("Rules", __base__=Rules, alarms=(alarms, alarms(cap=7)))
    monkeypatch.setattr(releases, "Rules", other)
    changed = releases.changed_rules(recorded)
    assert len(changed) > 10
    assert all(each.endswith(".alarms.cap is 7, was 100") for each in changed)


@pytest.mark.parametrize("name", ["instance_url", "synced_phase"])
def test_an_attribute_of_another_name_is_noticed(
    aws: "Aws",
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    name: str,
) -> None:
    """Items that lack what is read by now are no stack to go on with."""
    stack = releases.stack(aws, instance, at_work(aws, instance))
    renamed = json.loads(json.dumps(stack).replace(f'"{name}"', f'"former_{name}"'))
    assert renamed != stack
    with pytest.raises((AssertionError, KeyError)):
        hold(aws, instance, queues, time, renamed)
