"""Rules and their texts: what is refused when saved, and that the defaults hold."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from actionsync.events import drafts
from actionsync.events.models import IncomingEvent
from actionsync.events.recipes.catalogue import recipe
from actionsync.events.sources import SOURCES
from actionsync.rules import texts
from actionsync.rules.ends import End
from actionsync.rules.models import DeploymentRule, IncidentRule, Rules
from actionsync.rules.patterns import fits
from actionsync.rules.sections import OCCURRENCES, RECIPES, SENT_ONCE, WITHOUT_ENDS
from actionsync.rules.sections import SOURCES as SOURCE_NAMES


def _templates(rule: BaseModel) -> list[str]:
    named = ("description", "short_description", "note")
    return [
        value
        for name, value in rule
        if isinstance(value, str) and (name.endswith(named) and "{{" in value)
    ]


def test_the_defaults_are_valid_rules() -> None:
    """Defaults are not checked when a process starts, so they are here."""
    rules = Rules()
    assert Rules.model_validate_json(rules.model_dump_json()) == rules
    found = [text for _, rule in rules if isinstance(rule, BaseModel) for text in _templates(rule)]
    assert len(found) == 13
    for text in found:
        assert texts.checked(text) == text


@pytest.mark.parametrize(
    "template",
    ["{{#title}}", "{{/title}}", "{{#title}}{{/message}}", "{{title", "{{password}}", "{{> file}}",
     "{{title.__class__}}", "{{=<% %>=}}", "{{^title}}{{nothing}}{{/title}}",
     "{{#title}}{{nothing}}{{/title}}", ""],
)  # fmt: skip
def test_a_bad_template_is_refused(template: str) -> None:
    """Not whole, naming what no event has, or reaching outside of the event."""
    with pytest.raises(ValidationError):
        Rules.model_validate({"errors": {"description": template}})


def test_an_events_text_is_no_template() -> None:
    """What an event says is filled in once and as it is."""
    assert texts.fill("{{title}} & {{message}}", {"title": "{{message}}<b>", "message": "x"}) == (
        "{{message}}<b> & x"
    )


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"errors": {"severities": ["terrible"]}}, "severities"),
        ({"errors": {"fields": {"state": "6"}}}, "errors"),
        ({"errors": {"fields": {"sys_id": "x"}}}, "fields"),
        ({"errors": {"assignment_group": "a^b"}}, "assignment_group"),
        ({"errors": {"recurrence": {"note_every_minutes": 0}}}, "note_every_minutes"),
        ({"errors": {"end": {"do": "guess"}}}, "do"),
        ({"deployments": {"change_type": "standard"}}, "deployments"),
        ({"deployments": {"template": "x"}}, "deployments"),
        ({"github": {"events": ["push"]}}, "events"),
        ({"unknown": {}}, "unknown"),
    ],
)
def test_a_bad_rule_is_refused(rules: dict[str, Any], field: str) -> None:
    """The error names the field."""
    with pytest.raises(ValidationError) as caught:
        Rules.model_validate(rules)
    assert any(field in map(str, error["loc"]) for error in caught.value.errors())


def test_patterns_choose() -> None:
    """A fallback wants what a pattern includes and none excludes."""
    rule = IncidentRule(include=["shop-*", "checkout"], exclude=["*-test"])
    wanted = {
        name: rule.refusal(event(name=name, severity=severity)) is None
        for name, severity in (
            ("shop-api", "high"), ("checkout", "critical"), ("SHOP-Web", "high"),
            ("shop-test", "high"), ("other", "high"), ("shop-low", "low"),
        )
    }  # fmt: skip
    assert [name for name, is_wanted in wanted.items() if is_wanted] == [
        "shop-api", "checkout", "SHOP-Web",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("[PROD] *", "[PROD] checkout", True),
        ("[PROD] *", "P checkout", False),
        ("[prod] *", "[PROD] Checkout", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("*", "", True),
        ("a.c", "abc", False),
        ("!x", "!x", True),
        ("[!a]", "[!a]", True),
        ("*\\n*", "a\\nb", True),
        ("ä*", "Äpfel", True),
    ],
)
def test_only_stars_and_question_marks_are_special(
    pattern: str, text: str, *, expected: bool
) -> None:
    """And case does not count."""
    assert fits(text, pattern) == expected


def test_many_stars_take_no_time() -> None:
    """A pattern is matched from left to right, never back and forth."""
    assert not fits("a" * 20_000 + "c", "*a" * 60 + "*b")


# ---- the ordered list


def event(**values: Any) -> IncomingEvent:
    """Return an event of an application."""
    now = datetime(2026, 1, 12, 10, 0, tzinfo=UTC)  # a Monday
    given: dict[str, Any] = {
        "id": "1", "owner": "ada", "source": "application", "kind": "incident", "key": "k",
        "action": "trigger", "moment": now, "received_at": now, "severity": "high",
        "name": "shop", "service": "shop", "environment": "production",
        "account": "111122223333", "region": "eu-west-1",
        "labels": {"team": "blue"}, "texts": {"title": "shop: Payment failed"}, **values,
    }  # fmt: skip
    return IncomingEvent(**given)


def listed(*matches: dict[str, Any], **more: Any) -> Rules:
    """Return rules with a list of these conditions."""
    rules = [
        {"name": f"rule {number}", "match": match, "then": {"category": f"{number}"}}
        for number, match in enumerate(matches)
    ]
    return Rules.model_validate({"rules": rules, **more})


@pytest.mark.parametrize(
    ("match", "value"),
    [
        ({"source": "github"}, "source: 'application'"),
        ({"source": ["application", "github"]}, None),
        ({"kind": "change"}, "kind: 'incident'"),
        ({"severity": ["critical", "low"]}, "severity: 'high'"),
        ({"severity": "high"}, None),
        ({"title": "*payment*"}, None),
        ({"title": "*login*"}, "title:"),
        ({"service": ["search", "sh*"]}, None),
        ({"environment": "prod*"}, None),
        ({"environment": "staging"}, "environment: 'production'"),
        ({"account": "1111*", "region": "eu-*"}, None),
        ({"region": "us-*"}, "region: 'eu-west-1'"),
        ({"labels": {"team": "blue"}}, None),
        ({"labels": {"team": ["red", "green"]}}, "labels.team: 'blue'"),
        ({"labels": {"owner": "*?"}}, "labels.owner: ''"),
        ({"service": "shop", "severity": "critical"}, "severity"),
        ({"hours": {"start": "08:00", "end": "18:00", "days": ["mon"]}}, None),
        ({"hours": {"start": "12:00", "end": "18:00"}}, "hours"),
        ({"hours": {"start": "18:00", "end": "08:00"}}, "hours"),
        ({"hours": {"start": "18:00", "end": "08:00", "time_zone": "Asia/Tokyo"}}, None),
        ({"hours": {"days": ["tue", "sun"]}}, "hours"),
        ({"hours": {"start": "22:00", "end": "10:30", "days": ["sun"]}}, None),
        ({"hours": {"start": "22:00", "end": "10:30", "days": ["mon"]}}, "hours"),
        ({}, None),
    ],
)
def test_all_that_a_rule_names_must_hold(match: dict[str, Any], value: str | None) -> None:
    """Else its first condition that does not is named, with the event's value."""
    found = listed(match).rule_for(event())
    assert found.is_fallback == (value is not None)
    if value is not None:
        assert [name for name, _ in found.passed] == ["rule 0"]
        assert value in found.passed[0][1]


