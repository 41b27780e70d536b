"""What a recording keeps, and what it does not."""

import json
from typing import TYPE_CHECKING, Any

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.instance import Exchange, Instance, User
from tests.conformance.recordings import Recorder, Redaction, differences

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = (
    "Wendy Worker", "ACME Rocket Company", "wendy@acme.example", "acme.service-now.com",
    "10.20.30.40", "1df69ca1ecc9b5e9b9f9eafb15956a62", "INC0012345", "wendy.worker",
)  # fmt: skip
SECRET = st.sampled_from(SECRETS)
VALUE = st.recursive(
    SECRET,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(["short_description", "value", "display_value", "caller_id", "name"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


def _instance() -> Instance:
    return Instance("https://acme.service-now.com", User("wendy.worker", "a password"))


def _exchange(**changed: Any) -> Exchange:
    plain = Exchange("GET", "/api/now/table/incident", {}, None, 200, {}, {"result": []})
    return Exchange(**{**vars(plain), **changed})


@given(body=VALUE, sent=VALUE, secret=SECRET)
def test_nothing_of_the_company_stays(body: Any, sent: Any, secret: str) -> None:
    """Names, hosts, ids, addresses and texts go, wherever they stand."""
    exchange = _exchange(
        path="/api/now/table/incident/1df69ca1ecc9b5e9b9f9eafb15956a62",
        params={"sysparm_query": "opened_by.user_name=wendy.worker^sys_idIN1df69ca1ecc9b5e9b9f9"
                                 "eafb15956a62^number=INC0012345"},
        sent={"description": sent},
        headers={"location": f"https://acme.service-now.com/{secret}", "set-cookie": "session"},
        body={"result": body},
    )  # fmt: skip
    text = json.dumps(Redaction(_instance()).of(exchange))
    assert [secret for secret in (*SECRETS, "session", "a password") if secret in text] == []


def test_servicenows_own_words_stay() -> None:
    """An error's text stays, without the company's rules."""
    body = {
        "error": {
            "message": "Operation Failed",
            "detail": "Operation against file 'incident' was aborted by Business Rule 'Wendy only"
            "^1df69ca1ecc9b5e9b9f9eafb15956a62'. Business Rule Stack:Wendy only",
        },
        "status": "failure",
    }
    recorded = Redaction(_instance()).of(_exchange(status=403, body=body))
    detail = recorded["body"]["error"]["detail"]
    assert recorded["status"] == 403
    assert detail.startswith("Operation against file 'incident' was aborted by Business Rule 'a ")
    assert "Wendy" not in detail


def test_codes_and_forms_stay() -> None:
    """States and codes stay; a moment stays a moment."""
    body = {"result": {"state": "6", "close_code": "Solution provided", "active": "true",
                       "resolved_at": "2026-11-26 19:00:00", "assigned_to": ""}}  # fmt: skip
    recorded = Redaction(_instance()).of(_exchange(body=body))["body"]["result"]
    assert recorded == {"state": "6", "close_code": "Solution provided", "active": "true",
                        "resolved_at": "2026-01-01 00:00:00", "assigned_to": ""}  # fmt: skip


def test_another_form_is_a_difference(tmp_path: "Path") -> None:
    """Status, headers, columns and types count; values do not."""
    recorded = [_exchange(body={"result": [{"state": "1", "number": "INC0010001"}]},
                          headers={"x-total-count": "1"})]  # fmt: skip
    Recorder(tmp_path / "a-release", _instance()).write("area/check", recorded)

    def found(**changed: Any) -> str:
        now = {"body": {"result": [{"state": "2", "number": "INC1"}]},
               "headers": {"X-Total-Count".lower(): "7"}, **changed}  # fmt: skip
        return differences(tmp_path, "area/check", [_exchange(**now)])

    assert found() == ""
    assert "status 201, recorded 200" in found(status=201)
    assert "x-total-count" in found(headers={})
    assert "has no number" in found(body={"result": [{"state": "2"}]})
    assert "is int, recorded str" in found(body={"result": [{"state": 2, "number": "INC1"}]})
    assert "has 0 elements" in found(body={"result": []})
    assert differences(tmp_path, "area/another", [_exchange(status=500)]) == ""


def test_a_password_of_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked where the environment has a name alone; who signs in shows no password."""
    monkeypatch.setenv("SERVICENOW_USERNAME", "wendy.worker")
    monkeypatch.delenv("SERVICENOW_PASSWORD", raising=False)
    known = {("acme.service-now.com", "wendy.worker"): "a password"}
    monkeypatch.setattr(keyring, "get_password", lambda *who: known.get(who))
    user = User.of_environment("acme.service-now.com", "SERVICENOW")
    assert user == User("wendy.worker", "a password")
    assert "a password" not in repr(user)
    assert User.of_environment("other.service-now.com", "SERVICENOW") is None
