"""OpsItems: the status follows the ticket, whose number is in the operational data.

Statuses: AWS Systems Manager API reference, UpdateOpsItem.
"""

from typing import TYPE_CHECKING

from servicenow_tools.states import FINAL_STATES, IncidentState

if TYPE_CHECKING:
    from actionsync.events.writebacks.clients import Clients
    from actionsync.stores.tickets import Row

_NUMBER = "/actionsync/ticket"
_ACCOUNT_REGION_AND_ID = 3


def status_of(row: "Row") -> str:
    """Return the status that a ticket's OpsItem is to have; empty for what is no OpsItem."""
    if not _id_of(row):
        return ""
    state = row.columns.get("state", "")
    if state in FINAL_STATES.get(row.table, ()):
        return "Resolved"
    return "Open" if state == IncidentState.NEW else "InProgress"


def write(clients: "Clients", row: "Row", status: str) -> None:
    """Set an OpsItem's status, and say which ticket it has."""
    clients.systems_manager(str(row.origin.get("region") or "")).update_ops_item(
        OpsItemId=_id_of(row),
        Status=status,
        OperationalData={_NUMBER: {"Value": f"{row.number} {row.url}", "Type": "SearchableString"}},
    )


def _id_of(row: "Row") -> str:
    """Return the id of the OpsItem: of what Systems Manager reports, OpsItems alone have one."""
    *_, item = parts = str(row.origin.get("key") or "").split("\n")
    return item if len(parts) == _ACCOUNT_REGION_AND_ID and item.startswith("oi-") else ""
