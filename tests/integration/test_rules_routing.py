"""Whom a ticket concerns, when it ends, and what changes where the severity rises."""

from typing import TYPE_CHECKING, Any

import pytest

from actionsync.connections.models import NewConnection
from actionsync.connections.service import create_connection
from actionsync.events import support_groups
from actionsync.wiring import stores
from local.servicenow import seed
from local.servicenow.seed.ids import sys_id
from tests.conftest import call
from tests.integration.events import USER, Queues, error, send
from tests.integration.test_event_engine import event, handle
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    notes,
    queues,
    save_rules,
)

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock

OF_CI = {"assignment_group": "support_group_of_ci", "cmdb_ci": "Orders DB"}


def rule(then: dict[str, Any], name: str = "shop", **match: Any) -> dict[str, Any]:
    """Return a rule of the list."""
    return {"name": name, "match": match, "then": then}


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    """No group is known from another test's instance."""
    support_groups._known.clear()


@pytest.mark.parametrize(
    ("support", "fallback", "group", "said"),
    [
        ("Database", None, "Database", ""),
        ("", None, "", "has no support group"),
        ("", "IT Support", "IT Support", "IT Support took its place"),
        ("Field Services, old", "IT Support", "IT Support", "is inactive or hidden"),
        ("no group", "support_group_of_ci", "", "is inactive or hidden"),
        (None, None, "", "there is no CI Orders DB"),
    ],
)
def test_the_support_group_of_the_ci(
    instance: "Simulator",  # noqa: F811 - a fixture's name
    aws: "Aws",
    *,
    support: str | None,
    fallback: str | None,
    group: str,
    said: str,
) -> None:
    """An active one that can be seen; else the fallback's, and the ticket says why."""
    item = instance.instance.find("cmdb_ci_database", sys_id("Orders DB"))
    assert item is not None
    item["support_group"] = sys_id(support) if support else ""
    if support is None:
        item["name"] = "another"
    save_rules(aws, rules=[rule(OF_CI)], errors={"assignment_group": fallback})
    handle(event("trigger"))
    (row,) = made(instance)
    assert row["assignment_group"] == (sys_id(group) if group else "")
    assert said in "".join(notes(instance, row["sys_id"]))
    if support is not None:
        assert row["cmdb_ci"] == sys_id("Orders DB")


def supported(instance: "Simulator") -> None:  # noqa: F811
    """Give the CI a support group."""
    item = instance.instance.find("cmdb_ci_database", sys_id("Orders DB"))
    assert item is not None
    item["support_group"] = sys_id("Database")


def test_the_support_group_is_asked_once(instance: "Simulator", aws: "Aws") -> None:  # noqa: F811
    """In ten minutes, for all tickets of the CI; a ticket without a CI says that it has none."""
    supported(instance)
    save_rules(aws, rules=[rule(OF_CI)])
    handle(event("trigger"))
    assert [request for request in instance.requests if "sys_user_group" in request.path]
    asked = len(instance.requests)
    handle(event("trigger", key="other"))
    later = [request.path for request in instance.requests[asked:]]
    assert not [path for path in later if "sys_user_group" in path]
    save_rules(aws, rules=[rule({"assignment_group": "support_group_of_ci"})])
    handle(event("trigger", key="a third"))
    row = next(row for row in made(instance) if not row["cmdb_ci"])
    assert "without cmdb_ci" in "".join(notes(instance, row["sys_id"]))


def test_each_account_asks_for_itself(instance: "Simulator", aws: "Aws") -> None:  # noqa: F811
    """What one may see of a CI is told to no other: on the same instance, too."""
    supported(instance)
    other = "22222222-2222-4333-8444-555555555555"
    body = {"instance_url": instance.url, "username": seed.INTEGRATION_USER,
            "password": seed.USERS[seed.INTEGRATION_USER][0]}  # fmt: skip
    assert call("create_config", body, user_id=other).status == 201
    for owner in (USER, other):
        save_rules(aws, owner, rules=[rule(OF_CI)])
        asked = len(instance.requests)
        handle(event("trigger", owner=owner))
        paths = [request.path for request in instance.requests[asked:]]
        assert [path for path in paths if "sys_user_group" in path]


