"""Write-backs: what a ticket was opened for learns of its ticket, where the stack's owner wants it.

A further target is one file with `status_of` and `write`, and one entry here. A status is written
once; what its source then says of it opens nothing, and makes no note.
"""

from typing import TYPE_CHECKING, Protocol

from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from actionsync.events.writebacks import opsitems, securityhub
from actionsync.telemetry import logger, metrics

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from actionsync.events.writebacks.clients import Clients
    from actionsync.stores.tickets import Row, TicketStore


class Target(Protocol):
    """Where a write-back goes."""

    def status_of(self, row: "Row") -> str:
        """Return the status that a ticket's source is to have; empty for what is none of it."""
        ...

    def write(self, clients: "Clients", row: "Row", status: str) -> None:
        """Write a status, with the ticket's number."""
        ...


TARGETS: "Mapping[str, Target]" = {"securityhub": securityhub, "ssm": opsitems}


class WriteBacks:
    """What tells sources of their tickets.

    Args:
        rows: the rows of tickets.
        clients: AWS's clients by Region.
        wanted: the sources that the stack's owner wants it for.
        account: the stack's account: others' findings are theirs to change.
    """

    def __init__(
        self, rows: "TicketStore", clients: "Clients", *, wanted: "Collection[str]", account: str
    ) -> None:
        self._rows = rows
        self._clients = clients
        self._wanted = wanted
        self._account = account

    def settle(self, row: "Row") -> "Row":
        """Write a ticket's status back, unless it was; a failure is left to the next look."""
        source = str(row.origin.get("source") or "")
        if source not in self._wanted or row.origin.get("account") not in {"", self._account}:
            return row
        target = TARGETS[source]
        status = target.status_of(row)
        if not status or status == row.written_back:
            return row
        try:
            target.write(self._clients, row, status)
        except (BotoCoreError, ClientError):
            logger.warning("not written back", source=source, number=row.number, exc_info=True)
            metrics.add_metric(name="WriteBacksFailed", unit=MetricUnit.Count, value=1)
            return row
        metrics.add_metric(name="WriteBacks", unit=MetricUnit.Count, value=1)
        logger.info("written back", source=source, number=row.number, status=status)
        return self._rows.save(row, written_back=status) or row
