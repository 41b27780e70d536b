"""Users in German and Japanese: nothing depends on English, and ServiceNow's own text is shown."""

from typing import TYPE_CHECKING, Any

import pytest

from local.servicenow.seed import INTEGRATION_USER
from tests.conftest import call
from tests.integration.events import USER, Queues, alarm, deployment, error, send
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    made,
    notes,
    queues,
    save_rules,
)
from tests.integration.test_event_ladder import activity

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws
    from tests.integration.conftest import Clock

# What ServiceNow says where a data policy, a business rule or an access control refuses.
SAID = {
    "de": {"policy": "Datenrichtlinie", "rule": "Geschäftsregel", "access": "ACL"},
    "ja": {"policy": "データポリシー例外", "rule": "ビジネスルール", "access": "ACL 例外"},
}


@pytest.fixture(params=SAID)
def language(request: pytest.FixtureRequest, instance: "Simulator") -> str:  # noqa: F811
    """The language of the integration user."""
    known = instance.one("sys_user", user_name=INTEGRATION_USER)
    row = instance.instance.find("sys_user", known["sys_id"])
    assert row is not None
    row["preferred_language"] = request.param
    return str(request.param)


def demand(instance: "Simulator", table: str, field: str, condition: str = "") -> None:  # noqa: F811
    """Let a data policy demand a field."""
    policy = instance.instance.put(
        "sys_data_policy2", model_table=table, active="true", conditions=condition,
        short_description="Here",
    )  # fmt: skip
    instance.instance.put(
        "sys_data_policy_rule", sys_data_policy=policy["sys_id"], table=table, field=field,
        mandatory="true",
    )  # fmt: skip


def abort(instance: "Simulator", table: str, condition: str) -> None:  # noqa: F811
    """Let a business rule abort what meets a condition."""
    instance.instance.put(
        "sys_script", name="No", collection=table, filter_condition=condition,
        action_update="true", action_insert="true", abort_action="true",
    )  # fmt: skip


def ask(function: str, body: Any, **path: str) -> Any:
    """Call a function as the user of the events."""
    return call(function, body, user_id=USER, path=path or None)


class TestHttp:
    """What a caller is answered."""

    def test_refusals(self, instance: "Simulator", language: str) -> None:  # noqa: F811
        """The same status in each language, with ServiceNow's own text."""
        number = ask("create_incident", {"short_description": "x"}).json["number"]
        demand(instance, "incident", "subcategory", "state=2")
        answer = ask("update_incident", {"state": "2"}, id=number)
        assert answer.status == 422, answer.text
        assert SAID[language]["policy"] in answer.json["detail"]
        abort(instance, "incident", "state=3")
        answer = ask("update_incident", {"state": "3", "fields": {"hold_reason": "1"}}, id=number)
        assert answer.status == 422, answer.text
        assert SAID[language]["rule"] in answer.json["detail"]
        missing = ask("get_incident", None, id="INC9999999")
        assert missing.status == 404

    @pytest.mark.usefixtures("instance", "language")
    def test_labels(self) -> None:
        """Those of the user's language, and English ones."""
        shown = call(
            "get_choices", None, user_id=USER, path={"table": "incident", "field": "state"}
        )
        labels = {choice["value"]: choice["label"] for choice in shown.json["choices"]}
        assert len(labels) == len(shown.json["choices"])
        assert labels["2"] != "In Progress"
        for label in (labels["2"], "In Progress", "2"):
            number = ask("create_incident", {"short_description": "x"}).json["number"]
            answer = ask("update_incident", {"state": label}, id=number)
            assert (answer.status, answer.json["state"]) == (200, "2"), answer.text

    @pytest.mark.usefixtures("instance", "language")
    def test_close_codes(self) -> None:
        """An unknown one is the caller's mistake, whatever the language."""
        number = ask("create_incident", {"short_description": "x"}).json["number"]
        closing = {"close_code": "Gibt es nicht", "close_notes": "x"}
        answer = ask("close_incident", closing, id=number)
        assert (answer.status, answer.fields) == (422, ["close_code"])
        closed = ask("close_incident", {"close_notes": "x"}, id=number)
        assert (closed.status, closed.json["state"]) == (200, "6"), closed.text

    @pytest.mark.usefixtures("instance", "language")
    def test_problems(self) -> None:
        """Opened, changed, and closed through the states that the model demands."""
        made = ask("create_record", {"short_description": "x", "urgency": "2"})
        path = {"id": made.json["number"]}
        assert made.status == 201
        assert ask("update_record", {"workaround": "y"}, **path).status == 200
        refused = ask("update_record", {"state": "103"}, **path)
        assert refused.status == 422, refused.text
        ending = {"close_notes": "z", "resolution_code": "risk_accepted"}
        closed = ask("close_record", ending, **path)
        assert (closed.status, closed.json["state"]) == (200, "107"), closed.text

    @pytest.mark.usefixtures("instance", "language")
    def test_changes(self) -> None:
        """One that may not go on says so; one that may is closed."""
        made = ask("create_change_request", {"short_description": "x", "type": "normal"})
        assert made.status == 201, made.text
        answer = ask("close_change_request", {"close_notes": "x"}, id=made.json["number"])
        assert answer.status == 409, answer.text


