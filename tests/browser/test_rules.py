"""The Rules view in a real browser: try, save, find again; what is wrong stands at its field."""

import json
from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import has_no_barriers, is_read_from_the_right, layout_shifts

if TYPE_CHECKING:
    from tests.browser.conftest import Person


@pytest.fixture
def connected(person: "Person") -> "Person":
    """A person whose connection works, at the Rules view."""
    person.connects("settings#rules")
    person.find("[id='errors.enabled']")
    return person


def chooses(person: "Person", kind: str) -> None:
    """Choose a kind of event."""
    person.find(f"#kinds input[value={kind}] + span").click()


def unfolds(person: "Person", title: str) -> None:
    """Open a folded group of fields."""
    for summary in person.browser.find_elements(By.CSS_SELECTOR, "#rules-form summary"):
        if summary.text == title:
            person.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", summary)
            summary.click()


def test_rules_are_tried_saved_and_found_again(connected: "Person") -> None:
    """A change shows in the preview before it is saved, and is there after a reload."""
    person = connected
    person.press("#preview")
    person.sees(".ticket h3", "checkout: Payment 4711 failed: timeout")
    person.sees(".ticket .notice", "ServiceNow would take it")
    unfolds(person, "The ticket")
    person.sees("[id='errors.levels.critical.urgency']", "1 - High")
    person.choose("errors.levels.critical.urgency", "2 - Medium")
    person.write("errors.assignment_group", "IT Support")
    unfolds(person, "Texts")
    person.write("errors.short_description", "[{{environment}}] {{title}}")
    person.sees("#ticket-old", "have changed since")
    has_no_barriers(person)
    person.press("#preview")
    person.sees(".ticket h3", "[production] checkout: Payment 4711 failed: timeout")
    assert "IT Support" in person.find(".ticket dl").text
    person.photograph("rules")
    person.press("#rules-save")
    person.sees("#rules-outcome", "Saved.")

    person.browser.refresh()
    unfolds_after_load(person)
    assert person.find("[id='errors.assignment_group']").get_attribute("value") == "IT Support"
    assert person.find("[id='errors.levels.critical.urgency']").get_attribute("value") == "2"
    person.press("#preview")
    person.sees(".ticket h3", "[production] checkout: Payment")


def unfolds_after_load(person: "Person") -> None:
    """Wait for the rules, and open the group of the ticket's fields."""
    person.find("[id='errors.enabled']")
    unfolds(person, "The ticket")


def test_what_servicenow_objects_to_is_seen_before_saving(connected: "Person") -> None:
    """A group that the instance does not have is reported in the preview."""
    unfolds(connected, "The ticket")
    connected.write("errors.assignment_group", "No such group")
    connected.press("#preview")
    connected.sees(".ticket .notice", "assignment_group: no record of sys_user_group")
    has_no_barriers(connected)
    connected.press("#rules-save")
    connected.sees("#rules-outcome.warn", "Saved, but ServiceNow objects to a part of them")
    connected.sees("[id='errors.assignment_group-error']", "no record of sys_user_group")
    has_no_barriers(connected)


def test_a_column_that_the_instance_lacks_is_seen_after_saving(connected: "Person") -> None:
    """The list names a rule's columns, and what was saved all the same is reported at the rule."""
    named = {"name": "By team", "match": {}, "then": {"columns": {"u_team": "{{labels.team}}"}}}
    connected.api("PUT", "rules", {"rules": [named]})
    connected.opens("settings#rules")
    connected.sees("#ordered .hint", "every event → columns u_team")
    unfolds(connected, "The ticket")
    connected.write("errors.category", "software")
    connected.press("#rules-save")
    connected.sees("#rules-outcome.warn", "Saved, but ServiceNow objects to a part of them")
    connected.sees("[id='rules.0-error']", "is no field of incident")


