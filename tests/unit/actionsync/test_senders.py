"""Who may send to a webhook, and in which ways: each sender's table is whole and true."""

import base64
import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import jmespath
import pytest

from actionsync.events import senders
from actionsync.events.receiver import search, split
from actionsync.events.senders import Sender, sender
from actionsync.events.verification import Way, verify
from tests.template import ROOT

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
BODY = b'{"a": 1}'
NOW = 1_800_000_000
SENDERS = {name: found for name in senders.names() if (found := sender(name))}
WAYS = [(name, way) for name, found in SENDERS.items() for way in found.ways]


def signed(way: Way, secret: str) -> dict[str, str]:  # noqa: PLR0911 - a table of ways
    """Return the headers of a request that is verified in a way."""
    if way.way == "bearer":
        return {"authorization": f"Bearer {secret}"}
    if way.way == "basic":
        pair = base64.b64encode(f"actionsync:{secret}".encode()).decode()
        return {"authorization": f"Basic {pair}"}
    if way.way == "header":
        return {way.header: secret}
    if way.way == "standard_webhooks":
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.digest(key, f"m1.{NOW}.".encode() + BODY, "sha256")
        signature = f"v1,{base64.b64encode(digest).decode()}"
        return {
            "webhook-id": "m1", "webhook-timestamp": str(NOW), "webhook-signature": signature,
        }  # fmt: skip
    if way.way == "url":
        return {}
    if way.way == "hmac_base64":
        digest = hmac.digest(secret.encode(), f"{NOW}.".encode() + BODY, "sha256")
        return {way.header: base64.b64encode(digest).decode(), way.time_header: str(NOW)}
    text = f"{NOW}:".encode() + BODY if way.time_header else BODY
    signature = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    headers = {way.header: way.prefix + signature}
    return headers | ({way.time_header: str(NOW)} if way.time_header else {})


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_a_sender_is_verified_in_each_of_its_ways(name: str, way: Way) -> None:
    """With the webhook's secret, and with no other; in no way that it does not have."""
    ways = SENDERS[name].ways_of(way.name if way.is_asked_for else "")
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    assert verify(ways, signed(way, SECRET), BODY, SECRET, NOW) is not None
    if way.way != "url":
        assert verify(ways, signed(way, other), BODY, SECRET, NOW) is None
        assert verify(ways, {}, BODY, SECRET, NOW) is None
    for strange in {own for _, own in WAYS} - set(ways):
        if strange.way != "url" and not any(own.applies(signed(strange, SECRET)) for own in ways):
            assert verify(ways, signed(strange, SECRET), BODY, SECRET, NOW) is None


@pytest.mark.parametrize("name", SENDERS)
def test_a_sender_says_how_it_is_set_up(name: str) -> None:
    """In a sentence; a header to set has a way that reads it; paths and bodies are whole."""
    found = SENDERS[name]
    assert found.title
    assert found.steps
    assert "url" not in {way.way for way in found.ways[:-1]}
    if found.header:
        header, _, value = found.header.partition(": ")
        headers = {header.lower(): value.replace("{secret}", SECRET)}
        assert verify(found.ways, headers, BODY, SECRET, NOW) is not None
    for path in (found.elements, found.delivery, found.test, found.unsupported):
        if path:
            jmespath.compile(path)
    if found.body:
        assert isinstance(json.loads(found.body), dict)


def test_the_table_of_the_docs_is_the_codes() -> None:
    """docs/webhooks.md has each sender, and how it proves itself."""
    text = (ROOT / "docs/webhooks.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    words = {
        "hmac": "a signature of the body",
        "hmac_with_time": "a signature of time and body",
        "hmac_base64": "a signature of time and body",
        "standard_webhooks": "Standard Webhooks",
        "bearer": "a bearer token",
        "basic": "basic authentication, also in the URL",
        "header": "a header",
        "url": "its address alone",
    }
    asked_for = " where `verification` asks for it"
    wanted = [
        (
            name,
            found.title,
            ", ".join(
                dict.fromkeys(words[way.name] + asked_for * way.is_asked_for for way in found.ways)
            ),
        )
        for name, found in SENDERS.items()
    ]
    missing = [f"| `{name}` | {title} | {ways} |" for name, title, ways in wanted
               if (name, title, ways) not in rows]  # fmt: skip
    assert rows == wanted, f"docs/webhooks.md has all, by their names; it lacks: {missing}"


@pytest.mark.parametrize("name", ["", "pigeon", "Github", "git hub", "../x", "protocol", "a" * 50])
def test_nobody_else_sends(name: str) -> None:
    """A name is no path."""
    assert sender(name) is None


TESTS = {
    "grafana": {"alerts": [{"labels": {"alertname": "TestAlert", "instance": "Grafana"}}]},
    "datadog": {"title": "[TEST] [Triggered] x", "transition": "Triggered"},
    "sentry": {"action": "created", "data": {"installation": {"uuid": "x"}}},
    "pagerduty": {"event": {"event_type": "pagey.ping", "data": {"type": "ping"}}},
}
OLD = {
    "grafana": {"ruleId": 1, "ruleName": "x", "state": "alerting"},
    "datadog": {"id": "1", "title": "x", "event_type": "query_alert_monitor"},
    "sentry": {"project_name": "x", "culprit": "y", "url": "https://x", "event": {}},
    "pagerduty": {"messages": [{"event": "incident.trigger"}]},
}


@pytest.mark.parametrize("name", TESTS)
def test_a_test_delivery_is_known(name: str) -> None:
    """It makes no ticket; nor does a form of former times, which no recipe reads."""
    found = SENDERS[name]
    assert search(found.test, TESTS[name])
    assert search(found.unsupported, OLD[name])
    assert not search(found.test, OLD[name])
    odds: list[Any] = [{}, [], {"alerts": 1}, {"title": 5, "transition": None}, {"event": []}]
    for odd in odds:
        search(found.test, odd)
        search(found.unsupported, odd)


def test_elements_are_found_wherever_they_are() -> None:
    """By default the body is the one; what all share is the rest."""
    one = Sender("x", ())
    assert split(one, {"a": 1}) == ({}, [{"a": 1}])
    many = Sender("x", (), elements="alerts")
    assert split(many, {"alerts": [1, 2], "b": 3}) == ({"b": 3}, [1, 2])
    assert split(many, {"b": 3}) == ({}, [])
    assert split(Sender("x", (), elements="@"), [1, 2]) == ({}, [1, 2])


def test_a_misspelt_key_names_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes a recipe is told where the mistake is."""
    text = 'title = "T"\n[webhook]\nways = [{way = "bearer"}]\nstepps = "Settings."\n'
    (tmp_path / "misspelt.toml").write_text(text)
    monkeypatch.setattr(senders, "_RECIPES", tmp_path)
    with pytest.raises(ValueError, match=r"^misspelt\.toml: \[webhook\]: .*'stepps'"):
        sender("misspelt")
