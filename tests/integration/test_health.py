"""What a user sees of their events: filters and pages, health, dead letters, counts by day."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from actionsync import clock
from actionsync.audit import health, trail
from actionsync.audit.trail import ActivityStore
from actionsync.rules.models import Rules
from actionsync.stores.rules import RuleStore
from actionsync.stores.webhooks import Webhook, WebhookStore
from actionsync.wiring.stores import pause_store
from local.servicenow import Simulator, faults, seed
from tests.conftest import call, event, invoke
from tests.integration.conftest import connect
from tests.integration.events import USER, Queues, error, record, send

if TYPE_CHECKING:
    from tests.conftest import Aws

OTHER = "another-user"


@pytest.fixture
def queues(aws: "Aws", monkeypatch: pytest.MonkeyPatch) -> Queues:
    """The queues of the errors."""
    return Queues(monkeypatch)


@pytest.fixture
def instance(aws: "Aws", simulator: Simulator, queues: Queues) -> Simulator:
    """The simulator, connected for the user of the events."""
    connect(simulator, seed.INTEGRATION_USER, USER)
    return simulator


def store() -> ActivityStore:
    """Return a writer of the trail."""
    return ActivityStore(boto3.client("dynamodb"), "AuditTable", 365)


def page(user_id: str = USER, **query: str) -> Any:
    """Return what the API answers of a user's trail."""
    answer = call("get_activity", None, user_id=user_id, query=query)
    assert answer.status == 200, answer.text
    return answer.json


def state(user_id: str = USER) -> Any:
    """Return what the API answers of a user's health, in a process that knows no pause yet."""
    pause_store.cache_clear()
    answer = call("get_health", None, user_id=user_id)
    assert answer.status == 200, answer.text
    return answer.json


def save_rules(aws: "Aws", **rules: Any) -> None:
    """Save rules for the user, known to the function at once."""
    from actionsync.wiring import events  # noqa: PLC0415 - loaded when it is used

    text = Rules.model_validate(rules).model_dump_json(exclude_unset=True)
    RuleStore(aws.dynamodb, "EventsTable").save(USER, text, None)
    events.services().rules.__dict__["_cached"].clear()


# ---- filters and pages


def test_filters_find_every_record_once(aws: "Aws") -> None:
    """Whatever the page's size: all that fit the filter, the newest first, and nothing else."""
    writer = store()
    for number in range(30):
        outcome = "failed" if number % 3 == 0 else "done"
        kind = "change" if number % 2 else "incident"
        writer.add(USER, {"action": f"a_{'x' * number}", "outcome": outcome, "kind": kind})
    for limit in (1, 2, 5, 100):
        found: list[str] = []
        query = {"limit": str(limit), "outcome": "failed", "kind": "incident"}
        answer = page(**query)
        while True:
            found += [item["action"] for item in answer["items"]]
            assert len(answer["items"]) <= limit
            if answer["next"] is None:
                break
            answer = page(**query, cursor=answer["next"])
        assert found == [f"a_{'x' * number}" for number in (24, 18, 12, 6, 0)]
    assert [item["action"] for item in page(action="a_xx")["items"]] == ["a_xx"]


def test_a_rare_outcome_costs_a_bounded_read(aws: "Aws", monkeypatch: pytest.MonkeyPatch) -> None:
    """One call looks at so many records; a page without any of those wanted has a next one."""
    monkeypatch.setattr(trail, "READ_AT_ONCE", 10)
    writer = store()
    writer.add(USER, {"action": "rare", "outcome": "unknown"})
    for _ in range(25):
        writer.add(USER, {"action": "common"})
    answers = [page(outcome="unknown")]
    while answers[-1]["next"] is not None:
        answers.append(page(outcome="unknown", cursor=answers[-1]["next"]))
    assert [len(answer["items"]) for answer in answers] == [0, 0, 1]


