"""The pages' functions, and the instance's choices."""

from typing import TYPE_CHECKING

import pytest

from tests.conftest import call, invoke
from tests.conftest import event as payload_of

if TYPE_CHECKING:
    from local.servicenow import Simulator


@pytest.mark.parametrize("scenario", ["valid", "valid_show_docs"])
def test_a_page_knows_where_to_sign_in(scenario: str) -> None:
    """The addresses are put in, escaped; the policy lets the token's address in, and no other."""
    answer = invoke("show_page", payload_of("show_page", scenario))
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert 'content="https://sign-in.example.com/oauth2/token"' in answer.text
    assert "{{" not in answer.text
    assert (
        "connect-src 'self' https://sign-in.example.com;"
        in (answer.headers["content-security-policy"])
    )


def test_what_is_put_into_a_page_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address with a quote ends no attribute."""
    monkeypatch.setenv("SIGN_IN_CLIENT_ID", '"><script>alert(1)</script>')
    assert "<script>alert" not in invoke("show_page", payload_of("show_page")).text


@pytest.mark.parametrize(
    "name", ["settings.html", "__init__.py", "../settings.py", "openapi.json", "nothing.js", ".js"]
)
def test_only_assets_are_served(name: str) -> None:
    """No other file of the layer can be read, whatever the name says."""
    payload = payload_of("show_page", "valid_show_asset")
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = f"/assets/{name}"
    assert invoke("show_page", payload).status == 404


def test_choices_are_the_instances_own(connected: "Simulator") -> None:
    """The values and labels are those of the instance, in its order."""
    answer = call("get_choices")
    assert answer.status == 200, answer.text
    assert answer.json["table"] == "incident"
    assert {"value": "2", "label": "In Progress"} in answer.json["choices"]
