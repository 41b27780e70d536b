"""Many users in one warm process: whatever they do, in whatever order, they do not meet.

Each user has a ServiceNow instance of their own and a mark in all that is theirs. The scripts use
the same idempotency keys, the same texts, and each other's ids, numbers and cursors. After each
call, every request that any instance has got carries the caller's own account, and goes to the
caller's own instance; and the answer holds nobody else's mark.
"""

import importlib
import json
import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actionsync.stores.teams import Team
from actionsync.stores.timers import prompt
from actionsync.wiring import stores
from local.servicenow import Simulator
from tests.conftest import HttpAnswer, LambdaContext, _forget, call
from tests.conftest import event as event_of
from tests.integration.events import PROMPTS, Queues, error, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Aws

EXAMPLES = int(os.environ.get("EXAMPLES", "15"))
USERS = 3


@dataclass
class Tenant:
    """A user with an instance of their own.

    Attributes:
        instance: the ServiceNow instance.
        id: the user's id.
        mark: stands in all that is the user's.
        team: the name of the user's team, whose only group is named as it is.
        numbers, webhooks, cursors, gates: what the user has been given.
        typed: others' marks that the user has typed.
    """

    instance: Simulator
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    mark: str = field(default_factory=lambda: f"mark{uuid.uuid4().hex[:12]}")
    team: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:12]}")
    numbers: list[str] = field(default_factory=list)
    webhooks: list[str] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)
    gates: list[str] = field(default_factory=list)
    typed: set[str] = field(default_factory=set)

    def call(self, function: str, body: Any = ..., **options: Any) -> HttpAnswer:
        """Call a function as this user."""
        return call(function, body, user_id=self.id, **options)

    def ask(
        self,
        function: str,
        scenario: str = "valid",
        body: Any = None,
        path: dict[str, str] | None = None,
        **query: str,
    ) -> HttpAnswer:
        """Call an operation as this user, whose token names the user's own group."""
        payload = event_of(function, scenario)
        for name, value in (path or {}).items():
            old = f"/{payload['pathParameters'][name]}"
            payload["rawPath"] = payload["rawPath"].replace(old, f"/{value}")
        claims = payload["requestContext"]["authorizer"]["jwt"]["claims"]
        claims |= {"sub": self.id, "cognito:groups": f"[{self.team}]"}
        payload["queryStringParameters"] = query
        payload["headers"].pop("idempotency-key", None)
        if body is not None:
            payload["body"] = json.dumps(body)
        answer: HttpAnswer = importlib.import_module("tests.conftest").invoke(function, payload)
        return answer

    def connection(self) -> dict[str, str]:
        """Return the user's connection."""
        return {
            "instance_url": self.instance.url,
            "username": self.mark,
            "password": f"{self.mark}-password",
        }

    def connect(self) -> None:
        """Store the connection, found the team, and store its connection."""
        assert self.call("create_config", self.connection()).status in {201, 409}
        if stores.team_store().get(self.team) is None:
            groups = (self.team,)
            made = Team(f"team/{uuid.uuid4().hex}", self.team, members=groups, editors=groups)
            stores.team_store().save(made)
        self.name("default", owner=f"team/{self.team}")

    def name(self, name: str, **query: Any) -> None:
        """Store a connection by its name."""
        body = {"name": name, **self.connection()}
        made = self.ask("create_config", "valid_create_connection", body, **query)
        assert made.status in {201, 409}


def _any(of: list[str], otherwise: str) -> str:
    return of[-1] if of else otherwise


def create(me: Tenant, _: Tenant) -> None:
    """The same key and the same content as the others': each has a ticket of their own."""
    new = {"short_description": "Checkout answers 500", "description": me.mark}
    answer = me.call("create_incident", new, headers={"idempotency-key": f"{len(me.numbers) % 2}"})
    assert answer.status in {201, 404}  # 404: the connection is deleted
    if answer.status == 201:
        assert answer.json["description"] == me.mark
        me.numbers.append(answer.json["number"])


def read(me: Tenant, other: Tenant) -> None:
    """By a number that another was given."""
    number = _any(other.numbers, "INC0000001")
    answer = me.call("get_incident", path={"id": number})
    if answer.status == 200 and number in me.numbers:
        assert answer.json["description"] == me.mark


def search(me: Tenant, other: Tenant) -> None:
    """Where another's search goes on."""
    query = {"limit": "1"} | ({"cursor": other.cursors[-1]} if other.cursors else {})
    me.call("search_incidents", query=query)
    mine = me.call("search_incidents", query={"limit": "1"})
    if mine.status == 200 and mine.json["next_cursor"]:
        me.cursors.append(mine.json["next_cursor"])


def note(me: Tenant, other: Tenant) -> None:
    """On a ticket with a number that another was given."""
    number = _any(other.numbers, "INC0000001")
    me.call("note_record", {"work_note": me.mark}, path={"id": number})


def see_config(me: Tenant, _: Tenant) -> None:
    """The user's own, or none."""
    answer = me.call("get_config")
    assert answer.status in {200, 404}
    if answer.status == 200:
        assert answer.json["username"] == me.mark


