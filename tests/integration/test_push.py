"""Push: ServiceNow's own script signs what we accept, and a look follows within seconds."""

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from moto.sqs.models import sqs_backends

from actionsync.events.senders import sender
from actionsync.events.verification import verify
from actionsync.stores.tickets import Row
from actionsync.stores.timers import PROMPT_DELAY_SECONDS, PROMPT_SECONDS
from actionsync.wiring import stores
from local import update_set
from tests.conftest import HttpAnswer, call, event, invoke
from tests.integration.events import PROMPTS, USER, error, record, send
from tests.integration.test_event_functions import instance, made, queues  # noqa: F401 - fixtures
from tests.integration.two_way import Office

VECTORS: list[dict[str, str]] = json.loads((update_set.FOLDER / "vectors.json").read_text())
UNKNOWN = "0" * 32
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


def webhook() -> dict[str, Any]:
    """Make a webhook for pushes."""
    made_: dict[str, Any] = call(
        "create_webhook", None, user_id=USER, path={"source": "servicenow"}
    ).json
    return made_


def deliver(hook: dict[str, Any], body: str, headers: dict[str, str]) -> HttpAnswer:
    """Deliver a push."""
    payload = event("receive_webhook")
    payload |= {"body": body, "isBase64Encoded": False}
    payload["headers"] = {"content-type": "application/json", **headers}
    payload["pathParameters"] = {"source": "servicenow", "id": hook["id"]}
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = hook["path"]
    return invoke("receive_webhook", payload)


def push(
    hook: dict[str, Any], sys_id: str, table: str = "incident", secret: str = "", at: int = 1
) -> HttpAnswer:
    """Push as the script does."""
    body = json.dumps({"table": table, "sys_id": sys_id})
    return deliver(hook, body, update_set.signed(secret or hook["secret"], body, at))


def prompts(office: Office) -> list[dict[str, Any]]:
    """Return the prompts that are in the queue, also those that are delayed."""
    office.time.advance(seconds=PROMPT_SECONDS + PROMPT_DELAY_SECONDS)
    sqs, queue = office.queues.sqs, office.queues.queue_url
    found = []
    for delayed in _queued():
        delayed.delayed_until = 0
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append({**record(message["Body"]), "eventSourceARN": PROMPTS})
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_a_push_is_looked_at_within_seconds(office: Office) -> None:
    """What a person did comes out; the timer of the looks stays; what is not ours is nothing."""
    send("error", error())
    sys_id = made(office.instance)[0]["sys_id"]
    hook = webhook()
    office.edit(sys_id, state="2")
    office.bus.take()
    answer = push(hook, sys_id)
    assert (answer.status, answer.json) == (202, {"status": "pushed"})
    assert push(hook, UNKNOWN).status == 202
    (prompt,) = prompts(office)
    assert send("event", prompt) == []
    ((kind, detail),) = office.bus.take()
    assert (kind, detail["after"]["state"]) == ("Ticket Updated", "2")
    assert send("event", prompt) == [], "a doubled prompt does no harm"
    assert office.bus.take() == []
    assert prompts(office) == []


def test_a_push_whose_signature_is_wrong_is_refused(office: Office) -> None:
    """401 says nothing; the age of a push is nothing; the dry run does nothing."""
    send("error", error())
    sys_id = made(office.instance)[0]["sys_id"]
    hook = webhook()
    assert push(hook, sys_id, secret="another").status == 401
    assert deliver(hook, "{}", {}).status == 401
    assert push(hook, sys_id, at=4_000_000_000).status == 202
    assert len(prompts(office)) == 1
    for body in ("[]", "no JSON", '{"table": "incident^x", "sys_id": "y"}'):
        headers = update_set.signed(hook["secret"], body, 1)
        assert deliver(hook, body, headers).status == 202
    change = {"dry_run": True}
    path = {"source": "servicenow", "id": hook["id"]}
    assert call("update_webhook", change, user_id=USER, path=path).status == 200
    assert push(hook, sys_id).status == 202
    assert prompts(office) == []


def test_a_sys_id_is_taken_as_the_instance_sends_it(office: Office) -> None:
    """Somebody may have given a record one in upper case."""
    send("error", error())
    connection = stores.connection_store().get(USER)
    assert connection is not None
    sys_id = "0123456789ABCDEF" * 2
    stores.ticket_store().open(Row(connection.id, "incident", sys_id, USER))
    hook = webhook()
    assert push(hook, sys_id.lower()).status == 202
    assert prompts(office) == []
    assert push(hook, sys_id).status == 202
    assert len(prompts(office)) == 1


