"""Where notices go, set on the Home view in a real browser."""

from typing import TYPE_CHECKING

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import has_no_barriers

if TYPE_CHECKING:
    from tests.browser.conftest import Person


def unconfirmed(person: "Person", email: str) -> None:
    """Let nobody have confirmed an address, which the local SNS takes for confirmed at once."""
    sns = person.cloud.client("sns")
    pages = sns.get_paginator("list_subscriptions").paginate()
    (subscription,) = [
        each for page in pages for each in page["Subscriptions"] if each["Endpoint"] == email
    ]
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])


def test_an_address_from_its_setting_to_its_removal(person: "Person") -> None:
    """None at first; a wrong one is refused; what nobody has confirmed is asked again."""
    person.signs_in()
    person.opens("settings#home")
    person.sees("#notices .badge", "Off")
    person.press("#notices-save")
    person.sees("#notices-email-error", "is missing")
    person.type(**{"notices-email": "ada at example"})
    person.press("#notices-save")
    person.sees("#notices-email-error", "must be plain")
    assert person.browser.switch_to.active_element.get_attribute("id") == "notices-email"
    has_no_barriers(person)
    person.type(**{"notices-email": "ada@example"})
    person.press("#notices-save")
    person.sees("#notices-email-error", "must be plain")

    field = person.find("#notices-email")
    field.clear()
    field.send_keys(person.email, Keys.ENTER)
    person.sees("#notices .good", "Saved.")
    person.sees("#notices .badge", "On")
    assert person.api("GET", "notices") == {"email": person.email, "is_confirmed": True}
    has_no_barriers(person)
    person.photograph("notices")

    unconfirmed(person, person.email)
    person.opens("settings#home")
    person.sees("#notices .badge", "Not confirmed yet")
    has_no_barriers(person)
    person.photograph("notices-unconfirmed")
    person.press("#notices-again")
    person.sees("#notices .badge", "On")

    person.press("#notices-remove")
    person.sees("#notices .badge", "Off")
    assert person.api("GET", "notices")["email"] is None


def test_what_cannot_be_set_is_said(person: "Person") -> None:
    """An address that is another's; an API that cannot be reached, which is tried again."""
    with person.cloud.http(person.cloud.sign_in(f"other-{person.email}")) as other:
        body = {"email": f"shared-{person.email}"}
        assert other.put("/api/servicenow/notices", json=body).is_success
    person.signs_in()
    person.blocks("*/api/servicenow/notices*")
    person.opens("settings#home")
    person.sees("#notices .notice", "Where notices go cannot be read")
    has_no_barriers(person)
    person.blocks()
    person.press("#notices button")
    person.type(**{"notices-email": body["email"]})
    person.press("#notices-save")
    person.sees("#notices .bad", "Another user has named this address")
    assert person.find("#notices-email").get_attribute("value") == body["email"]
    assert not person.browser.find_elements(By.CSS_SELECTOR, "#notices-remove")
