"""Deliveries of senders whose events are queued element by element."""

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import boto3
import pytest

from actionsync import clock
from actionsync.events.receiver import fitting
from actionsync.wiring.stores import recent_events
from functions.on_event.app import lambda_handler
from local.servicenow import seed
from tests.conftest import HttpAnswer, LambdaContext, _forget, call, event, invoke
from tests.integration.conftest import connect
from tests.integration.events import USER, Queues, record, send

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock

FIRING = json.loads(event("receive_webhook", "alertmanager_firing")["body"])
ALERT = FIRING["alerts"][0]
ONE = {**FIRING, "alerts": [ALERT]}


@pytest.fixture(autouse=True)
def queues(aws: "Aws", monkeypatch: pytest.MonkeyPatch) -> Queues:
    """The queue of events."""
    return Queues(monkeypatch)


def make(**body: Any) -> dict[str, Any]:
    """Make a webhook of Alertmanager's."""
    made = call("create_webhook", body, user_id=USER, path={"source": "alertmanager"})
    assert made.status == 201
    return dict(made.json)


def deliver(hook: dict[str, Any], document: Any, **headers: str) -> HttpAnswer:
    """Deliver a document, or bytes, to a webhook."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    request = event("receive_webhook", "alertmanager_firing")
    request["headers"] |= {"authorization": f"Bearer {hook['secret']}", **headers}
    request["pathParameters"] = {"source": hook["source"], "id": hook["id"]}
    path = f"/api/servicenow/webhooks/{hook['source']}/{hook['id']}"
    request["rawPath"] = request["requestContext"]["http"]["path"] = path
    request |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return invoke("receive_webhook", request)


def waiting() -> list[str]:
    """Return the reasons of the events that the user sees waiting."""
    answer = call("list_unfinished_events", user_id=USER, query={"state": "waiting"})
    return [item["reason_type"] for item in answer.json["items"]]


def queued(queues: Queues) -> list[dict[str, Any]]:
    """Return the messages of the queue of events, and empty it."""
    found: list[dict[str, Any]] = []
    while messages := queues.sqs.receive_message(
        QueueUrl=queues.queue_url, MaxNumberOfMessages=10
    ).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            queues.sqs.delete_message(
                QueueUrl=queues.queue_url, ReceiptHandle=message["ReceiptHandle"]
            )
    return found


def test_a_new_webhook_says_what_is_set_up_there() -> None:
    """Its address, the header to set, and the secret, this once."""
    hook = make(name="eu", dry_run=True)
    assert hook["url"].endswith(f".amazonaws.com{hook['path']}")
    assert hook["header"] == {"name": "Authorization", "value": f"Bearer {hook['secret']}"}
    assert hook["steps"]
    assert (hook["source"], hook["name"], hook["dry_run"]) == ("alertmanager", "eu", True)


def test_each_element_is_a_message_of_its_own(queues: Queues) -> None:
    """Firing and resolved in one batch; what all share comes with each."""
    hook = make(name="eu")
    alerts = [{**ALERT, "fingerprint": f"{number}"} for number in range(25)]
    alerts[3]["status"] = "resolved"
    answer = deliver(hook, {**FIRING, "alerts": [*alerts, "no alert"]})
    assert answer.status == 200
    assert (answer.json["status"], answer.json["events"]) == ("accepted", 26)
    messages = queued(queues)
    assert len(messages) == 26
    by_key = {message["element"]["fingerprint"]: message for message in messages
              if isinstance(message["element"], dict)}  # fmt: skip
    message = by_key["3"]
    assert message["element"] == alerts[3]
    assert message["whole"] == {name: value for name, value in FIRING.items() if name != "alerts"}
    assert message["webhook"] == {
        "id": hook["id"], "name": "eu", "owner": USER, "source": "alertmanager",
    }  # fmt: skip
    assert (message["version"], message["is_cut"]) == (1, False)
    assert {message["delivery"] for message in messages} == {answer.json["delivery"]}


def test_a_delivery_brings_a_bounded_number_of_elements(
    queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a megabyte of empty objects would be is left out, and said."""
    monkeypatch.setattr("actionsync.events.receiver._MOST_ELEMENTS", 3)
    answer = deliver(make(), {**FIRING, "alerts": [ALERT] * 5})
    assert answer.status == 200
    assert (answer.json["events"], answer.json["left_out"]) == (3, 2)
    assert len(queued(queues)) == 3
    assert "left_out" not in deliver(make(), {**FIRING, "alerts": [ALERT] * 3}).json


