"""Rules and their texts: what is refused when saved, and that the defaults hold."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from actionsync.rules import texts
from actionsync.rules.models import IncidentRule, Rules


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
    found = [text for _, rule in rules for text in _templates(rule)]
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
        ({"errors": {"recovery": "guess"}}, "recovery"),
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
    """A cause is wanted if a pattern includes it and none excludes it."""
    rule = IncidentRule(include=["shop-*", "checkout"], exclude=["*-test"])
    assert rule.wants("shop-api", "high")
    assert rule.wants("checkout", "critical")
    assert not rule.wants("shop-test", "high")
    assert not rule.wants("other", "high")
    assert not rule.wants("shop-api", "low")
