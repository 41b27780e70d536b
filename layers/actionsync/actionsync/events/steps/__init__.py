"""The steps that bring a ticket to where its events say, each with what follows a refusal."""

from typing import TYPE_CHECKING, Any

from actionsync.events import drafts
from actionsync.events.steps.changes import ChangeWork
from actionsync.events.steps.rows import RowWork
from actionsync.events.steps.tickets import TicketWork
from actionsync.events.steps.work import Work, table_of

if TYPE_CHECKING:
    from actionsync.events.folding import Group
    from actionsync.rules.models import AnyRule
    from actionsync.stores.correlations import Correlation


def work_of(*, rule: "AnyRule", correlation: "Correlation", group: "Group", **others: Any) -> Work:
    """Return a step's work: on a ticket, or by rows where the target shows no ticket."""
    table = correlation.table or table_of(group.event.kind, rule)
    kind: type[Work] = ChangeWork if table == "change_request" else TicketWork
    if drafts.is_row(table):
        kind = RowWork
    return kind(rule=rule, correlation=correlation, group=group, **others)