def forget_config(me: Tenant, _: Tenant) -> None:
    """Nobody else's connection goes with it."""
    me.call("delete_config")


def connect(me: Tenant, _: Tenant) -> None:
    """Again, if there is none."""
    me.connect()


def try_stored(me: Tenant, _: Tenant) -> None:
    """Signed in as the user's own account."""
    answer = me.call("test_connection", None)
    if answer.status == 200 and answer.json["success"]:
        assert me.mark in answer.text


def try_typed(me: Tenant, other: Tenant) -> None:
    """Without a password, another's connection is not tested with another's."""
    body = {"instance_url": other.instance.url, "username": other.mark}
    me.typed.add(other.mark)  # the user's own trail may show it
    if me is not other:
        assert me.call("test_connection", body).status == 422


def named(me: Tenant, other: Tenant) -> None:
    """A connection of a name that others have, too: each has their own."""
    me.name("second")
    assert me.ask("search_incidents", connection="second").status == 200
    listed = other.ask("list_connections").json["connections"]
    # One that wants a person names no user.
    assert {each["username"] for each in listed} <= {other.mark, ""}
    assert {each["instance_url"] for each in listed} <= {other.instance.url}


def of_a_team(me: Tenant, other: Tenant) -> None:
    """One's own team's, and never another's, whatever is asked for."""
    status = 200 if me is other else 403
    place = f"team/{other.team}"
    new = {"short_description": "Checkout answers 500", "description": me.mark}
    answers = [
        me.ask("search_incidents", connection=place),
        me.ask("search_incidents", connection=f"{other.team}/default"),
        me.ask("get_rules", owner=place),
        me.ask("get_activity", owner=place),
        me.ask("list_connections", owner=place),
        me.ask("get_config", "valid_get_connection", owner=place),
    ]
    assert {answer.status for answer in answers} == {status}
    made = me.ask("create_incident", body=new, connection=place)
    assert made.status == (201 if me is other else 403)


def rules(me: Tenant, _: Tenant) -> None:
    """Each their own."""
    changed = {"errors": {"short_description": f"{me.mark} {{{{service}}}}"}}
    assert me.call("update_rules", changed, headers={}).status == 200
    assert me.mark in me.call("get_rules").text


def event(me: Tenant, _: Tenant) -> None:
    """The same error in everybody's software."""
    handler = importlib.import_module("functions.on_error.app").lambda_handler
    handler({"Records": [error(user_id=me.id, environment=me.mark)]}, LambdaContext())


def held(me: Tenant, _: Tenant) -> None:
    """What a rule of the same name holds back waits for its owner alone."""
    held_back = [{"name": "calm", "then": {"hold": {"minutes": 5}}}]
    assert me.call("update_rules", {"rules": held_back}, headers={}).status == 200
    event(me, me)
    assert me.ask("list_unfinished_events").status == 200


def grouped(me: Tenant, _: Tenant) -> None:
    """The same group in everybody's software: a ticket for each."""
    many = [{"name": "many", "then": {"group_by": ["service"]}}]
    assert me.call("update_rules", {"rules": many}, headers={}).status == 200
    event(me, me)


def looked_at(me: Tenant, _: Tenant) -> None:
    """The user's own open tickets, and gates."""
    items = boto3.client("dynamodb").scan(TableName="WaitingTable")["Items"]
    records = [
        {**record(prompt(item["pk"]["S"].removeprefix("TIMER#"), item["table"]["S"][1:])),
         "eventSourceARN": PROMPTS}
        for item in items
        if item["pk"]["S"].startswith("TIMER#") and item["owner"]["S"] == me.id
    ]  # fmt: skip
    if records:
        handler = importlib.import_module("functions.on_event.app").lambda_handler
        handler({"Records": records}, LambdaContext())


def gate(me: Tenant, other: Tenant) -> None:
    """The same deployment of everybody's: another's gate is not there."""
    body = {"application": "checkout", "deployment_id": f"{len(me.gates)}", "version": me.mark}
    answer = me.ask("gate_deployment", body=body)
    assert answer.status in {201, 404}
    if answer.status == 201:
        me.gates.append(answer.json["id"])
    if me is not other and other.gates:
        path = {"id": other.gates[-1]}
        assert me.ask("gate_deployment", "valid_get_gate", path=path).status == 404
    assert me.ask("gate_deployment", "valid_list_gates").status == 200


def signs_in(me: Tenant, other: Tenant) -> None:
    """Nobody finishes what another has begun, nor promotes what another has stored."""
    named = {"name": "person"}
    oauth = {"auth_method": "oauth_authorization_code", "client_id": "a", "client_secret": "b"}
    for one in (me, other):
        body = {"name": "person", "instance_url": one.instance.url, **oauth}
        made = one.ask("create_config", "valid_create_connection", body)
        assert made.status in {201, 409}
    url = me.ask("sign_in_connection", path=named).json["url"]
    came = {"code": "made-up", "state": dict(parse_qsl(urlsplit(url).query))["state"]}
    if me is not other:
        finished = other.ask("sign_in_connection", "valid_finish_sign_in", came, path=named)
        assert finished.status == 409
    assert me.ask("sign_in_connection", "valid_promote_pending", path=named).status == 409


