"""Every right is needed: each function makes each call that its policy names, and no other.

A scenario makes a function use all that it may. Its calls to AWS are recorded, and must be the
template's actions on the template's resources. With `make rights` each right is then taken away in
turn, and the scenario must meet the refusal, and end otherwise than before. A resource is a table,
an index, a queue, a kind of secrets, or the items of a table whose keys begin alike. That IAM
enforces these policies is shown on the local cloud, tests/e2e/test_rights.py, and of keys, which
that does not look at, in tests/contract/test_leading_keys.py.
"""

import contextlib
import hashlib
import hmac
import importlib
import json
import os
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from actionsync.runtime import run
from actionsync.stores import timers
from actionsync.stores.connections import ConnectionStore
from actionsync.stores.pauses import PauseStore, Target
from actionsync.stores.recent import RecentEvents
from actionsync.stores.rules import RuleStore
from actionsync.stores.tickets import Row
from actionsync.stores.timers import PROMPT, Timer, key_of, looks_of, prompt
from actionsync.tickets.types import TABLES
from actionsync.wiring import notices as owner_notices
from actionsync.wiring.events import services
from actionsync.wiring.servicenow import client_cache
from actionsync.wiring.stores import address_store, pause_store, ticket_store, timer_store
from local import update_set
from local.operations import Described, operations
from local.servicenow import faults, seed
from local.servicenow.access import Application
from tests import conftest
from tests.conftest import ENVIRONMENT, _forget
from tests.contract.test_template import FOLDERS
from tests.integration import events, gates
from tests.integration.conftest import connect
from tests.integration.events import Queues
from tests.integration.examples import put_example_key, put_example_sign_in
from tests.integration.keys import make_key
from tests.template import leading_keys, managed, public, statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.servicenow import Simulator
    from tests.conftest import Aws

Right = tuple[str, str]
# Lambda itself makes these, for the queue that a function processes.
OF_LAMBDA = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
KEY = {"idempotency-key": "once"}
FIRST = "first-password"
# Tables with several kinds of items.
SHARED = {"ConnectionsTable", "EventsTable", "IdempotencyTable"}


class Iam:
    """Notes the calls to AWS, and refuses one right's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: set[Right] = set()
        self.refused: Right | None = None
        self.has_refused = False
        self.is_off = True
        make = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore's own

        def call(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
            if not self.is_off:
                service = client.meta.service_model.service_name
                rights = _rights(service, operation, arguments)
                self.calls |= rights
                if self.refused in rights:
                    self.has_refused = True
                    raise ClientError({"Error": {"Code": "AccessDeniedException"}}, operation)
            return make(client, operation, arguments)

        monkeypatch.setattr(BaseClient, "_make_api_call", call)

    @contextlib.contextmanager
    def off(self) -> "Iterator[None]":
        """Let the test's own calls pass."""
        was, self.is_off = self.is_off, True
        yield
        self.is_off = was


def _rights(service: str, operation: str, arguments: dict[str, Any]) -> set[Right]:
    """Return a call as policies write it: its action and its resources."""
    action = f"{service}:{operation}"
    if service == "secretsmanager":
        name = arguments.get("SecretId") or arguments["Name"]
        assert name.startswith(ENVIRONMENT["SECRET_PREFIX"])
        return {(action, name.removeprefix(ENVIRONMENT["SECRET_PREFIX"]).partition("/")[0])}
    if service == "sqs":
        queue = arguments["QueueUrl"].rpartition("/")[2]
        return {(action, queue)}
    if service in _OTHERS:
        return {(action, _OTHERS[service](operation, arguments))}
    assert service == "dynamodb"
    if operation == "BatchGetItem":
        ((table, asked),) = arguments["RequestItems"].items()
        return {(action, _items(table, key["pk"]["S"])) for key in asked["Keys"]}
    if operation == "BatchWriteItem":
        ((table, puts),) = arguments["RequestItems"].items()
        return {(action, _items(table, put["PutRequest"]["Item"]["pk"]["S"])) for put in puts}
    return {(action, _part(arguments["TableName"], arguments))}


def _bus(_: str, arguments: dict[str, Any]) -> str:
    return {"events": "EventBus"}[arguments["Entries"][0]["EventBusName"]]


def _key(_: str, arguments: dict[str, Any]) -> str:
    assert arguments["KeyId"].startswith(f"alias/{ENVIRONMENT['SECRET_PREFIX']}")
    return "key"


def _topic(operation: str, _: dict[str, Any]) -> str:
    return "NoticeTopic" if operation in {"Publish", "Subscribe"} else "*"


_OTHERS: "dict[str, Callable[[str, dict[str, Any]], str]]" = {
    "events": _bus,
    "kms": _key,
    "sns": _topic,
}


def _part(table: str, arguments: dict[str, Any]) -> str:
    """Return which part of a table a call is for: an index, or its item's kind."""
    if "IndexName" in arguments:
        return f"{table}/{arguments['IndexName']}"
    item = arguments.get("Key") or arguments.get("Item")
    pk = item["pk"] if item else arguments["ExpressionAttributeValues"][":pk"]
    return _items(table, pk["S"])


