"""Several connections of one owner, and what a team shares: by name and by group."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from actionsync.stores.connections import MOST_CONNECTIONS
from actionsync.stores.teams import Team
from actionsync.wiring import stores
from local.servicenow import seed
from operate import forget_user
from operate.__main__ import main
from operate.outcome import DONE, REFUSED
from tests.conftest import HttpAnswer, _forget, event, invoke
from tests.integration.events import error, send

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws


class KilledError(BaseException):
    """The process is gone."""


ID = "team/0123456789abcdef0123456789abcdef"
NEW = {"short_description": "Checkout answers 500"}
TEAM = {"owner": "team/payments"}


def ask(
    function: str,
    scenario: str = "valid",
    body: Any = None,
    *,
    path: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    user: str = "ada",
    groups: str = "",
    headers: dict[str, str] | None = None,
) -> HttpAnswer:
    """Call an operation as a user with these groups, as API Gateway writes them."""
    payload = event(function, scenario)
    claims = payload["requestContext"]["authorizer"]["jwt"]["claims"]
    claims |= {"sub": user} | ({"cognito:groups": groups} if groups else {})
    names = payload.get("pathParameters", {})
    for name, value in (path or {}).items():
        payload["rawPath"] = payload["rawPath"].replace(f"/{names[name]}", f"/{value}")
    if query is not None:
        payload["queryStringParameters"] = query
    if body is not None:
        payload["body"] = json.dumps(body)
        payload["headers"]["content-type"] = "application/json"
    payload["headers"].pop("if-match", None)
    payload["headers"] |= headers or {}
    return invoke(function, payload)


def connection(simulator: "Simulator", username: str = seed.INTEGRATION_USER) -> dict[str, str]:
    """Return a connection to store."""
    password = seed.USERS[username][0]
    return {"instance_url": simulator.url, "username": username, "password": password}


def store(
    simulator: "Simulator", name: str, username: str = seed.INTEGRATION_USER, **who: Any
) -> HttpAnswer:
    """Store a connection by name."""
    body = {"name": name, **connection(simulator, username)}
    return ask("create_config", "valid_create_connection", body, **who)


@pytest.fixture
def team(aws: "Aws", simulator: "Simulator") -> "Simulator":
    """A team with a connection: staff are members, leads are editors, one machine."""
    found = Team(ID, "payments", members=("staff",), editors=("leads",), machines=("robot",))
    stores.team_store().save(found)
    made = store(simulator, "default", query=TEAM, user="lea", groups="[leads]")
    assert made.status == 201
    return simulator


def test_each_connection_has_its_name(aws: "Aws", simulator: "Simulator") -> None:
    """Stored, listed, read, changed, tested, removed; /config is the default one alone."""
    assert store(simulator, "default").status == 201
    made = store(simulator, "development", "reader")
    assert (made.status, made.json["name"]) == (201, "development")
    assert store(simulator, "development").status == 409
    listed = ask("list_connections").json
    assert [each["name"] for each in listed["connections"]] == ["default", "development"]
    assert listed["teams"] == []
    named = {"name": "development"}
    assert ask("get_config", "valid_get_connection", path=named).json == made.json
    assert ask("get_config").json["username"] == seed.INTEGRATION_USER
    change = connection(simulator)
    changed = ask("update_config", "valid_update_connection", change, path=named)
    assert (changed.json["username"], changed.json["version"]) == (seed.INTEGRATION_USER, 2)
    assert ask("test_connection", "valid_test_named_connection", path=named).json["success"]
    assert ask("delete_config", "valid_delete_connection", path=named).status == 204
    assert ask("get_config", "valid_get_connection", path=named).status == 404
    assert ask("get_config").status == 200
    assert len(aws.secrets()) == 1


def test_a_call_goes_by_the_connection_that_it_names(simulator: "Simulator", aws: "Aws") -> None:
    """And by the default one where it names none; one that is not there is named."""
    store(simulator, "default")
    store(simulator, "development", "reader")
    for query, username in (
        ({"connection": "development"}, "reader"),
        ({}, seed.INTEGRATION_USER),
    ):
        answer = ask("search_incidents", query={"limit": "1", **query})
        assert answer.status == 200
        assert simulator.requests[-1].user == username
    missing = ask("search_incidents", query={"connection": "production"})
    assert (missing.status, "production" in missing.json["detail"]) == (404, True)
    for wrong in ("No such name", "a/b/c", "/x", "team/", "-", "x" * 33):
        assert ask("search_incidents", query={"connection": wrong}).status == 422, wrong


def test_the_same_key_for_another_connection_is_another_write(
    simulator: "Simulator", aws: "Aws"
) -> None:
    """An Idempotency-Key belongs to what it is for."""
    store(simulator, "default")
    store(simulator, "development")
    answers = [
        ask("create_incident", body=NEW, query=query)
        for query in ({}, {"connection": "development"}, {}, {"connection": "development"})
    ]
    numbers = [answer.json["number"] for answer in answers]
    assert numbers[:2] == numbers[2:]
    assert len(set(numbers)) == 2


def test_nobody_has_an_eleventh(
    simulator: "Simulator", aws: "Aws", monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves nothing behind, and there is room again once one is removed."""
    monkeypatch.setattr(stores, "SIGN_INS_PER_MINUTE", 100)
    made = [store(simulator, f"c-{number}").status for number in range(MOST_CONNECTIONS + 1)]
    assert made == [201] * MOST_CONNECTIONS + [409]
    assert len(aws.secrets()) == MOST_CONNECTIONS
    ask("delete_config", "valid_delete_connection", path={"name": "c-0"})
    assert store(simulator, "another").status == 201


