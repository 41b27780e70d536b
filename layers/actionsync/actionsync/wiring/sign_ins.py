"""Sign-ins to ServiceNow, each recorded in its owner's activity."""

from typing import TYPE_CHECKING, Any

from actionsync.connections.check import check_pending, signs_in
from actionsync.connections.service import find_connection, promote_pending
from actionsync.connections.sign_in import SignIns
from actionsync.errors import PendingRefusedError
from actionsync.runtime import run
from actionsync.wiring import stores
from actionsync.wiring.callers import limit_sign_ins
from actionsync.wiring.notices import announce_ending
from actionsync.wiring.servicenow import client_cache

if TYPE_CHECKING:
    from actionsync.connections.sign_in import FinishedSignIn
    from actionsync.stores.connections import Connection
    from actionsync.wiring.callers import Acting


def begin(caller: "Acting", name: str, host: str, team: str) -> dict[str, Any]:
    """Return where a person signs in (`connections.sign_in.SignIns.begin`)."""
    place = f"{team}/{name}" if team else name
    page = f"https://{host}/sign-in"
    return _sign_ins().begin(caller.user_id, caller.owner, name, page, place)


def finish(caller: "Acting", name: str, finished: "FinishedSignIn") -> "Connection":
    """Complete a sign-in for a connection (`connections.sign_in.SignIns.finish`)."""
    limit_sign_ins(caller.user_id)
    with caller.recorded("signed_in") as record:
        connection = run(_sign_ins().finish(caller.user_id, caller.owner, name, finished))
        record["after"] = {**connection.audited(), "signed_in_as": connection.signed_in_as}
    announce_ending(caller.owner, connection)
    return connection


def promote(caller: "Acting", name: str) -> "Connection":
    """Use a connection's pending version, once it signs in.

    Raises:
        PendingRefusedError: it does not.
    """
    limit_sign_ins(caller.user_id)
    connections, secrets = stores.connection_store(), stores.secret_store()
    with caller.recorded("pending_promoted") as record:
        old = find_connection(connections, caller.owner, name)
        report = run(check_pending(client_cache(), caller.owner, old))
        if not signs_in(report):
            raise PendingRefusedError(report.message)
        connection = promote_pending(connections, secrets, caller.owner, old)
        record["after"] = connection.audited()
    announce_ending(caller.owner, connection)
    return connection


def _sign_ins() -> SignIns:
    return SignIns(
        stores.connection_store(), stores.secret_store(), client_cache(), stores.sign_in_store()
    )