def test_the_same_bytes_again_are_no_repetition(queues: Queues) -> None:
    """Alertmanager sends them on purpose; nothing of them is signed."""
    hook = make()
    statuses = [deliver(hook, FIRING).json["status"] for _ in range(3)]
    assert statuses == ["accepted"] * 3
    assert len(queued(queues)) == 3 * len(FIRING["alerts"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", "unreadable"),
        (b"no JSON", "unreadable"),
        (b"\xff\xfe{", "unreadable"),
        (b"[" * 100_000, "unreadable"),
        (b"7", "unreadable"),
        (b"{}", "ignored"),
        (b"[]", "ignored"),
        (b'{"alerts": []}', "ignored"),
        (b'{"alerts": {"a": 1}}', "ignored"),
    ],
)
def test_whatever_is_well_signed_is_answered_200(queues: Queues, body: bytes, status: str) -> None:
    """A refusal would make Alertmanager repeat it for ever."""
    hook = make()
    answer = deliver(hook, body)
    assert (answer.status, answer.json["status"]) == (200, status)
    assert queued(queues) == []
    (seen,) = deliveries(hook)
    assert seen["id"] == answer.json["delivery"]
    assert all(item["at"].endswith("Z") for item in (seen, *seen["events"]))
    assert [item["outcome"] for item in seen["events"]] == [status]
    assert again(hook, seen["id"]).status == 404


def test_what_is_not_the_senders_is_refused(queues: Queues) -> None:
    """A wrong secret, another source's address, an unknown webhook or source: all alike."""
    hook = make()
    for wrong in (
        {**hook, "secret": "wrong"},
        {**hook, "id": "f" * 32},
        {**hook, "source": "github"},
        {**hook, "source": "pigeon"},
        {**hook, "source": "Alertmanager"},
    ):
        answer = deliver(wrong, FIRING)
        assert answer.status == 401
        assert hook["id"] not in answer.text
    basic = base64.b64encode(f"prometheus:{hook['secret']}".encode()).decode()
    assert deliver(hook, FIRING, authorization=f"Basic {basic}").status == 200
    queued(queues)
    only = make(verification="bearer")
    assert deliver(only, FIRING, authorization=f"Basic {basic}").status == 401
    assert queued(queues) == []


def test_a_body_of_more_than_five_megabytes_is_refused() -> None:
    """Five megabytes are taken."""
    hook = make()
    assert deliver(hook, b" " * 5_000_001).status == 413
    assert deliver(hook, b" " * 5_000_000).status == 200


def test_what_is_too_large_for_a_message_is_cut(queues: Queues) -> None:
    """To what identifies and decorates; each message fits, whatever is large."""
    annotations = {f"a{number}": "é" * 1000 for number in range(300)}
    large = {**ALERT, "annotations": {"summary": "s", "x": "y" * 400_000, **annotations}}
    body = {**FIRING, "commonAnnotations": {"x": "z" * 100_000}, "alerts": [large, ALERT]}
    assert deliver(make(), body).json["status"] == "accepted"
    second, first = sorted(queued(queues), key=lambda message: len(json.dumps(message)))
    assert len(json.dumps(first)) < 256_000
    assert first["element"]["fingerprint"] == ALERT["fingerprint"]
    assert first["element"]["labels"] == ALERT["labels"]
    assert first["element"]["annotations"]["summary"] == "s"
    assert second["element"] == ALERT
    assert len(json.dumps(second["whole"])) < 30_000


