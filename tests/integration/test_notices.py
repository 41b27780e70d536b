"""An owner learns of trouble: once a day and cause, on the bus and at a confirmed address."""

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.client import BaseClient
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sns.models import sns_backends
from moto.sns.utils import FilterPolicyMatcher

from actionsync import clock
from actionsync.events.notices import Notices, NoticeSender, message
from actionsync.events.outgoing import Outgoing
from actionsync.wiring import stores
from local.servicenow import faults
from tests.conftest import HttpAnswer, call, event, invoke
from tests.documents import blocks
from tests.integration.conftest import Clock
from tests.integration.events import Queues, error, send
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    queues,
    save_rules,
)

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws

TOPIC = "arn:aws:sns:us-east-1:123456789012:notices"


@pytest.fixture
def topic(aws: "Aws") -> Any:
    """The topic of notices, as moto keeps it."""
    boto3.client("sns").create_topic(Name="notices")
    return sns_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].topics[TOPIC]


class Trouble:
    """An owner's notices, as the tick has them sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[dict[str, Any]] = []
        self.clock = Clock()
        monkeypatch.setattr(clock, "now", self.clock)
        bus = boto3.client("events")
        bus.create_event_bus(Name="events")
        outgoing = Outgoing(lambda: (bus, "events"))
        send = outgoing.send

        def note(kind: str, detail: Any, **options: Any) -> None:
            send(kind, detail, **options)
            self.sent.append({"type": kind, **options, **detail})

        outgoing.send = note  # type: ignore[assignment, method-assign]
        self._sender = NoticeSender(stores.timer_store(), outgoing, stores.address_store())

    @property
    def notices(self) -> Notices:
        """Another process's."""
        return Notices(stores.timer_store())

    def tick(self) -> list[dict[str, Any]]:
        """Send what is due, and return what was said."""
        self.sent.clear()
        for item in boto3.client("dynamodb").scan(TableName="WaitingTable")["Items"]:
            is_due = int(item.get("next_at", {"N": "9" * 12})["N"]) <= clock.epoch(clock.now())
            if item["pk"]["S"].startswith("TIMER#") and is_due:
                for _ in range(2):  # a doubled prompt says nothing more
                    self._sender.send(item["pk"]["S"].removeprefix("TIMER#"))
        return list(self.sent)


@pytest.fixture
def trouble(aws: "Aws", topic: Any, monkeypatch: pytest.MonkeyPatch) -> Trouble:
    """Trouble of owners."""
    return Trouble(monkeypatch)


def set_address(body: Any, user: str = "ada", **query: str) -> HttpAnswer:
    """Set an address as a user."""
    payload = event("update_rules", "valid_update_notices")
    payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = user
    payload["body"] = json.dumps(body)
    payload["queryStringParameters"] = query
    return invoke("update_rules", payload)


def test_the_guide_shows_a_notice(trouble: Trouble) -> None:
    """As docs/rules.md has it."""
    (shown,) = (
        json.loads(block) for block in blocks("docs/rules.md", "json") if "Owner Notice" in block
    )
    trouble.notices.notify("ada", "connection", "default", "x")
    (said,) = trouble.tick()
    assert (shown["detail-type"], shown["source"]) == (said.pop("type"), said.pop("source"))
    assert shown["detail"].keys() == said.keys()


def test_once_a_day_and_cause(trouble: Trouble) -> None:
    """Further trouble of a cause is not said within a day; another owner's, or of another, is."""
    for _ in range(3):
        trouble.notices.notify("ada", "cap", "Nights", "It has opened 100 tickets.")
    trouble.notices.notify("ada", "cap", "Days", "x")
    trouble.notices.notify("team/a", "cap", "Nights", "x")
    said = trouble.tick()
    assert len(said) == 3
    (first,) = [one for one in said if (one["owner"], one["about"]) == ("ada", "Nights")]
    assert first["type"] == "Owner Notice"
    assert first["source"] == "actionsync"
    assert (first["cause"], first["is_over"]) == ("cap", False)
    assert first["text"] == "It has opened 100 tickets."
    for _ in range(5):
        trouble.clock.advance(hours=4)
        trouble.notices.notify("ada", "cap", "Nights", "x")
        assert trouble.tick() == []
    trouble.clock.advance(hours=5)
    assert trouble.tick() == []
    trouble.notices.notify("ada", "cap", "Nights", "Again.")
    assert [one["text"] for one in trouble.tick()] == ["Again."]