@pytest.mark.parametrize("name", ["", "Prod", "a b", "a/b", "-a", "a-", "x" * 33, "é"])
def test_a_name_that_no_path_has_is_refused(simulator: "Simulator", aws: "Aws", name: str) -> None:
    """422, with the field."""
    refused = store(simulator, name)
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "name")


@pytest.mark.parametrize(
    ("groups", "user", "member", "editor"),
    [
        ("[staff]", "ada", True, False),
        ("[x staff]", "ada", True, False),
        ("staff", "ada", True, False),
        ("[leads]", "ada", True, True),
        ("", "robot", True, False),
        ("", "robot@clients", True, False),
        ("", "ada", False, False),
        ("[other]", "ada", False, False),
        # A group of another name is not taken for one of the team's.
        ("[not,staff]", "ada", False, False),
        ("[[staff]]", "ada", False, False),
        ("[staff]x]", "ada", False, False),
    ],
)
def test_the_token_says_who_is_in_a_team(
    team: "Simulator", groups: str, user: str, *, member: bool, editor: bool
) -> None:
    """At each call: members use what the team has, editors change it."""
    who: dict[str, Any] = {"user": user, "groups": groups}
    used = [
        ask("create_incident", body=NEW, query={"connection": "team/payments"}, **who),
        ask("search_incidents", query={"connection": "payments/default"}, **who),
        ask("search_incidents", query=TEAM, **who),
        ask("get_rules", query=TEAM, **who),
        ask("get_activity", query=TEAM, **who),
        ask("list_connections", query=TEAM, **who),
    ]
    assert {answer.status == 403 for answer in used} == {not member}
    changed = [
        ask("update_rules", body={"errors": {}}, query=TEAM, **who),
        ask("create_webhook", query=TEAM, body={}, **who),
        ask("update_config", "valid_update_connection", connection(team), query=TEAM, **who),
        ask("delete_config", "valid_delete_connection", query=TEAM, **who),
    ]
    assert {answer.status == 403 for answer in changed} == {not editor}
    roles = ["editor"] if editor else ["member"] if member else []
    teams = ask("list_connections", **who).json["teams"]
    assert teams == [{"name": "payments", "role": role} for role in roles]


def test_a_team_that_is_not_there_is_refused_like_one_of_others(team: "Simulator") -> None:
    """Nobody finds out which teams there are."""
    answers = [
        ask("get_rules", query={"owner": f"team/{name}"}, groups="[x]")
        for name in ("payments", "none")
    ]
    assert [answer.status for answer in answers] == [403, 403]
    texts = {answer.json["detail"].replace("payments", "none") for answer in answers}
    assert len(texts) == 1


