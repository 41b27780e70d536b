"""The next certificate or key of a connection in a real browser: stored, tested, used, dropped."""

from typing import TYPE_CHECKING, Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from local.servicenow import seed
from tests.browser.conftest import has_no_barriers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import Person

KEYED = {
    "auth_method": "oauth_jwt_bearer",
    "username": seed.INTEGRATION_USER,
    "client_id": "an-id",
    "client_secret": "a-secret",
    "key_id": "first",
}


def stores(person: "Person", **connection: str) -> dict[str, Any]:
    """Have the person's connection stored, and open the view."""
    person.signs_in()
    body = {"name": "default", "instance_url": person.cloud.simulator.url, **connection}
    made: dict[str, Any] = person.api("POST", "connections", body)
    person.opens("settings#connections")
    person.sees("#state", "Saved")
    return made


def focused(person: "Person") -> Any:
    """Return what has the focus."""
    return person.browser.switch_to.active_element


@pytest.fixture
def certificates(person: "Person", tmp_path: "Path") -> "Path":
    """A folder with a certificate that ends soon, and the next one, which nobody has registered."""
    simulator = person.cloud.simulator
    simulator.instance.access.certificates["soon"] = seed.INTEGRATION_USER
    simulator.make_certificate("soon", tmp_path / "soon.pem", days=20)
    simulator.make_certificate("next", tmp_path / "next.pem", days=200)
    (tmp_path / "notes.txt").write_text("No PEM")
    return tmp_path


def test_a_certificate_is_followed_by_the_next_one(person: "Person", certificates: "Path") -> None:
    """Its end is said in time; the next one is taken from a file, tested, and used if it works."""
    text = (certificates / "soon.pem").read_text()
    pair = {"certificate": text, "private_key": text}
    made = stores(person, auth_method="client_certificate", **pair)
    person.sees("#notes .warn", "The certificate ends at")
    person.opens("settings#home")
    person.sees("#connection-notes", "default: The certificate ends at")
    person.sees("#notices .badge", "Off")
    has_no_barriers(person)
    person.opens("settings#connections")

    person.press("#pending summary")
    person.press("#pending-store")
    for name in pair:
        person.sees(f"#pending-{name}-error", "is missing")
    assert focused(person).get_attribute("id") == "pending-certificate"
    person.find("#pending-files").send_keys(str(certificates / "notes.txt"))
    person.sees("#pending-files-error", "neither a certificate nor a private key")
    has_no_barriers(person)
    person.find("#pending-files").send_keys(str(certificates / "next.pem"))
    person.until(lambda: person.find("#pending-private_key").get_attribute("value"))
    person.photograph("pending-form")
    person.press("#pending-store")
    person.sees("#pending-outcome", "Stored. The certificate in use goes on")
    person.sees("#pending .badge", "Not in use yet")
    person.sees("#pending .notes", "The certificate is good until")
    assert "BEGIN" not in person.browser.page_source.partition("placeholder")[0]

    person.press("#pending-use")
    person.sees("#pending-outcome.bad", "not promoted")
    person.press("#pending-test")
    person.sees("#pending .stages .failed", "Signed in")
    person.cloud.simulator.instance.access.certificates["next"] = seed.INTEGRATION_USER
    person.press("#pending-test")
    person.sees("#pending [role=status]", "The connection works.")
    has_no_barriers(person)
    person.photograph("pending")
    person.press("#pending-use")
    person.sees("#pending-outcome", "The certificate is in use.")
    person.until(lambda: not person.browser.find_elements(By.CSS_SELECTOR, "#notes .warn"))
    (stored,) = person.api("GET", "connections")["connections"]
    assert (stored["pending"], stored["ends_at"] > made["ends_at"]) == (None, True)
    person.opens("settings#home")
    person.sees("#health", "Not used yet")
    assert not person.find("#connection-notes").is_displayed()


def test_the_next_key_is_stored_and_dropped_by_keyboard(person: "Person") -> None:
    """Its alias is said; without a key there a test says so; dropping asks first."""
    stores(person, **KEYED)
    person.find("#pending summary").send_keys(Keys.ENTER)
    for text in ("second", "another-secret"):
        focused(person).send_keys(Keys.TAB)
        focused(person).send_keys(text)
    focused(person).send_keys(Keys.ENTER)
    person.sees("#pending .notes", "second")
    person.until(lambda: focused(person).get_attribute("id") == "pending-title")
    (stored,) = person.api("GET", "connections")["connections"]
    assert stored["pending"]["signing_key"] in person.find("#pending .notes").text
    for _ in range(2):
        focused(person).send_keys(Keys.TAB)
    focused(person).send_keys(Keys.ENTER)
    person.sees("#pending-outcome.bad", stored["pending"]["signing_key"])
    has_no_barriers(person)
    assert focused(person).get_attribute("id") == "pending-test"
    focused(person).send_keys(Keys.TAB)
    focused(person).send_keys(Keys.ENTER)
    assert focused(person).get_attribute("id") == "confirm-no"
    focused(person).send_keys(Keys.TAB)
    focused(person).send_keys(Keys.ENTER)
    person.sees("#pending-outcome", "The key is dropped.")
    person.until(lambda: focused(person).get_attribute("id") == "pending-title")
    (stored,) = person.api("GET", "connections")["connections"]
    assert (stored["pending"], stored["key_id"]) == (None, "first")


def test_what_is_typed_for_later_is_not_lost(person: "Person") -> None:
    """The API's own words stand at the field; a change elsewhere is said, and nothing is stored."""
    stores(person, **KEYED)
    person.press("#pending summary")
    person.type(**{"pending-key_id": "not a name", "pending-client_secret": "x"})
    person.press("#pending-store")
    person.sees("#pending-key_id-error", "Key ID")
    leave = "return !dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    assert person.browser.execute_script(leave) is True
    elsewhere = {"key_id": "elsewhere", "client_secret": "y"}
    person.api("PUT", "connections/default?pending=true", elsewhere)
    person.type(**{"pending-key_id": "second"})
    person.press("#pending-store")
    person.sees("#pending-outcome.bad", "changed elsewhere")
    (stored,) = person.api("GET", "connections")["connections"]
    assert stored["pending"]["key_id"] == "elsewhere"