def test_it_is_over(trouble: Trouble) -> None:
    """That is said once; what nobody has learned of, or what is over before, is not."""
    trouble.notices.end("ada", "connection", "default")
    assert trouble.tick() == []
    trouble.notices.notify("ada", "connection", "default", "Wrong password")
    trouble.notices.end("ada", "connection", "default")
    assert trouble.tick() == []
    trouble.notices.notify("ada", "connection", "default", "Wrong password")
    assert [one["is_over"] for one in trouble.tick()] == [False]
    for _ in range(2):
        trouble.notices.end("ada", "connection", "default")
    assert [one["is_over"] for one in trouble.tick()] == [True]
    trouble.notices.notify("ada", "connection", "default", "Wrong password")
    assert trouble.tick() == []
    trouble.clock.advance(hours=25)
    trouble.tick()
    trouble.notices.notify("ada", "connection", "default", "Wrong password")
    assert [one["is_over"] for one in trouble.tick()] == [False]


def test_what_could_not_be_sent_is_sent_some_minutes_later(
    trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bus that takes nothing costs no notice, unless it goes on."""
    trouble.notices.notify("ada", "failed", "", "x")
    make = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore's own

    def refuse(client: Any, operation: str, arguments: Any) -> Any:
        answer = make(client, operation, arguments)
        return {**answer, "FailedEntryCount": 1} if operation == "PutEvents" else answer

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", refuse)
        assert trouble.tick() == []
    assert trouble.tick() == []
    trouble.clock.advance(minutes=5)
    assert len(trouble.tick()) == 1
    trouble.notices.notify("ada", "failed", "another", "x")
    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", refuse)
        for _ in range(10):
            trouble.tick()
            trouble.clock.advance(minutes=10)
    assert trouble.tick() == []


def test_trouble_of_notices_is_in_nobodys_way(
    trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that takes nothing is logged."""
    monkeypatch.setenv("WAITING_TABLE", "None")
    stores.waiting_store.cache_clear()
    trouble.notices._timers._table = "None"
    notices = trouble.notices
    notices._timers._waiting._table = "None"
    notices.notify("ada", "failed", "", "x")
    notices.end("ada", "failed", "")


def test_a_message_goes_to_the_owners_address_alone(trouble: Trouble, topic: Any) -> None:
    """By the filter of its subscription; SNS itself waits for the confirmation."""
    assert set_address({"email": "ada@example.com"}).json["email"] == "ada@example.com"
    assert set_address({"email": "bob@example.com"}, "bob").status == 200
    trouble.notices.notify("ada", "connection", "default", "Wrong password, said 401")
    trouble.tick()
    ((_, text, subject, attributes, *_),) = topic.sent_notifications
    assert (subject, text) == (
        "ActionSync: The connection default to ServiceNow fails",
        "Wrong password, said 401\n\nAbout: default",
    )
    takers = [
        subscription.endpoint
        for subscription in sns_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].subscriptions.values()
        if FilterPolicyMatcher(json.loads(subscription.attributes["FilterPolicy"]), None).matches(
            attributes, text
        )
    ]
    assert takers == ["ada@example.com"]


def test_an_address_is_its_users(trouble: Trouble) -> None:
    """For their teams, too, and not for others; once nobody needs it, its subscription ends."""
    sns = boto3.client("sns")
    store = stores.address_store()
    assert set_address({"email": "ada@example.com"}).status == 200
    refused = set_address({"email": "ada@example.com"}, "eve")
    assert (refused.status, "Another user" in refused.json["detail"]) == (409, True)
    store.save("team/a", "ada", "ada@example.com")
    assert len(sns.list_subscriptions()["Subscriptions"]) == 1
    assert set_address({"email": "a@example.com"}).status == 200
    assert set_address({"email": "a@example.com"}).status == 200
    assert len(sns.list_subscriptions()["Subscriptions"]) == 2
    assert store.delete("team/a")
    assert not store.delete("team/a")
    assert set_address({"email": None}).json == {"email": None, "is_confirmed": False}
    assert sns.list_subscriptions()["Subscriptions"] == []
    assert set_address({"email": "ada@example.com"}, "eve").status == 200


