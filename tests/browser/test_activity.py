"""The Home and Activity views in a real browser: what became of events, delays, failures."""

import csv
import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from actionsync.audit.trail import ActivityStore
from actionsync.stores.connections import ConnectionStore
from actionsync.stores.tickets import TicketStore
from local.servicenow import faults
from local.servicenow.server import CONTAINERS_HOST
from tests.browser.conftest import (
    happens,
    has_no_barriers,
    is_read_from_the_right,
    layout_shifts,
)
from tests.e2e.conftest import User
from tests.e2e.test_two_way import push
from tests.integration.gates import approve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.browser.conftest import Person

ARABIC = "تعذر إنشاء الحادث: المجموعة Payments غير موجودة في النظام!"


@pytest.fixture
def connected(person: "Person") -> "Person":
    """A person whose connection is stored."""
    person.connects("settings#home")
    return person


def remembers(person: "Person", *records: dict[str, Any]) -> None:
    """Put records into the person's audit trail, the oldest first, and later than what is there."""
    dynamodb, table = person.cloud.client("dynamodb"), person.cloud.resource("AuditTable")
    now = datetime.now(UTC)
    items = []
    for place, record in enumerate(records):
        moment = (now + timedelta(microseconds=place)).isoformat(timespec="microseconds")
        moment = moment.removesuffix("+00:00")
        entry = {
            "id": uuid.uuid4().hex, "at": f"{moment[:-3]}Z", "kind": "incident", "action": "noted",
            "outcome": "done", "table": "incident", "number": "INC0010001", "sys_id": "",
            "url": "", "correlation_id": "", "cause": "", "fields": [], **record,
        }  # fmt: skip
        item = {
            "pk": {"S": person.id},
            "sk": {"S": f"{moment}Z#{place:08}#{entry['id'][:8]}"},
            "record": {"S": json.dumps(entry)},
        }
        items.append({"PutRequest": {"Item": item}})
    for start in range(0, len(items), 25):
        dynamodb.batch_write_item(RequestItems={table: items[start : start + 25]})


def until(met: "Callable[[], Any]") -> Any:
    """Wait until something holds in the cloud, and return it."""
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at:
        if found := met():
            return found
        time.sleep(0.2)
    raise AssertionError("It did not happen within a minute")


def test_what_became_of_events_is_seen(connected: "Person") -> None:
    """Tickets with links, a refused event with its reason, filters, health, chart."""
    person = connected
    service = f"متجر {uuid.uuid4().hex[:6]}"
    person.api("POST", "connections/default/test", person.connection())
    happens(person, service=service)
    happens(person, service=None)
    until(lambda: person.api("GET", "health")["failed_events"])
    until(lambda: person.api("GET", "activity?action=created")["items"])
    number = person.api("GET", "activity?action=created")["items"][0]["number"]
    person.api("POST", f"incidents/{number}/close", {"close_notes": "Failed over."})

    person.opens("settings#home")
    person.sees("#last-tickets a", number)
    person.sees("#last-tickets bdi", service)
    assert person.find("#last-tickets bdi").value_of_css_property("direction") == "rtl"
    person.sees("#health", "Working")
    person.sees("#health", "1 event")
    person.sees("#totals", "1 ticket, 1 update, 1 failure")
    person.sees("#unfinished-list blockquote", "service")
    has_no_barriers(person)
    person.photograph("home")
    person.press("#health .link")
    assert person.browser.switch_to.active_element.get_attribute("id") == "unfinished-title"

    person.opens("settings#activity")
    person.sees("#records", "Resolved")
    person.sees("#records .failed", "Failed")
    person.sees("#records .failed blockquote", "service")
    link = person.find("#records a")
    assert link.text == number
    assert str(link.get_attribute("href")).startswith(person.cloud.simulator.url)
    person.press("#records .passed details summary")
    person.sees("#records dd", "close_notes")
    has_no_barriers(person)
    person.photograph("activity")

    person.choose("filter-outcome", "Failed")
    has_entries(person, 1)
    assert "Unreadable" in entries(person)[0]
    person.choose("filter-outcome", "Done")
    person.choose("filter-kind", "Settings")
    person.until(lambda: entries(person) and all("Settings" in text for text in entries(person)))
    titles = [text.splitlines()[0] for text in entries(person)]
    assert titles == ["Connection tested", "Connection created"]
    person.choose("filter-kind", "Action item")
    person.sees("#records", "Nothing fits this filter")


