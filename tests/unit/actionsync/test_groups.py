"""Which group an event belongs to, what a look finds, and how a group's ticket reads."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from actionsync.events import groups
from actionsync.events.models import IncomingEvent
from actionsync.rules.holds import Hold
from actionsync.rules.models import DeploymentRule, IncidentRule, Rules
from actionsync.stores.correlations import GroupNews
from actionsync.stores.members import Member

NOW = 10_000
_S = 1_000_000
AT = datetime(2026, 1, 12, 23, 30, tzinfo=UTC)
EVENT = IncomingEvent(
    id="1", owner="ada", source="securityhub", kind="incident", key="k", action="trigger",
    moment=AT, received_at=AT, severity="high", name="S3.1", service="", region="eu-west-1",
    labels={"control": "S3.1"}, texts={"title": "A bucket is open"},
)  # fmt: skip


def member(key: str, received: int = NOW, ended: int = 0, **values: Any) -> Member:
    """Return a member that began when it was received."""
    return Member(key, f"line {key}", received * _S, ended * _S, received * _S, received,
                  received, 4, **values)  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "other", "is_same"),
    [
        ([], {"labels": {}}, True),
        (["labels.control"], {"key": "k2", "severity": "low"}, True),
        (["labels.control"], {"labels": {"control": "S3.2"}}, False),
        (["region", "title"], {"region": "us-east-1"}, False),
        (["day"], {"received_at": datetime(2026, 1, 13, 10, tzinfo=UTC)}, True),
        (["day"], {"received_at": datetime(2026, 1, 12, 10, tzinfo=UTC)}, False),
        (["region"], {"owner": "bob"}, False),
    ],
)
def test_what_is_the_same_in_all_parts_is_one_group(
    parts: list[str], other: dict[str, Any], *, is_same: bool
) -> None:
    """Of one owner and rule; the day is that of the rule's time zone."""
    rule = IncidentRule(group_by=parts, hold=Hold(until="07:00", time_zone="Europe/Berlin"))
    key = groups.key_of(EVENT, rule, "many")
    assert key
    assert (groups.key_of(replace(EVENT, **other), rule, "many") == key) == is_same
    assert groups.key_of(EVENT, rule, "renamed") != key


@pytest.mark.parametrize(
    "rule",
    [None, DeploymentRule(), IncidentRule(), IncidentRule(group_by=["labels.none"]),
     IncidentRule(group_by=["service"]), IncidentRule(group_by=[], ticket="em_event")],
)  # fmt: skip
def test_what_lacks_a_value_is_no_member(rule: Any) -> None:
    """It has its own ticket; so has what goes to a table that shows none."""
    assert groups.key_of(EVENT, rule, "many") == ""


@pytest.mark.parametrize(
    ("then", "said"),
    [({"group_by": ["colour"]}, "must be one of"), ({"group_by": ["labels."]}, "must be one of"),
     ({"group_by": [], "ticket": "em_event"}, "shows none"),
     ({"group_by": [], "ticket": "change_request"}, "incidents alone")],
)  # fmt: skip
def test_what_cannot_group_is_refused(then: dict[str, Any], said: str) -> None:
    """When it is saved."""
    with pytest.raises(ValidationError, match=said):
        Rules.model_validate({"rules": [{"name": "many", "then": then}]})
    Rules.model_validate(
        {"rules": [{"name": "few", "then": {"group_by": [], "hold": {"count": 3,
                    "within_minutes": 5}}}]}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("was_open", "is_open", "occurs", "repeated", "news"),
    [
        (None, True, False, False, (True, False, 1)),
        (None, False, False, False, (False, False, 1)),
        (True, True, False, False, (False, False, 0)),
        (True, True, True, False, (True, False, 0)),
        (True, True, False, True, (True, False, 0)),
        (True, False, False, False, (False, True, 0)),
        (False, False, False, False, (False, False, 0)),
        (False, False, False, True, (False, True, 0)),
        (False, True, False, False, (True, False, 0)),
    ],
)
def test_what_a_batch_makes_of_a_group(
    was_open: bool | None,  # noqa: FBT001 - a row of the table
    is_open: bool,  # noqa: FBT001
    occurs: bool,  # noqa: FBT001
    *,
    repeated: bool,
    news: tuple[bool, bool, int],
) -> None:
    """A heartbeat of what is open makes nothing; what a dead worker did is done once more."""
    found = groups.joined(
        "g", member("a", ended=0 if is_open else NOW), texts={"title": "x"}, was_open=was_open,
        rule="many", is_occurrence=occurs, is_repeated=repeated,
    )  # fmt: skip
    assert (found.opens, found.ends, found.is_new) == news
    assert found.is_news == any(news)


