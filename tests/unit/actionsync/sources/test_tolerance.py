"""A blemish is no reason to lose an event: what is optional may be anything."""

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionsync.events.models import UnreadableEventError
from tests.unit.actionsync.sources.readings import (
    alarm,
    deployment,
    error,
    meeting,
    notification,
    on_bus,
    one,
    reading,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ERROR = ("severity", "stack_trace", "fingerprint", "environment", "url", "status", "occurred_at",
         "labels")  # fmt: skip
DEPLOYMENT = ("environment", "version", "deployed_by", "message", "changelog", "url", "commit",
              "status", "occurred_at", "labels")  # fmt: skip
MEETING = ("title", "url", "held_at")
ALARM = ("configuration", "muteDetail", "previousState")
ITEM = ("details", "priority", "impact", "requires_incident", "assignee")
PLACES: "list[tuple[Callable[..., dict[str, Any]], str]]" = [
    *((error, name) for name in ERROR),
    *((deployment, name) for name in DEPLOYMENT),
    *((lambda **given: meeting("Renew it", **given), name) for name in MEETING),
    *((lambda **given: meeting({"summary": "Renew it", **given}), name) for name in ITEM),
    *((alarm, name) for name in ALARM),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["x" * 5000, "P1", "unheard of", "2026-02-30", "\ud800", "\x00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(place=st.sampled_from(PLACES), value=JSON)
def test_an_optional_field_may_be_anything(
    place: "tuple[Callable[..., dict[str, Any]], str]", value: Any
) -> None:
    """Null, missing, too long, of another type, an unknown word: still a ticket."""
    make, name = place
    event = one(make(**{name: value}))
    json.dumps([event.texts, event.labels, event.assumptions], ensure_ascii=False).encode()
    assert all(len(text) <= 5000 for text in event.texts.values())
    assert event.moment <= event.received_at


@pytest.mark.parametrize("make", [error, deployment, alarm])
def test_null_is_absent(make: "Callable[..., dict[str, Any]]") -> None:
    """A null says what a missing field says: nothing, and nothing is assumed."""
    names = {error: ERROR, deployment: set(DEPLOYMENT) - {"status"}, alarm: ALARM}[make]
    event, bare = one(make(**dict.fromkeys(names))), one(make())
    assert (event.texts["link"], event.assumptions) == (bare.texts["link"], ())


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        *((word, "critical") for word in ("P1", "SEV1", "1", 1, "crit", "Fatal", "EMERGENCY", "S1",
                                          "sev-0", "P1 - Critical", "1 - Critical")),
        *((word, "high") for word in ("P2", "err", "severe", "SEVERE", "Error", "major", 2)),
        *((word, "medium") for word in ("warn", "Warning", "P3", "moderate", "minor")),
        *((word, "low") for word in ("P4", "notice")),
        *((word, "info") for word in ("P5", "informational", "debug", "trace")),
    ],
)  # fmt: skip
def test_severities_of_other_tools_are_understood(word: Any, severity: str) -> None:
    """Whatever logger, monitor or tracker they come from, and nothing is reported."""
    event = one(error(severity=word))
    assert (event.severity, event.assumptions) == (severity, ())


@pytest.mark.parametrize("word", ["terrible", "P9", {"level": 1}, True, 3.7])
def test_an_unknown_severity_counts_as_high(word: Any) -> None:
    """And that is reported."""
    event = one(error(severity=word))
    assert event.severity == "high"
    assert "severity" in event.assumptions[0]
    assert "high" in event.assumptions[0]


@pytest.mark.parametrize(
    ("word", "action"),
    [
        *((word, "trigger") for word in ("open", "firing", "ALARM", "triggered", "unresolved")),
        *((word, "resolve") for word in ("recovered", "resolved", "ok", "OK", "closed", "success",
                                         "Resolved ", "cancelled", "rolled_back")),
        ("acknowledged", "annotate"),
    ],
)  # fmt: skip
def test_statuses_of_other_tools_are_understood(word: str, action: str) -> None:
    """Firing opens, resolved ends."""
    event = one(error(status=word))
    assert (event.action, event.assumptions) == (action, ())


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        *((word, "") for word in ("started", "in_progress", "In Progress", "running")),
        *((word, "succeeded") for word in ("success", "succeeded", "ok", "completed", "resolved")),
        *((word, "failed") for word in ("failure", "error", "rolled_back", "rolled back",
                                        "timed-out")),
        *((word, "stopped") for word in ("cancelled", "canceled", "aborted", "superseded")),
    ],
)  # fmt: skip
def test_outcomes_of_other_tools_are_understood(word: str, outcome: str) -> None:
    """Whatever a pipeline calls its ends."""
    event = one(deployment(status=word))
    assert (event.outcome, event.assumptions) == (outcome, ())