@settings(max_examples=60, deadline=None)
@given(
    matches=st.lists(
        st.sampled_from([{"severity": "high"}, {"severity": "low"}, {"service": "s*"},
                         {"environment": "staging"}, {}]), max_size=6
    )
)  # fmt: skip
def test_exactly_one_rule_fires(matches: list[dict[str, Any]]) -> None:
    """The first of those that match, whatever stands around it; else the fallback."""
    found = listed(*matches).rule_for(event())
    fits_event = [
        f"rule {number}"
        for number, match in enumerate(matches)
        if listed(match).rule_for(event()).name == "rule 0"
    ]
    assert found.name == (fits_event[0] if fits_event else "errors")
    assert len(found.passed) == (int(found.name.partition(" ")[2]) if fits_event else len(matches))


def test_what_a_rule_leaves_out_is_its_fallbacks() -> None:
    """Texts, recovery and levels stay; what it names is in their place."""
    then = {"assignment_group": "Shop", "urgency": 1, "cmdb_ci": "shop-prod",
            "columns": {"u_team": "{{labels.team}}", "u_none": "{{labels.none}}", "u_fixed": "x"},
            "closing_columns": {"u_cause": "known"}, "reopening_columns": {"u_again": True},
            "recurrence": {"reopen_within_hours": 1}}  # fmt: skip
    rules = Rules.model_validate(
        {
            "rules": [{"name": "shop", "match": {"service": "shop"}, "then": then}],
            "errors": {"category": "software", "short_description": "!{{title}}"},
        }
    )
    found = rules.rule_for(event(severity="low"))
    assert found.name == "shop"
    assert isinstance(found.then, IncidentRule)
    assert found.then.closing_fields == {"u_cause": "known"}
    assert found.then.reopening_fields == {"u_again": True}
    assert found.then.recurrence.reopen_within_hours == 1
    draft = drafts.ticket(event(severity="low"), found.then, event().texts, "c-1")
    assert draft.columns["short_description"] == "!shop: Payment failed"
    assert (draft.columns["urgency"], draft.columns["impact"]) == ("1", "2")
    assert draft.columns["assignment_group"] == "Shop"
    assert draft.columns["category"] == "software"
    assert (draft.columns["cmdb_ci"], draft.columns["u_team"]) == ("shop-prod", "blue")
    assert draft.columns["u_fixed"] == "x"
    assert "u_none" not in draft.columns
    assert rules.named("shop", event()).closing_fields == {"u_cause": "known"}
    assert rules.named("gone", event()) == rules.errors


