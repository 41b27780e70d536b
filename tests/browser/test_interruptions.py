"""What goes wrong while somebody works: no network, another tab, a session that ends."""

from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.keys import Keys

from local.servicenow import seed
from tests.browser.conftest import has_no_barriers

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.conftest import Person

PASSWORD = seed.USERS[seed.INTEGRATION_USER][0]
LEAVES = "return !dispatchEvent(new Event('beforeunload', {cancelable: true}))"


def value(person: "Person", name: str) -> str:
    """Return what a field holds."""
    return str(person.find(f"[id='{name}']").get_attribute("value"))


def changes_a_rule(person: "Person") -> None:
    """Add a rule to the list."""
    person.press("#rule-new")
    person.write("rule-0-name", "Checkout's team")
    person.write("rule-0-service", "checkout")


@pytest.mark.parametrize(
    ("view", "said", "button", "then"),
    [
        ("connections", "#failure", "#retry", "#form"),
        ("recipes", "#recipes .notice", "#recipes .failure button", "#recipes .empty"),
        ("webhooks", "#webhooks .notice", "#webhooks .failure button", "#webhooks .empty"),
    ],
)
def test_what_cannot_be_read_is_read_again(
    person: "Person", view: str, said: str, button: str, then: str
) -> None:
    """Each view says that the API cannot be reached, and reads again when asked to."""
    person.signs_in("settings#home")
    person.blocks("*/api/servicenow/*")
    person.opens(f"settings#{view}")
    person.sees(said, "cannot be reached")
    has_no_barriers(person)
    person.blocks()
    person.press(button)
    person.until(person.find(then).is_displayed)


def test_a_view_that_is_not_loaded_is_not_left_half(person: "Person") -> None:
    """Its module comes when it is first opened: without network the page says so."""
    person.signs_in("settings#home")
    person.sees("#health", "Not connected")
    person.has_network(is_there=False)
    person.press(".views [href='#rules']")
    person.sees("#not-loaded", "cannot be loaded")
    assert not person.find("#view-rules").is_displayed()
    has_no_barriers(person)
    person.press(".views [href='#home']")
    person.sees("#health", "Not known")
    person.press(".views [href='#rules']")
    person.sees("#not-loaded", "cannot be loaded")
    person.has_network()
    person.press("#not-loaded button")
    person.until(person.find("[id='errors.enabled']").is_displayed)


def test_a_connection_survives_a_lost_network(person: "Person") -> None:
    """Nothing that is typed is lost, not even what is secret, and Save works later."""
    person.signs_in()
    person.types_connection()
    person.has_network(is_there=False)
    for button in ("#test", "#save"):
        person.press(button)
        person.sees("#outcome", "cannot be reached")
        assert value(person, "username") == seed.INTEGRATION_USER
        assert value(person, "password") == PASSWORD
    has_no_barriers(person)
    person.has_network()
    person.press("#save")
    person.sees("#outcome", "Saved.")
    person.has_network(is_there=False)
    person.press("#try-incident")
    person.sees("#try-outcome", "cannot be reached")
    person.has_network()
    person.press("#try-incident")
    person.sees("#try-outcome", "was opened and resolved")


def test_rules_survive_a_lost_network(person: "Person") -> None:
    """A rule that could not be saved is still there, and saved later."""
    person.connects("settings#rules")
    changes_a_rule(person)
    person.has_network(is_there=False)
    person.press("#preview")
    person.sees("#tickets .notice", "cannot be reached")
    person.press("#rules-save")
    person.sees("#rules-outcome", "cannot be reached")
    assert value(person, "rule-0-service") == "checkout"
    assert person.browser.execute_script(LEAVES) is True
    person.has_network()
    person.press("#rules-save")
    person.sees("#rules-outcome", "Saved.")
    assert person.api("GET", "rules")["rules"][0]["match"]["service"] == ["checkout"]


def test_a_recipe_survives_a_lost_network(person: "Person") -> None:
    """What is written stays in the form, and a switch goes back to what holds."""
    person.connects("settings#recipes")
    person.sees("#recipes .empty", "none yet")
    person.write("recipe-name", "speed-tests")
    text = value(person, "recipe-text")
    person.has_network(is_there=False)
    person.press("#recipe-save")
    person.sees("#recipe-outcome", "cannot be reached")
    assert (value(person, "recipe-name"), value(person, "recipe-text")) == ("speed-tests", text)
    switch = person.find("#built-in input")
    person.press("#built-in input")
    person.sees("#built-in-outcome", "cannot be reached")
    assert not switch.is_selected()
    person.has_network()
    person.press("#recipe-save")
    person.sees("#recipe-outcome", "Saved.")


def test_a_webhook_survives_a_lost_network(person: "Person") -> None:
    """Its name stays in the form; what cannot be changed says so, and stays."""
    person.connects("settings#webhooks")
    person.sees("#webhooks .empty", "none yet")
    person.write("webhook-name", "octo/shop")
    person.has_network(is_there=False)
    person.press("#webhook-new")
    person.sees("#webhook-made .bad", "cannot be reached")
    assert value(person, "webhook-name") == "octo/shop"
    person.has_network()
    person.press("#webhook-new")
    person.sees("#webhook-made .good", "Made.")
    person.has_network(is_there=False)
    person.press("#webhooks .actions button")
    person.sees("#webhooks .notice", "cannot be reached")
    person.press("#webhooks .danger")
    person.press("#confirm-yes")
    person.sees("#webhooks h3", "octo/shop")


