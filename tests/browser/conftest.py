"""A real Chromium on the deployed product, signed in as a person signs in."""

import json
import os
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
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

# `make images` takes pictures for the guide; no other run does.
IMAGES = os.environ.get("IMAGES", "")
PHONE, DESKTOP = (390, 844), (1280, 900)
# A desktop's window at a zoom of 200 %.
ZOOMED = (640, 450)
_WAIT_SECONDS = 30
_LONGEST_PICTURE = 1700


# How many requests of the page have no answer yet.
_COUNTS_REQUESTS = """
if (!("__awaited" in window)) {
  window.__awaited = 0;
  const send = window.fetch;
  window.fetch = async (...request) => {
    window.__awaited += 1;
    try {
      return await send(...request);
    } finally {
      window.__awaited -= 1;
    }
  };
}
"""
# Some frames after the last answer all that follows from it is seen.
_ALL_ANSWERED = """
const done = arguments[0];
let quiet = 0;
const frame = () => {
  quiet = window.__awaited ? 0 : quiet + 1;
  if (quiet < 12) requestAnimationFrame(frame);
  else setTimeout(done, 50);
};
frame();
"""


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

    def has_focus(self, selector: str) -> bool:
        """Return whether the element has the focus."""
        matches = "return document.activeElement.matches(arguments[0])"
        return bool(self.browser.execute_script(matches, selector))

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

    def signs_in(self, page: str = "settings#connections") -> None:
        """Open a page with the session that signing in has left."""
        session = {
            "token": self.token,
            "email": self.email,
            "expires": int(time.time() + 3600) * 1000,
        }
        script = (
            f"if (location.origin === {json.dumps(self.cloud.front.url)})"
            f" sessionStorage['actionsync.session'] ??= {json.dumps(json.dumps(session))};"
        )
        with self.on_each_page(script):
            self.opens(page)
            self.sees("#email", self.email)
        if page == "settings#connections":
            self.until(self.find("#connection").is_displayed)

    def signs_in_with_password(self) -> None:
        """Open the connections and sign in, through the issuer's own page."""
        self.opens("settings#connections")
        self.press("#sign-in")
        self.fills_sign_in_page()
        self.sees("#email", self.email)
        self.until(self.find("#connection").is_displayed)

    @contextmanager
    def on_each_page(self, script: str) -> "Iterator[None]":
        """Run a script first of all on each page that is opened in the `with` block."""
        added = self.browser.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument", {"source": script}
        )
        try:
            yield
        finally:
            self.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)

    def fills_sign_in_page(self) -> None:
        """Give name and password on the issuer's page."""
        self.find("input[name=username]").send_keys(self.email)
        self.find("input[name=password]").send_keys(self.secret)
        self.press("button[type=submit]")

    def connection(self, username: str = seed.INTEGRATION_USER) -> dict[str, str]:
        """Return a connection to the simulator that works."""
        return {
            "instance_url": self.cloud.simulator.url,
            "username": username,
            "password": seed.USERS[username][0],
        }

    @contextmanager
    def in_another_tab(self) -> "Iterator[None]":
        """Do what the `with` block does in another tab, which knows of no session."""
        first = self.browser.current_window_handle
        self.browser.switch_to.new_window("tab")
        self.looks(*DESKTOP, "light")
        try:
            yield
        finally:
            self.browser.close()
            self.browser.switch_to.window(first)

    def waits_half_a_minute(self) -> None:
        """Let the page's clock go on, so that what is shown is brought up to date by itself."""
        self.browser.execute_script(_COUNTS_REQUESTS)
        self.browser.execute_script(
            "const now = Date.now; Date.now = () => now() + 31_000;"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        self.browser.execute_async_script(_ALL_ANSWERED)

    def types_connection(self, username: str = seed.INTEGRATION_USER, **instead: str) -> None:
        """Type a connection to the simulator."""
        self.type(**(self.connection(username) | instead))

    def connects(self, page: str = "settings#connections") -> None:
        """Open a page with a connection stored that works."""
        self.api("POST", "connections", {"name": "default", **self.connection()})
        self.signs_in(page)

    @property
    def id(self) -> str:
        """The person's user id."""
        return str(token_claims(self.token)["sub"])

    @cached_property
    def token(self) -> str:
        """A token of the person's."""
        return self.cloud.sign_in(self.email, self.secret)

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

    def has_network(self, *, delay: int = 0, is_there: bool = True) -> None:
        """Have a network on which each answer takes so many milliseconds longer, or none."""
        self.browser.execute_cdp_cmd("Network.enable", {})
        self.browser.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {
                "offline": not is_there,
                "latency": delay,
                "downloadThroughput": -1,
                "uploadThroughput": -1,
            },
        )

    def blocks(self, *addresses: str) -> None:
        """Have a network on which these addresses cannot be reached."""
        self.browser.execute_cdp_cmd("Network.enable", {})
        self.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": list(addresses)})

    def photograph(self, name: str) -> None:
        """Keep what is seen, whole, on phone and desktop, light and dark, for the guide."""
        if not IMAGES:
            return
        (ROOT / IMAGES).mkdir(parents=True, exist_ok=True)
        self.browser.execute_script("scrollTo(0, 0)")
        for device, (width, height) in (("phone", PHONE), ("desktop", DESKTOP)):
            for theme in ("light", "dark"):
                self.looks(width, height, theme)
                whole = self.browser.execute_script("return document.documentElement.scrollHeight")
                self.looks(width, min(max(height, whole), _LONGEST_PICTURE), theme)
                self.browser.save_screenshot(str(ROOT / IMAGES / f"{name}-{device}-{theme}.png"))
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


