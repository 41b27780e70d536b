"""An owner's own recipes: what is refused when one is saved, and what they make of events."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from actionsync.errors import InvalidInputError
from actionsync.events import sources
from actionsync.events.own_recipes import RecipeToSave, tried
from actionsync.events.owners import ENTRIES, Owners
from actionsync.events.recipes import paths
from actionsync.events.recipes.models import Recipe
from actionsync.events.sources import envelopes
from actionsync.events.sources.protocol import Context
from functions.update_recipe.operation import BODY, RECIPE
from tests.template import ROOT

NOW = datetime(2026, 1, 10, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("a | b", "pipes"),
        ("length(&b)", "&"),
        ("[a, b]", "lists"),
        ("{a: b}", "objects"),
        ("a[*].whole()", "for each element"),
        ("a.b.c(", "no JMESPath"),
        ("map(a)", "names the function map"),
        ("!a.b", "write !(a.b)"),
        ("a" * 301, "at most 300"),
        ("hash([a, b])", "lists"),
        ("a.join('', [@, @]).merge(@)", "names the function merge"),
    ],
)
def test_a_path_that_says_too_much_is_refused(path: str, said: str) -> None:
    """What could grow, or reach beyond the event, is refused by its syntax tree."""
    with pytest.raises(ValueError, match=r".") as refused:
        paths.checked(path)
    assert said in str(refused.value)


def test_no_path_grows() -> None:
    """What doubles in few characters stays bounded."""
    doubling = "a" + ".join('', [@, @])" * 17
    found = paths.search(paths.checked(doubling), {"a": "x" * 4000}, paths.Scope({}))
    assert len(found) <= 20_000


@given(st.text(alphabet="ab.[]*?&|'\"`@!=(){},:01 ", max_size=60), st.data())
def test_no_path_raises(path: str, data: st.DataObject) -> None:
    """A path is refused when it is saved, or leads somewhere, or nowhere."""
    try:
        paths.checked(path)
    except ValueError:
        return
    leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    value = data.draw(st.dictionaries(st.sampled_from("ab"), leaves | st.lists(leaves)))
    paths.search(path, value, paths.Scope(value))


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        ("one_of(a, 'x', 'Y')", "y", True),
        ("one_of(a, '3')", 3, True),
        ("one_of(a, 'true')", True, True),
        ("one_of(a, 'null')", None, False),
        ("contains(a, 'b')", None, False),
        ("join('/', [a, 'x'])", None, None),
        ("to_string(a)", None, None),
        (
            "first(a, ':', `7`)",
            "arn:aws:lambda:r:1:function:f:live",
            "arn:aws:lambda:r:1:function:f",
        ),
        ("first(a, ':', `7`)", "arn:aws:lambda:r:1:function:f", "arn:aws:lambda:r:1:function:f"),
        (
            "lines(a)",
            {"team": "shop", "shards": 3, "more": ["x"]},
            'team: shop\nshards: 3\nmore: ["x"]',
        ),
        ("lines(a)", ["shop", 3], "shop\n3"),
        ("lines(a)", "shop", "shop"),
        ("lines(a)", None, None),
        ("before_last(a, ':')", "job:7", "job"),
        ("after_last(a, '#')", "http://x#RDS-EVENT-0091", "RDS-EVENT-0091"),
        ("arn(a, 'region')", "arn:aws:rds:eu-west-1:1:db:x", "eu-west-1"),
        ("arn(a, 'region')", 7, ""),
        ("number(a)", "$1,250.50", 1250.5),
        ("number(a)", True, None),
        ("line(a, 'Budget Name:')", "x\nBudget Name: shop\ny", "shop"),
        ("moment(a)", "Fri, 3 Jun 2022 06:02:51 GMT", "2022-06-03T06:02:51Z"),
        ("moment(a)", "Sep 1, 2017 4:12:29 PM", "2017-09-01T16:12:29Z"),
        ("moment(a)", "Wed Sep 04 16:59:44.356 UTC 2024", "2024-09-04T16:59:44Z"),
        ("moment(a)", "2021-05-09 00:07:30.285", "2021-05-09T00:07:30Z"),
        ("moment(a)", "2026-03-02T08:00:00.123456789Z", "2026-03-02T08:00:00Z"),
        ("moment(a)", "1772439655000", "2026-03-02T08:20:55Z"),
        ("moment(a)", 1772439655, "2026-03-02T08:20:55Z"),
        ("moment(a)", "", None),
        ("moment(a)", "soon", None),
        ("json(a).b", '{"b": 1}', 1),
        ("json(a).b", "{", None),
        ("hash(a, a) == hash(a)", "x", False),
        ("replace(a, 'b', 'c')", "abc", "acc"),
    ],
)
def test_a_function_takes_whatever_comes(function: str, value: Any, expected: Any) -> None:
    """Each named function, with what it is for and with nonsense."""
    assert paths.search(paths.checked(function), {"a": value}, paths.Scope({})) == expected


def saved(**changes: Any) -> RecipeToSave:
    """Return what is asked to be saved, with changes by dotted names."""
    body = copy.deepcopy(BODY)
    for name, value in changes.items():
        body[name] = value
    return RecipeToSave.model_validate_json(json.dumps(body))


EXAMPLES = sorted((ROOT / "docs/recipes").glob("*.json"))


@pytest.mark.parametrize("file", EXAMPLES, ids=[file.stem for file in EXAMPLES])
def test_each_worked_example_can_be_saved(file: Path) -> None:
    """The recipes of the guide work on their examples, whose two beginnings are one ticket."""
    asked = RecipeToSave.model_validate_json(file.read_text())
    assert len(set(tried("ada", file.stem, asked))) == 1
    assert asked.recipe.sources == [f"webhook:{file.stem}"]
    assert f"recipes/{file.name}" in (ROOT / "docs/your-own-event.md").read_text()


def test_a_recipe_that_works_shows_its_keys() -> None:
    """Equal keys are one ticket; different ones are two."""
    assert tried("ada", "x", saved()) == ["/cart", "/cart"]
    other = copy.deepcopy(BODY["triggers"])
    other[1]["detail"]["page"] = "/pay"
    assert tried("ada", "x", saved(triggers=other)) == ["/cart", "/pay"]


def test_a_recipe_that_does_not_work_is_refused() -> None:
    """The field that is wrong is named."""
    first, _ = BODY["triggers"]
    elsewhere = {**first, "source": "another"}
    without_key = {**first, "detail": {**first["detail"], "page": None}}
    other_end = {**BODY["end"], "detail": {**BODY["end"]["detail"], "page": "/pay"}}
    for changes, field in (
        ({"triggers": [first, BODY["end"]]}, "triggers.1"),
        ({"triggers": [elsewhere, first]}, "triggers.0"),
        ({"triggers": [without_key, first]}, "triggers.0"),
        ({"triggers": [{"Type": 1}, first]}, "triggers.0"),
        ({"end": None}, "end"),
        ({"end": first}, "end"),
        ({"end": other_end}, "end"),
    ):
        with pytest.raises(InvalidInputError) as refused:
            tried("ada", "x", saved(**changes))
        assert [error.field for error in refused.value.errors] == [field]


@pytest.mark.parametrize(
    "change",
    [
        {"ends": "none"},
        {"ends": "silent"},
        {"forms": []},
        {"forms": [{**RECIPE["forms"][0], "trigger": None}]},
        {"forms": [{**RECIPE["forms"][0], "key": ["'always'"]}]},
        {"forms": [{**RECIPE["forms"][0], "title": "{{password}}"}]},
        {"forms": [{**RECIPE["forms"][0], "columns": {"state": "6"}}]},
        {"code": "import os"},
    ],
)
def test_a_recipe_that_is_none_is_refused(change: dict[str, Any]) -> None:
    """It says a beginning, its end as it promises, and nothing that it may not."""
    with pytest.raises(ValidationError):
        Recipe.model_validate({**RECIPE, **change})


def test_only_the_owners_recipes_read_an_event() -> None:
    """An event that names another user is none of theirs; without one it is dropped, visibly."""
    recipe = Recipe.model_validate(RECIPE)
    event = {**BODY["triggers"][0], "detail": {**BODY["triggers"][0]["detail"], "user_id": "ada"}}
    message = envelopes.read(json.dumps(event), NOW)
    context = Context(NOW, "", recipes_of=lambda owner: {"speed": recipe} if owner == "ada" else {})
    (found,) = sources.read(message, context).events
    assert (found.owner, found.source, found.severity) == ("ada", "custom.speed", "high")
    message.detail["user_id"] = "eve"
    dropped = sources.read(message, context)
    assert (dropped.events, dropped.unknown) == ((), "shop.speed: Speed Test")


def test_who_answers_for_what() -> None:
    """The first entry that fits decides; who answered before gets ends and notes."""
    entries = ENTRIES.validate_python(
        [
            {"match": {"account": "1111*", "name": "shop-*"}, "owner": "team/shop"},
            {"match": {"region": "eu-*"}, "owner": "ada"},
        ]
    )
    owners = Owners(entries)
    assert owners.of("111122223333", "eu-west-1", "shop-5xx") == ("team/shop", [])
    assert owners.of("111122223333", "eu-west-1", "search") == ("ada", [])
    assert owners.of("999900001111", "us-east-1", "shop-5xx") == ("", [])
    moved = owners.replaced_by(ENTRIES.validate_python([{"owner": "bob"}]), "auto")
    assert moved.of("111122223333", "eu-west-1", "shop-5xx") == (
        "bob", ["team/shop", "ada", "auto"],
    )  # fmt: skip
    stored = Owners.parse(json.dumps(moved.document()))
    assert stored.of("999900001111", "us-east-1", "x") == ("bob", ["auto"])


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"source": "aws.cloudwatch", "detail": {"alarmName": "x", "state": {"value": "OK"}}},
         ["europe", ""]),
        ({"source": "my.app", "detail-type": "Application Error",
          "detail": {"user_id": "ada", "service": "x", "message": "y"}}, [""]),
    ],
)  # fmt: skip
def test_an_entry_names_a_connection(event: dict[str, Any], expected: list[str]) -> None:
    """Of the events that the list gives its owner; whoever names the owner is not asked."""
    entries = [{"match": {"region": "eu-*"}, "owner": "ada", "connection": "europe"}]
    owners = Owners(ENTRIES.validate_python([{"owner": "bob"}])).replaced_by(
        ENTRIES.validate_python(entries)
    )
    common = {"detail-type": "CloudWatch Alarm State Change", "region": "eu-west-1",
              "account": "111122223333", "time": "2026-01-10T10:00:00Z"}  # fmt: skip
    message = envelopes.read(json.dumps(common | event), NOW)
    found = sources.read(message, Context(NOW, "auto", owners=lambda: owners)).events
    assert [item.connection for item in found] == expected
    with pytest.raises(ValidationError):
        ENTRIES.validate_python([{"owner": "ada", "connection": "Eu/../x"}])


def test_a_former_owner_gets_ends_alone() -> None:
    """A trigger goes to today's owner, an end to whoever may have its ticket."""
    owners = Owners(ENTRIES.validate_python([{"owner": "ada"}])).replaced_by(
        ENTRIES.validate_python([{"owner": "bob"}])
    )
    for state, expected in (("ALARM", ["bob"]), ("OK", ["bob", "ada"])):
        event = {
            "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change",
            "account": "111122223333", "region": "eu-west-1", "time": "2026-01-10T10:00:00Z",
            "detail": {"alarmName": "x", "state": {"value": state}},
        }  # fmt: skip
        message = envelopes.read(json.dumps(event), NOW)
        found = sources.read(message, Context(NOW, "auto", owners=lambda: owners)).events
        assert [item.owner for item in found] == expected


