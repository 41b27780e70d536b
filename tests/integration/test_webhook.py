"""Deliveries of GitHub's, as senders really send them: taken once, whatever they look like."""

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actionsync.wiring.stores import recent_events
from tests.conftest import HttpAnswer, event, invoke
from tests.integration.examples import put_example_webhook
from tests.integration.test_events import (
    GITHUB,
    Bus,
    bus,  # noqa: F401 - a fixture
)

if TYPE_CHECKING:
    from tests.conftest import Aws
    from tests.integration.conftest import Clock


WEBHOOK = "0123456789abcdef" * 2


@pytest.fixture(autouse=True)
def webhook(aws: "Aws") -> None:
    """The webhook that deliveries go to."""
    put_example_webhook(aws)


def payload(**run: Any) -> dict[str, Any]:
    """Return a delivery about a failed workflow run."""
    document: dict[str, Any] = json.loads(event("receive_webhook")["body"])
    document["workflow_run"] |= run
    return document


def deliver(
    document: Any, *, name: str = "workflow_run", is_form: bool = False, **headers: str | None
) -> HttpAnswer:
    """Deliver a signed body, in either of GitHub's content types."""
    text = document if isinstance(document, str) else json.dumps(document)
    body = (urlencode({"payload": text}) if is_form else text).encode()
    signature = hmac.new(b"made-up-webhook-secret", body, hashlib.sha256).hexdigest()
    request = event("receive_webhook")
    request["headers"] |= {
        "x-github-event": name,
        "x-hub-signature-256": f"sha256={signature}",
        "content-type": ("application/x-www-form-urlencoded" if is_form else "application/json"),
    }
    for header, value in headers.items():
        if value is None:
            del request["headers"][header.replace("_", "-")]
        else:
            request["headers"][header.replace("_", "-")] = value
    request |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return invoke("receive_webhook", request)


def test_githubs_default_content_type_is_taken(bus: Bus) -> None:  # noqa: F811
    """`payload=` in a form, also for a ping."""
    assert deliver({"zen": "Keep it simple", "hook_id": 1}, name="ping", is_form=True).status == 200
    assert deliver(payload(), is_form=True).json["status"] == "accepted"
    (sent,) = bus.events()
    assert sent["detail"]["message"].startswith("Build on main: failure")


def test_a_signed_body_is_a_duplicate_for_an_hour(
    bus: Bus,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    simulator: Any,
    time: "Clock",
) -> None:
    """Under whatever delivery id, which nobody signs; after that its own moment decides."""
    answers = [deliver(payload(), x_github_delivery=f"{number}").json for number in range(3)]
    assert [answer["status"] for answer in answers] == ["accepted", "duplicate", "duplicate"]
    assert deliver(payload(run_number=563)).json["status"] == "accepted"
    time.advance(minutes=59)
    assert deliver(payload()).json["status"] == "duplicate"
    time.advance(minutes=2)
    assert deliver(payload()).json["status"] == "accepted"
    assert len(bus.events()) == 3


@pytest.mark.parametrize("delivery", ["x" * 3000, None, ""])
def test_a_delivery_id_is_not_needed(bus: Bus, delivery: str | None) -> None:  # noqa: F811
    """However long it is, or missing: two bodies are two deliveries."""
    assert deliver(payload(), x_github_delivery=delivery).json["status"] == "accepted"
    assert deliver(payload(run_number=563), x_github_delivery=delivery).json["status"] == "accepted"
    assert deliver(payload(), x_github_delivery=delivery).json["status"] == "duplicate"


def test_what_old_servers_leave_out_is_no_refusal(bus: Bus) -> None:  # noqa: F811
    """Links, authors and suites may be missing or null."""
    repository = payload()["repository"]
    alert = {"number": 1, "secret_type": "token", "resolution": None}
    bodies = {
        "secret_scanning_alert": {"action": "created", "alert": alert, "repository": repository},
        "release": {"action": "published", "release": {"id": 1, "tag_name": "v1", "author": None},
                    "repository": repository},
        "check_run": {"action": "completed", "check_run": {"name": "x", "conclusion": "success",
                      "check_suite": None}, "repository": repository},
    }  # fmt: skip
    for name, body in bodies.items():
        assert deliver(body, name=name).status == 200
    assert bus.events()[0]["detail"]["url"].startswith("https://github.com/octo-org/shop")


def test_a_long_body_fits_on_the_bus(bus: Bus) -> None:  # noqa: F811
    """An issue of a megabyte is cut in its middle."""
    issue = {"number": 5, "title": "x", "body": "b" * 1_000_000, "labels": [{"name": "incident"}],
             "state": "open"}  # fmt: skip
    body = {"action": "opened", "issue": issue, "repository": payload()["repository"]}
    assert deliver(body, name="issues").json["status"] == "accepted"
    assert "characters left out" in bus.events()[0]["detail"]["stack_trace"]


@pytest.mark.parametrize("body", ["no JSON", "[1]", '"x"', "{}", '{"repository": null}'])
def test_what_is_no_payload_is_shown(body: str) -> None:
    """Signed as it is, it is taken: a refusal would only be repeated."""
    answer = deliver(body)
    assert (answer.status, answer.json["status"]) == (200, "unreadable")
    (shown,) = [
        entry
        for entry in recent_events().read_webhook(WEBHOOK)
        if entry["delivery"] == answer.json["delivery"]
    ]
    assert (shown["outcome"], shown["event"]) == ("unreadable", body)
    assert shown["detail"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
    | st.sampled_from(["completed", "failure", "main", "x" * 5000, "\x00", "2026-02-30"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)  # fmt: skip
DELIVERIES = [
    (request["headers"]["x-github-event"], json.loads(request["body"]))
    for request in (event("receive_webhook", name) for name in GITHUB)
    if "payload" not in request["body"] and request["body"].startswith("{")
]


@st.composite
def bent(draw: "st.DrawFn") -> tuple[str, Any]:
    """Return a delivery of which one part, however deep, is something else, or is missing."""
    name, document = draw(st.sampled_from(DELIVERIES))
    document = json.loads(json.dumps(document))
    here, value = document, draw(JSON)
    for _ in range(draw(st.integers(0, 3))):
        parts = [part for part in here.values() if isinstance(part, dict) and part]
        if parts:
            here = draw(st.sampled_from(parts))
    key = draw(st.sampled_from(sorted(here)))
    if draw(st.booleans()):
        here[key] = value
    else:
        del here[key]
    return name, document


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(delivery=bent() | st.tuples(st.sampled_from([name for name, _ in DELIVERIES]), JSON))
def test_any_signed_body_is_taken(bus: Bus, delivery: tuple[str, Any]) -> None:  # noqa: F811
    """No sender hears anything but yes, whatever it sends: it is queued, or shown."""
    name, document = delivery
    answer = deliver(document, name=name)
    assert answer.status == 200, (answer.text, delivery)
    assert answer.json["status"] in {"accepted", "duplicate", "ignored", "unreadable"}
    assert answer.json["status"] == "duplicate" or answer.json["delivery"]
