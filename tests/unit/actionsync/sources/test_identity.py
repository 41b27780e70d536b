"""What makes two events one ticket, what ends it, and whose news is newer: source by source."""

from typing import Any

import pytest

from actionsync.events import sources
from actionsync.events.models import UnreadableEventError
from actionsync.events.recipes import catalogue
from actionsync.rules.models import Rules
from actionsync.rules.sections import RECIPES
from tests.template import ROOT
from tests.unit.actionsync.sources.readings import (
    ALARM,
    alarm,
    deployment,
    error,
    from_github,
    meeting,
    notification,
    on_bus,
    one,
    reading,
)

REPOSITORY = {"id": 1, "full_name": "octo/shop", "html_url": "https://github.com/octo/shop"}


def run(**values: Any) -> dict[str, Any]:
    """Return a delivery about a completed workflow run."""
    workflow = {
        "id": 1, "name": "Build", "workflow_id": 7, "path": ".github/workflows/build.yml",
        "head_branch": "main", "event": "push", "conclusion": "failure", "run_number": 11,
        "run_attempt": 1, "created_at": "2026-01-10T09:00:00Z",
        "updated_at": "2026-01-10T09:05:00Z",
        "html_url": "https://github.com/octo/shop/actions/runs/1", "head_sha": "abc123",
        "head_repository": {"full_name": "octo/shop"},
        "head_commit": {"message": "Pay faster\n\nBody", "author": {"name": "Ada"}}, **values,
    }  # fmt: skip
    return {"action": "completed", "workflow_run": workflow, "repository": REPOSITORY}


def issue(action: str, *labels: str, **more: Any) -> dict[str, Any]:
    """Return a delivery about an issue."""
    content = {"number": 5, "title": "Shop is slow", "state": "open", "body": "Since noon",
               "html_url": "https://github.com/octo/shop/issues/5",
               "labels": [{"name": label} for label in labels],
               "updated_at": "2026-01-10T09:00:00Z", **more.pop("issue", {})}  # fmt: skip
    return {"action": action, "issue": content, "repository": REPOSITORY, **more}


def deployed(**values: Any) -> dict[str, Any]:
    """Return a delivery about a deployment."""
    content = {"id": 9, "environment": "production", "sha": "abc123", "ref": "v1", "creator":
               {"login": "ada"}, "created_at": "2026-01-10T09:00:00Z", **values}  # fmt: skip
    return {"deployment": content, "repository": REPOSITORY, "action": "created"}


def status(state: str, **values: Any) -> dict[str, Any]:
    """Return a delivery about a deployment's status."""
    content = {
        "state": state,
        "updated_at": "2026-01-10T09:05:00Z",
        "log_url": "https://log",
        **values,
    }
    return {**deployed(), "deployment_status": content}


def test_the_table_of_the_docs_is_the_codes() -> None:
    """docs/sources.md has each source's row as the source itself has it."""
    rows = [
        f"| {item.what} | `{name}` | {item.key} | {item.end} | {item.order} | {item.repeat} |"
        for name, item in [
            *((source.NAME, item) for source in sources.SOURCES for item in source.IDENTITIES),
            *((name, item) for name in RECIPES for item in catalogue.recipe(name).identities),
        ]
    ]
    text = (ROOT / "docs" / "sources.md").read_text()
    table = [line for line in text.splitlines() if line.startswith("| ")][1:]
    missing = "\n".join(sorted({*rows} - {*table}))
    assert sorted(table) == sorted(rows), f"docs/sources.md lacks:\n{missing}"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (deployment(), deployment(environment="staging")),
        (deployment(), deployment(application="search")),
        (deployment(), deployment(deployment_id="release-43")),
        (error(fingerprint="db"), error(fingerprint="db", service="search")),
        (error(fingerprint="db"), error(fingerprint="cache")),
        (error(fingerprint="db", environment="a"), error(fingerprint="db", environment="b")),
        (error(), error(user_id="another")),
        (meeting("Renew it"), meeting("Renew it", meeting_id="m-2")),
        (alarm(), {**alarm(), "resources": [ALARM.replace("111122223333", "444455556666")]}),
        (alarm(), {**alarm(), "resources": [ALARM.replace("eu-west-1", "us-east-1")]}),
    ],
)
def test_two_things(first: dict[str, Any], second: dict[str, Any]) -> None:
    """What differs in what identifies has two tickets."""
    assert one(first).dedup_key != one(second).dedup_key


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (deployment(), deployment(environment="Production", status="failed")),
        (error(fingerprint="db", severity="critical"),
         error(fingerprint="db", severity="info", status="recovered", message="Fine")),
        (error(message="Order 1 failed"), error(message="Order 2 failed")),
        (meeting("Renew  the\ncertificate"), meeting("renew the Certificate", title="Other")),
        (alarm(), alarm("OK")),
    ],
)  # fmt: skip
def test_one_thing(first: dict[str, Any], second: dict[str, Any]) -> None:
    """What only decorates changes nothing."""
    assert one(first).dedup_key == one(second).dedup_key


