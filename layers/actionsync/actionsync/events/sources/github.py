"""GitHub's webhook events, as the application errors and deployments that they mean.

Shapes: GitHub documentation, "Webhook events and payloads". What does not matter to a ticket is
politely ignored: an event that the user's rules leave out, a branch that they do not name, a run
that is still under way.
"""

import hashlib
import hmac
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionsync.rules.models import GithubRule, Severity

_FAILED = {"failure", "timed_out", "startup_failure"}
_ALERT_SEVERITIES: "dict[str, Severity]" = {
    "critical": "critical", "high": "high", "error": "high", "medium": "medium",
    "moderate": "medium", "warning": "medium", "low": "low", "note": "low",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Translation:
    """An event for the bus, without its user: the detail-type and the detail."""

    type: str
    detail: dict[str, Any]


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Tell whether `X-Hub-Signature-256` signs this body, in a time that tells nothing.

    GitHub documentation: Validating webhook deliveries.
    """
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))


def translate(event: str, payload: dict[str, Any], rule: "GithubRule") -> Translation | None:
    """Return what an event means under a user's rule, or None where it is ignored.

    Raises:
        KeyError, TypeError: it has not the shape that GitHub documents.
    """
    if event not in rule.events:
        return None
    repository: str = payload["repository"]["full_name"]
    return _TRANSLATORS[event](payload, repository, rule)


def _workflow_run(
    payload: dict[str, Any], repository: str, rule: "GithubRule"
) -> Translation | None:
    run = payload["workflow_run"]
    return _run(payload, repository, rule, run, run["name"], run["head_branch"])


def _check_run(payload: dict[str, Any], repository: str, rule: "GithubRule") -> Translation | None:
    run = payload["check_run"]
    return _run(payload, repository, rule, run, run["name"], run["check_suite"]["head_branch"])


def _run(  # noqa: PLR0917 - what two kinds of run have in common
    payload: dict[str, Any],
    repository: str,
    rule: "GithubRule",
    run: dict[str, Any],
    name: str,
    branch: str | None,
) -> Translation | None:
    conclusion = run.get("conclusion")
    is_over = payload["action"] == "completed" and conclusion in {*_FAILED, "success"}
    if not is_over or not _fits(branch or "", rule.branches):
        return None
    return _error(
        repository,
        f"{name} on {branch}: {conclusion}",
        fingerprint=f"run {name} {branch}",
        severity=rule.workflow_severity,
        url=run["html_url"],
        is_open=conclusion in _FAILED,
    )


def _issues(payload: dict[str, Any], repository: str, rule: "GithubRule") -> Translation | None:
    issue, action = payload["issue"], payload["action"]
    labels = [label["name"] for label in issue.get("labels", [])]
    is_marked = any(_fits(label, rule.issue_labels) for label in labels)
    if not is_marked or action not in {"opened", "labeled", "reopened", "closed"}:
        return None
    return _error(
        repository,
        f"Issue #{issue['number']}: {issue['title']}",
        fingerprint=f"issue {issue['number']}",
        severity="high",
        url=issue["html_url"],
        is_open=action != "closed",
        details=issue.get("body") or "",
    )


def _alert(payload: dict[str, Any], repository: str, _: "GithubRule") -> Translation | None:
    alert, action = payload["alert"], payload["action"]
    opens = action in {"created", "reopened", "reintroduced", "auto_reopened", "reopened_by_user",
                       "publicly_leaked"}  # fmt: skip
    ends = action in {"fixed", "dismissed", "auto_dismissed", "resolved", "closed_by_user"}
    if not opens and not ends:
        return None
    # Dependabot, code scanning and secret scanning name the kind of alert and its severity each in
    # their own place; a leaked secret has none, and is critical.
    advisory = alert.get("security_advisory") or {}
    alert_rule = alert.get("rule") or {}
    said = advisory.get("severity") or alert_rule.get("security_severity_level")
    said = said or alert_rule.get("severity")
    what = advisory.get("summary") or alert_rule.get("description") or alert_rule.get("name")
    what = what or f"Secret found: {alert.get('secret_type_display_name') or alert['secret_type']}"
    kind = "advisory" if advisory else "code" if alert_rule else "secret"
    return _error(
        repository,
        f"Security alert #{alert['number']}: {what}",
        fingerprint=f"alert {kind} {alert['number']}",
        severity=_ALERT_SEVERITIES.get(str(said), "critical" if kind == "secret" else "medium"),
        url=alert["html_url"],
        is_open=opens,
    )


def _deployment(payload: dict[str, Any], repository: str, _: "GithubRule") -> Translation | None:
    return _deployed(payload["deployment"], repository, "started", "", "")


def _deployment_status(
    payload: dict[str, Any], repository: str, _: "GithubRule"
) -> Translation | None:
    status = payload["deployment_status"]
    outcome = {"success": "succeeded", "failure": "failed", "error": "failed",
               "in_progress": "started"}.get(status["state"])  # fmt: skip
    if outcome is None:
        return None
    return _deployed(
        payload["deployment"],
        repository,
        outcome,
        status.get("description") or "",
        status.get("target_url") or "",
    )


def _release(payload: dict[str, Any], repository: str, _: "GithubRule") -> Translation | None:
    release = payload["release"]
    if payload["action"] != "published" or release.get("prerelease"):
        return None
    return Translation(
        "Deployment",
        {
            "deployment_id": f"release-{release['id']}",
            "application": repository,
            # It is out when GitHub tells of it.
            "status": "succeeded",
            "version": release["tag_name"][:100],
            "deployed_by": release["author"]["login"],
            "message": release.get("name") or release["tag_name"],
            "changelog": (release.get("body") or "")[:3000],
            "url": release["html_url"],
        },
    )


def _deployed(
    deployment: dict[str, Any], repository: str, status: str, message: str, url: str
) -> Translation:
    return Translation(
        "Deployment",
        {
            "deployment_id": f"github-{deployment['id']}",
            "application": repository,
            "environment": deployment.get("environment") or "",
            "status": status,
            "version": str(deployment.get("ref") or deployment.get("sha") or "")[:100],
            "deployed_by": (deployment.get("creator") or {}).get("login") or "",
            "message": message or deployment.get("description") or "",
            "url": url,
        },
    )


def _error(
    repository: str,
    message: str,
    *,
    fingerprint: str,
    severity: "Severity",
    url: str,
    is_open: bool,
    details: str = "",
) -> Translation:
    return Translation(
        "Application Error",
        {
            "service": repository,
            "severity": severity,
            "message": message[:3000],
            "fingerprint": fingerprint[:500],
            "stack_trace": details[:3000],
            "url": url,
            "status": "open" if is_open else "recovered",
        },
    )


def _fits(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


_TRANSLATORS = {
    "workflow_run": _workflow_run,
    "check_run": _check_run,
    "issues": _issues,
    "dependabot_alert": _alert,
    "code_scanning_alert": _alert,
    "secret_scanning_alert": _alert,
    "deployment": _deployment,
    "deployment_status": _deployment_status,
    "release": _release,
}
