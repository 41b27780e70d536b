"""The OpenAPI document: true to the functions, and kept compatible."""

import copy
import json
import re
from typing import Any

import pytest

from local import openapi
from tests.template import ROOT, functions


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document, made anew."""
    return openapi.document()


def test_it_is_committed_and_served(document: dict[str, Any]) -> None:
    """docs/openapi.json is what the functions say now, and what the layer serves."""
    assert json.loads((ROOT / "docs/openapi.json").read_text()) == document
    assert (ROOT / "docs/openapi.json").resolve() == openapi.FILE


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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_without_path, "GET /api/servicenow/config is gone"),
        (_without_field, "NewIncident.urgency is gone"),
        (_with_demand, "NewIncident.impact is required now"),
        (_without_value, "NewChangeRequest.type no longer takes normal"),
        (_without_parameter, "lost the query parameter state"),
    ],
)
def test_what_breaks_callers_is_found(document: dict[str, Any], change: Any, words: str) -> None:
    """A path, field, value or parameter that goes, and a new demand, are told."""
    new = copy.deepcopy(document)
    change(new)
    assert any(words in text for text in openapi.breaks(document, new))


def test_what_only_adds_breaks_nobody(document: dict[str, Any]) -> None:
    """A new path and a new field that may be left out are compatible."""
    new = copy.deepcopy(document)
    new["paths"]["/new"] = {}
    new["components"]["schemas"]["NewIncident"]["properties"]["more"] = {"type": "string"}
    assert openapi.breaks(document, new) == []
