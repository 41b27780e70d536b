"""A person's sign-in to ServiceNow for a connection: authorization code, PKCE, state."""

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import pytest

from local.servicenow import seed
from local.servicenow.access import Application
from operate import forget_user
from servicenow_tools import tls_context
from tests.integration.events import error, send
from tests.integration.test_teams import NEW, TEAM, ask, store, team  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws, HttpAnswer
    from tests.integration.conftest import Clock

PAGE = "https://example.execute-api.us-east-1.amazonaws.com/sign-in"
NAMED = {"name": "person"}


@pytest.fixture
def instance(aws: "Aws", simulator: "Simulator", monkeypatch: pytest.MonkeyPatch) -> "Simulator":
    """An instance with an application, whose only redirect URL is the page."""
    monkeypatch.setattr("actionsync.wiring.stores.SIGN_INS_PER_MINUTE", 1000)
    found = Application("an-id", "a-secret", redirect_urls=(PAGE,))
    simulator.instance.add_application(found)
    return simulator


def keep(simulator: "Simulator", **who: Any) -> "HttpAnswer":
    """Store a connection that wants a person."""
    body = {
        "name": "person",
        "instance_url": simulator.url,
        "auth_method": "oauth_authorization_code",
        "client_id": "an-id",
        "client_secret": "a-secret",
    }
    return ask("create_config", "valid_create_connection", body, **who)


def begin(**who: Any) -> dict[str, Any]:
    """Return where a person signs in."""
    answer = ask("sign_in_connection", path=NAMED, **who)
    assert answer.status == 200
    document: dict[str, Any] = answer.json
    return document