# ---- alarms


def sns(**values: Any) -> dict[str, Any]:
    """Return an alarm's notification."""
    message = {"AlarmName": "checkout-5xx", "AlarmArn": ALARM, "NewStateValue": "ALARM",
               "NewStateReason": "x", "StateChangeTime": "2026-01-10T09:59:58.101+0000",
               "Region": "EU (Ireland)", "AWSAccountId": "111122223333", **values}  # fmt: skip
    return notification(message)


def test_both_forms_of_an_alarm_are_one_delivery() -> None:
    """Account and region come from the ARN, never from a display name."""
    bus, topic = one(alarm()), one(sns())
    assert (bus.id, bus.dedup_key, bus.moment) == (topic.id, topic.dedup_key, topic.moment)
    assert (topic.account, topic.region) == ("111122223333", "eu-west-1")
    assert one(sns(AlarmArn=None)).region == "eu-west-1"
    assert bus.moment.isoformat() == "2026-01-10T09:59:58.101000+00:00"
    assert bus.is_heartbeat


@pytest.mark.parametrize(
    ("arn", "console"),
    [
        (ALARM, "https://eu-west-1.console.aws.amazon.com/"),
        (ALARM.replace("aws:", "aws-us-gov:").replace("eu-west-1", "us-gov-west-1"),
         "https://us-gov-west-1.console.amazonaws-us-gov.com/"),
        (ALARM.replace("aws:", "aws-cn:").replace("eu-west-1", "cn-north-1"),
         "https://cn-north-1.console.amazonaws.cn/"),
    ],
)  # fmt: skip
def test_each_partition_has_its_console(arn: str, console: str) -> None:
    """A link leads to where the alarm is."""
    event = one({**alarm(), "resources": [arn]})
    assert event.texts["link"].startswith(console)
    assert event.texts["link"].endswith("#alarmsV2:alarm/checkout-5xx")


def test_a_silenced_alarm_says_until_when() -> None:
    """A mute rule has its end; one that another alarm suppresses is looked at in an hour."""
    mute = {"mutedByArn": "arn:aws:cloudwatch:eu-west-1:1:mute:night",
            "muteWindowStart": "2026-01-10T09:00:00.000+0000",
            "muteWindowEnd": "2026-01-10T15:00:00.000+0000"}  # fmt: skip
    assert str(one(alarm(muteDetail=mute)).silenced_until) == "2026-01-10 15:00:00+00:00"
    over = mute | {"muteWindowEnd": "2026-01-10T10:30:00.000+0000"}
    assert one(alarm(muteDetail=over)).silenced_until is None
    state = {"value": "ALARM", "timestamp": "2026-01-10T09:59:58.101+0000",
             "actionsSuppressedBy": "Alarm", "actionsSuppressedReason": "x"}  # fmt: skip
    assert str(one(alarm(state=state)).silenced_until) == "2026-01-10 12:00:00+00:00"
    assert one(alarm()).silenced_until is None


