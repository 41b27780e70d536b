"""A whole session by keyboard alone, in a window at a zoom of 200 %."""

from typing import TYPE_CHECKING

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from tests.browser.conftest import ZOOMED, happens

if TYPE_CHECKING:
    from tests.browser.conftest import Person

# Of what has the focus: why it cannot be seen, or nothing.
_UNSEEN = """
const at = document.activeElement;
if (at === document.body) return "nothing has the focus";
const said = (why) => `${at.outerHTML.slice(0, 150)} ${why}`;
// A choice that looks like a button shows the focus of the field that it hides.
const shown = at.matches(".segments input") ? at.nextElementSibling : at;
const {outlineStyle, outlineWidth} = getComputedStyle(shown);
if (outlineStyle === "none" || parseFloat(outlineWidth) < 1) return said("has no outline");
const box = shown.getBoundingClientRect();
const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
if (left >= right || top >= bottom) return said("is outside of the window");
const over = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
const isCovered = !shown.contains(over) && !over.contains(shown);
if (isCovered) return said(`is below ${over.outerHTML.slice(0, 150)}`);
return "";
"""


class Keyboard:
    """A person's keyboard, and nothing else.

    Args:
        person: whose it is.
    """

    def __init__(self, person: "Person") -> None:
        self._person = person

    def strikes(self, *keys: str) -> None:
        """Strike keys, one after the other."""
        ActionChains(self._person.browser, duration=0).send_keys(*keys).perform()

    def holds(self, key: str, *keys: str) -> None:
        """Strike keys while another is held."""
        chain = ActionChains(self._person.browser, duration=0).key_down(key)
        chain.send_keys(*keys).key_up(key).perform()

    def writes(self, text: str) -> None:
        """Write over what is in the field."""
        self.holds(Keys.CONTROL, "a")
        self.strikes(text)

    def sees_focus(self) -> None:
        """Hold what has the focus against what a person must see of it."""
        assert self._person.browser.execute_script(_UNSEEN) == ""

    def comes_to(self, selector: str) -> None:
        """Wait until the page itself has given the focus to an element."""
        self._person.until(lambda: self._person.has_focus(selector))
        self.sees_focus()

    def goes_to(self, selector: str, *, back: bool = False) -> None:
        """Go from stop to stop, each of which can be seen, until an element is reached."""
        self._person.until(lambda: self._person.find(selector).is_displayed())
        for _ in range(120):
            self.holds(Keys.SHIFT, Keys.TAB) if back else self.strikes(Keys.TAB)
            self.sees_focus()
            if self._person.has_focus(selector):
                return
        raise AssertionError(f"No {selector} within 120 stops")

    def presses(self, selector: str, *, back: bool = False) -> None:
        """Go to a button or link, and press it."""
        self.goes_to(selector, back=back)
        self.strikes(Keys.ENTER)

    def chooses(self, selector: str, label: str) -> None:
        """Go to a list of options, and down to the one that says this."""
        self.goes_to(selector)
        field = Select(self._person.find(selector))
        self._person.until(lambda: label in [option.text for option in field.options])
        place = [option.text for option in field.options].index(label)
        self.strikes(Keys.HOME, *[Keys.ARROW_DOWN] * place)
        assert field.first_selected_option.text == label

    def signs_in(self) -> None:
        """Give name and password on the issuer's page, which is not ours."""
        person = self._person
        person.find("input[name=password]")
        for name, text in (("username", person.email), ("password", person.secret)):
            while not person.has_focus(f"input[name={name}]"):
                self.strikes(Keys.TAB)
            self.strikes(text)
        self.strikes(Keys.ENTER)


def connects(person: "Person", keyboard: Keyboard) -> None:
    """Test a connection, save it, and send a test incident."""
    keyboard.presses("#first-steps a[href='#connections']")
    keyboard.comes_to("h1")
    for name, text in person.connection().items():
        keyboard.goes_to(f"#{name}")
        keyboard.strikes(text)
    keyboard.presses("#test")
    person.sees("#report-summary", "The connection works.")
    keyboard.comes_to("#report-title")
    keyboard.presses("#save", back=True)
    person.sees("#outcome", "Saved.")
    keyboard.comes_to("#save")
    keyboard.presses("#try-incident")
    person.sees("#try-outcome", "was opened and resolved")
    keyboard.comes_to("#try-incident")


