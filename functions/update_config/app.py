"""PUT /api/servicenow/config: change the calling user's ServiceNow connection."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.audit.trail import settings_change
from actionsync.connections.models import ConnectionChange
from actionsync.connections.service import change_connection
from actionsync.http.api import ExpectedVersion, entrypoint, http_api, json_body, ok
from actionsync.wiring import stores
from actionsync.wiring.callers import RateLimitedUserId, limit_sign_ins

app = http_api()


@app.put("/api/servicenow/config")
def update_config(
    owner: RateLimitedUserId,
    change: Annotated[ConnectionChange, json_body(ConnectionChange)],
    expected_version: ExpectedVersion,
) -> Response[str]:
    """Answer 200 with the changed connection, 404, or 412 where If-Match names an older one."""
    limit_sign_ins(owner)
    planned = settings_change("connection_changed", change.model_fields_set)
    with stores.activity_store().around(owner, planned) as record:
        connection = change_connection(
            stores.connection_store(), stores.secret_store(), owner, change, expected_version
        )
        record["after"] = connection.audited()
    return ok(connection.document(), version=connection.version)


lambda_handler = entrypoint(app)
