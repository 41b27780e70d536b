"""Application errors: `Application Error` on the stack's bus, or the same by its topic.

A plain text on the topic is an error, too, of whoever answers for AWS's own events.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from actionsync import clock
from actionsync.events.models import Action, IncomingEvent, UnreadableEventError, digest
from actionsync.events.sources import fields
from actionsync.events.sources.fingerprints import exception_of, fingerprint
from actionsync.events.sources.protocol import Context, Identity, Reading

if TYPE_CHECKING:
    from actionsync.events.sources.envelopes import Message

NAME = "application"
TYPE = "Application Error"
IDENTITIES: tuple[Identity, ...] = (
    Identity(
        what="Application error",
        key="service, environment and fingerprint; without a fingerprint: service, environment, "
        "the message without its numbers, and the innermost frames of one's own code",
        end="the same with `status: recovered`",
        order="`occurred_at`, else the time of the event",
        repeat="occurrence",
    ),
)

_STATUSES = {
    **dict.fromkeys(("open", "opened", "firing", "active", "alarm", "alerting", "triggered", "new",
                     "problem", "down", "failing", "failed", "failure", "error", "critical", "high",
                     "unresolved", "reopened", "ongoing", "started", "unhealthy"), "open"),
    **dict.fromkeys(("recovered", "recovery", "resolved", "resolve", "ok", "okay", "closed",
                     "close", "clear", "cleared", "up", "success", "successful", "succeeded",
                     "fixed", "healthy", "passed", "passing", "normal", "done", "ended", "inactive",
                     "cancelled", "canceled", "rolled_back", "completed"), "recovered"),
    **dict.fromkeys(("acknowledged", "ack", "investigating", "monitoring", "identified"), "noted"),
}  # fmt: skip
_ACTIONS: dict[str, Action] = {"open": "trigger", "recovered": "resolve", "noted": "annotate"}


class ErrorDetail(fields.Detail):
    """An application error, as its sender puts it on the bus or publishes it to the topic."""

    user_id: fields.OwnerId
    service: fields.Name
    message: fields.Text = ""
    severity: fields.AnySeverity = "high"
    stack_trace: fields.Text = ""
    fingerprint: fields.Key = ""
    environment: fields.Line = ""
    url: fields.Url = ""
    status: Annotated[str, fields.known_words(_STATUSES, "open")] = "open"
    occurred_at: fields.Moment = None
    labels: fields.Labels = Field(default_factory=dict)


def matches(message: "Message") -> bool:
    """Return whether a message is an application error, or a notification of no other shape."""
    return message.type == TYPE or (not message.type and message.webhook is None)


def read(message: "Message", context: Context) -> Reading:
    """Return the error that a message is.

    Raises:
        UnreadableEventError: it lacks its user or service, or says nothing, or is a text and nobody
            is named for texts.
    """
    assumptions: list[str] = []
    given = message.detail
    if message.text:
        if not context.automation_user:
            raise UnreadableEventError(
                "body: is plain text, and the parameter AutomationUserId names nobody for it"
            )
        topic = next(iter(message.resources), "").rpartition(":")[2]
        assumptions.append("The notification was plain text: an error of its topic")
        title = f"{message.subject}\n" if message.subject else ""
        given = {
            "user_id": context.automation_user,
            "service": topic or "topic",
            "message": title + message.text,
        }
    detail = fields.parse(ErrorDetail, given, assumptions)
    if not detail.message:
        detail.message = _instead_of_message(detail)
        assumptions.append("message: missing")
    return Reading((event(NAME, detail, message, context, assumptions),))


def _instead_of_message(detail: ErrorDetail) -> str:
    """Return what else says what an error is: an end names no more than what it ends.

    Raises:
        UnreadableEventError: nothing does.
    """
    found = exception_of(detail.stack_trace) or detail.fingerprint
    if not found:
        raise UnreadableEventError("message: Field required")
    return found


def event(
    source: str,
    detail: ErrorDetail,
    message: "Message",
    context: Context,
    assumptions: list[str],
    *,
    key: str = "",
    is_heartbeat: bool = False,
) -> IncomingEvent:
    """Return the event of an error.

    Args:
        source: the source's name.
        detail: the error.
        message: the message that it came in.
        context: what is known beside.
        assumptions: what was assumed so far; more are added.
        key: what identifies it; by default its service, environment and fingerprint.
        is_heartbeat: whether a repeat says only that it is still so.
    """
    found = detail.fingerprint or fingerprint(
        detail.message, detail.stack_trace, detail.environment
    )
    moment = min(detail.occurred_at or message.time, context.received_at)
    first_line = next((line for line in detail.message.splitlines() if line.strip()), "Error")
    attachments = fields.too_long(
        assumptions, message=detail.message, stack_trace=detail.stack_trace
    )
    return IncomingEvent(
        id=digest(detail.user_id, message.id),
        owner=detail.user_id,
        source=source,
        kind="incident",
        key=key or digest(detail.service, detail.environment.strip().casefold(), found),
        action=_ACTIONS[detail.status],
        moment=moment,
        received_at=context.received_at,
        severity=detail.severity,
        is_heartbeat=is_heartbeat,
        name=detail.service,
        service=detail.service,
        environment=detail.environment,
        account=message.account,
        region=message.region,
        labels=detail.labels,
        texts={
            "title": f"{detail.service}: {fields.cut(first_line.strip(), 200)}",
            "message": fields.cut(detail.message),
            "service": detail.service,
            "severity": detail.severity,
            "environment": detail.environment,
            "details": fields.cut(detail.stack_trace),
            "link": detail.url,
            "occurred_at": clock.iso(moment),
            "status": detail.status,
            "source": message.source,
        },
        assumptions=tuple(assumptions),
        attachments=attachments,
    )
