"""CodePipeline (user guide: Monitoring CodePipeline events)."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from actionsync import clock
from actionsync.events.gates.asked import Asked
from actionsync.events.models import UnreadableEventError, digest
from actionsync.events.sources import arns, deployments, fields
from actionsync.events.sources.deployments import DeploymentDetail
from actionsync.events.sources.protocol import Context, Identity, Reading

if TYPE_CHECKING:
    from datetime import datetime

    from actionsync.events.sources.envelopes import Message

NAME = "codepipeline"
TYPE = "CodePipeline Pipeline Execution State Change"
_ACTION_TYPE = "CodePipeline Action Execution State Change"
IDENTITIES: tuple[Identity, ...] = (
    Identity(
        what="CodePipeline execution",
        key="account, region, pipeline and execution id",
        end="SUCCEEDED, FAILED, STOPPED, CANCELED or SUPERSEDED; the last outcome counts",
        order="the time of the event",
        repeat="heartbeat",
    ),
)

_STATES = {
    "STARTED": "started", "RESUMED": "started", "SUCCEEDED": "succeeded", "FAILED": "failed",
    "STOPPED": "stopped", "CANCELED": "stopped", "SUPERSEDED": "stopped",
}  # fmt: skip
_WITHOUT_OUTCOME = {"STOPPING"}
_CODE_DEPLOY = {"CodeDeploy", "CodeDeployToECS"}


class _Trigger(fields.KebabDetail):
    trigger_type: fields.Line = ""
    trigger_detail: fields.Line = ""
    author_display_name: fields.Line = ""
    commit_id: fields.Line = ""
    commit_message: fields.Text = ""


class _CodePipeline(fields.KebabDetail):
    pipeline: fields.Name
    execution_id: fields.Name
    state: fields.Line
    execution_trigger: Annotated[_Trigger, fields.PART] = _Trigger()


class _ActionType(fields.CamelDetail):
    provider: fields.Line = ""


class _ActionResult(fields.KebabDetail):
    external_execution_id: fields.Line = ""


class _Action(fields.KebabDetail):
    pipeline: fields.Name
    execution_id: fields.Name
    stage: fields.Line = ""
    action: fields.Line = ""
    state: fields.Line
    type: Annotated[_ActionType, fields.PART] = _ActionType()
    execution_result: Annotated[_ActionResult, fields.PART] = _ActionResult()


class _Approval(fields.CamelDetail):
    pipeline_name: fields.Name
    stage_name: fields.Name
    action_name: fields.Name
    token: Annotated[str, Field(min_length=1, max_length=100)]
    expires: fields.Moment = None
    external_entity_link: fields.Url = ""
    approval_review_link: fields.Url = ""
    custom_data: fields.Text = ""


@dataclass(frozen=True, slots=True)
class Action:
    """An action of an execution.

    Attributes:
        owner: whose events AWS's are.
        run: the execution's key.
        name: what identifies it in the execution.
        deploys: whether it makes a CodeDeploy deployment.
        has_ended: whether it is over.
        deployment_id: the deployment that it made, where the event says.
        moment: when it was so.
    """

    owner: str
    run: str
    name: str
    deploys: bool
    has_ended: bool
    deployment_id: str
    moment: "datetime"


def matches(message: "Message") -> bool:
    """Return whether a message is a change of an execution's or action's state, or an approval."""
    return message.type in {TYPE, _ACTION_TYPE} or _is_approval(message)


def _is_approval(message: "Message") -> bool:
    """Return whether a message is the notification of a manual approval."""
    approval = message.detail.get("approval")
    return not message.type and isinstance(approval, dict) and "pipelineName" in approval


def run_key(account: str, region: str, pipeline: str, execution: str) -> str:
    """Return what identifies an execution among the events of its owner."""
    return digest(account, region, pipeline, execution)


def action_of(message: "Message", context: Context) -> Action | None:
    """Return the action that a message is about, or None where it is about none."""
    if message.type != _ACTION_TYPE or message.source != "aws.codepipeline":
        return None
    step = fields.parse(_Action, message.detail, [])
    return Action(
        owner=context.owners_of(message.account, message.region, step.pipeline)[0],
        run=run_key(message.account, message.region, step.pipeline, step.execution_id),
        name=digest(step.stage, step.action),
        deploys=step.type.provider in _CODE_DEPLOY,
        has_ended=step.state != "STARTED",
        deployment_id=step.execution_result.external_execution_id,
        moment=min(message.time, context.received_at),
    )


def read(message: "Message", context: Context) -> Reading:
    """Return the step of an execution that a message is, or the approval that it asks for.

    Raises:
        UnreadableEventError: it is not AWS's, or nobody is named to answer for AWS's own events.
    """
    if _is_approval(message):
        return Reading(gates=(_asked(message, context),))
    if message.source != "aws.codepipeline":
        raise UnreadableEventError("source: must be aws.codepipeline")
    if message.type == _ACTION_TYPE:
        return Reading()  # events.pipelines has it
    assumptions: list[str] = []
    step = fields.parse(_CodePipeline, message.detail, assumptions)
    if step.state in _WITHOUT_OUTCOME:
        return Reading()
    owners = context.owners_of(message.account, message.region, step.pipeline)
    if step.state not in _STATES:
        return Reading(unknown=f"{TYPE} {fields.cut(step.state, 50)}", owner=owners[0])
    trigger = step.execution_trigger
    path = (
        f"codesuite/codepipeline/pipelines/{step.pipeline}/executions/{step.execution_id}"
        "/visualization?region={region}"
    )
    detail = DeploymentDetail(
        user_id=owners[0],
        deployment_id=step.execution_id,
        application=step.pipeline,
        status=_STATES[step.state],
        deployed_by=_author(trigger),
        commit=trigger.commit_id,
        changelog=trigger.commit_message,
        message=f"CodePipeline execution {step.execution_id}: {step.state}",
        url=arns.console(message.region, path),
    )
    key = run_key(message.account, message.region, step.pipeline, step.execution_id)
    event = deployments.event(NAME, detail, message, context, assumptions, key)
    return Reading(deployments.for_all(event, owners))


def _asked(message: "Message", context: Context) -> Asked:
    """Return the gate that a manual approval asks for (user guide: JSON data format).

    The notification names neither account nor execution: the topic is of the account, and the
    execution is asked of CodePipeline when the gate is made.

    Raises:
        UnreadableEventError: it lacks what identifies it, or nobody answers for the pipeline.
    """
    approval = fields.parse(_Approval, message.detail["approval"], [])
    topic = arns.parse(message.resources[0] if message.resources else "")
    region = fields.as_text(message.detail.get("region") or topic.region)
    detail: dict[str, Any] = {
        "application": approval.pipeline_name,
        "message": approval.custom_data,
        "url": approval.external_entity_link or approval.approval_review_link,
    }
    try:
        further = json.loads(approval.custom_data)
    except ValueError:
        further = None
    if isinstance(further, dict):
        further = {name: value for name, value in further.items() if name != "task_token"}
        detail = {**detail, "message": "", **further}
    return Asked(
        owner=context.owners_of(topic.account, region, approval.pipeline_name)[0],
        source=NAME,
        detail=detail,
        asked_at=clock.epoch(context.received_at),
        platform=NAME,
        place={
            "region": region,
            "pipeline": approval.pipeline_name,
            "stage": approval.stage_name,
            "action": approval.action_name,
            "token": approval.token,
        },
        expires=0 if approval.expires is None else clock.epoch(approval.expires),
        account=topic.account,
    )


def _author(trigger: _Trigger) -> str:
    """Return who started an execution: a person, else what noticed a change."""
    person = arns.parse(trigger.trigger_detail)
    if person.service in {"iam", "sts"}:
        return person.resource.rpartition("/")[2]
    return trigger.author_display_name or trigger.trigger_type or "CodePipeline"
