"""Each way to sign in to ServiceNow, chosen and used on the Settings page."""

from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.support.select import Select

from local.servicenow import seed
from local.servicenow.access import Application
from tests.browser.conftest import has_no_barriers

if TYPE_CHECKING:
    from tests.browser.conftest import Person

USER = seed.INTEGRATION_USER
PASSWORD = seed.USERS[USER][0]
CLIENT = {"client_id": "page", "client_secret": "a-page-secret"}
FIELDS: dict[str, dict[str, str]] = {
    "oauth_client_credentials": CLIENT,
    "oauth_password": {"username": USER, "password": PASSWORD, **CLIENT},
    "oauth_refresh_token": {**CLIENT, "refresh_token": "a-page-token"},
    "api_key": {"api_key": "a-page-key"},
}
SECRETS = {"password", "client_secret", "refresh_token", "api_key"}


@pytest.fixture
def somebody(person: "Person") -> "Person":
    """A person whose instance takes every way to sign in."""
    instance = person.cloud.simulator.instance
    instance.add_application(Application("page", "a-page-secret", USER))
    instance.access.refresh_tokens["a-page-token"] = USER
    instance.access.api_keys["a-page-key"] = USER
    return person


def choose(person: "Person", method: str) -> None:
    """Choose a way to sign in."""
    Select(person.find("#auth_method")).select_by_value(method)


def shown(person: "Person") -> set[str]:
    """Return the fields that can be seen, besides the URL and the choice itself."""
    names = ("username", "client_id", *SECRETS)
    return {name for name in names if person.find(f"#{name}").is_displayed()}


@pytest.mark.parametrize("method", FIELDS)
def test_a_person_signs_in_another_way(somebody: "Person", method: str) -> None:
    """Just its fields; a wrong secret is reported; a right one is saved, and never shown again."""
    fields = FIELDS[method]
    somebody.signs_in()
    choose(somebody, method)
    assert shown(somebody) == set(fields)
    somebody.press("#save")
    for name in fields:
        somebody.sees(f"#{name}-error", "is missing")
    wrong = next(name for name in fields if name in SECRETS)
    somebody.type(instance_url=somebody.cloud.simulator.url, **{**fields, wrong: "wrong"})
    somebody.press("#test")
    said = "User Not Authenticated" if method == "api_key" else "access_denied"
    somebody.sees(".stages .failed", said)
    somebody.type(**{wrong: fields[wrong]})
    somebody.press("#test")
    somebody.sees("#report-summary", "The connection works.")
    if method == "oauth_password":
        has_no_barriers(somebody)
        somebody.photograph("oauth")
    somebody.press("#save")
    somebody.sees("#outcome", "Saved.")

    somebody.opens("settings#connections")
    somebody.sees("#state", "Saved")
    assert Select(somebody.find("#auth_method")).first_selected_option.get_attribute("value") == (
        method
    )
    for name in fields:
        stored = "" if name in SECRETS else fields[name]
        assert somebody.find(f"#{name}").get_attribute("value") == stored
    somebody.press("#test")
    somebody.sees("#report-summary", "The connection works.")


def test_another_way_needs_all_of_its_secrets(somebody: "Person") -> None:
    """From a password to OAuth: nothing stored serves, and the way back is as it was."""
    somebody.signs_in()
    somebody.types_connection()
    somebody.press("#save")
    somebody.sees("#outcome", "Saved.")
    choose(somebody, "oauth_password")
    somebody.sees("#state", "Unsaved changes")
    somebody.type(client_id="page")
    somebody.press("#save")
    somebody.sees("#password-error", "is needed again")
    somebody.sees("#client_secret-error", "is needed again")
    somebody.press("#discard")
    somebody.sees("#state", "Saved")
    assert shown(somebody) == {"username", "password"}
    choose(somebody, "oauth_password")
    somebody.type(**FIELDS["oauth_password"])
    somebody.press("#save")
    somebody.sees("#outcome", "Saved.")
    somebody.press("#test")
    somebody.sees("#report-summary", "The connection works.")
