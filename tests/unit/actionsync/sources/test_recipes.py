"""Recipes: what each makes of examples of its events, and what none may do.

The examples are `events/on_event/<source>_<variant>.json`; what they mean stands in
`recipes/<source>.toml`: for each example its events as [action, key, severity, moment, title,
link], the options that are on, what is dropped (`unknown`, `rejected`), and `same_as`, an example
of the same thing.
"""

import json
import re
import tomllib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionsync import clock
from actionsync.events import sources
from actionsync.events.models import IncomingEvent, UnreadableEventError
from actionsync.events.recipes import catalogue
from actionsync.events.sources import envelopes
from actionsync.events.sources.protocol import Context, Reading
from actionsync.rules.models import Rules
from actionsync.rules.sections import RECIPES
from actionsync.rules.sections import SOURCES as SOURCE_NAMES
from tests.template import ROOT

OWNER = "11111111-2222-4333-8444-555555555555"
RECEIVED = datetime(2027, 1, 15, 8, tzinfo=UTC)
_EXPECTED = sorted((Path(__file__).parent / "recipes").glob("*.toml"))
EXAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    name: (file.stem, expected)
    for file in _EXPECTED
    for name, expected in tomllib.loads(file.read_text()).items()
}


def example(name: str) -> dict[str, Any]:
    """Return an example of a recipe's events."""
    body: dict[str, Any] = json.loads(_body(name))
    return body


@cache
def _body(name: str) -> str:
    text = (ROOT / "events/on_event" / f"{name}.json").read_text()
    return str(json.loads(text)["Records"][0]["body"])


@cache
def rules(*options: str) -> Rules:
    """Return rules that switch every recipe on, with some options."""
    on = {source: {"options": list(options)} for source in RECIPES}
    return Rules.model_validate({"sources": on})


def reading(body: Any, *options: str) -> Reading:
    """Return what the recipes read in a message."""
    message = envelopes.read(json.dumps(body), RECEIVED)
    return sources.read(message, Context(RECEIVED, OWNER, lambda _: rules(*options)))


def shown(event: IncomingEvent) -> list[str]:
    """Return an event as the tables of expectations have it."""
    moment = clock.iso(event.moment)
    return [event.action, event.key, event.severity, moment, event.texts["title"],
            event.texts["link"]]  # fmt: skip


def test_every_recipe_has_examples() -> None:
    """Each recipe has examples of its events, and each example an expectation."""
    assert {file.stem for file in _EXPECTED} == set(RECIPES), (
        "a recipe in events/sources/ and its expectations in tests/.../recipes/ have one name"
    )
    files = {file.stem for file in (ROOT / "events/on_event").glob("*.json")}
    assert files - {"valid", "invalid_version"} == set(EXAMPLES), (
        "an example in events/on_event/ and its expectation in tests/.../recipes/ have one name"
    )
    for source in RECIPES:
        actions = {row[0] for of, expected in EXAMPLES.values() if of == source
                   for row in expected.get("events", [])}  # fmt: skip
        has_ends = catalogue.recipe(source).ends in {"event", "later_success"}
        assert {"trigger", *["resolve"] * has_ends} <= actions, (
            f"{source}: an example of its beginning, and its end"
        )


