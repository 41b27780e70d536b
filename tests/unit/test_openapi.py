"""The OpenAPI document: true to the functions, and kept compatible."""

import copy
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from actionsync.audit.health import ConnectionState
from actionsync.stores.credentials import METHODS
from local import meanings, openapi, page_tables
from local.compatibility import breaks
from servicenow_tools import errors
from tests.template import ROOT, functions

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document, made again."""
    return openapi.document()


def test_it_is_committed_and_served(document: dict[str, Any]) -> None:
    """docs/openapi.json is what the functions say now, and what the layer serves."""
    assert json.loads((ROOT / "docs/openapi.json").read_text()) == document
    assert (ROOT / "docs/openapi.json").resolve() == openapi.FILE


def test_the_pages_know_what_the_rules_know() -> None:
    """The page's lists of severities, texts, filters and GitHub's events are Python's."""
    assert page_tables.FILE.read_text() == page_tables.text()
    assert page_tables.EXAMPLES_FILE.read_text() == page_tables.examples()
    kinds = '["incident", "change", "action_item", "api", "settings", "servicenow"]'
    assert f"KINDS = {kinds};" in page_tables.text()
    assert 'RISKS = [["1", "very high"], ["2", "high"],' in page_tables.text()


def test_the_pages_have_words_for_what_the_api_answers() -> None:
    """Each state of a connection has its words, and each pause that has some exists."""
    health = (page_tables.FILE.parent / "health.js").read_text()

    def keys(name: str) -> list[str]:
        table = health.partition(f"const {name} = {{")[2].partition("};")[0]
        return re.findall(r"(\w+): ", re.sub(r'"[^"]*"', "", table))

    assert keys("STATES") == list(get_args(ConnectionState))
    reasons = {name.removesuffix("Error") for name in vars(errors)}
    assert set(keys("WAITS")) <= reasons


def test_the_page_has_every_way_to_sign_in() -> None:
    """Each is an option with a hint, and each of its fields is on the form, with its error."""
    pages = page_tables.FILE.parent
    form, hints = (pages / "settings.html").read_text(), (pages / "connections.js").read_text()
    for name, method in METHODS.items():
        assert f'<option value="{name}">' in form, f"settings.html has no option {name}"
        assert f"\n  {name}: " in hints, f"HINTS of connections.js has no {name}"
        for field in method.fields:
            for found in (f'id="{field}-field"', f'id="{field}-error"', f'name="{field}"'):
                assert found in form, f"settings.html has no {found}"


def test_every_field_has_a_meaning(document: dict[str, Any]) -> None:
    """One without is described in its model, or in local/meanings.toml; that has no more."""
    schemas = document["components"]["schemas"]
    unsaid = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, part in _fields(schema)
        if not part.get("description") and "$ref" not in part
    ]
    assert not unsaid
    parameters = [
        f"{path}: {parameter['name']}"
        for path, methods in document["paths"].items()
        for operation in methods.values()
        for parameter in operation.get("parameters", [])
        if not parameter.get("description")
    ]
    assert not parameters
    paths = [path for schema in schemas.values() for path, _ in meanings.properties(schema)]
    tables = dict(meanings.TABLES)
    assert tables.pop("parameters").keys()
    assert tables.pop("fields").keys() <= {end for path in paths for end in meanings.ends(path)}
    for schema, said in tables.items():
        found = [path for path, _ in meanings.properties(schemas[schema])]
        assert said.keys() <= {end for path in found for end in meanings.ends(path)}, schema


# Fields of several names whose meaning is one.
_SAME = [
    {"columns", "closing_columns", "reopening_columns",
     "fields", "closing_fields", "reopening_fields"},
    {"urgency", "impact"},
]  # fmt: skip


def test_no_meaning_is_another_fields(document: dict[str, Any]) -> None:
    """A meaning stands at fields of one name, wherever they are; what is shared so is listed."""
    fields: dict[str, set[str]] = {}
    for field, part in _fields(document):
        if text := part.get("description"):
            fields.setdefault(text, set()).add(field)
    several = {text: names for text, names in fields.items() if len(names) > 1}
    assert [(text, names) for text, names in several.items() if names not in _SAME] == []
    assert [names for names in _SAME if names not in several.values()] == []


