"""What ServiceNow refuses: the next rung of each step, ending in a note, at last in a failed event.

No refusal is known by its wording: each is tried in English, in German and without a word.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from actionsync.wiring.stores import activity_store
from local.servicenow import faults
from local.servicenow.seed import INTEGRATION_USER
from tests.conftest import call
from tests.integration.events import USER, Queues, alarm, deployment, error, on_bus, send
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    meeting,
    notes,
    queues,
    save_rules,
)

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock

REFUSALS = [
    (403, "Operation Failed", "ACL Exception Update Failed due to security constraints"),
    (403, "Vorgang fehlgeschlagen", "Ausnahme der Datenrichtlinie: Zugewiesen an ist Pflicht"),
    (400, "", ""),
]
INCIDENTS, CHANGES = "/api/now/table/incident/*", "/api/now/table/change_request/*"


def refuse(instance: "Simulator", refusal: Any, method: str, path: str, times: int | None) -> None:  # noqa: F811 - a fixture's name
    """Let the instance refuse with its own error document."""
    status, message, detail = refusal
    instance.faults.add(
        faults.error(status, message, detail, method=method, path=path, times=times)
    )


def activity(user_id: str, action: str) -> dict[str, Any]:
    """Return the newest record of an action that went otherwise than it was meant."""
    records, _ = activity_store().page(user_id, 20, None)
    return next(record for record in records if record["action"] == action and "warnings" in record)


@pytest.mark.parametrize("refusal", REFUSALS, ids=["english", "german", "empty"])
class TestIncidents:
    """Create, recur, resolve, annotate."""

    def test_create(self, instance: "Simulator", queues: Queues, refusal: Any) -> None:  # noqa: F811
        """Without the rule's columns where those are refused; a failed event where all is."""
        refuse(instance, refusal, "POST", "*", 1)
        send("error", error())
        (row,) = made(instance)
        assert row["short_description"] == "checkout: Payment 4711 failed: timeout"
        assert "did not take everything" in notes(instance, row["sys_id"])[0]
        assert "urgency" in str(activity(USER, "created")["warnings"])
        refuse(instance, refusal, "POST", "*", None)
        send("error", error(service="search"))
        assert len(made(instance)) == 1
        ((_, reason),) = queues.failed()
        assert (refusal[1] or str(refusal[0])) in reason

    def test_recur(
        self,
        instance: "Simulator",  # noqa: F811
        queues: Queues,  # noqa: F811
        time: "Clock",
        refusal: Any,
    ) -> None:
        """Where reopening is forbidden, a new ticket names the old one and says why."""
        send("alarm", alarm("ALARM"))
        send("alarm", alarm("OK", 60))
        time.advance(hours=1)
        refuse(instance, refusal, "PATCH", INCIDENTS, 1)
        send("alarm", alarm("ALARM", 3600))
        first, second = sorted(made(instance), key=lambda row: row["number"])
        assert (first["state"], second["state"]) == ("6", "1")
        assert first["number"] in second["description"]
        assert "did not take everything" in notes(instance, second["sys_id"])[0]
        assert queues.failed() == []

    def test_resolve(self, instance: "Simulator", queues: Queues, refusal: Any) -> None:  # noqa: F811
        """Where it may not be resolved, the outcome is a note, and Activity says why."""
        send("alarm", alarm("ALARM"))
        refuse(instance, refusal, "PATCH", INCIDENTS, 1)
        send("alarm", alarm("OK", 60))
        (row,) = made(instance)
        assert row["state"] == "1"
        texts = notes(instance, row["sys_id"])
        assert any("Recovered" in text for text in texts)
        assert (refusal[1] or str(refusal[0])) in str(activity("automation", "noted")["warnings"])
        assert queues.failed() == []

    def test_annotate(self, instance: "Simulator", queues: Queues, refusal: Any) -> None:  # noqa: F811
        """Where nothing may be noted, the event has failed, with ServiceNow's own text."""
        send("alarm", alarm("ALARM"))
        refuse(instance, refusal, "PATCH", INCIDENTS, None)
        send("alarm", alarm("INSUFFICIENT_DATA", 60))
        ((_, reason),) = queues.failed()
        assert (refusal[1] or str(refusal[0])) in reason
        instance.faults.clear()
        send("alarm", alarm("INSUFFICIENT_DATA", 120))
        (row,) = made(instance)
        assert len(notes(instance, row["sys_id"])) == 1

    def test_close(
        self,
        instance: "Simulator",  # noqa: F811
        queues: Queues,  # noqa: F811
        aws: "Aws",
        refusal: Any,
    ) -> None:
        """A change that may not be closed stays where it is, with the outcome as a note."""
        rule = {"change_type": "standard", "template": "Deploy a service"}
        save_rules(aws, deployments=rule)
        send("deployment", deployment("started"))
        refuse(instance, refusal, "PATCH", CHANGES, 1)
        send("deployment", deployment("succeeded", 60))
        (row,) = made(instance, "change_request")
        assert row["state"] == "-1"
        assert any("Deployment succeeded" in text for text in notes(instance, row["sys_id"]))
        assert queues.failed() == []


