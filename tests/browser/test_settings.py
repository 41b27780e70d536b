"""The Settings page in a real browser: sign in, test, save, change, delete; what goes wrong."""

from typing import TYPE_CHECKING

import pytest

from local.servicenow import faults, seed
from local.servicenow.server import CONTAINERS_HOST
from tests.browser.conftest import has_no_barriers

if TYPE_CHECKING:
    from tests.browser.conftest import Person


def test_a_person_connects_servicenow(person: "Person") -> None:
    """From the first look to a stored connection: tested, saved, there again."""
    person.opens("settings")
    person.until(person.find("#welcome").is_displayed)
    has_no_barriers(person)
    person.photograph("welcome")
    person.signs_in_with_password()
    has_no_barriers(person)

    person.types_connection()
    person.press("#test")
    person.sees("#report-summary", "The connection works.")
    assert person.browser.execute_script("return document.querySelectorAll('.passed').length") == 5
    has_no_barriers(person)
    person.press("#save")
    person.sees("#outcome", "Saved.")
    person.photograph("connected")

    person.opens("settings#connections")
    person.sees("#state", "Saved")
    assert person.find("#instance_url").get_attribute("value") == person.cloud.simulator.url
    assert person.find("#username").get_attribute("value") == seed.INTEGRATION_USER
    assert person.find("#password").get_attribute("value") == ""
    assert seed.USERS[seed.INTEGRATION_USER][0] not in person.browser.page_source


@pytest.mark.parametrize(
    ("instead", "stage", "words"),
    [
        ({"password": "wrong"}, ".failed", "User Not Authenticated"),
        (
            {"username": "reader", "password": seed.USERS["reader"][0]},
            ".unknown",
            "sn_incident_write",
        ),
    ],
)
def test_what_does_not_work_is_reported(
    person: "Person", instead: dict[str, str], stage: str, words: str
) -> None:
    """A wrong password and a missing role: the stage, ServiceNow's words, and what to do."""
    person.signs_in()
    person.types_connection(**instead)
    person.press("#test")
    person.sees(f".stages {stage}", words)
    if "password" in instead and "username" not in instead:
        person.sees(".stages .failed", "Check the user name and the password")
        has_no_barriers(person)
        person.photograph("wrong-password")


def test_a_report_never_outlives_what_it_tested(person: "Person") -> None:
    """A change takes the report away; what is saved is tested, also where it does not work."""
    person.signs_in()
    person.types_connection()
    person.press("#test")
    person.sees("#report-summary", "The connection works.")
    assert person.browser.switch_to.active_element.get_attribute("id") == "report-title"
    person.type(password="wrong")
    person.sees("#report-summary", "Changed since the test")
    assert person.browser.execute_script("return document.querySelectorAll('.passed').length") == 0
    person.press("#save")
    person.sees("#outcome", "Saved, but it does not work yet")
    person.sees(".stages .failed", "User Not Authenticated")
    has_no_barriers(person)


def test_what_could_not_be_checked_is_said_first(person: "Person") -> None:
    """Of a user without any role nothing is promised."""
    person.signs_in()
    person.types_connection("nobody")
    person.press("#test")
    person.sees("#report-summary", "Signed in. What could not be checked: read incidents, write")


def test_a_pasted_address_becomes_its_host(person: "Person") -> None:
    """People paste the address of a page of theirs, with blanks around it."""
    person.signs_in()
    url = person.cloud.simulator.url
    person.types_connection(
        instance_url=f" {url}/now/nav/ui/classic/params/target/incident_list.do "
    )
    person.press("#username")
    assert person.find("#instance_url").get_attribute("value") == url


def test_what_comes_next_is_shown(person: "Person") -> None:
    """A test incident is opened and resolved; what the instance allows, and where to go on."""
    person.signs_in()
    person.types_connection()
    assert not person.find("#next").is_displayed()
    person.press("#save")
    person.sees("#outcome", "Saved.")
    person.press("#capabilities summary")
    person.sees("#capabilities-list", "The user can open incidents and changes.")
    person.sees("#next a", "Decide what becomes a ticket")
    person.press("#try-incident")
    person.sees("#try-outcome", "was opened and resolved")
    number = person.find("#try-outcome a").text
    assert person.cloud.simulator.one("incident", number=number)["state"] == "6"
    has_no_barriers(person)
    person.photograph("connected-and-tried")