# What does not fit a window: the page itself, or a text that its box cuts or lets run out of it.
_UNFIT = """
const root = document.documentElement;
const isCut = (element) => {
  const {display, overflowX, overflowY} = getComputedStyle(element);
  const isClosed = (overflow) => ["visible", "hidden", "clip"].includes(overflow);
  return display !== "inline" && [...element.childNodes].some(({nodeType}) => nodeType === 3)
    && (isClosed(overflowX) && element.scrollWidth > element.clientWidth + 1
      || ["hidden", "clip"].includes(overflowY) && element.scrollHeight > element.clientHeight + 1);
};
return [
  ...root.scrollWidth > root.clientWidth ? ["the page"] : [],
  ...[...document.body.querySelectorAll("*:not(select, option, input, textarea)")]
    .filter((element) => element.checkVisibility() && !element.closest(".visually-hidden, .skip"))
    .filter(isCut).map((element) => element.outerHTML),
];
"""


_COLOURS = ["color-contrast", "link-in-text-block"]


def has_no_barriers(person: "Person") -> None:
    """Hold the page against axe's rules, and its width: on phone and desktop, in both themes."""
    person.looks(*ZOOMED, "light")
    assert person.browser.execute_script(_UNFIT) == [], "at a zoom of 200 %"
    if not person.browser.execute_script("return 'axe' in window"):
        person.browser.execute_script(AXE_SCRIPT)
    for width, height in (PHONE, DESKTOP):
        for theme in ("light", "dark"):
            person.looks(width, height, theme)
            # A theme differs from the other in its colours alone.
            rules = {} if theme == "light" else {"runOnly": {"type": "rule", "values": _COLOURS}}
            violations = person.browser.execute_async_script(
                "axe.run(arguments[0]).then(({violations}) => arguments[1](violations))", rules
            )
            assert not violations, json.dumps(violations, indent=1)
        assert person.browser.execute_script(_UNFIT) == [], f"on {width} pixels"
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
    with person.on_each_page(_SHIFTS + _COUNTS_REQUESTS):
        person.opens(page)
        person.until(person.find(selector).is_displayed)
        person.browser.execute_async_script(_ALL_ANSWERED)
        shifts: list[dict[str, Any]] = person.browser.execute_script("return window.__shifts")
    return [shift for shift in shifts if shift["value"]]


def happens(person: "Person", **detail: Any) -> None:
    """Let an application error of the person's happen."""
    error = {"user_id": person.id, "severity": "critical", "message": "Payment failed", **detail}
    answer = person.cloud.client("events").put_events(
        Entries=[
            {
                "EventBusName": person.cloud.outputs["EventBusName"],
                "Source": "shop",
                "DetailType": "Application Error",
                "Detail": json.dumps(error),
            }
        ]
    )
    assert answer["FailedEntryCount"] == 0


def is_read_from_the_right(person: "Person", element: "WebElement") -> bool:
    """Return whether the first letter of a text stands to the right of its last."""
    script = """
    const text = arguments[0].firstChild;
    const box = (from) => {
      const range = document.createRange();
      range.setStart(text, from);
      range.setEnd(text, from + 1);
      return range.getBoundingClientRect();
    };
    const [first, ...more] = Array.from(text.data, (_, at) => box(at));
    const line = more.filter(({top}) => Math.abs(top - first.top) < 4);
    return line.every(({left}) => left < first.left);
    """
    return bool(person.browser.execute_script(script, element))


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
    somebody.has_network()
    somebody.blocks()
    _chromium.execute_script("sessionStorage.clear()")
    _chromium.get("about:blank")