def test_a_cursor_belongs_to_its_user_and_filter(aws: "Aws") -> None:
    """With another filter, for another user, or changed, it is refused by name."""
    writer = store()
    for user_id in (USER, OTHER):
        for _ in range(5):
            writer.add(user_id, {"action": "created", "kind": "incident"})
    cursor = page(limit="2", kind="incident")["next"]
    newest = base64.urlsafe_b64encode(b"2999-01-01").decode().rstrip("=")
    forged = f"{newest}.{cursor.partition('.')[2]}"
    for user_id, query in (
        (USER, {"cursor": cursor}),
        (USER, {"cursor": cursor, "kind": "change"}),
        (OTHER, {"cursor": cursor, "kind": "incident"}),
        (USER, {"cursor": forged, "kind": "incident"}),
        (USER, {"cursor": "\u00e4.\u00e4", "kind": "incident"}),
    ):
        answer = call("get_activity", None, user_id=user_id, query=query)
        assert (answer.status, answer.fields) == (422, ["cursor"])
    assert len(page(cursor=cursor, kind="incident", limit="50")["items"]) == 3


# ---- health


def test_nobodys_health(aws: "Aws") -> None:
    """Without a connection and without events: reported as such, with fourteen empty days."""
    found = state()
    assert found["connection"] == {"state": "none", "instance_url": None}
    assert (found["last_success"], found["last_failure"], found["pause"]) == (None, None, None)
    assert found["failed_events"] == 0
    assert len(found["days"]) == 14
    assert found["days"][-1]["date"] == clock.iso(clock.now())[:10]
    assert not any(day["tickets"] or day["updates"] or day["failures"] for day in found["days"])


