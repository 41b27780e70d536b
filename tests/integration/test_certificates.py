"""Connections that sign in with a client certificate, and what is said of those with a password."""

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from actionsync import clock
from actionsync.wiring.events import ending_of_connection
from local.servicenow import seed
from tests.integration.test_notices import topic, trouble  # noqa: F401
from tests.integration.test_teams import NEW, ask, connection, store

if TYPE_CHECKING:
    from pathlib import Path

    from local.servicenow import Simulator
    from tests.conftest import Aws, HttpAnswer
    from tests.integration.test_notices import Trouble

NAMED = {"name": "shown"}


@pytest.fixture
def pem(aws: "Aws", simulator: "Simulator", tmp_path: "Path") -> str:
    """A certificate and its key that stand for the integration user."""
    simulator.instance.access.certificates["shown"] = seed.INTEGRATION_USER
    simulator.make_certificate("shown", tmp_path / "both.pem")
    return (tmp_path / "both.pem").read_text()


def shown(simulator: "Simulator", certificate: str, private_key: str) -> dict[str, str]:
    """Return a connection to store."""
    return {
        "instance_url": simulator.url,
        "auth_method": "client_certificate",
        "certificate": certificate,
        "private_key": private_key,
    }


def keep(simulator: "Simulator", certificate: str, private_key: str) -> "HttpAnswer":
    """Store it by name."""
    body = {"name": "shown", **shown(simulator, certificate, private_key)}
    return ask("create_config", "valid_create_connection", body)


def test_a_certificate_signs_in(simulator: "Simulator", aws: "Aws", pem: str) -> None:
    """Tested as typed, stored, used; its key is in Secrets Manager alone."""
    typed = shown(simulator, pem, pem)
    tested = ask("test_connection", "valid_test_named_connection", typed, path=NAMED)
    assert tested.json["success"], tested.text
    made = keep(simulator, pem, pem)
    assert made.status == 201
    assert made.json["ends_at"] > clock.iso(clock.now())
    written = ask("create_incident", body=NEW, query={"connection": "shown"})
    assert (written.status, simulator.requests[-1].user) == (201, seed.INTEGRATION_USER)
    assert "PRIVATE KEY" not in str(aws.items("ConnectionsTable"))
    assert "PRIVATE KEY" not in made.text + written.text + tested.text


def test_another_certificate_is_tested_and_then_stored(
    simulator: "Simulator", pem: str, tmp_path: "Path"
) -> None:
    """While the one before goes on."""
    keep(simulator, pem, pem)
    simulator.instance.access.certificates["next"] = "reader"
    simulator.make_certificate("next", tmp_path / "next.pem")
    text = (tmp_path / "next.pem").read_text()
    change = {"certificate": text, "private_key": text}
    typed = shown(simulator, text, text)
    tested = ask("test_connection", "valid_test_named_connection", typed, path=NAMED)
    assert "Signed in as reader" in tested.text
    by_it = {"connection": "shown"}
    ask("search_incidents", query=by_it)
    assert simulator.requests[-1].user == seed.INTEGRATION_USER
    changed = ask("update_config", "valid_update_connection", change, path=NAMED)
    assert (changed.status, changed.json["version"]) == (200, 2)
    tested = ask("test_connection", "valid_test_named_connection", path=NAMED)
    assert "Signed in as" in tested.text


def test_what_is_no_certificate_is_refused(
    simulator: "Simulator", pem: str, tmp_path: "Path"
) -> None:
    """No PEM, another one's key, an encrypted key, one that has ended: 422, without its text."""
    simulator.make_certificate("other", tmp_path / "other.pem")
    other = (tmp_path / "other.pem").read_text()
    key = pem[: pem.index("-----BEGIN CERTIFICATE")]
    locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    ended = trustme.CA().issue_cert(
        common_name="ended", not_after=datetime.now(UTC) - timedelta(days=1)
    )
    for certificate, private_key in (
        ("no PEM", "no PEM"),
        (pem, other[: other.index("-----BEGIN CERTIFICATE")]),
        (pem.replace(key, ""), locked),
        (ended.cert_chain_pems[0].bytes().decode(), ended.private_key_pem.bytes().decode()),
    ):
        refused = keep(simulator, certificate, private_key)
        assert (refused.status, refused.json["errors"][0]["field"]) == (422, "certificate")
        assert "BEGIN" not in refused.text
    assert ssl.OPENSSL_VERSION_INFO >= (3, 0)