def test_ignore_makes_no_ticket() -> None:
    """And stands before the fallback and its filters."""
    rules = Rules.model_validate(
        {"rules": [{"name": "quiet", "match": {"service": "shop"}, "then": "ignore"},
                   {"name": "loud", "then": {}}]}
    )  # fmt: skip
    assert rules.rule_for(event()).then is None
    assert rules.rule_for(event()).reason == "ignore"
    assert rules.rule_for(event(service="search", severity="info")).name == "loud"


def test_each_source_has_its_fallback() -> None:
    """By what the event becomes, and an alarm's is its own."""
    rules = Rules()
    names = {
        ("application", "incident"): "errors", ("github", "incident"): "errors",
        ("cloudwatch", "incident"): "alarms", ("codepipeline", "change"): "deployments",
        ("github", "change"): "deployments", ("meetings", "action_item"): "meetings",
    }  # fmt: skip
    for (source, kind), name in names.items():
        of_kind = {"event": "issues", "label": "incident"}
        if kind == "change":
            of_kind = {"event": "deployment"}
        found = rules.rule_for(
            event(source=source, kind=kind, labels={"required": "true", **of_kind})
        )
        assert (found.name, found.is_fallback, found.reason) == (name, True, "")


def test_what_of_github_counts_is_asked_first() -> None:
    """An event that the section leaves out is no rule's."""
    found = listed({}).rule_for(event(source="github", labels={"event": "check_run"}))
    assert (found.name, found.then) == ("github", None)
    assert "check_run" in found.reason