def _fields(part: Any) -> "Iterator[tuple[str, dict[str, Any]]]":
    """Yield the fields of all schemas and those within them, by name."""
    parts = part if isinstance(part, list) else part.values() if isinstance(part, dict) else ()
    properties = part.get("properties") if isinstance(part, dict) else None
    if isinstance(properties, dict):
        yield from ((name, of) for name, of in properties.items() if isinstance(of, dict))
    for inner in parts:
        yield from _fields(inner)


def test_it_has_every_route(document: dict[str, Any]) -> None:
    """Each of the template's routes is described, and no other."""
    wanted = {
        (http["Properties"]["Path"], http["Properties"]["Method"].lower())
        for properties in functions().values()
        for http in properties.get("Events", {}).values()
        if http["Type"] == "HttpApi"
    }
    found = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert found == wanted


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """No $ref points to nothing, and no schema lies unused."""
    text = json.dumps(document)
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        at: Any = document
        for part in reference.split("/"):
            at = at[part]
    for name in document["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text, name


def test_what_callers_send_and_get_is_there(document: dict[str, Any]) -> None:
    """Bodies have examples, refusals are problem details, and no password is ever answered."""
    post = document["paths"]["/api/servicenow/incidents"]["post"]
    assert post["requestBody"]["content"]["application/json"]["example"]["short_description"]
    assert {"201", "400", "401", "409", "422", "424", "429", "502", "503", "504"} <= set(
        post["responses"]
    )
    assert "Idempotency-Key" in [part["name"] for part in post["parameters"]]
    for name, answer in document["components"]["responses"].items():
        if name != "UNAUTHORIZED":
            assert list(answer["content"]) == ["application/problem+json"]
    connection = document["components"]["schemas"]["Connection"]["properties"]
    assert not {"password", "secret_version"} & set(connection)


def test_every_answer_has_an_example_that_is_true_to_its_schema(document: dict[str, Any]) -> None:
    """Each 200 and 201 that is JSON shows one, and it has what the schema demands, in its types."""
    count = 0
    for methods in document["paths"].values():
        for operation in methods.values():
            for code, answer in operation["responses"].items():
                media = answer.get("content", {}).get("application/json")
                if not code.startswith("2") or not media or operation.get("security") == []:
                    continue
                wrong = list(_wrong(document, media["schema"], media["example"], code))
                assert not wrong, (operation["operationId"], wrong)
                count += 1
    assert count > 20


_TYPES: dict[str, Any] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict,
    "array": list, "null": type(None),
}  # fmt: skip


