"""A person's sign-in to ServiceNow in a browser, for a connection that goes by it from then on."""

from contextlib import suppress
from typing import TYPE_CHECKING

from selenium.common.exceptions import WebDriverException

from local.servicenow import seed
from local.servicenow.access import Application
from tests.browser.conftest import has_no_barriers

if TYPE_CHECKING:
    from tests.browser.conftest import Person

USER = seed.INTEGRATION_USER


def comes_back(person: "Person", url: str) -> None:
    """Open a page of the instance, sign in there if it asks, and follow it back to ours."""
    person.browser.execute_cdp_cmd("Security.setIgnoreCertificateErrors", {"ignore": True})
    # Here the product is served without TLS, which no redirect URL may be: nothing answers there.
    with suppress(WebDriverException):
        person.browser.get(url)
    if "login.do" in person.browser.current_url:
        person.find("#user_name").send_keys(USER)
        person.find("#user_password").send_keys(seed.USERS[USER][0])
        person.press("form button")
    person.until(lambda: "/sign-in?" in person.browser.current_url)
    person.opens(f"sign-in?{person.browser.current_url.partition('?')[2]}")


def test_a_person_signs_in_for_a_connection(person: "Person") -> None:
    """On a desktop and on a phone: the page says as whom; a state that is used up is refused."""
    simulator = person.cloud.simulator
    person.signs_in()
    connection = {
        "name": "person",
        "instance_url": simulator.url,
        "auth_method": "oauth_authorization_code",
        "client_id": "page",
        "client_secret": "a-page-secret",
    }
    person.api("POST", "connections", connection)
    for device in ("desktop", "phone"):
        begun = person.api("GET", "connections/person/sign-in")
        page = begun["redirect_uri"]
        simulator.instance.add_application(
            Application("page", "a-page-secret", redirect_urls=(page,))
        )
        person.holds(device)
        comes_back(person, begun["url"])
        person.sees("#said", f"The connection person goes by {USER} from now on.")
        assert "code=" not in person.browser.current_url
        width = "document.documentElement.scrollWidth <= innerWidth"
        assert person.browser.execute_script(f"return {width}")
    has_no_barriers(person)
    found = person.api("GET", "incidents?limit=1&connection=person")
    assert found["incidents"]
    assert simulator.requests[-1].user == USER
    person.opens("sign-in?code=made-up&state=made-up.person")
    person.sees("#said", "begin again")
