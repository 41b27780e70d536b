"""From messages to events: one reader for each queue, in the shapes that AWS documents.

Alarms: CloudWatch user guide, "Alarm events and EventBridge", and the SNS form "AlarmName,
NewStateValue, ..." of its notifications. Deployments: CodeDeploy user guide, "Monitoring
deployments with CloudWatch Events"; CodePipeline user guide, "Monitoring CodePipeline events".
Application errors, deployments and meetings of our own: `events/on_*`.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from actionsync import clock
from actionsync.events.models import Action, IncomingEvent, Kind, UnreadableEventError, digest
from actionsync.events.sources.envelopes import Message, moment
from actionsync.rules.models import Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionsync.rules.models import Rules

Model = TypeVar("Model", bound=BaseModel)
# The queues, each with its function.
Feed = Literal["error", "alarm", "deployment", "meeting"]
KINDS: "dict[Feed, Kind]" = {
    "error": "incident", "alarm": "incident", "deployment": "change", "meeting": "action_item",
}  # fmt: skip

# What loggers call their levels.
_SEVERITIES = {
    "fatal": "critical", "emergency": "critical", "alert": "critical", "error": "high",
    "warning": "medium", "warn": "medium", "moderate": "medium", "notice": "low", "debug": "info",
}  # fmt: skip
_LONGEST = 3000


def _severity(value: Any) -> Any:
    word = value.strip().lower() if isinstance(value, str) else value
    return _SEVERITIES.get(word, word) if isinstance(word, str) else word


def _cut(value: Any) -> Any:
    return value[:_LONGEST] if isinstance(value, str) else value


UserId = Annotated[str, Field(min_length=1, max_length=128)]
Word = Annotated[str, Field(min_length=1, max_length=200)]
Long = Annotated[str, BeforeValidator(_cut)]
AnySeverity = Annotated[Severity, BeforeValidator(_severity)]


class _Detail(BaseModel):
    # What an event says beyond this is not ours to refuse.
    model_config = ConfigDict(extra="ignore")


class ErrorDetail(_Detail):
    """An application error: the detail of an `Application Error`, or an SNS message.

    Where `fingerprint` is missing, one is computed: the same service, kind of error and place in
    the code are the same cause, whatever numbers the message holds.
    """

    user_id: UserId
    service: Word
    severity: AnySeverity = "high"
    message: Annotated[str, Field(min_length=1), BeforeValidator(_cut)]
    stack_trace: Long = ""
    fingerprint: Annotated[str, Field(max_length=500)] = ""
    environment: Annotated[str, Field(max_length=200)] = ""
    url: Annotated[str, Field(max_length=1000)] = ""
    status: Literal["open", "recovered"] = "open"


class DeploymentDetail(_Detail):
    """A deployment by any tool: the detail of a `Deployment`."""

    user_id: UserId
    deployment_id: Word
    application: Word
    status: Literal["started", "succeeded", "failed", "stopped"]
    environment: Annotated[str, Field(max_length=200)] = ""
    version: Annotated[str, Field(max_length=100)] = ""
    deployed_by: Annotated[str, Field(max_length=200)] = ""
    message: Long = ""
    changelog: Long = ""
    url: Annotated[str, Field(max_length=1000)] = ""


class ActionItem(_Detail):
    """What a meeting decided that somebody does."""

    summary: Annotated[str, Field(min_length=1, max_length=500)]
    details: Long = ""
    priority: AnySeverity = "medium"
    impact: AnySeverity | None = None
    requires_incident: bool = False
    assignee: Annotated[str | None, Field(max_length=100)] = None


class MeetingDetail(_Detail):
    """A processed meeting: the detail of a `Meeting Processed`."""

    user_id: UserId
    meeting_id: Word
    title: Word
    url: Annotated[str, Field(max_length=1000)] = ""
    held_at: datetime | None = None
    action_items: Annotated[list[ActionItem], Field(max_length=100)]


class _AlarmState(_Detail):
    value: Literal["ALARM", "OK", "INSUFFICIENT_DATA"]
    reason: Long = ""
    timestamp: str


class _AlarmConfiguration(_Detail):
    description: Long = ""


class _AlarmEvent(_Detail):
    alarm_name: Annotated[str, Field(alias="alarmName", min_length=1)]
    state: _AlarmState
    configuration: _AlarmConfiguration = _AlarmConfiguration()


class _AlarmNotification(_Detail):
    alarm_name: Annotated[str, Field(alias="AlarmName", min_length=1)]
    account: Annotated[str, Field(alias="AWSAccountId")] = ""
    alarm_arn: Annotated[str, Field(alias="AlarmArn")] = ""
    description: Annotated[str | None, Field(alias="AlarmDescription")] = None
    value: Annotated[Literal["ALARM", "OK", "INSUFFICIENT_DATA"], Field(alias="NewStateValue")]
    reason: Annotated[Long, Field(alias="NewStateReason")] = ""
    changed_at: Annotated[str | None, Field(alias="StateChangeTime")] = None


class _CodeDeploy(_Detail):
    application: Word
    deployment_id: Annotated[str, Field(alias="deploymentId", min_length=1)]
    deployment_group: Annotated[str, Field(alias="deploymentGroup")] = ""
    state: str


class _CodePipeline(_Detail):
    pipeline: Word
    execution_id: Annotated[str, Field(alias="execution-id", min_length=1)]
    state: str


_CODE_DEPLOY_STATES = {"START": "started", "SUCCESS": "succeeded", "FAILURE": "failed",
                       "STOP": "stopped", "READY": ""}  # fmt: skip
_CODE_PIPELINE_STATES = {
    "STARTED": "started", "RESUMED": "started", "SUCCEEDED": "succeeded", "FAILED": "failed",
    "STOPPED": "stopped", "CANCELED": "stopped", "SUPERSEDED": "stopped", "STOPPING": "",
}  # fmt: skip


_ALARM_ACTIONS: dict[str, Action] = {
    "ALARM": "trigger", "OK": "resolve", "INSUFFICIENT_DATA": "annotate",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Context:
    """What a reader knows beside the message.

    Attributes:
        received_at: when the queue got it.
        automation_user: the owner of AWS's own events, or empty.
        rules: that owner's rules.
    """

    received_at: datetime
    automation_user: str = ""
    rules: "Rules | None" = None


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting's events, one for each action item, and its own id."""

    events: list[IncomingEvent]
    owner: str
    id: str
    title: str


