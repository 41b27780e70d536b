"""The guide "Rules": each of its ten cases, run on events as the replay runs them."""

import json
import re
from typing import Any

import pytest

from actionsync.events import drafts
from actionsync.rules.models import Rules
from tests.documents import blocks
from tests.integration.test_rules_replay import end, entry, replayed
from tests.template import ROOT
from tests.unit.actionsync.test_rules import event

GUIDE = (ROOT / "docs/rules.md").read_text()
CASES = {
    rule["name"]: rule
    for rule in map(
        json.loads, re.findall(r"```json\n(.*?)```", GUIDE.partition("## Ten")[2], re.DOTALL)
    )
}

# Minutes count from 11:00 in Berlin.
NIGHT = 10 * 60
STORIES: dict[str, tuple[list[dict[str, Any]], list[list[str]]]] = {
    "No staging": (
        [entry(0, environment="staging"), entry(1, "b", environment="test-7"),
         entry(2, "c", environment="production")],
        [["ignored"], ["ignored"], ["opened"]],
    ),
    "Payments": ([entry(0, labels={"team": "payments"})], [["opened"]]),
    "Orders": ([entry(0, "orders-api")], [["opened"]]),
    "Five minutes": (
        [entry(0), end(4), entry(10), end(20), entry(30, "b", severity="critical")],
        [["held", "healed", "held", "opened", "resolved"], ["opened"]],
    ),
    "Three times": (
        [entry(0, "nightly-copy"), entry(10, "nightly-copy"), entry(20, "nightly-copy"),
         entry(1, "nightly-mail"), entry(41, "nightly-mail")],
        [["held", "opened"], ["held"]],
    ),
    "Nights": (
        [entry(NIGHT, "a"), end(NIGHT + 60, "a"), entry(NIGHT + 1, "b"),
         entry(NIGHT + 2, "c", severity="critical"), entry(NIGHT + 700, "d")],
        [["held", "healed"], ["held", "opened"], ["opened"], ["opened"]],
    ),
    "Digest": (
        [entry(0, "a", severity="low"), entry(8, "b", severity="info"), entry(9, "c")],
        [["grouped"], ["held", "opened"], ["grouped"], ["opened"]],
    ),
    "By control": (
        [entry(number, f"bucket-{number}", labels={"control": "S3.1"}) for number in range(3)]
        + [entry(3, "other", labels={"control": "S3.2"}), end(5, "other")],
        [["grouped"], ["held", "opened"], ["grouped"], ["grouped"], ["grouped", "grouped"],
         ["held", "healed"]],
    ),
    "Flapping": (
        [entry(0, "uplink"), end(5, "uplink"), entry(20, "uplink"), end(30, "uplink")],
        [["opened", "noted", "resolved"]],
    ),
    "Stale": ([entry(0, "scanner")], [["opened", "resolved"]]),
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_a_case_does_what_the_guide_says(name: str) -> None:
    """Saved as it stands there; keys and groups in the order in which they came."""
    entries, expected = STORIES[name]
    answer = replayed(entries, CASES[name])
    found = [[outcome["outcome"] for outcome in one["outcomes"]] for one in answer["keys"]]
    assert found == expected


def test_the_guide_has_ten_cases_and_each_is_run() -> None:
    """By its name; together they are valid rules."""
    assert list(CASES) == list(STORIES)
    assert len(CASES) == 10
    Rules.model_validate({"rules": list(CASES.values())})


def test_the_guide_has_each_field_of_a_fallback() -> None:
    """In its tables or its text; and the defaults that it names are the models'."""
    named = set(re.findall(r"`(\w+)`", GUIDE))
    for name, field in Rules.model_fields.items():
        section = field.annotation
        if name not in {"rules", "sources", "github", "recent_events"}:
            assert section is not None
            assert set(section.model_fields) <= named, name
    errors = Rules().errors
    assert errors.severities == ["critical", "high"]
    assert errors.recurrence.model_dump() == {"note_every_minutes": 15, "reopen_within_hours": 72}
    shown = re.findall(r"`(\w+)` (\d)/(\d)", GUIDE)
    assert shown == [(name, one.urgency, one.impact) for name, one in errors.levels.items()]


def test_the_guides_first_document_can_be_saved() -> None:
    """It and the notice are the blocks beside the cases."""
    document, _, *cases = blocks("docs/rules.md", "json")
    assert len(Rules.model_validate_json(document).rules) == 2
    assert list(map(json.loads, cases)) == list(CASES.values())


def test_who_gets_what() -> None:
    """The group, and the columns from the event."""
    rules = Rules.model_validate({"rules": [CASES["Payments"], CASES["Orders"]]})
    for happened, wanted in (
        (event(labels={"team": "payments", "env": "prod"}),
         {"assignment_group": "Database", "u_env": "prod"}),
        (event(service="orders-db", labels={}),
         {"cmdb_ci": "Orders DB", "assignment_group": "support_group_of_ci"}),
    ):  # fmt: skip
        then = rules.rule_for(happened).then
        assert then is not None
        columns = drafts.ticket(happened, then, happened.texts, "c").columns
        assert columns.items() >= wanted.items()