def restore(instance: "Simulator", table: str, condition: str, *columns: str) -> None:  # noqa: F811
    """Let a business rule set columns back without a word, once a record meets a condition."""
    script = "".join(f"current.{name} = previous.{name};" for name in columns)
    instance.instance.put(
        "sys_script", name="Not like this", collection=table, filter_condition=condition,
        action_update="true", script=script,
    )  # fmt: skip


def choices(instance: "Simulator", table: str, column: str, labels: dict[str, str]) -> None:  # noqa: F811
    """Give a column other choices."""
    for known in instance.records("sys_choice"):
        if (known["name"], known["element"]) == (table, column):
            row = instance.instance.find("sys_choice", known["sys_id"])
            assert row is not None
            row["inactive"] = "true"
    for place, (value, label) in enumerate(labels.items()):
        instance.instance.put(
            "sys_choice", name=table, element=column, value=value, label=label, language="en",
            sequence=str(place), inactive="false",
        )  # fmt: skip


class TestNoErrorAndNoChange:
    """ServiceNow answers 200, and the state is as it was: that is a refusal, too."""

    def test_resolve(self, instance: "Simulator", queues: Queues) -> None:  # noqa: F811
        """The outcome is one note, which says so; what comes back is noted on the open ticket."""
        restore(instance, "incident", "state=6", "state", "incident_state", "resolved_at")
        send("alarm", alarm("ALARM"))
        send("alarm", alarm("OK", 60))
        (row,) = made(instance)
        assert row["state"] == "1"
        (text,) = notes(instance, row["sys_id"])
        assert "Recovered" in text
        assert "the state is 1 all the same" in text
        assert "all the same" in str(activity("automation", "noted")["warnings"])
        send("alarm", alarm("ALARM", 3600))
        assert len(made(instance)) == 1
        assert queues.failed() == []

    def test_resolve_where_nothing_may_be_noted(
        self,
        instance: "Simulator",  # noqa: F811
        queues: Queues,  # noqa: F811
    ) -> None:
        """Then the event has failed, with what was said."""
        restore(instance, "incident", "state=6", "state", "incident_state")
        send("alarm", alarm("ALARM"))
        instance.faults.add(
            faults.error(403, "Nein", "Keine Notizen", method="PATCH", path=INCIDENTS, after=1,
                         times=None)
        )  # fmt: skip
        send("alarm", alarm("OK", 60))
        ((_, reason),) = queues.failed()
        assert "Nein" in reason

    def test_reopen(self, instance: "Simulator", time: "Clock") -> None:  # noqa: F811
        """A new ticket names the old one."""
        restore(instance, "incident", "state=2", "state", "incident_state")
        send("alarm", alarm("ALARM"))
        send("alarm", alarm("OK", 60))
        time.advance(hours=1)
        send("alarm", alarm("ALARM", 3600))
        first, second = sorted(made(instance), key=lambda row: row["number"])
        assert (first["state"], second["state"]) == ("6", "1")
        assert first["number"] in second["description"]

    def test_close(self, instance: "Simulator", queues: Queues, aws: "Aws") -> None:  # noqa: F811
        """A change stays where it is, with its outcome as a note."""
        restore(instance, "change_request", "state=3", "state")
        rule = {"change_type": "standard", "template": "Deploy a service"}
        save_rules(aws, deployments=rule)
        send("deployment", deployment("started"))
        send("deployment", deployment("succeeded", 60))
        (row,) = made(instance, "change_request")
        assert row["state"] == "0"
        assert any("Deployment succeeded" in text for text in notes(instance, row["sys_id"]))
        assert "all the same" in str(activity(USER, "noted")["warnings"])
        assert queues.failed() == []

    def test_implement(self, instance: "Simulator", aws: "Aws") -> None:  # noqa: F811
        """A change that does not get under way says why from its beginning on."""
        restore(instance, "change_request", "state=-1", "state")
        rule = {"change_type": "standard", "template": "Deploy a service"}
        save_rules(aws, deployments=rule)
        send("deployment", deployment("started"))
        (row,) = made(instance, "change_request")
        assert row["state"] == "-2"
        assert "the instance keeps it there" in notes(instance, row["sys_id"])[0]
        assert "keeps it there" in str(activity(USER, "created")["warnings"])