def read_error(message: Message, context: Context) -> list[IncomingEvent]:
    """Read an application error.

    Raises:
        UnreadableEventError: it is none.
    """
    detail = _parsed(ErrorDetail, message.detail)
    first_line = detail.message.strip().splitlines()[0] if detail.message.strip() else "Error"
    return [
        IncomingEvent(
            id=digest(detail.user_id, message.id),
            owner=detail.user_id,
            source="application",
            kind="incident",
            key=digest(detail.service, detail.fingerprint or fingerprint(detail)),
            action="trigger" if detail.status == "open" else "resolve",
            moment=min(message.time, context.received_at),
            received_at=context.received_at,
            severity=detail.severity,
            name=detail.service,
            service=detail.service,
            environment=detail.environment,
            texts={
                "title": f"{detail.service}: {first_line}",
                "message": detail.message,
                "service": detail.service,
                "severity": detail.severity,
                "environment": detail.environment,
                "details": detail.stack_trace,
                "link": detail.url,
                "occurred_at": clock.iso(message.time),
                "status": detail.status,
                "source": message.source,
            },
        )
    ]


def read_alarm(message: Message, context: Context) -> list[IncomingEvent]:
    """Read a change of an alarm's state, from EventBridge or from SNS.

    Both forms of one change are one delivery, so that a stack with both ways in counts it once.

    Raises:
        UnreadableEventError: it is none, or nobody is named to answer for AWS's own events.
    """
    owner = _automation(context.automation_user)
    if message.type:
        if message.type != "CloudWatch Alarm State Change" or not message.is_from_aws:
            raise UnreadableEventError(
                "detail-type: must be CloudWatch Alarm State Change, from AWS"
            )
        event = _parsed(_AlarmEvent, message.detail)
        name, state = event.alarm_name, event.state
        value, reason, changed_at = state.value, state.reason, state.timestamp
        description = event.configuration.description
        arn = next(iter(message.resources), "") or name
    else:
        notification = _parsed(_AlarmNotification, message.detail)
        name, value = notification.alarm_name, notification.value
        arn = notification.alarm_arn or _alarm_arn(notification, message)
        reason = notification.reason
        changed_at = notification.changed_at or message.time.isoformat()
        description = notification.description or ""
    at = moment(changed_at, "state.timestamp")
    severity: Severity = "high" if context.rules is None else context.rules.alarms.severity_of(name)
    return [
        IncomingEvent(
            id=digest(owner, arn, value, at.isoformat()),
            owner=owner,
            source="cloudwatch",
            kind="incident",
            key=arn,
            action=_ALARM_ACTIONS[value],
            moment=min(at, context.received_at),
            received_at=context.received_at,
            severity=severity,
            is_heartbeat=True,
            name=name,
            texts={
                "title": f"Alarm {name}",
                "message": reason,
                "service": name,
                "severity": severity,
                "details": description,
                "link": _console(arn, "cloudwatch", f"alarmsV2:alarm/{quote(name)}"),
                "occurred_at": clock.iso(at),
                "status": value,
                "source": "CloudWatch",
            },
        )
    ]


