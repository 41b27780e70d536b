"""Meetings: `Meeting Processed` on the stack's bus; each action item may become an incident."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from actionsync import clock
from actionsync.events.models import IncomingEvent, UnreadableEventError, digest
from actionsync.events.sources import fields
from actionsync.events.sources.protocol import Context, Identity, Reading, Rejected

if TYPE_CHECKING:
    from actionsync.events.sources.envelopes import Message
    from actionsync.rules.matching import Severity

NAME = "meetings"
TYPE = "Meeting Processed"
IDENTITIES: tuple[Identity, ...] = (
    Identity(
        what="Action item of a meeting",
        key="meeting_id and the item's summary, whatever its place, case and spaces",
        end="none",
        order="none: each item has one ticket",
        repeat="heartbeat",
    ),
)

_MOST_ITEMS = 100
_LONGEST_TITLE = 160
_IMPACTS: "dict[Severity, str]" = {
    "critical": "1", "high": "1", "medium": "2", "low": "3", "info": "3",
}  # fmt: skip


def _a_list(value: Any) -> Any:
    return [value] if isinstance(value, dict | str) else value


class MeetingDetail(fields.Detail):
    """A processed meeting, as its sender puts it on the bus."""

    user_id: fields.OwnerId
    meeting_id: fields.Name
    title: fields.Line = ""
    url: fields.Url = ""
    held_at: fields.Moment = None
    action_items: Annotated[list[Any], BeforeValidator(_a_list)] = Field(default_factory=list)


class ActionItem(fields.Detail):
    """What a meeting decided that somebody does."""

    summary: Annotated[str, Field(min_length=1), BeforeValidator(fields.to_text)]
    details: fields.Text = ""
    priority: fields.AnySeverity = "medium"
    impact: fields.AnySeverity | None = None
    requires_incident: fields.Truth = False
    assignee: fields.Line = ""


def matches(message: "Message") -> bool:
    """Return whether a message is a meeting, by its name or, on a topic, by what it has."""
    return message.type == TYPE or message.is_notification_of("meeting_id", "action_items")


def read(message: "Message", context: Context) -> Reading:
    """Return the action items of a meeting; one that cannot be read loses none of the others.

    Raises:
        UnreadableEventError: the meeting lacks its user or id, or none of its items can be read.
    """
    assumptions: list[str] = []
    meeting = fields.parse(MeetingDetail, message.detail, assumptions)
    title = meeting.title or f"Meeting {meeting.meeting_id}"
    events: list[IncomingEvent] = []
    rejected: list[Rejected] = []
    for position, item in enumerate(meeting.action_items):
        try:
            if position >= _MOST_ITEMS:
                raise UnreadableEventError(f"only the first {_MOST_ITEMS} items are read")  # noqa: TRY301
            events.append(_item(item, position, meeting, message, context, assumptions))
        except UnreadableEventError as error:
            reason = f"action_items.{position}.{error}"
            rejected.append(Rejected(meeting.user_id, title, reason, "action_item"))
    if rejected and not events:
        raise UnreadableEventError("; ".join(item.reason for item in rejected[:5]))
    return Reading(tuple(events), tuple(rejected))


def _item(  # noqa: PLR0917 - an item and all that surrounds it
    given: Any,
    position: int,
    meeting: MeetingDetail,
    message: "Message",
    context: Context,
    assumptions: list[str],
) -> IncomingEvent:
    assumed = list(assumptions)
    item = fields.parse(
        ActionItem, {"summary": given} if isinstance(given, str) else given, assumed
    )
    moment = min(meeting.held_at or message.time, context.received_at)
    title = meeting.title or f"Meeting {meeting.meeting_id}"
    # A title has one line: what is longer is in the text as well.
    is_long = len(item.summary) > _LONGEST_TITLE
    details = "\n\n".join([item.summary] * is_long + [item.details] * bool(item.details))
    attachments = fields.too_long(assumed, details=details)
    return IncomingEvent(
        id=digest(meeting.user_id, message.id, str(position)),
        owner=meeting.user_id,
        source=NAME,
        kind="action_item",
        # The item's text, not its place: a second run may list the items in another order.
        key=digest(meeting.meeting_id, " ".join(item.summary.lower().split())),
        action="trigger",
        moment=moment,
        received_at=context.received_at,
        severity=item.priority,
        is_heartbeat=True,
        name="required" if item.requires_incident else "optional",
        labels={
            "meeting": title,
            "meeting_id": meeting.meeting_id,
            "required": "true" if item.requires_incident else "false",
        },
        texts={
            "title": item.summary,
            "message": fields.cut(details or item.summary),
            "severity": item.priority,
            "assignee": item.assignee,
            "link": meeting.url,
            "occurred_at": clock.iso(moment),
            "source": title,
        },
        columns={} if item.impact is None else {"impact": _IMPACTS[item.impact]},
        assumptions=tuple(assumed),
        attachments=attachments,
    )