def test_autoscalings_alarms_are_excluded_by_default() -> None:
    """They go off by design."""
    for name in ("TargetTracking-service/c/web-AlarmLow-1", "TargetTracking-table/x-AlarmHigh-2"):
        found = Rules().rule_for(event(source="cloudwatch", name=name))
        assert found.then is None
        assert "TargetTracking-*" in found.reason
    assert Rules().rule_for(event(source="cloudwatch", name="checkout-5xx")).then is not None


def test_a_narrowed_rule_is_for_what_becomes_such_a_ticket() -> None:
    """`ticket` names the table."""
    rules = Rules.model_validate(
        {"rules": [{"name": "changes", "then": {"ticket": "change_request", "impact": 1}}]}
    )
    assert rules.rule_for(event()).passed[0][1].startswith("ticket:")
    found = rules.rule_for(event(kind="change", source="deployments"))
    assert found.name == "changes"
    assert isinstance(found.then, DeploymentRule)
    assert found.then.impact == "1"


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"then": {"hold": {"minutes": 0}}}, "minutes"),
        ({"then": {"group_by": ["colour"]}}, "group_by"),
        ({"then": {"during_change": "wait"}}, "during_change"),
        ({"then": {"during_change": {"do": "hold", "longest_hours": 73}}}, "longest_hours"),
        ({"match": {"kind": "change"}, "then": {"during_change": "open"}}, "during_change"),
        ({"then": {"connection": "Not a name"}}, "connection"),
        ({"then": {"columns": {"state": "6"}}}, "state"),
        ({"then": {"columns": {"u_x": "{{password}}"}}}, "password"),
        ({"then": {"urgency": "1^active=true"}}, "urgency"),
        ({"then": "drop"}, "then"),
        ({"match": {"severity": "terrible"}, "then": "ignore"}, "severity"),
        ({"match": {"source": "githob"}, "then": "ignore"}, "source"),
        ({"match": {"colour": "red"}, "then": "ignore"}, "colour"),
        ({"match": {"service": []}, "then": "ignore"}, "service"),
        ({"match": {"hours": {"time_zone": "Mars/North"}}, "then": "ignore"}, "time_zone"),
        ({"match": {"hours": {"start": "25:00"}}, "then": "ignore"}, "start"),
        ({"name": "", "then": "ignore"}, "name"),
        ({"name": "x ", "then": "ignore"}, "name"),
    ],
)
def test_what_no_rule_can_say_is_refused(rule: dict[str, Any], field: str) -> None:
    """With the field's name; what comes later is refused until it does."""
    with pytest.raises(ValidationError) as caught:
        Rules.model_validate({"rules": [{"name": "a", **rule}]})
    assert field in str(caught.value)


def test_names_are_unique_and_the_list_is_bounded() -> None:
    """Activity names a ticket's rule."""
    rule = {"name": "a", "then": "ignore"}
    with pytest.raises(ValidationError, match="unique: a"):
        Rules.model_validate({"rules": [rule, rule]})
    many = [{"name": f"rule {number}", "then": "ignore"} for number in range(201)]
    Rules.model_validate({"rules": many[:200]})
    with pytest.raises(ValidationError, match="200"):
        Rules.model_validate({"rules": many})


def test_the_sources_of_rules_are_the_sources() -> None:
    """A new source is named in the rules, too."""
    assert set(SOURCE_NAMES) == {source.NAME for source in SOURCES}


def test_an_event_opens_no_code_tag() -> None:
    """ServiceNow renders as HTML what stands between [code] and [/code]."""
    text = texts.fill("{{title}} {{labels.x}}", {"title": "[code]<b>[/CODE]"}, {"x": "[ code ]"})
    assert "[code" not in text.lower()
    assert "[/code" not in text.lower()
    assert texts.fill("[code]{{title}}[/code]", {"title": "x"}) == "[code]x[/code]"