def test_what_is_meant_for_a_team_is_never_done_for_oneself(team: "Simulator") -> None:
    """A call that takes no owner, or no connection, refuses both by name."""
    for function, name in (("get_config", "owner"), ("get_config", "connection"),
                           ("get_rules", "connection")):  # fmt: skip
        refused = ask(function, query={name: "team/payments"}, groups="[leads]")
        assert (refused.status, refused.json["errors"][0]["field"]) == (422, name)
    assert ask("get_rules", query={"owner": "grace"}).status == 422


def test_the_activity_of_a_team_says_who_acted(team: "Simulator") -> None:
    """And nothing of it stands in the member's own."""
    ask("create_incident", body=NEW, query={"connection": "team/payments"}, groups="[staff]")
    records = ask("get_activity", query=TEAM, user="grace", groups="[staff]").json["items"]
    assert [(each["action"], each["by"]) for each in records] == [
        ("created", "ada"),
        ("connection_created", "lea"),
    ]
    assert ask("get_activity", query={}).json["items"] == []
    lines = ask("get_activity", query={**TEAM, "format": "csv"}, groups="[staff]").text
    assert '"ada"' in lines


def test_two_members_have_keys_of_their_own(team: "Simulator") -> None:
    """The same Idempotency-Key of two members is two writes; of one, one."""
    numbers = [
        ask("create_incident", body=NEW, query={"connection": "team/payments"}, user=user,
            groups="[staff]").json["number"]
        for user in ("ada", "grace", "ada")
    ]  # fmt: skip
    assert numbers[0] == numbers[2] != numbers[1]


def test_calls_count_for_the_caller(team: "Simulator", monkeypatch: pytest.MonkeyPatch) -> None:
    """One member's calls leave the others theirs."""
    monkeypatch.setenv("WRITES_PER_MINUTE", "1")
    monkeypatch.setattr("actionsync.stores.rates._MINUTE", 10**10)
    _forget()
    query = {"connection": "team/payments"}
    answers = [
        ask("create_incident", body=NEW, query=query, user=user,
            groups="[staff]").status
        for user in ("ada", "ada", "grace")
    ]  # fmt: skip
    assert answers[1:] == [429, 201]


def test_an_event_may_name_a_team(team: "Simulator") -> None:
    """Its ticket is the team's, as are AWS's own where AutomationUserId names one."""
    assert send("error", error(user_id="team/payments")) == []
    records = ask("get_activity", query=TEAM, groups="[staff]").json["items"]
    assert records[0]["action"] == "created"
    assert store(team, "staging", "reader", query=TEAM, user="lea", groups="[leads]").status == 201
    named = error(user_id="ada", connection="team/payments/staging", service="search")
    assert send("error", named) == []
    failed = ask("get_activity", query=TEAM, groups="[staff]").json["items"][0]
    # Whose connection it is may read alone.
    assert (failed["outcome"], failed["cause"]) == ("failed", "search")


@pytest.mark.parametrize("named", ["team/", "team/none", f"team/{'x' * 120}", "team/a/b", "team/é"])
def test_an_event_that_names_no_team_takes_no_other_along(team: "Simulator", named: str) -> None:
    """It waits for a team of that name, or is nobody's; the next event is done."""
    events = [error(user_id=named), error(user_id="team/payments", connection=named)]
    assert send("error", *events, error(user_id="team/payments", service="search")) == []
    records = ask("get_activity", query=TEAM, groups="[staff]").json["items"]
    assert ("created", "search") in [(each["action"], each["cause"]) for each in records]


def test_an_event_and_a_webhook_may_name_a_connection(aws: "Aws", simulator: "Simulator") -> None:
    """A name that is none is reported, and costs no event."""
    store(simulator, "default", "reader")
    store(simulator, "development")
    before = len(simulator.instance.records("incident"))
    assert send("error", error(user_id="ada", connection="development")) == []
    assert len(simulator.instance.records("incident")) == before + 1
    body = {"name": "builds", "connection": "development"}
    assert ask("create_webhook", body=body).json["connection"] == "development"
    assert ask("create_webhook", body={"connection": "A B"}).status == 422
    (hook,) = ask("list_webhooks").json["webhooks"]
    assert hook["connection"] == "development"