def address(me: Tenant, _: Tenant) -> None:
    """Where notices go is the owner's alone to see."""
    body = {"email": f"{me.mark}@example.com"}
    assert me.ask("update_rules", "valid_update_notices", body).status == 200
    assert me.mark in me.ask("get_rules", "valid_get_notices").text


def hook(me: Tenant, other: Tenant) -> None:
    """Another's webhook is not there, and stays."""
    me.webhooks.append(me.call("create_webhook", None).json["id"])
    if me is not other and other.webhooks:
        assert me.call("delete_webhook", path={"id": other.webhooks[-1]}).status == 404
        listed = [item["id"] for item in other.call("list_webhooks").json["webhooks"]]
        assert other.webhooks[-1] in listed
    listed = [item["id"] for item in me.call("list_webhooks").json["webhooks"]]
    assert set(listed) == set(me.webhooks)


def trail(me: Tenant, other: Tenant) -> None:
    """And another's place in it."""
    page = me.call("get_activity", query={"limit": "1"}).json
    theirs = other.call("get_activity", query={"limit": "1"}).json["next"]
    if me is not other and theirs is not None:
        assert me.call("get_activity", query={"limit": "1", "cursor": theirs}).status == 422
    assert len(page["items"]) <= 1


def health(me: Tenant, _: Tenant) -> None:
    """How the user's own events fare."""
    assert me.call("get_health").status == 200


def cold(_: Tenant, __: Tenant) -> None:
    """A new process begins."""
    _forget()


STEPS: "list[Callable[[Tenant, Tenant], None]]" = [
    create, read, search, note, see_config, forget_config, connect, try_stored, try_typed, rules,
    named, of_a_team, event, held, grouped, looked_at, gate, signs_in, address, hook, trail,
    health, cold,
]  # fmt: skip
SCRIPTS = st.lists(
    st.tuples(st.sampled_from(STEPS), st.integers(0, USERS - 1), st.integers(0, USERS - 1)),
    min_size=10,
    max_size=40,
)


@pytest.fixture(scope="module")
def instances() -> "Iterator[list[Simulator]]":
    """An instance for each user."""
    running = [Simulator() for _ in range(USERS)]
    for simulator in running:
        simulator.__enter__()
    yield running
    for simulator in running:
        simulator.__exit__(None, None, None)


@pytest.fixture
def allowed(
    aws: "Aws", instances: list[Simulator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All instances, allowed and trusted by the functions."""
    authorities = tmp_path / "authorities.pem"
    authorities.write_text("".join(Path(each.ca_file).read_text() for each in instances))
    hosts = ",".join(f"localhost:{each.port}" for each in instances)
    monkeypatch.setenv("ALLOWED_INSTANCE_HOSTS", hosts)
    monkeypatch.setenv("INSTANCE_CA_FILE", str(authorities))
    monkeypatch.setenv("WRITES_PER_MINUTE", "100000")
    monkeypatch.setattr(stores, "SIGN_INS_PER_MINUTE", 100_000)
    Queues(monkeypatch)
    boto3.client("sns").create_topic(Name="notices")
    boto3.client("events").create_event_bus(Name="events")


@pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")
@pytest.mark.usefixtures("allowed")
def test_users_do_not_meet(instances: list[Simulator]) -> None:
    """Not in a script of any steps."""

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(script=SCRIPTS)
    def check(script: list[tuple[Any, int, int]]) -> None:
        _forget()
        tenants = [Tenant(instance) for instance in instances]
        for tenant in tenants:
            tenant.instance.reset()
            tenant.instance.instance.add_user(tenant.mark, f"{tenant.mark}-password", "itil")
            tenant.connect()
        for step, one, another in script:
            me, other = tenants[one], tenants[another]
            with pytest.MonkeyPatch.context() as patch:
                answers = _watched(patch)
                for tenant in tenants:
                    tenant.instance.requests.clear()
                step(me, other)
            for user_id, text in answers:
                typed = {
                    mark for tenant in tenants if tenant.id == user_id for mark in tenant.typed
                }
                marks = {tenant.mark for tenant in tenants if tenant.id != user_id} - typed
                assert not any(mark in text for mark in marks), (step.__name__, text)
            callers = {user_id for user_id, _ in answers} | {me.id}
            for tenant in tenants:
                users = {request.user for request in tenant.instance.requests}
                assert users <= ({tenant.mark} if tenant.id in callers else set()), step.__name__

    check()


def _watched(patch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return a list that fills with who called, and what was answered."""
    answers: list[tuple[str, str]] = []
    invoke = importlib.import_module("tests.conftest").invoke

    def watched(function: str, payload: dict[str, Any]) -> HttpAnswer:
        answer: HttpAnswer = invoke(function, payload)
        user_id = payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
        answers.append((user_id, answer.text + repr(answer.headers)))
        return answer

    patch.setattr("tests.conftest.invoke", watched)
    return answers