def test_a_wrong_rule_is_reported_at_its_field(connected: "Person") -> None:
    """A text that is no template, on a kind that is not even shown: its field is brought up."""
    unfolds(connected, "Texts")
    connected.write("errors.description", "{{nobody}}")
    chooses(connected, "deployments")
    connected.press("#rules-save")
    connected.sees("[id='errors.description-error']", "no event has")
    connected.sees("#rules-outcome", "marked above")
    active = connected.browser.switch_to.active_element
    assert active.get_attribute("id") == "errors.description"
    has_no_barriers(connected)
    connected.press("#rules-discard")
    connected.until(lambda: not connected.find("#rules-bar").is_displayed())
    assert "{{message}}" in str(connected.find("[id='errors.description']").get_attribute("value"))


def test_each_kind_has_its_ticket(connected: "Person") -> None:
    """The example of each kind becomes a ticket, and the view has no barriers."""
    titles = {
        "alarms": "Alarm checkout-5xx",
        "deployments": "Deploy checkout 2.4.0",
        "meetings": "Renew the certificate",
        "github": "Build",
    }
    for kind, title in titles.items():
        chooses(connected, kind)
        connected.press("#preview")
        connected.sees(".ticket h3", title)
        connected.browser.execute_script(
            "document.querySelectorAll('#rules-form details').forEach((d) => { d.open = true })"
        )
        has_no_barriers(connected)


def adds(person: "Person", name: str, **fields: str) -> None:
    """Add a rule to the list, by its form."""
    person.press("#rule-new")
    at = len(person.browser.find_elements(By.CSS_SELECTOR, "#ordered > li")) - 1
    for field, text in {"name": name, **fields}.items():
        person.write(f"rule-{at}-{field.replace('_', '-')}", text)


def drags(person: "Person", rule: str, place: str) -> None:
    """Drag a rule to the place of another."""
    person.browser.execute_script(
        "arguments[0].scrollIntoView({block: 'center'})", person.find(rule)
    )
    ActionChains(person.browser).drag_and_drop(person.find(rule), person.find(place)).perform()


def order(person: "Person") -> list[str]:
    """Return the names of the rules, in their order."""
    return [
        heading.text for heading in person.browser.find_elements(By.CSS_SELECTOR, "#ordered h3")
    ]


def test_rules_are_ordered_tried_and_saved(connected: "Person") -> None:
    """By buttons and by drag; the preview says which one fired, and why an earlier one did not."""
    person = connected
    adds(person, "Staging is quiet", environment="staging*, test")
    person.find("#ordered .rule-form .check.strong input").click()
    adds(person, "Checkout's team", service="checkout")
    person.write("rule-1-then-assignment_group", "sup")
    person.sees("[id='rule-1-then-assignment_group-options'] li", "IT Support")
    group = person.browser.switch_to.active_element
    assert group.get_attribute("aria-expanded") == "true"
    options = person.find("[id='rule-1-then-assignment_group-options']").text.splitlines()
    group.send_keys(*[Keys.ARROW_DOWN] * (1 + options.index("IT Support")))
    has_no_barriers(person)
    group.send_keys(Keys.ENTER)
    assert group.get_attribute("value") == "IT Support"
    assert group.get_attribute("aria-expanded") == "false"
    person.press("#replay")
    person.sees("#replayed", "no event of the last seven days")
    person.press("#preview")
    person.sees("#tickets .hint", "By the rule Checkout's team")
    person.sees("#tickets .hint", "Not by Staging is quiet")
    has_no_barriers(person)
    person.photograph("ordered")

    person.find("#ordered > li:nth-child(2) [aria-label^='Move up']").send_keys(Keys.ENTER)
    assert order(person) == ["Checkout's team", "Staging is quiet"]
    person.sees("#ordered-status", "")
    assert "rule 1 of 2" in str(person.find("#ordered-status").get_attribute("textContent"))
    person.press("#ordered > li:nth-child(1) [aria-label^='Close']")
    drags(person, "#ordered > li:nth-child(2)", "#ordered > li:nth-child(1)")
    person.until(lambda: order(person) == ["Staging is quiet", "Checkout's team"])

    person.press("#rules-save")
    person.sees("#rules-outcome", "Saved.")
    saved = person.api("GET", "rules")["rules"]
    assert [rule["name"] for rule in saved] == ["Staging is quiet", "Checkout's team"]
    assert saved[0]["then"] == "ignore"
    assert saved[0]["match"]["environment"] == ["staging*", "test"]
    person.browser.refresh()
    person.until(lambda: order(person) == ["Staging is quiet", "Checkout's team"])

    person.press("#ordered > li:nth-child(2) [aria-label^='Edit']")
    person.write("rule-1-name", "Staging is quiet")
    person.press("#rules-save")
    person.sees("#rules-outcome, #ordered .error", "Staging is quiet")


