"""GitHub's webhook events, as the errors and deployments that they mean.

Shapes: GitHub documentation, "Webhook events and payloads"; of older servers, too, which lack some
fields. What does not matter to a ticket is politely ignored: a branch that the rules do not name, a
run that is still under way, a run of a pull request. An end always counts: whether anything began
is the engine's to say.
"""

import json
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from actionsync.events.deliveries import Delivery
from actionsync.events.models import UnreadableEventError, digest
from actionsync.events.sources import application, deployments, fields
from actionsync.events.sources.application import ErrorDetail
from actionsync.events.sources.deployments import DeploymentDetail
from actionsync.events.sources.protocol import Context, Identity, Reading, Translation

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionsync.events.sources.envelopes import Message
    from actionsync.rules.matching import Severity
    from actionsync.rules.models import Rules

NAME = "github"
# Its name on the bus, where a delivery becomes an event.
BUS_SOURCE = "actionsync.github"
IDENTITIES: tuple[Identity, ...] = (
    Identity(
        what="GitHub workflow run",
        key="repository, workflow id (else path, else name) and branch",
        end="a later good run of that workflow and branch",
        order="the run's number and attempt: an older run never speaks for a newer one",
        repeat="occurrence",
    ),
    Identity(
        what="GitHub check run",
        key="repository, app, name and branch",
        end="a later good run of that check and branch",
        order="`started_at`",
        repeat="occurrence",
    ),
    Identity(
        what="GitHub issue",
        key="repository and number",
        end="closed, deleted, transferred, or its label taken away",
        order="`updated_at`",
        repeat="heartbeat",
    ),
    Identity(
        what="GitHub security alert",
        key="repository, kind of alert and number",
        end="fixed, resolved or dismissed",
        order="`updated_at`",
        repeat="heartbeat",
    ),
    Identity(
        what="GitHub deployment",
        key="repository, environment and deployment id",
        end="success, failure, error; inactive ends what is still open; the last outcome counts",
        order="the status's `updated_at`",
        repeat="heartbeat",
    ),
    Identity(
        what="GitHub release",
        key="repository and release id",
        end="its publication: it is out when GitHub reports it",
        order="`published_at`",
        repeat="heartbeat",
    ),
)

_FAILED = {"failure", "timed_out", "startup_failure"}
_DEPLOYED = {"success": "succeeded", "failure": "failed", "error": "failed",
             "in_progress": "started", "inactive": "stopped"}  # fmt: skip
_OPENS = {"created", "reopened", "reintroduced", "auto_reopened", "reopened_by_user",
          "publicly_leaked"}  # fmt: skip
_ENDS = {"fixed", "dismissed", "auto_dismissed", "resolved", "closed_by_user"}


class _GithubError(ErrorDetail):
    is_heartbeat: fields.Truth = False


class _GithubDeployment(DeploymentDetail):
    is_superseded: fields.Truth = False


def matches(message: "Message") -> bool:
    """Return whether a message is a delivery that the webhook put on the bus."""
    return message.source == BUS_SOURCE


def read(message: "Message", context: Context) -> Reading:
    """Return the event that a translated delivery is.

    Raises:
        UnreadableEventError: it is none.
    """
    assumptions: list[str] = []
    if message.type == application.TYPE:
        error = fields.parse(_GithubError, message.detail, assumptions)
        event = application.event(
            NAME, error, message, context, assumptions, is_heartbeat=error.is_heartbeat
        )
    elif message.type == deployments.TYPE:
        step = fields.parse(_GithubDeployment, message.detail, assumptions)
        event = deployments.event(
            NAME, step, message, context, assumptions, is_superseded=step.is_superseded
        )
    else:
        return Reading(unknown=f"{BUS_SOURCE}: {message.type}"[:200])
    return Reading((event,))


