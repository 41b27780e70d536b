"""Deployments by any tool: `Deployment` on the stack's bus."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from actionsync import clock
from actionsync.events.gates.asked import DEPLOYMENTS, Asked
from actionsync.events.models import IncomingEvent, WantedChange, digest
from actionsync.events.sources import fields
from actionsync.events.sources.protocol import Context, Identity, Reading

if TYPE_CHECKING:
    from actionsync.events.sources.envelopes import Message

NAME = DEPLOYMENTS
TYPE = "Deployment"
IDENTITIES: tuple[Identity, ...] = (
    Identity(
        what="Deployment",
        key="application, environment, deployment_id, and attempt from the second on",
        end="`status: succeeded`, `failed` or `stopped`; the last outcome counts",
        order="`occurred_at`, else the time of the event",
        repeat="heartbeat",
    ),
)

_STATUSES = {
    **dict.fromkeys(("started", "start", "starting", "running", "in_progress", "progressing",
                     "pending", "queued", "created", "begun", "begin", "deploying", "initiated",
                     "resumed", "open", "firing"), "started"),
    **dict.fromkeys(("succeeded", "success", "successful", "complete", "completed", "done", "ok",
                     "okay", "passed", "deployed", "finished", "released", "resolved", "healthy",
                     "synced", "green"), "succeeded"),
    **dict.fromkeys(("failed", "failure", "fail", "error", "errored", "timed_out", "timeout", "ko",
                     "rolled_back", "rollback", "rolledback", "broken", "degraded", "unsuccessful",
                     "red"), "failed"),
    **dict.fromkeys(("stopped", "stop", "cancelled", "canceled", "cancel", "aborted", "abort",
                     "superseded", "skipped", "inactive", "rejected", "terminated"), "stopped"),
    **dict.fromkeys(("requested", "request", "awaiting_approval", "waiting_for_approval",
                     "needs_approval"), "requested"),
}  # fmt: skip
_TYPES = {name: name for name in ("normal", "standard", "emergency")}
# Where Step Functions waits: its token is the place.
STEP_FUNCTIONS = "stepfunctions"


class DeploymentDetail(fields.Detail):
    """A step of a deployment, as its sender puts it on the bus."""

    user_id: fields.OwnerId
    deployment_id: fields.Name
    application: fields.Name
    status: Annotated[str, fields.known_words(_STATUSES, "started")] = "started"
    environment: fields.Line = ""
    version: fields.Line = ""
    deployed_by: fields.Line = ""
    message: fields.Text = ""
    changelog: fields.Text = ""
    url: fields.Url = ""
    commit: fields.Line = ""
    occurred_at: fields.Moment = None
    labels: fields.Labels = Field(default_factory=dict)
    attempt: fields.Line = ""
    change_number: fields.Line = ""
    type: Annotated[str, fields.known_words(_TYPES, "normal")] = ""
    template: fields.Line = ""
    planned_start: fields.Moment = None
    planned_end: fields.Moment = None
    implementation_plan: fields.Text = ""
    backout_plan: fields.Text = ""
    test_plan: fields.Text = ""
    # Until when its platform waits, where it asks for a gate.
    expires: fields.Moment = None

    @property
    def key(self) -> str:
        """What identifies the deployment; a first attempt needs no number."""
        again = [] if self.attempt.strip() in {"", "0", "1"} else [self.attempt.strip()]
        place = self.environment.strip().casefold()
        return digest(self.application, place, self.deployment_id, *again)

    @property
    def change(self) -> WantedChange:
        """What it says of its change."""
        dates = {"start_date": self.planned_start, "end_date": self.planned_end}
        plans = {
            "implementation_plan": self.implementation_plan,
            "backout_plan": self.backout_plan,
            "test_plan": self.test_plan,
        }
        return WantedChange(
            number=self.change_number.strip(),
            type=self.type,
            template=self.template.strip(),
            columns={
                **{
                    name: clock.stored(moment)
                    for name, moment in dates.items()
                    if moment is not None
                },
                **{name: fields.cut(text) for name, text in plans.items() if text},
            },
        )


class _TaskToken(fields.Detail):
    task_token: Annotated[str, Field(max_length=2048)] = ""


def matches(message: "Message") -> bool:
    """Return whether a message is a deployment's, by its name or, on a topic, by what it has."""
    return message.type == TYPE or message.is_notification_of(
        "application", "deployment_id", "status"
    )


