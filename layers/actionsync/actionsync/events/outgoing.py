"""Events that come out: what happened to tickets in ServiceNow, on the stack's own bus.

At least once, from state to state: `id` names an event, `sequence` rises from one event of a ticket
to the next. The rules that bring events in leave out what begins with `actionsync`.
"""

import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from actionsync.errors import QueueRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_events.client import EventBridgeClient

SOURCE = "actionsync.servicenow"
# What the stack says of itself, to an owner.
OWN_SOURCE = "actionsync"

DetailType = Literal[
    "Ticket Opened",
    "Ticket Updated",
    "Ticket Resolved",
    "Ticket Reopened",
    "Ticket Assigned",
    "Ticket Commented",
    "Ticket Deleted",
    "Change Approved",
    "Change Rejected",
]


class Origin(BaseModel):
    """Where a ticket comes from.

    Attributes:
        source: the source of its event, as `cloudwatch` or `securityhub`.
        key: what identifies the thing among the events of that source.
        name: what it is about.
        account: the AWS account, where the event names one.
        region: the AWS Region, where the event names one.
        labels: labels of the event, among them the source's own identifiers.
    """

    source: str
    key: str
    name: str = ""
    account: str = ""
    region: str = ""
    labels: dict[str, str] = {}


class Comment(BaseModel):
    """A comment or work note of a person.

    Attributes:
        element: `comments` or `work_notes`.
        text: what was written.
        author: the user name of who wrote it.
        at: when, UTC.
    """

    element: Literal["comments", "work_notes"]
    text: str
    author: str
    at: str


class Approval(BaseModel):
    """An approver's answer.

    Attributes:
        approver: the approver's name.
        state: `approved`, `rejected`, `requested` and so on.
        comments: the newest comment on it.
    """

    approver: str
    state: str
    comments: str = ""


class TicketDetail(BaseModel):
    """The detail of an event that comes out.

    Attributes:
        id: names the event: the ticket's sys_id and the sequence.
        sequence: rises from event to event of a ticket.
        owner: whose ticket it is.
        connection: the name of the connection.
        dedup_key: what all events of the ticket share; empty for one that a call has opened.
        kind: `incident`, `change` or `action_item`; empty for a ticket that a call has opened.
        table: ServiceNow's table.
        number: the ticket's number.
        sys_id: its key.
        url: where a person finds it.
        before: the columns that changed, as they were; a long text is cut.
        after: the same columns, as they are.
        who: the user name of who changed it, where `sys_mod_count` shows that it was one writer;
            else empty.
        at: when ServiceNow last updated it, UTC; of an opening, when it was opened.
        updates: how many updates by others there were since the look before.
        is_firing: of `Ticket Resolved`: whether what it was opened for goes on.
        comment: of `Ticket Commented`.
        approvals: where a change's state or approval changed.
        origin: of `Ticket Opened`.
    """

    id: str
    sequence: int
    owner: str
    connection: str
    dedup_key: str
    kind: str
    table: str
    number: str
    sys_id: str
    url: str
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    who: str = ""
    at: str = ""
    updates: int = 0
    is_firing: bool = False
    comment: Comment | None = None
    approvals: list[Approval] = []
    origin: Origin | None = None


class Outgoing:
    """Where events go out.

    Args:
        bus: returns EventBridge, and the name of the stack's bus.
    """

    def __init__(self, bus: "Callable[[], tuple[EventBridgeClient, str]]") -> None:
        self._bus = bus

    def send(
        self,
        detail_type: "DetailType | str",
        detail: "TicketDetail | Mapping[str, Any]",
        *,
        source: str = SOURCE,
    ) -> None:
        """Put an event on the bus.

        Args:
            detail_type: what it says.
            detail: of which it says it.
            source: who says it: the stack of itself, by OWN_SOURCE.

        Raises:
            QueueRefusedError: the bus did not take it.
        """
        text = (
            detail.model_dump_json(exclude_unset=True)
            if isinstance(detail, TicketDetail)
            else json.dumps(detail)
        )
        client, bus = self._bus()
        answer = client.put_events(
            Entries=[
                {"EventBusName": bus, "Source": source, "DetailType": detail_type, "Detail": text}
            ]
        )
        if answer["FailedEntryCount"]:
            raise QueueRefusedError