def read_deployment(message: Message, context: Context) -> list[IncomingEvent]:
    """Read a step of a deployment; a step that says nothing about its course gives none.

    Raises:
        UnreadableEventError: it is none, or nobody is named to answer for AWS's own events.
    """
    if message.is_from_aws:
        reader = _FROM_AWS.get(message.source)
        if reader is None:
            raise UnreadableEventError("source: must be aws.codedeploy or aws.codepipeline")
        detail = reader(message, _automation(context.automation_user))
        if detail is None:
            return []
    else:
        detail = _parsed(DeploymentDetail, message.detail)
    return [
        IncomingEvent(
            id=digest(detail.user_id, message.id),
            owner=detail.user_id,
            source=message.source.removeprefix("aws.") if message.is_from_aws else "deployments",
            kind="change",
            key=digest(detail.application, detail.deployment_id),
            action="trigger" if detail.status == "started" else "resolve",
            moment=min(message.time, context.received_at),
            received_at=context.received_at,
            severity="high",
            name=detail.application,
            service=detail.application,
            environment=detail.environment,
            outcome="" if detail.status == "started" else detail.status,
            texts={
                "title": f"Deploy {detail.application} {detail.version}".strip(),
                "message": detail.message,
                "service": detail.application,
                "environment": detail.environment,
                "version": detail.version,
                "changelog": detail.changelog,
                "owner": detail.deployed_by,
                "link": detail.url,
                "occurred_at": clock.iso(message.time),
                "status": detail.status,
                "source": message.source,
            },
        )
    ]


def read_meeting(message: Message, context: Context) -> list[IncomingEvent]:
    """Read a meeting's action items that want a ticket or may get one.

    Raises:
        UnreadableEventError: it is no meeting.
    """
    return meeting_of(message, context).events


def meeting_of(message: Message, context: Context) -> Meeting:
    """Read a meeting.

    Raises:
        UnreadableEventError: it is none.
    """
    detail = _parsed(MeetingDetail, message.detail)
    at = message.time if detail.held_at is None else moment(detail.held_at.isoformat(), "held_at")
    events = [
        IncomingEvent(
            id=digest(detail.user_id, message.id, str(position)),
            owner=detail.user_id,
            source="meetings",
            kind="action_item",
            # The item's text, not its place: a second run may list the items in another order.
            key=digest(detail.meeting_id, " ".join(item.summary.lower().split())),
            action="trigger",
            moment=min(at, context.received_at),
            received_at=context.received_at,
            severity=item.priority,
            name="required" if item.requires_incident else "optional",
            texts={
                "title": item.summary,
                "message": item.details or item.summary,
                "severity": item.priority,
                "assignee": item.assignee or "",
                "link": detail.url,
                "occurred_at": clock.iso(at),
                "source": detail.title,
            },
            columns=({} if item.impact is None else {"impact": _IMPACTS[item.impact]}),
        )
        for position, item in enumerate(detail.action_items)
    ]
    return Meeting(events, detail.user_id, detail.meeting_id, detail.title)