def test_a_host_that_does_not_exist_is_reported(person: "Person") -> None:
    """A name that no name server knows: not reachable, and nothing after it is tried."""
    person.signs_in()
    # It is on the stack's list, for containers; outside of them nothing has this name.
    wrong = person.cloud.simulator.url.replace("localhost", CONTAINERS_HOST)
    person.types_connection(instance_url=wrong)
    person.press("#test")
    person.sees(".stages .failed h3", "Instance reachable")
    person.sees(".stages .skipped h3", "Signed in")
    assert person.find("#instance_url").get_attribute("value") == wrong
    has_no_barriers(person)


def test_a_hibernating_instance_is_reported(person: "Person") -> None:
    """An instance that sleeps is not reachable, and the page says how to wake it."""
    person.signs_in()
    person.types_connection()
    person.cloud.simulator.faults.add(faults.hibernating(times=None))
    person.press("#test")
    person.sees(".stages .failed", "Instance reachable")
    person.sees(".stages .failed", "wake it at developer.servicenow.com")


def test_errors_stand_beside_their_field(person: "Person") -> None:
    """What is missing, or not allowed, is reported at its field, which gets the focus."""
    person.signs_in()
    person.press("#save")
    for name in ("instance_url", "username", "password"):
        person.sees(f"#{name}-error", "is missing")
    assert person.browser.switch_to.active_element.get_attribute("id") == "instance_url"
    person.types_connection(instance_url="https://evil.example.com")
    person.press("#save")
    person.sees("#instance_url-error", "must name an allowed host")
    assert person.find("#instance_url").get_attribute("aria-invalid") == "true"
    has_no_barriers(person)


def test_a_stored_connection_is_changed_and_deleted(person: "Person") -> None:
    """Another user needs a password; deleting asks first, and leaves nothing."""
    person.connects()

    person.type(username="closer")
    person.sees("#state", "Unsaved changes")
    person.press("#save")
    person.sees("#password-error", "is needed again")
    person.type(password=seed.USERS["closer"][0])
    person.press("#save")
    person.sees("#outcome", "Saved.")

    person.press("#delete")
    person.until(person.find("#confirm").is_displayed)
    has_no_barriers(person)
    assert person.browser.switch_to.active_element.get_attribute("id") == "confirm-no"
    person.press("#confirm-no")
    person.sees("#state", "Saved")
    person.press("#delete")
    person.press("#confirm-yes")
    person.sees("#outcome", "deleted")
    person.sees("#state", "Not connected")
    person.opens("settings#connections")
    person.sees("#state", "Not connected")


def test_leaving_unsaved_changes_asks(person: "Person") -> None:
    """The page objects to being left while something typed is not saved, and only then."""
    leave = "return !dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    person.signs_in()
    assert person.browser.execute_script(leave) is False
    person.type(username="half")
    assert person.browser.execute_script(leave) is True
    person.types_connection()
    person.press("#save")
    person.sees("#outcome", "Saved.")
    assert person.browser.execute_script(leave) is False


def test_signing_out_ends_the_session(person: "Person") -> None:
    """After signing out nothing is left in the tab."""
    person.signs_in()
    person.press("#sign-out")
    person.until(lambda: person.find("#welcome").is_displayed())
    assert not person.browser.execute_script("return sessionStorage.length")


def test_the_page_is_small_and_keeps_to_itself(person: "Person") -> None:
    """Under 40 KB as sent, nothing from elsewhere, strict headers, and nothing to complain of."""
    person.signs_in()
    loaded = person.browser.execute_script(
        "return performance.getEntriesByType('resource')"
        ".concat(performance.getEntriesByType('navigation'))"
        ".filter((e) => !e.name.includes('/api/') && !e.name.includes('/oauth2/'))"
        ".map((e) => [e.name, e.encodedBodySize])"
    )
    assert all(name.startswith(person.cloud.front.url) for name, _ in loaded)
    assert 0 < sum(size for _, size in loaded) < 40_000
    with person.cloud.http() as http:
        headers = http.get("/settings").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["strict-transport-security"]
    said = [entry["message"] for entry in _console(person)]
    assert not [text for text in said if "Content Security Policy" in text], said
    # A file that is missing, such as an icon; that there is no connection yet is the API's answer.
    assert not [text for text in said if "404" in text and "/api/" not in text], said


def test_the_reference_lets_one_try_a_call(person: "Person") -> None:
    """Signed in, a call of the reference is sent with the person's token."""
    person.signs_in()
    person.opens("docs")
    person.press("#get_config > summary")
    person.press("#get_config button")
    person.sees("#get_config pre[role=status]", "404")
    has_no_barriers(person)
    person.photograph("docs")


def _console(person: "Person") -> list[dict[str, str]]:
    entries: list[dict[str, str]] = person.browser.get_log("browser")  # type: ignore[no-untyped-call]
    return entries