def test_who_has_not_confirmed_is_shown(trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """As SNS says: pending, confirmed, or forgotten since nobody did."""
    assert call("get_rules").status == 200
    payload = event("get_rules", "valid_get_notices")
    payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = "ada"
    assert invoke("get_rules", payload).json == {"email": None, "is_confirmed": False}
    set_address({"email": "ada@example.com"})
    address = stores.address_store().get("ada")
    subscription = sns_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].subscriptions[address.subscription]
    for pending, expected in (("true", False), ("false", True)):
        subscription.attributes["PendingConfirmation"] = pending
        assert invoke("get_rules", payload).json["is_confirmed"] is expected
    boto3.client("sns").unsubscribe(SubscriptionArn=address.subscription)
    assert invoke("get_rules", payload).json["is_confirmed"] is False


def test_what_sns_does_not_take_is_refused(
    trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the field, and the address stays free."""
    make = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore's own

    def refuse(client: Any, operation: str, arguments: Any) -> Any:
        if operation == "Subscribe":
            raise client.exceptions.InvalidParameterException(
                {"Error": {"Code": "InvalidParameter"}}, operation
            )
        if operation == "Unsubscribe":  # as of one that was never confirmed
            make(client, operation, arguments)
            raise client.exceptions.InvalidParameterException(
                {"Error": {"Code": "InvalidParameter"}}, operation
            )
        return make(client, operation, arguments)

    set_address({"email": "a@example.com"})
    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    refused = set_address({"email": "ada@example.com"})
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "email")
    # What was there stays its owner's, also where SNS refuses it when it is named again.
    assert set_address({"email": "a@example.com"}).status == 422
    (claim,) = (
        item
        for item in stores.address_store()._dynamodb.scan(TableName="EventsTable")["Items"]
        if "owners" in item
    )
    assert claim["owners"] == {"SS": ["ada"]}
    assert set_address({"email": None}).status == 200
    assert stores.address_store()._dynamodb.scan(TableName="EventsTable")["Items"] == []


def test_a_subject_is_what_sns_takes() -> None:
    """ASCII on one line, below 100 characters, whatever a rule is called."""
    subject, text = message("rule", "Nächte\n" * 40, "x", is_over=True)
    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) < 100
    assert text.startswith("This is over. It was:\n\nx")


# ---- what is noticed


def causes(aws: "Aws") -> set[tuple[str, str]]:
    """Return the causes of the notices that have begun, with what they are about."""
    memos = [json.loads(item["memo"]["S"]) for item in aws.items("WaitingTable") if "memo" in item]
    return {(memo["cause"], memo["about"]) for memo in memos if "cause" in memo}


def test_a_connection_that_is_refused(
    instance: "Simulator",  # noqa: F811 - a fixture's name
    queues: Queues,  # noqa: F811
    aws: "Aws",
    time: Clock,
) -> None:
    """At once, since time does not heal that; and once it works again."""
    instance.faults.add(faults.error(401, "User Not Authenticated", None, times=None))
    send("error", error())
    assert causes(aws) == {("connection", "default")}
    instance.faults.clear()
    for _ in range(3):
        time.advance(minutes=16)
        send("event", *queues.tick())
    assert len(made(instance)) == 1
    assert [item for item in aws.items("WaitingTable") if "is_marked" in item]


def test_what_waits_for_an_hour_and_for_a_day(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    aws: "Aws",
    time: Clock,
) -> None:
    """An instance that is away is the connection's trouble, and then that of what waits."""
    instance.faults.add(faults.hibernating(times=None))
    send("error", error())
    assert causes(aws) == set()
    time.advance(minutes=61)
    send("event", *queues.tick())
    assert causes(aws) == {("connection", "default")}
    time.advance(hours=24)
    send("event", *queues.tick())
    assert causes(aws) == {("connection", "default"), ("waiting", "default")}


def test_what_fails_and_what_rules_cannot_have(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
) -> None:
    """A cap that is met, a group that is gone, an event that ServiceNow refuses."""
    then = {"assignment_group": "Gone", "cap": 1}
    save_rules(aws, rules=[{"name": "loud", "then": then}])
    send("error", error(service="a"), error(service="b"))
    assert causes(aws) == {("cap", "loud"), ("rule", "loud")}
    save_rules(aws)
    instance.faults.add(faults.error(403, "Not allowed", "x", method="POST", times=None))
    send("error", error(service="c"), error(service="d", user_id="nobody"))
    assert causes(aws) == {("cap", "loud"), ("rule", "loud"), ("failed", "PermissionDenied")}