@pytest.fixture
def command(aws: "Aws", monkeypatch: pytest.MonkeyPatch) -> None:
    """`actionsync` finds the tables that moto keeps."""
    tables = ("ConnectionsTable", "IdempotencyTable", "EventsTable", "WaitingTable", "AuditTable")
    sqs: Any = None
    stack = forget_user.Stack(
        aws.dynamodb, aws.secrets_manager, sqs, None, {table: table for table in tables},
        "actionsync/test/", None,
    )  # fmt: skip
    monkeypatch.setattr("operate.team.stack_of", lambda _: stack)
    monkeypatch.setattr(forget_user, "KINDS", ())


@pytest.mark.usefixtures("command")
def test_who_runs_the_stack_writes_teams(capsys: pytest.CaptureFixture[str]) -> None:
    """Created once, edited list by list, printed; the id stays."""
    words = ["team", "create", "s", "payments", "--members", "staff", "staff", "--machines", "m"]
    assert main(words) == DONE
    (made,) = json.loads(capsys.readouterr().out)
    assert (made["name"], made["members"], made["editors"]) == ("payments", ["staff"], [])
    assert main(words) == REFUSED
    assert main(["team", "edit", "s", "payments", "--editors", "leads", "--machines"]) == DONE
    assert main(["team", "edit", "s", "none", "--editors", "leads"]) == REFUSED
    capsys.readouterr()
    assert main(["team", "list", "s"]) == DONE
    (shown,) = json.loads(capsys.readouterr().out)
    lists = {"members": ["staff"], "editors": ["leads"], "machines": []}
    assert shown == {**made, **lists, "version": 2}