def test_as_many_rules_as_there_may_be_are_worked_with(person: "Person") -> None:
    """Two hundred: the last one is moved up by keyboard and by drag, and all are saved."""
    names = [f"Rule {number}" for number in range(1, 201)]
    then = {"category": "software"}
    rules = [{"name": name, "match": {"service": [name]}, "then": then} for name in names]
    person.api("PUT", "rules", {"rules": rules})
    person.signs_in("settings#rules")
    person.until(lambda: order(person) == names)
    up = person.find("#ordered > li:last-child [aria-label^='Move up']")
    up.send_keys(Keys.ENTER)
    for _ in range(3):  # the focus goes with the rule
        person.browser.switch_to.active_element.send_keys(Keys.ENTER)
    drags(person, "#ordered > li:nth-child(200)", "#ordered > li:nth-child(197)")
    moved = [*names[:195], "Rule 200", "Rule 199", *names[195:198]]
    assert order(person) == moved
    person.press("#rules-save")
    person.sees("#rules-outcome", "Saved.")
    assert [rule["name"] for rule in person.api("GET", "rules")["rules"]] == moved


def test_nothing_jumps_while_a_slow_api_answers(person: "Person") -> None:
    """With an API that takes long for each answer, the layout does not shift at all."""
    person.signs_in()
    person.has_network(delay=300)
    for device in ("phone", "desktop"):
        person.holds(device)
        assert layout_shifts(person, "settings#rules", "[id='errors.enabled']") == []


def test_a_failing_api_is_reported_and_tried_again(connected: "Person") -> None:
    """Without rules there is no form, but a button that tries again."""
    connected.blocks("*/api/servicenow/rules*")
    connected.browser.refresh()
    connected.sees("#rules-failed .notice", "cannot be reached")
    has_no_barriers(connected)
    connected.blocks()
    connected.press("#rules-failed button")
    connected.find("[id='errors.enabled']")


def test_a_rule_searches_the_instance_of_its_connection(connected: "Person") -> None:
    """What a rule may name is what the instance has to which its tickets go."""
    person = connected
    wrong = {
        "name": "broken", "instance_url": person.cloud.simulator.url,
        "username": "closer", "password": "wrong",
    }  # fmt: skip
    person.api("POST", "connections", wrong)
    person.opens("settings#rules")
    person.press("#rule-new")
    list_of = "[id='rule-0-then-assignment_group-options']"
    person.choose("rule-0-then-connection", "broken")
    person.write("rule-0-then-assignment_group", "IT Sup")
    status = person.find(f"{list_of} ~ [role=status]")
    person.until(lambda: "cannot be searched" in str(status.get_attribute("textContent")))
    person.choose("rule-0-then-connection", "As the event says")
    person.write("rule-0-then-assignment_group", "IT Sup")
    person.sees(f"{list_of} li", "IT Support")


def test_a_ticket_in_arabic_is_whole_in_its_preview(connected: "Person") -> None:
    """Title, description and a rule's name begin at the right, with all their letters."""
    person = connected
    said = "تعذر الدفع: رقم Payment 4711 انتهت المهلة!"
    adds(person, "قاعدة المتجر", service="متجر")
    unfolds_example(person, {"service": "متجر", "severity": "critical", "message": said})
    person.press("#preview")
    person.sees(".ticket h3", said)
    for selector in (".ticket h3", ".ticket .text", "#tickets .hint bdi", "#ordered h3 bdi"):
        assert is_read_from_the_right(person, person.find(selector)), selector
    person.sees(".ticket .text", said)
    person.sees("#tickets .hint", "By the rule قاعدة المتجر")
    has_no_barriers(person)


def unfolds_example(person: "Person", event: dict[str, str]) -> None:
    """Have another event as the example."""
    person.press("#example summary")
    person.write("example-event", json.dumps(event, ensure_ascii=False))
