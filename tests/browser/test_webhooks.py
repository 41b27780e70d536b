"""The Webhooks view in a real browser: made, delivered to, looked at, sent again, removed."""

import hmac
from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.by import By

from local.servicenow import seed
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
    person.connects("settings#webhooks")
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
    person.press("#confirm-yes")
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


def test_a_webhook_names_one_of_several_connections(connected: "Person") -> None:
    """Nobody with one connection is asked; the list says which, and that it is gone."""
    person = connected
    assert not person.find("#webhook-connection").is_displayed()
    closing = {
        "name": "closing", "instance_url": person.cloud.simulator.url,
        "username": "closer", "password": seed.USERS["closer"][0],
    }  # fmt: skip
    person.api("POST", "connections", closing)
    person.opens("settings#webhooks")
    person.choose("webhook-connection", "closing")
    person.choose("webhook-source", "Grafana")
    person.press("#webhook-new")
    person.sees("#webhooks li .hint", "through the connection closing, unless a rule names another")
    has_no_barriers(person)
    person.photograph("webhook-connection")
    (made,) = person.api("GET", "webhooks")["webhooks"]
    assert made["connection"] == "closing"
    person.choose("webhook-connection", "default")
    person.choose("webhook-source", "Jenkins")
    person.press("#webhook-new")
    person.sees("#webhooks", "Jenkins")
    assert person.api("GET", "webhooks")["webhooks"][1]["connection"] is None

    with person.cloud.http(person.token) as http:
        assert http.delete("/api/servicenow/connections/closing").is_success
    person.opens("settings#webhooks")
    person.sees("#webhooks li .hint", "closing, which is not stored: what comes waits for it")
    assert not person.find("#webhook-connection").is_displayed()


def test_a_senders_own_secret_is_stored_later(connected: "Person") -> None:
    """Once the sender knows the address; what is too short is refused at its field."""
    person = connected
    person.choose("webhook-source", "Sentry")
    person.press("#webhook-new")
    person.sees("#webhooks h3", "Sentry")
    (made,) = person.api("GET", "webhooks")["webhooks"]
    field = f"secret-{made['id']}"
    person.press("#webhooks summary")
    person.type(**{field: "short"})
    person.press("#webhooks form button")
    person.sees(f"#{field}-error", "The secret")
    assert person.browser.switch_to.active_element.get_attribute("id") == field
    has_no_barriers(person)
    person.type(**{field: "a-secret-of-sentrys"})
    person.press("#webhooks form button")
    person.sees("#webhooks .good", "The secret is stored.")
    body = b"{}"
    digest = hmac.new(b"a-secret-of-sentrys", body, "sha256").hexdigest()
    headers = {"sentry-hook-signature": digest, "content-type": "application/json"}
    with person.cloud.http() as http:
        answers = [
            http.post(made["path"], content=body, headers={**headers, **wrong}).status_code
            for wrong in ({}, {"sentry-hook-signature": "0" * 64})
        ]
    assert answers[0] != 401
    assert answers[1] == 401