_IMPACTS = {"critical": "1", "high": "1", "medium": "2", "low": "3", "info": "3"}

READERS: "dict[Feed, Callable[[Message, Context], list[IncomingEvent]]]" = {
    "error": read_error,
    "alarm": read_alarm,
    "deployment": read_deployment,
    "meeting": read_meeting,
}

_NUMBERS = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}(?:-[0-9a-f]{4,}){0,4}|\d+", re.IGNORECASE)
_PLACE = re.compile(r'File "([^"]+)", line \d+, in (\S+)|at ([\w$.<>]+)\s*\(')


def fingerprint(detail: ErrorDetail) -> str:
    """Return what an error is recognised by: its message without numbers, and where it arose."""
    first_line = detail.message.strip().partition("\n")[0]
    places = ["".join(match) for match in _PLACE.findall(detail.stack_trace)]
    return digest(_NUMBERS.sub("#", first_line), detail.environment, *places[-3:])


def _parsed(model: type[Model], detail: dict[str, Any]) -> Model:
    try:
        return model.model_validate(detail)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        reasons = (
            f"{'.'.join(str(part) for part in item['loc']) or 'detail'}: {item['msg']}"
            for item in wrong[:5]
        )
        raise UnreadableEventError("; ".join(reasons)) from None


def _automation(owner: str) -> str:
    if not owner:
        raise UnreadableEventError(
            "The stack's parameter AutomationUserId names nobody for AWS's events"
        )
    return owner


def _alarm_arn(notification: _AlarmNotification, message: Message) -> str:
    """Return the ARN that older notifications leave out: the topic is in the alarm's region."""
    _, partition, _, region, account, *_ = [*message.resources[0].split(":"), "", "", "", "", ""]
    account = notification.account or account
    return f"arn:{partition}:cloudwatch:{region}:{account}:alarm:{notification.alarm_name}"


def _console(arn: str, service: str, place: str) -> str:
    parts = arn.split(":")
    if len(parts) < 6:  # noqa: PLR2004 - an ARN has six parts
        return ""
    region = parts[3]
    return f"https://{region}.console.aws.amazon.com/{service}/home?region={region}#{place}"


def _code_deploy(message: Message, user_id: str) -> DeploymentDetail | None:
    detail = _parsed(_CodeDeploy, message.detail)
    status = _status(_CODE_DEPLOY_STATES, detail.state)
    if not status:
        return None
    return _parsed(
        DeploymentDetail,
        {
            "user_id": user_id,
            "deployment_id": detail.deployment_id,
            "application": detail.application,
            "environment": detail.deployment_group,
            "status": status,
            "deployed_by": "CodeDeploy",
            "message": f"CodeDeploy deployment {detail.deployment_id}: {detail.state}",
        },
    )


def _code_pipeline(message: Message, user_id: str) -> DeploymentDetail | None:
    detail = _parsed(_CodePipeline, message.detail)
    status = _status(_CODE_PIPELINE_STATES, detail.state)
    if not status:
        return None
    return _parsed(
        DeploymentDetail,
        {
            "user_id": user_id,
            "deployment_id": detail.execution_id,
            "application": detail.pipeline,
            "status": status,
            "deployed_by": "CodePipeline",
            "message": f"CodePipeline execution {detail.execution_id}: {detail.state}",
        },
    )


def _status(states: dict[str, str], state: str) -> str:
    if state not in states:
        raise UnreadableEventError(f"state: must be one of {', '.join(states)}")
    return states[state]


_FROM_AWS = {"aws.codedeploy": _code_deploy, "aws.codepipeline": _code_pipeline}
