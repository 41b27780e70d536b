"""The Webhooks view in a real browser: made, delivered to, looked at, sent again, removed."""

from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.by import By

from tests.browser.conftest import has_no_barriers

if TYPE_CHECKING:
    from tests.browser.conftest import Person

ALERT = {
    "version": "4", "status": "firing", "receiver": "tickets", "truncatedAlerts": 0,
    "alerts": [{
        "status": "firing", "fingerprint": "41afd4d969e81545", "startsAt": "2026-01-10T10:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "labels": {"alertname": "HighErrorRate", "severity": "critical", "service": "shop"},
        "annotations": {"summary": "Shop fails"},
    }],
}  # fmt: skip


@pytest.fixture
def connected(person: "Person") -> "Person":
    """A person whose connection is stored, at the Webhooks view."""
    person.connects()
    person.opens("settings#webhooks")
    person.sees("#webhooks .empty", "none yet")
    return person


def test_a_webhook_from_its_making_to_its_end(connected: "Person") -> None:
    """What is shown to its sender works; a dry run is switched on; removing asks first."""
    person = connected
    person.choose("webhook-source", "Prometheus Alertmanager")
    person.type(**{"webhook-name": "eu"})
    person.press("#webhook-dry-run")
    person.press("#webhook-new")
    person.sees("#webhook-made .good", "Made.")
    address = str(person.find("#hook-address").get_attribute("value"))
    secret = str(person.find("#hook-secret").get_attribute("value"))
    assert address.startswith(f"{person.cloud.front.url}/api/servicenow/webhooks/alertmanager/")
    person.sees("#webhooks h3", "Prometheus Alertmanager: eu")
    person.sees("#webhooks .badge", "dry run")
    has_no_barriers(person)
    person.photograph("webhooks")

    path = address.removeprefix(person.cloud.front.url)
    with person.cloud.http(secret) as http:
        assert http.post(path, json=ALERT).json()["status"] == "dry_run"
    person.press("#webhooks details summary")
    person.sees("#webhooks details li", "dry run")
    person.press("#webhooks .actions button")
    person.until(lambda: not person.browser.find_elements(By.CSS_SELECTOR, "#webhooks .badge"))
    person.press("#webhooks details summary")
    person.press("#webhooks details li .actions button")
    person.sees("#webhooks details .good", "Sent.")

    def has_its_ticket() -> bool:
        person.find("#webhooks details li")
        found = person.browser.find_elements(By.CSS_SELECTOR, "#webhooks details li a")
        if any("INC" in link.text for link in found):
            return True
        person.press("#webhooks details .actions .quiet")
        return False

    person.until(has_its_ticket)

    person.press("#webhooks .danger")
    person.press("#webhook-yes")
    person.sees("#webhooks .empty", "none yet")
    assert person.api("GET", "webhooks") == {"webhooks": []}


def test_a_refused_name_is_said_where_it_was_typed(connected: "Person") -> None:
    """A second webhook of a name is refused in the API's own words; nothing typed is lost."""
    for _ in range(2):
        connected.type(**{"webhook-name": "octo/shop"})
        connected.press("#webhook-new")
        connected.find("#webhook-made .notice")
    connected.sees("#webhook-made .bad", "octo/shop")
    assert connected.find("#webhook-name").get_attribute("value") == "octo/shop"