def allow(
    simulator: "Simulator", url: str, username: str = seed.INTEGRATION_USER
) -> dict[str, str]:
    """Sign a person in at the instance, and return what it sends along to the page."""
    with httpx.Client(verify=tls_context(simulator.ca_file)) as browser:
        form = {"user_name": username, "user_password": seed.USERS[username][0]}
        browser.post(f"{simulator.url}/login.do", data=form)
        answer = browser.get(url)
    assert answer.status_code == 302
    target = urlsplit(answer.headers["location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == PAGE
    return dict(parse_qsl(target.query))


def finish(came: dict[str, str], **options: Any) -> "HttpAnswer":
    """Hand over what came to the page."""
    more = {"replace_user": True} if options.pop("replace_user", False) else {}
    body = {**came, **more}
    return ask("sign_in_connection", "valid_finish_sign_in", body, path=NAMED, **options)


def test_a_connection_goes_by_a_persons_sign_in(instance: "Simulator", aws: "Aws") -> None:
    """Stored, it waits for the sign-in; then it is used, and says who signed in."""
    assert keep(instance).status == 201
    by_it = {"connection": "person"}
    missing = ask("search_incidents", query=by_it)
    assert (missing.status, "Sign in first" in missing.json["detail"]) == (424, True)
    begun = begin()
    assert begun["redirect_uri"] == PAGE
    assert (f"{instance.url}/oauth_auth.do?" in begun["url"], begun["expires_in"]) == (True, 600)
    done = finish(allow(instance, begun["url"]))
    assert (done.status, done.json["signed_in_as"]) == (200, seed.INTEGRATION_USER)
    assert "signed_in_by" not in done.json
    assert ask("search_incidents", query=by_it).status == 200
    assert instance.requests[-1].user == seed.INTEGRATION_USER
    tested = ask("test_connection", "valid_test_named_connection", path=NAMED)
    assert tested.json["success"]
    (secret,) = aws.secrets().values()
    assert "refresh_token" in secret
    assert not any("a-secret" in str(item) for item in aws.items("IdempotencyTable"))


def test_a_state_is_taken_once_by_who_began_it_for_what_it_was_begun(
    instance: "Simulator", aws: "Aws", time: "Clock"
) -> None:
    """Another user's, another connection's, a second time, made up, or after ten minutes: 409."""
    keep(instance)
    keep(instance, user="eve")
    came = allow(instance, begin()["url"])
    refused = [
        finish(came, user="eve").status,
        finish({**came, "state": f"x{came['state']}"}).status,
    ]
    assert refused == [409, 409]
    assert finish(came).status == 200
    assert finish(came).status == 409
    late = allow(instance, begin()["url"])
    time.advance(minutes=11)
    assert finish(late).status == 409
    # A second tab's is another.
    first, second = begin(), begin()
    tabs = [allow(instance, each["url"]) for each in (first, second)]
    assert [finish(each).status for each in tabs] == [200, 200]


def test_another_person_than_before_is_refused_unless_meant(
    instance: "Simulator", aws: "Aws"
) -> None:
    """Whoever's browser was signed in as somebody else finds out."""
    keep(instance)
    finish(allow(instance, begin()["url"]))
    refused = finish(allow(instance, begin()["url"], "reader"))
    assert (refused.status, "reader" in refused.json["detail"]) == (409, True)
    used = ask("search_incidents", query={"connection": "person"})
    assert (used.status, instance.requests[-1].user) == (200, seed.INTEGRATION_USER)
    replaced = finish(allow(instance, begin()["url"], "reader"), replace_user=True)
    assert replaced.json["signed_in_as"] == "reader"


def test_what_the_instance_refuses_is_said_in_its_own_words(
    instance: "Simulator", aws: "Aws"
) -> None:
    """A wrong code, or a verifier of another sign-in: nothing is stored."""
    keep(instance)
    came = allow(instance, begin()["url"])
    other = allow(instance, begin()["url"])
    for wrong in ({**came, "code": "made-up"}, {**other, "code": came["code"]}):
        refused = finish(wrong)
        assert (refused.status, refused.json["servicenow"]["status"]) == (424, 401)
    assert ask("get_config", "valid_get_connection", path=NAMED).json["signed_in_as"] == ""


def test_only_a_method_that_wants_a_person_has_a_sign_in(instance: "Simulator") -> None:
    """422, and 404 where there is no connection."""
    store(instance, "person")
    refused = ask("sign_in_connection", path=NAMED)
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "name")
    assert ask("sign_in_connection", path={"name": "none"}).status == 404
    typed = {"instance_url": instance.url, "auth_method": "oauth_authorization_code",
             "client_id": "an-id", "client_secret": "a-secret"}  # fmt: skip
    assert ask("test_connection", "valid_test_named_connection", typed, path=NAMED).status == 422


def test_a_new_secret_wants_a_new_sign_in(instance: "Simulator", aws: "Aws") -> None:
    """A refresh token belongs to the application that it was given to."""
    keep(instance)
    finish(allow(instance, begin()["url"]))
    change = {"client_secret": "a-secret"}
    changed = ask("update_config", "valid_update_connection", change, path=NAMED)
    assert (changed.status, changed.json["signed_in_at"]) == (200, "")
    test = ask("test_connection", "valid_test_named_connection", path=NAMED)
    assert test.status == 424
    assert finish(allow(instance, begin()["url"])).status == 200


def test_events_wait_for_a_sign_in(instance: "Simulator", aws: "Aws") -> None:
    """Nothing is lost that came before it."""
    keep(instance)
    assert send("error", error(user_id="00000000-0000-4000-8000-000000000001")) == []
    event = error(user_id="ada", connection="person")
    assert send("error", event) == []
    states = [item["state"]["S"] for item in aws.items("WaitingTable") if "state" in item]
    assert states
    assert set(states) == {"waiting"}


def test_a_teams_sign_in_is_an_editors(
    team: "Simulator",  # noqa: F811 - a fixture
    instance: "Simulator",
) -> None:
    """The state says the team to the page; members then write as who has signed in."""
    editor: dict[str, Any] = {"query": TEAM, "user": "lea", "groups": "[leads]"}
    assert keep(instance, **editor).status == 201
    member = ask("sign_in_connection", path=NAMED, query=TEAM, groups="[staff]")
    assert member.status == 403
    begun = begin(**editor)
    came = allow(instance, begun["url"])
    assert unquote(came["state"]).endswith(".payments/person")
    assert finish(came, **editor).status == 200
    written = ask("create_incident", body=NEW, query={"connection": "team/payments/person"},
                  groups="[staff]")  # fmt: skip
    assert written.status == 201
    assert instance.requests[-1].user == seed.INTEGRATION_USER
    records = ask("get_activity", query=TEAM, groups="[staff]").json["items"]
    assert ("signed_in", "lea") in [(each["action"], each["by"]) for each in records]


def test_a_forgotten_members_sign_in_ends(
    team: "Simulator",  # noqa: F811 - a fixture
    instance: "Simulator",
    aws: "Aws",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The team's connection stays, and wants another; no readable secret holds the old one."""
    editor: dict[str, Any] = {"query": TEAM, "user": "lea", "groups": "[leads]"}
    keep(instance, **editor)
    finish(allow(instance, begin(**editor)["url"]), **editor)
    monkeypatch.setattr(forget_user, "KINDS", ())
    tables = ("ConnectionsTable", "IdempotencyTable", "EventsTable", "WaitingTable", "AuditTable")
    names = {table: table for table in tables}
    sqs: Any = None
    stack = forget_user.Stack(
        aws.dynamodb, aws.secrets_manager, sqs, None, names, "actionsync/test/", None
    )
    assert forget_user.forget(stack, "lea")["sign-ins for teams"] == 1
    call = ask("search_incidents", query={"connection": "team/payments/person"}, groups="[staff]")
    assert (call.status, "Sign in first" in call.json["detail"]) == (424, True)
    shown = ask("get_config", "valid_get_connection", path=NAMED, query=TEAM, groups="[staff]").json
    assert (shown["signed_in_as"], len(shown["notes"])) == ("", 1)
    name = f"actionsync/test/connection/{shown['id']}"
    for stage in ("AWSCURRENT", "AWSPREVIOUS"):
        found = aws.secrets_manager.get_secret_value(SecretId=name, VersionStage=stage)
        assert "refresh_token" not in found["SecretString"]