def translate(delivery: Delivery, rules: "Rules") -> list[Translation]:
    """Return what a delivery means under its owner's rules; nothing where it is ignored.

    Raises:
        UnreadableEventError: it is not as GitHub documents it.
    """
    name = delivery.headers.get("x-github-event") or ""
    payload = _payload(delivery)
    translator = _TRANSLATORS.get(name)
    if translator is None:
        return []
    try:
        repository = payload["repository"]["full_name"]
        translation = translator(payload, str(repository), rules)
    except (KeyError, TypeError, AttributeError):
        raise UnreadableEventError(f"is no {name} event as GitHub documents it") from None
    if translation is None:
        return []
    detail = translation.detail
    detail["labels"] = {"event": name, "repository": repository, **detail.get("labels", {})}
    is_end = detail["status"] in {"recovered", "succeeded", "failed", "stopped"}
    opens = not is_end or name == "release"
    environment = detail.get("environment") or ""
    if opens and rules.github.refusal(detail["labels"], environment):
        return []
    return [translation]


def _payload(delivery: Delivery) -> dict[str, Any]:
    """Return the JSON of a delivery, in either of GitHub's content types."""
    body = delivery.body
    is_form = (delivery.headers.get("content-type") or "").startswith(
        "application/x-www-form-urlencoded"
    )
    if is_form or body.startswith(b"payload="):
        body = (parse_qs(body.decode(errors="replace")).get("payload") or [""])[0].encode()
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise UnreadableEventError("is no JSON") from None
    if not isinstance(payload, dict):
        raise UnreadableEventError("is no JSON object")
    whole: dict[str, Any] = json.loads(
        json.dumps(payload, ensure_ascii=False).encode(errors="replace")
    )
    return whole


def _part(document: Any, *names: str) -> dict[str, Any]:
    """Return an object inside a document, empty where there is none."""
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def _text(document: dict[str, Any], *names: str) -> str:
    """Return the first of some fields that says anything, as text."""
    for name in names:
        value = document.get(name)
        if value is not None and value != "" and not isinstance(value, dict | list):
            return fields.as_text(value)
    return ""


def _number(document: dict[str, Any], name: str) -> int:
    value = document.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _moment(document: dict[str, Any], *names: str) -> str:
    found = fields.moment(_text(document, *names))
    return "" if found is None else found.isoformat()


def _link(document: dict[str, Any], payload: dict[str, Any], path: str = "") -> str:
    """Return the page of a thing; servers of old name none, but the repository's is known."""
    page = _text(document, "html_url")
    repository = _text(_part(payload, "repository"), "html_url")
    return page or (f"{repository}/{path}" if repository and path else repository)


def _workflow_run(payload: dict[str, Any], repository: str, rules: "Rules") -> Translation | None:
    run = payload["workflow_run"]
    workflow = _part(payload, "workflow")
    if _text(run, "event").startswith("pull_request") or _is_foreign(run, repository):
        return None
    path = (_text(run, "path") or _text(workflow, "path")).partition("@")[0]
    name = _text(run, "name") or _text(workflow, "name") or path or "Workflow"
    number, attempt = _number(run, "run_number"), _number(run, "run_attempt")
    begun = fields.moment(_text(run, "created_at", "run_started_at", "updated_at"))
    return _run(
        payload,
        repository,
        rules,
        run,
        name,
        _text(run, "head_branch"),
        identity=("workflow", _text(run, "workflow_id") or _text(workflow, "id") or path or name),
        moment="" if begun is None else _ordered(begun, number, attempt).isoformat(),
        labels={"workflow": name, "run": f"{number}.{attempt}"},
    )


def _ordered(begun: datetime, number: int, attempt: int) -> datetime:
    """Return a moment that orders runs by their beginning, then by number and attempt.

    GitHub gives whole seconds: the fractions of the second before carry what orders within one.
    """
    within = timedelta(milliseconds=number % 1000, microseconds=min(attempt, 999))
    return begun - timedelta(seconds=1) + within


def _check_run(payload: dict[str, Any], repository: str, rules: "Rules") -> Translation | None:
    run = payload["check_run"]
    suite = _part(run, "check_suite")
    requests = run.get("pull_requests") or suite.get("pull_requests") or []
    own = _text(_part(payload, "repository"), "id")
    heads = [_text(_part(request, "head", "repo"), "id") for request in requests]
    if _is_foreign(suite, repository) or any(head and own and head != own for head in heads):
        return None
    app = _text(_part(run, "app"), "slug", "id") or _text(_part(suite, "app"), "slug", "id")
    name = _text(run, "name") or app or "Check"
    return _run(
        payload,
        repository,
        rules,
        run,
        name,
        _text(suite, "head_branch"),
        identity=("check", app, name),
        moment=_moment(run, "started_at", "completed_at"),
        labels={"check": name},
    )