def test_an_unknown_status_is_a_beginning() -> None:
    """It still makes a ticket, and says so."""
    for event in (one(error(status="weird")), one(deployment(status="weird"))):
        assert event.action == "trigger"
        assert "'weird' is not known" in event.assumptions[0]


def test_what_decorates_is_cut() -> None:
    """Too long is no reason to lose an event; what was cut is reported."""
    event = one(error(environment="e" * 250, url=f"https://example.com/{'x' * 2500}"))
    assert len(event.environment) == 200
    assert len(event.texts["link"]) == 2000
    assert [text.partition(":")[0] for text in event.assumptions] == ["environment", "url"]
    link = f"https://example.com/{'x' * 1030}"
    assert one(error(url=link)).texts["link"] == link


def test_what_identifies_is_hashed() -> None:
    """Two long names that differ at their ends stay two."""
    first, second = (one(error(service="s" * 300 + end)) for end in "ab")
    assert first.dedup_key != second.dedup_key
    assert len(first.name) == 200
    assert one(error(service="s" * 300 + "a")).dedup_key == first.dedup_key
    long, other = (one(error(fingerprint="f" * 600 + end)) for end in "ab")
    assert long.dedup_key != other.dedup_key


@pytest.mark.parametrize("number", [42, 42.0, " 42", "42\n"])
def test_numbers_are_text(number: Any) -> None:
    """`deployment_id: 42` is "42", whatever writes it."""
    assert one(deployment(deployment_id=number)).dedup_key == (
        one(deployment(deployment_id="42")).dedup_key
    )


def test_spaces_around_what_identifies_do_not_count() -> None:
    """Nor does the case of an environment."""
    padded = error(service=" shop ", environment=" PROD", fingerprint="db ")
    assert one(padded).key == one(error(environment="prod", fingerprint="db")).key


@pytest.mark.parametrize(
    ("given", "title"),
    [({"fingerprint": "db", "status": "recovered"}, "shop: db"),
     ({"stack_trace": "Traceback\n  File \"a.py\", line 1, in b\nKeyError: 'c'"},
      "shop: KeyError: 'c'")],
)  # fmt: skip
def test_an_error_may_lack_its_message(given: dict[str, Any], title: str) -> None:
    """What it is recognised by says what it is."""
    event = one(error(message=None, **given))
    assert (event.texts["title"], event.assumptions) == (title, ("message: missing",))


def test_an_alarm_may_lack_its_name() -> None:
    """Its ARN has it."""
    assert (one(alarm(alarmName=None)).name, one(alarm(alarmName=None)).key) == (
        "checkout-5xx",
        one(alarm()).key,
    )


def test_numbers_identify() -> None:
    """Also those of users and services."""
    assert one(error(service=7, user_id=12)).name == "7"


def test_a_bad_item_loses_none_of_the_others() -> None:
    """Four tickets, and the fifth is reported."""
    items: list[Any] = [{"summary": f"Item {number}"} for number in range(4)]
    found = reading(meeting(*items[:2], {"details": "nameless"}, *items[2:]))
    assert [event.texts["title"] for event in found.events] == [f"Item {n}" for n in range(4)]
    (bad,) = found.rejected
    assert "action_items.2.summary" in bad.reason
    assert bad.name == "Weekly"
    assert reading(meeting("Only a text", None, 5)).events[0].texts["title"] == "Only a text"


def test_a_meeting_of_bad_items_alone_is_unreadable() -> None:
    """There is nothing that could become a ticket."""
    with pytest.raises(UnreadableEventError, match=r"action_items\.0"):
        reading(meeting({"details": "x"}))