def test_what_is_shown_is_brought_up_to_date(connected: "Person") -> None:
    """What comes is added; what a person holds the focus on, or reads, stays where it is."""
    person = connected
    for _ in range(2):
        happens(person, service=None)
    until(lambda: len(person.api("GET", "unfinished-events?state=failed")["items"]) == 2)
    person.opens("settings#home")
    person.sees("#unfinished-list", "Application Error")
    discard = person.find("#unfinished-list li:last-child .danger")
    person.browser.execute_script("arguments[0].focus({preventScroll: true})", discard)
    top = discard.rect["y"]
    happens(person, service=f"shop-{uuid.uuid4().hex[:6]}")
    until(lambda: person.api("GET", "activity?action=created")["items"])
    person.waits_half_a_minute()
    person.sees("#last-tickets a", "INC")
    assert person.browser.switch_to.active_element == discard
    assert discard.rect["y"] == top
    for count, stop in ((3, "#health .link"), (4, "#unfinished-all [data-verb=retry]")):
        person.browser.execute_script("document.querySelector(arguments[0]).focus()", stop)
        happens(person, service=None)
        until(lambda: len(person.api("GET", "unfinished-events?state=failed")["items"]) == count)  # noqa: B023
        person.waits_half_a_minute()
        person.sees("#unfinished-all", f"Retry all {count}")
        person.sees("#health", f"{count} events")
        assert person.has_focus(stop)

    person.opens("settings#activity")
    person.sees("#records", "Created")
    shown = len(entries(person))
    person.press("#records details summary")
    person.browser.execute_script("scrollTo(0, 0)")
    top = person.find("#records li").rect["y"]
    remembers(person, {})
    person.waits_half_a_minute()
    person.sees("#newer", "Show 1 newer")
    assert len(entries(person)) == shown
    assert person.find("#records li").rect["y"] == top
    person.press("#newer")
    has_entries(person, shown + 1)
    assert person.has_focus("#list-title")

    person.blocks("*/api/servicenow/*")
    person.opens("settings#home")
    person.sees("#chart .notice", "cannot be reached")
    person.blocks()
    person.waits_half_a_minute()
    person.sees("#last-tickets a", "INC")
    person.sees("#health", "Working")
    person.has_network(is_there=False)
    person.waits_half_a_minute()
    person.sees("#stale", "Not up to date since")
    assert person.find("#last-tickets a").is_displayed()


def entries(person: "Person") -> list[str]:
    """Return the texts of the list's entries."""
    items: list[str] = person.browser.execute_script(
        "return [...document.querySelectorAll('#records li h3')].map((h) => h.parentNode.innerText)"
    )
    return items


def has_entries(person: "Person", count: int) -> None:
    """Wait until the list has so many entries."""
    person.until(lambda: len(entries(person)) == count)


def causes(person: "Person") -> list[str]:
    """Return what the list's entries say of their causes."""
    found = "[...document.querySelectorAll('#records li bdi')].map((bdi) => bdi.textContent)"
    texts: list[str] = person.browser.execute_script(f"return {found}")
    return [text.rpartition(" · ")[2] for text in texts]