def _is_foreign(run: dict[str, Any], repository: str) -> bool:
    """Return whether a run is of a fork: whoever made it speaks for nobody else's branch."""
    head = _text(_part(run, "head_repository"), "full_name")
    return bool(head) and head.lower() != repository.lower()


def _run(  # noqa: PLR0917 - what two kinds of run have in common
    payload: dict[str, Any],
    repository: str,
    rules: "Rules",
    run: dict[str, Any],
    name: str,
    branch: str,
    *,
    identity: tuple[str, ...],
    moment: str,
    labels: dict[str, str],
) -> Translation | None:
    conclusion = run.get("conclusion")
    if payload["action"] != "completed" or conclusion not in {*_FAILED, "success"}:
        return None
    commit = _part(run, "head_commit")
    author = _text(_part(commit, "author"), "name") or _text(_part(run, "actor"), "login")
    sha = _text(run, "head_sha")
    output = _part(run, "output")
    lines = (
        f"{name} on {branch}: {conclusion}" if branch else f"{name}: {conclusion}",
        _text(output, "title"),
        f"Commit: {sha[:12]} {_text(commit, 'message').partition(chr(10))[0]}".rstrip() * bool(sha),
        f"By: {author}" * bool(author),
    )
    return _error(
        repository,
        "\n".join(line for line in lines if line),
        identity=(*identity, branch),
        severity=rules.github.workflow_severity,
        url=_link(run, payload),
        is_open=conclusion in _FAILED,
        moment=moment,
        labels={"branch": branch, **labels},
        details=_text(output, "summary"),
    )


def _issues(payload: dict[str, Any], repository: str, rules: "Rules") -> Translation | None:
    issue, action = payload["issue"], payload["action"]
    marks = [_text(label, "name") for label in issue.get("labels") or []]
    changed = _text(_part(payload, "label"), "name")
    wanted = [mark for mark in marks if rules.github.wants_label(mark)]
    is_open = _text(issue, "state") != "closed"
    if action == "labeled":
        opens, ends = is_open and rules.github.wants_label(changed), False
        wanted = [changed]
    elif action == "unlabeled":
        opens, ends = False, rules.github.wants_label(changed) and not wanted
    else:
        opens = action in {"opened", "reopened"} and bool(wanted) and is_open
        ends = action in {"closed", "deleted", "transferred"}
    if not opens and not ends:
        return None
    number = issue["number"]
    return _error(
        repository,
        f"Issue #{number}: {_text(issue, 'title')}",
        identity=("issue", str(number)),
        severity="high",
        url=_link(issue, payload, f"issues/{number}"),
        is_open=opens,
        moment=_moment(issue, "updated_at", "closed_at", "created_at"),
        labels={"label": wanted[0]} if wanted else {},
        details=_text(issue, "body"),
        is_heartbeat=True,
    )


def _alert(
    payload: dict[str, Any], repository: str, _: "Rules", *, kind: str, path: str
) -> Translation | None:
    alert, action = payload["alert"], payload["action"]
    if action not in _OPENS | _ENDS:
        return None
    # Each kind names its severity in its own place; a leaked secret has none, and is critical.
    advisory, rule = _part(alert, "security_advisory"), _part(alert, "rule")
    vulnerability = _part(alert, "security_vulnerability")
    said = _text(advisory, "severity") or _text(vulnerability, "severity")
    said = said or _text(rule, "security_severity_level", "severity")
    what = _text(advisory, "summary") or _text(rule, "description", "name", "id")
    if kind == "secret":
        what = f"Secret found: {_text(alert, 'secret_type_display_name', 'secret_type')}"
    number = alert["number"]
    severity = "low" if said == "note" else fields.severity_of(said)
    return _error(
        repository,
        f"Security alert #{number}: {what}",
        identity=("alert", kind, str(number)),
        severity=severity or ("critical" if kind == "secret" else "medium"),
        url=_link(alert, payload, f"security/{path}/{number}"),
        is_open=action in _OPENS,
        moment=_moment(
            alert, "updated_at", "fixed_at", "dismissed_at", "resolved_at", "created_at"
        ),
        labels={"alert": kind},
        is_heartbeat=True,
    )