@pytest.mark.parametrize(
    ("rule", "place", "said"),
    [
        ({"then": {"urgency": "1^x"}}, "then.urgency", "must not contain ^"),
        ({"match": {"kind": "incident"}, "then": {"ticket": "change_request"}}, "then.ticket",
         "incident becomes that"),
        ({"match": {"kind": "change"}, "then": {"end": {"do": "note"}}}, "then.end", "incidents"),
        ({"then": {"ticket": "change_request", "end": {"do": "note"}}}, "then.end", "incidents"),
        ({"then": {"end": {"silent": 24}}}, "then.end.silent", "without match.source"),
        ({"match": {"kind": "change"}, "then": {"hold": {"minutes": 5}}}, "then.hold", "incidents"),
        ({"then": {"hold": {"count": 3, "within_minutes": 5}}}, "then.hold.count", "count their"),
        ({"match": {"source": ["application", "alertmanager"]},
          "then": {"hold": {"count": 3, "within_minutes": 5}}}, "then.hold.count", "count their"),
        ({"match": {"source": ["guardduty", "cloudwatch"]}, "then": {"end": {"silent": 24}}},
         "then.end.silent", "cloudwatch may not"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_by_the_rules_name(
    rule: dict[str, Any], place: str, said: str
) -> None:
    """A place in a list of two hundred says little."""
    with pytest.raises(ValidationError) as caught:
        Rules.model_validate({"rules": [{"name": "other", "then": {}}, {"name": "Shop", **rule}]})
    (error,) = caught.value.errors()
    assert ".".join(map(str, error["loc"])) == f"rules.1.{place}"
    assert error["msg"].startswith("rule 'Shop': ")
    assert said in error["msg"]


@pytest.mark.parametrize(
    "rules", [{"alarms": {"end": {"silent": 1}}}, {"sources": {"config": {"end": {"silent": 1}}}}]
)
def test_silence_says_nothing_where_a_thing_is_sent_once(rules: dict[str, Any]) -> None:
    """An alarm that goes on for days has one event."""
    with pytest.raises(ValidationError, match=r"end\.silent"):
        Rules.model_validate(rules)
    assert End(silent=5).silent_seconds("github", 0) == 0
    assert End(silent=5).silent_seconds("guardduty", 24) == 5 * 3600
    assert End().silent_seconds("guardduty", 24) == 24 * 3600
    assert End(silent=0).silent_seconds("guardduty", 24) == 0


def test_what_a_rule_says_of_ends_is_added_to_the_fallbacks() -> None:
    """The rest is as the fallback has it."""
    rules = Rules.model_validate(
        {"rules": [{"name": "a", "match": {"source": "application"},
                    "then": {"end": {"silent": 4}, "recurrence": {"note_every_minutes": 5}}}],
         "errors": {"end": {"do": "note", "settle": 30}, "recurrence": {"reopen_within_hours": 1}}}
    )  # fmt: skip
    then = rules.rule_for(event()).then
    assert isinstance(then, IncidentRule)
    assert (then.end.do, then.end.settle, then.end.silent) == ("note", 30, 4)
    assert (then.end.settle_seconds, then.end.flapping_seconds) == (1800, 1800)
    assert (End().settle_seconds, End().flapping_seconds) == (0, 900)
    assert (then.recurrence.note_every_minutes, then.recurrence.reopen_within_hours) == (5, 1)


def test_each_source_says_whether_its_repeats_count_and_whether_it_sends_again() -> None:
    """What counts each occurrence is in OCCURRENCES, and nothing else; both lists name sources."""
    known = set(SOURCE_NAMES) | set(RECIPES)
    assert known >= OCCURRENCES | SENT_ONCE
    recipes = {name: recipe(name) for name in RECIPES}
    counted = {
        name
        for name, built in recipes.items()
        if all(form.repeat == "occurrence" for form in built.forms)
    }
    assert counted | {"application"} == OCCURRENCES
    no_ends = {name for name, built in recipes.items() if built.ends == "none"}
    # A line of a log, and an application's error, are over once no further one comes.
    assert no_ends | {"application", "logs"} == WITHOUT_ENDS
    assert not {name for name, built in recipes.items() if built.ends == "silent"} & SENT_ONCE