def test_failed_events_go_on_or_are_discarded(connected: "Person") -> None:
    """Their owner sees the reason, retries one when its cause is gone, and discards another."""
    person = connected
    simulator = person.cloud.simulator
    services = [f"shop-{uuid.uuid4().hex[:6]}" for _ in range(2)]
    simulator.faults.add(
        faults.error(
            403,
            "Operation Failed",
            "ACL Exception Insert Failed",
            path="*/incident",
            method="POST",
            times=None,
        )
    )
    for service in services:
        happens(person, service=service)
    until(lambda: len(person.api("GET", "unfinished-events?state=failed")["items"]) == 2)
    simulator.faults.clear()

    person.opens("settings#home")
    person.sees("#unfinished-list blockquote", "ACL Exception Insert Failed")
    assert len(person.browser.find_elements(By.CSS_SELECTOR, "#unfinished-list li")) == 2
    has_no_barriers(person)
    person.photograph("failed-events")
    person.has_network(is_there=False)
    person.press("#unfinished-list li:first-child .danger")
    person.sees("#unfinished-outcome", "cannot be reached")
    person.has_network()
    person.press("#unfinished-list li:first-child .danger")
    person.sees("#unfinished-outcome", "1 discarded.")
    rows = "#unfinished-list li"
    person.until(lambda: len(person.browser.find_elements(By.CSS_SELECTOR, rows)) == 1)
    person.until(lambda: person.has_focus("[aria-label^=Discard]"))
    person.press("#unfinished-list li button")
    person.sees("#unfinished-outcome", "1 will be tried again within a minute.")
    person.until(lambda: person.has_focus("[data-verb=retry], #unfinished-outcome"))
    until(lambda: person.api("GET", "activity?action=created")["items"])
    assert person.api("GET", "unfinished-events?state=failed")["items"] == []


def test_an_older_page_follows(connected: "Person") -> None:
    """Twenty at a time, each once, to the oldest; what is shown stays where the next is lost."""
    remembers(connected, *[{}] * 24)
    connected.opens("settings#activity")
    has_entries(connected, 20)
    connected.has_network(is_there=False)
    connected.press("#older")
    connected.sees("#records > .notice", "cannot be reached")
    assert len(entries(connected)) == 20
    connected.has_network()
    connected.press("#older")
    has_entries(connected, 25)
    assert not connected.find("#older").is_displayed()
    assert not connected.browser.find_elements(By.CSS_SELECTOR, "#records > .notice")
    assert "Connection created" in entries(connected)[-1]
    first_new = connected.find("#records li:nth-child(21) summary")
    assert connected.browser.switch_to.active_element == first_new


def test_ten_thousand_records_are_read_a_part_at_a_time(person: "Person") -> None:
    """The list is as long as was asked for, whatever comes; a filter finds what is far behind."""
    records: list[dict[str, Any]] = [{"cause": str(number)} for number in range(10_000)]
    records[7_000]["outcome"] = "failed"  # further back than one answer of the API looks
    remembers(person, *records)
    person.signs_in("settings#activity")
    for end in (20, 40, 60, 80, 100):
        has_entries(person, end)
        person.press("#older")
    has_entries(person, 120)
    assert causes(person) == [str(number) for number in range(9_999, 9_879, -1)]

    # What comes does not make the list longer and longer.
    person.browser.execute_script("scrollTo(0, 0)")
    remembers(person, *({"cause": str(number)} for number in range(10_000, 10_005)))
    person.waits_half_a_minute()
    person.until(lambda: causes(person)[0] == "10004")
    assert causes(person) == [str(number) for number in range(10_004, 9_984, -1)]
    person.press("#older")
    has_entries(person, 40)
    assert causes(person) == [str(number) for number in range(10_004, 9_964, -1)]

    # What is read stays where it is.
    row = person.find("#records li:nth-child(30)")
    place = "arguments[0].scrollIntoView(); return arguments[0].getBoundingClientRect().top"
    top = person.browser.execute_script(place, row)
    remembers(person, {"cause": "10005"})
    person.waits_half_a_minute()
    person.until(lambda: not person.find("#newer").get_attribute("hidden"))
    now = person.browser.execute_script("return arguments[0].getBoundingClientRect().top", row)
    assert abs(now - top) < 1
    assert len(entries(person)) == 40

    person.choose("filter-outcome", "Failed")
    person.sees("#records-progress", "Looking further back")
    person.until(lambda: causes(person) == ["7000"])
    assert not person.find("#records-progress").is_displayed()


def test_text_from_right_to_left_is_whole(person: "Person") -> None:
    """What a ticket says stands in its own direction, whole, on a phone as on a desktop."""
    reasons = {"reason": ARABIC, "reason_type": "Refused", "outcome": "failed"}
    remembers(person, {"cause": "متجر", "warnings": [ARABIC]}, {"cause": "متجر", **reasons})
    person.signs_in("settings#activity")
    for device in ("phone", "desktop"):
        person.holds(device)
        has_entries(person, 2)
        for said in person.browser.find_elements(By.CSS_SELECTOR, "#records blockquote"):
            assert said.text == ARABIC
            assert is_read_from_the_right(person, said)
        for about in person.browser.find_elements(By.CSS_SELECTOR, "#records bdi"):
            assert "متجر" in about.text
    has_no_barriers(person)