def test_rules_are_asked_again_at_a_higher_severity(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
) -> None:
    """Urgency, impact and group of the rule that fires then; table and name stay."""
    critical = rule({"urgency": 1, "impact": 1, "assignment_group": "Database"}, "loud",
                    severity="critical")  # fmt: skip
    save_rules(aws, rules=[critical, rule({"assignment_group": "IT Support"}, "calm")])
    handle(event("trigger"))
    (row,) = made(instance)
    assert (row["urgency"], row["assignment_group"]) == ("2", sys_id("IT Support"))
    handle(event("trigger", 5, severity="critical"))
    (row,) = made(instance)
    assert (row["urgency"], row["impact"]) == ("1", "1")
    assert row["assignment_group"] == sys_id("Database")
    assert any("by the rule loud" in text for text in notes(instance, row["sys_id"]))


@pytest.mark.parametrize("assigned_to", ["", "1" * 32])
def test_a_ticket_that_a_person_has_stays_with_the_group(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    assigned_to: str,
) -> None:
    """A higher severity raises urgency and impact there, no more."""
    loud = rule({"assignment_group": "Database"}, "loud", severity="critical")
    save_rules(aws, rules=[loud])
    handle(event("trigger"))
    (row,) = made(instance)
    stored = instance.instance.find("incident", row["sys_id"])
    assert stored is not None
    stored |= {"assigned_to": assigned_to, "sys_updated_by": "beth.anglin",
               "sys_mod_count": "1"}  # fmt: skip
    handle(event("trigger", 5, severity="critical"))
    (row,) = made(instance)
    assert row["urgency"] == "1"
    assert row["assignment_group"] == ("" if assigned_to else sys_id("Database"))


def test_where_it_is_ignored_at_a_higher_severity_its_own_rule_goes_on(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
) -> None:
    """`ignore` is for what has no ticket yet."""
    save_rules(aws, rules=[rule({}, "calm", severity="high")], errors={"enabled": False})
    handle(event("trigger"))
    handle(event("trigger", 5, severity="critical"))
    assert made(instance)[0]["urgency"] == "1"
    handle(event("trigger", key="other", severity="critical"))
    assert len(made(instance)) == 1


def test_each_end_has_to_last_as_its_rule_says(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    time: "Clock",
) -> None:
    """With `settle` not only once it flaps."""
    save_rules(aws, rules=[rule({"end": {"settle": 10}})])
    handle(event("trigger"))
    end = event("resolve", 1)
    due = handle(end).due_at
    assert due == int(end.received_at.timestamp()) + 600
    assert made(instance)[0]["state"] == "1"
    time.advance(minutes=11)
    assert handle(end, was_received=True).results == ["resolved"]


def test_what_falls_silent_ends_as_its_rule_says(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    time: "Clock",
) -> None:
    """After its hours without a sign of life; a note is one, too."""
    save_rules(aws, rules=[rule({"end": {"silent": 2}}, source="application")])
    first = event("trigger")
    due = handle(first).due_at
    assert due == int(first.received_at.timestamp()) + 7200
    time.advance(hours=1)
    note = event("annotate")
    assert handle(note).due_at == int(note.received_at.timestamp()) + 7200
    time.advance(hours=1, minutes=30)
    assert handle(first, was_received=True).results == ["deduplicated"]
    time.advance(hours=1)
    assert handle(first, was_received=True).results == ["resolved"]
    (row,) = made(instance)
    assert "Nothing was heard of it for 2 hours" in row["close_notes"]


def test_a_rule_names_the_connection(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    queues: Queues,  # noqa: F811
) -> None:
    """Its tickets go there, ends too; without such a connection they wait for it."""
    save_rules(aws, rules=[rule({"connection": "second"}, service="checkout")])
    send("error", error(severity="high"))
    (item,) = queues.items("waiting")
    assert (item["connection"]["S"], item["reason"]["S"]) == ("second", "ConnectionNotFound")
    assert made(instance) == []
    stored = NewConnection.model_validate(
        {"instance_url": instance.url, "username": seed.INTEGRATION_USER,
         "password": seed.USERS[seed.INTEGRATION_USER][0]}
    )  # fmt: skip
    create_connection(stores.connection_store(), stores.secret_store(), USER, stored, "second")
    send("event", *queues.waiting())
    assert len(made(instance)) == 1
    (item,) = [item for item in aws.items("EventsTable") if item["sk"]["S"] == "CORRELATION"]
    assert item["connection"]["S"] == "second"
    save_rules(aws)
    send("error", error(60, severity="high", status="recovered"))
    assert made(instance)[0]["state"] == "6"