def test_a_change_that_waits_for_approval(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
) -> None:
    """That is how a normal change goes: nothing to warn of, and one note with its outcome."""
    send("deployment", deployment("started"))
    (row,) = made(instance, "change_request")
    assert row["state"] == "-4"
    assert notes(instance, row["sys_id"]) == []
    send("deployment", deployment("succeeded", 60))
    (row,) = made(instance, "change_request")
    (text,) = notes(instance, row["sys_id"])
    assert "Deployment succeeded" in text
    assert "waits for approval" in text
    assert "waits for approval" in str(activity(USER, "noted")["warnings"])
    assert queues.failed() == []


def test_what_keeps_a_change_from_getting_under_way(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
) -> None:
    """ServiceNow's own text is in the ticket and in Activity."""
    save_rules(aws, deployments={"change_type": "standard", "template": "Deploy a service"})
    refuse(instance, REFUSALS[1], "PATCH", CHANGES, None)
    send("deployment", deployment("started"))
    assert "Zugewiesen an ist Pflicht" in str(activity(USER, "created")["warnings"])


def test_a_template_that_is_gone(instance: "Simulator", queues: Queues, aws: "Aws") -> None:  # noqa: F811
    """The change is a normal one, which says so."""
    save_rules(aws, deployments={"change_type": "standard", "template": "Renamed since"})
    send("deployment", deployment("started"))
    (row,) = made(instance, "change_request")
    assert row["type"] == "normal"
    assert "template" in str(activity(USER, "created")["warnings"])
    assert queues.failed() == []


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed dictionary"])
def test_a_caller_that_is_mandatory(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    *,
    is_open: bool,
) -> None:
    """The integration account is the caller where the rules name none; the rest stays."""
    policy = instance.instance.put(
        "sys_data_policy2", model_table="incident", active="true", conditions="",
        short_description="Jeder Incident hat einen Anrufer",
    )  # fmt: skip
    instance.instance.put(
        "sys_data_policy_rule", sys_data_policy=policy["sys_id"], table="incident",
        field="caller_id", mandatory="true",
    )  # fmt: skip
    account = instance.one("sys_user", user_name=INTEGRATION_USER)
    if is_open:
        role = instance.instance.put("sys_user_role", name="personalize_dictionary")
        instance.instance.put("sys_user_has_role", user=account["sys_id"], role=role["sys_id"])
    send("error", error())
    (row,) = made(instance)
    assert len([one for one in instance.requests if one.method == "POST"]) == (2 if is_open else 3)
    assert row["caller_id"] == account["sys_id"]
    assert (row["urgency"], row["impact"]) == ("2", "1")
    assert "caller_id was filled in" in str(activity(USER, "created")["warnings"])
    assert queues.failed() == []