def test_tickets_and_failures_are_counted_by_day(
    instance: Simulator, queues: Queues, aws: "Aws", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ticket, a note and a refused event on their days; what is older than the window is not."""
    now = datetime.now(UTC)
    for days, what in ((20, "created"), (3, "created"), (2, "noted"), (2, "created")):
        monkeypatch.setattr(clock, "now", lambda days=days: now - timedelta(days=days))
        store().add(USER, {"action": what, "sys_id": "1" * 32, "kind": "incident"})
    monkeypatch.setattr(clock, "now", lambda: now)
    assert state()["connection"]["state"] == "untried"
    send("error", error())
    send("error", error(message=None))
    found = state()
    counts = [(day["tickets"], day["updates"], day["failures"]) for day in found["days"]]
    assert counts[-4:] == [(1, 0, 0), (1, 1, 0), (0, 0, 0), (1, 0, 1)]
    assert sum(tickets for tickets, _, _ in counts) == 3
    assert found["connection"] == {"state": "working", "instance_url": instance.url}
    assert found["last_failure"]["reason_type"] == "Unreadable"
    assert "message" in found["last_failure"]["reason"]
    assert found["counted_since"] == f"{found['days'][0]['date']}T00:00:00Z"


def test_what_one_instance_has_taken_says_nothing_of_another(
    instance: Simulator, queues: Queues
) -> None:
    """A connection that has written nothing is not used yet, whatever another one has written."""
    config = {
        "name": "other", "instance_url": "https://other.service-now.com",
        "username": "u", "password": "p",
    }  # fmt: skip
    payload = event("create_config", "valid_create_connection")
    payload["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = USER
    payload["body"] = json.dumps(config)
    assert invoke("create_config", payload).status == 201
    send("error", error())
    assert state()["connection"]["state"] == "working"
    other = call("get_health", None, user_id=USER, query={"connection": "other"}).json
    assert other["connection"] == {"state": "untried", "instance_url": config["instance_url"]}
    assert other["last_success"] == state()["last_success"]


def test_a_very_long_trail_is_counted_in_part_and_says_so(
    aws: "Aws", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The read is bounded; the answer names the moment from which it counts."""
    monkeypatch.setattr(health, "MOST_RECORDS", 7)
    writer = store()
    for _ in range(9):
        writer.add(USER, {"action": "created", "sys_id": "1" * 32})
    found = state()
    assert found["days"][-1]["tickets"] == 7
    assert found["counted_since"] == page(limit="7")["items"][-1]["at"]


def test_a_pause_and_a_refused_password_are_reported(instance: Simulator, queues: Queues) -> None:
    """A wrong password and a rate limit are the connection's own."""
    connect(instance, seed.INTEGRATION_USER, OTHER)
    instance.faults.add(faults.error(401, "User Not Authenticated", "Required", times=None))
    send("error", error())
    instance.faults.clear()
    assert state()["connection"]["state"] == "refused"
    assert state()["pause"]["reason"] == "Authentication"
    assert state(OTHER)["connection"]["state"] == "untried"
    instance.faults.add(faults.rate_limited(120, times=1, method="POST"))
    send("error", error(user_id=OTHER))
    assert state()["connection"]["state"] == "refused"
    found = state(OTHER)
    assert found["connection"]["state"] == "paused"
    assert found["pause"]["reason"] == "RateLimited"
    assert found["pause"]["until"] > clock.iso(clock.now())
    assert found["failed_events"] == 0


def test_failed_events_are_counted_until_they_go_on(instance: Simulator, queues: Queues) -> None:
    """One that fails twice is one; its ticket, or its owner, ends it."""
    refusal = faults.error(403, "Operation Failed", "ACL", method="POST", times=None)
    instance.faults.add(refusal)
    send("error", error(), error(service="search"))
    assert state()["failed_events"] == 2
    assert state(OTHER)["failed_events"] == 0
    send("error", error())
    assert state()["failed_events"] == 2
    instance.faults.clear()
    send("error", error(), error(service="search"))
    assert state()["failed_events"] == 0


def test_a_dead_letter_that_names_nobody_is_only_in_the_queue(instance: Simulator) -> None:
    """What is no event at all has no user whose health it could be part of."""
    send("error", record("no JSON"))
    assert state()["failed_events"] == 0


# ---- webhooks


def test_webhooks_are_listed_and_removed(aws: "Aws") -> None:
    """A user sees their own, never a secret; what is removed takes nothing any more."""
    made = [call("create_webhook", user_id=USER).json for _ in range(2)]
    others = call("create_webhook", user_id=OTHER).json
    answer = call("list_webhooks", user_id=USER)
    assert {hook["id"] for hook in answer.json["webhooks"]} == {hook["id"] for hook in made}
    assert all(hook["created_at"].endswith("Z") for hook in answer.json["webhooks"])
    assert not any(hook["secret"] in answer.text for hook in made)

    strange = call("delete_webhook", user_id=USER, path={"id": others["id"]})
    assert strange.status == 404
    gone = call("delete_webhook", user_id=USER, path={"id": made[0]["id"]})
    assert gone.status == 204
    left = call("list_webhooks", user_id=USER).json["webhooks"]
    assert [hook["id"] for hook in left] == [made[1]["id"]]
    assert len(aws.secrets()) == 2
    again = call("delete_webhook", user_id=USER, path={"id": made[0]["id"]})
    assert again.status == 404
    assert made[0]["id"] not in json.dumps(aws.items("EventsTable"))


def test_a_user_has_a_bounded_number_of_webhooks(
    aws: "Aws", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all sources together; what is removed makes room; nobody else is concerned."""
    monkeypatch.setattr("actionsync.stores.webhooks.MOST_WEBHOOKS", 3)
    made = [call("create_webhook", user_id=USER) for _ in range(5)]
    assert [answer.status for answer in made] == [201, 201, 201, 409, 409]
    assert [answer.json["name"] for answer in made[:3]] == ["github", "github-2", "github-3"]
    assert "You have 3 webhooks" in made[-1].json["detail"]
    assert len(aws.secrets()) == 3
    assert call("create_webhook", user_id=OTHER).status == 201

    for _ in range(2):  # the second finds nothing, and counts nothing
        call("delete_webhook", user_id=USER, path={"id": made[0].json["id"]})
    again = [call("create_webhook", user_id=USER).status for _ in range(2)]
    assert again == [201, 409]


def test_no_two_webhooks_of_a_source_have_one_name(aws: "Aws") -> None:
    """By its name a webhook that is made again ends what it opened before."""
    made = call("create_webhook", {"name": "eu"}, user_id=USER)
    assert made.json["name"] == "eu"
    refused = call("create_webhook", {"name": "eu"}, user_id=USER)
    assert (refused.status, "'eu'" in refused.json["detail"]) == (409, True)
    assert len(aws.secrets()) == 1
    call("delete_webhook", user_id=USER, path={"id": made.json["id"]})
    assert call("create_webhook", {"name": "eu"}, user_id=USER).status == 201


@pytest.mark.parametrize("name", ["pk", "sk", "names", "#id", "", "../x", "é"])
def test_an_odd_id_is_no_webhook(aws: "Aws", name: str) -> None:
    """Also one that is the name of something beside the webhooks."""
    call("create_webhook", user_id=USER)
    for function in ("delete_webhook", "update_webhook"):
        assert call(function, user_id=USER, path={"id": name}).status == 404


def test_a_webhook_is_changed(aws: "Aws") -> None:
    """Its dry run and its secret, which no answer shows again; of no other user's."""
    hook = call("create_webhook", {"dry_run": True}, user_id=USER).json
    assert hook["dry_run"] is True
    path = {"id": hook["id"]}
    strange = call("update_webhook", {"dry_run": False}, user_id=OTHER, path=path)
    assert strange.status == 404
    changed = call("update_webhook", {"dry_run": False}, user_id=USER, path=path)
    assert (changed.status, changed.json["dry_run"]) == (200, False)
    again = call("update_webhook", {"secret": "the-senders-own"}, user_id=USER, path=path)
    assert "the-senders-own" not in again.text
    assert list(aws.secrets().values()) == ["the-senders-own"]
    (listed,) = call("list_webhooks", user_id=USER).json["webhooks"]
    assert listed == again.json
    for body in ({"secret": "short"}, {"name": "x"}, {"dry_run": 1}):
        refused = call("update_webhook", body, user_id=USER, path=path)
        assert refused.status == 422
        assert "short" not in refused.text


def test_a_removal_that_died_is_finished_by_the_next(
    aws: "Aws", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever call it died before: the webhook is still listed, and can be removed."""
    from actionsync.wiring.stores import webhook_store  # noqa: PLC0415 - loaded when it is used

    for method in ("delete_item", "update_item"):
        hook = call("create_webhook", user_id=USER).json
        dynamodb = webhook_store()._dynamodb
        healthy = getattr(dynamodb, method)

        def die(**arguments: Any) -> Any:
            if arguments["TableName"] != "EventsTable":  # the share of the user's writes
                return healthy(**arguments)  # noqa: B023 - used within the loop's turn
            raise KeyboardInterrupt

        monkeypatch.setattr(dynamodb, method, die)
        with pytest.raises(KeyboardInterrupt):
            call("delete_webhook", user_id=USER, path={"id": hook["id"]})
        monkeypatch.setattr(dynamodb, method, healthy)
        assert len(call("list_webhooks", user_id=USER).json["webhooks"]) == 1
        assert call("delete_webhook", user_id=USER, path={"id": hook["id"]}).status == 204
        assert call("list_webhooks", user_id=USER).json["webhooks"] == []


def test_a_warm_function_sees_what_was_changed(aws: "Aws") -> None:
    """At once: it remembers a version of a secret, never that there is a webhook."""
    hooks = WebhookStore(
        boto3.client("dynamodb"), "EventsTable", boto3.client("secretsmanager"), "actionsync/test/"
    )
    hook = hooks.create(Webhook("a" * 32, USER, "github", "x"), "secret")
    assert hooks.find("a" * 32) == (hook, "secret")
    path = {"id": "a" * 32}
    call("update_webhook", {"dry_run": True, "secret": "another-one"}, user_id=USER, path=path)
    found = hooks.find("a" * 32)
    assert found is not None
    assert (found[0].dry_run, found[1]) == (True, "another-one")
    assert call("delete_webhook", user_id=USER, path=path).status == 204
    assert hooks.find("a" * 32) is None
