"""CodeDeploy (user guide: Monitoring deployments with Amazon CloudWatch Events)."""

from dataclasses import replace
from typing import TYPE_CHECKING

from actionsync.events.models import UnreadableEventError, digest
from actionsync.events.sources import arns, deployments, fields
from actionsync.events.sources.deployments import DeploymentDetail
from actionsync.events.sources.protocol import Context, Identity, Reading

if TYPE_CHECKING:
    from actionsync.events.sources.envelopes import Message

NAME = "codedeploy"
TYPE = "CodeDeploy Deployment State-change Notification"
IDENTITIES: tuple[Identity, ...] = (
    Identity(
        what="CodeDeploy deployment",
        key="account, region and deployment id; within an action of a pipeline: its run's",
        end="SUCCESS, FAILURE or STOP; the last outcome counts",
        order="the time of the event",
        repeat="heartbeat",
    ),
)

_STATES = {"START": "started", "SUCCESS": "succeeded", "FAILURE": "failed", "STOP": "stopped"}
_WITHOUT_OUTCOME = {"READY"}


class _CodeDeploy(fields.CamelDetail):
    application: fields.Name
    deployment_id: fields.Name
    deployment_group: fields.Line = ""
    state: fields.Line


def matches(message: "Message") -> bool:
    """Return whether a message is CodeDeploy's change of a deployment's state."""
    return message.type == TYPE


def read(message: "Message", context: Context) -> Reading:
    """Return the step of a deployment that a message is.

    Raises:
        UnreadableEventError: it is not AWS's, or nobody is named to answer for AWS's own events.
    """
    if message.source != "aws.codedeploy":
        raise UnreadableEventError("source: must be aws.codedeploy")
    assumptions: list[str] = []
    step = fields.parse(_CodeDeploy, message.detail, assumptions)
    if step.state in _WITHOUT_OUTCOME:
        return Reading()
    owners = context.owners_of(message.account, message.region, step.application)
    if step.state not in _STATES:
        return Reading(unknown=f"{TYPE} {fields.cut(step.state, 50)}", owner=owners[0])
    path = f"codesuite/codedeploy/deployments/{step.deployment_id}?region={{region}}"
    detail = DeploymentDetail(
        user_id=owners[0],
        deployment_id=step.deployment_id,
        application=step.application,
        environment=step.deployment_group,
        status=_STATES[step.state],
        deployed_by="CodeDeploy",
        message=f"CodeDeploy deployment {step.deployment_id}: {step.state}",
        url=arns.console(message.region, path),
    )
    key = digest(message.account, message.region, step.deployment_id)
    event = deployments.event(NAME, detail, message, context, assumptions, key)
    event = replace(event, labels={"deployment_id": step.deployment_id})
    return Reading(deployments.for_all(event, owners))
