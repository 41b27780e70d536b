"""The Recipes view in a real browser: written, tried, saved, changed, removed; built-in ones."""

from typing import TYPE_CHECKING

from tests.browser.conftest import has_no_barriers

if TYPE_CHECKING:
    from tests.browser.conftest import Person


def test_a_recipe_from_its_example_to_its_end(person: "Person") -> None:
    """The example is previewed and saved; what is wrong is said beside its field."""
    person.connects("settings#recipes")
    person.sees("#recipes .empty", "none yet")
    person.press("#recipe-preview")
    person.sees("#recipe-tickets h3", "/cart is slow")
    person.write("recipe-name", "speed-tests")
    whole = str(person.find("#recipe-text").get_attribute("value"))
    person.write("recipe-text", "{")
    person.press("#recipe-save")
    person.sees("#recipe-text-error", "is no JSON")
    person.browser.execute_script(
        "arguments[0].value = arguments[1]",
        person.find("#recipe-text"),
        whole.replace("detail.page", "a | b"),
    )
    person.press("#recipe-save")
    person.sees("#recipe-text-error", "forms.0.key.0")
    person.browser.execute_script(
        "arguments[0].value = arguments[1]", person.find("#recipe-text"), whole
    )
    person.press("#recipe-save")
    person.sees("#recipe-outcome", "make one ticket")
    person.sees("#recipes h3", "speed-tests")
    has_no_barriers(person)
    person.photograph("recipes")
    assert [each["name"] for each in person.api("GET", "recipes")["recipes"]] == ["speed-tests"]

    person.press("#recipe-new")
    person.write("recipe-name", "speed-tests")
    person.press("#recipe-save")
    person.sees("#recipe-outcome", "a recipe of this name already")

    person.write("built-in-filter", "guardduty")
    person.press("#built-in input")
    person.sees("#built-in-outcome", "Saved.")
    assert person.api("GET", "rules")["sources"]["guardduty"]["enabled"] is True

    person.press("#recipes .danger")
    person.press("#confirm-yes")
    person.sees("#recipes .empty", "none yet")