@pytest.mark.parametrize(
    ("days", "said"), [(31, ""), (29, "The certificate ends at"), (-1, "The certificate ended")]
)
def test_the_end_of_a_certificate_is_said_a_month_before(
    simulator: "Simulator", pem: str, monkeypatch: pytest.MonkeyPatch, days: int, said: str
) -> None:
    """Where its owner looks."""
    end = datetime.fromisoformat(keep(simulator, pem, pem).json["ends_at"])
    monkeypatch.setattr(clock, "now", lambda: end - timedelta(days=days))
    notes: list[Any] = ask("get_config", "valid_get_connection", path=NAMED).json["notes"]
    assert [note.startswith(said) for note in notes] == [True] * bool(said)


def lasting(simulator: "Simulator", days: int) -> dict[str, str]:
    """Return a connection by a certificate that lasts for so many days."""
    end = datetime.now(UTC) + timedelta(days=days)
    made = trustme.CA().issue_cert(common_name="shown", not_after=end)
    certificate = made.cert_chain_pems[0].bytes().decode()
    return shown(simulator, certificate, made.private_key_pem.bytes().decode())


def test_the_owner_learns_of_an_end_once_a_month_before(
    simulator: "Simulator",
    trouble: "Trouble",  # noqa: F811 - a fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not of one that was replaced before, but of what has replaced it; of none that is removed."""
    monkeypatch.setattr(trouble._sender, "_ending", ending_of_connection)
    begin = trouble.clock.moment

    def said_after(days: float) -> list[str]:
        trouble.clock.moment = begin + timedelta(days=days)
        return [f"{one['cause']}: {one['about']}" for one in trouble.tick()]

    body = {"name": "shown", **lasting(simulator, 100)}
    assert ask("create_config", "valid_create_connection", body).status == 201
    assert said_after(69) == []
    next_one = lasting(simulator, 200)
    change = {name: next_one[name] for name in ("certificate", "private_key")}
    assert ask("update_config", "valid_update_connection", change, path=NAMED).status == 200
    assert [said_after(days) for days in (71, 100, 169)] == [[], [], []]
    assert said_after(171) == ["ending: The sign-in of the connection shown"]
    ends_at = ask("get_config", "valid_get_connection", path=NAMED).json["ends_at"]
    assert ends_at in trouble.sent[0]["text"]
    assert [said_after(days) for days in (171.5, 173, 199)] == [[], [], []]
    body = {"name": "second", **lasting(simulator, 300)}
    ask("create_config", "valid_create_connection", body)
    ask("delete_config", "valid_delete_connection", path={"name": "second"})
    assert said_after(271) == []


def test_a_certificate_that_ends_soon_is_said_at_once(
    simulator: "Simulator",
    trouble: "Trouble",  # noqa: F811 - a fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And what replaces it within a day starts over."""
    monkeypatch.setattr(trouble._sender, "_ending", ending_of_connection)
    begin = trouble.clock.moment
    ask("create_config", "valid_create_connection", {"name": "shown", **lasting(simulator, 20)})
    assert [one["cause"] for one in trouble.tick()] == ["ending"]
    next_one = lasting(simulator, 200)
    change = {name: next_one[name] for name in ("certificate", "private_key")}
    ask("update_config", "valid_update_connection", change, path=NAMED)
    said = []
    for days in (2, 100, 171):
        trouble.clock.moment = begin + timedelta(days=days)
        said.append([one["cause"] for one in trouble.tick()])
    assert said == [[], [], ["ending"]]


def test_a_refusal_that_may_be_the_restriction_is_named(simulator: "Simulator", aws: "Aws") -> None:
    """With the ways out; a stored password has a note before that."""
    store(simulator, "shown")
    noted = ask("get_config", "valid_get_connection", path=NAMED).json["notes"]
    assert "client_certificate" in noted[0]
    simulator.instance.access.restricts_basic_auth = True
    for typed in (None, connection(simulator)):
        report = ask("test_connection", "valid_test_named_connection", typed, path=NAMED).json
        assert not report["success"]
        assert "restricts basic authentication" in report["message"]
        assert "oauth_authorization_code" in report["message"]