@pytest.mark.usefixtures("command")
@pytest.mark.usefixtures("command")
def test_a_team_gets_another_name(
    team: "Simulator", capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its things stay its own; the old name is free. What ended half-way is repeated."""
    assert main(["team", "create", "s", "other"]) == DONE
    assert main(["team", "edit", "s", "payments", "--name", "other"]) == REFUSED
    rename = ["team", "edit", "s", "payments", "--name", "billing"]

    def die(*_: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr("operate.team.TeamStore.delete", die)
        with pytest.raises(KilledError):
            main(rename)
    assert main(rename) == DONE
    new = {"connection": "team/billing"}
    assert ask("search_incidents", query=new, groups="[staff]").status == 200
    old = ask("search_incidents", query={"connection": "team/payments"}, groups="[staff]")
    assert old.status == 403
    trail = ask("get_activity", query={"owner": "team/billing"}, groups="[staff]")
    assert [each["action"] for each in trail.json["items"]] == ["connection_created"]
    # Whoever takes the old name takes nothing else.
    assert main(["team", "create", "s", "payments", "--editors", "leads"]) == DONE
    listed = ask("list_connections", query=TEAM, groups="[leads]").json["connections"]
    assert listed == []
    assert main(["team", "edit", "s", "billing", "--name", "billing"]) == DONE
    capsys.readouterr()


@pytest.mark.usefixtures("command")
def test_a_team_is_removed_with_what_it_has(
    team: "Simulator",
    aws: "Aws",
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only if that is meant; its members are out first, its activity stays, and others' things."""
    editor: Any = {"query": TEAM, "user": "lea", "groups": "[leads]"}
    assert ask("create_webhook", body=None, **editor).status == 201
    assert store(team, "default", user="lea").status == 201
    assert main(["team", "delete", "s", "none"]) == REFUSED
    assert main(["team", "delete", "s", "payments"]) == REFUSED
    assert "1 connections and 1 webhooks" in capsys.readouterr().err

    def die(*_: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr("operate.team.remove_things", die)
        with pytest.raises(KilledError):
            main(["team", "delete", "s", "payments", "--force"])
    assert ask("list_connections", **editor).status == 403
    assert main(["team", "delete", "s", "payments", "--force"]) == DONE
    assert main(["team", "list", "s"]) == DONE
    assert [item["pk"]["S"] for item in aws.items("ConnectionsTable")] == ["CONNECTION#lea"]
    assert len(aws.secrets()) == 1
    assert not [item for item in aws.items("EventsTable") if "WEBHOOK" in item["pk"]["S"]]
    assert [item for item in aws.items("AuditTable") if item["pk"] == {"S": ID}]
    # A team of the same name begins with nothing.
    assert main(["team", "create", "s", "payments", "--editors", "leads"]) == DONE
    assert ask("list_connections", **editor).json["connections"] == []


@pytest.mark.parametrize("wrong", ["a b", "a,b", "[a]", "a\tb", ""])
def test_a_group_that_a_token_cannot_say_alone_is_refused(wrong: str) -> None:
    """An HTTP API hands groups over as one text."""
    for words in (["payments", "--members", wrong], ["Pay Ments"], ["team/x"]):
        with pytest.raises(SystemExit):
            main(["team", "create", "s", *words])


@pytest.mark.parametrize("name", ["x" * 2000, "é", "a%20b", "-"])
def test_a_name_that_none_can_have_is_not_there(
    aws: "Aws", simulator: "Simulator", name: str
) -> None:
    """404, or 422 of a team: DynamoDB does not take every text for a key."""
    operations = (
        ("get_config", "valid_get_connection"),
        ("update_config", "valid_update_connection"),
        ("delete_config", "valid_delete_connection"),
        ("test_connection", "valid_test_named_connection"),
        ("sign_in_connection", "valid"),
    )
    for function, scenario in operations:
        assert ask(function, scenario, path={"name": name}).status == 404, function
        assert ask("get_rules", query={"owner": f"team/{name}"}).status == 422
        assert ask("search_incidents", query={"connection": f"team/{name}"}).status == 422


def test_who_leaves_is_out_with_their_token(team: "Simulator") -> None:
    """Nothing is remembered: the next call of a token without the group is refused."""
    query = {"connection": "team/payments"}
    statuses = [
        ask("search_incidents", query=query, groups=groups).status
        for groups in ("[staff]", "[other]", "[staff]")
    ]
    assert statuses == [200, 403, 200]
    found = stores.team_store().get("payments")
    assert found is not None
    stores.team_store().save(Team(ID, "payments", members=("others",), version=found.version))
    assert ask("search_incidents", query=query, groups="[staff]").status == 403


def test_forgetting_a_member_leaves_what_is_the_teams(
    team: "Simulator", aws: "Aws", monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its activity the person becomes `forgotten`; others stay who they are."""
    monkeypatch.setattr(forget_user, "KINDS", ())
    for user in ("ada", "grace"):
        ask("create_incident", body=NEW, query={"connection": "team/payments"}, user=user,
            groups="[staff]")  # fmt: skip
    store(team, "default")
    store(team, "development")
    tables = ("ConnectionsTable", "IdempotencyTable", "EventsTable", "WaitingTable", "AuditTable")
    names = {table: table for table in tables}
    sqs: Any = None
    stack = forget_user.Stack(
        aws.dynamodb, aws.secrets_manager, sqs, None, names, "actionsync/test/", None
    )
    counts = forget_user.forget(stack, "ada")
    assert counts["connections"] == 2
    records = ask("get_activity", query=TEAM, user="grace", groups="[staff]").json["items"]
    assert [each["by"] for each in records] == ["grace", "forgotten", "lea"]
    everything = json.dumps([aws.items(table) for table in tables])
    assert '"ada"' not in everything
    assert len(aws.secrets()) == 1
    assert ask("search_incidents", query=TEAM, groups="[staff]").status == 200


@pytest.mark.parametrize(
    ("function", "query", "named"),
    [
        ("list_connections", {"ownr": "team/payments"}, "ownr"),
        ("list_connections", {"": ""}, "query"),
        ("list_connections", {"owner": ""}, "owner"),
        ("list_connections", {"owner": "team/payments,team/payments"}, "owner"),
        ("list_connections", {"connection": "default"}, "connection"),
        ("get_health", {"conection": "dev"}, "conection"),
        ("get_health", {"connection": ""}, "connection"),
        ("get_health", {"connection": "default,default"}, "connection"),
        ("get_config", {"fresh": "true"}, "fresh"),
        ("get_activity", {"connection": "default"}, "connection"),
        ("get_activity", {"ownr": "team/payments"}, "ownr"),
    ],
)
@pytest.mark.usefixtures("team")
def test_a_parameter_that_a_call_does_not_take_is_named(
    function: str, query: dict[str, str], named: str
) -> None:
    """Mistyped, empty, repeated (API Gateway joins them) or of another call: never left out."""
    answer = ask(function, query=query, user="sam", groups="[staff]")
    assert (answer.status, answer.fields) == (422, [named])