def test_a_deleted_alarm_ends() -> None:
    """No OK follows a deletion; other changes of its configuration say nothing."""
    change = on_bus(
        "CloudWatch Alarm Configuration Change",
        {"alarmName": "checkout-5xx", "operation": "delete", "state": {"value": "ALARM"}},
        source="aws.cloudwatch",
        resources=[ALARM],
    )
    event = one(change)
    assert (event.action, event.dedup_key) == ("resolve", one(alarm()).dedup_key)
    change["detail"]["operation"] = "update"
    assert reading(change).events == ()


def test_a_state_that_nobody_knows_is_unknown() -> None:
    """It neither opens nor ends anything."""
    assert "SLEEPING" in reading(alarm("SLEEPING")).unknown


# ---- GitHub


def test_workflows_of_one_name_are_two() -> None:
    """Repository, workflow id (else path) and branch."""
    first, second = (
        from_github("workflow_run", run()),
        from_github("workflow_run", run(workflow_id=8)),
    )
    assert first is not None
    assert second is not None
    assert first.dedup_key != second.dedup_key
    paths = [run(workflow_id=None, path=f".github/workflows/{name}.yml") for name in "ab"]
    keys = {found.dedup_key for path in paths if (found := from_github("workflow_run", path))}
    assert len(keys) == 2


@pytest.mark.parametrize("name", ["", None])
def test_a_run_without_a_name_has_its_workflows(name: str | None) -> None:
    """Older servers send none."""
    payload = {**run(name=name), "workflow": {"id": 7, "name": "Build"}}
    event = from_github("workflow_run", payload)
    assert event is not None
    assert event.texts["title"] == "octo/shop: Build on main: failure"
    bare = from_github("workflow_run", run(name=name))
    assert bare is not None
    assert ".github/workflows/build.yml on main" in bare.texts["title"]
    assert bare.dedup_key == event.dedup_key


def test_an_older_run_is_older_whenever_it_ends() -> None:
    """By its number and attempt, not by when it was over."""
    older = run(run_number=10, conclusion="success", updated_at="2026-01-10T09:59:00Z")
    again = run(run_attempt=2, conclusion="success")
    later = run(run_number=12, conclusion="success")
    moments = []
    for payload in (older, run(), again, later):
        event = from_github("workflow_run", payload)
        assert event is not None
        moments.append(event.moment)
    assert moments == sorted(set(moments))


@pytest.mark.parametrize("conclusion", ["success", "failure"])
@pytest.mark.parametrize(
    "values",
    [
        {"event": "pull_request", "head_repository": {"full_name": "eve/shop"}},
        {"event": "pull_request"},
        {"event": "pull_request_target"},
        {"head_repository": {"full_name": "eve/shop"}},
    ],
)
def test_only_runs_of_the_repository_itself_count(values: dict[str, Any], conclusion: str) -> None:
    """A fork's main is nobody's main, and a pull request's run says nothing of its branch."""
    assert from_github("workflow_run", run(conclusion=conclusion, **values)) is None


def check(**values: Any) -> dict[str, Any]:
    """Return a delivery about a completed check run."""
    content = {"id": 1, "name": "lint", "conclusion": "failure", "app": {"slug": "circle"},
               "started_at": "2026-01-10T09:00:00Z", "html_url": "https://check",
               "check_suite": {"head_branch": "main"}, "pull_requests": [], **values}  # fmt: skip
    return {"action": "completed", "check_run": content, "repository": REPOSITORY}


def test_check_runs_go_by_the_same_rules() -> None:
    """Forks are left out, and a null suite is no reason to fail."""
    rules = github_rules(events=["check_run"])
    event = from_github("check_run", check(), rules)
    assert event is not None
    assert event.texts["title"] == "octo/shop: lint on main: failure"
    fork = {"head": {"repo": {"id": 2}}, "base": {"repo": {"id": 1}}}
    assert from_github("check_run", check(pull_requests=[fork]), rules) is None
    own = {"head": {"repo": {"id": 1}}, "base": {"repo": {"id": 1}}}
    assert from_github("check_run", check(pull_requests=[own]), rules) is not None
    suite = {"head_branch": "main", "head_repository": {"full_name": "eve/shop"}}
    assert from_github("check_run", check(check_suite=suite), rules) is None
    assert from_github("check_run", check(check_suite=None), rules) is None


