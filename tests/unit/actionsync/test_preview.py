"""What a preview says of an event that a recipe reads, or a webhook brings."""

import asyncio
import json
import re
from contextlib import asynccontextmanager
from typing import Any

import pytest

from actionsync.errors import ConnectionNotFoundError, InvalidInputError
from actionsync.events.preview import EventPreview, preview
from actionsync.events.recipes import catalogue
from actionsync.events.recipes.models import Recipe
from actionsync.rules.models import Rules
from actionsync.rules.sections import RECIPES
from functions.update_recipe.operation import BODY, RECIPE
from tests.conftest import event
from tests.unit.actionsync.sources.test_recipes import EXAMPLES, example

OWNER = "ada"
ALERT = json.loads(event("receive_webhook", "alertmanager_firing")["body"])


class Nobody:
    """Whoever has no connection: the instance cannot be asked."""

    @asynccontextmanager
    async def client_for(self, *_: Any) -> Any:
        """Say so."""
        if OWNER:
            raise ConnectionNotFoundError
        yield


def shown(own: dict[str, Recipe] | None = None, /, **asked: Any) -> dict[str, Any]:
    """Return what a preview shows."""
    asking = EventPreview.model_validate_json(json.dumps(asked))
    found = preview(OWNER, asking, asking.rules or Rules(), Nobody(), lambda _: own or {})  # type: ignore[arg-type]
    return asyncio.run(found)


def test_a_recipe_that_is_off_shows_its_ticket_and_why_there_is_none() -> None:
    """So that one sees what switching it on would bring, and what reports the same."""
    finding = example("guardduty_finding")
    (ticket,) = shown(event=finding)["tickets"]
    assert (ticket["wanted"], ticket["reason"]) == (False, "guardduty: is switched on by no rule")
    assert ticket["columns"]["short_description"].startswith("GuardDuty: An instance")
    assert (ticket["source"], ticket["key"]) == ("guardduty", finding["detail"]["id"])
    on: dict[str, Any] = {"sources": {"guardduty": {}, "securityhub": {}}}
    (ticket,) = shown(event=finding, rules=on)["tickets"]
    assert (ticket["wanted"], ticket["overlaps"]) == (True, ["securityhub"])


def asked_of(name: str) -> dict[str, Any]:
    """Return what is asked about an example: on the bus, by a topic, or as a delivery."""
    source, expected = EXAMPLES[name]
    rules = {"sources": {source: {"options": expected.get("options", [])}}}
    body = example(name)
    if "webhook" not in body:
        return {"event": body, "rules": rules}
    element = body["element"]
    if "alerts" not in element and source in {"alertmanager", "grafana"}:
        element = {**body["whole"], "alerts": [element]}
    webhook = {"source": source, "name": body["webhook"]["name"], "headers": body["headers"]}
    return {"webhook": webhook, "event": element, "rules": rules}


KNOWN = [name for name, (_, said) in EXAMPLES.items() if said and not said.get("unknown")]


@pytest.mark.parametrize("name", KNOWN)
def test_each_example_can_be_tried(name: str) -> None:
    """On the bus, by a topic, or as a webhook's delivery: as many tickets as it has events."""
    expected = EXAMPLES[name][1]
    found = shown(**asked_of(name))
    assert [
        [ticket["action"], ticket["key"]] for ticket in found["tickets"]
    ] == [row[:2] for row in expected.get("events", [])]  # fmt: skip
    assert [part["reason"] for part in found["rejected"]] == expected.get("rejected", [])


def test_a_recipe_that_is_not_saved_is_tried() -> None:
    """Beside those that are: the answer has their keys, and the texts that they make."""
    asked = {"event": BODY["triggers"][0], "recipe": RECIPE}
    (ticket,) = shown(**asked)["tickets"]
    assert (ticket["source"], ticket["key"]) == ("custom.unsaved", "/cart")
    assert ticket["columns"]["short_description"] == "/cart is slow"
    both = shown({"speed-tests": Recipe.model_validate_json(json.dumps(RECIPE))}, **asked)
    assert [ticket["source"] for ticket in both["tickets"]] == [
        "custom.speed-tests", "custom.unsaved",
    ]  # fmt: skip
    nameless = {**BODY["triggers"][0], "detail": {"result": "slow"}}
    said = shown(event=nameless, recipe=RECIPE)
    assert said["tickets"] == []
    assert "detail.page" in said["rejected"][0]["reason"]