def _items(table: str, pk: str) -> str:
    """Return the items whose key begins alike, of a table that has several kinds of them."""
    return f"{table} {pk.partition('#')[0]}#*" if table in SHARED else table


def granted(folder: str) -> set[Right]:
    """Return the rights that a function's policy in the template gives."""
    return {
        (action, resource)
        for statement in statements(folder)
        for action in statement["Action"]
        for resource in _resources(statement)
    }


def _resources(statement: dict[str, Any]) -> set[str]:
    """Return the names of stores, of items by their keys, of an index, or of a kind of secrets."""
    resource = statement["Resource"]
    if isinstance(resource, str):
        return {resource}
    if "Ref" in resource:
        return {resource["Ref"]}
    if ":kms:" in resource.get("Fn::Sub", ""):
        return {"key"}
    if "Fn::GetAtt" not in resource:
        table, _, index = resource["Fn::Sub"].removeprefix("${").partition(".Arn}/index/")
        return {f"{table}/{index}" if index else resource["Fn::Sub"].split("/")[2]}
    name = resource["Fn::GetAtt"].removesuffix(".Arn")
    keys = leading_keys(statement)
    return {name} if keys is None else {f"{name} {key}" for key in keys}


class World:
    """A user nobody has seen before, and processes that know nothing."""

    def __init__(
        self, aws: "Aws", simulator: "Simulator", iam: Iam, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.aws = aws
        self.simulator = simulator
        self.iam = iam
        self.monkeypatch = monkeypatch
        self.user = uuid.uuid4().hex
        self.results: list[Any] = []
        monkeypatch.setenv("AUTOMATION_USER_ID", self.user)
        simulator.faults.clear()

    def connect(self) -> None:
        """Store a connection for the user, in another process."""
        with self.iam.off():
            connect(self.simulator, seed.INTEGRATION_USER, self.user)
            _forget()

    def call(self, function: str, body: Any = ..., **options: Any) -> Any:
        """Call a function, as the user unless it is public, and note the status."""
        if function not in public():
            options["user_id"] = self.user
        answer = conftest.call(function, body, **options)
        self.results.append(answer.status)
        return answer

    def send(self, kind: str, *records: dict[str, Any]) -> None:
        """Invoke a function of events, and note whether each record is done."""
        failed = events.send(kind, *records)
        self.results.append([record["messageId"] in failed for record in records])

    def record(self, table: str) -> str:
        """Return the sys_id of a new record in ServiceNow; a change is in Implement."""
        state = {"incident": "1", "change_request": "-1", "problem": "101"}[table]
        row = self.simulator.instance.put(
            table, short_description="x", type="normal", state=state, incident_state=state
        )
        return str(row["sys_id"])

    def left(self, table: str) -> None:
        """Note how many items of a table are there, as a result."""
        with self.iam.off():
            self.results.append(len(self.aws.items(table)))


# ---- what each function does


def reads(folder: str, **options: Any) -> "Callable[[World], None]":
    """Return the scenario of a function that reads from ServiceNow, or from a table."""

    def scenario(world: World) -> None:
        world.connect()
        world.call(folder, **options)

    return scenario


def calls(folder: str, **options: Any) -> "Callable[[World], None]":
    """Return the scenario of a function that reads from ServiceNow: it fails, then it answers."""

    def scenario(world: World) -> None:
        world.connect()
        world.simulator.faults.add(faults.hibernating())
        for _ in range(2):
            world.call(folder, **options)
        world.left("EventsTable")

    return scenario


def tries_rules(world: World) -> None:
    """A preview, a replay of recent events, and what is going on at a service."""
    calls("preview_rules")(world)
    for name in ("valid_replay_rules", "valid_get_context"):
        payload = conftest.event("preview_rules", name)
        payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = world.user
        world.results.append(conftest.invoke("preview_rules", payload).status)


def works_again(world: World) -> None:
    """An instance that is paused is tested, and works; so is one that was typed."""
    world.connect()
    typed = {
        "instance_url": world.simulator.url,
        "username": seed.INTEGRATION_USER,
        "password": seed.USERS[seed.INTEGRATION_USER][0],
    }
    world.call("test_connection", typed)
    world.left("AuditTable")
    with world.iam.off():
        store = PauseStore(world.aws.dynamodb, "EventsTable")
        store.record_failure(whom(world), "table", "RateLimited", key="x")
    world.monkeypatch.setattr("actionsync.stores.pauses.SLOW_SECONDS", 0.0)
    world.call("test_connection")
    world.call("test_connection", query={"missing": "discard"})
    world.left("EventsTable")


def writes(described: Described) -> "Callable[[World], None]":
    """Return the scenario of a function that writes to ServiceNow: away, well, and refused."""
    tables = [table for segment, table in TABLES.items() if f"/{segment}" in described.path]
    table = tables[0] if tables else ""

    def scenario(world: World) -> None:
        world.connect()
        troubles = (faults.hibernating(times=None), None, faults.rate_limited(100, times=None))
        for number, trouble in enumerate(troubles):
            where = {"id": world.record(table)} if "{id}" in described.path else {}
            world.simulator.faults.clear()
            if trouble is not None:
                world.simulator.faults.add(trouble)
            world.call(described.folder, headers={"idempotency-key": f"{number}"}, path=where)
            world.left("EventsTable")
        world.simulator.faults.clear()
        world.left("IdempotencyTable")

    return scenario


def create_config(world: World) -> None:
    """A secret that a dead request left gets a further version; an eleventh is refused."""
    connection_id = str(int(world.user[:8], 16))
    with world.iam.off():
        world.aws.dynamodb.put_item(
            TableName="ConnectionsTable",
            Item={
                "pk": {"S": f"CONNECTION#{world.user}"}, "sk": {"S": "default"},
                "id": {"N": connection_id},
                "status": {"S": "pending"},
            },
        )  # fmt: skip
        name = f"{ENVIRONMENT['SECRET_PREFIX']}connection/{connection_id}"
        world.aws.secrets_manager.create_secret(Name=name, SecretString="{}")
    body = {"instance_url": world.simulator.url, "username": "u", "password": "a-first-password"}
    world.call("create_config", body)
    with world.iam.off():
        for number in range(10):
            key = {"pk": {"S": f"CONNECTION#{world.user}"}, "sk": {"S": f"made-{number}"}}
            world.aws.dynamodb.put_item(TableName="ConnectionsTable", Item=key)
    payload = conftest.event("create_config", "valid_create_connection")
    payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = world.user
    world.results.append(conftest.invoke("create_config", payload).status)
    with world.iam.off():
        for number in range(10):
            key = {"pk": {"S": f"CONNECTION#{world.user}"}, "sk": {"S": f"made-{number}"}}
            world.aws.dynamodb.delete_item(TableName="ConnectionsTable", Key=key)
    pem = certificate(world)
    payload["body"] = json.dumps({"name": "shown", **pem})
    world.results.append(conftest.invoke("create_config", payload).status)
    world.left("WaitingTable")


def certificate(world: World) -> dict[str, str]:
    """Return a connection by a certificate, whose end its owner learns of in time."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "both.pem")
        world.simulator.make_certificate("shown", file)
        text = file.read_text()
    return {
        "instance_url": world.simulator.url,
        "auth_method": "client_certificate",
        "certificate": text,
        "private_key": text,
    }


def update_config(world: World) -> None:
    """A certificate in the place of a password, the next one beside it, and that one dropped."""
    world.connect()
    pem = certificate(world)
    world.call("update_config", pem)
    world.left("WaitingTable")
    payload = conftest.event("update_config", "valid_update_connection")
    payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = world.user
    payload["queryStringParameters"] = {"pending": "true"}
    payload["body"] = json.dumps({name: pem[name] for name in ("certificate", "private_key")})
    world.results.append(conftest.invoke("update_config", payload).status)
    world.call("update_config", {"pending": None})


def delete_config(world: World) -> None:
    """The connection goes, and its secret."""
    world.connect()
    world.call("delete_config")


def settings_of(folder: str) -> "Callable[[World], None]":
    """Return the scenario of a function that changes settings."""

    def scenario(world: World) -> None:
        world.connect()
        world.call(folder)

    return scenario


def webhook(world: World) -> dict[str, Any]:
    """Make a webhook, in another process."""
    with world.iam.off():
        made: dict[str, Any] = conftest.call("create_webhook", user_id=world.user).json
        _forget()
    return made


def delete_webhook(world: World) -> None:
    """The webhook goes, and its secret."""
    world.call("delete_webhook", path={"id": webhook(world)["id"]})


def list_webhooks(world: World) -> None:
    """All of them, and the deliveries of one."""
    hook = webhook(world)
    world.call("list_webhooks")
    payload = conftest.event("list_webhooks", "valid_list_deliveries")
    payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = world.user
    payload["pathParameters"] = {"source": "github", "id": hook["id"]}
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = f"{hook['path']}/deliveries"
    world.results.append(conftest.invoke("list_webhooks", payload).status)


def notices(folder: str) -> "Callable[[World], None]":
    """Return the scenario of a function of rules, and of the address to which notices go."""

    def scenario(world: World) -> None:
        world.call(folder)
        with world.iam.off():
            boto3.client("sns").create_topic(Name="notices")
            named = {"email": f"{world.user}@example.com"}
            path = {"folder": "update_rules", "name": "valid_update_notices"}
            if folder == "get_rules":
                ask(world, **path, body=named)
                _forget()
        if folder == "get_rules":
            ask(world, folder, "valid_get_notices")
            return
        for body in (named, {"email": f"other-{world.user}@example.com"}, {"email": None}):
            ask(world, **path, body=body)
        world.left("EventsTable")

    return scenario


def ask(world: World, folder: str, name: str, body: Any = None) -> None:
    """Send a payload as the user, and note the answer."""
    payload = conftest.event(folder, name)
    payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = world.user
    if body is not None:
        payload["body"] = json.dumps(body)
    answer = conftest.invoke(folder, payload)
    world.results.append((answer.status, answer.json.get("is_confirmed")))


def own_recipe(folder: str, names: "tuple[str, ...]") -> "Callable[[World], None]":
    """Return the scenario of a function of recipes: each of its operations, one after another."""

    def scenario(world: World) -> None:
        with world.iam.off():
            saved = conftest.event("update_recipe", "valid")
            saved["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = world.user
            conftest.invoke("update_recipe", saved)
            _forget()  # another process goes on
        for name in names:
            payload = conftest.event(folder, name)
            payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = world.user
            world.results.append(conftest.invoke(folder, payload).status)
        world.left("EventsTable")

    return scenario


def gate_deployment(world: World) -> None:
    """A gate is opened, read and listed."""
    world.connect()
    opened = gates.ask(user_id=world.user)
    world.results.append(opened.status)
    with world.iam.off():
        known = gates.ask(user_id=world.user).json["id"]
    world.results.append(gates.gate(known, user_id=world.user).status)
    world.results.append(gates.listed(user_id=world.user).status)
    with world.iam.off():
        sqs, queue = boto3.client("sqs"), os.environ["EVENT_QUEUE_URL"]
        sent = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        world.results.append(len(sent))
    for table in ("EventsTable", "WaitingTable"):
        world.left(table)


def gate_waits(world: World) -> dict[str, Any]:
    """Let a deployment wait at a gate, and return the prompt to look at it."""
    with world.iam.off():
        assert gates.ask(user_id=world.user).status == 201
        _forget()
        (timer,) = [
            item["pk"]["S"].partition("#")[2]
            for item in world.aws.items("WaitingTable")
            if item["pk"]["S"].startswith("TIMER#")
        ]
    body = timers.prompt(timer, "gates")
    return {**events.record(body), "eventSourceARN": events.PROMPTS}


def update_webhook(world: World) -> None:
    """Its dry run, and its secret."""
    change = {"dry_run": True, "secret": "the-senders-own-secret"}
    world.call("update_webhook", change, path={"id": webhook(world)["id"]})


def receive_webhook(world: World) -> None:
    """What the queue takes, also over the quota; what the bus takes, and what it does not."""
    world.monkeypatch.setenv("DELIVERIES_PER_MINUTE", "1")
    with world.iam.off():
        path = {"source": "alertmanager"}
        hook = conftest.call("create_webhook", user_id=world.user, path=path).json
        _forget()
    payload = conftest.event("receive_webhook", "alertmanager_firing")
    payload["headers"]["authorization"] = f"Bearer {hook['secret']}"
    payload["pathParameters"] = {"source": "alertmanager", "id": hook["id"]}
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = hook["path"]
    ended = payload["body"].replace('"firing"', '"resolved"')
    for body in (payload["body"], "no JSON", ended):
        answer = conftest.invoke("receive_webhook", {**payload, "body": body})
        world.results.append((answer.status, answer.text))
    world.monkeypatch.setenv("DELIVERIES_PER_MINUTE", "600")
    with world.iam.off():
        _forget()
    hook = webhook(world)
    for accepted in (True, False):
        # The same body again would be a repetition.
        name = "valid" if accepted else "workflow_run_success"
        payload = conftest.event("receive_webhook", name)
        body = payload["body"].encode()
        signature = hmac.new(hook["secret"].encode(), body, hashlib.sha256).hexdigest()
        payload["headers"] |= {
            "x-hub-signature-256": f"sha256={signature}",
            "x-github-delivery": uuid.uuid4().hex,
        }
        payload["pathParameters"] = {"source": "github", "id": hook["id"]}
        payload["rawPath"] = payload["requestContext"]["http"]["path"] = hook["path"]
        with world.monkeypatch.context() as patch:
            if not accepted:
                make = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore's own

                def refuse(client: Any, operation: str, arguments: Any, make: Any = make) -> Any:
                    answer = make(client, operation, arguments)
                    return {**answer, "FailedEntryCount": 1} if operation == "PutEvents" else answer

                patch.setattr(BaseClient, "_make_api_call", refuse)
            for _ in range(2):
                world.results.append(conftest.invoke("receive_webhook", payload).status)
    push(world)
    for table in ("IdempotencyTable", "EventsTable", "WaitingTable"):
        world.left(table)


def push(world: World) -> None:
    """ServiceNow says that a ticket changed, which has a row."""
    world.connect()
    with world.iam.off():
        connection = ConnectionStore(world.aws.dynamodb, "ConnectionsTable").get(world.user)
        assert connection is not None
        row = Row(connection.id, "incident", "0" * 32, world.user)
        ticket_store().open(row)
        key = key_of("looks", world.user, "default")
        timer_store().start(Timer(looks_of(connection.id), key, 0))
        hook = conftest.call(
            "create_webhook", None, user_id=world.user, path={"source": "servicenow"}
        ).json
        _forget()
    payload = conftest.event("receive_webhook")
    payload["pathParameters"] = {"source": "servicenow", "id": hook["id"]}
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = hook["path"]
    payload["body"] = json.dumps({"table": row.table, "sys_id": row.sys_id})
    payload["headers"] |= update_set.signed(hook["secret"], payload["body"], 1)
    world.results.append(conftest.invoke("receive_webhook", payload).status)


def receive_logs(world: World) -> None:
    """Lines that the queue takes."""
    importlib.import_module("functions.receive_logs.app").lambda_handler(
        conftest.event("receive_logs"), conftest.LambdaContext()
    )
    world.results.append("queued")


def send_delivery_again(world: World) -> None:
    """What was queued, and what was put on the bus."""
    hook = webhook(world)
    with world.iam.off():
        recent = RecentEvents(world.aws.dynamodb, "EventsTable")
        sent: tuple[dict[str, Any], ...] = (
            {"element": {}},
            {"source": "x", "detail-type": "x", "detail": {}},
        )
        for event in sent:
            entry = {"at": "2026", "outcome": "failed", "detail": "", "event": json.dumps(event),
                     "delivery": "d"}  # fmt: skip
            recent.note(world.user, entry, hook["id"])
        recent.put()
    world.call("send_delivery_again", path={"id": hook["id"], "delivery": "d"})


def rotate_secret(world: World) -> None:
    """All four steps, for a user who may change its own password."""
    name = f"user-{world.user}"
    with world.iam.off():
        world.simulator.instance.add_user(name, FIRST, "itil", "user_admin")
        body = {"instance_url": world.simulator.url, "username": name, "password": FIRST}
        made = conftest.call("create_config", body, user_id=world.user)
        assert made.status == 201
        _forget()
    handler = importlib.import_module("functions.rotate_secret.app").lambda_handler
    payload = conftest.event("rotate_secret") | {
        "SecretId": f"{ENVIRONMENT['SECRET_PREFIX']}connection/{made.json['id']}",
        "ClientRequestToken": str(uuid.uuid4()),
    }
    for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
        handler({**payload, "Step": step}, conftest.LambdaContext())
        world.results.append(step)


def plain_text(world: World) -> None:
    """A notification of no shape that is known: its owner's own recipes are asked."""
    document = {"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:a:b:c:d",
                "Timestamp": "2026-01-10T10:00:00Z", "Message": "Something is wrong"}  # fmt: skip
    world.send("error", events.record(json.dumps(document)))


def meeting_by_topic(world: World, name: str) -> None:
    """A notification of a processed meeting, whose two tickets are linked by a note."""
    items = [{"summary": f"{name} {n}", "requires_incident": True} for n in range(2)]
    detail = {"user_id": world.user, "meeting_id": name, "title": name, "action_items": items}
    world.send("error", events.notification(detail))


def one_ticket_for_many(world: World, kind: str, record: dict[str, Any]) -> None:
    """An alarm that is a member of a ticket for many."""
    if kind != "alarm":
        return
    for rules in ('{"rules": [{"name": "many", "then": {"group_by": []}}]}', "{}"):
        with world.iam.off():
            for owner in (world.user, "automation"):
                RuleStore(world.aws.dynamodb, "EventsTable").save(owner, rules, None)
            services().rules.__dict__["_cached"].clear()
        if rules != "{}":
            world.send(kind, record)


def of_events(kind: str) -> "Callable[[World], None]":
    """Return the scenario of a function of events: a ticket, a wait, and an unreadable event."""

    def record(world: World, name: str) -> dict[str, Any]:
        user: dict[str, Any] = {"user_id": world.user}
        if kind == "error":
            return events.error(**user, service=name)
        if kind == "alarm":
            return events.alarm_notification("ALARM", arn=f"{events.ALARM}-{name}")
        if kind == "deployment":
            return events.deployment("started", **user, application=name, deployment_id=name)
        items = [{"summary": f"{name} {n}", "requires_incident": True} for n in range(2)]
        detail = {**user, "meeting_id": name, "title": name, "action_items": items}
        return events.on_bus("Meeting Processed", detail)

    def scenario(world: World) -> None:
        world.connect()
        one_ticket_for_many(world, kind, record(world, "grouped"))
        world.send(kind, record(world, "zeroth"))
        past_pause(world)
        with world.iam.off():
            pause_store()._known.clear()
        world.send(kind, record(world, "first"))
        world.send(kind, events.error() | {"body": "no JSON"})
        if kind == "error":
            plain_text(world)
            meeting_by_topic(world, "first meeting")
        if kind in {"error", "meeting"}:
            refusal = faults.error(403, "Not allowed", "x", method="PATCH", times=None)
            world.simulator.faults.add(refusal)
            if kind == "error":
                meeting_by_topic(world, "second meeting")
            else:
                world.send(kind, record(world, "second"))
            world.simulator.faults.clear()
        third = record(world, "third")
        world.simulator.faults.add(faults.rate_limited(100, method="POST", times=None))
        world.send(kind, third)
        world.simulator.faults.clear()
        no_pauses(world)
        third["attributes"]["ApproximateReceiveCount"] = "2"
        world.send(kind, third)
        for table in ("IdempotencyTable", "EventsTable", "WaitingTable"):
            world.left(table)

    return scenario


def for_a_team(folder: str) -> list[dict[str, Any]]:
    """Return a request for a team that there is not, of a function that takes them."""
    found = [each for each in operations() if each.folder == folder and each.place]
    if not found:
        return []
    payload = conftest.event(folder) if found[0].takes_file else found[0].event()
    asked = payload.get("queryStringParameters", {})
    return [{**payload, "queryStringParameters": {**asked, found[0].place: "team/none"}}]


def scenario_of(described: Described) -> "Callable[[World], None]":
    """Return the scenario that follows from what an operation is."""
    if described.writes_tickets:
        return writes(described)
    if described.calls_servicenow:
        return calls(described.folder)
    if described.is_rate_limited:
        return settings_of(described.folder)
    return reads(described.folder)


def past_pause(world: World) -> None:
    """Leave a pause of the user's connection that is over."""
    with world.iam.off():
        pk, sk = whom(world).key("connection")
        world.aws.dynamodb.put_item(
            TableName="EventsTable",
            Item={
                "pk": {"S": pk}, "sk": {"S": sk}, "paused_until": {"N": "1"},
                "failures": {"N": "1"}, "reason": {"S": "x"},
            },
        )  # fmt: skip


def no_pauses(world: World) -> None:
    """End all pauses, also those that a process knows of."""
    with world.iam.off():
        for item in world.aws.items("EventsTable"):
            if item["pk"]["S"].startswith("PAUSE#"):
                key = {"pk": item["pk"], "sk": item["sk"]}
                world.aws.dynamodb.delete_item(TableName="EventsTable", Key=key)
        pause_store()._known.clear()


def whom(world: World) -> Target:
    """Return whom the user's calls concern."""
    connection = ConnectionStore(world.aws.dynamodb, "ConnectionsTable").get(world.user)
    assert connection is not None
    return Target.of(connection, "incident")


def signs_in(world: World) -> None:
    """What all do that call ServiceNow: a refresh token is used, and replaced; a key signs."""
    access = world.simulator.instance.access
    with world.iam.off():
        world.simulator.instance.add_application(Application("an-id", "a-secret"))
        access.refresh_tokens["a-refresh-token"] = seed.INTEGRATION_USER
        body = {
            "instance_url": world.simulator.url,
            "auth_method": "oauth_refresh_token",
            "client_id": "an-id",
            "client_secret": "a-secret",
            "refresh_token": "a-refresh-token",
        }
        user = uuid.uuid4().hex
        assert conftest.call("create_config", body, user_id=user).status == 201
        put_example_key(world.simulator, user)
        stored = ConnectionStore(world.aws.dynamodb, "ConnectionsTable").get(user, "keyed")
        assert stored is not None
        make_key(stored.signing_key)
        _forget()
    access.replaces_refresh_tokens = True

    async def read() -> None:
        client = await client_cache().client(user)
        await client.signed_in_as()
        await client_cache().client(user, "keyed")

    try:
        run(read())
    finally:
        access.replaces_refresh_tokens = False
    world.results.append(len(access.refresh_tokens))


def meeting_waits(world: World, name: str) -> list[dict[str, Any]]:
    """Let a meeting's two items wait, and return their prompts."""
    with world.iam.off():
        items = [{"summary": f"{name} {n}", "requires_incident": True} for n in range(2)]
        detail = {"user_id": world.user, "meeting_id": name, "title": name, "action_items": items}
        world.simulator.faults.add(faults.rate_limited(100, method="POST", times=None))
        events.send("meeting", events.on_bus("Meeting Processed", detail))
        world.simulator.faults.clear()
        no_pauses(world)
        return [
            events.prompt(item["pk"]["S"].removeprefix("EVENT#"))
            for item in world.aws.items("WaitingTable")
            if item.get("state") == {"S": "waiting"}
        ]


def on_event(world: World) -> None:
    """Items that go on, one that has to wait again, and a message that was suspected."""
    world.connect()
    world.send("event", events.on_bus("Something", {"user_id": world.user}))
    world.send("event", gate_waits(world))
    prompts = meeting_waits(world, "first")
    past_pause(world)
    with world.iam.off():
        _forget()  # another process goes on with them
    world.send("event", *prompts)
    no_pauses(world)
    world.send("event", *meeting_waits(world, "another"))
    refusal = faults.error(403, "Not allowed", "x", method="PATCH", times=None)
    prompts = meeting_waits(world, "second")
    world.simulator.faults.add(refusal)
    world.send("event", *prompts)
    world.simulator.faults.clear()
    with world.iam.off():
        suspect = events.error(user_id=world.user)
        suspect["attributes"]["ApproximateReceiveCount"] = "3"
        events.send("error", suspect)
        prompts = [
            events.prompt(item["pk"]["S"].removeprefix("EVENT#"))
            for item in world.aws.items("WaitingTable")
            if item.get("state") == {"S": "waiting"}
        ]
    world.simulator.faults.add(faults.rate_limited(100, method="POST", times=None))
    world.send("event", *prompts)
    world.simulator.faults.clear()
    looks_at_tickets(world)
    says_what_is_wrong(world)
    for table in ("IdempotencyTable", "EventsTable", "WaitingTable"):
        world.left(table)


def says_what_is_wrong(world: World) -> None:
    """An owner with an address learns of trouble."""
    with world.iam.off():
        boto3.client("sns").create_topic(Name="notices")
        address_store().save(world.user, world.user, f"{world.user}@example.com")
        owner_notices.notices().notify(world.user, "cap", "x", "x")
        (timer,) = [
            item["pk"]["S"].partition("#")[2]
            for item in world.aws.items("WaitingTable")
            if item.get("table") == {"S": "#notices"} and item["pk"]["S"].startswith("TIMER#")
        ]
    body = timers.prompt(timer, "notices")
    world.send("event", {**events.record(body), "eventSourceARN": events.PROMPTS})


def looks_at_tickets(world: World) -> None:
    """What was opened is looked at: a ticket is closed, and its row goes."""
    inside = world.simulator.instance
    with world.iam.off():
        connection = ConnectionStore(world.aws.dynamodb, "ConnectionsTable").get(world.user)
        assert connection is not None
        prompts = [
            events.record(prompt(item["pk"]["S"].removeprefix("TIMER#"), "looks"))
            for item in world.aws.items("WaitingTable")
            if item["pk"]["S"].startswith("TIMER#") and item["table"] == {"S": "#looks"}
        ]
        for item in world.aws.items("EventsTable"):
            if item["pk"]["S"] == f"TICKET#{connection.id}":
                table, _, sys_id = item["sk"]["S"].partition("#")
                inside.change(table, sys_id, state="7", active="false", sys_mod_count="99")
    for record in prompts:
        record["eventSourceARN"] = events.PROMPTS
    world.send("event", *prompts)


def unfinished(folder: str) -> "Callable[[World], None]":
    """Return the scenario of a function that does something about an event that waits."""

    def scenario(world: World) -> None:
        world.connect()
        prompts = meeting_waits(world, "first")
        item = json.loads(prompts[0]["body"])[PROMPT]["item"]
        _forget()
        world.call(folder, path={"id": item})
        for table in ("EventsTable", "WaitingTable", "AuditTable"):
            world.left(table)

    return scenario


def release_waiting(world: World) -> None:
    """What is due is sent, and a key for which nothing waits is forgotten."""
    world.connect()
    meeting_waits(world, "first")
    with world.iam.off():
        for item in world.aws.items("WaitingTable"):
            if item["pk"]["S"] != "WAITING":
                world.aws.dynamodb.update_item(
                    TableName="WaitingTable",
                    Key={"pk": item["pk"], "sk": item["sk"]},
                    UpdateExpression="SET next_at = :now",
                    ExpressionAttributeValues={":now": {"N": "1"}},
                )
        world.aws.dynamodb.put_item(
            TableName="WaitingTable",
            Item={
                "pk": {"S": "WAITING"}, "sk": {"S": "0" * 32}, "owner": {"S": "nobody"},
                "connection": {"S": "default"}, "table": {"S": "incident"},
                "touched_at": {"N": "1"}, "version": {"N": "1"},
            },
        )  # fmt: skip
    handler = importlib.import_module("functions.release_waiting.app").lambda_handler
    handler({}, conftest.LambdaContext())
    world.left("WaitingTable")
    with world.iam.off():
        sqs = boto3.client("sqs")
        queue = os.environ["EVENT_QUEUE_URL"]
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        world.results.append(len(found))


def answer_assistant(world: World) -> None:
    """What became of events; and a note: the instance is away, well, and refuses."""
    world.connect()
    world.monkeypatch.setenv("ASSISTANT_WRITE_SCOPE", "tickets")

    def use(name: str, **arguments: Any) -> None:
        payload = conftest.event("answer_assistant")
        message = json.loads(payload["body"])
        message["params"] = {"name": name, "arguments": arguments}
        payload["body"] = json.dumps(message)
        claims = payload["requestContext"]["authorizer"]["jwt"]["claims"]
        claims |= {"sub": world.user, "scope": "tickets"}
        answer = conftest.invoke("answer_assistant", payload)
        world.results.append(json.loads(answer.text)["result"]["isError"])

    for name in ("find_events", "list_unfinished_events", "list_activity", "list_gates"):
        use(name)
    troubles = (faults.hibernating(times=None), None, faults.rate_limited(100, times=None))
    for number, trouble in enumerate(troubles):
        ticket = {"table": "incident", "id": world.record("incident")}
        world.simulator.faults.clear()
        if trouble is not None:
            world.simulator.faults.add(trouble)
        use("add_work_note", **ticket, note="x", correlation_id=f"{number}")
        world.left("EventsTable")
        use("create_incident", short_description="x", correlation_id=f"i{number}")
    use("show_ticket", **ticket, connection="team/none")
    world.simulator.faults.clear()
    world.left("IdempotencyTable")


def check_connection(world: World) -> None:
    """An instance that is paused is tested, and works."""
    world.connect()
    with world.iam.off():
        store = PauseStore(world.aws.dynamodb, "EventsTable")
        store.record_failure(whom(world), "table", "RateLimited", key="x")
    world.monkeypatch.setattr("actionsync.stores.pauses.SLOW_SECONDS", 0.0)
    handler = importlib.import_module("functions.check_connection.app").lambda_handler
    for owner in (world.user, "team/none"):
        world.monkeypatch.setenv("AUTOMATION_USER_ID", owner)
        _forget()
        handler({}, conftest.LambdaContext())
    world.left("EventsTable")


def sign_in_connection(world: World) -> None:
    """Begun, and finished."""
    with world.iam.off():
        put_example_sign_in(world.simulator, world.user)
        _forget()
    for name in ("valid", "valid_finish_sign_in", "valid_promote_pending"):
        payload = conftest.event("sign_in_connection", name)
        payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = world.user
        world.results.append(conftest.invoke("sign_in_connection", payload).status)


SCENARIOS: "dict[str, Callable[[World], None]]" = {
    **{described.folder: scenario_of(described) for described in reversed(list(operations()))},
    "test_connection": works_again,
    "preview_rules": tries_rules,
    "create_config": create_config,
    "update_config": update_config,
    "get_rules": notices("get_rules"),
    "update_rules": notices("update_rules"),
    "list_recipes": own_recipe("list_recipes", ("valid", "valid_get_recipe")),
    "update_recipe": own_recipe("update_recipe", ("valid", "valid_delete_recipe")),
    "rotate_secret": rotate_secret,
    "sign_in_connection": sign_in_connection,
    "delete_config": delete_config,
    "delete_webhook": delete_webhook,
    "gate_deployment": gate_deployment,
    "update_webhook": update_webhook,
    "list_webhooks": list_webhooks,
    "send_delivery_again": send_delivery_again,
    "receive_webhook": receive_webhook,
    "receive_logs": receive_logs,
    **{f"on_{kind}": of_events(kind) for kind in ("error", "alarm", "deployment", "meeting")},
    "retry_unfinished_event": unfinished("retry_unfinished_event"),
    "discard_unfinished_event": unfinished("discard_unfinished_event"),
    "on_event": on_event,
    "release_waiting": release_waiting,
    "check_connection": check_connection,
    "answer_assistant": answer_assistant,
}  # fmt: skip


def _of_table(right: Right) -> Right:
    return right[0], right[1].partition(" ")[0]


@pytest.fixture
def iam(aws: "Aws", simulator: "Simulator", monkeypatch: pytest.MonkeyPatch) -> Iam:
    """AWS with a queue and a bus; its calls are noted when it is on."""
    Queues(monkeypatch)
    boto3.client("events").create_event_bus(Name="events")
    return Iam(monkeypatch)


def test_every_function_has_a_scenario() -> None:
    """A new function needs one, which makes it use each right that it has."""
    assert sorted(SCENARIOS) == FOLDERS


@pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")  # a batch that failed
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_right_is_needed(
    aws: "Aws",
    simulator: "Simulator",
    iam: Iam,
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
) -> None:
    """All that the function does is granted, all that is granted is done, and needed."""

    def play(refused: Right | None) -> list[Any]:
        for table in ("IdempotencyTable", "EventsTable", "WaitingTable"):
            for item in aws.items(table):
                key: Any = {name: item[name] for name in ("pk", "sk") if name in item}
                aws.dynamodb.delete_item(TableName=table, Key=key)
        _forget()
        world = World(aws, simulator, iam, monkeypatch)
        iam.refused, iam.has_refused, iam.is_off = refused, False, False
        try:
            for payload in for_a_team(folder):
                world.results.append(conftest.invoke(folder, payload).status)
            SCENARIOS[folder](world)
            if "SignIn" in managed(folder):
                signs_in(world)
        except ClientError as error:
            # What a function of events lets through: Lambda would call it again.
            world.results.append(str(error))
        finally:
            iam.is_off = True
        return world.results

    expected = play(None)
    given = {right for right in granted(folder) if right[0] not in OF_LAMBDA}
    if folder.startswith("on_"):
        # Each queue may bring each kind of event: their rights on items are those of all.
        assert iam.calls <= given
        assert {_of_table(right) for right in iam.calls} == {_of_table(right) for right in given}
    else:
        assert iam.calls == given
    # All in turn takes minutes: `make rights`. Else what was just said has to do: that every right
    # is used, and tests/e2e/test_rights.py that IAM refuses what is not given.
    for right in sorted(iam.calls) if os.environ.get("RIGHTS") else ():
        results = play(right)
        assert iam.has_refused, right
        assert results != expected, right