def github_rules(**github: Any) -> Rules:
    """Return rules for GitHub."""
    return Rules.model_validate({"github": github})


@pytest.mark.parametrize(
    ("payload", "action"),
    [
        (issue("opened", "incident"), "trigger"),
        (issue("opened"), None),
        (issue("labeled", "incident", label={"name": "incident"}), "trigger"),
        (issue("labeled", "incident", "bug", label={"name": "bug"}), None),
        (issue("labeled", "incident", label={"name": "incident"}, issue={"state": "closed"}), None),
        (issue("unlabeled", label={"name": "incident"}), "resolve"),
        (issue("unlabeled", "incident", label={"name": "bug"}), None),
        (issue("reopened", "Incident"), "trigger"),
        (issue("closed"), "resolve"),
        (issue("deleted", "incident"), "resolve"),
        (issue("edited", "incident"), None),
        (issue("assigned", "incident"), None),
    ],
)
def test_only_the_label_that_fits_counts(payload: dict[str, Any], action: str | None) -> None:
    """And only on an open issue; an end counts whatever the labels are by then."""
    event = from_github("issues", payload)
    assert (event and event.action) == action
    if event is not None:
        assert event.is_heartbeat
        assert event.dedup_key == from_github("issues", issue("closed")).dedup_key  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "values",
    [{"transient_environment": True}, {"environment": "github-pages"}, {"environment": "Preview"},
     {"environment": "preview/pr-7"}],
)  # fmt: skip
def test_a_passing_environment_is_no_change(values: dict[str, Any]) -> None:
    """By default; rules can name environments."""
    assert from_github("deployment", deployed(**values)) is None
    rules = github_rules(environments=["*"])
    assert from_github("deployment", deployed(**values), rules) is not None
    assert from_github("deployment", deployed(), github_rules(environments=["staging"])) is None


def test_the_last_status_of_a_deployment_counts() -> None:
    """With author, commit and link; inactive ends what is still open, and nothing else."""
    begun = from_github("deployment", deployed())
    assert begun is not None
    assert (begun.texts["owner"], begun.texts["commit"]) == ("ada", "abc123")
    assert begun.texts["link"] == "https://github.com/octo/shop/deployments"
    outcomes = {
        "success": "succeeded",
        "failure": "failed",
        "error": "failed",
        "inactive": "stopped",
    }
    for state, outcome in outcomes.items():
        event = from_github("deployment_status", status(state))
        assert event is not None
        assert (event.action, event.outcome, event.key) == ("resolve", outcome, begun.key)
        assert event.is_heartbeat == (state == "inactive")
        assert event.texts["link"] == "https://log"
        assert event.moment > begun.moment
    for state in ("queued", "pending", "waiting"):
        assert from_github("deployment_status", status(state)) is None


@pytest.mark.parametrize(
    ("action", "prerelease", "counts"),
    [("published", False, True), ("published", True, False), ("released", False, True),
     ("prereleased", True, False), ("edited", False, False)],
)  # fmt: skip
def test_a_promoted_release_is_a_change(action: str, prerelease: bool, counts: bool) -> None:  # noqa: FBT001
    """`released` also comes with each other publication: the same key, the same moment."""
    release = {"id": 3, "tag_name": "v1", "author": None, "prerelease": prerelease, "body": "New",
               "published_at": "2026-01-10T09:00:00Z"}  # fmt: skip
    payload = {"action": action, "release": release, "repository": REPOSITORY}
    event = from_github("release", payload, github_rules(events=["release"]))
    assert (event is not None) == counts
    if event is not None:
        assert event.texts["link"] == "https://github.com/octo/shop/releases/tag/v1"
    assert from_github("release", payload) is None


def alert(action: str, **values: Any) -> dict[str, Any]:
    """Return a delivery about a security alert."""
    content = {"number": 3, "created_at": "2026-01-10T09:00:00Z", **values}
    return {"action": action, "alert": content, "repository": REPOSITORY}


