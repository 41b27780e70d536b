"""PUT /api/servicenow/config: change the calling user's ServiceNow connection."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response

from actionsync.connections.models import ConnectionChange
from actionsync.connections.service import change_connection
from actionsync.http.api import ExpectedVersion, UserId, api, entrypoint, json_body, ok
from actionsync.http.config import Connections, Secrets, view

app = api()


@app.put("/api/servicenow/config")
def update_config(
    user_id: UserId,
    change: Annotated[ConnectionChange, json_body(ConnectionChange)],
    expected_version: ExpectedVersion,
    connections: Connections,
    secrets: Secrets,
) -> Response[str]:
    """Answer 200 with the changed connection, 404, or 412 where If-Match names an older one."""
    connection = change_connection(connections, secrets, user_id, change, expected_version)
    return ok(view(connection), version=connection.version)


lambda_handler = entrypoint(app)
