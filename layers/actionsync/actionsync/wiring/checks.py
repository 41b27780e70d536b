"""Tests of connections: what a person asks for, and the scheduled one of AutomationUserId's."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from actionsync.connections.check import (
    check_pending,
    check_stored_connection,
    check_typed_connection,
)
from actionsync.connections.service import find_connection
from actionsync.errors import ActionSyncError, FieldError, InvalidInputError
from actionsync.runtime import run
from actionsync.settings import event_settings
from actionsync.stores.connections import DEFAULT
from actionsync.stores.timers import looks_of
from actionsync.telemetry import logger, metrics
from actionsync.wiring.callers import limit_sign_ins
from actionsync.wiring.owners import owner_of
from actionsync.wiring.servicenow import client_cache
from actionsync.wiring.stores import connection_store, ticket_store, timer_store

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from actionsync.connections.models import ConnectionToTest, HowToTest
    from actionsync.wiring.callers import Acting


def check(
    caller: "Acting", how: "HowToTest", typed: "ConnectionToTest | None", name: str = DEFAULT
) -> dict[str, Any]:
    """Test a stored connection, its pending version, or a typed one, and return the report."""
    limit_sign_ins(caller.user_id, None if typed is None else typed.identity)
    clients, owner = client_cache(), caller.owner
    if how.version == "pending":
        if typed is not None:
            raise InvalidInputError(FieldError("version", "is stored: send no body"))
        stored = find_connection(connection_store(), owner, name)
        return asdict(run(check_pending(clients, owner, stored)))
    if typed is None:
        tested = run(check_stored_connection(clients, owner, name))
        if tested.success:
            # Tickets that could not be read may be there again.
            connection = clients.target(owner, connection=name).connection_id
            if how.missing == "discard":
                ticket_store().discard_missing(connection)
            timer_store().make_due(looks_of(connection))
        return asdict(tested)
    with caller.recorded("connection_tested", typed.model_fields_set) as record:
        record["after"] = typed.audited()
        report = run(check_typed_connection(clients, owner, typed, name))
        record["after"] |= {"success": str(report.success).lower()}
    return asdict(report)


@metrics.log_metrics
@logger.inject_lambda_context
def run_check(_: dict[str, Any], __: "LambdaContext") -> None:
    """Test the connection, and count 1 where it works, else 0."""
    owner = owner_of()(event_settings().automation_user_id)
    try:
        report = run(check_stored_connection(client_cache(), owner))
    except ActionSyncError as error:
        works, said = False, str(error)
    else:
        works, said = report.success, report.message
    metrics.add_metric(name="ConnectionWorks", unit=MetricUnit.Count, value=int(works))
    (logger.info if works else logger.error)("connection tested", works=works, said=said)