def _deployment(payload: dict[str, Any], repository: str, _: "Rules") -> Translation:
    moment = _moment(payload["deployment"], "created_at", "updated_at")
    return _deployed(payload, repository, "started", moment, {})


def _deployment_status(payload: dict[str, Any], repository: str, _: "Rules") -> Translation | None:
    status = payload["deployment_status"]
    state = status["state"]
    if state not in _DEPLOYED:
        return None
    moment = _moment(status, "updated_at", "created_at")
    translation = _deployed(payload, repository, _DEPLOYED[state], moment, status)
    if state == "inactive":
        note = "A newer deployment has taken its place."
        translation.detail.update(is_superseded=True, message=note)
    return translation


def _deployed(
    payload: dict[str, Any],
    repository: str,
    status: str,
    moment: str,
    state: dict[str, Any],
) -> Translation:
    deployment = payload["deployment"]
    environment = _text(deployment, "environment") or _text(state, "environment")
    run = _part(payload, "workflow_run") or _part(payload, "check_run")
    sha = _text(deployment, "sha")
    creator = _text(_part(deployment, "creator"), "login") or _text(_part(run, "actor"), "login")
    is_transient = deployment.get("transient_environment") is True
    return Translation(
        deployments.TYPE,
        {
            "deployment_id": f"github-{deployment['id']}",
            "application": repository,
            "environment": environment,
            "status": status,
            "version": _text(deployment, "ref") or sha,
            "commit": sha,
            "deployed_by": creator,
            "message": _text(state, "description") or _text(deployment, "description"),
            "url": _text(state, "log_url", "target_url", "environment_url")
            or _text(run, "html_url")
            or _link({}, payload, "deployments"),
            "occurred_at": moment,
            "labels": {"transient": "true"} if is_transient else {},
        },
    )


def _release(payload: dict[str, Any], repository: str, _: "Rules") -> Translation | None:
    release = payload["release"]
    # A pre-release that is promoted is `released`, and so is any other release, beside `published`.
    if payload["action"] not in {"published", "released"} or release.get("prerelease"):
        return None
    tag = _text(release, "tag_name")
    return Translation(
        deployments.TYPE,
        {
            "deployment_id": f"release-{release['id']}",
            "application": repository,
            "status": "succeeded",
            "version": tag,
            "commit": _text(release, "target_commitish"),
            "deployed_by": _text(_part(release, "author"), "login")
            or _text(_part(payload, "sender"), "login"),
            "message": _text(release, "name") or tag,
            "changelog": _text(release, "body"),
            "url": _link(release, payload, f"releases/tag/{tag}"),
            "occurred_at": _moment(release, "published_at", "created_at"),
        },
    )


def _error(
    repository: str,
    message: str,
    *,
    identity: tuple[str, ...],
    severity: "Severity",
    url: str,
    is_open: bool,
    moment: str,
    labels: dict[str, str],
    details: str = "",
    is_heartbeat: bool = False,
) -> Translation:
    return Translation(
        application.TYPE,
        {
            "service": repository,
            "severity": severity,
            "message": message,
            "fingerprint": digest(*identity),
            "stack_trace": details,
            "url": url,
            "status": "open" if is_open else "recovered",
            "occurred_at": moment,
            "labels": labels,
            "is_heartbeat": is_heartbeat,
        },
    )


_TRANSLATORS: "dict[str, Callable[[dict[str, Any], str, Rules], Translation | None]]" = {
    "workflow_run": _workflow_run,
    "check_run": _check_run,
    "issues": _issues,
    "dependabot_alert": partial(_alert, kind="dependabot", path="dependabot"),
    "code_scanning_alert": partial(_alert, kind="code", path="code-scanning"),
    "secret_scanning_alert": partial(_alert, kind="secret", path="secret-scanning"),
    "deployment": _deployment,
    "deployment_status": _deployment_status,
    "release": _release,
}