def test_what_cannot_be_cut_is_left_out() -> None:
    """A document of nothing but numbers, or deeper than any text is long."""
    numbers = {f"{number}": [[[number] * 9] * 9] * 9 for number in range(100)}
    assert len(json.dumps(fitting(numbers, 1000))) <= 1000
    assert fitting({"a": 1}, 1000) == {"a": 1}


def test_a_dry_run_makes_no_ticket_until_it_is_over(queues: Queues) -> None:
    """Its deliveries are shown; afterwards they can be sent again."""
    hook = make(dry_run=True)
    answer = deliver(hook, FIRING)
    assert (answer.status, answer.json["status"]) == (200, "dry_run")
    assert queued(queues) == []
    (seen,) = deliveries(hook)
    assert {item["outcome"] for item in seen["events"]} == {"dry_run"}
    assert seen["events"][0]["event"]["element"]["fingerprint"]

    path = {"source": "alertmanager", "id": hook["id"]}
    assert call("update_webhook", {"dry_run": False}, user_id=USER, path=path).status == 200
    assert deliver(hook, FIRING).json["status"] == "accepted"
    queued(queues)
    sent = again(hook, seen["id"])
    assert (sent.status, sent.json) == (202, {"events": len(FIRING["alerts"])})
    messages = queued(queues)
    assert [message["again"] for message in messages] == [True] * len(FIRING["alerts"])
    assert {message["delivery"] for message in messages} == {seen["id"]}
    assert again(hook, "f" * 32).status == 404


def test_nobody_sees_or_sends_anothers_deliveries() -> None:
    """Nor does an unknown webhook say anything."""
    hook = make(dry_run=True)
    seen = deliver(hook, FIRING).json["delivery"]
    path = {"source": "alertmanager", "id": hook["id"]}
    for function, more in (("list_webhooks", {}), ("send_delivery_again", {"delivery": seen})):
        scenario = "valid_list_deliveries" if function == "list_webhooks" else "valid"
        payload = event(function, scenario)
        payload["pathParameters"] = {**path, **more}
        payload["rawPath"] = payload["requestContext"]["http"]["path"] = (
            f"{hook['path']}/deliveries" + (f"/{seen}/send-again" if more else "")
        )
        assert invoke(function, payload).status == 404