def _wrong(document: Any, schema: Any, value: Any, place: str) -> "Iterator[str]":
    """Yield where a value is not what a schema says."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    parts = schema.get("anyOf", schema.get("oneOf"))
    if parts:
        if all(list(_wrong(document, part, value, place)) for part in parts):
            yield f"{place} fits no alternative"
        return
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if kinds and not any(isinstance(value, _TYPES[kind]) for kind in kinds):
        yield f"{place} is no {kinds}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{place} is none of {schema['enum']}"
    else:
        yield from _wrong_within(document, schema, value, place)


def _wrong_within(document: Any, schema: Any, value: Any, place: str) -> "Iterator[str]":
    if isinstance(value, dict):
        for name in schema.get("required", []):
            if name not in value:
                yield f"{place}.{name} is missing"
        for name, part in schema.get("properties", {}).items():
            if name in value:
                yield from _wrong(document, part, value[name], f"{place}.{name}")
    if isinstance(value, list):
        for item in value:
            yield from _wrong(document, schema.get("items", {}), item, f"{place}[]")


def _without_path(new: dict[str, Any]) -> None:
    del new["paths"]["/api/servicenow/config"]["get"]


def _without_field(new: dict[str, Any]) -> None:
    del new["components"]["schemas"]["NewIncident"]["properties"]["urgency"]


def _with_demand(new: dict[str, Any]) -> None:
    new["components"]["schemas"]["NewIncident"]["required"].append("impact")


def _without_value(new: dict[str, Any]) -> None:
    del new["components"]["schemas"]["NewChangeRequest"]["properties"]["type"]["enum"][0]


def _without_parameter(new: dict[str, Any]) -> None:
    parameters = new["paths"]["/api/servicenow/incidents"]["get"]["parameters"]
    del parameters[0]


def _as(schema: str, field: str, **values: Any) -> Any:
    def change(new: dict[str, Any]) -> None:
        new["components"]["schemas"][schema]["properties"][field].update(values)

    return change


def _typed(schema: str, field: str, kind: Any) -> Any:
    def change(new: dict[str, Any]) -> None:
        new["components"]["schemas"][schema]["properties"][field] = {"type": kind}

    return change


def _optional(schema: str, field: str) -> Any:
    return lambda new: new["components"]["schemas"][schema]["required"].remove(field)


def _with_lower_limit(new: dict[str, Any]) -> None:
    parameters = new["paths"]["/api/servicenow/activity"]["get"]["parameters"]
    next(part for part in parameters if part["name"] == "limit")["schema"]["maximum"] = 50


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_typed("NewIncident", "short_description", "integer"), "no longer takes string"),
        (_as("NewIncident", "short_description", maxLength=10), "short_description has a lower"),
        (_as("NewIncident", "short_description", minLength=9), "short_description has a higher"),
        (_as("NewIncident", "short_description", pattern="^a"), "has another pattern"),
        (_as("NewIncident", "short_description", enum=["a"]), "short_description takes a only"),
        (_as("IncidentRule", "include", items={"type": "string", "maxLength": 3}), "include[] has"),
        (_as("NewIncident", "fields", maxProperties=1), "fields has a lower maxProperties"),
        (_with_lower_limit, "GET /api/servicenow/activity limit has a lower maximum: 50"),
        (_typed("Webhook", "secret", ["string", "null"]), "Webhook.secret may be null now"),
        (_optional("Health", "days"), "Health.days may be missing now"),
        (_without_path, "GET /api/servicenow/config is gone"),
        (_without_field, "NewIncident.urgency is gone"),
        (_with_demand, "NewIncident.impact is required now"),
        (_without_value, "NewChangeRequest.type no longer takes normal"),
        (_without_parameter, "lost the query parameter state"),
    ],
)
def test_what_breaks_callers_is_found(document: dict[str, Any], change: Any, words: str) -> None:
    """A path, field, value or parameter that goes, and a new demand, are reported."""
    new = copy.deepcopy(document)
    change(new)
    assert any(words in text for text in breaks(document, new))


@pytest.mark.parametrize(
    ("versions", "is_refused"),
    [
        ("## [Unreleased]", False),
        ("## [0.0.9] - 2026-01-01", False),
        ("## [0.1.4] - 2026-01-01", True),
    ],
)
def test_callers_of_a_release_are_not_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, versions: str, *, is_refused: bool
) -> None:
    """A version that the change log names as released holds; before, anything may change."""
    old = openapi.document()
    del old["paths"]["/{page}"]
    old["paths"]["/gone"] = {"get": {"responses": {}}}
    (tmp_path / "openapi.json").write_text(json.dumps(old))
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{versions}\n")
    monkeypatch.setattr(openapi, "FILE", tmp_path / "openapi.json")
    monkeypatch.setattr(openapi, "CHANGELOG", tmp_path / "CHANGELOG.md")
    monkeypatch.setattr(page_tables, "FILE", tmp_path / "tables.js")
    monkeypatch.setattr(page_tables, "EXAMPLES_FILE", tmp_path / "examples.js")
    monkeypatch.setattr("sys.argv", ["openapi"])
    if is_refused:
        with pytest.raises(SystemExit, match="/gone"):
            openapi.main()
        assert "/gone" in openapi.FILE.read_text()
    else:
        openapi.main()
        assert json.loads(openapi.FILE.read_text()) == openapi.document()


def test_what_only_adds_breaks_nobody(document: dict[str, Any]) -> None:
    """A new path and a new field that may be left out are compatible."""
    new = copy.deepcopy(document)
    new["paths"]["/new"] = {}
    schemas = new["components"]["schemas"]
    schemas["NewIncident"]["properties"]["more"] = {"type": "string"}
    schemas["NewIncident"]["properties"]["short_description"]["maxLength"] = 100_000
    schemas["Health"]["properties"]["more"] = {"type": "string"}
    schemas["Health"]["properties"]["days"]["maxItems"] = 14
    assert breaks(document, new) == []
