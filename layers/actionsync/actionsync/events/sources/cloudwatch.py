"""CloudWatch alarms, from EventBridge or from SNS.

CloudWatch user guide: "Alarm events and EventBridge", "Alarm Mute Rules"; the form of notifications
is `AlarmName, NewStateValue, ...`. Both forms of one change are one delivery, so that a stack with
both ways in counts it once. A muted or suppressed alarm sends its event all the same, and nothing
when the silence ends.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from pydantic import Field

from actionsync import clock
from actionsync.events.models import Action, IncomingEvent, UnreadableEventError, digest
from actionsync.events.sources import arns, fields
from actionsync.events.sources.protocol import Context, Identity, Reading

if TYPE_CHECKING:
    from actionsync.events.sources.envelopes import Message

NAME = "cloudwatch"
TYPE = "CloudWatch Alarm State Change"
_CONFIGURATION_CHANGE = "CloudWatch Alarm Configuration Change"
IDENTITIES: tuple[Identity, ...] = (
    Identity(
        what="CloudWatch alarm",
        key="the alarm's ARN, which has account and region",
        end="OK; the alarm is deleted",
        order="StateChangeTime, the state's own timestamp",
        repeat="heartbeat",
    ),
)

_ACTIONS: dict[str, Action] = {
    "ALARM": "trigger", "OK": "resolve", "INSUFFICIENT_DATA": "annotate",
}  # fmt: skip
# How soon an alarm that another one suppresses is looked at again.
_SUPPRESSED_FOR = timedelta(hours=1)


class _State(fields.CamelDetail):
    value: fields.Name
    reason: fields.Text = ""
    timestamp: fields.Moment = None
    actions_suppressed_by: fields.Line = ""


class _Configuration(fields.CamelDetail):
    description: fields.Text = ""


class _Mute(fields.CamelDetail):
    muted_by_arn: fields.Line = ""
    mute_window_end: fields.Moment = None


class _Alarm(fields.CamelDetail):
    alarm_name: fields.Name = ""
    state: _State
    configuration: Annotated[_Configuration, fields.PART] = _Configuration()
    mute_detail: Annotated[_Mute, fields.PART] = _Mute()


class _LastState(fields.CamelDetail):
    timestamp: fields.Moment = None


class _ConfigurationChange(fields.CamelDetail):
    alarm_name: fields.Name = ""
    operation: fields.Line = ""
    state: Annotated[_LastState, fields.PART] = _LastState()


class _Notification(fields.PascalDetail):
    alarm_name: fields.Name
    new_state_value: fields.Name
    alarm_arn: fields.Key = ""
    account: Annotated[fields.Key, Field(alias="AWSAccountId")] = ""
    alarm_description: fields.Text = ""
    new_state_reason: fields.Text = ""
    state_change_time: fields.Moment = None


def matches(message: "Message") -> bool:
    """Return whether a message is a change of an alarm."""
    if not message.type:
        return "AlarmName" in message.detail
    return message.type in {TYPE, _CONFIGURATION_CHANGE}


def read(message: "Message", context: Context) -> Reading:
    """Return the change of state that a message is.

    Raises:
        UnreadableEventError: it is none, or nobody is named to answer for AWS's own events.
    """
    if message.type and message.source != "aws.cloudwatch":
        raise UnreadableEventError(f"source: must be aws.cloudwatch, from AWS, for {message.type}")
    if message.type == _CONFIGURATION_CHANGE:
        return _deleted(message, context)
    assumptions: list[str] = []
    silenced_until = None
    if message.type:
        alarm = fields.parse(_Alarm, message.detail, assumptions)
        name, state = _name(alarm.alarm_name, message), alarm.state
        value, reason, changed_at = state.value, state.reason, state.timestamp
        description = alarm.configuration.description
        arn = next(iter(message.resources), "") or _arn(message.region, message.account, name)
        silenced_until = _silence(alarm, context.received_at)
    else:
        notified = fields.parse(_Notification, message.detail, assumptions)
        name, value = notified.alarm_name, notified.new_state_value
        reason, description = notified.new_state_reason, notified.alarm_description
        changed_at = notified.state_change_time
        topic = arns.parse(next(iter(message.resources), ""))
        arn = notified.alarm_arn or _arn(
            topic.region, notified.account or topic.account, name, topic.partition
        )
    value = value.upper()
    if value not in _ACTIONS:
        return Reading(
            unknown=f"{TYPE} to {fields.cut(value, 50)}",
            owner=_owners(message, context, arn, name)[0],
        )
    attachments = fields.too_long(assumptions, message=reason, description=description)
    return Reading(
        _events(
            message, context, arn, name, _ACTIONS[value], changed_at or message.time,
            silenced_until=silenced_until, assumptions=tuple(assumptions), attachments=attachments,
            texts={"message": fields.cut(reason), "details": fields.cut(description),
                   "status": value},
        )
    )  # fmt: skip


def _deleted(message: "Message", context: Context) -> Reading:
    change = fields.parse(_ConfigurationChange, message.detail, [])
    if change.operation != "delete":
        return Reading()
    name = _name(change.alarm_name, message)
    arn = next(iter(message.resources), "") or _arn(message.region, message.account, name)
    texts = {"message": "The alarm was deleted.", "details": "", "status": "deleted"}
    # The event has whole seconds: what the alarm said last is no newer than its deletion.
    deleted_at = max(message.time, change.state.timestamp or message.time)
    return Reading(_events(message, context, arn, name, "resolve", deleted_at, texts=texts))


def _owners(message: "Message", context: Context, arn: str, name: str) -> tuple[str, ...]:
    """Return whose an alarm is: today's owner first, then those whose it was."""
    parts = arns.parse(arn)
    return context.owners_of(parts.account or message.account, parts.region or message.region, name)


