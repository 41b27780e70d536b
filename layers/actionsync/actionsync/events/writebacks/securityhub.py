"""Security Hub: a finding's workflow status follows its ticket.

NOTIFIED says that somebody knows: its events open nothing and are no news. A finding whose ticket
ends is RESOLVED, or SUPPRESSED where the ticket's close code says that nothing was to be done.
Workflow statuses: AWS Security Hub API reference, BatchUpdateFindings.
"""

from typing import TYPE_CHECKING

from servicenow_tools.states import FINAL_STATES, IncidentState, SecurityIncidentState

if TYPE_CHECKING:
    from actionsync.events.writebacks.clients import Clients
    from actionsync.stores.tickets import Row

# Close codes, in lower case, of tickets whose finding was none, or stays as it is.
SUPPRESSED = frozenset(
    {"duplicate", "false positive", "invalid vulnerability", "known error",
     "no resolution provided", "not solved (not reproducible)", "not solved (too costly)",
     "risk accepted", "user error"}
)  # fmt: skip
_CANCELED = {
    "incident": IncidentState.CANCELED,
    "sn_si_incident": SecurityIncidentState.CANCELED,
}


def status_of(row: "Row") -> str:
    """Return the workflow status that a ticket's finding is to have."""
    state = row.columns.get("state", "")
    if state not in FINAL_STATES.get(row.table, ()):
        return "NOTIFIED"
    is_none = row.columns.get("close_code", "").lower() in SUPPRESSED
    return "SUPPRESSED" if is_none or state == _CANCELED.get(row.table) else "RESOLVED"


def write(clients: "Clients", row: "Row", status: str) -> None:
    """Set a finding's workflow status, with a note that names the ticket."""
    product, _, finding = str(row.origin["key"]).partition("\n")
    clients.security_hub(str(row.origin.get("region") or "")).batch_update_findings(
        FindingIdentifiers=[{"Id": finding, "ProductArn": product}],
        Workflow={"Status": status},
        Note={"Text": f"ServiceNow {row.number}: {row.url}"[:512], "UpdatedBy": "ActionSync"},
    )