class TestEvents:
    """The ladder, where no refusal is in English."""

    def test_resolve(
        self,
        instance: "Simulator",  # noqa: F811
        queues: Queues,  # noqa: F811
        language: str,
    ) -> None:
        """The outcome is a note with ServiceNow's own text."""
        demand(instance, "incident", "assigned_to", "state=6")
        send("error", error(fingerprint="a"))
        send("error", error(60, fingerprint="a", status="recovered"))
        (row,) = made(instance)
        (text,) = notes(instance, row["sys_id"])
        assert row["state"] == "1"
        assert SAID[language]["policy"] in text
        assert SAID[language]["policy"] in str(activity(USER, "noted")["warnings"])
        assert queues.failed() == []

    def test_reopen(
        self,
        instance: "Simulator",  # noqa: F811
        queues: Queues,  # noqa: F811
        time: "Clock",
        language: str,
    ) -> None:
        """A new ticket names the old one, and says why."""
        send("alarm", alarm("ALARM"))
        send("alarm", alarm("OK", 60))
        abort(instance, "incident", "state=2")
        time.advance(hours=1)
        send("alarm", alarm("ALARM", 3600))
        first, second = sorted(made(instance), key=lambda row: row["number"])
        assert (first["state"], second["state"]) == ("6", "1")
        assert SAID[language]["rule"] in notes(instance, second["sys_id"])[0]
        assert queues.failed() == []

    def test_create(
        self,
        instance: "Simulator",  # noqa: F811
        queues: Queues,  # noqa: F811
        language: str,
    ) -> None:
        """What nothing helps against has failed, in ServiceNow's own language."""
        abort(instance, "incident", "")
        send("error", error())
        assert made(instance) == []
        ((_, reason),) = queues.failed()
        assert SAID[language]["rule"] in reason

    def test_close(
        self,
        instance: "Simulator",  # noqa: F811
        queues: Queues,  # noqa: F811
        aws: "Aws",
        language: str,
    ) -> None:
        """A change stays where it is, with its outcome and the reason as one note."""
        save_rules(aws, deployments={"change_type": "standard", "template": "Deploy a service"})
        abort(instance, "change_request", "state=3")
        send("deployment", deployment("started"))
        send("deployment", deployment("succeeded", 60))
        (row,) = made(instance, "change_request")
        (text,) = notes(instance, row["sys_id"])
        assert row["state"] == "0"
        assert "Deployment succeeded" in text
        assert SAID[language]["rule"] in text
        assert queues.failed() == []

    def test_labels_in_rules(
        self,
        instance: "Simulator",  # noqa: F811
        aws: "Aws",
        language: str,
    ) -> None:
        """They become values, in the user's language and in English."""
        for number, name in enumerate((language, "en")):
            labels = {
                (row["element"], row["value"]): row["label"]
                for row in instance.records("sys_choice")
                if row["language"] == name and row["name"] in {"task", "incident"}
            }
            then = {"urgency": labels["urgency", "1"], "category": labels["category", "network"]}
            save_rules(aws, rules=[{"name": "all", "then": then}])
            send("error", error(service=f"service {number}"))
        rows = made(instance)
        assert [(row["urgency"], row["category"]) for row in rows] == [("1", "network")] * 2
        assert [text for row in rows for text in notes(instance, row["sys_id"])] == []


@pytest.mark.parametrize(
    ("groups", "assigned"),
    [
        ({"a1": "false"}, ""),
        ({"a1": "false", "b2": "true"}, "b2"),
        ({"a1": "true", "b2": "true"}, ""),
        ({}, ""),
    ],
    ids=["inactive", "an active one beside it", "two active ones", "none"],
)
@pytest.mark.parametrize("kind", ["incident", "change"])
def test_groups(  # noqa: PLR0917 - pytest fills them
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    aws: "Aws",
    kind: str,
    groups: dict[str, str],
    assigned: str,
) -> None:
    """An active group is assigned; else the ticket is there without it, and names it."""
    for name, active in groups.items():
        instance.instance.put(
            "sys_user_group", sys_id=(name * 16), name="Shop on call", active=active
        )
    rule = {"assignment_group": "Shop on call"}
    save_rules(aws, errors=rule, deployments=rule)
    send("error", error()) if kind == "incident" else send("deployment", deployment("started"))
    (row,) = made(instance, "incident" if kind == "incident" else "change_request")
    assert row["assignment_group"] == (assigned * 16)
    texts = notes(instance, row["sys_id"])
    assert bool(texts) is (not assigned)
    assert all("Shop on call" in text for text in texts)
    if not assigned:
        assert "Shop on call" in str(activity(USER, "created")["warnings"])
    assert queues.failed() == []