def test_a_batchs_keys_raise_the_version_once() -> None:
    """With the highest severity and the newest texts."""
    first = GroupNews("g", opens=True, is_new=1, received_at=5, severity=4, texts={"title": "a"})
    second = GroupNews("g", ends=True, is_new=2, received_at=7, severity=2)
    merged = first.merged(second)
    assert (merged.opens, merged.ends, merged.is_new) == (True, True, 3)
    assert (merged.received_at, merged.severity, merged.texts) == (7, 4, {"title": "a"})


def test_a_look_finds_who_goes_on() -> None:
    """Not what ended, was silent for too long, or belongs to a ticket before."""
    all_ = [member("c", NOW - 50), member("a", NOW - 200), member("b", NOW - 100, NOW - 90),
            member("old", NOW - 900)]  # fmt: skip
    found = groups.look(all_, since=(NOW - 500) * _S, silent_seconds=0, now=NOW)
    assert [one.key for one in found.open] == ["a", "c"]
    assert [one.key for one in found.members] == ["c", "a", "b"]
    found = groups.look(all_, since=0, silent_seconds=150, now=NOW)
    assert [one.key for one in found.open] == ["c"]
    assert found.next_at == NOW + 100


@pytest.mark.parametrize(
    ("hold", "received", "until"),
    [
        (None, [NOW], 0),
        (Hold(until="07:00"), [NOW], 0),
        (Hold(minutes=5), [NOW - 300], 0),
        (Hold(minutes=5), [NOW - 100, NOW - 200], NOW + 100),
        (Hold(count=2, within_minutes=5), [NOW], None),
        (Hold(count=2, within_minutes=5), [NOW, NOW - 100], 0),
        (Hold(count=2, within_minutes=5), [NOW, NOW - 400], None),
        (Hold(minutes=5), [], None),
    ],
)
def test_until_when_an_opening_waits(
    hold: Hold | None, received: list[int], until: int | None
) -> None:
    """By the oldest that goes on, or by how many do."""
    found = groups.look([member(str(at), at) for at in received], 0, 0, NOW)
    assert found.holds_until(hold, NOW) == until


def test_how_a_groups_ticket_reads() -> None:
    """Twenty lines, the rest in the file; no cell is a formula."""
    many = [member(f"{number:02}", NOW + number) for number in range(25)]
    found = groups.look([*many, member("99", NOW, NOW + 1)], 0, 0, NOW + 60)
    text = groups.described("What\n", found, 30)
    assert text.startswith("What\n\nOne ticket for 25:\n- line 00\n")
    assert "- … 5 more in members.csv" in text
    assert "- 30 in all" in text
    note = groups.news(found, NOW + 3)
    assert note.startswith("25 of 26 go on; members.csv has the list.\n\nBegan:\n- line 03")
    assert "- … 2 more" in note
    assert "Ended:" not in note
    rows = groups.listing(found).splitlines()
    assert rows[0] == "state,severity,what,received"
    assert rows[1] == "open,high,line 00,1970-01-01T02:46:40Z"
    assert rows[-1].startswith("ended,high,line 99")
    evil = replace(many[0], line="=cmd|' /C calc'!A0", severity=0)
    assert "open,,'=cmd" in groups.listing(groups.look([evil], 0, 0, NOW))