def test_a_pause_is_reported(connected: "Person") -> None:
    """While the instance refuses, the view says what waits, why, and until when."""
    connected.cloud.simulator.faults.add(faults.rate_limited(90, method="POST", times=1))
    happens(connected, service=f"shop-{uuid.uuid4().hex[:6]}")
    until(lambda: connected.api("GET", "health")["pause"])
    connected.opens("settings#home")
    connected.sees("#health", "Paused")
    connected.sees("#health", "rate limit is reached")
    has_no_barriers(connected)
    # The stack's only instance is the simulator: whoever comes next must not find it paused.
    table = connected.cloud.resource("EventsTable")
    dynamodb = connected.cloud.client("dynamodb")
    for item in dynamodb.scan(TableName=table)["Items"]:
        if item["pk"]["S"].startswith("PAUSE#"):
            key = {name: item[name] for name in ("pk", "sk")}
            dynamodb.delete_item(TableName=table, Key=key)


def test_an_empty_trail_says_what_will_stand_there(person: "Person") -> None:
    """A new user sees what the view is for, and that nothing is connected yet."""
    person.signs_in("settings#activity")
    person.sees("#records", "Nothing has happened yet")
    has_no_barriers(person)
    person.opens("settings")
    person.sees("#health", "Not connected")
    person.sees("#no-tickets", "None yet")
    has_no_barriers(person)
    person.press("#first-steps a")
    person.until(person.find("#connection").is_displayed)


def test_nothing_jumps_while_a_slow_api_answers(connected: "Person") -> None:
    """With an API that takes long for each answer, the layout does not shift at all."""
    connected.has_network(delay=300)
    for device in ("phone", "desktop"):
        connected.holds(device)
        assert layout_shifts(connected, "settings#activity", "#records h3") == []
        assert layout_shifts(connected, "settings", "#chart ol") == []
        shown = "#connection:not([hidden])"
        assert layout_shifts(connected, "settings#connections", shown) == []


def test_a_failing_api_is_reported_and_tried_again(connected: "Person") -> None:
    """Each part says by itself that it cannot be read, and reads again when asked to."""
    connected.blocks("*/api/servicenow/activity*", "*/api/servicenow/health*")
    connected.opens("settings#activity")
    connected.sees("#records .notice", "cannot be reached")
    connected.opens("settings#home")
    connected.sees("#last-tickets .notice", "cannot be reached")
    connected.sees("#chart .notice", "cannot be reached")
    has_no_barriers(connected)
    connected.blocks()
    connected.press("#last-tickets button")
    connected.sees("#no-tickets", "None yet")
    connected.press("#chart button")
    connected.sees("#health", "Not used yet")
    assert not connected.browser.find_elements(By.CSS_SELECTOR, "#chart .notice")


def test_several_connections_are_looked_at_one_at_a_time(connected: "Person") -> None:
    """Whose state is shown is chosen, and stays chosen while the view is brought up to date."""
    person = connected
    url = person.cloud.simulator.url.replace("localhost", CONTAINERS_HOST)
    wrong = {"name": "closing", "instance_url": url, "username": "closer", "password": "wrong"}
    person.api("POST", "connections", wrong)
    happens(person, service=f"shop-{uuid.uuid4().hex[:6]}")
    until(lambda: person.api("GET", "activity?action=created")["items"])
    person.opens("settings#home")
    person.sees("#health .badge", "Working")
    choice = Select(person.find("#health select"))
    assert choice.first_selected_option.text == "default"
    has_no_barriers(person)
    choice.select_by_visible_text("closing")
    person.sees("#health .badge", "Not used yet")
    assert person.browser.switch_to.active_element.tag_name == "select"
    person.photograph("home-connections")
    person.waits_half_a_minute()
    assert Select(person.find("#health select")).first_selected_option.text == "closing"
    with person.cloud.http(person.token) as http:
        assert http.delete("/api/servicenow/connections/closing").is_success
    person.opens("settings#home")
    person.sees("#health .badge", "Working")
    assert not person.browser.find_elements(By.CSS_SELECTOR, "#health select")