def _events(  # noqa: PLR0917 - what both forms and both kinds of change have in common
    message: "Message",
    context: Context,
    arn: str,
    name: str,
    action: Action,
    changed_at: datetime,
    **more: Any,
) -> tuple[IncomingEvent, ...]:
    """Return a change of an alarm for whose it is; an end or a note for those whose it was, too."""
    owners = _owners(message, context, arn, name)
    return tuple(
        _event(message, context, owner, arn, name, action, changed_at, **more)
        for owner in (owners[:1] if action == "trigger" else owners)
    )


def _event(  # noqa: PLR0917 - what both forms and both kinds of change have in common
    message: "Message",
    context: Context,
    owner: str,
    arn: str,
    name: str,
    action: Action,
    changed_at: datetime,
    *,
    texts: dict[str, str],
    **more: Any,
) -> IncomingEvent:
    parts = arns.parse(arn)
    region, account = parts.region or message.region, parts.account or message.account
    severity = context.rules_for(owner).alarms.severity_of(name)
    moment = min(changed_at, context.received_at)
    return IncomingEvent(
        id=digest(owner, arn, texts["status"], changed_at.isoformat()),
        owner=owner,
        source=NAME,
        kind="incident",
        key=arn,
        action=action,
        moment=moment,
        received_at=context.received_at,
        severity=severity,
        is_heartbeat=True,
        name=name,
        service=name,
        account=account,
        region=region,
        texts={
            "title": f"Alarm {name}",
            "service": name,
            "severity": severity,
            "account": account,
            "region": region,
            "link": arns.console(
                region,
                f"cloudwatch/home?region={{region}}#alarmsV2:alarm/{quote(name, safe='')}",
                parts.partition,
            ),
            "occurred_at": clock.iso(moment),
            "source": "CloudWatch",
            **texts,
        },
        **more,
    )


def _name(given: str, message: "Message") -> str:
    """Return an alarm's name, by its ARN where it is not given.

    Raises:
        UnreadableEventError: there is neither.
    """
    name = given or arns.parse(next(iter(message.resources), "")).resource.partition(":")[2]
    if not name:
        raise UnreadableEventError("alarmName: Field required")
    return name


def _silence(alarm: _Alarm, received_at: datetime) -> datetime | None:
    """Return until when an alarm is silenced, or None where it is not."""
    until: datetime | None = None
    mute = alarm.mute_detail
    if mute.muted_by_arn or mute.mute_window_end:
        until = mute.mute_window_end or received_at + _SUPPRESSED_FOR
    if alarm.state.actions_suppressed_by:
        until = max(until or received_at, received_at + _SUPPRESSED_FOR)
    return until if until is not None and until > received_at else None


def _arn(region: str, account: str, name: str, partition: str = "") -> str:
    """Return the ARN that older forms leave out."""
    partition = partition or arns.partition_of(region)
    return f"arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}"