def read_by_own(event: dict[str, Any]) -> Any:
    """Return what the recipe of the guide makes of an event of ada's, whatever its source."""
    recipe = Recipe.model_validate_json(json.dumps({**RECIPE, "sources": ["*"]}))
    message = envelopes.read(json.dumps(event), NOW)
    return sources.read(message, Context(NOW, recipes_of=lambda _: {"any": recipe}))


@pytest.mark.parametrize("source", ["actionsync", "actionsync.servicenow", "actionsync.x"])
def test_what_the_product_says_itself_never_becomes_a_ticket(source: str) -> None:
    """Whatever a recipe reads: no loop by way of the bus."""
    event = copy.deepcopy(BODY["triggers"][0]) | {"source": source}
    event["detail"]["user_id"] = "ada"
    found = read_by_own(event)
    assert (found.events, found.unknown) == ((), f"{source}: the product's own")
    assert len(read_by_own(event | {"source": "shop"}).events) == 1


def test_a_part_of_a_key_that_is_very_long_is_hashed() -> None:
    """Two that differ at their end are two things, and the key stays short."""
    keys = set()
    for end in ("a", "b"):
        event = copy.deepcopy(BODY["triggers"][0])
        event["detail"] |= {"user_id": "ada", "page": "/" + "x" * 100_000 + end}
        (found,) = read_by_own(event).events
        keys.add(found.key)
        assert len(found.texts["title"]) <= 200
    assert len(keys) == 2
    assert max(map(len, keys)) <= 32


def test_an_element_that_was_cut_says_so() -> None:
    """On the ticket, as an assumption."""
    webhook = {"id": "1" * 32, "name": "eu", "owner": "ada", "source": "generic"}
    message = {"version": 1, "webhook": webhook, "delivery": "d", "headers": {}, "whole": {},
               "element": {"dedup_key": "x"}, "is_cut": True}  # fmt: skip
    (found,) = sources.read(envelopes.read(json.dumps(message), NOW), Context(NOW)).events
    assert found.assumptions == ("The event was larger than 200 KB: long texts were cut",)