def test_more_items_than_anybody_reads_are_reported() -> None:
    """A hundred become tickets."""
    found = reading(meeting(*(f"Item {number}" for number in range(103))))
    assert (len(found.events), len(found.rejected)) == (100, 3)


@pytest.mark.parametrize(
    "body",
    ["no JSON", "[1]", '"x"', error(user_id=""), error(user_id=None), error(message=None),
     error(service=[]), on_bus("Application Error", "text"), on_bus("Application Error", None),
     deployment(application=None), {**alarm(alarmName=None), "resources": []},
     alarm(state="ALARM"),
     meeting(meeting_id=None), error(user_id="u" * 129),
     on_bus("CloudWatch Alarm State Change", {}),
     on_bus("CodeDeploy Deployment State-change Notification", {}, source="aws.codedeploy")],
)  # fmt: skip
def test_only_what_cannot_be_understood_fails(body: Any) -> None:
    """Without what identifies it, an event is nobody's or nothing's."""
    with pytest.raises(UnreadableEventError):
        reading(body)


def test_an_unknown_kind_of_awss_is_its_users() -> None:
    """Whoever answers for AWS's events sees what was dropped."""
    instance = on_bus("CodeDeploy Instance State-change Notification", {}, source="aws.codedeploy")
    found = reading(instance)
    assert (found.events, found.owner) == ((), "automation")
    assert "Instance State-change" in found.unknown


@pytest.mark.parametrize(
    "detail_type", ["Application Error Report", "application error", "Error", "Something else"]
)
def test_an_unknown_kind_is_dropped_visibly(detail_type: str) -> None:
    """Only what the docs name counts; anything else is no failure, but it is seen."""
    found = reading(on_bus(detail_type, {"user_id": "ada", "service": "x", "message": "x"}))
    assert (found.events, found.owner) == ((), "ada")
    assert detail_type in found.unknown


def test_a_plain_text_is_an_error_of_its_topic() -> None:
    """Budgets and other senders write to people; a person gets the ticket."""
    event = one(notification("Budget exceeded: 120 %", Subject="AWS Budgets"))
    assert (event.owner, event.name) == ("automation", "alerts")
    assert event.texts["title"] == "alerts: AWS Budgets"
    assert "Budget exceeded" in event.texts["message"]
    assert "plain text" in event.assumptions[0]


def test_an_event_may_lie_in_a_notification() -> None:
    """A rule may send to a topic, and a topic raw messages to a queue."""
    assert one(notification(error())).key == one(error()).key
    assert one(notification(notification(alarm()))).key == one(alarm()).key
    bare = error()["detail"]
    assert one(bare).key == one(notification(bare)).key == one(error()).key
    assert one(on_bus("Application Error", json.dumps(bare))).key == one(error()).key


def test_an_unreadable_time_is_that_of_the_receipt() -> None:
    """A moment never loses an event; one ahead of its receipt counts as the receipt."""
    assert one({**error(), "time": "yesterday"}).moment == one(error()).received_at
    assert one(error(occurred_at="2027-01-01T00:00:00Z")).moment == one(error()).received_at
    moments = ["2026-01-10T09:00:00.123456Z", "1768035600123", "1768035600", 1768035600,
               "2026-01-10T10:00:00+01:00", "2026-01-10 09:00:00 UTC"]  # fmt: skip
    for moment in moments:
        assert one(error(occurred_at=moment)).moment.isoformat().startswith("2026-01-10T09:00:00")


def test_half_a_character_is_replaced() -> None:
    """It could go nowhere as it is."""
    event = one(json.dumps(error(message="a\ud800b")))
    assert event.texts["message"] == "a?b"


def test_the_middle_is_cut_and_the_whole_attached() -> None:
    """A long trace has its beginning and its end in the ticket."""
    trace = "first line\n" + "x" * 5000 + "\nKeyError: 'price'"
    event = one(error(stack_trace=trace))
    assert event.texts["details"].startswith("first line")
    assert event.texts["details"].endswith("KeyError: 'price'")
    assert len(event.texts["details"]) == 3000
    assert event.attachments == {"stack_trace.txt": trace}
    assert any("stack_trace" in text for text in event.assumptions)