def test_a_delivery_of_a_webhook_shows_a_ticket_for_each_element() -> None:
    """Of GitHub, too, whose deliveries are read by their headers."""
    webhook = {"source": "alertmanager", "name": "eu"}
    twice = [*ALERT["alerts"], {**ALERT["alerts"][0], "fingerprint": "ff"}]
    found = shown(webhook=webhook, event={**ALERT, "alerts": twice})["tickets"]
    assert len(found) == len(twice)
    assert all(ticket["key"].startswith("eu\n") for ticket in found)
    run = event("receive_webhook")
    headers = {"X-GitHub-Event": run["headers"]["x-github-event"]}
    github = {"source": "github", "headers": headers}
    (ticket,) = shown(webhook=github, event=json.loads(run["body"]))["tickets"]
    assert ticket["source"] == "github"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"event": {"source": "a.b", "detail-type": "Never seen", "detail": {}}},
         "event.detail-type"),
        ({"event": {}, "webhook": {"source": "nobody"}}, "webhook.source"),
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused(asked: dict[str, Any], field: str) -> None:
    """By the field that is wrong."""
    with pytest.raises(InvalidInputError) as refused:
        shown(**asked)
    assert refused.value.errors[0].field == field


def test_overlaps_are_mutual() -> None:
    """Whoever switches either on learns of the other; each is a source that there is."""
    for name in RECIPES:
        for other in set(catalogue.overlaps_of(name)) & set(RECIPES):
            assert name in catalogue.overlaps_of(other)
    assert [item["name"] for item in catalogue.shown()] == list(RECIPES)


def described(source: str, body: dict[str, Any]) -> str:
    """Return the description of the one ticket that a delivery would make."""
    (ticket,) = shown(
        webhook={"source": source}, event=body, rules={"sources": {source: {"options": []}}}
    )["tickets"]
    text: str = ticket["columns"]["description"]
    return text


def test_an_alerts_text_says_each_thing_once() -> None:
    """Labels are lines; an alert without a service, or a description, has no line for it."""
    alert = {
        "status": "firing",
        "labels": {"alertname": "HighErrorRate", "severity": "critical", "environment": "eu"},
        "annotations": {"summary": "Too many errors", "description": "5 % of all calls fail"},
        "startsAt": "2026-01-10T10:00:00Z",
        "fingerprint": "a1",
    }
    rest = (
        "Severity: critical\nFirst seen: 2026-01-10T10:00:00Z\n\nLabels:\n"
        "alertname: HighErrorRate\nseverity: critical\nenvironment: eu\n"
    )
    text = described("alertmanager", {"alerts": [alert]})
    assert text == f"5 % of all calls fail\n\nEnvironment: eu\n{rest}"
    bare = {**alert, "annotations": {}}
    assert described("alertmanager", {"alerts": [bare]}) == f"Environment: eu\n{rest}"
    named = {**alert, "labels": {**alert["labels"], "job": "checkout"}}  # type: ignore[dict-item]
    text = described("alertmanager", {"alerts": [named]})
    assert text == f"5 % of all calls fail\n\nService: checkout (eu)\n{rest}job: checkout\n"


def test_a_title_alone_is_no_service() -> None:
    """What an own sender does not say has no line, and what comes first is no empty line."""
    said = {"dedup_key": "x", "title": "Checkout is down", "time": "2026-01-10T10:00:00Z"}
    text = described("generic", said)
    assert text == "Severity: high\nFirst seen: 2026-01-10T10:00:00Z\n"
    text = described("generic", {**said, "text": "Since ten", "labels": {"team": "shop"}})
    assert text == f"Since ten\n\n{text.partition(chr(10) * 2)[2]}"
    assert text.endswith("\n\nLabels:\nteam: shop\n")


@pytest.mark.parametrize("name", KNOWN)
def test_no_examples_text_has_gaps(name: str) -> None:
    """No description begins with an empty line, has a line without a value, or JSON for labels."""
    for ticket in shown(**asked_of(name))["tickets"]:
        text = ticket["columns"].get("description", "")
        assert not text.startswith("\n"), text
        assert re.findall(r"^(?!Labels:|What the event)[A-Z][a-z ]+: *$", text, re.MULTILINE) == []
        assert "Labels: {" not in text, text
        assert "\n\n\n" not in text, text
