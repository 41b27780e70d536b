"""A real Chromium on the deployed product, signed in as a person signs in."""

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from local.cloud import token_claims
from local.servicenow import seed
from tests.needs import chromium
from tests.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selenium.webdriver.remote.webelement import WebElement

    from local.cloud import LocalCloud

# Where a run leaves its pictures; `make images` puts those into docs/images that are shown there.
IMAGES = ROOT / ".local/images"
PHONE, DESKTOP = (390, 844), (1280, 900)
# A desktop's window at a zoom of 200 %.
ZOOMED = (640, 450)
_WAIT_SECONDS = 30
_LONGEST_PICTURE = 1700


@dataclass
class Person:
    """A person at the browser, who finds things by what the page calls them.

    Attributes:
        browser: the browser.
        cloud: the product.
        email: who the person is.
        secret: the password of the product's sign-in page.
    """

    browser: Chrome
    cloud: "LocalCloud"
    email: str
    secret: str

    def find(self, selector: str) -> "WebElement":
        """Return the element, as soon as it is there."""
        found: list[WebElement] = self.until(
            lambda: self.browser.find_elements(By.CSS_SELECTOR, selector)
        )
        return found[0]

    def until(self, met: "Callable[[], Any]") -> Any:
        """Wait until something holds, and return it."""
        # What is replaced while it is looked at is looked for again.
        wait = WebDriverWait(self.browser, _WAIT_SECONDS, 0.05, [StaleElementReferenceException])
        return wait.until(lambda _: met())

    def press(self, selector: str) -> None:
        """Press a button that can be seen and pressed."""
        button = self.find(selector)
        self.until(lambda: button.is_displayed() and button.is_enabled())
        # As a person scrolls to it: no bar at the window's end lies over it.
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()

    def sees(self, selector: str, text: str) -> None:
        """Wait until an element can be seen and holds a text."""
        self.until(
            lambda: any(
                element.is_displayed() and text in element.text
                for element in self.browser.find_elements(By.CSS_SELECTOR, selector)
            )
        )

    def type(self, **fields: str) -> None:
        """Type into the form, over what is there."""
        for name, text in fields.items():
            field = self.find(f"#{name}")
            self.until(field.is_displayed)
            field.clear()
            field.send_keys(text)

    def opens(self, page: str) -> None:
        """Open a page, from its beginning also where only the part after # is another."""
        self.browser.get("about:blank")
        self.browser.get(f"{self.cloud.front.url}/{page}")

    def signs_in(self) -> None:
        """Open the connections and sign in, through the issuer's own page."""
        self.opens("settings#connections")
        self.press("#sign-in")
        self.fills_sign_in_page()
        self.sees("#email", self.email)
        self.until(self.find("#connection").is_displayed)

    def fills_sign_in_page(self) -> None:
        """Give name and password on the issuer's page."""
        self.find("input[name=username]").send_keys(self.email)
        self.find("input[name=password]").send_keys(self.secret)
        self.press("button[type=submit]")

    def types_connection(self, username: str = seed.INTEGRATION_USER, **instead: str) -> None:
        """Type a connection to the simulator."""
        connection = {
            "instance_url": self.cloud.simulator.url,
            "username": username,
            "password": seed.USERS[username][0],
        }
        self.type(**(connection | instead))

    def connects(self) -> None:
        """Sign in, and store a connection that works."""
        self.signs_in()
        self.types_connection()
        self.press("#save")
        self.sees("#outcome", "Saved.")

    @property
    def id(self) -> str:
        """The person's user id."""
        return str(token_claims(self.token)["sub"])

    @property
    def token(self) -> str:
        """The token that the page has got."""
        session = self.browser.execute_script("return sessionStorage['actionsync.session']")
        return str(json.loads(session)["token"])

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API as the page does, beside it."""
        with self.cloud.http(self.token) as http:
            answer = http.request(method, f"/api/servicenow/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def write(self, name: str, text: str) -> None:
        """Write into the field with this id, over what is there, as one edit."""
        field = self.find(f"[id='{name}']")
        self.until(field.is_displayed)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)

    def choose(self, name: str, label: str) -> None:
        """Choose an option by what it says."""
        field = self.find(f"[id='{name}']")
        self.until(lambda: label in field.text)
        Select(field).select_by_visible_text(label)

    def holds(self, device: str) -> None:
        """Hold a phone, or sit at a desktop."""
        self.looks(*(PHONE if device == "phone" else DESKTOP), "light")

    def slows_down(self, milliseconds: int) -> None:
        """Have a network on which each answer takes so much longer; 0 for the own one."""
        self.browser.execute_cdp_cmd("Network.enable", {})
        self.browser.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": milliseconds,
                "downloadThroughput": -1,
                "uploadThroughput": -1,
            },
        )

    def blocks(self, *addresses: str) -> None:
        """Have a network on which these addresses cannot be reached."""
        self.browser.execute_cdp_cmd("Network.enable", {})
        self.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": list(addresses)})

    def photograph(self, name: str) -> None:
        """Keep what is seen, whole, on phone and desktop, light and dark."""
        self.browser.execute_script("scrollTo(0, 0)")
        for device, (width, height) in (("phone", PHONE), ("desktop", DESKTOP)):
            for theme in ("light", "dark"):
                self.looks(width, height, theme)
                whole = self.browser.execute_script("return document.documentElement.scrollHeight")
                self.looks(width, min(max(height, whole), _LONGEST_PICTURE), theme)
                IMAGES.mkdir(parents=True, exist_ok=True)
                self.browser.save_screenshot(str(IMAGES / f"{name}-{device}-{theme}.png"))
        self.looks(*DESKTOP, "light")

    def looks(self, width: int, height: int, theme: str) -> None:
        """See the page at a size, in a theme."""
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        self.browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": theme}]},
        )


_TOO_WIDE = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"


def has_no_barriers(person: "Person") -> None:
    """Hold the page against axe's rules, and its width: on phone and desktop, in both themes."""
    person.looks(*ZOOMED, "light")
    assert not person.browser.execute_script(_TOO_WIDE), "wider than a zoomed window"
    for width, height in (PHONE, DESKTOP):
        for theme in ("light", "dark"):
            person.looks(width, height, theme)
            person.browser.execute_script(AXE_SCRIPT)
            violations = person.browser.execute_async_script(
                "axe.run().then(({violations}) => arguments[0](violations))"
            )
            assert not violations, json.dumps(violations, indent=1)
            assert not person.browser.execute_script(_TOO_WIDE), f"wider than {width} pixels"
    person.looks(*DESKTOP, "light")