def test_gates_are_seen_before_and_after(connected: "Person") -> None:
    """A deployment that waits, with its change; then what was decided, and why."""
    person = connected
    application = f"shop-{uuid.uuid4().hex[:8]}"
    new = {"application": application, "deployment_id": "4711", "environment": "production"}
    person.api("POST", "gates", new)
    (gate,) = until(lambda: [g for g in person.api("GET", "gates")["items"] if g["change_number"]])
    person.opens("settings#home")
    person.sees("#gates-list", f"{application}, production")
    assert person.find("#gates-list a").text == gate["change_number"]
    assert not person.find("#gates-decided").is_displayed()
    simulator = person.cloud.simulator
    until(lambda: simulator.one("change_request", number=gate["change_number"])["state"] == "-4")
    approve(simulator, gate["change_number"])
    hook = person.api("POST", "webhooks/servicenow")
    with person.cloud.http(person.token) as http:
        user = User(http, person.token)
        assert push(user, hook, gate["change_sys_id"], "change_request") == 202
    until(lambda: person.api("GET", f"gates/{gate['id']}")["state"] == "go")
    person.waits_half_a_minute()
    person.sees("#no-gates", "None waits")
    person.press("#gates-decided summary")
    person.sees("#gates-decided-list .passed", "Decided")
    person.sees("#gates-decided-list", gate["change_number"])
    has_no_barriers(person)
    person.photograph("gates")


def test_a_part_of_the_trail_is_saved(connected: "Person", tmp_path: "Path") -> None:
    """Days narrow the list; what fits the filters is saved as a file, from all of its pages."""
    person = connected
    person.opens("settings#activity")
    person.sees("#records", "Connection created")
    before = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
    set_date(person, "filter-until", before)
    person.sees("#records", "Nothing fits this filter")
    set_date(person, "filter-until", "")
    set_date(person, "filter-since", before)
    person.sees("#records", "Connection created")
    has_no_barriers(person)
    person.browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    person.choose("filter-kind", "Settings")
    person.press("#csv")
    file = tmp_path / "activity.csv"
    until(lambda: file.exists() and "connection_created" in file.read_text())
    rows = csv.DictReader(file.read_text().splitlines())
    assert [row["action"] for row in rows] == ["connection_created"]
    person.blocks("*/api/servicenow/activity*")
    person.press("#csv")
    person.sees("#csv-outcome", "cannot be reached")


def set_date(person: "Person", name: str, day: str) -> None:
    """Choose a day, as its calendar does."""
    person.browser.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))",
        person.find(f"#{name}"),
        day,
    )


def test_tickets_that_most_are_missing_are_given_up(connected: "Person") -> None:
    """Activity says that most are missing; whoever knows better says that they are deleted."""
    person = connected
    connection = ConnectionStore(
        person.cloud.client("dynamodb"), person.cloud.resource("ConnectionsTable")
    ).get(person.id)
    assert connection
    dynamodb, table = person.cloud.client("dynamodb"), person.cloud.resource("EventsTable")
    tickets = TicketStore(dynamodb, table)
    tickets.mark_missing(connection.id, person.id, are_missing=True)
    ActivityStore(dynamodb, person.cloud.resource("AuditTable"), 1).add(
        person.id,
        {
            "id": uuid.uuid4().hex, "kind": "servicenow", "action": "missing", "outcome": "failed",
            "cause": "default", "reason_type": "TicketsMissing",
            "reason": "12 of 20 open tickets can no longer be read.",
        },
    )  # fmt: skip
    person.opens("settings#activity")
    person.sees("#records .failed", "12 of 20 open tickets")
    person.press("#records .failed .actions button")
    person.sees("#confirm", "has lost a role")
    person.press("#confirm-yes")
    person.sees("#records .good", "are looked at again")
    has_no_barriers(person)
    assert tickets.are_discarded(connection.id)