def makes_a_rule(person: "Person", keyboard: Keyboard) -> None:
    """Add a rule with a group of the instance, look at its preview, and save it."""
    keyboard.presses("#next a[href='#rules']")
    keyboard.comes_to("h1")
    keyboard.presses("#rule-new")
    keyboard.comes_to("[id='rule-0-name']")
    keyboard.writes("Checkout")
    keyboard.goes_to("[id='rule-0-service']")
    keyboard.strikes("checkout")
    keyboard.goes_to("[id='rule-0-then-assignment_group']")
    keyboard.strikes("sup")
    person.sees("[id='rule-0-then-assignment_group-options'] li", "IT Support")
    group = person.find("[id='rule-0-then-assignment_group']")
    options = person.find("[id='rule-0-then-assignment_group-options']").text.splitlines()
    keyboard.strikes(*[Keys.ARROW_DOWN] * (1 + options.index("IT Support")), Keys.ENTER)
    assert group.get_attribute("value") == "IT Support"
    keyboard.presses("#preview")
    person.sees("#tickets .hint", "By the rule Checkout")
    keyboard.comes_to("#preview")
    keyboard.presses("#rules-save")
    person.sees("#rules-outcome", "Saved.")
    keyboard.comes_to("#rules-outcome")
    (saved,) = person.api("GET", "rules")["rules"]
    assert (saved["name"], saved["then"]["assignment_group"]) == ("Checkout", "IT Support")


def makes_a_webhook(person: "Person", keyboard: Keyboard) -> None:
    """Make a webhook, let it make tickets, look at its deliveries, and remove it."""
    keyboard.presses(".views [href='#webhooks']", back=True)
    keyboard.comes_to("h1")
    keyboard.chooses("#webhook-source", "Prometheus Alertmanager")
    keyboard.goes_to("#webhook-name")
    keyboard.strikes("eu")
    keyboard.goes_to("#webhook-dry-run")
    keyboard.strikes(Keys.SPACE)
    keyboard.presses("#webhook-new")
    keyboard.comes_to("#webhook-made .good")
    person.sees("#webhooks h3", "Prometheus Alertmanager: eu")
    keyboard.presses("[aria-label^='Let it make tickets']", back=True)
    keyboard.comes_to("[aria-label^='Dry run']")
    keyboard.goes_to("#webhooks summary")
    keyboard.strikes(Keys.ENTER)
    person.sees("#webhooks details", "Nothing has come")
    keyboard.presses("#webhooks .danger", back=True)
    keyboard.comes_to("#confirm-no")
    keyboard.presses("#confirm-yes")
    person.sees("#webhooks .empty", "none yet")
    keyboard.comes_to("#webhooks-title")


def sees_to_failed_events(person: "Person", keyboard: Keyboard) -> None:
    """Discard one, and retry the other."""
    keyboard.presses(".views [href='#home']", back=True)
    keyboard.comes_to("h1")
    # What Home showed before there was a connection is gone once it is up to date.
    person.until(lambda: not person.find("#first-steps").is_displayed())
    person.until(lambda: len(person.browser.find_elements(By.CSS_SELECTOR, "[data-verb]")) == 6)
    keyboard.presses("#unfinished-list [data-verb=discard]")
    person.sees("#unfinished-outcome", "1 discarded.")
    keyboard.comes_to("#unfinished-list [data-verb=discard]")
    keyboard.presses("#unfinished-list [data-verb=retry]", back=True)
    person.sees("#unfinished-outcome", "1 will be tried again")
    keyboard.comes_to("#unfinished [data-verb=retry], #unfinished-outcome")


def reads_activity(person: "Person", keyboard: Keyboard) -> None:
    """Filter the list, and open what is recorded of an entry."""
    keyboard.presses(".views [href='#activity']", back=True)
    keyboard.comes_to("h1")
    keyboard.chooses("#filter-outcome", "Done")
    person.until(lambda: not person.browser.find_elements(By.CSS_SELECTOR, "#records .failed"))
    keyboard.goes_to("#records summary")
    keyboard.strikes(Keys.ENTER)
    person.sees("#records dd", "")
    assert person.find("#records details").get_attribute("open")


def test_a_whole_session_by_keyboard_alone(person: "Person") -> None:
    """From sign-in to sign-out; the focus can be seen at each stop, and is never lost."""
    for _ in range(2):
        happens(person, service=None)
    keyboard = Keyboard(person)
    person.looks(*ZOOMED, "light")
    person.opens("settings")
    keyboard.presses("#sign-in")
    keyboard.signs_in()
    person.sees("#email", person.email)

    connects(person, keyboard)
    makes_a_rule(person, keyboard)
    makes_a_webhook(person, keyboard)
    sees_to_failed_events(person, keyboard)
    reads_activity(person, keyboard)

    keyboard.presses("#sign-out", back=True)
    person.until(lambda: person.find("#welcome").is_displayed())
    assert not person.browser.execute_script("return sessionStorage.length")