# Chromium's own measure of what moves without having been asked to (web.dev: Cumulative Layout
# Shift), from the page's very first frame.
_SHIFTS = """
window.__shifts = [];
new PerformanceObserver((list) => window.__shifts.push(...list.getEntries().map((entry) => ({
  value: entry.value,
  what: entry.sources.map((source) => source.node?.id || source.node?.className),
})))).observe({type: "layout-shift", buffered: true});
"""


def layout_shifts(person: "Person", page: str, selector: str) -> list[dict[str, Any]]:
    """Open a page, wait for what its last answer brings, and return what has moved."""
    script = person.browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": _SHIFTS}
    )
    try:
        person.browser.get("about:blank")
        person.opens(page)
        person.until(person.find(selector).is_displayed)
        # Two frames later everything that this answer moves has been reported.
        shifts: list[dict[str, Any]] = person.browser.execute_async_script(
            "const done = arguments[0]; setTimeout(() => done(window.__shifts), 1500)"
        )
    finally:
        person.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    return [shift for shift in shifts if shift["value"]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the browser."""
    for item in items:
        if isinstance(item, pytest.Function) and "_chromium" in item.fixturenames:
            item.add_marker(pytest.mark.needs("chromium"))


@pytest.fixture(scope="session")
def _chromium() -> "Iterator[Chrome]":
    found = chromium()
    assert found
    options = ChromeOptions()
    options.binary_location, driver = found
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--lang=en-GB"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Chrome(options=options, service=Service(driver))
    yield browser
    browser.quit()


@pytest.fixture
def person(cloud: "LocalCloud", _chromium: Chrome) -> "Iterator[Person]":
    """A person nobody has seen before, at a browser that remembers nothing."""
    email = f"{uuid.uuid4().hex[:8]}@example.com"
    somebody = Person(_chromium, cloud, email, cloud.make_user(email))
    somebody.looks(*DESKTOP, "light")
    yield somebody
    cloud.simulator.faults.clear()
    somebody.slows_down(0)
    somebody.blocks()
    _chromium.execute_script("sessionStorage.clear()")
    _chromium.get("about:blank")