def read(message: "Message", context: Context) -> Reading:
    """Return the step of a deployment that a message is, or the gate that it asks for.

    Raises:
        UnreadableEventError: it lacks its user, application or id.
    """
    assumptions: list[str] = []
    detail = fields.parse(DeploymentDetail, message.detail, assumptions)
    token = fields.parse(_TaskToken, message.detail, []).task_token
    if token or detail.status == "requested":
        return Reading(gates=(asked(detail, message, context, token),))
    if "status" not in detail.model_fields_set:
        assumptions.append("status: missing, counts as started")
    return Reading((event(NAME, detail, message, context, assumptions),))


def asked(detail: DeploymentDetail, message: "Message", context: Context, token: str = "") -> Asked:
    """Return the gate that a deployment asks for; with a token, Step Functions waits for it."""
    return Asked(
        owner=detail.user_id,
        source=NAME,
        detail=detail.model_dump(mode="json", exclude_defaults=True),
        asked_at=clock.epoch(context.received_at),
        platform=STEP_FUNCTIONS if token else "",
        place={"token": token} if token else {},
        expires=0 if detail.expires is None else clock.epoch(detail.expires),
        account=message.account,
    )


def event(  # noqa: PLR0917 - what four sources have in common
    source: str,
    detail: DeploymentDetail,
    message: "Message",
    context: Context,
    assumptions: list[str],
    key: str = "",
    *,
    is_superseded: bool = False,
) -> IncomingEvent:
    """Return the event of a step of a deployment.

    Args:
        source: the source's name.
        detail: the step.
        message: the message that it came in.
        context: what is known beside.
        assumptions: what was assumed so far; more are added.
        key: what identifies it; by default its application, environment and id.
        is_superseded: whether this end counts only where there was none before.
    """
    moment = min(detail.occurred_at or message.time, context.received_at)
    is_begun = detail.status == "started"
    place = {"account": message.account, "region": message.region} if message.is_from_aws else {}
    attachments = fields.too_long(
        assumptions,
        message=detail.message,
        changelog=detail.changelog,
        implementation_plan=detail.implementation_plan,
        backout_plan=detail.backout_plan,
        test_plan=detail.test_plan,
    )
    return IncomingEvent(
        id=digest(detail.user_id, message.id),
        owner=detail.user_id,
        source=source,
        kind="change",
        key=key or detail.key,
        action="trigger" if is_begun else "resolve",
        moment=moment,
        received_at=context.received_at,
        severity="high",
        is_heartbeat=is_begun or is_superseded,
        name=detail.application,
        service=detail.application,
        environment=detail.environment,
        account=message.account,
        region=message.region,
        labels=detail.labels,
        outcome="" if is_begun else detail.status,
        change=detail.change,
        texts={
            "title": f"Deploy {detail.application} {detail.version}".strip(),
            "message": fields.cut(detail.message),
            "service": detail.application,
            "environment": detail.environment,
            "version": detail.version,
            "commit": detail.commit,
            "changelog": fields.cut(detail.changelog),
            "owner": detail.deployed_by,
            "link": detail.url,
            "occurred_at": clock.iso(moment),
            "status": detail.status,
            "source": message.source,
            **place,
        },
        assumptions=tuple(assumptions),
        attachments=attachments,
    )


def for_all(event: IncomingEvent, owners: tuple[str, ...]) -> tuple[IncomingEvent, ...]:
    """Return a step for today's owner, and an end for those too whose deployments it was."""
    former = () if event.action == "trigger" else owners[1:]
    return event, *(
        replace(event, owner=owner, id=digest(owner, event.id), is_of_former_owner=True)
        for owner in former
    )
