"""What a preview says of an event that a recipe reads, or a webhook brings."""

import asyncio
import json
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


@pytest.mark.parametrize("name", [name for name, (_, said) in EXAMPLES.items() if said])
def test_each_example_can_be_tried(name: str) -> None:
    """On the bus, by a topic, or as a webhook's delivery: as many tickets as it has events."""
    source, expected = EXAMPLES[name]
    body = example(name)
    rules = {"sources": {source: {"options": expected.get("options", [])}}}
    if "webhook" in body:
        asked = {
            "webhook": {"source": body["webhook"]["source"], "name": body["webhook"]["name"],
                        "headers": body["headers"]},
            "event": {**body["whole"], "alerts": [body["element"]]}
            if "alerts" not in body["element"] and source in {"alertmanager", "grafana"}
            else body["element"],
        }  # fmt: skip
    else:
        asked = {"event": body}
    if expected.get("unknown"):
        return
    found = shown(**asked, rules=rules)
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