def test_many_pushes_are_few_looks(office: Office) -> None:
    """One prompt each five seconds, none lost at their edges; 200 tickets a request."""
    send("error", error())
    connection = stores.connection_store().get(USER)
    assert connection is not None
    rows, inside = stores.ticket_store(), office.instance.instance
    ids = []
    for number in range(401):
        ticket = inside.put("incident", short_description=str(number), state="1")
        ids.append(str(ticket["sys_id"]))
        rows.open(
            Row(
                connection.id, "incident", ids[-1], USER, url=f"{connection.instance_url}/x",
                columns={"state": "2"},
            )
        )  # fmt: skip
    hook = webhook()
    for sys_id in ids[:-3]:
        rows.push(connection.id, "incident", sys_id)
    sent = []
    for sys_id, seconds in zip(ids[-3:], (0, 1, 2), strict=True):
        assert push(hook, sys_id).status == 202
        office.time.advance(seconds=seconds)
        sent.append(len(_queued()))
    assert sent == [1, 1, 1]
    assert push(hook, ids[0]).status == 202
    assert len(_queued()) == 2, "the first prompt may have been read by now"
    before = len(office.instance.requests)
    for prompt in prompts(office):
        assert send("event", prompt) == []
    assert len(office.instance.requests) - before <= 4
    assert len(office.bus.take()) == 402


def _queued() -> list[Any]:
    """Return what is in the queue, also what is delayed, which cannot be received."""
    return list(sqs_backends["123456789012"]["us-east-1"].queues["EventQueue"]._messages)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["timestamp"])
def test_our_verification_fits_the_vectors(vector: dict[str, str]) -> None:
    """The key is the secret's bytes; a changed byte anywhere is refused."""
    known = sender("servicenow")
    assert known is not None
    assert base64.b64decode(vector["key"]).decode() == vector["secret"]
    headers = {
        "x-actionsync-timestamp": vector["timestamp"],
        "x-actionsync-signature": vector["signature"],
    }
    body = vector["body"].encode()
    assert verify(known.ways, headers, body, vector["secret"], 0) is not None
    assert verify(known.ways, headers, body + b" ", vector["secret"], 0) is None
    assert verify(known.ways, headers, body, vector["secret"] + "x", 0) is None
    older = headers | {"x-actionsync-timestamp": "2"}
    assert verify(known.ways, older, body, vector["secret"], 0) is None


def test_the_update_set_is_made_of_its_script() -> None:
    """Run `python -m local.update_set` after a change; no secret and no address is in it."""
    text = update_set.FILE.read_text()
    assert text == update_set.update_set()
    root = ET.fromstring(text)  # noqa: S314 - our own file
    updates = root.findall("sys_update_xml")
    (header,) = root.findall("sys_remote_update_set")
    assert header.findtext("state") == "loaded"
    assert {each.findtext("remote_update_set") for each in updates} == {header.findtext("sys_id")}
    payloads = [ET.fromstring(each.findtext("payload") or "") for each in updates]  # noqa: S314
    rules = [rule for payload in payloads for rule in payload.findall("sys_script")]
    assert {rule.findtext("collection") for rule in rules} == {
        "incident", "change_request", "problem", "sysapproval_approver",
    }  # fmt: skip
    assert {rule.findtext("when") for rule in rules} == {"async"}
    for rule in rules:
        condition = rule.findtext("filter_condition") or ""
        assert "correlation_idSTARTSWITHactionsync-" in condition
        assert condition.endswith("^EQ")
    assert len({each.findtext("sys_id") for each in updates}) == len(updates) == 5
    assert "sys_properties" not in text


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
def test_the_script_signs_as_the_vectors_say(office: Office) -> None:
    """In Node, with what ServiceNow gives scripts; we accept what it sends."""
    hook = webhook()
    cases = [
        {"secret": secret, "timestamp": at, "address": address, "status": status,
         "table": "incident", "sys_id": "0123456789abcdef0123456789abcdef"}
        for secret, at, address, status in (
            (VECTORS[0]["secret"], VECTORS[0]["timestamp"], hook["url"], 202),
            (hook["secret"], "1795733127", hook["url"], 202),
            (hook["secret"], "1795733127", hook["url"], 401),
            (hook["secret"], "1795733127", hook["url"], 0),
            (hook["secret"], "1795733127", "http://plain.example.com", 202),
            ("", "1795733127", hook["url"], 202),
        )
    ]  # fmt: skip
    file = Path(office.instance.ca_file).with_name("vectors.json")
    file.write_text(json.dumps(cases))
    done = subprocess.run(  # noqa: S603 - our own script
        [
            shutil.which("node") or "node",
            Path(__file__).with_name("push_shims.js"),
            update_set.FOLDER / "push.js",
            file,
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    sent = json.loads(done.stdout)
    assert [each["result"] for each in sent] == [True, True, False, False, False, False]
    assert sent[0]["headers"]["x-actionsync-signature"] == VECTORS[0]["signature"]
    assert sent[0]["body"] == VECTORS[0]["body"]
    assert (sent[1]["method"], sent[1]["address"]) == ("post", hook["url"])
    assert sent[1]["timeout"] <= 5000
    assert deliver(hook, sent[1]["body"], sent[1]["headers"]).status == 202
    assert "401" in sent[2]["error"]
    assert "refused" in sent[3]["error"]
    assert sent[4:] == [{"headers": {}, "result": False}] * 2