@pytest.mark.parametrize(
    ("labels", "level", "stored"),
    [
        ({"1": "Critical", "2": "High", "3": "Medium", "4": "Low"}, "4", "4"),
        ({"1": "Critical", "2": "High", "3": "Medium", "4": "Low"}, "Low", "3"),
        ({"10": "Dringend", "20": "Normal"}, "20", "20"),
        ({"10": "Dringend", "20": "Normal"}, "dringend", "10"),
    ],
)
def test_urgencies_of_a_companys_own(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    labels: dict[str, str],
    level: str,
    stored: str,
) -> None:
    """By the instance's value or label: in the preview, by events and over HTTP."""
    choices(instance, "incident", "urgency", labels)
    rules: dict[str, Any] = {"rules": [{"name": "all", "then": {"urgency": level}}]}
    event = {"service": "checkout", "message": "Payment failed", "severity": "high"}
    asked = {"kind": "error", "event": event, "rules": rules}
    (shown,) = call("preview_rules", asked, user_id=USER).json["tickets"]
    assert shown["problems"] == []
    save_rules(aws, **rules)
    send("error", error())
    (row,) = made(instance)
    assert row["urgency"] == stored
    new = {"short_description": "x", "urgency": level}
    answer = call("create_incident", new, user_id=USER)
    assert (answer.status, answer.json["urgency"]) == (201, stored), answer.text
    unknown = call("create_incident", {**new, "urgency": "77"}, user_id=USER)
    assert (unknown.status, unknown.fields) == (422, ["urgency"])


def test_an_urgency_that_the_instance_lacks(instance: "Simulator", aws: "Aws") -> None:  # noqa: F811
    """The preview says so; the ticket is opened without it, and says so."""
    rules: dict[str, Any] = {"rules": [{"name": "all", "then": {"urgency": "4"}}]}
    event = {"service": "checkout", "message": "Payment failed", "severity": "high"}
    asked = {"kind": "error", "event": event, "rules": rules}
    (shown,) = call("preview_rules", asked, user_id=USER).json["tickets"]
    assert [problem["field"] for problem in shown["problems"]] == ["urgency"]
    save_rules(aws, **rules)
    send("error", error())
    (row,) = made(instance)
    assert row["impact"] == "1"
    assert "urgency was left out: 4" in str(activity(USER, "created")["warnings"])


def test_own_levels_rise_in_their_order(instance: "Simulator", aws: "Aws") -> None:  # noqa: F811
    """The order is that of the instance's choices, not of their values."""
    choices(instance, "incident", "urgency", {"30": "Dringend", "20": "Normal"})
    levels = {"high": {"urgency": "Normal", "impact": "2"},
              "critical": {"urgency": "Dringend", "impact": "2"}}  # fmt: skip
    save_rules(aws, errors={"levels": levels})
    send("error", error())
    send("error", error(60, severity="critical"))
    (row,) = made(instance)
    assert row["urgency"] == "30"


@pytest.mark.parametrize(
    ("status", "named", "stored"),
    [
        ("succeeded", {"succeeded": "implemented_ok"}, "implemented_ok"),
        ("failed", {"failed": "Backed out"}, "backed_out"),
        ("succeeded", {"failed": "backed_out"}, ""),
    ],
)
def test_close_codes_that_rules_name(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    status: str,
    named: dict[str, str],
    stored: str,
) -> None:
    """By value or label, and by outcome; in a rule of the list, too."""
    choices(instance, "change_request", "close_code",
            {"implemented_ok": "Implemented", "backed_out": "Backed out"})  # fmt: skip
    save_rules(
        aws,
        deployments={"change_type": "standard", "template": "Deploy a service"},
        rules=[{"name": "own", "then": {"close_codes": named}}],
    )
    send("deployment", deployment("started"))
    send("deployment", deployment(status, 60))
    (row,) = made(instance, "change_request")
    assert (row["state"], row["close_code"]) == ("3" if stored else "-1", stored)


