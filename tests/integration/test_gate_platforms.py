"""Gates of CodePipeline and Step Functions: what asks, what is told, and what goes wrong."""

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient

from actionsync import clock
from local.servicenow import faults
from operate.forget_user import forget
from tests.conftest import _forget, call
from tests.integration.events import USER, Queues, deployment, notification, on_bus, send
from tests.integration.gates import approve, changes, decide, listed, pass_minutes, skip
from tests.integration.platforms import Platforms
from tests.integration.test_event_functions import (  # noqa: F401 - fixtures
    instance,
    pipeline,
    queues,
)
from tests.integration.test_forget_user import stack  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from operate.forget_user import Stack
    from tests.integration.conftest import Clock

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")
AUTOMATION = "automation"
TASK = "a-task-token-that-nobody-is-shown"


@pytest.fixture
def platforms(
    instance: "Simulator",  # noqa: F811
    time: "Clock",
    monkeypatch: pytest.MonkeyPatch,
) -> Platforms:
    """The platforms, where gates' calls end."""
    found = Platforms()
    make = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore's own

    def ask(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
        if client.meta.service_model.service_name in {"codepipeline", "stepfunctions"}:
            return found.call(client, operation, arguments)
        return make(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", ask)
    return found


def approval(platforms: Platforms, token: str, minutes: int = 7 * 24 * 60, data: str = "") -> Any:
    """Return the notification of a manual approval, as the topic delivers it."""
    known = platforms.approvals[token]
    expires = clock.now() + timedelta(minutes=minutes)
    return notification(
        {
            "region": "us-east-1",
            "consoleLink": "https://console.aws.amazon.com/x",
            "approval": {
                "pipelineName": known["pipeline"], "stageName": known["stage"],
                "actionName": known["action"], "token": token,
                "expires": expires.strftime("%Y-%m-%dT%H:%MZ"),
                "approvalReviewLink": "https://console.aws.amazon.com/y", "customData": data,
            },
        },
        clock.now(),
    )  # fmt: skip


def task(**values: Any) -> Any:
    """Return the event with which a state machine asks."""
    detail = {"user_id": USER, "deployment_id": "d-1", "application": "checkout",
              "environment": "production", "task_token": TASK, **values}  # fmt: skip
    return on_bus("Deployment", detail, at=clock.now())


def gates_of(user_id: str = AUTOMATION) -> list[dict[str, Any]]:
    """Return a user's gates."""
    items: list[dict[str, Any]] = listed(user_id=user_id).json["items"]
    return items


def test_a_pipeline_waits_and_goes_on(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    platforms: Platforms,
) -> None:
    """One change for an approval, also where its notification comes twice; customData says more."""
    token = platforms.wait("checkout")
    data = json.dumps({"environment": "production", "implementation_plan": "Blue, green"})
    asked = approval(platforms, token, data=data)
    assert send("error", asked, asked) == []
    pass_minutes(queues, time)
    (change,) = changes(instance)
    assert (change["state"], change["implementation_plan"]) == ("-4", "Blue, green")
    (gate,) = gates_of()
    assert (gate["application"], gate["environment"]) == ("checkout", "production")
    assert gate["deployment_id"] == platforms.approvals[token]["execution"]
    approve(instance, change["number"])
    pass_minutes(queues, time)
    known = platforms.approvals[token]
    assert known["status"] == "Succeeded"
    assert gate["id"] in known["summary"]
    (gate,) = gates_of()
    assert (gate["state"], gate["answer"]) == ("go", "given")
    assert pass_minutes(queues, time, 3) == 0
    assert platforms.calls.count("PutApprovalResult") == 1


def test_a_pipeline_with_a_gate_makes_one_change(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    platforms: Platforms,
) -> None:
    """Its execution begins before, and the events of its own start and end are the gate's."""
    token = platforms.wait("shop")
    run = platforms.approvals[token]["execution"]
    assert send("error", approval(platforms, token)) == []
    pass_minutes(queues, time)
    assert send("event", pipeline("STARTED", 0, run)) == []
    (change,) = changes(instance)
    approve(instance, change["number"])
    pass_minutes(queues, time)
    assert send("event", pipeline("SUCCEEDED", 5, run)) == []
    (change,) = changes(instance)
    assert (change["state"], change["close_code"]) == ("3", "successful")


def test_what_was_decided_at_the_last_moment_is_noted(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    platforms: Platforms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No answer is repeated, and the change says that a person was quicker than its approval."""
    token = platforms.wait("checkout")
    assert send("error", approval(platforms, token)) == []
    pass_minutes(queues, time)
    (change,) = changes(instance)
    approve(instance, change["number"])
    platforms.approvals[token] |= {"status": "Failed", "summary": "Not today"}
    monkeypatch.setattr("actionsync.events.gates.platforms.codepipeline.is_waiting", lambda _: True)
    pass_minutes(queues, time, 3)
    (gate,) = gates_of()
    assert (gate["state"], gate["answer"]) == ("go", "decided elsewhere")
    notes = [
        entry["value"]
        for entry in instance.records("sys_journal_field")
        if entry["element_id"] == change["sys_id"]
    ]
    assert notes == ["codepipeline had an answer before this one: go."]
    assert platforms.calls.count("PutApprovalResult") == 1


def test_executions_side_by_side_are_told_apart(
    queues: Queues,  # noqa: F811
    time: "Clock",
    platforms: Platforms,
) -> None:
    """In the mode PARALLEL each has its own approval, by its token."""
    tokens = [platforms.wait("checkout") for _ in range(2)]
    assert send("error", *(approval(platforms, token) for token in tokens)) == []
    pass_minutes(queues, time)
    expected = {known["execution"] for known in platforms.approvals.values()}
    assert {gate["deployment_id"] for gate in gates_of()} == expected


def test_a_rejection_is_told_with_its_reason(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    platforms: Platforms,
) -> None:
    """In 512 characters."""
    token = platforms.wait("checkout")
    assert send("error", approval(platforms, token)) == []
    pass_minutes(queues, time)
    decide(instance, changes(instance)[0]["number"], "rejected")
    pass_minutes(queues, time)
    known = platforms.approvals[token]
    assert known["status"] == "Failed"
    assert "went back to New" in known["summary"]


@pytest.mark.parametrize("minutes", [5, 15])
def test_a_gate_ends_before_its_platform(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    platforms: Platforms,
    minutes: int,
) -> None:
    """Also while the instance is away: no, with a reason, and the change is canceled later."""
    time.moment = time.moment.replace(second=0, microsecond=0)
    token = platforms.wait("checkout")
    assert send("error", approval(platforms, token, minutes)) == []
    pass_minutes(queues, time)
    instance.faults.add(faults.hibernating(times=None))
    skip(queues, time, minutes - 2)
    assert platforms.approvals[token]["status"] == "Failed"
    assert "time is over" in platforms.approvals[token]["summary"]
    instance.faults.clear()
    skip(queues, time, 20)
    skip(queues, time, 20)
    assert [row["state"] for row in changes(instance)] == ["4"]


def test_what_a_person_decided_in_the_console_stands(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    platforms: Platforms,
) -> None:
    """Nothing is told, nothing is repeated, and the change that nobody waits for is canceled."""
    token = platforms.wait("checkout")
    assert send("error", approval(platforms, token)) == []
    pass_minutes(queues, time)
    platforms.approvals[token] |= {"status": "Succeeded", "summary": "I know better"}
    pass_minutes(queues, time)
    (gate,) = gates_of()
    assert (gate["state"], gate["answer"]) == ("no", "decided elsewhere")
    assert "PutApprovalResult" not in platforms.calls
    assert [row["state"] for row in changes(instance)] == ["4"]
    assert pass_minutes(queues, time, 3) == 0


def test_a_lost_answer_is_recognised_as_ours(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    platforms: Platforms,
) -> None:
    """Go told twice is go once: by the gate's id in the summary, and by the count of answers."""
    token = platforms.wait("checkout")
    platforms.tasks[TASK] = True
    assert send("error", approval(platforms, token)) == []
    assert send("deployment", task()) == []
    pass_minutes(queues, time)
    for change in changes(instance):
        approve(instance, change["number"])
    for _ in range(2):
        platforms.loses = True
        pass_minutes(queues, time)
    pass_minutes(queues, time, 2)
    assert [gate["answer"] for gate in (*gates_of(), *gates_of(USER))] == ["given", "given"]


def test_a_go_that_could_not_be_told_is_asked_again(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    platforms: Platforms,
) -> None:
    """After ten minutes the change may have been canceled."""
    platforms.tasks[TASK] = True
    assert send("deployment", task()) == []
    pass_minutes(queues, time)
    (change,) = changes(instance)
    approve(instance, change["number"])
    platforms.refuses = "ThrottlingException"
    pass_minutes(queues, time, 3)
    assert gates_of(USER)[0]["state"] == "go"
    row = changes(instance)[0]
    simulated = instance.instance
    simulated.update("change_request", row, {"state": "4"}, simulated.accounts["change.manager"])
    skip(queues, time, 12)
    platforms.refuses = ""
    pass_minutes(queues, time)
    ((_, said),) = platforms.told
    assert said.startswith("ChangeNotApproved: ")
    assert "in the state Canceled" in said


def test_a_task_waits_and_its_token_is_shown_nowhere(
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    platforms: Platforms,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Neither in logs, nor in Activity, answers or the newest events; each look is a heartbeat."""
    platforms.tasks[TASK] = True
    assert send("deployment", task()) == []
    pass_minutes(queues, time, 3)
    assert platforms.calls.count("SendTaskHeartbeat") == 3
    approve(instance, changes(instance)[0]["number"])
    pass_minutes(queues, time)
    ((token, said),) = platforms.told
    assert token == TASK
    assert json.loads(said)["change_number"] == changes(instance)[0]["number"]
    shown = [
        listed(user_id=USER).text,
        call("get_activity", user_id=USER, query={}).text,
        capsys.readouterr().out,
    ]
    assert TASK not in "".join(shown)
    assert send("deployment", deployment("succeeded", 60)) == []
    assert [row["state"] for row in changes(instance)] == ["3"]


@pytest.mark.parametrize("removed", ["the connection", "its host"])
def test_who_has_no_connection_any_more_waits_no_longer(  # noqa: PLR0917 - fixtures
    instance: "Simulator",  # noqa: F811
    queues: Queues,  # noqa: F811
    time: "Clock",
    platforms: Platforms,
    monkeypatch: pytest.MonkeyPatch,
    removed: str,
) -> None:
    """No, with that reason, and the platform is told."""
    platforms.tasks[TASK] = True
    assert send("deployment", task()) == []
    pass_minutes(queues, time)
    if removed == "the connection":
        assert call("delete_config", user_id=USER).status == 204
    else:
        monkeypatch.setattr(
            "servicenow_tools.client.ServiceNowClient.instance_url", "https://other.example"
        )
    _forget()  # another process goes on
    pass_minutes(queues, time)
    ((_, said),) = platforms.told
    assert said.startswith("ChangeNotApproved: Its connection")


def test_who_may_not_ask_says_so(
    queues: Queues,  # noqa: F811
    time: "Clock",
    platforms: Platforms,
) -> None:
    """A pipeline that the stack's parameter does not name is asked again until its time is over."""
    token = platforms.wait("checkout")
    platforms.refuses = "AccessDeniedException"
    assert send("error", approval(platforms, token, 10)) == []
    pass_minutes(queues, time, 2)
    assert gates_of() == []
    reasons = [
        item["reason"] for item in call("get_activity", user_id=AUTOMATION, query={}).json["items"]
        if item["action"] == "gate_failed"
    ]  # fmt: skip
    assert reasons
    assert "AccessDeniedException" in reasons[0]
    skip(queues, time, 12)
    assert pass_minutes(queues, time, 3) == 0


def test_who_is_forgotten_waits_no_longer(
    queues: Queues,  # noqa: F811
    time: "Clock",
    platforms: Platforms,
    stack: "Stack",  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The platform is told before its token is deleted, and nothing of the gate is left."""
    platforms.tasks[TASK] = True
    assert send("deployment", task()) == []
    pass_minutes(queues, time)
    monkeypatch.setattr("operate.forget_user.time.sleep", lambda _: pass_minutes(queues, time))
    assert forget(stack, USER)["gates that waited"] == 1
    ((_, said),) = platforms.told
    assert said.startswith("ChangeNotApproved: Its owner was removed")
    assert gates_of(USER) == []
    assert forget(stack, USER)["gates that waited"] == 0
