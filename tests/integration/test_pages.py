"""The pages' functions, and the instance's choices."""

import base64
import gzip
import importlib
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import LambdaContext, call, invoke
from tests.conftest import event as payload_of

if TYPE_CHECKING:
    from local.servicenow import Simulator


def test_a_page_names_only_files_that_there_are() -> None:
    """Each asset that a page loads is answered, under the name that never changes."""
    for name in ("settings", "docs", "sign-in"):
        links = re.findall(r'"(assets/[^"]+)"', served(f"/{name}")["body"])
        assert links
        for link in links:
            assert served(f"/{link}")["headers"]["Cache-Control"].endswith("immutable"), link


@pytest.mark.parametrize("name", ["settings", "docs", "sign-in"])
def test_a_page_knows_where_to_sign_in(name: str) -> None:
    """The addresses are put in, escaped; the policy lets the token's address in, and no other."""
    answer = served(f"/{name}")
    assert answer["statusCode"] == 200
    headers = answer["headers"]
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert 'content="https://sign-in.example.com/oauth2/token"' in answer["body"]
    assert "{{" not in answer["body"]
    policy = "connect-src 'self' https://sign-in.example.com;"
    assert policy in headers["Content-Security-Policy"]


def test_the_host_alone_leads_to_the_settings() -> None:
    """Whoever opens the API's address finds the page; no other path is one."""
    answer = served("/")
    assert (answer["statusCode"], answer["headers"]["Location"]) == (302, "/settings")
    for path in ("/settings.html", "/icon.svg", "/__init__", "/Settings"):
        assert served(path)["statusCode"] == 404


def test_the_icon_that_browsers_ask_for_by_themselves_is_there() -> None:
    """Also of an issuer's page that shares the host; it is not stored, having no version."""
    answer = served("/favicon.ico")
    assert answer["statusCode"] == 200
    assert answer["headers"]["Content-Type"].startswith("image/svg+xml")
    assert answer["body"].startswith("<svg")
    assert "immutable" not in answer["headers"].get("Cache-Control", "")


def test_what_is_put_into_a_page_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address with a quote ends no attribute."""
    monkeypatch.setenv("SIGN_IN_CLIENT_ID", '"><script>alert(1)</script>')
    assert (
        "<script>alert" not in invoke("show_page", payload_of("show_page", "valid_show_page")).text
    )


@pytest.mark.parametrize(
    "name", ["settings.html", "__init__.py", "../settings.py", "openapi.json", "nothing.js", ".js"]
)
def test_only_assets_are_served(name: str) -> None:
    """No other file of the layer can be read, whatever the name says."""
    payload = payload_of("show_page", "valid_show_asset")
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = f"/assets/1/{name}"
    assert invoke("show_page", payload).status == 404


def served(path: str, **headers: str) -> Any:
    """Return what the pages' function answers at a path."""
    payload = payload_of("show_page", "valid_show_asset")
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = path
    payload["headers"] |= headers
    return importlib.import_module("functions.show_page.app").lambda_handler(
        payload, LambdaContext()
    )


def test_what_never_changes_is_stored_by_browsers() -> None:
    """A file named by its page is; by another version's name, or the page itself, it is not."""
    page = invoke("show_page", payload_of("show_page", "valid_show_page"))
    assert page.headers["cache-control"] == "no-cache"
    links = set(re.findall(r'"(assets/[^"]+)"', page.text))
    assert len(links) > 4
    for link in links:
        assert served(f"/{link}")["headers"]["Cache-Control"].endswith("immutable")
    assert served("/assets/0/settings.js")["headers"]["Cache-Control"] == "no-cache"


def test_what_is_long_comes_compressed() -> None:
    """To whoever takes it so; the first view is small."""
    page = invoke("show_page", payload_of("show_page", "valid_show_page")).text
    size = 0
    for link in set(re.findall(r'"(assets/[^"]+)"', page)):
        answer = served(f"/{link}", **{"accept-encoding": "gzip, br"})
        assert answer["headers"]["Content-Encoding"] == "gzip"
        assert answer["isBase64Encoded"]
        packed = base64.b64decode(answer["body"])
        assert gzip.decompress(packed).decode() == served(f"/{link}")["body"]
        size += len(packed)
    assert size + len(gzip.compress(page.encode())) < 60_000


def test_choices_are_the_instances_own(connected: "Simulator") -> None:
    """The values and labels are those of the instance, in its order."""
    answer = call("get_choices")
    assert answer.status == 200, answer.text
    assert answer.json["table"] == "incident"
    assert {"value": "2", "label": "In Progress"} in answer.json["choices"]


def found(simulator: "Simulator", field: str, search: str) -> list[str]:
    """Return the labels that a search finds."""
    path = {"table": "incident", "field": field}
    answer = call("get_choices", None, path=path, query={"search": search})
    assert answer.status == 200, answer.text
    for choice in answer.json["choices"]:
        table = {"assignment_group": "sys_user_group", "caller_id": "sys_user"}.get(field)
        assert table is None or simulator.one(table, sys_id=choice["value"])
    return [choice["label"] for choice in answer.json["choices"]]


def test_records_are_searched_in_the_instance(connected: "Simulator") -> None:
    """Groups, people, items and services by a part of their name; what is inactive is left out."""
    instance = connected.instance
    for name, active in (("Payments EU", "true"), ("Payments US", "true"), ("Payments", "false")):
        instance.put("sys_user_group", name=name, active=active)
    instance.put("cmdb_ci_service", name="Payments of old", install_status="7")
    assert found(connected, "assignment_group", "payments") == ["Payments EU", "Payments US"]
    assert found(connected, "assignment_group", "") == sorted(
        found(connected, "assignment_group", ""), key=str.lower
    )
    assert found(connected, "caller_id", "beth.anglin@") == ["Beth Anglin"]
    assert found(connected, "cmdb_ci", "lnux10") == ["lnux100", "lnux101", "lnux102"]
    assert found(connected, "business_service", "payments") == ["Payments"]
    assert found(connected, "state", "progress") == ["In Progress"]

    path = {"table": "incident", "field": "assignment_group"}
    refused = call("get_choices", None, path=path, query={"search": "a^ORactive=false"})
    assert [error["field"] for error in refused.json["errors"]] == ["search"]