def test_close_codes_that_nobody_may_read(instance: "Simulator", aws: "Aws") -> None:  # noqa: F811
    """The instance itself judges."""
    save_rules(aws, deployments={"change_type": "standard", "template": "Deploy a service"})
    refuse(instance, REFUSALS[0], "GET", "/api/now/table/sys_choice", None)
    send("deployment", deployment("started"))
    send("deployment", deployment("succeeded", 60))
    (row,) = made(instance, "change_request")
    assert (row["state"], row["close_code"]) == ("3", "successful")


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [("failed", "succeeded", "successful"), ("succeeded", "failed", "unsuccessful")],
)
@pytest.mark.parametrize("is_batch", [True, False], ids=["one batch", "two"])
def test_two_outcomes_within_a_second(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    first: str,
    last: str,
    code: str,
    *,
    is_batch: bool,
) -> None:
    """EventBridge has whole seconds: the one received later counts, in either order of arrival."""
    save_rules(
        aws,
        deployments={"change_type": "standard", "template": "Deploy a service",
                     "incident_on_failure": True},
    )  # fmt: skip
    send("deployment", deployment("started"))
    one, other = deployment(first, 60), deployment(last, 60)
    sent_at = int(one["attributes"]["SentTimestamp"])
    other["attributes"]["SentTimestamp"] = str(sent_at + 250)
    if is_batch:
        send("deployment", other, one)
    else:
        send("deployment", one)
        send("deployment", other)
        send("deployment", one)
    (row,) = made(instance, "change_request")
    texts = " ".join([*notes(instance, row["sys_id"]), row["close_notes"]])
    assert f"Deployment {last}" in texts
    if is_batch:
        assert row["close_code"] == code
    is_failed = {"failed": ["1"], "succeeded": [] if is_batch else ["6"]}[last]
    assert [incident["state"] for incident in made(instance)] == is_failed


def test_close_codes_of_a_companys_own(instance: "Simulator", queues: Queues, aws: "Aws") -> None:  # noqa: F811
    """A change stays where it is, with its outcome as a note: no code is guessed."""
    rule = {"change_type": "standard", "template": "Deploy a service"}
    save_rules(aws, deployments=rule)
    for choice in instance.records("sys_choice"):
        if (choice["name"], choice["element"]) == ("change_request", "close_code"):
            row = instance.instance.find("sys_choice", choice["sys_id"])
            assert row is not None
            row["value"] = f"own_{row['value']}"
    send("deployment", deployment("started"))
    send("deployment", deployment("failed", 60))
    (row,) = made(instance, "change_request")
    assert (row["state"], row["close_code"]) == ("-1", "")
    assert any("Deployment failed" in text for text in notes(instance, row["sys_id"]))
    assert "own_successful" in str(activity(USER, "noted")["warnings"])
    assert queues.failed() == []


@pytest.mark.parametrize("status", [403, 404])
def test_a_page_is_no_refusal(instance: "Simulator", queues: Queues, status: int) -> None:  # noqa: F811
    """A gateway's 403 or 404 says nothing of the ticket: the event waits, and then ends it."""
    send("alarm", alarm("ALARM"))
    page = faults.unavailable(status, times=1, path=INCIDENTS)
    instance.faults.add(page)
    send("alarm", alarm("OK", 60))
    (row,) = made(instance)
    assert row["state"] == "1"
    assert queues.failed() == []


def test_an_end_goes_by_what_was_begun(instance: "Simulator", aws: "Aws") -> None:  # noqa: F811
    """Whatever its severity, and whatever the rules leave out by now."""
    send("error", error(fingerprint="db", severity="critical"))
    send("error", error(60, fingerprint="db", severity="info", status="recovered"))
    assert [row["state"] for row in made(instance)] == ["6"]
    send("alarm", alarm("ALARM"))
    save_rules(aws, "automation", alarms={"exclude": ["*"]})
    send("alarm", alarm("OK", 60))
    assert [row["state"] for row in made(instance)] == ["6", "6"]


def test_urgency_rises_with_severity(instance: "Simulator", time: "Clock") -> None:  # noqa: F811
    """At once, with a note; what a person has set stays."""
    send("error", error())
    send("error", error(60, severity="critical"))
    (row,) = made(instance)
    assert (row["urgency"], row["impact"], row["priority"]) == ("1", "1", "1")
    assert len(notes(instance, row["sys_id"])) == 1
    send("error", error(90, severity="critical"))
    assert len(notes(instance, row["sys_id"])) == 1
    send("error", error(service="search"))
    row = next(row for row in made(instance) if row["short_description"].startswith("search"))
    stored = instance.instance.find("incident", row["sys_id"])
    assert stored is not None
    stored |= {"urgency": "3"}
    send("error", error(60, service="search", severity="critical"))
    row = next(row for row in made(instance) if row["short_description"].startswith("search"))
    assert row["urgency"] == "3"