@pytest.mark.parametrize(
    ("line", "said"),
    [("kee = 'id'", r"kee\n"), ("service = 'a['", r"service\n")],
)
def test_a_mistake_in_a_form_names_its_file(
    monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    """Of a recipe with a misspelt key, or a path that is none."""
    text = f"title = 'T'\nends = 'none'\n[[forms]]\nkey = ['id']\n{line}\n"
    monkeypatch.setattr(catalogue, "_text", lambda _: text)
    with pytest.raises(ValueError, match=rf"(?s)^misspelt\.toml: .*forms\.0\.{said}"):
        catalogue.recipe("misspelt")


@pytest.mark.parametrize("source", RECIPES)
def test_a_title_names_labels_of_its_form(source: str) -> None:
    """One that the form does not have would leave a gap, or the title of a fallback."""
    for number, form in enumerate(catalogue.recipe(source).forms):
        named = set(re.findall(r"\blabels\.(\w+)", form.title))
        assert named <= form.labels.keys(), f"{source}.toml: forms.{number}.title"


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_means_what_it_says(name: str) -> None:
    """Each variant of an event becomes what the table says, and nothing else."""
    source, expected = EXAMPLES[name]
    found = reading(example(name), *expected.get("options", []))
    assert [part.reason for part in found.rejected] == expected.get("rejected", [])
    assert [shown(event) for event in found.events] == expected.get("events", [])
    assert {event.source for event in found.events} <= {source}
    assert found.unknown == expected.get("unknown", "")
    if "same_as" in expected:
        twin = reading(example(expected["same_as"]), *expected.get("options", []))
        assert {event.dedup_key for event in found.events} & {
            event.dedup_key for event in twin.events
        }


@pytest.mark.parametrize("source", RECIPES)
def test_a_recipe_ships_off(source: str) -> None:
    """Without a rule that names its source, nothing of it begins; what is open still ends.

    A webhook switches its source on by itself.
    """
    for name, (of, _) in EXAMPLES.items():
        if of == source:
            message = envelopes.read(json.dumps(example(name)), RECEIVED)
            found = sources.read(message, Context(RECEIVED, OWNER))
            begun = {event.source for event in found.events if event.action == "trigger"}
            if message.webhook is None:
                # A plain text is an error of its topic then.
                assert begun <= ({"application"} if message.text else set())
            else:
                switched_on = sources.read(message, Context(RECEIVED, OWNER, lambda _: rules()))
                actions = {event.action for event in found.events}
                assert actions == {event.action for event in switched_on.events}


@pytest.mark.parametrize("source", RECIPES)
def test_a_recipe_says_where_its_shape_is_documented(source: str) -> None:
    """The file begins with a comment that names the sender's own documentation."""
    text = (ROOT / "layers/actionsync/actionsync/events/sources" / f"{source}.toml").read_text()
    comment = text.partition("\ntitle")[0]
    assert comment.startswith("# ")
    assert "https://" in comment
    assert set(catalogue.recipe(source).overlaps) <= {*RECIPES, *SOURCE_NAMES}


ODD = [
    None, "", 0, -1, 1.5, True, [], {}, [None], {"a": None}, "x" * 5000, "null", ["x"], "\ud800",
    "\u00dcn\u00ef\U0001f600",
]  # fmt: skip
TRIGGERS = [
    name for name, (_, expected) in EXAMPLES.items()
    if any(row[0] == "trigger" for row in expected.get("events", []))
]  # fmt: skip


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = (
        value.items() if isinstance(value, dict)
        else enumerate(value) if isinstance(value, list)
        else ()
    )  # fmt: skip
    return [found for name, part in items for found in [(*at, name), *_paths(part, (*at, name))]]


@st.composite
def bent(draw: st.DrawFn) -> dict[str, Any]:
    """Return an example of a beginning with one of its fields missing, or something else."""
    body = example(draw(st.sampled_from(TRIGGERS)))
    root = body if "webhook" not in body else body["element"]
    under = (
        "Message" if root.get("Type") == "Notification" else "detail" if "detail" in root else ""
    )
    *way, last = draw(st.sampled_from([path for path in _paths(root) if path[:1] == (under,)
                                       or (not under)] or [(under,)]))  # fmt: skip
    place = root
    for part in way:
        place = place[part]
    if draw(st.booleans()):
        place[last] = draw(st.sampled_from(ODD))
    elif isinstance(place, dict):
        del place[last]
    return body


@given(bent())
def test_no_blemish_loses_an_event_unseen(body: dict[str, Any]) -> None:
    """Whatever a field is, a message becomes an event or is reported, unless it says nothing."""
    try:
        found = reading(body)
    except UnreadableEventError:
        return  # the worker makes it a failed event
    for event in found.events:
        assert event.key.strip()
        assert event.moment <= RECEIVED
        assert event.texts["title"]
        assert len(event.texts["title"]) <= 200 or event.source not in RECIPES
        assert all(len(text) <= 4000 for text in event.labels.values())
    for part in found.rejected:
        assert part.owner
        assert part.reason


@cache
def _deciding(source: str) -> set[str]:
    """Return the names in the paths that say what a recipe's events are, and are about."""
    return {
        name
        for form in catalogue.recipe(source).forms
        for path in (*form.key, form.trigger, form.end, form.annotate, form.when, form.elements)
        for name in re.findall(r"[A-Za-z_][\w-]*", path or "")
    }


@st.composite
def decorated(draw: st.DrawFn) -> tuple[str, list[Any], Any]:
    """Return an example of a beginning, a field in it that only decorates, and another value."""
    name = draw(st.sampled_from(TRIGGERS))
    deciding = _deciding(EXAMPLES[name][0]) | {"webhook", "whole", "headers", "version", "is_cut"}
    fields = [path for path in _paths(example(name))
              if path[0] in {"element", "detail"} and len(path) > 1
              and not deciding.intersection(map(str, path[1:]))]  # fmt: skip
    return name, list(draw(st.sampled_from(fields or [()]))), draw(st.sampled_from(ODD))


@settings(max_examples=100)
@given(bent=decorated(), is_missing=st.booleans())
def test_what_only_decorates_loses_no_ticket(
    bent: tuple[str, list[Any], Any], *, is_missing: bool
) -> None:
    """Null, missing, too long or of another JSON type: the same tickets, by the same keys."""
    name, way, odd = bent
    options = EXAMPLES[name][1].get("options", [])
    body = example(name)
    expected = [(event.action, event.key) for event in reading(body, *options).events]
    if way:
        *to, last = way
        place = body
        for part in to:
            place = place[part]
        if is_missing and isinstance(place, dict):
            del place[last]
        else:
            place[last] = odd
    found = reading(body, *options).events
    assert [(event.action, event.key) for event in found] == expected
    titles = [event.texts["title"] for event in found if event.source in RECIPES]
    assert all(len(title) <= 200 and title.strip(": ") == title for title in titles)