def test_an_alert_ends_whatever_its_severity_is_by_then() -> None:
    """Opened as critical, fixed as medium: one thing."""
    advisory = {"summary": "Bad", "severity": "critical"}
    opened = from_github("dependabot_alert", alert("created", security_advisory=advisory))
    advisory = {"summary": "Bad", "severity": "moderate"}
    fixed = from_github("dependabot_alert", alert("fixed", security_advisory=advisory))
    assert opened is not None
    assert fixed is not None
    assert (opened.action, opened.severity) == ("trigger", "critical")
    assert (fixed.action, fixed.key) == ("resolve", opened.key)
    assert opened.texts["link"] == "https://github.com/octo/shop/security/dependabot/3"
    secret = from_github("secret_scanning_alert", alert("created", secret_type="github_token"))
    assert secret is not None
    assert (secret.severity, secret.key != opened.key) == ("critical", True)


def test_an_end_counts_whatever_the_rules_say() -> None:
    """Branch, label and list of events are asked when something begins."""
    rules = github_rules(branches=["release/*"], events=["issues"], issue_labels=["other"])
    assert from_github("workflow_run", run(), rules) is None
    assert from_github("workflow_run", run(conclusion="success"), rules) is not None
    assert from_github("issues", issue("closed", "incident"), rules) is not None


# ---- AWS's deployments


def pipeline(state: str, **values: Any) -> dict[str, Any]:
    """Return a change of an execution's state."""
    detail = {"pipeline": "shop", "execution-id": "e-1", "state": state, "version": 3.0, **values}
    return on_bus("CodePipeline Pipeline Execution State Change", detail, source="aws.codepipeline")


def test_a_pipelines_change_has_its_link_and_its_author() -> None:
    """Where the event has them."""
    trigger = {"trigger-type": "StartPipelineExecution",
               "trigger-detail": "arn:aws:sts::111122223333:assumed-role/Admin/ada"}  # fmt: skip
    event = one(pipeline("STARTED", **{"execution-trigger": trigger}))
    assert event.texts["owner"] == "ada"
    assert event.texts["link"] == (
        "https://eu-west-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/shop/executions/"
        "e-1/visualization?region=eu-west-1"
    )
    assert one(pipeline("STARTED")).texts["owner"] == "CodePipeline"
    assert (event.texts["account"], event.texts["region"]) == ("111122223333", "eu-west-1")
    webhook = {"trigger-type": "WebhookV2", "commit-id": "abc", "author-display-name": "Ada"}
    event = one(pipeline("STARTED", **{"execution-trigger": webhook}))
    assert (event.texts["owner"], event.texts["commit"]) == ("Ada", "abc")


def test_the_states_of_awss_deployments() -> None:
    """What begins, what ends, what says nothing, what nobody knows."""
    states = {"STARTED": "", "RESUMED": "", "SUCCEEDED": "succeeded", "FAILED": "failed",
              "SUPERSEDED": "stopped", "CANCELED": "stopped"}  # fmt: skip
    assert {state: one(pipeline(state)).outcome for state in states} == states
    assert reading(pipeline("STOPPING")).events == ()
    assert "DREAMING" in reading(pipeline("DREAMING")).unknown
    deploy = {"application": "shop", "deploymentId": "d-1", "deploymentGroup": "blue"}
    for state, outcome in {"START": "", "SUCCESS": "succeeded", "FAILURE": "failed",
                           "STOP": "stopped"}.items():  # fmt: skip
        event = one(on_bus("CodeDeploy Deployment State-change Notification",
                           {**deploy, "state": state}, source="aws.codedeploy"))  # fmt: skip
        assert (event.outcome, event.environment) == (outcome, "blue")
        assert "/codesuite/codedeploy/deployments/d-1" in event.texts["link"]


@pytest.mark.parametrize(
    "detail_type",
    ["CloudWatch Alarm State Change", "CodePipeline Pipeline Execution State Change",
     "CodeDeploy Deployment State-change Notification"],
)  # fmt: skip
def test_only_aws_speaks_for_aws(detail_type: str) -> None:
    """Nobody else can put an `aws.` event on a bus, so the source decides."""
    with pytest.raises(UnreadableEventError, match="aws"):
        reading(on_bus(detail_type, {"alarmName": "x", "state": "OK"}))