def test_a_flapping_key_is_one_ticket_and_one_note(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
) -> None:
    """Six changes in twelve minutes: it stays open, and is resolved after a quiet time."""
    for number in range(6):
        send("alarm", alarm("ALARM" if number % 2 == 0 else "OK", 120 * number))
        time.advance(minutes=2)
    (row,) = made(instance)
    assert row["state"] == "2"
    assert len(notes(instance, row["sys_id"])) == 1
    waiting = queues.waiting()
    assert waiting
    time.advance(minutes=14)
    for message in waiting:
        send("alarm", message)
    (row,) = made(instance)
    assert row["state"] == "6"
    assert len(notes(instance, row["sys_id"])) == 1


def test_a_hidden_column_says_nothing(
    instance: "Simulator",  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An instance that does not show "Assigned to" has no ticket that a person took over."""
    send("alarm", alarm("ALARM"))
    columns = instance.instance.schema.table("incident").columns
    monkeypatch.setitem(columns, "assigned_to", replace(columns["assigned_to"], hidden=True))
    send("alarm", alarm("OK", 60))
    (row,) = made(instance)
    assert row["state"] == "6"


LONG = "  at shop.Checkout.pay(Checkout.java)\n" * 200


def github_release() -> dict[str, Any]:
    """Return a release as the webhook lays it on the bus: its change begins and ends with it."""
    detail = {"user_id": USER, "deployment_id": "release-1", "application": "octo/shop",
              "version": "v1", "status": "succeeded", "changelog": LONG,
              "labels": {"event": "release"}}  # fmt: skip
    return on_bus("Deployment", detail, source="actionsync.github")


@pytest.mark.parametrize(
    ("feed", "story", "names"),
    [
        ("error", [error(stack_trace=LONG)], ["stack_trace.txt"]),
        ("error", [error(stack_trace=LONG), error(60, stack_trace=LONG)], ["stack_trace.txt"]),
        ("error", [error(message=LONG)], ["message.txt"]),
        ("deployment", [deployment("started", changelog=LONG),
                        deployment("succeeded", 60, changelog=LONG)], ["changelog.txt"]),
        ("deployment", [deployment("started", changelog=LONG),
                        deployment("failed", 60, message=LONG)], ["changelog.txt", "message.txt"]),
        ("deployment", [deployment("succeeded", 60, changelog=LONG)], ["changelog.txt"]),
        ("deployment", [github_release()], ["changelog.txt"]),
        ("meeting", [meeting(action_items=[{"summary": "Renew it", "details": LONG,
                                            "requires_incident": True}])], ["details.txt"]),
    ],
)  # fmt: skip
def test_long_texts_are_attached_once(
    instance: "Simulator",  # noqa: F811
    aws: "Aws",
    feed: str,
    story: list[dict[str, Any]],
    names: list[str],
) -> None:
    """Whole, and once: by each source, sent again, and by the two events of one ticket."""
    rule = {"change_type": "standard", "template": "Deploy a service"}
    save_rules(aws, deployments=rule, github={"events": ["release"]})
    for _ in range(2):
        for message in story:
            send(feed, message)
    files = [
        file for file in instance.records("sys_attachment") if file["table_name"] in
        {"incident", "change_request"}
    ]  # fmt: skip
    assert sorted(file["file_name"] for file in files) == names
    assert {instance.instance.state.contents[file["sys_id"]] for file in files} == {LONG.encode()}


def test_what_a_person_has_seen_is_not_reopened(instance: "Simulator", time: "Clock") -> None:  # noqa: F811
    """Nor by what comes within the rule's time after a person has resolved the ticket."""
    send("error", error())
    waited = error(60)
    time.advance(minutes=20)
    (row,) = made(instance)
    stored = instance.instance.find("incident", row["sys_id"])
    assert stored is not None
    stored |= {"state": "6", "incident_state": "6", "close_code": "x", "close_notes": "x",
             "resolved_at": time().strftime("%Y-%m-%d %H:%M:%S")}  # fmt: skip
    time.advance(minutes=1)
    send("error", waited)
    assert [row["state"] for row in made(instance)] == ["6"]
    send("error", error(1300))
    assert [row["state"] for row in made(instance)] == ["6"]
    time.advance(minutes=15)
    send("error", error(2300))
    assert [row["state"] for row in made(instance)] == ["2"]
