"""What a look at a ticket finds: a pure comparison of its row with its record.

Whose a change is follows from values alone: every column that differs is news, unless it has the
value that we are about to write. Neither the last writer nor an equal `sys_mod_count` makes it
ours, since a person may have written between two looks before we did.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionsync.stores.tickets import known_as
from actionsync.tickets.types import TYPES
from servicenow_tools.states import FINAL_STATES, ChangeState, IncidentState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionsync.events.outgoing import DetailType
    from actionsync.stores.tickets import Row
    from servicenow_tools import Record

# What every look reads beside a table's own columns.
ALWAYS = ("sys_id", "number", "sys_mod_count", "sys_updated_on", "sys_updated_by")
_ASSIGNED = frozenset({"assigned_to", "assignment_group"})
# They follow from the state, whoever has set it: alone they are no news.
_FOLLOWING = frozenset({"active", "closed_at", "resolved_at"})
_BEFORE_APPROVAL = frozenset({ChangeState.NEW, ChangeState.ASSESS, ChangeState.AUTHORIZE})
_APPROVED = frozenset({ChangeState.SCHEDULED, ChangeState.IMPLEMENT})
# So long after its opening an instance assigns a ticket by its own rules.
_SETTLING_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs.

    Attributes:
        columns: the columns as they are now known.
        before: those that others changed, as they were.
        after: the same, as they are.
        count: the record's `sys_mod_count`.
        updates: how many updates by others there were since the last look.
        who: the one writer that `sys_mod_count` explains, or empty.
        pending: what we are about to write and is not seen yet.
    """

    columns: dict[str, str]
    before: dict[str, str]
    after: dict[str, str]
    count: int
    updates: int
    who: str
    pending: dict[str, dict[str, str]]


def columns_of(table: str) -> tuple[str, ...]:
    """Return the columns of a table whose changes count; none of a table that is not ours."""
    return TYPES[table].reported if table in TYPES else ()


def known_columns(table: str, record: "Mapping[str, object]") -> dict[str, str]:
    """Return a record's columns as a row has them, but for those that are hidden."""
    return {name: known_as(record[name]) for name in columns_of(table) if name in record}


def compare(row: "Row", record: "Record") -> Comparison | None:
    """Compare a row with its record; None where the record is older than what is known.

    A lower `sys_mod_count` is, unless the look before has met the same: the instance was restored.
    """
    count = record.mod_count
    if count < row.mod_count and count != row.older_count:
        return None
    columns = known_columns(row.table, record)
    pending = row.values_pending
    after = {
        name: value
        for name, value in columns.items()
        if name in row.columns and value != row.columns[name] and value not in pending.get(name, ())
    }
    updates = max(0, count - row.looked_count - row.own_writes)
    writer = str(record.get("sys_updated_by") or "")
    is_explained = updates == 1 and (not row.own_writes or writer != row.own_user)
    return Comparison(
        columns={**row.columns, **columns},
        before={name: row.columns[name] for name in after},
        after=after,
        count=count,
        updates=updates,
        who=writer if is_explained else "",
        pending={
            write: values for write, values in row.pending.items() if _is_unseen(values, columns)
        },
    )


def kinds_of(table: str, found: Comparison) -> "list[tuple[DetailType, frozenset[str]]]":
    """Return the events that a change of columns makes, with the columns of each."""
    changed = frozenset(found.after)
    assigned, others = changed & _ASSIGNED, changed - _ASSIGNED
    kinds: list[tuple[DetailType, frozenset[str]]] = []
    if assigned:
        kinds.append(("Ticket Assigned", assigned))
    if others - _FOLLOWING:
        kinds.append((_kind_of(table, found), others))
    return kinds


def is_final(table: str, columns: "Mapping[str, str]") -> bool:
    """Return whether nothing is left to do on a ticket: it is resolved, closed or canceled."""
    return columns.get("state", "") in FINAL_STATES.get(table, ())


def is_taken_over(row: "Row", found: Comparison, now: int) -> bool:
    """Return whether a person has taken a ticket over.

    It is on hold, or somebody else's; a group alone says nothing. Changes by the instance or
    by ActionSync do not count, nor does an assignment in the first minutes whose author is unknown.
    """
    if row.is_taken_over:
        return True
    is_assigned = bool(found.after.get("assigned_to"))
    is_held = bool(found.after) and _is_on_hold(row.table, found.columns)
    if not is_assigned and not (is_held and not _is_on_hold(row.table, row.columns)):
        return False
    if found.who:
        return found.who not in {row.own_user, "system"}
    return now - row.opened_at >= _SETTLING_SECONDS


def _kind_of(table: str, found: Comparison) -> "DetailType":
    state, old = found.after.get("state"), found.before.get("state", "")
    if table == "change_request":
        is_back = state == ChangeState.NEW
        if found.after.get("approval") == "rejected" or is_back:
            return "Change Rejected"
        if state in _APPROVED and old in _BEFORE_APPROVAL:
            return "Change Approved"
    if state is None:
        return "Ticket Updated"
    was_final, is_now = (value in FINAL_STATES.get(table, ()) for value in (old, state))
    if was_final == is_now:
        return "Ticket Updated"
    return "Ticket Resolved" if is_now else "Ticket Reopened"


def _is_on_hold(table: str, columns: "Mapping[str, str]") -> bool:
    if table == "incident":
        return columns.get("state") == IncidentState.ON_HOLD
    return columns.get("on_hold") == "true"


def _is_unseen(values: "Mapping[str, str]", columns: "Mapping[str, str]") -> bool:
    return any(name in columns and columns[name] != value for name, value in values.items())