def test_a_queue_that_refuses_is_said_with_503(
    queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the sender sends it again, whole."""
    hook = make()
    monkeypatch.setenv("EVENT_QUEUE_URL", queues.queue_url)
    boto3.client("sqs").delete_queue(QueueUrl=queues.queue_url)
    answer = deliver(hook, FIRING)
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")


def test_over_the_quota_ends_and_first_ones_wait(
    queues: Queues, instance: "Simulator", monkeypatch: pytest.MonkeyPatch, time: "Clock"
) -> None:
    """The rest is dropped, and seen; a sender learns of it by 202 and sends nothing again."""
    monkeypatch.setenv("DELIVERIES_PER_MINUTE", "1")
    _forget()
    time.moment = time.moment.replace(second=10)
    hook = make()
    first = deliver(hook, ONE)
    assert (first.status, first.json["status"]) == (200, "accepted")
    process_queue(queues)
    again_firing = deliver(hook, ONE)
    assert (again_firing.status, again_firing.json["status"]) == (202, "dropped")
    assert (again_firing.json["events"], again_firing.json["dropped"]) == (0, 1)
    assert deliveries(hook)[0]["events"][0]["outcome"] == "dropped"
    end = {**ALERT, "status": "resolved", "endsAt": "2026-11-26T13:45:00Z"}
    mixed = [end, ALERT, {**ALERT, "fingerprint": "ffffffffffffffff"}, "no alert"]
    late = deliver(hook, {**ONE, "alerts": mixed})
    assert (late.status, late.json["status"]) == (202, "waiting")
    assert (late.json["events"], late.json["dropped"]) == (2, 2)
    assert queued(queues) == []
    assert waiting() == ["OverQuota", "OverQuota"]
    ended = {**mixed[2], "status": "resolved", "endsAt": "2026-11-26T13:46:00Z"}
    assert deliver(hook, {**ONE, "alerts": [ended]}).json["status"] == "waiting"
    assert waiting() == ["OverQuota", "OverQuota"]
    time.advance(minutes=1, seconds=1)
    assert send("event", *queues.tick()) == []
    assert [row["state"] for row in tickets(instance)] == ["6", "6"]
    assert waiting() == []

    monkeypatch.setattr("actionsync.wiring.stores.LATE_DELIVERIES_PER_MINUTE", 1)
    _forget()
    time.advance(minutes=1)
    many = [{**end, "fingerprint": f"{number}"} for number in range(5)]
    late = deliver(hook, {**ONE, "alerts": many})
    assert (late.json["events"], late.json["dropped"]) == (2, 3)


def test_a_signed_delivery_that_made_nothing_may_come_again(queues: Queues) -> None:
    """Else it is a duplicate for an hour."""
    hook = call("create_webhook", {"secret": "the-senders-own"}, user_id=USER,
                path={"source": "pagerduty"}).json  # fmt: skip
    body = json.dumps({"event": {"id": "1", "event_type": "incident.triggered"}}).encode()

    def send(content: bytes = body) -> HttpAnswer:
        signature = hmac.new(b"the-senders-own", content, hashlib.sha256).hexdigest()
        return deliver(hook, content, **{"x-pagerduty-signature": f"v1={signature}"})

    taken = send()
    assert taken.json["status"] == "accepted"
    # The id is what is signed and unique: other bytes with it are no other event.
    assert send(body + b" ").json["status"] == "duplicate"
    recent = recent_events()
    entry = {"at": "2026", "outcome": "failed", "detail": "", "delivery": taken.json["delivery"]}
    recent.note(USER, entry, hook["id"])
    recent.put()
    assert send().json["status"] == "accepted"
    recent.note(USER, {**entry, "outcome": "created"}, hook["id"])
    recent.put()
    assert send().json["status"] == "duplicate"
    assert len(queued(queues)) == 2


@pytest.mark.parametrize("parameters", [{"PASSWORD": "hunter2"}, None, "hunter2"])
def test_what_may_hold_secrets_is_left_out(queues: Queues, aws: "Aws", parameters: Any) -> None:
    """Jenkins' parameters and log are neither queued nor stored."""
    hook = call("create_webhook", {}, user_id=USER, path={"source": "jenkins"}).json
    basic = base64.b64encode(f"x:{hook['secret']}".encode()).decode()
    build = {"phase": "FINALIZED", "status": "FAILURE", "parameters": parameters, "log": "hunter2"}
    for body in ({"name": "shop", "url": "job/shop/", "build": build}, {"build": "odd"}):
        answer = deliver(hook, body, authorization=f"Basic {basic}")
        assert answer.json["status"] == "accepted"
    assert "hunter2" not in json.dumps(queued(queues))
    call("update_webhook", {"dry_run": True}, user_id=USER,
         path={"source": "jenkins", "id": hook["id"]})  # fmt: skip
    deliver(hook, {"name": "shop", "build": build}, authorization=f"Basic {basic}")
    assert "hunter2" not in json.dumps(deliveries(hook))


def test_ones_own_sender_may_send_cloudevents_in_a_batch(queues: Queues) -> None:
    """Or one by one, or in Standard Webhooks' form, whose id is taken once."""
    hook = call("create_webhook", {}, user_id=USER, path={"source": "generic"}).json
    bearer = {"authorization": f"Bearer {hook['secret']}"}
    own = {"dedup_key": "a", "title": "x"}
    events = [{"specversion": "1.0", "id": f"{number}", "source": "/s", "type": "t", "data": own}
              for number in range(2)]  # fmt: skip
    kind = {"content-type": "application/cloudevents-batch+json; charset=utf-8"}
    assert deliver(hook, events, **bearer, **kind).json["events"] == 2
    assert deliver(hook, own, **bearer, **{"ce-id": "1", "ce-source": "/s"}).json["events"] == 1
    messages = queued(queues)
    assert {"ce-id": "1", "ce-source": "/s"} in [message["headers"] for message in messages]

    body = json.dumps({"type": "t", "data": own}).encode()
    seconds = str(clock.epoch(clock.now()))
    key = base64.b64decode(hook["secret"].removeprefix("whsec_"))
    digest = hmac.digest(key, f"m1.{seconds}.".encode() + body, "sha256")
    signed = {
        "webhook-id": "m1", "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }  # fmt: skip
    statuses = [deliver(hook, body, **bearer, **signed).json["status"] for _ in range(2)]
    assert statuses == ["accepted", "duplicate"]
    assert deliver(hook, body + b" ", **bearer, **signed).status == 401


def test_a_form_is_taken(queues: Queues) -> None:
    """Its field `payload` is the document, else its fields are."""
    hook = make()
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    body = urlencode({"payload": json.dumps(FIRING)}).encode()
    answer = deliver(hook, body, **{"content-type": kind})
    assert answer.json["status"] == "accepted"
    assert len(queued(queues)) == len(FIRING["alerts"])
    answer = deliver(hook, b"title=x&alerts=", **{"content-type": kind})
    assert answer.json["status"] == "ignored"


def deliveries(hook: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a webhook's newest deliveries."""
    payload = event("list_webhooks", "valid_list_deliveries")
    payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = USER
    payload["pathParameters"] = {"source": hook["source"], "id": hook["id"]}
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = f"{hook['path']}/deliveries"
    answer = invoke("list_webhooks", payload)
    assert answer.status == 200, answer.text
    return list(answer.json["deliveries"])


def again(hook: dict[str, Any], delivery: str) -> HttpAnswer:
    """Send a delivery again."""
    path = {"source": hook["source"], "id": hook["id"], "delivery": delivery}
    return call("send_delivery_again", None, user_id=USER, path=path)


# ---- from the delivery to the ticket


def process_queue(queues: Queues) -> None:
    """Process what is in the queue of events, in batches as Lambda gets them."""
    records = [record(json.dumps(message)) for message in queued(queues)]
    for start in range(0, len(records), 10):
        batch = {"Records": records[start : start + 10]}
        answer = lambda_handler(batch, LambdaContext())  # type: ignore[arg-type] # as much as is used
        assert answer == {"batchItemFailures": []}


@pytest.fixture
def instance(simulator: "Simulator") -> "Simulator":
    """An instance with a connection of the user's."""
    connect(simulator, seed.INTEGRATION_USER, user_id=USER)
    return simulator


def tickets(simulator: "Simulator") -> list[dict[str, Any]]:
    """Return the incidents that events have opened."""
    rows = simulator.records("incident")
    return [row for row in rows if row["correlation_display"] == "ActionSync"]


def test_an_alert_becomes_a_ticket_and_its_end_resolves_it(
    queues: Queues, instance: "Simulator", time: "Clock"
) -> None:
    """Repeated by two replicas, regrouped, truncated, resolved, and fired again."""
    hook = make(name="eu")
    for body in (ONE, ONE, {**ONE, "groupKey": "{}:{}", "receiver": "other"}):
        assert deliver(hook, body).status == 200
        process_queue(queues)
    (row,) = tickets(instance)
    assert row["short_description"].endswith("Shop fails")
    assert (row["state"], row["urgency"]) == ("1", "1")
    seen = deliveries(hook)
    assert seen[-1]["events"][0]["ticket"]["number"] == row["number"]
    assert seen[-1]["events"][0]["can_be_sent_again"]

    truncated = {**ONE, "status": "resolved", "truncatedAlerts": 2, "alerts": [
        {**ALERT, "fingerprint": "ffffffffffffffff"}
    ]}  # fmt: skip
    deliver(hook, truncated)
    process_queue(queues)
    assert [row["state"] for row in tickets(instance)] == ["1", "1"]

    end = {**ALERT, "status": "resolved", "annotations": {}, "endsAt": "2026-11-26T13:45:00Z"}
    deliver(hook, {**ONE, "status": "firing", "alerts": [end]})
    process_queue(queues)
    assert sorted(row["state"] for row in tickets(instance)) == ["1", "6"]
    time.advance(minutes=10)
    deliver(hook, ONE)  # late: it began before its end
    process_queue(queues)
    assert sorted(row["state"] for row in tickets(instance)) == ["1", "6"]


def test_a_webhook_that_is_made_again_ends_what_it_opened(
    queues: Queues, instance: "Simulator"
) -> None:
    """By its name; another one's alerts are others."""
    hook = make(name="eu")
    deliver(hook, ONE)
    deliver(make(name="us"), ONE)
    process_queue(queues)
    assert len(tickets(instance)) == 2
    path = {"source": "alertmanager", "id": hook["id"]}
    assert call("delete_webhook", user_id=USER, path=path).status == 204
    assert deliver(hook, ONE).status == 401
    end = {**ALERT, "status": "resolved", "endsAt": "2026-11-26T13:45:00Z"}
    deliver(make(name="eu"), {**ONE, "alerts": [end]})
    process_queue(queues)
    assert sorted(row["state"] for row in tickets(instance)) == ["1", "6"]


def test_what_a_dry_run_held_back_becomes_a_ticket(queues: Queues, instance: "Simulator") -> None:
    """Once it is over, by sending it again; a second time it is known."""
    hook = make(dry_run=True)
    seen = deliver(hook, ONE).json["delivery"]
    process_queue(queues)
    assert tickets(instance) == []
    call("update_webhook", {"dry_run": False}, user_id=USER,
         path={"source": "alertmanager", "id": hook["id"]})  # fmt: skip
    for _ in range(2):
        assert again(hook, seen).status == 202
        process_queue(queues)
    (row,) = tickets(instance)
    assert row["state"] == "1"


def test_a_push_of_pub_sub_carries_the_delivery(queues: Queues) -> None:
    """Of a webhook that was made for it: there its address is the secret; of others it is not."""
    incident = {"version": "1.2", "incident": {"incident_id": "0.abc", "state": "open"}}
    packed = base64.b64encode(json.dumps(incident).encode()).decode()
    push = {"message": {"data": packed, "messageId": "1"}, "subscription": "projects/x"}
    for asked, status in (({"verification": "url"}, 200), ({}, 401)):
        hook = call("create_webhook", asked, user_id=USER, path={"source": "gcloud"}).json
        answer = deliver(hook, push, authorization="")
        assert answer.status == status
    (message,) = queued(queues)
    assert message["element"] == incident
    hook = call("create_webhook", {"verification": "url"}, user_id=USER,
                path={"source": "gcloud"}).json  # fmt: skip
    for data in ("no base64", base64.b64encode(b"no JSON").decode()):
        answer = deliver(hook, {"message": {"data": data}})
        assert (answer.status, answer.json["status"] in {"unreadable", "accepted"}) == (200, True)


@pytest.mark.parametrize("name", ["data", "payload"])
def test_a_multipart_form_holds_the_delivery(queues: Queues, name: str) -> None:
    """As Uptime Kuma sends it; a form without such a field is the document itself."""
    boundary = "----x"
    parts = {name: json.dumps(ONE), "other": "\u00fc"}
    body = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{text}\r\n'
        for field, text in parts.items()
    )
    content_type = f"multipart/form-data; boundary={boundary}"
    sent = f"{body}--{boundary}--\r\n".encode()
    answer = deliver(make(), sent, **{"content-type": content_type})
    assert answer.json["status"] == "accepted"
    assert queued(queues)[0]["element"] == ALERT
    odd = deliver(make(name="odd"), b"no parts", **{"content-type": content_type})
    assert (odd.status, odd.json["status"]) == (200, "ignored")


def test_whoever_asks_before_delivering_is_answered() -> None:
    """CloudEvents' handshake; it says nothing of whether there is such a webhook."""
    asked = event("receive_webhook", "valid_ask_webhook")
    answer = invoke("receive_webhook", asked)
    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["webhook-allowed-origin"] == "eventgrid.azure.net"
    assert answer.headers["webhook-allowed-rate"] == "*"