def test_a_connection_that_another_tab_has_changed(person: "Person") -> None:
    """The tab that saves later is told so, keeps what is typed, and overwrites nothing."""
    person.connects()
    with person.in_another_tab():
        person.signs_in()
        person.types_connection("closer")
        person.press("#save")
        person.sees("#outcome", "Saved.")
    person.types_connection("reader")
    person.press("#save")
    person.sees("#outcome", "changed elsewhere")
    assert value(person, "username") == "reader"
    has_no_barriers(person)
    assert person.api("GET", "connections/default")["username"] == "closer"


def test_rules_that_another_tab_has_changed(person: "Person") -> None:
    """The same of rules: both lists are whole, one in the form and one that is stored."""
    person.connects("settings#rules")
    changes_a_rule(person)
    with person.in_another_tab():
        person.signs_in("settings#rules")
        changes_a_rule(person)
        person.write("rule-0-name", "Another's")
        person.press("#rules-save")
        person.sees("#rules-outcome", "Saved.")
    person.press("#rules-save")
    person.sees("#rules-outcome", "changed elsewhere")
    assert value(person, "rule-0-name") == "Checkout's team"
    assert [rule["name"] for rule in person.api("GET", "rules")["rules"]] == ["Another's"]


def token_ends(person: "Person") -> None:
    """Let the API take the page's token no more."""
    person.browser.execute_script(
        "const session = JSON.parse(sessionStorage['actionsync.session']);"
        "sessionStorage['actionsync.session'] = JSON.stringify({...session, token: 'ended'});"
    )


def time_passes(person: "Person") -> None:
    """Let the session's hour pass."""
    person.browser.execute_script("const now = Date.now; Date.now = () => now() + 2 * 3_600_000;")


def signs_in_again(person: "Person") -> None:
    """Sign in in the small window that the page opens, and come back."""
    main = person.browser.current_window_handle
    before = set(person.browser.window_handles)
    person.press("#sign-in-again")
    person.until(lambda: len(person.browser.window_handles) > len(before))
    (other,) = set(person.browser.window_handles) - before
    person.browser.switch_to.window(other)
    person.fills_sign_in_page()
    person.until(lambda: other not in person.browser.window_handles)
    person.browser.switch_to.window(main)


def test_nothing_typed_is_lost_when_the_token_ends(person: "Person") -> None:
    """After a 401 the person signs in again in a small window; the form keeps what was typed."""
    person.signs_in()
    person.types_connection()
    token_ends(person)
    person.find("#save").send_keys(Keys.ENTER)
    person.until(person.find("#expired").is_displayed)
    person.find("#expired").send_keys(Keys.ESCAPE)
    person.until(person.find("#expired").is_displayed)
    has_no_barriers(person)
    signs_in_again(person)
    person.sees("#outcome", "Saved.")
    person.sees("#state", "Saved")
    person.until(lambda: person.has_focus("#save"))


@pytest.mark.parametrize("ends", [token_ends, time_passes])
def test_rules_survive_the_end_of_a_session(
    person: "Person", ends: "Callable[[Person], None]"
) -> None:
    """Also when the first small window is closed again, and by time: leaving asks all the same."""
    person.connects("settings#rules")
    changes_a_rule(person)
    ends(person)
    assert person.browser.execute_script(LEAVES) is True
    person.press("#rules-save")
    person.until(person.find("#expired").is_displayed)
    main = person.browser.current_window_handle
    person.press("#sign-in-again")
    person.until(lambda: len(person.browser.window_handles) == 2)
    (other,) = set(person.browser.window_handles) - {main}
    person.browser.switch_to.window(other)
    person.browser.close()
    person.browser.switch_to.window(main)
    assert value(person, "rule-0-service") == "checkout"
    signs_in_again(person)
    person.sees("#rules-outcome", "Saved.")
    assert [rule["name"] for rule in person.api("GET", "rules")["rules"]] == ["Checkout's team"]


def test_a_session_that_ended_elsewhere_begins_at_its_view(person: "Person") -> None:
    """Whoever comes back to a tab whose hour has passed signs in, and is where he was."""
    person.signs_in("settings#rules")
    person.browser.execute_script(
        "const session = JSON.parse(sessionStorage['actionsync.session']);"
        "sessionStorage['actionsync.session'] = JSON.stringify({...session, expires: 0});"
    )
    person.opens("settings#rules")
    person.until(person.find("#welcome").is_displayed)
    person.press("#sign-in")
    secret, person.secret = person.secret, "Wrong-1-password"
    person.fills_sign_in_page()
    person.secret = secret
    person.until(lambda: "/login" in person.browser.current_url)
    person.fills_sign_in_page()
    person.until(person.find("[id='errors.enabled']").is_displayed)


def test_a_sign_in_that_was_not_begun_here_is_refused(person: "Person") -> None:
    """A link with somebody else's code signs nobody in, and the page says why."""
    person.opens("settings?code=made-up&state=made-up")
    person.sees("#sign-in-error", "not started here")
    has_no_barriers(person)
    assert not person.browser.execute_script("return sessionStorage.length")
