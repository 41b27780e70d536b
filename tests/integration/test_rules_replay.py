"""Recent events through rules that are not saved: nothing is written, and the engine decides."""

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionsync.events.replay import replay
from actionsync.rules.models import Rules
from actionsync.runtime import run
from actionsync.wiring import stores
from tests.conftest import event, invoke
from tests.integration.events import NOW, USER

if TYPE_CHECKING:
    from tests.conftest import Aws


def entry(minutes: float = 0, service: str = "shop", **values: Any) -> dict[str, Any]:
    """Return a stored event of an application, received so many minutes later."""
    at = NOW + timedelta(minutes=minutes)
    detail = {"user_id": USER, "service": service, "severity": "high", "message": "It fails",
              "fingerprint": service, **values}  # fmt: skip
    message = {"version": "0", "id": f"{service} {minutes} {values}", "source": "my.app",
             "detail-type": "Application Error", "account": "1", "region": "us-east-1",
             "time": f"{at:%Y-%m-%dT%H:%M:%SZ}", "resources": [], "detail": detail}  # fmt: skip
    return {"at": at.isoformat(), "event": json.dumps(message)}


def end(minutes: float, service: str = "shop") -> dict[str, Any]:
    """Return the end of what fails."""
    return entry(minutes, service, status="recovered")


def replayed(entries: list[dict[str, Any]], *rules: dict[str, Any]) -> dict[str, Any]:
    """Return what a replay answers."""
    tried = Rules.model_validate({"rules": list(rules)})
    return run(replay(USER, entries, tried, lambda _: {}))


def outcomes(answer: dict[str, Any]) -> dict[str, list[str]]:
    """Return the outcomes of each key, by its service."""
    return {
        f"{one['name']}{'*' if one['group'] is None and 'many' in one['rule'] else ''}": [
            outcome["outcome"] for outcome in one["outcomes"]
        ]
        for one in answer["keys"]
    }


STORY = [entry(0), entry(2), end(3), entry(20), entry(40), end(50)]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], ["opened", "resolved", "reopened", "noted", "resolved"]),
        ([{"name": "none", "then": "ignore"}], ["ignored"] * 4),
        ([{"name": "held", "then": {"hold": {"minutes": 10}}}],
         ["held", "healed", "held", "opened", "resolved"]),
        ([{"name": "often", "match": {"source": "application"},
           "then": {"hold": {"count": 2, "within_minutes": 30}}}],
         ["held", "opened", "resolved", "held", "reopened", "resolved"]),
        ([{"name": "left", "then": {"end": {"do": "nothing"}}}],
         ["opened", "noted", "noted"]),
    ],
)  # fmt: skip
def test_what_would_have_become_of_a_key(rules: list[dict[str, Any]], expected: list[str]) -> None:
    """By the receipts of its events, also where nothing came when it was due."""
    answer = replayed(STORY, *rules)
    ((_, found),) = outcomes(answer).items()
    assert found == expected
    assert answer["events"] == 6
    assert answer["keys"][0]["rule"] == (rules[0]["name"] if rules else "errors")


def test_members_name_their_group() -> None:
    """Which has an entry of its own, by the rule that groups."""
    entries = [
        entry(0, "a"),
        entry(1, "b"),
        end(3, "a"),
        end(4, "b"),
        entry(5, "c", severity="low"),
    ]
    answer = replayed(entries, {"name": "many", "match": {"severity": "high"},
                                "then": {"group_by": []}})  # fmt: skip
    by_name = {one["title"]: one for one in answer["keys"] if one["group"]}
    (group,) = [one for one in answer["keys"] if one["rule"] == "many" and one["group"] is None]
    assert len(by_name) == 2
    assert {one["group"] for one in by_name.values()} == {group["key"]}
    assert [one["outcome"] for one in group["outcomes"]] == ["opened", "resolved"]
    assert answer["totals"]["grouped"] == 4
    assert answer["totals"]["ignored"] == 1


def test_what_waited_is_replayed_once_and_what_is_others_not_at_all() -> None:
    """And what no source can read is counted."""
    other = json.loads(entry(1)["event"])
    other["detail"]["user_id"] = "another"
    entries = [{**entry(0), "outcome": "waiting"}, {**entry(0), "at": entry(9)["at"]},
               {"at": entry(1)["at"], "event": json.dumps(other)},
               {"at": entry(1)["at"], "event": "no JSON"}, {"at": entry(1)["at"]}]  # fmt: skip
    answer = replayed(entries)
    assert (answer["events"], answer["unread"]) == (1, 1)
    assert answer["keys"][0]["outcomes"] == [{"at": "2026-01-10T10:00:00Z", "outcome": "opened"}]


def test_over_http_nothing_is_written(aws: "Aws") -> None:
    """The newest stored events of the caller, through unsaved rules."""
    stored = entry()
    body = json.loads(stored["event"])
    payload = event("preview_rules", "valid_replay_rules")
    user = payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    body["detail"]["user_id"] = user
    note = {
        "at": stored["at"],
        "source": "application",
        "kind": "incident",
        "name": "shop",
        "outcome": "created",
        "ticket": None,
        "detail": "",
        "event": json.dumps(body),
    }
    stores.recent_events().note(user, note)
    stores.recent_events().put()
    before = aws.items("EventsTable")
    for rules, outcome in ((None, "opened"), ({"errors": {"enabled": False}}, "ignored")):
        answer = invoke("preview_rules", {**payload, "body": json.dumps({"rules": rules})})
        assert answer.status == 200, answer.text
        assert answer.json["totals"] == {outcome: 1}
    assert aws.items("EventsTable") == before
